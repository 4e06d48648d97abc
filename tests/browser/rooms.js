// What the tests of the rooms do again and again.

import { expect as base } from './people.js';

/** Several people in one browser take their time on a busy machine. */
export const expect = base.configure({ timeout: 15_000 });

export const column = (page, name) => page.locator({ list: '.rooms-list', place: '.place', side: '.side' }[name]);
export const input = (page) => page.locator('#room-text');
export const letterInput = (page) => page.locator('#letter-text');
export const bubbles = (page, who, where = '.place') => page.locator(`${where} .${who} .bubble`);
export const members = (page) => page.locator('.people > li');
export const roomLine = (page, name) => page.locator('.rooms-list .lines a').filter({ hasText: name });

/** The states of own messages: those that are shown or, with `state`, all in that one. */
export const states = (page, state, where = '.place') =>
  (state ? page.locator(`${where} .state[data-state=${state}]`) : page.locator(`${where} .state:visible`));

/** A person in the rooms. */
export async function enter(person, name, options) {
  const page = await person(options);
  await enterHere(page, name);
  return page;
}

/** Lets a page go into the rooms. */
export async function enterHere(page, name) {
  await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Rooms' }).click();
  await page.getByRole('textbox', { name: 'Your name' }).fill(name);
  await page.getByRole('button', { name: 'Enter the rooms' }).click();
  await expect(page.locator('body')).toHaveAttribute('data-connection', 'online');
}

let count = 0;

/** Makes a room of which there is no other, and is in it; its name. */
export async function create(page, name) {
  const whole = `${name} ${process.pid}-${(count += 1)}`;
  await page.getByRole('textbox', { name: 'Make a room' }).fill(whole);
  await page.getByRole('button', { name: 'Create' }).click();
  await isIn(page, whole);
  return whole;
}

/** Goes to a room. */
export async function open(page, name) {
  const line = roomLine(page, name);
  // Others' rooms come with the next look at the list, which looking at the page brings forward.
  await expect(async () => {
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await expect(line).toBeVisible({ timeout: 500 });
  }).toPass();
  await line.click();
  await isIn(page, name);
}

/** Waits until `page` is in the room that it shows, and knows who else is. */
async function isIn(page, name) {
  await expect(page.locator('.place h2')).toContainText(name);
  await expect(page.locator('.people .self')).toHaveCount(1);
}

/** People in one room. */
export async function meet(person, names, room, options) {
  const pages = [];
  for (const name of names) pages.push(await enter(person, name, options));
  const whole = await create(pages[0], room);
  for (const page of pages.slice(1)) await open(page, whole);
  for (const page of pages) await expect(members(page)).toHaveCount(pages.length);
  return pages;
}

export async function say(page, text) {
  await input(page).fill(text);
  await page.locator('.place').getByRole('button', { name: 'Send' }).click();
}

/** Opens the conversation with somebody who is in the room. */
export async function privately(page, name) {
  await page.locator('.tabs').getByRole('link', { name: 'People' }).click();
  await members(page).getByRole('button', { name }).click();
  await expect(letterInput(page)).toBeVisible();
}

export async function sayPrivately(page, text) {
  await letterInput(page).fill(text);
  await letterInput(page).press('Enter');
}

export const write = (field, text) => field.pressSequentially(text);

/** Asks the server from the page, as anybody may. */
export async function post(page, path, body) {
  const response = await page.request.post(new URL(path, page.url()).href, { data: body });
  expect(response.ok(), await response.text()).toBe(true);
}

/** Scrolls to the top, and expects that what was first in view is where it was once `happens` is done. */
export async function notJumping(page, happens) {
  // In one step: reaching the top is what asks for more, which may be there before another step could look.
  const first = await bubbles(page, 'other').first().evaluateHandle((bubble) => bubble);
  const before = await first.evaluate((bubble) => {
    bubble.closest('.log').scrollTop = 0;
    return bubble.getBoundingClientRect().y;
  });
  await happens();
  const after = await first.evaluate((bubble) => bubble.getBoundingClientRect().y);
  // The line with the speaker's name is above the first only.
  expect(Math.abs(after - before)).toBeLessThan(60);
}

/**
 * Listens in between a page and the server. `sent` is what the page has said; `isHeld` keeps that from the server, `isDeaf`
 * keeps the server's words from the page, and `hides` some of them; `isBlocked` lets no connection through, and `refuses`
 * answers joining in the server's place.
 */
export async function tap(page) {
  const line = { sockets: [], sent: [], isHeld: false, isDeaf: false, isBlocked: false, refuses: null, hides: () => false };
  line.tell = (event) => line.sockets.at(-1).socket.send(JSON.stringify(event));
  line.drop = async (code = 1012) => {
    const { socket, server } = line.sockets.at(-1);
    await server.close();
    await socket.close({ code });
  };
  await page.routeWebSocket(/\/api\/ws/, (socket) => {
    if (line.isBlocked) return void socket.close({ code: 1013 });
    const server = socket.connectToServer();
    line.sockets.push({ socket, server });
    socket.onMessage((text) => {
      const command = JSON.parse(text);
      line.sent.push(command);
      if (line.refuses && command.type === 'join_room') line.tell({ type: 'error', code: line.refuses, message: 'You may be in at most 64 rooms.' });
      else if (!line.isHeld) server.send(text);
    });
    server.onMessage((text) => {
      if (!line.isDeaf && !line.hides(JSON.parse(text))) socket.send(text);
    });
  });
  return line;
}
