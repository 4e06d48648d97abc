// Stands in for the accounts of the server on one page: for what a real one says only rarely, or only after a day.

const ID = (number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
export const ME = { id: ID(1), pseudo: 'Ann', email: 'ann@example.org', country: 'PT', created_at: '2026-01-01T00:00:00.000Z' };
export const THEM = ID(2);
export const ROOM = ID(3);

/** A token that says for how long it is good. */
export function token(seconds = 3_600) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.floor(Date.now() / 1000);
  return `${part({ alg: 'HS256' })}.${part({ sub: ME.id, iat, exp: iat + seconds })}.x`;
}

export const room = (others = {}) => ({
  id: ROOM, country_a: 'PT', country_b: 'JP', user_a_room_name: 'Stranger', user_b_room_name: 'Stranger', my_side: 'a', is_active: true,
  created_at: new Date(Date.now() - 3_600_000).toISOString(), expires_at: new Date(Date.now() + 82_800_000).toISOString(), unread: 0, last_message_at: null, ...others,
});

export const message = (number, others = {}) => ({
  id: ID(1_000 + number), sender_id: THEM, content: `message ${number}`, is_read: true, sent_at: new Date(Date.now() - 3_000_000 + number * 1_000).toISOString(), reactions: [], ...others,
});

/** Signs the page in before it is loaded. */
export const signIn = (page, { lasts = 3_600 } = {}) => page.addInitScript(([kept]) => {
  if (!sessionStorage.getItem('was-signed-in')) localStorage.setItem('passerby.account', JSON.stringify(kept));
  sessionStorage.setItem('was-signed-in', '1');
}, [{ token: token(lasts), user: ME, until: Date.now() + lasts * 1_000 }]);

/**
 * Answers what the page asks for: `answers` maps "METHOD /path" to a function that returns { status, body, headers }, or a promise of that.
 * A page of messages has as many as are asked for, and `pageMax` at most. Returns { asked, notices, sockets }: the requests, and the WebSockets for notices and in rooms.
 */
export async function standInForAccounts(page, { rooms = [], messages = [], pageMax = Infinity, answers = {}, hear = () => {} } = {}) {
  const line = { asked: [], notices: [], sockets: [], heard: [], rooms, messages };
  const usual = {
    'GET /rooms/me': () => ({ body: line.rooms }),
    'POST /pool/join': () => ({ status: 202, body: { message: 'waiting for a match' } }),
    'POST /pool/leave': () => ({ body: { message: 'left' } }),
  };
  await page.route(/\/(auth|pool|rooms|messages)\/[^/]/, async (route) => {
    const request = route.request();
    const { pathname, searchParams } = new URL(request.url());
    // Modules of the page are none of it.
    if (pathname.endsWith('.js')) return route.continue();
    line.asked.push(`${request.method()} ${pathname}`);
    const named = answers[`${request.method()} ${pathname}`] ?? usual[`${request.method()} ${pathname}`];
    let answer = await named?.(request);
    if (!answer && pathname.endsWith('/messages')) {
      const before = searchParams.get('before');
      const until = before ? line.messages.findIndex(({ id }) => id === before) : line.messages.length;
      answer = { body: line.messages.slice(Math.max(0, until - Math.min(pageMax, Number(searchParams.get('limit')))), until) };
    }
    answer ??= { body: line.rooms.find(({ id }) => pathname.includes(id)) ?? { message: 'done' } };
    await route.fulfill({ status: answer.status ?? 200, json: answer.body ?? {}, headers: { Date: new Date().toUTCString(), ...answer.headers } });
  });
  await page.routeWebSocket(/\/ws\//, (socket) => {
    const isNotices = socket.url().includes('/ws/notifications');
    (isNotices ? line.notices : line.sockets).push(socket);
    socket.onMessage((text) => {
      const command = JSON.parse(text);
      line.heard.push(command);
      hear(command, (event) => socket.send(JSON.stringify(event)));
    });
  });
  line.notify = (event) => line.notices.at(-1).send(JSON.stringify(event));
  line.say = (event) => line.sockets.at(-1).send(JSON.stringify(event));
  return line;
}
