import AxeBuilder from '@axe-core/playwright';
import { PAYLOADS } from './payloads.js';
import { look, serve, test } from './people.js';
import {
  bubbles, column, create, enter, expect, input, letterInput, meet, members, notJumping, open, post, privately, roomLine, say, sayPrivately, states, tap, write,
} from './rooms.js';

/** Browsers report each connection that fails. */
const tolerates = /WebSocket|ERR_CONNECTION|Failed to load/;

// Some of these are long stories of several people, and all of them wait for conditions only.
test.describe.configure({ timeout: 90_000 });

test('Rooms: a name is asked for at first, remembered, and can be changed later', async ({ person }) => {
  const page = await person();
  await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Rooms' }).click();
  const name = page.getByRole('textbox', { name: 'Your name' });
  await expect(name).toBeFocused();
  await name.press('Enter');
  await expect(page.getByText('Please write a name')).toBeVisible();
  await name.fill('x'.repeat(33));
  await name.press('Enter');
  await expect(page.getByText('32 characters at most; this one has 33')).toBeVisible();
  await name.fill('Ann');
  await name.press('Enter');
  const room = await create(page, 'names');
  const other = await enter(person, 'Bob');
  await open(other, 'names');
  await expect(members(other)).toHaveText([/^Bob/, /^Ann/]);
  await page.reload();
  await expect(page.getByRole('heading', { name: room })).toBeVisible();
  await expect(page.locator('.me')).toHaveText('You are Ann');
  await page.getByRole('button', { name: 'Change your name' }).click();
  await page.getByRole('textbox', { name: 'Your name' }).fill('Anna');
  await page.getByRole('button', { name: 'Change it' }).click();
  await expect(members(other)).toHaveText([/^Bob/, /^Anna/]);
  await say(page, 'it is still me');
  await expect(other.locator('.place .other .name')).toHaveText(['Anna']);
});

test('Rooms: the list has live counts, and what is unread', async ({ person }) => {
  const [ann, bob] = await Promise.all([enter(person, 'Ann'), enter(person, 'Bob')]);
  const room = await create(ann, 'counted');
  await expect(roomLine(ann, room)).toContainText('1 person');
  await open(bob, room);
  await expect(roomLine(ann, room)).toContainText('2 people');
  const other = await create(ann, 'elsewhere');
  await say(bob, 'one');
  await say(bob, 'two');
  await expect(roomLine(ann, room).locator('.badge')).toHaveText('2 unread');
  // What was not read stays unread over a reload.
  await ann.reload();
  await expect(ann.getByRole('heading', { name: other })).toBeVisible();
  await expect(roomLine(ann, room).locator('.badge')).toHaveText('2 unread');
  await roomLine(ann, room).click();
  await expect(bubbles(ann, 'other')).toHaveText(['one', 'two']);
  await expect(roomLine(ann, room).locator('.badge')).toBeHidden();
  await bob.getByRole('button', { name: 'Leave this room' }).click();
  await expect(roomLine(ann, room)).toContainText('1 person');
});

test('Rooms: a room that others make, and who is there without oneself, comes by itself', async ({ person }) => {
  const watcher = await enter(person, 'Watcher', { before: (page) => page.clock.install() });
  const ann = await enter(person, 'Ann');
  const room = await create(ann, 'made elsewhere');
  await watcher.clock.runFor(11_000);
  await expect(roomLine(watcher, room)).toContainText('1 person');
  await ann.close();
  await expect(async () => {
    await watcher.clock.runFor(11_000);
    await expect(roomLine(watcher, room)).toContainText('0 people', { timeout: 500 });
  }).toPass();
});

test('Rooms: making a room says what is wrong, and keeps what was written', async ({ person }) => {
  const ann = await enter(person, 'Ann', { tolerates });
  const name = ann.getByRole('textbox', { name: 'Make a room' });
  await name.press('Enter');
  await expect(ann.getByText('Please write a name for the room.')).toBeVisible();
  await name.fill('y'.repeat(65));
  await name.press('Enter');
  await expect(ann.getByText('64 characters at most; this one has 65')).toBeVisible();
  await expect(name).toHaveValue('y'.repeat(65));
  await ann.route('**/api/rooms', (route) => (route.request().method() === 'POST' ? route.fulfill({ status: 429, json: { error: 'x' } }) : route.continue()));
  await name.fill('fine');
  await name.press('Enter');
  await expect(ann.getByText('That was too fast.')).toBeVisible();
  await expect(name).toHaveValue('fine');
});

