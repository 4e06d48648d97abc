// Who is typing: "Ann is typing", "Ann and Bob are typing", "several people are typing".

import { isolate } from '../text.js';

const LASTS_MS = 6_000;

export class Typists {
  #line;
  #words;
  #place = '';
  /** place -> id -> { name, timer } */
  #all = new Map();

  /** `line` is always there, so that nothing jumps. */
  constructor(line) {
    this.#line = line;
    this.#words = line.querySelector('span');
  }

  /** Shows those of another place from now on. */
  show(place) {
    this.#place = place;
    this.#draw();
  }

  start(place, id, name) {
    this.stop(place, id);
    if (!this.#all.has(place)) this.#all.set(place, new Map());
    this.#all.get(place).set(id, { name, timer: setTimeout(() => this.stop(place, id), LASTS_MS) });
    this.#draw();
  }

  stop(place, id) {
    const typist = this.#all.get(place)?.get(id);
    if (!typist) return;
    clearTimeout(typist.timer);
    this.#all.get(place).delete(id);
    this.#draw();
  }

  #draw() {
    const names = [...(this.#all.get(this.#place)?.values() ?? [])].map(({ name }) => isolate(name));
    this.#line.classList.toggle('on', names.length > 0);
    if (!names.length) return;
    const who = names.length > 2 ? 'Several people' : names.join(' and ');
    this.#words.textContent = `${who} ${names.length > 1 ? 'are' : 'is'} typing`;
  }
}
