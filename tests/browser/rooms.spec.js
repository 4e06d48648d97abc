import { PAYLOADS } from './payloads.js';
import { serve, test } from './people.js';
import { bubbles, create, enter, expect, input, meet, members, notJumping, open, post, privately, roomLine, say, sayPrivately, tap, write } from './rooms.js';

/** Browsers report each connection that fails. */
const tolerates = /WebSocket|ERR_CONNECTION|Failed to load/;

// Some of these are long stories of several people, and all of them wait for conditions only.
test.describe.configure({ timeout: 180_000 });

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

test('Rooms: of more rooms than one answer holds, one’s own is listed', async ({ person, server }) => {
  const own = await serve();
  const ann = await enter(person, 'Ann', { url: own.url });
  for (let number = 1; number <= 1_300; number += 1) await post(ann, '/api/rooms', { name: `Room number ${number}` });
  await ann.reload();
  const filter = ann.getByRole('searchbox', { name: 'Find a room' });
  await expect(ann.getByText(/^and \d+ more; find them by name$/)).toBeVisible();
  const room = await create(ann, 'Mine');
  await ann.getByRole('button', { name: 'Leave this room' }).click();
  await filter.fill(room);
  await expect(ann.locator('.rooms-list .lines a')).toHaveText([/^Mine/]);
  // Also after another look at the list.
  await ann.reload();
  await filter.fill(room);
  await expect(ann.locator('.rooms-list .lines a')).toHaveText([/^Mine/]);
  await filter.fill('number 1300');
  await expect(ann.locator('.rooms-list .lines a')).toHaveCount(1);
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

test('Rooms: all that was said comes with joining, however much it is', async ({ person }) => {
  const ann = await enter(person, 'Ann');
  const room = await create(ann, 'all');
  const id = decodeURIComponent(new URL(ann.url()).hash.split('/').at(-1));
  for (let number = 1; number <= 200; number += 1) {
    await post(ann, '/api/messages', { type: 'text', content: `${number} ${'x'.repeat(1_900)}`, sender: 'Guest', sender_id: 'guest-of-history', room: id });
  }
  const bob = await enter(person, 'Bob');
  await open(bob, room);
  await expect(bubbles(bob, 'other')).toHaveCount(200);
  await expect(bubbles(bob, 'other').first()).toHaveText(/^1 /);
});

test('Rooms: older history comes at the top, and the view does not jump', async ({ person }) => {
  const ann = await enter(person, 'Ann');
  const room = await create(ann, 'long');
  const id = decodeURIComponent(new URL(ann.url()).hash.split('/').at(-1));
  for (let number = 1; number <= 120; number += 1) {
    await post(ann, '/api/messages', { type: 'text', content: `${number} ${'x'.repeat(1_900)}`, sender: 'Guest', sender_id: 'guest-of-history', room: id });
  }
  // Only the latest come with joining.
  let line;
  const bob = await enter(person, 'Bob', { before: async (page) => (line = await tap(page)) });
  line.hides = ({ type, content }) => type === 'text' && parseInt(content, 10) <= 60;
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

test('Rooms: of what is said without end, the page holds the last thousand; what is confirmed stays where it is', async ({ person }) => {
  let line;
  const ann = await enter(person, 'Ann', { before: async (page) => (line = await tap(page)) });
  await create(ann, 'without end');
  const room = decodeURIComponent(ann.url().split('#/rooms/')[1]);
  const at = new Date().toISOString();
  const told = (number) => line.tell({ type: 'text', id: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`, room, sender: 'Bob', sender_id: 'bob-the-many', content: `message ${number}`, timestamp: at });
  for (let number = 1; number <= 1_005; number += 1) told(number);
  await expect(bubbles(ann, 'other').last()).toHaveText('message 1005');
  await expect(bubbles(ann, 'other')).toHaveCount(1_000);
  await expect(bubbles(ann, 'other').first()).toHaveText('message 6');
  const last = await bubbles(ann, 'other').last().evaluateHandle((bubble) => bubble.closest('.group'));
  await say(ann, 'mine');
  await expect(ann.locator('.place .state')).toHaveText('Sent');
  expect(await last.evaluate((group) => group.isConnected)).toBe(true);
});

test('Rooms: what is said is text, whatever it looks like', async ({ person }) => {
  const [ann, bob] = await meet(person, ['<b>Ann</b>', 'Bob'], '<img src=x onerror="window.fired=1">');
  for (const text of PAYLOADS) {
    await input(ann).fill(text);
    await input(ann).press('Enter');
  }
  await expect(bubbles(bob, 'other')).toHaveText(PAYLOADS);
  await privately(ann, 'Bob');
  for (const text of PAYLOADS) await sayPrivately(ann, text);
  await bob.locator('.tabs').getByRole('link', { name: 'Private' }).click();
  await bob.getByRole('list', { name: 'Private conversations' }).getByRole('link').click();
  await expect(bubbles(bob, 'other', '.side')).toHaveText(PAYLOADS);
  expect(await bob.locator('.bubble :not(a), #rooms img, #rooms script, #rooms b').count()).toBe(0);
  await expect(bob.locator('.place .other .name').first()).toHaveText('<b>Ann</b>');
  await expect(bob.locator('.place h2')).toHaveText(/^<img src=x/);
  for (const page of [ann, bob]) expect(await page.evaluate(() => window.fired)).toBeUndefined();
});

test('Rooms: names of people and rooms are text, whatever they look like', async ({ person }) => {
  const names = PAYLOADS.filter((name) => name.length <= 32).slice(0, 6);
  const bob = await enter(person, 'Bob');
  const room = await create(bob, '<svg onload="window.fired=1">');
  for (const name of names) {
    const other = await enter(person, name);
    await open(other, room);
    await write(input(other), 'h');
    await expect(bob.locator('.place .typing span')).toContainText(name);
    await other.getByRole('button', { name: 'Leave this room' }).click();
    await expect(bob.locator('.place .note').last()).toContainText(name);
    await other.close();
  }
  for (const name of PAYLOADS.filter((name) => name.length <= 64)) await post(bob, '/api/rooms', { name });
  await bob.reload();
  await expect(bob.getByRole('list', { name: 'More rooms' }).locator('li')).not.toHaveCount(0);
  expect(await bob.locator('#rooms :is(img, script, iframe, b, object, embed, video, audio, math, details)').count()).toBe(0);
  expect(await bob.evaluate(() => window.fired)).toBeUndefined();
});

test('Rooms: the way back leads to a room that one has left, but not into it', async ({ person }) => {
  const [ann, bob] = await meet(person, ['Ann', 'Bob'], 'left for good');
  const first = await ann.locator('.place h2').textContent();
  await create(ann, 'the next');
  await roomLine(ann, first).click();
  await ann.getByRole('button', { name: 'Leave this room' }).click();
  await expect(members(bob)).toHaveText([/^Bob/]);
  await ann.goBack();
  await ann.goBack();
  await expect(ann.getByText(`You have left “${first}”.`)).toBeVisible();
  await ann.reload();
  await expect(ann.getByText(`You have left “${first}”.`)).toBeVisible();
  await expect(members(bob)).toHaveText([/^Bob/]);
  await ann.getByRole('button', { name: 'Join again' }).click();
  await expect(members(bob)).toHaveText([/^Bob/, /^Ann/]);
  await expect(input(ann)).toBeFocused();
  await ann.getByRole('button', { name: 'Leave this room' }).click();
  await open(ann, first);
  await expect(members(bob)).toHaveText([/^Bob/, /^Ann/]);
});

test('Rooms: a name from right to left turns round nothing beside it', async ({ person }) => {
  const [ann, bob] = await meet(person, ['Ann', 'דנה'], 'right to left');
  await write(input(bob), 'h');
  await expect(ann.locator('.place .typing span')).toHaveText('\u2068דנה\u2069 is typing');
  await say(bob, '\u202Etxet');
  await expect(bubbles(ann, 'other')).toHaveCSS('unicode-bidi', 'isolate');
  await expect(ann.locator('.place .other bdi.name')).toHaveText('דנה');
  await bob.getByRole('button', { name: 'Leave this room' }).click();
  await expect(ann.locator('.place .note').last()).toHaveText('\u2068דנה\u2069 left');
});
