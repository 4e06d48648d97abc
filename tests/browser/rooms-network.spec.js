import { serve, test } from './people.js';
import { bubbles, create, enter, expect, input, meet, members, open, privately, roomLine, say, sayPrivately, states, tap } from './rooms.js';

/** Browsers report each connection that fails. */
const tolerates = /WebSocket|ERR_CONNECTION|Failed to load/;

// Some of these are long stories of several people, and all of them wait for conditions only.
test.describe.configure({ timeout: 180_000 });

test('Rooms: an own message is there at once, then sent; refused, it can be tried again', async ({ person }) => {
  let line;
  const ann = await enter(person, 'Ann', { before: async (page) => (line = await tap(page)) });
  await create(ann, 'states');
  line.isHeld = true;
  await say(ann, 'on its way');
  await expect(states(ann)).toHaveText(['Sending…']);
  const { cid } = line.sent.at(-1);
  line.tell({ type: 'error', code: 'mailbox_full', message: 'Not now.', cid });
  await expect(states(ann)).toHaveText([/Not delivered\s*Retry/]);
  await expect(ann.getByRole('alert').filter({ hasText: 'Not delivered: Not now.' })).toBeVisible();
  line.isHeld = false;
  await ann.getByRole('button', { name: 'Retry' }).click();
  await expect(states(ann)).toHaveText(['Sent']);
  await expect(bubbles(ann, 'you')).toHaveText(['on its way']);
});

test('Rooms: what comes too fast waits, and is said once', async ({ person }) => {
  const own = await serve({ 'message-rate': 20, 'message-burst': 3 });
  const [ann, bob] = await meet(person, ['Ann', 'Bob'], 'fast', { url: own.url });
  const texts = Array.from({ length: 8 }, (_, index) => `text ${index}`);
  for (const text of texts) await say(ann, text);
  await expect(bubbles(bob, 'other')).toHaveCount(texts.length, { timeout: 10_000 });
  expect((await bubbles(bob, 'other').allTextContents()).sort()).toEqual(texts);
  await expect(states(ann, 'sent')).toHaveCount(texts.length);
  for (const page of [ann, bob]) await page.close();
  await own.stop();
});

test('Rooms: a lost connection comes back into every room, and what was said meanwhile is there once', async ({ person }) => {
  let line;
  const ann = await enter(person, 'Ann', { tolerates, before: async (page) => (line = await tap(page)) });
  const bob = await enter(person, 'Bob');
  const first = await create(ann, 'back one');
  const second = await create(ann, 'back two');
  await open(bob, second);
  await say(bob, 'before');
  await expect(bubbles(ann, 'other')).toHaveText(['before']);
  line.isBlocked = true;
  await line.drop();
  await say(bob, 'meanwhile');
  await say(ann, 'written while away');
  await expect(states(ann)).toHaveText(['Sending…']);
  line.isBlocked = false;
  await expect(bubbles(ann, 'other')).toHaveText(['before', 'meanwhile'], { timeout: 15_000 });
  await expect(states(ann)).toHaveText(['Sent']);
  await expect(bubbles(bob, 'other')).toHaveText(['written while away']);
  await open(bob, first);
  await say(bob, 'in the other room');
  await expect(roomLine(ann, first).locator('.badge')).toHaveText('1 unread');
});

test('Rooms: what arrived although its confirmation was lost is not said again', async ({ person }) => {
  let line;
  const ann = await enter(person, 'Ann', { tolerates, before: async (page) => (line = await tap(page)) });
  const bob = await enter(person, 'Bob');
  const room = await create(ann, 'twice');
  await open(bob, room);
  line.isDeaf = true;
  await say(ann, 'only once');
  await expect(bubbles(bob, 'other')).toHaveText(['only once']);
  await expect(states(ann)).toHaveText(['Sending…']);
  line.isDeaf = false;
  await line.drop();
  await expect(states(ann)).toHaveText(['Sent'], { timeout: 15_000 });
  await say(ann, 'the next');
  await expect(bubbles(bob, 'other')).toHaveText(['only once', 'the next']);
  expect(line.sent.filter(({ content }) => content === 'only once')).toHaveLength(1);
  await expect(bubbles(ann, 'you')).toHaveText(['only once', 'the next']);
});

