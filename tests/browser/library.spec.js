import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { expect, standIn, test } from './people.js';

/** A page without ours on it, with the client library as `client`. */
async function bare(person, hear) {
  let line;
  const page = await person({ before: async (page) => (line = await standIn(page, hear)) });
  await page.evaluate(async () => {
    const { Passerby } = await import('/passerby.js');
    window.client = new Passerby('/ws?client=library');
    window.heard = [];
    for (const type of ['state', 'sent', 'message_ack', 'failed', 'message']) {
      window.client.addEventListener(type, ({ detail }) => window.heard.push([type, detail.state ?? detail.cid ?? detail.text]));
    }
  });
  line.sockets.length = line.heard.length = 0;
  return { page, line };
}

test('Library: what is written while offline is sent once connected, in order', async ({ person }) => {
  const { page, line } = await bare(person);
  await page.evaluate(() => {
    window.client.send({ type: 'message', content: 'a', cid: '1' });
    window.client.send({ type: 'message', content: 'b', cid: '2' });
    window.client.connect();
  });
  await expect.poll(() => line.heard.map(({ content }) => content)).toEqual(['a', 'b']);
  // What waits for its acknowledgement is not written again to the same connection.
  await page.evaluate(() => window.client.send({ type: 'message', content: 'c', cid: '3' }));
  await expect.poll(() => line.heard.map(({ content }) => content)).toEqual(['a', 'b', 'c']);
});

test('Library: what was not acknowledged is sent again by cid, what was is not', async ({ person }) => {
  const { page, line } = await bare(person, ({ cid }, socket) => {
    if (cid === '1') socket.send(JSON.stringify({ type: 'message_ack', id: 'x', cid }));
  });
  await page.evaluate(() => {
    window.client.connect();
    window.client.send({ type: 'message', content: 'a', cid: '1' });
    window.client.send({ type: 'message', content: 'b', cid: '2' });
  });
  await expect.poll(() => line.heard.map(({ cid }) => cid)).toEqual(['1', '2']);
  await expect.poll(() => page.evaluate(() => window.heard.some(([type]) => type === 'message_ack'))).toBe(true);
  await line.sockets.at(-1).close({ code: 1012 });
  await expect.poll(() => line.heard.map(({ cid }) => cid)).toEqual(['1', '2', '2']);
  line.send({ type: 'message_ack', id: 'y', cid: '2' });
  await expect.poll(() => page.evaluate(() => window.heard.filter(([type]) => type === 'message_ack').length)).toBe(2);
  await line.sockets.at(-1).close({ code: 1012 });
  await expect.poll(() => line.sockets.length).toBe(3);
  await page.evaluate(() => window.client.send({ type: 'message', content: 'c', cid: '3' }));
  await expect.poll(() => line.heard.map(({ cid }) => cid)).toEqual(['1', '2', '2', '3']);
});

test('Library: a server that asks not to be called again is not', async ({ person }) => {
  const { page, line } = await bare(person);
  await page.evaluate(() => window.client.connect());
  await expect.poll(() => line.sockets.length).toBe(1);
  await line.sockets[0].close({ code: 4501, reason: 'elsewhere' });
  await expect.poll(() => page.evaluate(() => window.client.state)).toBe('closed');
  await page.evaluate(() => dispatchEvent(new Event('online')));
  expect(line.sockets).toHaveLength(1);
});

test('Library: events of another conversation are not passed on', async ({ person }) => {
  const { page, line } = await bare(person);
  await page.evaluate(() => window.client.find());
  await expect.poll(() => line.heard.length).toBe(1);
  line.send({ type: 'strangerJoined', pairId: 'new', mode: 'text', interests: [], initiator: true });
  line.send({ type: 'message', text: 'late', pairId: 'old' });
  line.send({ type: 'strangerLeft', pairId: 'old', reason: 'next' });
  line.send({ type: 'message', text: 'current', pairId: 'new' });
  await expect.poll(() => page.evaluate(() => window.heard.filter(([type]) => type === 'message'))).toEqual([['message', 'current']]);
  expect(await page.evaluate(() => window.client.pair.pairId)).toBe('new');
});

test('Library: the example in docs/CLIENT.md works', async ({ person, server }) => {
  const manual = await readFile(new URL('../../docs/CLIENT.md', import.meta.url), 'utf8');
  const example = /```html\n([\s\S]*?)```/.exec(manual)[1];
  expect(example.trim().split('\n').length).toBeLessThanOrEqual(20);
  // Somebody else's page: another port is another origin.
  const body = example.replaceAll('https://chat.example', server).replaceAll('wss://chat.example', server.replace('http', 'ws'));
  const host = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(body));
  await new Promise((resolve) => host.listen(0, '127.0.0.1', resolve));
  const elsewhere = `http://127.0.0.1:${host.address().port}/`;
  const open = async () => {
    const page = await person();
    await page.goto(elsewhere);
    return page;
  };
  const [one, two] = await Promise.all([open(), open()]);
  await expect(one.locator('#log')).toContainText('Somebody is here');
  await two.getByRole('textbox').fill('hello from afar');
  await two.getByRole('textbox').press('Enter');
  await expect(one.locator('#log')).toContainText('hello from afar');
  host.close();
});
