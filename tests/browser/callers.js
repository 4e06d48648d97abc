// People with cameras.

import { expect, expectPhase } from './people.js';

/** Options of a person whose browser lets the page have camera and microphone. */
export const CAMERA = { permissions: ['camera', 'microphone'] };

/** Keeps every connection that the page makes in `window.connections`, and every captured track in `window.captured`. */
export const watchful = (more) => async (page) => {
  await page.addInitScript(() => {
    window.connections = [];
    window.captured = [];
    const Real = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Real {
      constructor(...all) {
        super(...all);
        window.connections.push(this);
      }
    };
    const media = navigator.mediaDevices;
    if (!media) return;
    const capture = media.getUserMedia.bind(media);
    window.asked = 0;
    media.getUserMedia = async (constraints) => {
      window.asked += 1;
      // Small pictures say as much to a test, and cost the machine less.
      if (constraints.video) Object.assign(constraints.video, { width: { ideal: 320 }, height: { ideal: 180 } });
      const stream = await capture(constraints);
      window.captured.push(...stream.getTracks());
      return stream;
    };
  });
  await more?.(page);
};

/** Into the lobby, with the devices on. */
export async function checkHair(page) {
  await page.getByRole('button', { name: 'Video', exact: true }).click();
  await page.getByRole('button', { name: 'Turn on camera and microphone' }).click();
  await expect(start(page)).toBeVisible({ timeout: 15_000 });
}

export const start = (page) => page.getByRole('button', { name: 'Start', exact: true });
export const stage = (page) => page.locator('#stage');
export const reveal = (page) => page.getByRole('button', { name: 'Reveal' }).click();
export const expectStep = (page, step) => expect(stage(page)).toHaveAttribute('data-step', step, { timeout: 15_000 });

/** Searches for video from the lobby. */
export async function call(page) {
  await checkHair(page);
  await start(page).click();
}

/** Both see each other. */
export async function revealBoth(...pages) {
  for (const page of pages) await expectStep(page, 'consent');
  for (const page of pages) await reveal(page);
  for (const page of pages) await expectStep(page, 'connected');
}

export const isSignal = ({ type }) => ['offer', 'answer', 'iceCandidate'].includes(type);

/** Ends the conversation. */
export async function stop(page) {
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Really?' }).click();
}

/** Lets the page believe that the connection of the call is away. */
export const lose = (page) => page.evaluate(() => {
  const connection = window.connections.at(-1);
  Object.defineProperty(connection, 'connectionState', { get: () => 'disconnected', configurable: true });
  connection.dispatchEvent(new Event('connectionstatechange'));
  delete connection.connectionState;
});

/** What was captured and is not given back: kinds of tracks. */
export const live = (page) => page.evaluate(() => window.captured.filter(({ readyState }) => readyState === 'live').map(({ kind }) => kind).sort());

/**
 * Sits between a page and the server: keeps what passes in `sent` and `heard`. What the page should hear and `holds` names waits for
 * `release`; what `drops` names, either way, is lost; `change` may rewrite what the page hears.
 */
export async function wiretap(page) {
  const tap = { sent: [], heard: [], held: [], holds: () => false, drops: () => false, change: (event) => event };
  await page.routeWebSocket(/\/ws\?/, (socket) => {
    const server = socket.connectToServer();
    tap.tell = (event) => socket.send(JSON.stringify(event));
    socket.onMessage((text) => {
      const command = JSON.parse(text);
      tap.sent.push(command);
      if (!tap.drops(command)) server.send(text);
    });
    server.onMessage((text) => {
      const event = JSON.parse(text);
      if (tap.drops(event)) return;
      tap.heard.push(event);
      if (tap.holds(event)) tap.held.push(event);
      else tap.tell(tap.change(event));
    });
  });
  tap.release = () => {
    tap.holds = () => false;
    for (const event of tap.held.splice(0)) tap.tell(event);
  };
  return tap;
}

/** Two people in a call; `options` are those of the first, who is the polite one. */
export async function callers(person, options = {}, others = {}) {
  const camera = (more) => ({ ...CAMERA, ...more, before: watchful(more.before) });
  const both = await Promise.all([person(camera(options)), person(camera(others))]);
  await Promise.all(both.map(checkHair));
  // Who has waited offers.
  for (const page of both.toReversed()) {
    await start(page).click();
    await expectPhase(page, /searching|chatting/);
  }
  for (const page of both) await expectPhase(page, 'chatting');
  return both;
}

/** How many pictures the newest connection has decoded. */
export const framesDecoded = (page) => page.evaluate(async () => {
  const report = (await window.connections.at(-1)?.getStats()) ?? new Map();
  return [...report.values()].find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')?.framesDecoded ?? 0;
});

/** Waits until pictures come, and go on coming. */
export async function expectMoving(page) {
  await expect.poll(() => framesDecoded(page), { timeout: 15_000 }).toBeGreaterThan(0);
  const before = await framesDecoded(page);
  await expect.poll(() => framesDecoded(page), { timeout: 15_000 }).toBeGreaterThan(before);
}

/** Whether the newest connection stands, and how many there are that were not closed. */
export const connections = (page) => page.evaluate(() => ({
  newest: window.connections.at(-1)?.connectionState,
  open: window.connections.filter(({ connectionState }) => connectionState !== 'closed').length,
}));
