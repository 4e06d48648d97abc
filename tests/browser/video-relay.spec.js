// The page's calls through a real TURN server, with the credentials that the server issues.

import { expect, serve, test as base } from './people.js';
import { callers, expectMoving, revealBoth, wiretap } from './callers.js';
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
