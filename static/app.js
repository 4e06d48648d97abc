// Puts the page together.

import { Banner } from './banner.js';
import { Chat } from './chat.js';
import { find } from './dom.js';
import { Passerby } from './passerby.js';
import * as router from './router.js';
import * as settings from './settings.js';
import { Start } from './start.js';
import { tab } from './storage.js';
import './viewport.js';

const client = new Passerby();
let start = null;
let mode = tab.read('mode', 'text');
let video = null;

/** Without its devices a search for video would find people who see nobody. */
function mayLook() {
  if (mode !== 'video' || chat.isTalking || video?.isReady()) return true;
  router.go('/video');
  return false;
}

const chat = new Chat(client, () => ({ mode, ...start.wish }), mayLook);

function choose(wanted) {
  if (wanted !== mode && chat.isSearching) chat.leave();
  mode = wanted;
  tab.write('mode', mode);
  find('#chat-title').textContent = mode === 'video' ? 'Video chat' : 'Text chat';
}

function seek(wanted) {
  choose(wanted);
  chat.seek();
}

async function loadVideo() {
  const { assemble } = await import('./video/video.js');
  video ??= assemble({ client, chat, seek, isVideo: () => mode === 'video' });
  return video.screen;
}

start = new Start(client, {
  begin: (wanted) => {
    if (chat.isTalking) router.go('/chat');
    else if (wanted === 'video') router.go('/video');
    else seek(wanted);
  },
  isTalking: () => chat.isTalking,
});

choose(mode);
settings.start(() => {
  chat.forget();
  start.forget();
  router.forget();
});
// Until something has happened in the chat, the first screen has its title, too.
router.add({ ...start.screen, title: () => chat.title });
router.add(chat.screen);
router.add({ path: '/video', load: loadVideo, style: 'style/video.css' });
router.add({ path: '/rooms', label: 'Rooms', load: async () => (await import('./rooms/screen.js')).screen, style: 'style/rooms.css' });
client.connect();
const banner = new Banner();
router.start((connection) => banner.follow(connection ?? client));
