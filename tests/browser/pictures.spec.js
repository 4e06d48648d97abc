// Pictures of each screen at several sizes, to be looked at; not part of the tests. `npm run pictures` takes them into
// test-artifacts/pictures, and the one of the README into docs.

import { mkdir, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CAMERA, call, expectStep, revealBoth, start, stop } from './callers.js';
import { bubbles, expect, expectPhase, input, say, seek, test } from './people.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const SIZES = [[1280, 800, false], [390, 844, true], [320, 568, true]];
const TALK = [
  ['one', 'Hi! Where in the world are you?'],
  ['two', 'Hello! I hoped you would ask.'],
  ['two', 'Lisbon, on a balcony, with the first coffee of the day. You?'],
  ['one', 'Kyoto. It is evening here, and raining. What do you listen to in the mornings?'],
  ['two', 'Mostly old bossa nova. This one, if you have three minutes: https://example.org/joao'],
  ['one', 'I am putting it on right now.'],
];

for (const colorScheme of ['light', 'dark']) {
  for (const [width, height, isMobile] of SIZES) {
    test(`Pictures: ${width}x${height}, ${colorScheme}`, async ({ person }) => {
      test.setTimeout(40_000);
      await mkdir(`${root}test-artifacts/pictures`, { recursive: true });
      const options = { viewport: { width, height }, colorScheme, isMobile, hasTouch: isMobile };
      const people = { one: await person(options), two: await person() };
      const { one, two } = people;
      const take = (name) => one.screenshot({ path: `${root}test-artifacts/pictures/${width}-${colorScheme}-${name}.png` });
      await one.getByLabel('What would you like to talk about?').fill('music,old films,cooking,');
      await take('1-start');
      await seek(one);
      await expectPhase(one, 'searching');
      await take('2-searching');
      await two.getByLabel('What would you like to talk about?').fill('Music,');
      await seek(two);
      await expectPhase(one, 'chatting');
      for (const [who, text] of TALK) {
        const other = who === 'one' ? two : one;
        const before = await bubbles(other).count();
        await input(people[who]).fill(text);
        await people[who].getByRole('button', { name: 'Send' }).click();
        await expect(bubbles(other)).toHaveCount(before + 1);
      }
      await expect(one.locator('.state').last()).toHaveText('Sent');
      await one.locator('#log').evaluate((log) => Promise.all(document.getAnimations({ subtree: true }).filter((each) => each instanceof CSSTransition).map((each) => each.finished)));
      await take('3-chat');
      if (width === 1280 && colorScheme === 'light') {
        const path = `${root}docs/chat.png`;
        await one.screenshot({ path });
        expect((await stat(path)).size).toBeLessThan(150_000);
      }
      await one.getByRole('button', { name: 'Emoji' }).click();
      await take('4-emoji');
      await one.keyboard.press('Escape');
      await two.getByRole('button', { name: 'Stop' }).click();
      await two.getByRole('button', { name: 'Really?' }).click();
      await expectPhase(one, 'ended');
      await take('5-ended');
      await one.getByRole('button', { name: 'Settings' }).click();
      await take('6-settings');
    });
  }
}

for (const colorScheme of ['light', 'dark']) {
  for (const [width, height, isMobile] of [...SIZES, [740, 360, true]]) {
    test(`Pictures: video, ${width}x${height}, ${colorScheme}`, async ({ person }) => {
      test.setTimeout(60_000);
      await mkdir(`${root}test-artifacts/pictures`, { recursive: true });
      const options = { ...CAMERA, viewport: { width, height }, colorScheme, isMobile, hasTouch: isMobile };
      const [one, two] = [await person(options), await person(CAMERA)];
      const take = (name) => one.screenshot({ path: `${root}test-artifacts/pictures/${width}-${colorScheme}-video-${name}.png` });
      await one.getByRole('button', { name: 'Video', exact: true }).click();
      await expect(one.locator('#lobby')).toBeVisible();
      await take('1-lobby');
      await one.getByRole('button', { name: 'Turn on camera and microphone' }).click();
      await expect(start(one)).toBeVisible();
      await expect.poll(() => one.locator('.preview video').evaluate((video) => video.videoWidth)).toBeGreaterThan(0);
      await take('2-open');
      await start(one).click();
      await expectPhase(one, 'searching');
      await take('3-searching');
      await call(two);
      await expectStep(one, 'consent');
      await take('4-consent');
      await revealBoth(one, two);
      await expect.poll(() => one.locator('#remote').evaluate((video) => video.videoWidth)).toBeGreaterThan(2);
      for (const [who, text] of TALK) {
        const page = who === 'one' ? one : two;
        const before = await bubbles(one, who === 'one' ? 'you' : 'stranger').count();
        await input(page).fill(text);
        await page.getByRole('button', { name: 'Send' }).click();
        await expect(bubbles(one, who === 'one' ? 'you' : 'stranger')).toHaveCount(before + 1);
      }
      await two.getByRole('button', { name: 'Mute', exact: true }).click();
      await expect(one.getByText('Muted')).toBeVisible();
      await take('5-call');
      await one.getByRole('button', { name: 'Camera and microphone' }).click();
      await take('6-devices');
      await one.keyboard.press('Escape');
      await two.getByRole('button', { name: 'Turn camera off' }).click();
      await expect(one.locator('#stage-words')).toHaveText('Camera off');
      await take('7-camera-off');
      await one.evaluate(() => (location.hash = '#/rooms'));
      await expect(one.locator('#reminder')).toBeVisible();
      await take('8-elsewhere');
      await one.getByRole('button', { name: 'Return' }).click();
      await stop(two);
      await expectPhase(one, 'ended');
      await take('9-ended');
    });
  }
}
