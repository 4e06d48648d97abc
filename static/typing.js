// "Stranger is typing", in a line that is always there so that nothing jumps.

import { find } from './dom.js';

const LASTS_MS = 6_000;

export class Typing {
  #line;
  #timer = 0;

  constructor(line = find('#typing')) {
    this.#line = line;
  }

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