test('Rooms: several at once, and each can be left', async ({ person }) => {
  const [ann, bob] = await Promise.all([enter(person, 'Ann'), enter(person, 'Bob')]);
  const first = await create(ann, 'first');
  const second = await create(ann, 'second');
  const mine = ann.getByRole('list', { name: 'Your rooms' });
  await expect(mine.getByRole('link')).toHaveCount(2);
  await open(bob, first);
  await say(bob, 'heard in the first');
  await open(bob, second);
  await say(bob, 'heard in the second');
  await expect(bubbles(ann, 'other')).toHaveText(['heard in the second']);
  await roomLine(ann, first).click();
  await expect(bubbles(ann, 'other')).toHaveText(['heard in the first']);
  await ann.getByRole('button', { name: 'Leave this room' }).click();
  await expect(mine.getByRole('link')).toHaveCount(1);
  await expect(ann.getByText('Choose a room, or make one of your own.')).toBeVisible();
  await bob.getByRole('list', { name: 'Your rooms' }).getByRole('link', { name: first }).click();
  await expect(members(bob)).toHaveText([/^Bob/]);
});

test('Rooms: with more than eight rooms there is a filter', async ({ person, server }) => {
  const own = await serve();
  const ann = await enter(person, 'Ann', { url: own.url });
  await expect(roomLine(ann, 'General Chat')).toBeVisible();
  await expect(ann.getByRole('searchbox', { name: 'Find a room' })).toBeHidden();
  for (let number = 1; number <= 8; number += 1) await post(ann, '/api/rooms', { name: `Room ${number}` });
  await ann.reload();
  await ann.getByRole('searchbox', { name: 'Find a room' }).fill('room 7');
  await expect(ann.locator('.rooms-list .lines a')).toHaveCount(1);
  await ann.getByRole('searchbox', { name: 'Find a room' }).fill('nowhere');
  await expect(ann.getByText('No room is called that.')).toBeVisible();
  await ann.close();
  await own.stop();
  expect(server).not.toBe(own.url);
});

test('Rooms: a log by speaker, the members with you marked, times on hover', async ({ person }) => {
  const [ann, bob] = await meet(person, ['Ann', 'Bob'], 'a log');
  await say(ann, 'first');
  await say(ann, 'second');
  await say(bob, 'third');
  await expect(bubbles(bob, 'other')).toHaveText(['first', 'second']);
  const log = ann.getByRole('log', { name: /^What is said in a log/ });
  await expect(log).toHaveAttribute('aria-live', 'polite');
  await expect(log.locator('.group .name')).toHaveText(['You', 'Bob']);
  await expect(bubbles(ann, 'other').first()).toHaveAttribute('title', /\d{4}.*\d\d:\d\d:\d\d/);
  await expect(members(ann)).toHaveText([/Ann\s*you/, /^Bob/]);
  await expect(ann.getByRole('list', { name: /^People in a log/ })).toBeVisible();
});

test('Rooms: who is typing: one, two, several', async ({ person }) => {
  const pages = await meet(person, ['Ann', 'Bob', 'Cid', 'Dee'], 'typists');
  const [ann, ...others] = pages;
  const line = ann.locator('.place .typing');
  const words = [/Bob is typing/, /Bob and Cid are typing/, /Several people are typing/];
  for (const [index, other] of others.entries()) {
    await input(other).pressSequentially('h');
    await expect(line).toHaveText(words[index]);
    await expect(line).toHaveClass(/\bon\b/);
  }
  await input(others[0]).press('Enter');
  await expect(line).toHaveText(/Cid and Dee are typing/);
  await others[1].close();
  await expect(line).toHaveText(/Dee is typing/);
});

