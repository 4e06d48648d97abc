// Says how the connection is, when that is worth saying.

import { find, make } from './dom.js';

const QUIET_MS = 1_000;
const GOOD_NEWS_MS = 2_500;

export class Banner {
  #element = find('#connection');
  #words = find('#connection-words');
  #count = find('#connection-count');
  #client = null;
  #timer = 0;
  #wasBad = false;
  #hears = () => this.#show();

  constructor() {
    find('#connect-now').addEventListener('click', () => this.#client.connect());
  }

  /** Tells from now on of this connection: anything with `state`, `retryAt`, `wasDismissed`, `connect()` and `state` events. */
  follow(client) {
    if (client === this.#client) return;
    this.#client?.removeEventListener('state', this.#hears);
    this.#client = client;
    client.addEventListener('state', this.#hears);
    this.#wasBad = false;
    this.#hide();
    this.#show();
  }

  #show() {
    clearTimeout(this.#timer);
    const { state } = this.#client;
    document.body.dataset.connection = state;
    if (state === 'online') {
      if (this.#wasBad) this.#say('Online again');
      this.#timer = setTimeout(() => this.#hide(), this.#wasBad ? GOOD_NEWS_MS : 0);
      this.#wasBad = false;
    } else if (state === 'offline') {
      this.#wasBad = true;
      this.#say('You are offline. The page comes back by itself.');
    } else if (state === 'waiting') {
      this.#wasBad = true;
      this.#countDown();
    } else if (this.#wasBad) {
      this.#say('Reconnecting …');
    } else if (state === 'connecting') {
      // Opening a connection is nothing to talk about unless it takes long.
      this.#timer = setTimeout(() => {
        this.#wasBad = true;
        this.#say('Connecting …');
      }, QUIET_MS);
    } else if (this.#client.wasDismissed) {
      this.#say('Disconnected. Reload the page to connect again.');
    } else {
      // Nobody has asked for a connection.
      this.#hide();
    }
  }

  #countDown() {
    const seconds = Math.max(1, Math.ceil((this.#client.retryAt - Date.now()) / 1000));
    // The number is not read out each second.
    this.#say('Reconnecting', `in ${seconds} s`);
    this.#timer = setTimeout(() => this.#countDown(), 1_000);
  }

  #say(words, count = '') {
    if (this.#words.textContent !== words) this.#words.textContent = words;
    this.#count.replaceChildren(...(count ? [make('span', { textContent: count })] : []));
    this.#element.hidden = false;
  }

  #hide() {
    this.#element.hidden = true;
    this.#words.textContent = '';
  }
}
