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
    media.getUserMedia = async (constraints) => {
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
  await expect(start(page)).toBeEnabled();
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
  for (const page of pages) await expectStep(page, 'connected');
  for (const page of pages) await reveal(page);
  for (const page of pages) await expect(stage(page)).not.toHaveClass(/blurred/);
}

/** Two people in a call; `options` are those of the first. */
export async function callers(person, options = {}, others = {}) {
  const camera = (more) => ({ ...CAMERA, ...more, before: watchful(more.before) });
  const both = await Promise.all([person(camera(options)), person(camera(others))]);
  for (const page of both) await call(page);
  for (const page of both) await expectPhase(page, 'chatting');
  return both;
}

/** How many pictures the newest connection has decoded. */
export const framesDecoded = (page) => page.evaluate(async () => {
  const report = await window.connections.at(-1).getStats();
  return [...report.values()].find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')?.framesDecoded ?? 0;
});

/** Waits until pictures come, and go on coming. */
export async function expectMoving(page) {
  await expect.poll(() => framesDecoded(page), { timeout: 15_000 }).toBeGreaterThan(0);
  const before = await framesDecoded(page);
  await expect.poll(() => framesDecoded(page), { timeout: 15_000 }).toBeGreaterThan(before);
}
