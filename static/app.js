// Puts the page together.

import * as stranger from './account/stranger.js';
import { session } from './account/session.js';
import { Banner } from './banner.js';
import { Chat } from './chat.js';
import { Passerby } from './passerby.js';
import * as router from './router.js';
import * as settings from './settings.js';
import { Start } from './start.js';
import './viewport.js';

const client = new Passerby(stranger.address);
let start = null;
const chat = new Chat(client, () => ({ mode: 'text', ...start.wish }));
start = new Start(client, {
  begin: () => (chat.isTalking ? router.go('/chat') : chat.seek()),
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
router.add({ path: '/rooms', label: 'Rooms', load: async () => (await import('./rooms/screen.js')).screen, style: 'style/rooms.css' });
router.add({ path: '/account', label: 'Sign in', load: async () => (await import('./account/screen.js')).screen, style: 'style/account.css' });
client.connect();
stranger.follow(client, chat);
const banner = new Banner();
router.start((connection) => banner.follow(connection ?? client));
