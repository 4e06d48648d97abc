import AxeBuilder from '@axe-core/playwright';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PAYLOADS } from './payloads.js';
import { expect, expectPhase, look, seek, serve, test as base } from './people.js';
import { ME, ROOM, THEM, message, room, signIn, standInForAccounts } from './stand-in.js';

/** What the browser reports by itself about a refusal. */
const tolerates = /Failed to load resource|WebSocket connection to/;
const FLAGS = { 'register-rate': 0 };
let number = 0;

// Most of them are two people, each with a password that takes its time.
base.describe.configure({ timeout: 60_000 });

const test = base.extend({
  /** A server with accounts, other flags than usual. */
  accounts: [async ({}, use) => {
    const server = await withAccounts();
    await use(server.url);
    await server.stop();
  }, { scope: 'worker' }],
  /** Somebody who has an account and is signed in; `page.account` says who. */
  member: async ({ person, accounts }, use) => {
    await use(async ({ url = accounts, ...options } = {}) => {
      const account = await register(url, options.country);
      const page = await person({ url, ...options, before: async (page) => {
        await keep(page, account);
        await options.before?.(page);
      } });
      return Object.assign(page, { account });
    });
  },
});

const withAccounts = (flags = {}) => serve({ ...FLAGS, data: mkdtempSync(join(tmpdir(), 'passerby-')), ...flags });

async function register(url, country = 'PT') {
  number += 1;
  const pseudo = `p${process.pid}-${number}-${Date.now() % 100_000}`;
  const body = { pseudo, email: `${pseudo}@example.org`, country, password: 'correct horse' };
  const response = await fetch(`${url}/auth/register`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  expect(response.status).toBe(201);
  return response.json();
}

/** Lets the page be signed in from the first time on that it is loaded. */
const keep = (page, { token, user }) => page.addInitScript(([kept]) => {
  if (!localStorage.getItem('was-signed-in')) localStorage.setItem('passerby.account', JSON.stringify(kept));
  localStorage.setItem('was-signed-in', '1');
}, [{ token, user, until: Date.now() + 3_600_000 }]);

/** Makes a request as somebody. */
async function as({ token }, method, url, path, body) {
  const headers = { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) };
  const response = await fetch(`${url}${path}`, { method, headers, body: body && JSON.stringify(body) });
  return { status: response.status, body: await response.json().catch(() => null) };
}

/** Two people and a room of theirs, which both have open. */
async function together(member, url) {
  const [one, two] = [await member({ url, tolerates }), await member({ url, country: 'JP', tolerates })];
  const id = await openRoom(one, two, url);
  await Promise.all([enter(one, id), enter(two, id)]);
  return { one, two, id };
}

async function openRoom(one, two, url = new URL(one.url()).origin) {
  await as(one.account, 'POST', url, '/pool/join', {});
  const { status, body } = await as(two.account, 'POST', url, '/pool/join', {});
  expect(status).toBe(201);
  return body.room_id;
}

const goto = (page, path) => page.evaluate((to) => (location.hash = to), path);
async function enter(page, id) {
  await goto(page, `/account/room/${id}`);
  await expect(page.locator('body')).toHaveAttribute('data-connection', 'online');
  await expect(page.locator('#account .room .note').first()).not.toHaveText('Loading …');
}
const field = (page) => page.locator('#private-text');
const said = (page, who) => page.locator(`#account .group${who ? `.${who}` : ''} .bubble`);
const states = (page) => page.locator('#account .group.you .state');
async function write(page, text) {
  await field(page).fill(text);
  await field(page).press('Enter');
}
const nav = (page) => page.getByRole('navigation', { name: 'Screens' });
const badge = (page) => nav(page).locator('a[href="#/account"] .badge');
const label = (page, text) => page.locator('#account').getByLabel(text, { exact: true });

