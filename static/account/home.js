// The pool, and the rooms that are open.

import { make } from '../dom.js';
import { arrange, mark } from '../shared/parts.js';
import { isolate } from '../text.js';
import { elapsed } from '../time.js';
import { serverNow } from './api.js';
import { labelOf, pathOf } from './label.js';
import { notices } from './notices.js';
import { pool } from './pool.js';
import { session } from './session.js';
import { ago, left } from './spans.js';

const WORTH_SAYING = 2;

export class Home {
  #hello = make('h1');
  #rooms = make('ul', { className: 'rooms-open', role: 'list' });
  #empty = make('div', { className: 'no-rooms' });
  #trouble = make('p', { className: 'complaint', role: 'status' });
  #pool = new PoolCard();
  #timer = 0;
  /** id -> the elements of a room's line. */
  #lines = new Map();

  element = make('div', { className: 'view home' });
  title = 'Your rooms';
  connection = notices.line;

  constructor() {
    const out = make('button', { type: 'button', className: 'plain', textContent: 'Sign out' });
    out.addEventListener('click', () => session.close());
    const mine = make('section', { className: 'mine', 'aria-labelledby': 'mine-title' },
      make('h2', { id: 'mine-title', textContent: 'Your rooms' }), this.#trouble, this.#rooms, this.#empty);
    this.#empty.append(
      make('p', { textContent: 'No room is open.' }),
      make('p', { className: 'soft', textContent: 'Each is for two people and one day. Find somebody here, or press “Keep in touch” while you talk with a stranger.' }));
    this.element.append(make('header', { className: 'hello' }, this.#hello, out), make('div', { className: 'halves' }, this.#pool.element, mine));
    notices.addEventListener('change', () => this.#show());
  }

  enter() {
    this.#hello.textContent = `Hello, ${isolate(session.user?.pseudo ?? 'you')}`;
    this.#show();
    this.#pool.enter();
    void notices.refresh();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), 1_000);
  }

  leave() {
    clearInterval(this.#timer);
    this.#pool.leave();
  }

  #show() {
    const { rooms, isLoaded, trouble } = notices;
    this.#trouble.textContent = trouble;
    this.#empty.hidden = !isLoaded || rooms.length > 0;
    for (const id of [...this.#lines.keys()]) {
      if (!rooms.some((room) => room.id === id)) this.#lines.delete(id);
    }
    arrange(this.#rooms, rooms.map((room) => this.#line(room).item));
    this.#tick();
  }

  #line(room) {
    let line = this.#lines.get(room.id);
    if (!line) {
      line = { name: make('bdi', { className: 'label' }), when: make('span', { className: 'soft when' }), left: make('span', { className: 'soft left' }), count: make('span', { className: 'badge' }) };
      const link = make('a', { href: `#${pathOf(room.id)}` }, line.name, line.count, line.when, line.left);
      line.item = make('li', {}, link);
      this.#lines.set(room.id, line);
    }
    line.name.textContent = labelOf(room);
    line.count.hidden = !room.unread;
    line.count.replaceChildren(String(room.unread ?? 0), make('span', { className: 'unseen', textContent: ' unread' }));
    return line;
  }

  #tick() {
    for (const room of notices.rooms) {
      const line = this.#lines.get(room.id);
      const now = serverNow();
      const news = room.last_message_at ? `Last message ${ago(now - Date.parse(room.last_message_at))}` : `Opened ${ago(now - Date.parse(room.created_at))}`;
      if (line.when.textContent !== news) line.when.textContent = news;
      const rest = `${left(Date.parse(room.expires_at) - now)} left`;
      if (line.left.textContent !== rest) line.left.textContent = rest;
    }
  }
}

/** Meeting somebody for a day: the way into the pool, or the wait in it. */
class PoolCard {
  #same = make('input', { type: 'checkbox' });
  #join = make('button', { type: 'button', className: 'primary', textContent: 'Find somebody' });
  #cancel = make('button', { type: 'button', textContent: 'Cancel' });
  #out = make('div', { className: 'pool-out' });
  #waiting = make('div', { className: 'pool-waiting' });
  #words = make('p', { className: 'pool-words', role: 'status' });
  #time = make('p', { className: 'soft', role: 'timer', 'aria-label': 'Time waiting' });
  #trouble = make('p', { className: 'complaint', role: 'alert' });
  #online = make('p', { className: 'soft online' });
  #timer = 0;

  element = make('section', { className: 'card pool', 'aria-labelledby': 'pool-title' });

  constructor() {
    this.#out.append(
      make('p', { textContent: 'The two of you get a room of your own. After 24 hours it is gone, with every word in it.' }),
      make('label', { className: 'switch' }, this.#same, make('span', { textContent: 'Only somebody from my country' })),
      this.#join);
    this.#waiting.append(mark(), this.#words, this.#time,
      make('p', { className: 'soft', textContent: 'You can look at other screens meanwhile.' }), this.#cancel);
    this.element.append(make('h2', { id: 'pool-title', textContent: 'Meet somebody for a day' }), this.#out, this.#waiting, this.#trouble, this.#online);
    this.#join.addEventListener('click', () => pool.join(this.#same.checked));
    this.#cancel.addEventListener('click', () => void pool.leave());
    pool.addEventListener('change', () => this.#show());
    notices.addEventListener('change', () => this.#show());
  }

  enter() {
    this.#show();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), 1_000);
  }

  leave() {
    clearInterval(this.#timer);
  }

  #show() {
    const { isWaiting, isAsking, trouble } = pool;
    const hadFocus = this.element.contains(document.activeElement);
    this.#out.hidden = isWaiting;
    this.#waiting.hidden = !isWaiting;
    if (hadFocus && !document.activeElement?.checkVisibility()) (isWaiting ? this.#cancel : this.#join).focus();
    for (const button of [this.#join, this.#cancel]) button.setAttribute('aria-busy', String(isAsking));
    const words = pool.sameCountry ? 'Looking for somebody from your country …' : 'Looking for somebody …';
    if (this.#words.textContent !== words) this.#words.textContent = words;
    if (this.#trouble.textContent !== trouble) this.#trouble.textContent = trouble;
    // Few people are no reason to wait; then nothing is said.
    this.#online.hidden = notices.online < WORTH_SAYING;
    this.#online.textContent = `${notices.online} people with accounts are here now`;
    this.#tick();
  }

  #tick() {
    if (pool.isWaiting) this.#time.textContent = elapsed(Date.now() - pool.since);
  }
}