test('Rooms: the log sticks to its end only near it; else it counts what is new', async ({ person }) => {
  const [ann, bob] = await meet(person, ['Ann', 'Bob'], 'sticky');
  for (let number = 1; number <= 30; number += 1) await say(bob, `line ${number}`);
  await expect(bubbles(ann, 'other').last()).toBeInViewport();
  await ann.locator('.place .log').evaluate((log) => (log.scrollTop = 300));
  await expect.poll(() => ann.locator('.place .log').evaluate((log) => log.scrollTop)).toBe(300);
  await say(bob, 'unseen');
  await expect(ann.getByRole('button', { name: '1 new message' })).toBeVisible();
  await say(bob, 'unseen, too');
  await ann.getByRole('button', { name: '2 new messages' }).click();
  await expect(bubbles(ann, 'other').last()).toBeInViewport();
});

test('Rooms: older history comes at the top, and the view does not jump', async ({ person }) => {
  const ann = await enter(person, 'Ann');
  const room = await create(ann, 'long');
  const id = decodeURIComponent(new URL(ann.url()).hash.split('/').at(-1));
  // More than joining brings along.
  for (let number = 1; number <= 120; number += 1) {
    await post(ann, '/api/messages', { type: 'text', content: `${number} ${'x'.repeat(1_900)}`, sender: 'Guest', sender_id: 'guest-of-history', room: id });
  }
  const bob = await enter(person, 'Bob');
  await open(bob, room);
  await expect(bubbles(bob, 'other').last()).toHaveText(/^120 /);
  const before = await bubbles(bob, 'other').count();
  expect(before).toBeLessThan(120);
  await notJumping(bob, async () => {
    await expect.poll(() => bubbles(bob, 'other').count()).toBeGreaterThan(before);
  });
  await expect(async () => {
    await bob.locator('.place .log').evaluate((log) => (log.scrollTop = 0));
    await expect(bubbles(bob, 'other').first()).toHaveText(/^1 /, { timeout: 300 });
  }).toPass();
  await expect(bubbles(bob, 'other')).toHaveCount(120);
});

test('Rooms: Enter sends, Shift+Enter breaks the line, an input method keeps its Enter, long texts are counted', async ({ person }) => {
  const [ann, bob] = await meet(person, ['Ann', 'Bob'], 'input');
  await expect(input(ann)).toBeFocused();
  await ann.keyboard.type('one');
  await ann.keyboard.press('Shift+Enter');
  await ann.keyboard.type('two');
  await input(ann).dispatchEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true });
  await expect(input(ann)).toHaveValue('one\ntwo');
  await ann.keyboard.press('Enter');
  await expect(bubbles(bob, 'other')).toHaveText(['one\ntwo']);
  await input(ann).fill('x'.repeat(1_600));
  await expect(ann.locator('.place .counter')).toHaveText('1,600 / 2,000');
  await input(ann).fill('x'.repeat(2_001));
  await input(ann).press('Enter');
  await expect(ann.locator('.place').getByText('Too long by 1 character')).toBeVisible();
  await expect(input(ann)).toHaveValue('x'.repeat(2_001));
  await input(ann).fill('');
  await ann.locator('.place').getByRole('button', { name: 'Emoji' }).click();
  await ann.keyboard.press('ArrowRight');
  await ann.keyboard.press('Enter');
  await ann.keyboard.press('Escape');
  await expect(ann.locator('.place .emoji')).toBeHidden();
  await expect(input(ann)).toHaveValue('😄');
});

test('Rooms: a draft is kept for each room', async ({ person }) => {
  const ann = await enter(person, 'Ann');
  const first = await create(ann, 'draft one');
  await input(ann).fill('for the first');
  const second = await create(ann, 'draft two');
  await expect(input(ann)).toHaveValue('');
  await input(ann).fill('for the second');
  await roomLine(ann, first).click();
  await expect(input(ann)).toHaveValue('for the first');
  await ann.reload();
  await expect(input(ann)).toHaveValue('for the first');
  await roomLine(ann, second).click();
  await expect(input(ann)).toHaveValue('for the second');
});

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

