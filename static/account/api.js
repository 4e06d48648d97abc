// What is asked of the server by plain requests, in the name of whoever is signed in; and what time it is there.

import { INVALID, session } from './session.js';

const PATIENCE_MS = 15_000;
/** How far the server's clock is ahead of the device's. */
let ahead = 0;

/** The time by the server's clock: the device's may be wrong. */
export const serverNow = () => Date.now() + ahead;

/** Resolves to { status, data, retryMs }; the status is 0 when there was no answer. Never rejects. */
export async function request(method, path, body) {
  const { token } = session;
  const headers = {};
  if (token && !path.startsWith('/auth/')) headers.Authorization = `Bearer ${token}`;
  if (body) headers['Content-Type'] = 'application/json';
  const begun = Date.now();
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    compare(response.headers.get('Date'), begun);
    const data = await response.json().catch(() => null);
    const { status } = response;
    // Whoever has signed in anew meanwhile stays so.
    if (status === 401 && headers.Authorization && session.token === token) session.close(INVALID);
    return { status, data, retryMs: (Number(response.headers.get('Retry-After')) || 0) * 1000 };
  } catch {
    return { status: 0, data: null, retryMs: 0 };
  }
}

/** The header counts whole seconds, and the answer took its time. */
function compare(date, begun) {
  const now = Date.now();
  const there = Date.parse(date) + 500;
  if (!Number.isFinite(there)) return;
  const measured = there - (begun + now) / 2;
  const doubt = 500 + (now - begun) / 2;
  // What was known is better than a second's rounding, unless it is contradicted.
  if (Math.abs(measured - ahead) > doubt) ahead = measured;
}

const WORDS = {
  0: 'The server cannot be reached. Please try again in a moment.',
  401: INVALID,
  404: 'That is not there any more.',
  410: 'This room has ended.',
  429: 'That was too much at once. Please try again in a moment.',
  507: 'The server has no space left for that. Please try again later.',
  503: 'Accounts and their rooms cannot be reached at the moment; anonymous chat goes on. Please try again soon.',
};

/** What went wrong, in words. */
export const sentence = ({ status, data }) => WORDS[status] ?? data?.error ?? 'The server did not understand that. Please load the page again.';
