// People: each has a browser context of their own; a server runs for each worker.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test as base, expect } from '@playwright/test';

const root = fileURLToPath(new URL('../../', import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? `${root}target`;
const binary = process.env.PASSERBY_BIN ?? `${target}/debug/passerby`;
const FLAGS = {
  'listen': '127.0.0.1:0',
  'log': 'off',
  'connections-per-ip': 0,
  'connect-rate': 0,
  'http-rate': 0,
  'skip-rate': 0,
  'message-rate': 0,
  'room-rate': 0,
  'rematch-after-ms': 0,
};

/** Starts the server in a directory of its own, with other flags than usual; resolves to { url, stop }. */
export async function serve(others = {}) {
  const flags = Object.entries({ ...FLAGS, ...others }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  // The server reads PASSERBY_* as its configuration, and PASSERBY_BIN is none of it.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PASSERBY_')));
  const directory = await mkdtemp(join(tmpdir(), 'passerby-'));
  const child = spawn(binary, flags, { cwd: directory, env });
  const url = await new Promise((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (data) => {
      said += data;
      const found = /http:\/\/\S+/.exec(said);
      if (found) resolve(found[0]);
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const stop = async () => {
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  return { url, stop };
}

export const test = base.extend({
  server: [async ({}, use) => {
    const server = await serve();
    await use(server.url);
    await server.stop();
  }, { scope: 'worker' }],

  /** Makes a person: a page that has been opened, in a context with `options`. What browsers complain about fails the test. */
  person: async ({ browser, server }, use) => {
    const contexts = [];
    const complaints = [];
    await use(async ({ url = server, before, tolerates, ...options } = {}) => {
      const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce', ...options });
      contexts.push(context);
      await context.addInitScript(() => {
        window.violations = [];
        document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective));
      });
      const page = await context.newPage();
      page.on('console', (message) => {
        const text = `${message.type()}: ${message.text()}`;
        if (!tolerates?.test(text)) complaints.push(text);
      });
      page.on('pageerror', (error) => complaints.push(`thrown: ${error}`));
      await before?.(page);
      await page.goto(url);
      await expect(page.locator('body')).toHaveAttribute('data-connection', 'online');
      return page;
    });
    const violations = [];
    for (const context of contexts) {
      for (const page of context.pages()) violations.push(...(await page.evaluate(() => window.violations ?? [])));
      await context.close();
    }
    expect(complaints, 'what the browser complained about').toEqual([]);
    expect(violations, 'what the content security policy stopped').toEqual([]);
  },

  /** Two people who are talking; `options` are those of the first. */
  pair: async ({ person }, use) => {
    await use(async (options = {}, others = {}) => {
      const both = await Promise.all([person(options), person(others)]);
      await Promise.all(both.map(seek));
      await Promise.all(both.map((page) => expectPhase(page, 'chatting')));
      return both;
    });
  },
});

export { expect };

export const seek = (page) => page.getByRole('button', { name: 'Start text chat' }).click();
export const expectPhase = (page, phase) => expect(page.locator('body')).toHaveAttribute('data-phase', phase);
export const bubbles = (page, who = 'stranger') => page.locator(`#log .${who} .bubble`);
export const input = (page) => page.getByLabel('Message');

export async function say(page, text) {
  await input(page).fill(text);
  await input(page).press('Enter');
}

/** Stops a clock that was installed: late enough for a busy machine, soon enough for little else to become due. */
export async function stopClock(page) {
  const now = await page.evaluate(() => Date.now());
  await page.clock.pauseAt(now + 3_000);
}

/** Lets the page believe that nobody looks at it, or that somebody does again. */
export const look = (page, isLooking) => page.evaluate((visible) => {
  Object.defineProperty(document, 'hidden', { configurable: true, value: !visible });
  Object.defineProperty(document, 'visibilityState', { configurable: true, value: visible ? 'visible' : 'hidden' });
  document.dispatchEvent(new Event('visibilitychange'));
}, isLooking);

/**
 * Stands in for the server on one page. `hear(command, socket)` is called with what the page sends; the returned
 * object has the sockets opened so far, and `send` for the newest. While it `isMute`, questions for the numbers wait for `answer`.
 */
export async function standIn(page, hear = () => {}) {
  const line = { sockets: [], heard: [], questions: 0, isMute: false };
  line.send = (event) => line.sockets.at(-1).send(JSON.stringify(event));
  line.answer = () => {
    for (; line.questions > 0; line.questions -= 1) line.send({ type: 'stats', online: 1, searching: 0, pairs: 0 });
  };
  await page.routeWebSocket(/\/ws/, (socket) => {
    line.sockets.push(socket);
    socket.onMessage((text) => {
      const command = JSON.parse(text);
      line.heard.push(command);
      if (command.type === 'stats') line.questions += 1;
      if (!line.isMute) line.answer();
      hear(command, socket, line);
    });
  });
  return line;
}

/** The stand-in finds a partner at once. */
export const obliging = (command, _, line) => {
  if (command.type === 'findMatch' || command.type === 'nextStranger') {
    line.count = (line.count ?? 0) + 1;
    line.send({ type: 'strangerJoined', pairId: `pair-${line.count}`, mode: 'text', interests: [], initiator: false });
  }
};
