import { bubbles, expect, expectPhase, say, stopClock, test } from './people.js';
import { callers, connections, expectMoving, expectStep, isSignal, live, lose, reveal, revealBoth, stage, wiretap } from './callers.js';

test.describe.configure({ timeout: 120_000 });

const words = (page) => stage(page).locator('#stage-words');
const cause = (page) => stage(page).getByRole('alert');
const press = (page, name) => stage(page).getByRole('button', { name, exact: true }).click();
const isOffer = ({ type }) => type === 'offer';
const offers = (tap) => tap.sent.filter(isOffer);
/** The name of the way that an offer looks for; another one after a restart. */
const fragment = ({ sdp }) => /a=ice-ufrag:(\S+)/.exec(sdp.sdp)[1];

/** Two callers whose lines are tapped, `[polite, other]`; with a `clock` of their own that stands until it is told to go on. */
async function tapped(person, { clock = false, prepare = () => {}, tolerates } = {}) {
  const taps = [];
  const before = (index) => async (page) => {
    if (clock) await page.clock.install();
    taps[index] = await wiretap(page);
    prepare(taps[index], index);
  };
  const pages = await callers(person, { before: before(0), tolerates }, { before: before(1), tolerates });
  return { pages, taps };
}

/** Both reveal; what comes of it is for the test to see. */
async function agree(pages) {
  for (const page of pages) await expectStep(page, 'consent');
  for (const page of pages) await reveal(page);
}

test('Connection of a call: candidates that come before the offer wait for it', async ({ person }) => {
  const { pages: [one, two], taps: [tap] } = await tapped(person, {
    prepare: (tap, index) => {
      if (index === 0) tap.holds = isOffer;
    },
  });
  await agree([one, two]);
  await expect.poll(() => tap.heard.filter(({ type }) => type === 'iceCandidate').length).toBeGreaterThan(0);
  expect(tap.held).toHaveLength(1);
  await expectStep(one, 'connecting');
  tap.release();
  await Promise.all([expectMoving(one), expectMoving(two)]);
});

test('Connection of a call: both look for another way at once, and both offers cross', async ({ person }) => {
  const { pages, taps } = await tapped(person);
  await revealBoth(...pages);
  for (const tap of taps) {
    tap.holds = isOffer;
    tap.sent.length = 0;
  }
  for (const page of pages) await page.evaluate(() => dispatchEvent(new Event('online')));
  for (const tap of taps) await expect.poll(() => tap.held.length).toBe(1);
  const wanted = taps.map((tap) => fragment(offers(tap)[0]));
  for (const tap of taps) tap.release();
  const settled = (page) => page.evaluate(() => {
    const [connection] = window.connections;
    const { signalingState, connectionState, localDescription } = connection;
    return { signalingState, connectionState, fragment: /a=ice-ufrag:(\S+)/.exec(localDescription.sdp)[1] };
  });
  // The impolite one's offer is the one that counts.
  await expect.poll(() => settled(pages[1])).toEqual({ signalingState: 'stable', connectionState: 'connected', fragment: wanted[1] });
  await expect.poll(() => settled(pages[0])).toMatchObject({ signalingState: 'stable', connectionState: 'connected' });
  await Promise.all(pages.map(expectMoving));
  for (const page of pages) expect(await page.evaluate(() => window.connections.length)).toBe(1);
});

test('Connection of a call: both begin anew at once, and both first offers cross', async ({ person }) => {
  const { pages, taps } = await tapped(person, { clock: true, prepare: (tap) => (tap.drops = isSignal) });
  await agree(pages);
  for (const page of pages) {
    await expectStep(page, 'connecting');
    await page.clock.fastForward(15_000);
    await expectStep(page, 'failed');
  }
  for (const tap of taps) {
    tap.drops = () => false;
    tap.holds = isSignal;
  }
  for (const page of pages) await press(page, 'Try again');
  for (const tap of taps) await expect.poll(() => tap.held.filter(isOffer).length).toBe(1);
  for (const tap of taps) tap.release();
  await Promise.all(pages.map(expectMoving));
  for (const page of pages) expect(await connections(page)).toEqual({ newest: 'connected', open: 1 });
});

test('Connection of a call: when nothing is heard, that is said after 15 s from when both agreed, and can be tried again', async ({ person }) => {
  const { pages: [one, two], taps } = await tapped(person, { clock: true, prepare: (tap) => (tap.drops = isSignal) });
  await expectStep(one, 'consent');
  // However long that takes.
  await one.clock.fastForward(60_000);
  for (const page of [one, two]) await stopClock(page);
  await agree([one, two]);
  for (const page of [one, two]) {
    await expectStep(page, 'connecting');
    await page.clock.runFor(14_900);
    await expect(words(page)).toHaveText('Connecting…');
    await page.clock.runFor(200);
    await expect(cause(page)).toHaveText('The stranger’s browser does not answer.');
    expect(await connections(page)).toMatchObject({ open: 0 });
    await page.clock.resume();
  }
  for (const tap of taps) tap.drops = () => false;
  // It takes only one to try again.
  await press(one, 'Try again');
  await Promise.all([expectMoving(one), expectMoving(two)]);
});

test('Connection of a call: one begins anew while the other still believes in the old connection', async ({ person }) => {
  const { pages: [one, two] } = await tapped(person, { clock: true });
  await revealBoth(one, two);
  await lose(one);
  await expect(words(one)).toHaveText('Reconnecting…');
  await one.clock.fastForward(15_000);
  await expect(cause(one)).toHaveText('The connection to the stranger’s camera was lost.');
  await expectStep(two, 'connected');
  await press(one, 'Try again');
  await Promise.all([expectMoving(one), expectMoving(two)]);
  for (const page of [one, two]) expect(await connections(page)).toEqual({ newest: 'connected', open: 1 });
});

