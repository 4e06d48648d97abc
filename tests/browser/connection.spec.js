import { bubbles, expect, expectPhase, input, obliging, say, seek, serve, standIn, stopClock, test } from './people.js';

const banner = (page) => page.locator('#connection');
/** Browsers report each connection that fails. */
const tolerates = /WebSocket|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION/;

test('Connection: the banner says reconnecting in n s, then online again', async ({ person }) => {
  let line;
  const page = await person({
    tolerates,
    before: async (page) => {
      await page.clock.install();
      // The longest wait that the first attempt may take.
      await page.addInitScript(() => (Math.random = () => 0.999));
      line = await standIn(page);
    },
  });
  await expect(banner(page)).toBeHidden();
  await stopClock(page);
  await line.sockets.at(-1).close({ code: 1012, reason: 'restart' });
  await expect(banner(page)).toHaveText(/Reconnecting\s*in 1 s/);
  await expect(banner(page).getByRole('button', { name: 'Try now' })).toBeVisible();
  await page.clock.runFor(300);
  await expect(banner(page)).toContainText('Online again');
  await page.clock.runFor(3_000);
  await expect(banner(page)).toBeHidden();
});

test('Connection: offline is said so', async ({ person }) => {
  const page = await person({ tolerates });
  await page.context().setOffline(true);
  await expect(banner(page)).toContainText('You are offline');
  await page.context().setOffline(false);
  await expect(banner(page)).toContainText('Online again');
});

/** Opens a page whose connections fail, under a clock that stands; resolves to the page and when each attempt was made. */
async function forsaken(person, random) {
  const page = await person({
    tolerates,
    before: async (page) => {
      await page.clock.install();
      await page.addInitScript((random) => {
        Math.random = () => random;
        const Real = window.WebSocket;
        window.attempts = [];
        window.isForsaken = false;
        window.WebSocket = class extends EventTarget {
          static CONNECTING = 0;
          static OPEN = 1;
          constructor(url) {
            super();
            window.attempts.push(performance.now());
            if (!window.isForsaken) return (window.last = new Real(url));
            this.readyState = 0;
            queueMicrotask(() => this.onclose?.({ code: 1006 }));
          }
          close() {}
        };
      }, random);
    },
  });
  await stopClock(page);
  await page.evaluate(() => {
    window.isForsaken = true;
    window.attempts = [];
    window.lostAt = performance.now();
    window.last.onclose({ code: 1006 });
  });
  const waits = () => page.evaluate(() => window.attempts.map((at, index) => Math.round(at - (window.attempts[index - 1] ?? window.lostAt))));
  return { page, waits };
}

test('Connection: it comes back with full jitter, from 0.3 s doubling to 10 s', async ({ person }) => {
  const { page, waits } = await forsaken(person, 0.5);
  await page.clock.runFor(30_000);
  const seen = await waits();
  // Half of each ceiling, since chance says so here.
  const ceilings = [300, 600, 1_200, 2_400, 4_800, 9_600, 10_000, 10_000];
  expect(seen.length).toBeGreaterThanOrEqual(ceilings.length);
  ceilings.forEach((ceiling, index) => expect(Math.abs(seen[index] - ceiling / 2), `attempt ${index}`).toBeLessThan(30));
});

for (const [what, happen] of [
  ['on `online`', () => dispatchEvent(new Event('online'))],
  ['when the tab becomes visible', () => document.dispatchEvent(new Event('visibilitychange'))],
  ['on "Try now"', () => document.querySelector('#connect-now').click()],
]) {
  test(`Connection: it comes back at once ${what}`, async ({ person }) => {
    const { page, waits } = await forsaken(person, 0.999);
    await page.clock.runFor(10_000);
    const before = (await waits()).length;
    await page.clock.runFor(100);
    expect((await waits()).length).toBe(before);
    await page.evaluate((happen) => {
      window.isForsaken = false;
      new Function(`return ${happen}`)()();
    }, happen.toString());
    expect((await waits()).length).toBe(before + 1);
    await expect(page.locator('body')).toHaveAttribute('data-connection', 'online');
  });
}

test('Connection: a connection that is silently dead is noticed', async ({ person }) => {
  let isDead = false;
  const lines = [];
  const page = await person({
    tolerates,
    before: async (page) => {
      await page.clock.install();
      await page.routeWebSocket(/\/ws/, (socket) => {
        lines.push(socket);
        socket.onMessage(() => {
          if (!isDead) socket.send(JSON.stringify({ type: 'stats', online: 1, searching: 0, pairs: 0 }));
        });
      });
    },
  });
  isDead = true;
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await page.clock.runFor(7_000);
  expect(lines).toHaveLength(1);
  isDead = false;
  await page.clock.runFor(1_500);
  await expect.poll(() => lines.length).toBe(2);
});

test('Connection: a search that was asked for goes on when the connection is back', async ({ person }) => {
  let line;
  const page = await person({ tolerates, before: async (page) => (line = await standIn(page)) });
  await seek(page);
  await expect.poll(() => line.heard.filter(({ type }) => type === 'findMatch').length).toBe(1);
  await line.sockets.at(-1).close({ code: 1012 });
  await expect.poll(() => line.heard.filter(({ type }) => type === 'findMatch').length).toBe(2);
  await expectPhase(page, 'searching');
});

test('Connection: a chat ends with the connection, says so, and what was not delivered is kept from others', async ({ person }) => {
  let line;
  const page = await person({ tolerates, before: async (page) => (line = await standIn(page, obliging)) });
  await seek(page);
  await expectPhase(page, 'chatting');
  await say(page, 'into the void');
  await line.sockets.at(-1).close({ code: 1011 });
  await expectPhase(page, 'ended');
  await expect(page.getByText('Your connection was lost, and the chat with it.')).toBeVisible();
  await expect(page.locator('.state')).toContainText('Not delivered');
  await expect(page.locator('body')).toHaveAttribute('data-connection', 'online');
  await page.getByRole('button', { name: 'New stranger' }).click();
  await expectPhase(page, 'chatting');
  expect(line.heard.filter(({ type }) => type === 'sendMessage')).toHaveLength(1);
});

test('Connection: it survives a restart of the real server', async ({ person }) => {
  let server = await serve();
  const page = await person({ url: server.url, tolerates });
  await server.stop();
  await expect(banner(page)).toContainText('Reconnecting');
  server = await serve({ listen: new URL(server.url).host });
  await expect(page.locator('body')).toHaveAttribute('data-connection', 'online', { timeout: 12_000 });
  await seek(page);
  await expectPhase(page, 'searching');
  await page.close();
  await server.stop();
});

test('Connection: whoever writes faster than allowed loses nothing, and nothing comes twice', async ({ person }) => {
  const server = await serve({ 'message-rate': 20, 'message-burst': 2 });
  const [one, two] = await Promise.all([person({ url: server.url }), person({ url: server.url })]);
  await seek(one);
  await seek(two);
  await expectPhase(one, 'chatting');
  const texts = Array.from({ length: 12 }, (_, index) => `message ${index}`);
  for (const text of texts) await say(one, text);
  await expect(one.locator('.state[data-state=sent]')).toHaveCount(texts.length);
  await expect(bubbles(two)).toHaveText(texts);
  await expect(input(one)).toHaveValue('');
  await one.close();
  await two.close();
  await server.stop();
});