test('Rooms: private conversations, with badges until they are read', async ({ person }) => {
  const [ann, bob] = await meet(person, ['Ann', 'Bob'], 'private');
  await privately(ann, 'Bob');
  await sayPrivately(ann, 'psst');
  await expect(states(ann, undefined, '.side')).toHaveText(['Sent']);
  await expect(bob.locator('.tabs .badge')).toHaveText('1 unread');
  await expect(bob.locator('#nav .badge')).toHaveText('1 unread');
  await expect(bubbles(bob, 'other')).toHaveCount(0);
  await bob.locator('.tabs').getByRole('link', { name: 'Private' }).click();
  await bob.getByRole('list', { name: 'Private conversations' }).getByRole('link', { name: 'Ann' }).click();
  await expect(bubbles(bob, 'other', '.side')).toHaveText(['psst']);
  await expect(bob.locator('.tabs .badge')).toBeHidden();
  await expect(bob.locator('#nav .badge')).toHaveCount(0);
  await write(letterInput(bob), 'h');
  await expect(ann.locator('.side .typing')).toHaveText(/Bob is typing/);
  await letterInput(bob).fill('yes?');
  await letterInput(bob).press('Enter');
  await expect(bubbles(ann, 'other', '.side')).toHaveText(['yes?']);
  // It survives a reload within the tab.
  await ann.reload();
  await expect(bubbles(ann, 'other', '.side')).toHaveText(['yes?']);
  await expect(bubbles(ann, 'you', '.side')).toHaveText(['psst']);
});

test('Rooms: a letter to somebody who is away waits, and is marked when they are back', async ({ person }) => {
  const [ann, bob] = await meet(person, ['Ann', 'Bob'], 'away');
  await privately(ann, 'Bob');
  await bob.evaluate(() => (location.hash = '#/'));
  const room = await bob.evaluate(() => localStorage.getItem('passerby.rooms.joined'));
  await bob.goto('about:blank');
  await expect(members(ann)).toHaveText([/^Ann/]);
  await sayPrivately(ann, 'when you are back');
  await expect(states(ann, undefined, '.side')).toHaveText(['Will be delivered when they come back']);
  expect(room).toContain('away');
  await bob.goto(ann.url().split('#')[0]);
  await bob.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Rooms' }).click();
  await expect(bob.locator('#nav .badge')).toHaveText('1 unread');
  await expect(states(ann, undefined, '.side')).toHaveText(['Sent']);
});

test('Rooms: a letter that comes while one is elsewhere shows in the navigation and in the title', async ({ person }) => {
  const [ann, bob] = await meet(person, ['Ann', 'Bob'], 'elsewhere');
  await bob.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Text chat' }).click();
  await expect(bob.locator('#start')).toBeVisible();
  await privately(ann, 'Bob');
  await sayPrivately(ann, 'where are you?');
  await expect(bob.locator('#nav').getByRole('link', { name: 'Rooms' }).locator('.badge')).toHaveText('1 unread');
  await look(bob, false);
  await sayPrivately(ann, 'hello?');
  await expect(bob).toHaveTitle('(1) Passerby');
  await expect(bob.locator('#nav .badge')).toHaveText('2 unread');
});

