// Beside the room: who is there, and what is said in private.

import * as alert from '../alert.js';
import { Composer } from '../composer.js';
import { find, isTouch, make } from '../dom.js';
import * as router from '../router.js';
import { arrange, backLink, badge, sheet } from '../shared/parts.js';
import { addressOf } from './list.js';
import { Typists } from './typists.js';
import { View } from './view.js';

/** More names than these nobody reads. */
const PEOPLE_MAX = 500;
const COPIED_MS = 3_000;
const collator = new Intl.Collator();

export const addressOfPerson = (id) => `/rooms/@${encodeURIComponent(id)}`;

export class Side {
  #client;
  #letters;
  #me;
  #back = backLink('Back');
  #toPeople = make('a', { textContent: 'People' });
  #toLetters = make('a', { href: '#/rooms/@' }, 'Private ', badge(0));
  #people = make('ul', { className: 'lines people' });
  #noPeople = make('p', { className: 'help' });
  #lines = make('ul', { className: 'lines', 'aria-label': 'Private conversations' });
  #invite = make('button', { type: 'button', 'aria-live': 'polite' });
  #inviteTimer = 0;
  #noLetters = make('p', { className: 'help', textContent: 'Choose somebody under “People” to write to them, and nobody else.' });
  #choose = make('a', { className: 'button', textContent: 'See who is here' });
  #name = make('h2', { tabIndex: -1 });
  #presence = make('p', { className: 'help', role: 'status' });
  #talk = sheet('letter', 'Private conversation');
  #view;
  #items = new Map();
  #version = '';
  /** Where the room is that is shown. */
  #home = '#/rooms';
  conversation = null;

