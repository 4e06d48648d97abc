// "Stranger is typing", in a line that is always there so that nothing jumps.

import { find } from './dom.js';

const LASTS_MS = 6_000;

export class Typing {
  #line = find('#typing');
  #timer = 0;

  start() {
    clearTimeout(this.#timer);
    this.#line.classList.add('on');
    this.#timer = setTimeout(() => this.stop(), LASTS_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#line.classList.remove('on');
  }
}