test('Rooms: what never arrived is said again, once', async ({ person }) => {
  let line;
  const ann = await enter(person, 'Ann', { tolerates, before: async (page) => (line = await tap(page)) });
  const bob = await enter(person, 'Bob');
  const room = await create(ann, 'lost');
  await open(bob, room);
  line.isHeld = true;
  await say(ann, 'lost on the way');
  await expect(states(ann)).toHaveText(['Sending…']);
  line.isHeld = false;
  await line.drop();
  await expect(states(ann)).toHaveText(['Sent'], { timeout: 15_000 });
  await expect(bubbles(bob, 'other')).toHaveText(['lost on the way']);
  const [one, two, ...more] = line.sent.filter(({ content }) => content === 'lost on the way');
  expect(two.cid).toBe(one.cid);
  expect(more).toEqual([]);
});

test('Rooms: what is on its way survives a reload, and is said once', async ({ person }) => {
  let line;
  const ann = await enter(person, 'Ann', { tolerates, before: async (page) => (line = await tap(page)) });
  const bob = await enter(person, 'Bob');
  const room = await create(ann, 'reloaded');
  await open(bob, room);
  const reload = async () => {
    line.isBlocked = true;
    await ann.reload();
    await expect(states(ann, 'sending')).toHaveCount(1);
    line.isHeld = line.isDeaf = line.isBlocked = false;
    await expect(states(ann)).toHaveText(['Sent'], { timeout: 15_000 });
  };
  line.isHeld = true;
  await say(ann, 'lost on the way');
  await expect.poll(() => line.sent.at(-1).content).toBe('lost on the way');
  await reload();
  await expect(bubbles(bob, 'other')).toHaveText(['lost on the way']);
  line.isDeaf = true;
  await say(ann, 'arrived');
  await expect(bubbles(bob, 'other')).toHaveText(['lost on the way', 'arrived']);
  await reload();
  await say(ann, 'the next');
  await expect(bubbles(bob, 'other')).toHaveText(['lost on the way', 'arrived', 'the next']);
  await expect(bubbles(ann, 'you')).toHaveText(['lost on the way', 'arrived', 'the next']);
  const cids = (text) => line.sent.filter(({ content }) => content === text).map(({ cid }) => cid);
  expect(cids('arrived')).toHaveLength(1);
  expect(cids('lost on the way')).toHaveLength(2);
  expect(new Set(cids('lost on the way')).size).toBe(1);
});

test('Rooms: what was refused can be tried again after a reload', async ({ person }) => {
  let line;
  const ann = await enter(person, 'Ann', { tolerates, before: async (page) => (line = await tap(page)) });
  await create(ann, 'refused and reloaded');
  line.isHeld = true;
  await say(ann, 'not now');
  await expect.poll(() => line.sent.at(-1).content).toBe('not now');
  const { cid } = line.sent.at(-1);
  line.tell({ type: 'error', code: 'mailbox_full', message: 'Not now.', cid });
  await expect(states(ann)).toHaveText([/Not delivered/]);
  line.isHeld = false;
  await ann.reload();
  await expect(states(ann)).toHaveText([/Not delivered/]);
  await ann.getByRole('button', { name: 'Retry' }).click();
  await expect(states(ann)).toHaveText(['Sent']);
  await ann.reload();
  await expect(states(ann)).toHaveText(['Sent']);
});

test('Rooms: a letter whose confirmation was lost is shown once', async ({ person }) => {
  let line;
  const ann = await enter(person, 'Ann', { tolerates, before: async (page) => (line = await tap(page)) });
  const bob = await enter(person, 'Bob');
  const room = await create(ann, 'letters twice');
  await open(bob, room);
  await privately(ann, 'Bob');
  line.isDeaf = true;
  await sayPrivately(ann, 'a letter');
  await expect(bob.locator('.tabs .badge')).toHaveText('1 unread');
  line.isDeaf = false;
  await line.drop();
  await expect(states(ann, undefined, '.side')).toHaveText(['Sent'], { timeout: 15_000 });
  await sayPrivately(ann, 'another');
  await expect(bob.locator('.tabs .badge')).toHaveText('2 unread');
});

test('Rooms: a restart of the server is survived: same rooms, no message lost', async ({ person }) => {
  let own = await serve();
  const [ann, bob] = [await enter(person, 'Ann', { url: own.url, tolerates }), await enter(person, 'Bob', { url: own.url, tolerates })];
  for (const page of [ann, bob]) await open(page, 'General Chat');
  await say(bob, 'before');
  await expect(bubbles(ann, 'other')).toHaveText(['before']);
  await own.stop();
  await expect(ann.locator('#connection')).toContainText('Reconnecting');
  await say(ann, 'into the gap');
  own = await serve({ listen: new URL(own.url).host });
  await expect(bubbles(bob, 'other')).toHaveText(['into the gap'], { timeout: 18_000 });
  await expect(states(ann)).toHaveText(['Sent']);
  await say(bob, 'after');
  await expect(bubbles(ann, 'other')).toHaveText(['before', 'after']);
  for (const page of [ann, bob]) await page.close();
  await own.stop();
});

