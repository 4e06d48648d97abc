// The anonymous chat of somebody who is signed in: the connection brings the token along, so that the two can ask to keep
// in touch. An account never stands between anybody and the chat: what it cannot do, is done without it.

import * as alert from '../alert.js';
import * as router from '../router.js';
import { session } from './session.js';

const PATH = '/ws?auto=0&format=json';
const FAILURES_MAX = 2;
const WITHOUT = 'Your account cannot be used at the moment; you are anonymous until then.';

/** The token of the connection that is open, or being opened. */
let token = null;
/** Connections that could not be had with the token, although it seems to be good. */
let failures = 0;
let isAsking = false;

/** The address of the stranger chat, as whoever is signed in. */
export function address() {
  token = failures < FAILURES_MAX ? session.token : null;
  return token ? `${PATH}&token=${encodeURIComponent(token)}` : PATH;
}

/** Keeps the anonymous chat and the navigation in step with who is signed in. */
export function follow(client, chat) {
  let isWatching = false;
  const isTied = () => token !== null && token === session.token;
  const show = () => {
    router.rename('/account', session.isOpen ? 'Account' : 'Sign in');
    if (!session.isOpen || isWatching) return;
    isWatching = true;
    void import('./member.js').then(({ start }) => start({ client, chat, isTied })).catch(() => (isWatching = false));
  };
  session.addEventListener('change', ({ detail }) => {
    failures = 0;
    client.renew();
    show();
    if (detail.reason && !router.isAt('/account')) alert.say(detail.reason);
  });
  client.addEventListener('lost', ({ detail }) => {
    if (!detail.wasOpen && token) void doubt();
  });
  show();
  if (session.reason) alert.say(session.reason);
}

/** Why a connection is refused, browsers do not tell; a plain request with the same token does. */
async function doubt() {
  if (isAsking) return;
  isAsking = true;
  const { request } = await import('./api.js');
  const { status } = await request('GET', '/rooms/me');
  isAsking = false;
  // A token that is not good has signed out by now, and without an answer there is no server.
  if (status === 0 || status === 401) return;
  failures += 1;
  if (failures === FAILURES_MAX) alert.say(WITHOUT);
}