test.describe('Signing in', () => {
  test('Account: registering, signing out and in again; the navigation says which', async ({ person, accounts }) => {
    const page = await person({ url: accounts, tolerates });
    await nav(page).getByRole('link', { name: 'Sign in' }).click();
    await expect(page).toHaveTitle('Sign in');
    await page.getByRole('radio', { name: 'New account' }).check();
    const name = `Ann${Date.now() % 1_000_000}`;
    await label(page, 'Name').fill(name);
    await label(page, 'E-mail address').fill(`${name}@example.org`);
    await label(page, 'Password').fill('correct horse');
    await page.getByRole('button', { name: 'Create an account' }).click();
    await expect(page.getByRole('heading', { name: `Hello, ${name}` })).toBeVisible();
    await expect(nav(page).getByRole('link', { name: 'Account' })).toBeVisible();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(nav(page).getByRole('link', { name: 'Sign in' })).toBeVisible();
    await page.getByRole('radio', { name: 'Sign in' }).check();
    await label(page, 'Name or e-mail address').fill(name.toUpperCase());
    await label(page, 'Password').fill('wrong horse');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('alert').filter({ hasText: 'do not belong together' })).toBeVisible();
    // Nothing that was typed is gone.
    await expect(label(page, 'Name or e-mail address')).toHaveValue(name.toUpperCase());
    await expect(label(page, 'Password')).toHaveValue('wrong horse');
    await label(page, 'Password').fill('correct horse');
    await label(page, 'Password').press('Enter');
    await expect(page.getByRole('heading', { name: `Hello, ${name}` })).toBeVisible();
    await page.reload();
    await expect(page.getByRole('heading', { name: `Hello, ${name}` })).toBeVisible();
  });

  test('Account: each field says what is wrong with it, and what was typed goes along to the other form', async ({ person, accounts }) => {
    const page = await person({ url: accounts, tolerates });
    await goto(page, '/account');
    await label(page, 'Name or e-mail address').fill('ann@example.org');
    await page.getByRole('radio', { name: 'New account' }).check();
    await expect(label(page, 'E-mail address')).toHaveValue('ann@example.org');
    await label(page, 'Name').fill('a');
    await label(page, 'Password').fill('short');
    await page.getByRole('button', { name: 'Create an account' }).click();
    await expect(label(page, 'Name')).toBeFocused();
    await expect(label(page, 'Name')).toHaveAccessibleDescription(/2 to 32 characters; this one has 1/);
    await expect(label(page, 'Password')).toHaveAccessibleDescription(/8 to 128 characters; this one has 5/);
    await expect(label(page, 'Name')).toHaveAttribute('aria-invalid', 'true');
    await expect(label(page, 'E-mail address')).toHaveAttribute('aria-invalid', 'false');
    await label(page, 'Name').fill('Ann');
    await expect(label(page, 'Name')).toHaveAttribute('aria-invalid', 'false');
  });

  test('Account: a name that is taken is said so', async ({ person, accounts }) => {
    const { user } = await register(accounts);
    const page = await person({ url: accounts, tolerates });
    await goto(page, '/account');
    await page.getByRole('radio', { name: 'New account' }).check();
    await label(page, 'Name').fill(user.pseudo);
    await label(page, 'E-mail address').fill('other@example.org');
    await label(page, 'Password').fill('correct horse');
    await page.getByRole('button', { name: 'Create an account' }).click();
    await expect(page.getByRole('alert').filter({ hasText: 'taken already' })).toBeVisible();
    await expect(label(page, 'Password')).toHaveValue('correct horse');
  });

  test('Account: browsers and password managers know the fields; the password can be shown', async ({ person, accounts }) => {
    const page = await person({ url: accounts });
    await goto(page, '/account');
    await expect(label(page, 'Name or e-mail address')).toHaveAttribute('autocomplete', 'username');
    await expect(label(page, 'Password')).toHaveAttribute('autocomplete', 'current-password');
    await page.getByRole('button', { name: 'Show the password' }).click();
    await expect(label(page, 'Password')).toHaveAttribute('type', 'text');
    await page.getByRole('radio', { name: 'New account' }).check();
    await expect(label(page, 'E-mail address')).toHaveAttribute('autocomplete', 'email');
    await expect(label(page, 'Password')).toHaveAttribute('autocomplete', 'new-password');
  });

  test('Account: countries by name, with a guess from the language', async ({ person, accounts }) => {
    const page = await person({ url: accounts, locale: 'pt-BR' });
    await goto(page, '/account');
    await page.getByRole('radio', { name: 'New account' }).check();
    await expect(label(page, 'Country')).toHaveValue('BR');
    expect(await label(page, 'Country').locator('option').count()).toBe(250);
    await label(page, 'Country').selectOption('Japan');
    await expect(label(page, 'Country')).toHaveValue('JP');
  });

  for (const [status, words] of [[429, 'Too many attempts'], [503, 'anonymous chat goes on']]) {
    test(`Account: ${status} is said in plain words, and counts down`, async ({ person }) => {
      const page = await person({ tolerates, before: async (page) => {
        let count = 0;
        await standInForAccounts(page, { answers: { 'POST /auth/login': () => (count += 1) && { status: count === 1 ? status : 401, headers: { 'Retry-After': '2' }, body: { error: 'no' } } } });
      } });
      await goto(page, '/account');
      await label(page, 'Name or e-mail address').fill('Ann');
      await label(page, 'Password').fill('correct horse');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page.getByRole('alert').filter({ hasText: words })).toBeVisible();
      await expect(page.getByRole('button', { name: /Again in \d s/ })).toHaveAttribute('aria-disabled', 'true');
      await expect(label(page, 'Password')).toHaveValue('correct horse');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page.getByRole('alert').filter({ hasText: 'do not belong together' })).toBeVisible();
    });
  }

  test('Account: all tabs agree on who is signed in', async ({ member }) => {
    const page = await member({ tolerates });
    const other = await page.context().newPage();
    await other.goto(page.url());
    await expect(nav(other).getByRole('link', { name: 'Account' })).toBeVisible();
    await goto(page, '/account');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(nav(other).getByRole('link', { name: 'Sign in' })).toBeVisible();
  });

  test('Account: a token that has expired signs out with a sentence', async ({ person }) => {
    const page = await person({ tolerates, before: async (page) => {
      await standInForAccounts(page);
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
      await signIn(page, { lasts: 4 });
    } });
    await expect(nav(page).getByRole('link', { name: 'Account' })).toBeVisible();
    await expect(page.getByRole('alert').filter({ hasText: 'has run out' })).toBeVisible({ timeout: 10_000 });
    await expect(nav(page).getByRole('link', { name: 'Sign in' })).toBeVisible();
  });

  test('Account: a token that is not valid any more never stops the anonymous chat', async ({ person, accounts }) => {
    const stale = { token: 'eyJhbGciOiJIUzI1NiJ9.e30.x', user: ME };
    const page = await person({ url: accounts, tolerates, before: (page) => keep(page, stale) });
    await expect(page.getByRole('alert').filter({ hasText: 'not valid any more' })).toBeVisible();
    await expect(nav(page).getByRole('link', { name: 'Sign in' })).toBeVisible();
    await seek(page);
    await expectPhase(page, 'searching');
    const other = await person({ url: accounts });
    await seek(other);
    await expectPhase(page, 'chatting');
  });
});

