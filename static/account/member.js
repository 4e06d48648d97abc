// What goes on for somebody who is signed in, whatever screen they look at: unread rooms, and people who were found.

import * as alert from '../alert.js';
import { notify, setUnread } from '../notify.js';
import * as router from '../router.js';
import { Keep } from './keep.js';
import { pathOf } from './label.js';
import { notices } from './notices.js';
import { pool } from './pool.js';

/** Begins to watch; `chat` and its `client` are those of the anonymous chat, and `isTied` says whether it knows the account. */
export function start({ client, chat, isTied }) {
  new Keep({ client, chat, isTied });
  const show = () => {
    router.badge('/account', notices.unread);
    setUnread(notices.unread);
  };
  notices.addEventListener('change', show);
  notices.addEventListener('came', () => notify({ counts: false }));
  pool.addEventListener('matched', ({ detail }) => {
    notify();
    if (router.isAt('/account') && !document.hidden && !location.hash.includes('/room/')) router.go(pathOf(detail.room_id));
    else alert.say('Somebody was found to share a room with.', { label: 'Open the room', act: () => router.go(pathOf(detail.room_id)) });
  });
  show();
}
