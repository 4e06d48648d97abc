// The page's calls through a real TURN server, with the credentials that the server issues.

import { bubbles, expect, say, serve, test as base } from './people.js';
import { callers, expectMoving, revealBoth, stage, wiretap } from './callers.js';
import { startTurn } from './turn.js';

const test = base.extend({
  relayed: [async ({}, use) => {
    const turn = await startTurn();
    const server = await serve({ 'ice-servers': turn.urls, 'turn-secret': turn.secret, 'video-relay-only': true });
    await use({ url: server.url, turn });
    await server.stop();
    await turn.stop();
  }, { scope: 'worker' }],
});

test.describe.configure({ timeout: 120_000 });

/** The kinds of the two ends of the way that is used. */
const way = (page) => page.evaluate(async () => {
  const report = await window.connections.at(-1).getStats();
  const all = [...report.values()];
  const { selectedCandidatePairId } = all.find(({ type }) => type === 'transport');
  const { localCandidateId, remoteCandidateId } = report.get(selectedCandidatePairId);
  return [report.get(localCandidateId).candidateType, report.get(remoteCandidateId).candidateType];
});

test('Relay: a call of the page goes through the relay, and no other address passes', async ({ person, relayed }) => {
  const taps = [];
  const tapping = { url: relayed.url, before: async (page) => taps.push(await wiretap(page)) };
  const [one, two] = await callers(person, tapping, tapping);
  await revealBoth(one, two);
  for (const page of [one, two]) {
    await expectMoving(page);
    expect(await way(page)).toEqual(['relay', 'relay']);
  }
  for (const { heard } of taps) {
    const signals = JSON.stringify(heard.filter(({ type }) => /^(offer|answer|iceCandidate)$/.test(type)));
    expect([...new Set(signals.match(/typ \w+/g))]).toEqual(['typ relay']);
    expect(heard.filter(({ type }) => type === 'error')).toEqual([]);
  }
});

test('Relay: the wish to go on in text passes, too', async ({ person, relayed }) => {
  // No answer arrives, so that there is no connection to say it by.
  const deaf = async (page) => ((await wiretap(page)).drops = ({ type }) => type === 'answer');
  const [one, two] = await callers(person, { url: relayed.url, before: (page) => page.clock.install() }, { url: relayed.url, before: deaf });
  await one.clock.fastForward(15_000);
  await stage(one).getByRole('button', { name: 'Continue in text' }).click();
  for (const page of [one, two]) {
    await expect(stage(page)).toBeHidden();
    await expect(page.locator('#log')).toContainText('in text');
  }
  await say(one, 'so be it');
  await expect(bubbles(two)).toHaveText(['so be it']);
});
