// Picks a reaction: a row of buttons beneath the message, one of them in the tab order, the arrow keys go from one to the next.

import { make } from '../dom.js';
import { session } from './session.js';

const CHOICE = ['👍', '❤️', '😂', '😮', '😢', '🎉', '🙏', '🔥'];

export class Picker {
  #pick;
  #panel = make('div', { className: 'picker', role: 'toolbar', 'aria-label': 'Reaction' });
  #buttons = CHOICE.map((emoji) => make('button', { type: 'button', textContent: emoji }));
  #opener = null;
  #message = null;

  /** `pick` is called with the message and the emoji. */
  constructor(pick) {
    this.#pick = pick;
    this.#panel.append(...this.#buttons);
    this.#panel.addEventListener('keydown', (event) => this.#pressed(event));
    this.#panel.addEventListener('click', ({ target }) => {
      if (!CHOICE.includes(target.textContent)) return;
      this.close();
      this.#pick(this.#message, target.textContent);
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (this.isOpen && !this.#panel.contains(target) && !this.#opener.contains(target)) this.close(false);
    });
  }

  get isOpen() {
    return this.#opener !== null;
  }

  toggle(message, opener, place) {
    const wasHere = this.#opener === opener;
    this.close();
    if (wasHere) return;
    this.#message = message;
    this.#opener = opener;
    opener.setAttribute('aria-expanded', 'true');
    opener.parentElement.after(this.#panel);
    const mine = message.reactions.find(({ user_id }) => user_id === session.user?.id)?.emoji;
    for (const button of this.#buttons) button.setAttribute('aria-pressed', String(button.textContent === mine));
    this.#focus(Math.max(0, CHOICE.indexOf(mine)));
    place.scrollIntoView({ block: 'nearest' });
  }

  close(focuses = true) {
    if (!this.isOpen) return;
    this.#panel.remove();
    this.#opener.setAttribute('aria-expanded', 'false');
    if (focuses) this.#opener.focus();
    this.#opener = null;
  }

  #focus(index) {
    const button = this.#buttons[(index + CHOICE.length) % CHOICE.length];
    for (const other of this.#buttons) other.tabIndex = other === button ? 0 : -1;
    button.focus();
  }

  #pressed(event) {
    const at = this.#buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: CHOICE.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#focus(to);
  }
}
