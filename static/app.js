// Puts the page together.

import * as stranger from './account/stranger.js';
import { session } from './account/session.js';
import { Banner } from './banner.js';
import { Chat } from './chat.js';
import { find } from './dom.js';
import { mode } from './mode.js';
import { Passerby } from './passerby.js';
import * as router from './router.js';
import * as settings from './settings.js';
import { Start } from './start.js';
import './viewport.js';

const client = new Passerby(stranger.address);
let start = null;
let video = null;

/** Without its devices a search for video would find people who see nobody. */
function mayLook() {
  if (!mode.isVideo || chat.isTalking || video?.isReady()) return true;
  router.go('/video');
  return false;
}

const chat = new Chat(client, () => ({ mode: mode.wished, ...start.wish }), mayLook);

function seek(wanted) {
  if (wanted !== mode.wished && chat.isSearching) chat.leave();
  mode.wished = wanted;
  chat.seek();
}

/** Names the way to the strangers for what is there: the conversation, if there is one. */
function name() {
  find('#chat-title').textContent = mode.isVideo ? 'Video chat' : 'Text chat';
  const isVideo = router.isAt('/video') || (mode.isVideo && chat.phase !== 'idle');
  router.rename('/', isVideo ? 'Video chat' : 'Text chat', chat.isTalking || chat.isSearching ? '/chat' : '/');
}

async function loadVideo() {
  const { assemble } = await import('./video/video.js');
  video ??= assemble({ client, chat, seek });
  return video.screen;
}

/** Until this tab has the rooms, those that have them tell what is unread there. */
const tabs = new BroadcastChannel('passerby.letters');
tabs.addEventListener('message', ({ data }) => {
  if (data.type === 'unread') router.badge('/rooms', data.count);
});

async function loadRooms() {
  const { screen } = await import('./rooms/screen.js');
  tabs.close();
  return screen;
}

start = new Start(client, {
  begin: (wanted) => {
    if (chat.isTalking) router.go('/chat');
    else if (wanted === 'video') router.go('/video');
    else seek(wanted);
  },
  isTalking: () => chat.isTalking,
});

settings.start(() => {
  chat.forget();
  start.forget();
  session.reload();
  router.forget();
});
// Until something has happened in the chat, the first screen has its title, too.
router.add({ ...start.screen, title: () => chat.title });
router.add(chat.screen);
router.add({ path: '/video', under: '/', load: loadVideo, style: 'style/video.css' });
router.add({ path: '/rooms', label: 'Rooms', load: loadRooms, style: 'style/rooms.css' });
router.add({ path: '/account', label: 'Sign in', load: async () => (await import('./account/screen.js')).screen, style: 'style/account.css' });
mode.addEventListener('change', name);
chat.addEventListener('phase', name);
router.follow(name);
tabs.postMessage({ type: 'ask' });
client.connect();
stranger.follow(client, chat);
const banner = new Banner();
router.start((connection) => banner.follow(connection ?? client));
