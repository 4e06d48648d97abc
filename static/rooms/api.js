// What is asked of the rooms by plain requests. Each throws an error whose message can be shown.

const WORDS = {
  404: 'That room is not there any more.',
  429: 'That was too fast. Please try again in a moment.',
  503: 'The server cannot take any more at the moment. Please try again later.',
};

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: 'no-store', ...options });
  } catch {
    throw new Error('The server cannot be reached.');
  }
  if (response.ok) return response.json();
  const told = await response.json().catch(() => ({}));
  throw new Error(WORDS[response.status] ?? told.error ?? 'The server does not answer as it should.');
}

/** Pages of one list that are asked for: some ten thousand items. */
const PAGES_MAX = 12;

/** A list, page after page; `isCut` if that was not all of it. */
async function all(path, key) {
  const items = [];
  let next = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const after = next ? `${path.includes('?') ? '&' : '?'}after=${encodeURIComponent(next)}` : '';
    const answer = await ask(path + after).catch((error) => {
      // Whatever the last page ended with may be gone.
      if (!page) throw error;
    });
    if (!answer) break;
    items.push(...answer[key]);
    if (!answer.next) return { items, isCut: false };
    ({ next } = answer);
  }
  return { items, isCut: true };
}

/** The rooms there are. */
export const list = () => all('/api/rooms', 'rooms');

export async function create(name) {
  const headers = { 'Content-Type': 'application/json' };
  return (await ask('/api/rooms', { method: 'POST', headers, body: JSON.stringify({ name }) })).room;
}

/** What was said before a message, oldest first; `next` if there is more before that. */
export const page = (room, before, limit) =>
  ask(`/api/rooms/${encodeURIComponent(room)}/messages?before=${before}&limit=${limit}`);

/** Who is in a room or, without one, who is here at all. */
export const users = (room) => all(room === undefined ? '/api/users' : `/api/users?room=${encodeURIComponent(room)}`, 'users');

/**
 * Whether the server takes this person for who they say they are; nothing if it does not tell. It is asked by saying
 * something where no room can be, since who speaks is looked at first.
 */
export async function isProven({ id, name, token }) {
  const headers = { 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  const body = JSON.stringify({ type: 'text', content: '?', sender: name, sender_id: id, room: ' ' });
  const { status } = await fetch('/api/messages', { method: 'POST', headers, body }).catch(() => ({}));
  return { 401: false, 404: true }[status];
}
