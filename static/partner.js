// What is known of the other one: whether anybody is there, for how long, and what both like.

import { find } from './dom.js';
import { isolate } from './text.js';
import { both, either, elapsed } from './time.js';

const STATES = {
  idle: 'Nobody is here yet',
  searching: 'Searching …',
  chatting: 'You and a stranger',
  sure: 'You and a stranger',
  ended: 'The stranger is gone',
};

export class Partner {
  #timer = 0;
  #since = 0;
  #shared = [];

  /** Somebody is looked for. */
  seek({ interests, anyone }, since) {
    this.#since = since;
    this.#shared = [];
    const words = interests.map((word) => `“${isolate(word)}”`);
    find('#seek-whom').textContent = words.length ? `Somebody who likes ${either(words)}` : 'Anybody who is here';
    find('#seek-else').textContent = words.length && anyone ? 'If nobody does, anybody after a few seconds.' : '';
  }

  join({ interests }, since) {
    this.#since = since;
    this.#shared = (interests ?? []).map(isolate);
  }

  leave() {
    this.#tick();
    clearInterval(this.#timer);
  }

  get greeting() {
    const shared = this.#shared.length ? ` You both like ${both(this.#shared)}.` : '';
    return `You are talking with a stranger.${shared} Say hello!`;
  }

  show(phase) {
    const state = find('#partner-state');
    if (state.textContent !== STATES[phase]) state.textContent = STATES[phase];
    find('#shared').textContent = this.#shared.length ? `You both like ${both(this.#shared)}` : '';
    find('#shared').hidden = !this.#shared.length || phase === 'idle' || phase === 'searching';
    clearInterval(this.#timer);
    const isRunning = phase === 'searching' || phase === 'chatting' || phase === 'sure';
    if (isRunning) {
      this.#tick();
      this.#timer = setInterval(() => this.#tick(), 1_000);
    }
    find('#partner-time').hidden = phase === 'idle' || phase === 'searching';
  }

  #tick() {
    const text = elapsed(Date.now() - this.#since);
    find('#partner-time').textContent = text;
    find('#seek-time').textContent = text;
  }
}
