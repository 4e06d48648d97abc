// Says how the connection is, when that is worth saying.

import { find, make } from './dom.js';

const QUIET_MS = 1_000;
const GOOD_NEWS_MS = 2_500;

export class Banner {
  #element = find('#connection');
  #words = find('#connection-words');
  #count = find('#connection-count');
  #client;
  #timer = 0;
  #wasBad = false;

  constructor(client) {
    this.#client = client;
    find('#connect-now').addEventListener('click', () => client.connect());
    client.addEventListener('state', () => this.#show());
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
    } else {
      this.#say('Disconnected. Reload the page to connect again.');
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
