// The rooms one can go to: one's own first, each with how many people are there and what is unread.

import { find, make } from '../dom.js';
import { allowSound } from '../notify.js';
import * as router from '../router.js';
import { arrange, badge, iconButton } from '../shared/parts.js';

const FILTER_FROM = 8;
const NAME_MAX = 64;
/** More rooms than these are found by their name only. */
const OTHERS_MAX = 500;

const people = (count) => (count === 1 ? '1 person' : `${count} people`);
export const addressOf = (room) => `/rooms/${encodeURIComponent(room)}`;

export class List {
  #hall;
  #choose;
  #items = new Map();
  #filter = make('input', { type: 'search', id: 'room-filter', autocomplete: 'off', placeholder: 'Find a room', 'aria-label': 'Find a room' });
  #mine = make('ul', { className: 'lines', 'aria-label': 'Your rooms' });
  #others = make('ul', { className: 'lines', 'aria-label': 'More rooms' });
  #state = make('p', { className: 'help', role: 'status' });
  #name = make('input', { id: 'room-name', autocomplete: 'off', 'aria-describedby': 'room-name-error' });
  #error = make('p', { className: 'hint', id: 'room-name-error', role: 'alert' });
  #letters = make('a', { className: 'line to-letters', href: '#/rooms/@' }, make('span', { className: 'line-name', textContent: 'Private' }), badge(0));
  #me = make('bdi');
  #pen = iconButton('pen', 'Change your name');

  /** `rename` is called when another name is wanted, `choose` with the room that is gone to. */
  constructor(hall, { rename, choose }) {
    this.#hall = hall;
    this.#choose = choose;
    const pen = this.#pen;
    pen.addEventListener('click', rename);
    const create = make('form', { className: 'create', noValidate: true },
      make('label', { htmlFor: 'room-name', textContent: 'Make a room' }),
      make('div', { className: 'pair' }, this.#name, make('button', { type: 'submit', textContent: 'Create' })),
      this.#error);
    create.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#create();
    });
    this.#name.addEventListener('input', () => this.#complain(''));
    this.#filter.addEventListener('input', () => this.show());
    this.element = make('aside', { className: 'pane rooms-list', 'aria-label': 'Rooms' },
      make('header', { className: 'top' }, make('h2', { textContent: 'Rooms' }), make('p', { className: 'me' }, 'You are ', this.#me), pen),
      make('div', { className: 'scrolls' },
        this.#filter,
        make('div', { className: 'mine' }, make('h3', { textContent: 'Your rooms' }), this.#mine),
        make('div', { className: 'others' }, make('h3', { textContent: 'More rooms' }), this.#others),
        this.#state),
      this.#letters, create);
  }

  focus() {
    this.#pen.focus({ preventScroll: true });
  }

  /** Draws it anew: `open` is the room that is seen, `letters` how many letters are unread. */
  show({ open, me, letters } = this.seen) {
    this.seen = { open, me, letters };
    this.#me.textContent = me;
    this.#letters.lastElementChild.replaceWith(badge(letters));
    const rooms = [...this.#hall.rooms.values()].filter(({ isJoined, isListed }) => isJoined || isListed);
    this.#filter.hidden = rooms.length <= FILTER_FROM;
    const wanted = this.#filter.hidden ? '' : this.#filter.value.trim().toLowerCase();
    const fits = rooms.filter(({ name }) => name.toLowerCase().includes(wanted));
    const mine = fits.filter(({ isJoined }) => isJoined);
    const others = fits.filter(({ isJoined }) => !isJoined);
    arrange(this.#mine, mine.map((room) => this.#item(room, open)));
    const shown = others.slice(0, OTHERS_MAX).map((room) => this.#item(room, open));
    if (others.length > OTHERS_MAX) shown.push(make('li', { className: 'help', textContent: `and ${others.length - OTHERS_MAX} more; find them by name` }));
    arrange(this.#others, shown);
    this.#mine.parentElement.hidden = !mine.length;
    this.#others.parentElement.hidden = !others.length;
    for (const id of this.#items.keys()) if (!this.#hall.rooms.has(id)) this.#items.delete(id);
    let words = this.#hall.trouble;
    if (!words && !this.#hall.isLoaded) words = 'Looking for rooms …';
    else if (!words && !fits.length) words = 'No room is called that.';
    if (this.#state.textContent !== words) this.#state.textContent = words;
  }

  #item(room, open) {
    let item = this.#items.get(room.id);
    if (!item) {
      const link = make('a', { className: 'line', href: `#${addressOf(room.id)}` },
        make('bdi', { className: 'line-name' }), make('span', { className: 'line-count' }), badge(0));
      link.addEventListener('click', () => {
        allowSound();
        this.#choose(room.id);
      });
      item = make('li', {}, link);
      this.#items.set(room.id, item);
    }
    const link = item.firstElementChild;
    const [name, count, unread] = link.children;
    if (name.textContent !== room.name) name.textContent = room.name;
    if (count.textContent !== people(room.count)) count.textContent = people(room.count);
    unread.replaceWith(badge(this.#hall.unread(room)));
    if (room.id === open) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
    return item;
  }

  async #create() {
    const name = this.#name.value.trim();
    const length = [...name].length;
    if (!name) return this.#complain('Please write a name for the room.');
    if (length > NAME_MAX) return this.#complain(`A room’s name may have ${NAME_MAX} characters at most; this one has ${length}.`);
    const button = find('.create button', this.element);
    button.disabled = true;
    try {
      const id = await this.#hall.create(name);
      this.#name.value = '';
      this.#choose(id);
      router.go(addressOf(id));
    } catch (error) {
      this.#complain(error.message);
    } finally {
      button.disabled = false;
    }
  }

  #complain(words) {
    this.#error.textContent = words;
    this.#name.setAttribute('aria-invalid', String(Boolean(words)));
    if (words) this.#name.focus();
  }
}
