// What the page makes of the servers that it is told for a call, or is not told.

import { expect, serve, test as base } from './people.js';
import { callers, connections, expectMoving, expectStep, isSignal, reveal, revealBoth, stage, wiretap } from './callers.js';

/** Nobody answers there. */
const NOWHERE = { 'ice-servers': 'stun:127.0.0.1:9,turn:127.0.0.1:9', 'turn-secret': 'north-wind-and-the-sun', 'turn-ttl-s': 60 };

const test = base.extend({
  relayed: [async ({}, use) => {
    const server = await serve({ ...NOWHERE, 'video-relay-only': true });
    await use(server.url);
    await server.stop();
  }, { scope: 'worker' }],
  direct: [async ({}, use) => {
    const server = await serve(NOWHERE);
    await use(server.url);
    await server.stop();
  }, { scope: 'worker' }],
});

test.describe.configure({ timeout: 120_000 });

const cause = (page) => stage(page).getByRole('alert');
const config = (page) => page.evaluate(() => window.connections.at(-1)?.getConfiguration());
const username = async (page) => (await config(page)).iceServers.at(-1).username;
const FAILURE = /Failed to load resource/;

/** Counts how often a page asks for the servers; `answers` deals with each request, in order, until there are no more. */
async function asking(page, answers) {
  const asked = { count: 0, keys: [], queries: [] };
  await page.route(/\/api\/ice/, async (route) => {
    asked.keys.push(route.request().headers().authorization);
    asked.queries.push(new URL(route.request().url()).search);
    await (answers[asked.count++] ?? ((other) => other.continue()))(route);
  });
  return asked;
}

const refused = (route) => route.fulfill({ status: 503, body: '' });
/** The server has answered, and that was lost on the way. */
const lost = async (route) => {
  await route.fetch();
  await route.abort();
};

test('Servers of a call: where there must be a relay and none is told, there is no connection at all', async ({ person, relayed }) => {
  let asked;
  let tap;
  const before = async (page) => {
    await page.clock.install();
    tap = await wiretap(page);
    asked = await asking(page, [refused, refused, refused]);
  };
  const [one, two] = await callers(person, { url: relayed, before, tolerates: FAILURE }, { url: relayed });
  for (const page of [one, two]) await expectStep(page, 'consent');
  await reveal(two);
  await reveal(one);
  await expect(cause(one)).toHaveText('The server did not say through which relay calls go here, so nothing was sent.', { timeout: 15_000 });
  expect(asked.count).toBe(3);
  expect(await connections(one)).toEqual({ newest: undefined, open: 0 });
  expect(tap.sent.filter(isSignal)).toEqual([]);
  // It can be tried again, by then with an answer; this relay is nowhere, and that is another cause.
  await stage(one).getByRole('button', { name: 'Try again' }).click();
  await expect.poll(() => config(one)).toMatchObject({ iceTransportPolicy: 'relay' });
  expect(asked.count).toBe(4);
  // No log of a proxy has the key.
  expect(new Set(asked.queries)).toEqual(new Set(['']));
  expect(asked.keys[0]).toMatch(/^Bearer [0-9a-f]{40}$/);
  // What the other one had offered meanwhile is answered.
  await expect.poll(() => tap.sent.some(({ type }) => type === 'answer')).toBe(true);
  await one.clock.fastForward(15_000);
  await expect(cause(one)).toHaveText('The relay that this server uses cannot be reached from your network.');
  expect(tap.sent.filter(({ type, candidate }) => type === 'iceCandidate' && candidate?.candidate)).toEqual([]);
});

test('Servers of a call: the lobby says who learns whose address', async ({ person, relayed, direct }) => {
  for (const [url, words] of [[relayed, 'Neither of you learns the other’s internet address.'], [direct, 'may learn each other’s internet address once both have pressed Reveal.']]) {
    const page = await person({ url });
    await page.getByRole('button', { name: 'Video', exact: true }).click();
    await expect(page.locator('#lobby')).toContainText(words);
    await page.close();
  }
});

test('Servers of a call: an answer that is lost is asked for again, with another key', async ({ person, direct }) => {
  let asked;
  const before = async (page) => {
    asked = await asking(page, [lost]);
  };
  const [one, two] = await callers(person, { url: direct, before, tolerates: FAILURE }, { url: direct });
  await revealBoth(one, two);
  // The key was used, although nothing came of it.
  expect(asked.keys).toHaveLength(3);
  expect(asked.keys[1]).toBe(asked.keys[0]);
  expect(asked.keys[2]).not.toBe(asked.keys[0]);
  expect(await username(one)).toMatch(/^\d+:[0-9a-f]{32}$/);
});

test('Servers of a call: where people may meet directly they do so without an answer, and credentials are renewed in time', async ({ person, direct }) => {
  const mute = async (page) => void (await asking(page, [refused, refused, refused]));
  const [one, two] = await callers(person, { url: direct, before: mute, tolerates: FAILURE }, { url: direct, before: (page) => page.clock.install() });
  await revealBoth(one, two);
  await expectMoving(two);
  expect((await config(one)).iceServers).toEqual([]);
  const first = await username(two);
  await two.clock.fastForward(49_000);
  await expect.poll(() => username(two)).not.toBe(first);
  expect(await two.evaluate(() => window.connections.length)).toBe(1);
  await expectMoving(one);
});

test('Servers of a call: each cause has its name', async ({ person }) => {
  const page = await person();
  await page.getByRole('button', { name: 'Video', exact: true }).click();
  await expect(page.locator('#lobby')).toBeVisible();
  const named = (facts, others = {}, isOnLine = true) => page.evaluate(async ([facts, { ice, ...others }, isOnLine]) => {
    const { name: module } = performance.getEntriesByType('resource').find((entry) => entry.name.endsWith('/video/causes.js'));
    const { causeOf } = await import(module);
    Object.defineProperty(navigator, 'onLine', { configurable: true, value: isOnLine });
    const { name, words } = causeOf(facts, { wasConnected: false, relayOnly: false, ice: { isKnown: true, hasRelay: true, ...ice }, ...others });
    return `${name}: ${words}`;
  }, [facts, others, isOnLine]);
  const met = { hasHeard: true, candidatesHeard: 1, candidatesFound: 1, hasRoute: false, isRelayOnly: false };
  expect(await named(met, {}, false)).toContain('offline: You are offline');
  expect(await named(null, { relayOnly: true, ice: { isKnown: false } })).toContain('servers: ');
  expect(await named(met, { wasConnected: true })).toContain('lost: ');
  expect(await named({ ...met, isStuck: true })).toContain('stuck: Your browser could not');
  expect(await named({ hasHeard: true, isForeign: true })).toContain('foreign: Your browser does not understand');
  expect(await named(null)).toContain('silent: ');
  expect(await named({ ...met, isRelayOnly: true, candidatesFound: 0 })).toContain('relay: ');
  expect(await named({ ...met, candidatesHeard: 0 })).toContain('hidden: ');
  expect(await named({ ...met, hasRoute: true })).toContain('unagreed: ');
  expect(await named(met)).toMatch(/^blocked: .*blocks it\.$/);
  expect(await named(met, { ice: { hasRelay: false } })).toMatch(/^blocked: .*This server has no relay/);
  expect(await named(met, { ice: { isKnown: false } })).toMatch(/^blocked: .*did not answer when asked/);
});