test('Rooms: two tabs are one person, with the same rooms and the same badges', async ({ person }) => {
  const [ann, bob] = await meet(person, ['Ann', 'Bob'], 'two tabs');
  const tab = await ann.context().newPage();
  await tab.goto(ann.url());
  await expect(members(tab)).toHaveText([/Ann\s*you/, /^Bob/]);
  await expect(roomLine(bob, 'two tabs')).toContainText('2 people');
  await say(ann, 'from one tab');
  await expect(bubbles(tab, 'you')).toHaveText(['from one tab']);
  await expect(bubbles(bob, 'other')).toHaveText(['from one tab']);
  // A room that one joins, the other is in.
  const room = await create(tab, 'by the second tab');
  await expect(ann.getByRole('list', { name: 'Your rooms' }).getByRole('link', { name: room })).toBeVisible();
  await open(bob, room);
  // Neither tab looks at it, until one does.
  await roomLine(tab, 'two tabs').click();
  await say(bob, 'to both');
  for (const page of [ann, tab]) await expect(roomLine(page, room).locator('.badge')).toHaveText('1 unread');
  await roomLine(tab, room).click();
  await expect(bubbles(tab, 'other')).toHaveText(['to both']);
  await expect(roomLine(ann, room).locator('.badge')).toBeHidden();
  await privately(bob, 'Ann');
  await sayPrivately(bob, 'a letter to both');
  for (const page of [ann, tab]) await expect(page.locator('#nav .badge')).toHaveText('1 unread');
  await ann.locator('.tabs').getByRole('link', { name: 'Private' }).click();
  await ann.getByRole('list', { name: 'Private conversations' }).getByRole('link', { name: 'Bob' }).click();
  await expect(bubbles(ann, 'other', '.side')).toHaveText(['a letter to both']);
  await expect(tab.locator('#nav .badge')).toHaveCount(0);
  await tab.close();
  await expect(members(bob)).toHaveText([/^Bob/, /^Ann/]);
  // What one leaves, the other has left.
  await roomLine(ann, room).click();
  const again = await ann.context().newPage();
  await again.goto(ann.url());
  await expect(members(again)).toHaveCount(2);
  await again.getByRole('button', { name: 'Leave this room' }).click();
  await expect(ann.getByText('Choose a room, or make one of your own.')).toBeVisible();
});

test('Rooms: what is said is text, whatever it looks like', async ({ person }) => {
  const [ann, bob] = await meet(person, ['<b>Ann</b>', 'Bob'], '<i>markup</i>');
  const texts = PAYLOADS.slice(0, 8);
  for (const text of texts) {
    await input(ann).fill(text);
    await input(ann).press('Enter');
  }
  await expect(bubbles(bob, 'other')).toHaveCount(texts.length);
  expect(await bob.locator('.place .bubble :not(a), #rooms img, #rooms script, #rooms b').count()).toBe(0);
  await expect(bob.locator('.place .other .name').first()).toHaveText('<b>Ann</b>');
  await expect(bob.locator('.place h2')).toHaveText(/^<i>markup<\/i>/);
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

for (const [name, viewport] of [['320x568', { width: 320, height: 568 }], ['390x844', { width: 390, height: 844 }]]) {
  test(`Rooms: on a phone (${name}) list, room and people are views of their own, with a way back`, async ({ person }) => {
    const ann = await enter(person, 'Ann', { viewport, hasTouch: true, isMobile: true });
    const bob = await enter(person, 'Bob');
    const faults = () => ann.evaluate(() => {
      const found = [];
      if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls sideways');
      for (const control of document.querySelectorAll('button, input, textarea, a')) {
        if (!control.checkVisibility() || control.closest('.skip, .bubble')) continue;
        const { left, right, bottom, width, height } = control.getBoundingClientRect();
        const name = control.getAttribute('aria-label') ?? control.textContent ?? control.id;
        if (left < 0 || right > innerWidth + 0.5 || bottom > innerHeight + 0.5) found.push(`${name} is out of sight`);
        if (width < 43.5 || height < 43.5) found.push(`${name} is small: ${width}x${height}`);
        if (control.matches('input, textarea') && parseFloat(getComputedStyle(control).fontSize) < 16) found.push(`${name} makes phones zoom`);
      }
      return found;
    });
    await expect(column(ann, 'list')).toBeVisible();
    await expect(column(ann, 'place')).toBeHidden();
    expect(await faults()).toEqual([]);
    const room = await create(ann, 'pocket');
    await expect(column(ann, 'place')).toBeVisible();
    await expect(column(ann, 'list')).toBeHidden();
    await open(bob, room);
    await input(ann).fill('from the pocket');
    // Enter belongs to the text here.
    await input(ann).press('Enter');
    await expect(bubbles(ann, 'you')).toHaveCount(0);
    await ann.locator('.place').getByRole('button', { name: 'Send' }).click();
    await expect(bubbles(bob, 'other')).toHaveText([/from the pocket/]);
    expect(await faults()).toEqual([]);
    await ann.getByRole('link', { name: '2 people' }).click();
    await expect(column(ann, 'side')).toBeVisible();
    await expect(column(ann, 'place')).toBeHidden();
    expect(await faults()).toEqual([]);
    await members(ann).getByRole('button', { name: 'Bob' }).click();
    await expect(letterInput(ann)).toBeVisible();
    expect(await faults()).toEqual([]);
    await ann.getByRole('link', { name: 'Back' }).click();
    await ann.getByRole('link', { name: 'Back' }).click();
    await expect(column(ann, 'place')).toBeVisible();
    await ann.getByRole('link', { name: 'All rooms' }).click();
    await expect(column(ann, 'list')).toBeVisible();
    await say(bob, 'not seen');
    await expect(roomLine(ann, room).locator('.badge')).toHaveText('1 unread');
  });
}

for (const colorScheme of ['light', 'dark']) {
  test(`Rooms: axe finds nothing in ${colorScheme}`, async ({ person }) => {
    const page = await person({ colorScheme });
    const check = async (where) => {
      const { violations, passes } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), where).toEqual([]);
      expect(passes.some(({ id }) => id === 'color-contrast'), where).toBe(true);
    };
    await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Rooms' }).click();
    await page.getByRole('button', { name: 'Enter the rooms' }).click();
    await check('the name');
    await page.getByRole('textbox', { name: 'Your name' }).fill('Ann');
    await page.getByRole('button', { name: 'Enter the rooms' }).click();
    await expect(roomLine(page, 'General Chat')).toBeVisible();
    await check('the list');
    const room = await create(page, `axe ${colorScheme}`);
    const bob = await enter(person, 'Bob');
    await open(bob, room);
    await say(bob, 'theirs, with https://example.org');
    await say(page, 'mine');
    await expect(bubbles(page, 'other')).toHaveCount(1);
    await privately(bob, 'Ann');
    await sayPrivately(bob, 'a letter');
    await expect(page.locator('.tabs .badge')).toHaveText('1 unread');
    await page.locator('.place').getByRole('button', { name: 'Emoji' }).click();
    await check('a room');
    await page.keyboard.press('Escape');
    await page.locator('.tabs').getByRole('link', { name: 'Private' }).click();
    await check('the conversations');
    await page.getByRole('list', { name: 'Private conversations' }).getByRole('link', { name: 'Bob' }).click();
    await expect(bubbles(page, 'other', '.side')).toHaveText(['a letter']);
    await check('a conversation');
  });
}