  /** `me` tells who this is. */
  constructor(client, letters, me) {
    this.#client = client;
    this.#letters = letters;
    this.#me = me;
    this.element = make('aside', { className: 'pane side', 'aria-label': 'People and private conversations' },
      make('header', { className: 'top' }, this.#back, make('nav', { className: 'tabs', 'aria-label': 'Beside the room' }, this.#toPeople, this.#toLetters)),
      make('div', { className: 'scrolls in-people' }, make('h2', { className: 'unseen', textContent: 'People' }), this.#people, this.#noPeople, this.#invite),
      make('div', { className: 'scrolls in-lines' }, make('h2', { className: 'unseen', textContent: 'Private' }), this.#lines, this.#noLetters, this.#choose),
      make('section', { className: 'in-letter', 'aria-label': 'Private conversation' },
        make('div', { className: 'with' }, this.#name, this.#presence), this.#talk));
    this.#view = new View(this.#talk, { again: (entry) => letters.retry(this.conversation.id, entry) });
    this.composer = new Composer(this.#talk, 'rooms.letter');
    this.composer.canSend = true;
    this.typists = new Typists(find('.typing', this.#talk));
    this.composer.addEventListener('say', ({ detail }) => {
      letters.say(this.conversation.id, detail);
      this.composer.focus();
    });
    this.composer.addEventListener('typing', () => client.typing({ recipient: this.conversation.id }));
    this.#invite.addEventListener('click', () => void this.#copyLink());
    this.#offerLink();
  }

  /** Shows people, the conversations, or one of them. */
  open(what, conversation = null) {
    this.element.dataset.shows = conversation ? 'letter' : what;
    for (const [link, own] of [[this.#toPeople, 'people'], [this.#toLetters, 'letters']]) {
      if (own === what) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    if (conversation === this.conversation) return;
    this.conversation = conversation;
    this.#view.show(conversation?.thread ?? null);
    this.#presence.textContent = '';
    if (!conversation) return;
    this.composer.take(`rooms.letter.${conversation.id}`);
    this.typists.show(conversation.id);
  }

  get isSeen() {
    return this.conversation !== null && this.#talk.getClientRects().length > 0;
  }

  focus() {
    if (isTouch() || !this.conversation) find('[aria-current]', this.element)?.focus({ preventScroll: true });
    else this.composer.focus();
  }

  /** Says whether the one who is written to is here. */
  tell(isHere) {
    const words = isHere ? 'Here now' : 'Not here now; what you write waits for 24 hours.';
    if (this.#presence.textContent !== words) this.#presence.textContent = words;
  }

  refresh(room) {
    this.#home = `#${room ? addressOf(room.id) : '/rooms'}`;
    this.#toPeople.href = room ? `${this.#home}/people` : '#/rooms';
    this.#back.href = this.conversation ? '#/rooms/@' : this.#home;
    if (this.conversation) this.#name.textContent = this.conversation.name;
    this.#toLetters.lastElementChild.replaceWith(badge(this.#letters.allUnread));
    const { list } = this.#letters;
    arrange(this.#lines, list.map((conversation) => this.#line(conversation)));
    this.#noLetters.hidden = list.length > 0;
    this.#choose.hidden = list.length > 0 || !room;
    this.#choose.href = this.#toPeople.href;
    const label = room ? `People in ${room.name}` : 'People';
    if (this.#people.getAttribute('aria-label') !== label) this.#people.setAttribute('aria-label', label);
    let words = 'When you are in a room, the people there are listed here.';
    if (room) words = room.count > 1 ? 'Choose somebody to write to them in private.' : 'Nobody else is here yet.';
    if (this.#noPeople.textContent !== words) this.#noPeople.textContent = words;
    // Pages without HTTPS are not let at the clipboard.
    this.#invite.hidden = !room || room.count > 1 || !navigator.clipboard;
    const version = room ? `${room.id} ${room.version}` : '';
    if (version !== this.#version) this.#showPeople(room?.members ?? new Map());
    this.#version = version;
  }

  #offerLink() {
    this.#invite.textContent = 'Copy the room’s link';
  }

  /** The link that brings others into the room. */
  async #copyLink() {
    try {
      await navigator.clipboard.writeText(new URL(this.#home, location.href).href);
    } catch {
      return alert.say('The link could not be copied. It is what the address bar shows.');
    }
    this.#invite.textContent = 'The link is copied';
    clearTimeout(this.#inviteTimer);
    this.#inviteTimer = setTimeout(() => this.#offerLink(), COPIED_MS);
  }

  #showPeople(members) {
    const me = this.#me.id;
    const people = [...members].sort(([a, one], [b, two]) => (b === me) - (a === me) || collator.compare(one, two));
    const items = people.slice(0, PEOPLE_MAX).map(([id, name]) => this.#person(id, name));
    if (people.length > PEOPLE_MAX) items.push(make('li', { className: 'help', textContent: `and ${people.length - PEOPLE_MAX} more` }));
    arrange(this.#people, items);
    for (const key of this.#items.keys()) {
      if (key.startsWith('person ') && !this.#people.contains(this.#items.get(key))) this.#items.delete(key);
    }
  }

  #person(id, name) {
    const key = `person ${id} ${name}`;
    if (!this.#items.has(key)) this.#items.set(key, make('li', {}, id === this.#me.id ? this.#self(name) : this.#other(id, name)));
    return this.#items.get(key);
  }

  #self(name) {
    return make('p', { className: 'line self' }, make('bdi', { className: 'line-name', textContent: name }), make('span', { className: 'line-count', textContent: 'you' }));
  }

  #other(id, name) {
    const button = make('button', { type: 'button', className: 'line', title: 'Write in private' },
      make('bdi', { className: 'line-name', textContent: name }), make('span', { className: 'unseen', textContent: ': write in private' }));
    button.addEventListener('click', () => {
      this.#letters.with(id, name);
      router.go(addressOfPerson(id));
    });
    return button;
  }

  #line(conversation) {
    const { id, name, thread } = conversation;
    const key = `letters ${id}`;
    if (!this.#items.has(key)) {
      this.#items.set(key, make('li', {}, make('a', { className: 'line', href: `#${addressOfPerson(id)}` },
        make('bdi', { className: 'line-name' }), make('span', { className: 'line-count', dir: 'auto' }), badge(0))));
    }
    const item = this.#items.get(key);
    const [shown, last, unread] = item.firstElementChild.children;
    shown.textContent = name;
    last.textContent = thread.entries.at(-1).text.slice(0, 80);
    unread.replaceWith(badge(this.#letters.unread(conversation)));
    return item;
  }
}
