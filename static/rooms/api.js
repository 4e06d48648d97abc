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

export const list = async () => (await ask('/api/rooms')).rooms;

export async function create(name) {
  const headers = { 'Content-Type': 'application/json' };
  return (await ask('/api/rooms', { method: 'POST', headers, body: JSON.stringify({ name }) })).room;
}

/** What was said before a message, oldest first. */
export const page = async (room, before, limit) =>
  (await ask(`/api/rooms/${encodeURIComponent(room)}/messages?before=${before}&limit=${limit}`)).messages;

/** Who is in a room or, without one, who is here at all. */
export const users = async (room) =>
  (await ask(room === undefined ? '/api/users' : `/api/users?room=${encodeURIComponent(room)}`)).users;

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
