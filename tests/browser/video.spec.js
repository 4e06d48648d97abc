import { bubbles, expect, expectPhase, say, test } from './people.js';
import { callers, expectMoving, revealBoth, stage } from './callers.js';

test.describe.configure({ timeout: 60_000 });

test('Video: two people see each other move, and write to each other', async ({ person }) => {
  const [one, two] = await callers(person);
  await revealBoth(one, two);
  await Promise.all([expectMoving(one), expectMoving(two)]);
  await say(one, 'I like your hat');
  await expect(bubbles(two)).toHaveText(['I like your hat']);
  const remote = stage(one).locator('#remote');
  expect(await remote.evaluate((video) => [video.autoplay, video.hasAttribute('playsinline'), video.muted, video.paused])).toEqual([true, true, false, false]);
});