test('Rooms: a room that is gone with the old server can still be read, and says what was not delivered', async ({ person }) => {
  let own = await serve();
  const ann = await enter(person, 'Ann', { url: own.url, tolerates });
  const room = await create(ann, 'gone');
  await say(ann, 'said');
  await expect(states(ann)).toHaveText(['Sent']);
  await own.stop();
  await say(ann, 'not said any more');
  own = await serve({ listen: new URL(own.url).host });
  await expect(ann.locator('#alert')).toHaveText(`The room “${room}” is not there any more.`, { timeout: 18_000 });
  await expect(bubbles(ann, 'you')).toHaveText(['said', 'not said any more']);
  await expect(states(ann)).toHaveText([/Not delivered/]);
  await input(ann).fill('a draft');
  await expect(ann.locator('.place').getByRole('button', { name: 'Send' })).toBeDisabled();
  await ann.getByRole('button', { name: 'Retry' }).click();
  await expect(states(ann)).toHaveText([/Not delivered/]);
  await ann.close();
  await own.stop();
});

test('Rooms: somebody else under the same id is explained, with two ways out', async ({ person, server }) => {
  const ann = await enter(person, 'Ann', { tolerates });
  const room = await create(ann, 'taken');
  const kept = await ann.evaluate(() => localStorage.getItem('passerby.rooms.id'));
  const thief = await person({
    tolerates,
    before: (page) => page.addInitScript((id) => {
      if (localStorage.getItem('passerby.rooms.id')) return;
      localStorage.setItem('passerby.rooms.id', id);
      localStorage.setItem('passerby.rooms.name', '"Ann"');
    }, kept),
  });
  await thief.goto(`${server}/#/rooms`);
  const trouble = thief.getByRole('alert').filter({ hasText: 'Somebody is here as you' });
  await expect(trouble).toBeVisible();
  await trouble.getByRole('button', { name: 'Try again' }).click();
  await expect(trouble).toBeVisible();
  await trouble.getByRole('button', { name: 'Come in as a newcomer' }).click();
  await open(thief, room);
  await expect(members(thief)).toHaveText([/Ann\s*you/, /^Ann/]);
});

test('Rooms: refusals are said in words, and the draft is kept', async ({ person }) => {
  let line;
  const ann = await enter(person, 'Ann', { tolerates, before: async (page) => (line = await tap(page)) });
  const room = await create(ann, 'refusals');
  await input(ann).fill('a draft');
  const alert = ann.locator('#alert');
  // The room is gone: nothing is left to be in, but the page goes on.
  await ann.evaluate(() => (location.hash = '#/rooms/nowhere'));
  await expect(alert).toHaveText('The room “nowhere” is not there any more.');
  await expect.poll(() => new URL(ann.url()).hash).toBe('#/rooms');
  await roomLine(ann, room).click();
  await expect(input(ann)).toHaveValue('a draft');
  // Somewhere on the way the server has forgotten that this person is in the room.
  await line.drop(4029);
  await expect(alert).toContainText('too much was sent at once');
  await expect(ann.locator('body')).toHaveAttribute('data-connection', 'online', { timeout: 12_000 });
  await expect(input(ann)).toHaveValue('a draft');
  await input(ann).press('Enter');
  await expect(states(ann)).toHaveText(['Sent']);
  line.refuses = 'too_many_rooms';
  await ann.evaluate(() => (location.hash = '#/rooms/general'));
  await expect(alert).toContainText('You may be in at most 64 rooms.');
});

test('Rooms: a server that goes away says when to come back', async ({ person }) => {
  let line;
  const ann = await enter(person, 'Ann', {
    tolerates,
    before: async (page) => {
      await page.clock.install();
      line = await tap(page);
    },
  });
  await create(ann, 'draining');
  const count = line.sockets.length;
  line.tell({ type: 'draining', retryMs: 4_000 });
  await line.drop(1012);
  await expect(ann.locator('#connection')).toContainText('Reconnecting');
  await ann.clock.runFor(3_000);
  expect(line.sockets).toHaveLength(count);
  await ann.clock.runFor(2_000);
  await expect.poll(() => line.sockets.length).toBe(count + 1);
});