test('Connection of a call: what this browser does not understand is told from silence', async ({ person }) => {
  const garbled = (event) => (isOffer(event) ? { ...event, sdp: { type: 'offer', sdp: 'v=0\r\nnot as browsers speak' } } : event);
  const { pages, taps: [, other] } = await tapped(person, { clock: true, prepare: (tap) => (tap.change = garbled) });
  await agree(pages);
  await expect.poll(() => offers(other).length).toBe(1);
  for (const [page, why] of [[pages[0], 'Your browser does not understand'], [pages[1], 'The stranger’s browser does not answer']]) {
    await expectStep(page, 'connecting');
    await page.clock.fastForward(15_000);
    await expect(cause(page)).toContainText(why);
  }
});

test('Connection of a call: when the networks let nothing through, that is said, and text goes on with the same stranger', async ({ person }) => {
  // An address that is nobody's.
  const astray = (event) => {
    if (!event.candidate?.candidate) return event;
    const parts = event.candidate.candidate.split(' ');
    parts[4] = '192.0.2.200';
    return { ...event, candidate: { ...event.candidate, candidate: parts.join(' ') } };
  };
  const { pages: [one, two], taps } = await tapped(person, { clock: true, prepare: (tap) => (tap.change = astray) });
  await agree([one, two]);
  for (const page of [one, two]) {
    await expect.poll(() => page.evaluate(() => window.connections.at(-1)?.iceConnectionState), { timeout: 20_000 }).toMatch(/checking|disconnected|failed/);
  }
  await one.clock.fastForward(15_000);
  await expect(cause(one)).toHaveText('There is no way between your networks: one of them blocks it. This server has no relay that leads around it.');
  const { pairId } = taps[0].heard.find(({ type }) => type === 'strangerJoined');
  await press(one, 'Continue in text');
  for (const page of [one, two]) {
    await expect(stage(page)).toBeHidden();
    await expect(page.locator('#log')).toContainText('in text');
    await expect.poll(() => live(page)).toEqual([]);
  }
  await say(one, 'so be it');
  await expect(bubbles(two)).toHaveText(['so be it']);
  expect(taps[0].sent.findLast(({ type }) => type === 'sendMessage').pairId).toBe(pairId);
});

test('Connection of a call: what comes late from an old pair is ignored', async ({ person }) => {
  const { pages: [one, two], taps: [tap] } = await tapped(person);
  await revealBoth(one, two);
  const old = tap.heard.filter(isSignal);
  await one.getByRole('button', { name: 'Next' }).click();
  await two.getByRole('button', { name: 'New stranger' }).click();
  await expectPhase(one, 'chatting');
  await revealBoth(one, two);
  const said = tap.sent.length;
  for (const signal of old) tap.tell(signal);
  // Something that is answered, after them.
  await say(two, 'still here');
  await expect(bubbles(one)).toHaveText(['still here']);
  await expectMoving(one);
  expect(tap.sent.slice(said).filter(({ type }) => type === 'answer')).toEqual([]);
  expect(await one.evaluate(() => window.connections.map(({ connectionState }) => connectionState))).toEqual(['closed', 'connected']);
});

test('Connection of a call: nonsense from the other side changes nothing', async ({ person }) => {
  const { pages: [one, two], taps: [tap] } = await tapped(person);
  await revealBoth(one, two);
  const { pairId } = tap.heard.find(({ type }) => type === 'strangerJoined');
  for (const signal of [
    { type: 'offer', sdp: null }, { type: 'offer', sdp: { type: 'offer', sdp: 'v=0' } }, { type: 'offer', sdp: { type: 'rollback' } },
    { type: 'answer', sdp: 7 }, { type: 'answer', sdp: 'v=0\r\n' }, { type: 'iceCandidate', candidate: 5 }, { type: 'iceCandidate', candidate: { candidate: 'x' } },
    { type: 'iceCandidate', candidate: { candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMid: 'none' } }, { type: 'iceCandidate' },
  ]) tap.tell({ ...signal, pairId });
  await say(two, 'still here');
  await expect(bubbles(one)).toHaveText(['still here']);
  await expectMoving(one);
});

test('Connection of a call: another way is looked for when the browser says that there is a network again, and when it is away for seconds', async ({ person }) => {
  const { pages: [one, two], taps: [tap, other] } = await tapped(person, { clock: true, tolerates: /ERR_INTERNET_DISCONNECTED/ });
  await revealBoth(one, two);
  const first = fragment(other.sent.find(isOffer));
  other.sent.length = 0;
  // Without a network nobody can be told of another way; the words of the conversation do not get through either.
  await two.context().setOffline(true);
  await expect(two.locator('body')).toHaveAttribute('data-connection', 'offline');
  await lose(two);
  await expect(words(two)).toHaveText('Reconnecting…');
  await two.clock.fastForward(4_000);
  expect(offers(other)).toEqual([]);
  await two.context().setOffline(false);
  await expect.poll(() => offers(other).length).toBeGreaterThan(0);
  expect(fragment(offers(other)[0])).not.toBe(first);
  await expectMoving(one);
  tap.sent.length = 0;
  await lose(one);
  await expect(words(one)).toHaveText('Reconnecting…');
  expect(offers(tap)).toEqual([]);
  await one.clock.fastForward(3_000);
  await expect.poll(() => offers(tap).length).toBeGreaterThan(0);
});