test('Rooms: works with the keyboard alone', async ({ person }) => {
  const ann = await enter(person, 'Ann');
  const bob = await enter(person, 'Bob');
  const room = await create(bob, 'by keyboard');
  await ann.reload();
  await expect(roomLine(ann, room)).toBeVisible();
  const reach = async (wanted) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await ann.keyboard.press('Tab');
      const isThere = await ann.evaluate((wanted) => document.activeElement.textContent.includes(wanted) || document.activeElement.id === wanted, wanted);
      if (isThere && (await ann.evaluate(() => document.activeElement.matches('a, button, textarea')))) return;
    }
    throw new Error(`${wanted} cannot be reached`);
  };
  await reach(room);
  await ann.keyboard.press('Enter');
  await expect(input(ann)).toBeFocused();
  await ann.keyboard.type('typed');
  await ann.keyboard.press('Enter');
  await expect(bubbles(bob, 'other')).toHaveText(['typed']);
  await reach('Bob');
  await ann.keyboard.press('Enter');
  await expect(letterInput(ann)).toBeFocused();
});

test('Rooms: what is kept can be forgotten', async ({ person }) => {
  const ann = await enter(person, 'Ann');
  await create(ann, 'forgotten');
  await ann.getByRole('button', { name: 'Settings' }).click();
  await ann.getByRole('button', { name: 'Forget everything' }).click();
  await ann.getByRole('button', { name: 'Done' }).click();
  await expect(ann.locator('#start')).toBeVisible();
  expect(await ann.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('passerby.rooms')))).toEqual([]);
  await ann.locator('#start').getByRole('link', { name: 'Rooms' }).click();
  await expect(ann.getByRole('textbox', { name: 'Your name' })).toHaveValue('');
});
