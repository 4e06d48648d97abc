import { look, test } from './people.js';
import { bubbles, create, enter, expect, letterInput, meet, members, open, privately, roomLine, say, sayPrivately, states, write } from './rooms.js';

// Some of these are long stories of several people, and all of them wait for conditions only.
test.describe.configure({ timeout: 180_000 });

test('Rooms: where nothing is yet, a button leads on', async ({ person, server }) => {
  const ann = await enter(person, 'Ann', { permissions: ['clipboard-read', 'clipboard-write'] });
  await ann.locator('.tabs').getByRole('link', { name: 'Private' }).click();
  await expect(ann.locator('.side').getByRole('link', { name: 'See who is here' })).toBeHidden();
  const room = await create(ann, 'lonely');
  await ann.locator('.side').getByRole('link', { name: 'See who is here' }).click();
  await expect(members(ann)).toHaveCount(1);
  await ann.locator('.side').getByRole('button', { name: 'Copy the room’s link' }).click();
  await expect(ann.locator('.side').getByRole('button', { name: 'The link is copied' })).toBeVisible();
  const link = await ann.evaluate(() => navigator.clipboard.readText());
  expect(link).toContain(`${server}/#/rooms/`);
  const bob = await enter(person, 'Bob');
  await bob.goto(link);
  await expect(bob.locator('.place h2')).toHaveText(room);
  await expect(members(ann)).toHaveCount(2);
  await expect(ann.locator('.side').getByRole('button', { name: 'Copy the room’s link' })).toBeHidden();
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

test('Rooms: a tab that comes later has the same letters, and the same badges', async ({ person }) => {
  const [ann, bob] = await meet(person, ['Ann', 'Bob'], 'later');
  await privately(bob, 'Ann');
  await sayPrivately(bob, 'for all tabs');
  await expect(ann.locator('#nav .badge')).toHaveText('1 unread');
  // One that has not opened the rooms, and one that has.
  const start = await ann.context().newPage();
  await start.goto(ann.url().split('#')[0]);
  await expect(start.locator('#nav .badge')).toHaveText('1 unread');
  const rooms = await ann.context().newPage();
  await rooms.goto(ann.url());
  await expect(rooms.locator('#nav .badge')).toHaveText('1 unread');
  await rooms.locator('.tabs').getByRole('link', { name: 'Private' }).click();
  await rooms.getByRole('list', { name: 'Private conversations' }).getByRole('link', { name: 'Bob' }).click();
  await expect(bubbles(rooms, 'other', '.side')).toHaveText(['for all tabs']);
  for (const page of [ann, start, rooms]) await expect(page.locator('#nav .badge')).toHaveCount(0);
});