test.describe('The pool', () => {
  const join = (page) => page.getByRole('button', { name: 'Find somebody' }).click();

  test('Pool: two meet; the one who joins is told by the answer, the one who waits by a push', async ({ member }) => {
    const [one, two] = [await member({ tolerates }), await member({ tolerates, country: 'JP' })];
    for (const page of [one, two]) await goto(page, '/account');
    await join(one);
    await expect(one.getByText('Looking for somebody …')).toBeVisible();
    await expect(one.getByRole('timer', { name: 'Time waiting' })).toHaveText(/0:0[1-9]/);
    await join(two);
    for (const page of [one, two]) await expect(page).toHaveURL(/#\/account\/room\//);
    await expect(one.getByRole('heading', { name: 'Stranger from Japan' })).toBeVisible();
    await expect(two.getByRole('heading', { name: 'Stranger from Portugal' })).toBeVisible();
  });

  test('Pool: the wait survives a reload, and can be cancelled', async ({ member }) => {
    const one = await member({ tolerates });
    await goto(one, '/account');
    await one.getByText('Only somebody from my country').click();
    await join(one);
    await expect(one.getByText('Looking for somebody from your country …')).toBeVisible();
    await one.reload();
    await expect(one.getByText('Looking for somebody from your country …')).toBeVisible();
    // It is really waited for: a second place there is none.
    await expect.poll(async () => (await as(one.account, 'POST', new URL(one.url()).origin, '/pool/join', {})).status).toBe(409);
    await one.getByRole('button', { name: 'Cancel' }).click();
    await expect(one.getByRole('button', { name: 'Find somebody' })).toBeVisible();
    expect((await as(one.account, 'POST', new URL(one.url()).origin, '/pool/leave')).status).toBe(404);
  });

  test('Pool: pressing twice asks once', async ({ person }) => {
    let line;
    const answers = [];
    const slowly = () => new Promise((resolve) => answers.push(resolve));
    const page = await person({ before: async (page) => {
      await signIn(page);
      line = await standInForAccounts(page, { answers: { 'POST /pool/join': slowly, 'POST /pool/leave': slowly } });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    await goto(page, '/account');
    const posts = () => line.asked.filter((request) => request.startsWith('POST'));
    await page.getByRole('button', { name: 'Find somebody' }).dblclick();
    await expect.poll(() => answers.length).toBe(1);
    answers[0]({ status: 202, body: { message: 'waiting for a match' } });
    await page.getByRole('button', { name: 'Cancel' }).dblclick();
    await expect.poll(() => answers.length).toBe(2);
    answers[1]({ body: { message: 'left' } });
    await expect(page.getByRole('button', { name: 'Find somebody' })).toBeVisible();
    expect(posts()).toEqual(['POST /pool/join', 'POST /pool/leave']);
  });

  test('Pool: who waits already is shown as waiting', async ({ member }) => {
    const one = await member({ tolerates });
    await goto(one, '/account');
    await expect(one.getByRole('button', { name: 'Find somebody' })).toBeVisible();
    await as(one.account, 'POST', new URL(one.url()).origin, '/pool/join', {});
    await join(one);
    await expect(one.getByText('Looking for somebody …')).toBeVisible();
    await one.getByRole('button', { name: 'Cancel' }).click();
    await expect(one.getByRole('button', { name: 'Find somebody' })).toBeVisible();
  });

  test('Pool: how many are here, if that is worth saying', async ({ member }) => {
    const one = await member();
    await goto(one, '/account');
    await member();
    // The server tells it in rounds of five seconds.
    await expect(one.getByText(/\d+ people with accounts are here now/)).toBeVisible({ timeout: 12_000 });
  });
});

test.describe('My rooms', () => {
  test('Rooms of one’s own: what they are called, time left, what is unread; without any, an invitation', async ({ member }) => {
    const [one, two] = [await member(), await member({ country: 'JP' })];
    await goto(one, '/account');
    await expect(one.getByText('No room is open.')).toBeVisible();
    const id = await openRoom(one, two);
    const line = one.locator('.rooms-open li');
    await expect(line).toContainText('Stranger from Japan');
    await expect(line).toContainText(/2[34] h( \d+ min)? left/);
    await enter(two, id);
    await write(two, 'hello');
    await expect(line.locator('.badge')).toHaveText('1 unread');
    await expect(line).toContainText('Last message just now');
  });

  test('Rooms of one’s own: badges in the navigation and the title are equal in all tabs within a second', async ({ member }) => {
    const [one, two] = [await member(), await member()];
    const id = await openRoom(one, two);
    const tab = await one.context().newPage();
    await tab.goto(one.url());
    await expect(nav(tab).getByRole('link', { name: 'Account' })).toBeVisible();
    await enter(two, id);
    await write(two, 'first');
    await write(two, 'second');
    for (const page of [one, tab]) {
      await expect(badge(page)).toHaveText('2 unread');
      await expect(page).toHaveTitle(/^\(2\) /);
    }
    await enter(one, id);
    await expect(badge(one)).toHaveCount(0);
    await expect(badge(tab)).toHaveCount(0, { timeout: 1_000 });
    await expect(tab).toHaveTitle('Passerby');
  });

  test('Rooms of one’s own: a badge goes on all devices when the messages were read on one', async ({ member, person, accounts }) => {
    const [one, two] = [await member(), await member()];
    const elsewhere = await person({ url: accounts, before: (page) => keep(page, one.account) });
    const id = await openRoom(one, two);
    await enter(two, id);
    await write(two, 'hello');
    for (const page of [one, elsewhere]) await expect(badge(page)).toHaveText('1 unread');
    await enter(one, id);
    for (const page of [one, elsewhere]) await expect(badge(page)).toHaveCount(0);
  });
});

test.describe('A private room', () => {
  test('Private room: messages, typing, ticks, and nothing shown twice', async ({ member }) => {
    const { one, two } = await together(member);
    await field(one).pressSequentially('hel');
    await expect(two.locator('#account .typing')).toHaveClass(/\bon\b/);
    await field(one).press('Enter');
    await expect(said(two)).toHaveText(['hel']);
    await expect(two.locator('#account .typing')).not.toHaveClass(/\bon\b/);
    // Both look, so it is read at once.
    await expect(states(one)).toHaveText(['Read']);
    await write(two, '<img src=x onerror=alert(1)>');
    await expect(said(one)).toHaveText(['hel', '<img src=x onerror=alert(1)>']);
    await one.reload();
    await expect(said(one)).toHaveText(['hel', '<img src=x onerror=alert(1)>']);
    await expect(one.locator('#account .group.you')).toHaveCount(1);
  });

  test('Private room: what nobody has seen is sent, not read; seen is what is looked at', async ({ member }) => {
    const { one, two } = await together(member);
    await look(two, false);
    await write(one, 'are you there?');
    await expect(said(two)).toHaveText(['are you there?']);
    await expect(states(one)).toHaveText(['Sent']);
    // Unread in a tab that nobody looks at, it counts like any other.
    await expect(badge(two)).toHaveText('1 unread');
    await look(two, true);
    await expect(states(one)).toHaveText(['Read']);
    await expect(badge(two)).toHaveCount(0);
  });

  test('Private room: typing is said at most once in 3 s, and shown for 6 s at most', async ({ person }) => {
    let line;
    const page = await person({ before: async (page) => {
      await page.clock.install();
      await signIn(page);
      line = await standInForAccounts(page, { rooms: [room()] });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    await goto(page, `/account/room/${ROOM}`);
    await expect.poll(() => line.sockets.length).toBe(1);
    await expect(page.locator('#account .room .note').first()).not.toHaveText('Loading …');
    const count = () => line.heard.filter(({ type }) => type === 'typing').length;
    await field(page).pressSequentially('abc');
    await expect.poll(count).toBe(1);
    await page.clock.runFor(3_100);
    await field(page).pressSequentially('d');
    await expect.poll(count).toBe(2);
    line.say({ type: 'typing' });
    await expect(page.locator('#account .typing')).toHaveClass(/\bon\b/);
    await page.clock.runFor(6_100);
    await expect(page.locator('#account .typing')).not.toHaveClass(/\bon\b/);
  });

  test('Private room: what was not acknowledged is sent again under the same cid, and shown once', async ({ person }) => {
    let line;
    const page = await person({ before: async (page) => {
      await signIn(page);
      line = await standInForAccounts(page, { rooms: [room()] });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    await goto(page, `/account/room/${ROOM}`);
    await expect(page.locator('#account .room .note').first()).not.toHaveText('Loading …');
    await write(page, 'hello');
    await expect(states(page)).toHaveText(['Sending…']);
    const messages = () => line.heard.filter(({ type }) => type === 'message');
    await expect.poll(() => messages().length).toBe(1);
    // It was kept, but the acknowledgement is lost with the connection.
    line.messages = [message(1, { sender_id: ME.id, content: 'hello', is_read: false })];
    await line.sockets.at(-1).close({ code: 1012, reason: 'restart' });
    await expect.poll(() => messages().length).toBe(2);
    const [first, again] = messages();
    expect(again).toEqual(first);
    line.say({ type: 'message_ack', id: line.messages[0].id, cid: again.cid, sent_at: line.messages[0].sent_at });
    await expect(states(page)).toHaveText(['Sent']);
    await expect(said(page)).toHaveText(['hello']);
    line.say({ type: 'message_sent', id: line.messages[0].id, cid: again.cid, content: 'hello', sent_at: line.messages[0].sent_at });
    line.say({ type: 'read', id: line.messages[0].id });
    await expect(states(page)).toHaveText(['Read']);
    await expect(said(page)).toHaveCount(1);
  });

  test('Private room: what is on its way survives a reload, and is sent again under the same cid', async ({ person }) => {
    let line;
    const page = await person({ before: async (page) => {
      await signIn(page);
      line = await standInForAccounts(page, { rooms: [room()] });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    await goto(page, `/account/room/${ROOM}`);
    await expect(page.locator('#account .room .note').first()).not.toHaveText('Loading …');
    await write(page, 'hello');
    const messages = () => line.heard.filter(({ type }) => type === 'message');
    await expect.poll(() => messages().length).toBe(1);
    await page.reload();
    await expect(said(page)).toHaveText(['hello']);
    await expect.poll(() => messages().length).toBe(2);
    const [first, again] = messages();
    expect(again).toEqual(first);
    line.say({ type: 'message_ack', id: message(1).id, cid: again.cid, sent_at: message(1).sent_at });
    await expect(states(page)).toHaveText(['Sent']);
    await expect(said(page)).toHaveText(['hello']);
  });

  test('Private room: what is said there, and what it is called, is text whatever it looks like', async ({ person }) => {
    const messages = PAYLOADS.map((content, index) => message(index, { content }));
    const name = '<img src=x onerror="window.fired=1">';
    const page = await person({ before: async (page) => {
      await signIn(page);
      await standInForAccounts(page, { rooms: [room({ user_a_room_name: name })], messages });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    await goto(page, '/account');
    await expect(page.locator('.rooms-open .label')).toHaveText(name);
    await goto(page, `/account/room/${ROOM}`);
    await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
    await expect(said(page).last()).toHaveText(PAYLOADS.at(-1));
    await page.locator('#account .log').evaluate((log) => (log.scrollTop = 0));
    await expect(said(page)).toHaveText(PAYLOADS);
    expect(await page.locator('#account .bubble :not(a), #account img, #account script').count()).toBe(0);
    expect(await page.evaluate(() => window.fired)).toBeUndefined();
  });

  test('Private room: rooms that were looked at leave nothing behind that listens', async ({ person }) => {
    const page = await person({ before: async (page) => {
      await signIn(page);
      await standInForAccounts(page, { rooms: [room()] });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    const cdp = await page.context().newCDPSession(page);
    const listeners = async () => {
      let sum = 0;
      for (const expression of ['window', 'document']) {
        const { result } = await cdp.send('Runtime.evaluate', { expression });
        sum += (await cdp.send('DOMDebugger.getEventListeners', { objectId: result.objectId })).listeners.length;
      }
      return sum;
    };
    const visit = async () => {
      await enter(page, ROOM);
      await goto(page, '/account');
      await expect(page.locator('.rooms-open a')).toBeVisible();
    };
    await visit();
    const before = await listeners();
    for (let round = 0; round < 3; round += 1) await visit();
    expect(await listeners()).toBe(before);
  });

  test('Private room: what is refused can be tried again, under the same cid', async ({ person }) => {
    let count = 0;
    let line;
    const hear = (command, say) => {
      if (command.type !== 'message') return;
      count += 1;
      if (count === 1) say({ type: 'error', code: 'rate_limited', message: 'Too fast.', cid: command.cid, retryMs: 100 });
      else if (count === 2) say({ type: 'error', code: 'bad_field', message: 'Not that.', cid: command.cid });
      else say({ type: 'message_ack', id: message(1).id, cid: command.cid, sent_at: message(1).sent_at });
    };
    const page = await person({ before: async (page) => {
      await signIn(page);
      line = await standInForAccounts(page, { rooms: [room()], hear });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    await goto(page, `/account/room/${ROOM}`);
    await expect(page.locator('#account .room .note').first()).not.toHaveText('Loading …');
    await write(page, 'hello');
    await expect(states(page)).toHaveText(['Not delivered Retry']);
    await page.getByRole('button', { name: 'Retry' }).click();
    await expect(states(page)).toHaveText(['Sent']);
    expect(new Set(line.heard.filter(({ type }) => type === 'message').map(({ cid }) => cid)).size).toBe(1);
    expect(count).toBe(3);
  });

  test('Private room: what was said before is loaded page by page', async ({ person }) => {
    const messages = Array.from({ length: 120 }, (_, index) => message(index));
    const page = await person({ before: async (page) => {
      await signIn(page);
      await standInForAccounts(page, { rooms: [room()], messages });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    await goto(page, `/account/room/${ROOM}`);
    await expect(said(page)).toHaveCount(50);
    await expect(said(page).last()).toBeInViewport();
    await page.locator('#account .log').evaluate((log) => (log.scrollTop = 0));
    await expect(said(page)).toHaveCount(100);
    // What was read stays where it was.
    expect(await page.locator('#account .log').evaluate((log) => log.scrollTop)).toBeGreaterThan(100);
    await page.locator('#account .log').evaluate((log) => (log.scrollTop = 0));
    await expect(said(page)).toHaveCount(120);
    await expect(said(page).first()).toHaveText('message 0');
    await page.locator('#account .log').evaluate((log) => (log.scrollTop = 0));
    await expect(page.getByRole('button', { name: 'Earlier messages' })).toBeHidden();
  });

  test('Private room: of pages that the server cuts short, nothing is missing', async ({ person }) => {
    const messages = Array.from({ length: 45 }, (_, index) => message(index));
    const texts = (from, to) => messages.slice(from, to).map(({ content }) => content);
    let line;
    const page = await person({ tolerates, before: async (page) => {
      await signIn(page);
      line = await standInForAccounts(page, { rooms: [room()], messages: messages.slice(0, 15), pageMax: 13 });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    await goto(page, `/account/room/${ROOM}`);
    // It looks by itself whether there is something before so few.
    await expect(said(page)).toHaveText(texts(0, 15));
    await page.getByRole('button', { name: 'Earlier messages' }).click();
    await expect(page.getByRole('button', { name: 'Earlier messages' })).toBeHidden();
    line.messages = messages;
    await line.sockets.at(-1).close({ code: 1012, reason: 'restart' });
    await expect(said(page)).toHaveText(texts(0, 45));
    // One that is there from the beginning begins with the end.
    await page.reload();
    await expect(said(page)).toHaveText(texts(19, 45));
    await page.locator('#account .log').evaluate((log) => (log.scrollTop = 0));
    await expect(said(page)).toHaveText(texts(6, 45));
  });

  test('Private room: reactions are one each, and come live', async ({ member }) => {
    const { one, two } = await together(member);
    await write(one, 'I baked a cake');
    await expect(said(two)).toHaveCount(1);
    await two.getByRole('button', { name: 'React to “I baked a cake”' }).focus();
    await two.keyboard.press('Enter');
    await expect(two.getByRole('button', { name: '👍' })).toBeFocused();
    await two.keyboard.press('ArrowRight');
    await two.keyboard.press('Enter');
    await expect(two.getByRole('button', { name: '❤️ from you' })).toBeVisible();
    await expect(one.getByRole('button', { name: '❤️ from the stranger' })).toBeVisible();
    await one.getByRole('button', { name: '❤️ from the stranger' }).click();
    for (const page of [one, two]) await expect(page.getByRole('button', { name: '❤️ from both of you' })).toBeVisible();
    // Another one takes the place of the first, and pressing it takes it back.
    await two.getByRole('button', { name: 'React to “I baked a cake”' }).focus();
    await two.keyboard.press('Enter');
    await two.keyboard.press('End');
    await two.keyboard.press('Enter');
    await expect(one.locator('.reaction')).toHaveText(['❤️', '🔥']);
    await two.getByRole('button', { name: '🔥 from you' }).click();
    await expect(one.locator('.reaction')).toHaveText(['❤️']);
    await one.reload();
    await expect(one.locator('.reaction')).toHaveText(['❤️']);
  });

  test('Private room: it is renamed for me alone', async ({ member }) => {
    const { one, two } = await together(member);
    await one.getByRole('button', { name: 'Rename the room' }).click();
    await one.getByRole('dialog').getByLabel('Name').fill('The one with the cake');
    await one.keyboard.press('Enter');
    await expect(one.getByRole('heading', { name: 'The one with the cake' })).toBeVisible();
    await expect(one).toHaveTitle('The one with the cake');
    await two.reload();
    await expect(two.getByRole('heading', { name: 'Stranger from Portugal' })).toBeVisible();
    await goto(one, '/account');
    await expect(one.locator('.rooms-open li')).toContainText('The one with the cake');
  });

  test('Private room: closing asks once, and shows both an end that leads on', async ({ member }) => {
    const { one, two, id } = await together(member);
    await one.getByRole('button', { name: 'Close the room' }).click();
    const dialog = one.getByRole('dialog');
    await expect(dialog.getByRole('button', { name: 'Keep it' })).toBeFocused();
    await one.keyboard.press('Escape');
    await expect(one.getByRole('button', { name: 'Close the room' })).toBeFocused();
    await one.getByRole('button', { name: 'Close the room' }).click();
    await dialog.getByRole('button', { name: 'Close the room' }).click();
    await expect(one.getByRole('heading', { name: 'You closed this room' })).toBeVisible();
    await expect(two.getByRole('heading', { name: 'This room has ended' })).toBeVisible();
    await two.getByRole('link', { name: 'Meet somebody else' }).click();
    await expect(two.getByRole('button', { name: 'Find somebody' })).toBeVisible();
    await expect(two.getByText('No room is open.')).toBeVisible();
    // Whoever comes back to it later finds no error either.
    await goto(two, `/account/room/${id}`);
    await expect(two.getByRole('heading', { name: 'This room has ended' })).toBeVisible();
  });

  test('Private room: what is asked about one room is never done to another', async ({ person }) => {
    let line;
    const asked = () => line.asked.filter((request) => /^(DELETE|PATCH)/.test(request));
    const page = await person({ before: async (page) => {
      await signIn(page);
      line = await standInForAccounts(page, { rooms: [room({ user_a_room_name: 'One' }), room({ id: THEM, user_a_room_name: 'Two' })] });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    for (const path of [`/account/room/${THEM}`, '/account', `/account/room/${ROOM}`]) {
      await goto(page, path);
      await expect(page.locator('body')).toHaveAttribute('data-connection', 'online');
    }
    for (const name of ['Close the room', 'Rename the room']) {
      await expect(page.getByRole('heading', { name: 'One' })).toBeVisible();
      await page.getByRole('button', { name }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      // The dialog belongs to the room that it asks about.
      await page.goBack();
      await expect(page.getByRole('dialog')).toHaveCount(0);
      await page.goBack();
      await expect(page.getByRole('heading', { name: 'Two' })).toBeVisible();
      expect(asked()).toEqual([]);
      await page.goForward();
      await page.goForward();
    }
    // And if it were still there, so would be its room.
    await expect(page.getByRole('heading', { name: 'One' })).toBeVisible();
    await page.getByRole('button', { name: 'Close the room' }).click();
    await page.evaluate((id) => {
      const real = HTMLDialogElement.prototype.close;
      HTMLDialogElement.prototype.close = () => (HTMLDialogElement.prototype.close = real);
      location.hash = `/account/room/${id}`;
    }, THEM);
    await expect(page.getByRole('heading', { name: 'Two' })).toBeVisible();
    await page.getByRole('dialog').getByRole('button', { name: 'Close the room' }).click();
    await expect.poll(asked).toEqual([`DELETE /rooms/${ROOM}`]);
    await expect(page.getByRole('heading', { name: 'Two' })).toBeVisible();
    await expect(page.locator('#account .ended')).toBeHidden();
  });

  test('Private room: it can be renamed before the server has described it', async ({ person }) => {
    let line;
    let isDown = true;
    const page = await person({ tolerates, before: async (page) => {
      await signIn(page);
      line = await standInForAccounts(page, { rooms: [room()], answers: {
        [`GET /rooms/${ROOM}`]: () => (isDown ? { status: 503, body: { error: 'no' }, headers: { 'Retry-After': '30' } } : null),
        [`PATCH /rooms/${ROOM}/name`]: (request) => ({ body: { ...line.rooms[0], user_a_room_name: request.postDataJSON().name } }),
      } });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    await goto(page, '/account');
    await page.locator('.rooms-open a').click();
    await page.getByRole('button', { name: 'Rename the room' }).click();
    await page.getByRole('dialog').getByLabel('Name').fill('Before all');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { name: 'Before all' })).toBeVisible();
    isDown = false;
  });

  test('Private room: a question about a room goes with the room', async ({ member }) => {
    const { one, two } = await together(member);
    await one.getByRole('button', { name: 'Close the room' }).click();
    await expect(one.getByRole('dialog')).toBeVisible();
    await two.getByRole('button', { name: 'Close the room' }).click();
    await two.getByRole('dialog').getByRole('button', { name: 'Close the room' }).click();
    await expect(one.getByRole('heading', { name: 'This room has ended' })).toBeVisible();
    await expect(one.getByRole('dialog')).toHaveCount(0);
  });

  test('Private room: an address that leads nowhere says so', async ({ member }) => {
    const one = await member({ tolerates });
    await goto(one, '/account/room/00000000-0000-4000-8000-000000000000');
    await expect(one.getByRole('heading', { name: 'There is no such room' })).toBeVisible();
  });

  test('Private room: the time left is the server’s, whatever the device believes', async ({ person }) => {
    const page = await person({ before: async (page) => {
      await page.clock.install({ time: new Date('2020-02-02T02:02:02Z') });
      await page.clock.resume();
      await page.addInitScript(([kept]) => localStorage.setItem('passerby.account', JSON.stringify(kept)), [{ token: 'x.x.x', user: ME, until: Date.now() }]);
      await standInForAccounts(page, { rooms: [room({ expires_at: new Date(Date.now() + 7_260_000).toISOString() })] });
      await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
    } });
    await goto(page, `/account/room/${ROOM}`);
    await expect(page.getByRole('timer', { name: 'Time left' })).toHaveText(/^2 h [01] min left$/);
  });

  for (const [ms, words] of [[3_603_000, 'Less than an hour'], [303_000, 'Less than five minutes']]) {
    test(`Private room: a notice when ${words.toLowerCase()} is left`, async ({ person }) => {
      const page = await person({ before: async (page) => {
        await signIn(page);
        await standInForAccounts(page, { rooms: [room({ expires_at: new Date(Date.now() + ms + 4_000).toISOString() })] });
        await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
      } });
      await goto(page, `/account/room/${ROOM}`);
      await expect(page.getByRole('timer', { name: 'Time left' })).not.toBeEmpty();
      await expect(page.getByRole('status').filter({ hasText: words })).toBeVisible({ timeout: 15_000 });
    });
  }

  test('Private room: when its time is over, there is an end and no error', async ({ member }) => {
    const server = await withAccounts({ 'private-room-ms': 6_000 });
    try {
      const [one, two] = [await member({ url: server.url, tolerates }), await member({ url: server.url, tolerates })];
      const id = await openRoom(one, two);
      for (const page of [one, two]) await goto(page, `/account/room/${id}`);
      for (const page of [one, two]) await expect(page.getByRole('heading', { name: 'This room has ended' })).toBeVisible({ timeout: 15_000 });
    } finally {
      await server.stop();
    }
  });
});

test.describe('Keeping in touch', () => {
  const keepButton = (page) => page.getByRole('button', { name: 'Keep in touch' });
  const meet = async (...pages) => {
    await Promise.all(pages.map(seek));
    for (const page of pages) await expectPhase(page, 'chatting');
  };

  test('Keep in touch: when both want it, they have a room; before, nothing is revealed', async ({ member }) => {
    const [one, two] = [await member(), await member()];
    await meet(one, two);
    await keepButton(one).click();
    await expect(one.locator('#log')).toContainText('If they want that too, you will get a room for 24 hours.');
    await expect(keepButton(one)).toBeHidden();
    await expect(two.locator('#log')).not.toContainText('24 hours');
    await keepButton(two).click();
    for (const page of [one, two]) await expect(page.locator('#log')).toContainText('You both want to keep in touch.');
    await two.locator('#log').getByRole('link', { name: 'Open the room' }).click();
    await expect(two).toHaveURL(/#\/account\/room\//);
    await expect(two.getByRole('heading', { name: 'Stranger from Portugal' })).toBeVisible();
    // The conversation goes on meanwhile.
    await expectPhase(one, 'chatting');
  });

  test('Keep in touch: is for people with accounts', async ({ person, member, accounts }) => {
    const [one, two] = [await member(), await person({ url: accounts })];
    await meet(one, two);
    await expect(keepButton(one)).toBeVisible();
    await expect(keepButton(two)).toHaveCount(0);
    await one.getByRole('button', { name: 'Stop' }).click();
    await one.getByRole('button', { name: 'Really?' }).click();
    await expect(keepButton(one)).toBeHidden();
  });

  test('Keep in touch: a search somewhere else ends this one, with a sentence', async ({ member, person, accounts }) => {
    const one = await member();
    const elsewhere = await person({ url: accounts, before: (page) => keep(page, one.account) });
    await seek(one);
    await expectPhase(one, 'searching');
    await seek(elsewhere);
    await expectPhase(elsewhere, 'searching');
    await expectPhase(one, 'idle');
    await expect(one.getByRole('alert').filter({ hasText: 'You search somewhere else now' })).toBeVisible();
  });

  test('Keep in touch: signing in or out never interrupts a conversation', async ({ member, person, accounts }) => {
    const [one, two] = [await member(), await person({ url: accounts })];
    await meet(one, two);
    await goto(one, '/account');
    await one.getByRole('button', { name: 'Sign out' }).click();
    await expect(one.locator('#account').getByRole('button', { name: 'Sign in' })).toBeVisible();
    await expectPhase(one, 'chatting');
    await expectPhase(two, 'chatting');
    await expect(keepButton(one)).toBeHidden();
  });
});

for (const colorScheme of ['light', 'dark']) {
  for (const viewport of [{ width: 1280, height: 800 }, { width: 320, height: 568 }]) {
    test(`Account: axe finds nothing, nothing is cut off (${colorScheme}, ${viewport.width} px)`, async ({ person }) => {
      test.setTimeout(120_000);
      let line;
      const rooms = [room({ unread: 12 }), room({ id: THEM, country_b: 'BR', user_a_room_name: 'Balcony', expires_at: new Date(Date.now() + 240_000).toISOString() })];
      const page = await person({ colorScheme, viewport, isMobile: viewport.width < 500, hasTouch: viewport.width < 500, tolerates, before: async (page) => {
        await signIn(page);
        line = await standInForAccounts(page, { rooms, messages: [message(1, { reactions: [{ user_id: ME.id, emoji: '❤️' }] }), message(2, { sender_id: ME.id })] });
        await page.routeWebSocket(/\/ws\?/, (socket) => socket.onMessage(() => {}));
      } });
      const check = async (where) => {
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), where).toBeLessThanOrEqual(0);
        const small = await page.evaluate(() => [...document.querySelectorAll('button, input:not([type=radio], [type=checkbox]), select, textarea, nav a, .rooms-open a')]
          .filter((element) => element.checkVisibility() && !element.closest('.unseen')).map((element) => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
          .filter(([, { width, height }]) => width < 43.9 || height < 43.9).map(([html]) => html));
        expect(small, where).toEqual([]);
        const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
        expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), where).toEqual([]);
      };
      await goto(page, '/account');
      await expect(page.locator('.rooms-open li')).toHaveCount(2);
      line.notify({ type: 'online_count', count: 7 });
      await check('home');
      await page.getByRole('button', { name: 'Find somebody' }).click();
      await expect(page.getByRole('button', { name: 'Cancel' })).toBeVisible();
      await check('waiting');
      await goto(page, `/account/room/${THEM}`);
      await expect(said(page)).toHaveCount(2);
      await page.locator('.react').first().click();
      await check('room');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Close the room' }).click();
      await check('closing');
      await page.keyboard.press('Escape');
      await page.evaluate(() => localStorage.removeItem('passerby.account'));
      await page.reload();
      await page.getByRole('radio', { name: 'New account' }).check();
      await page.getByRole('button', { name: 'Create an account' }).click();
      await check('creating an account');
    });
  }
}
