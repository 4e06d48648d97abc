// One room: what is said there, and the input.

import * as alert from '../alert.js';
import { Composer } from '../composer.js';
import { find, isTouch, make } from '../dom.js';
import { addressOf } from './list.js';
import { backLink, icon, iconButton, mark, sheet } from '../shared/parts.js';
import { isolate } from '../text.js';
import { Typists } from './typists.js';
import { View } from './view.js';

const CHOOSE = 'Choose a room, or make one of your own.';

export class Place {
  #hall;
  #client;
  #name = make('h2', { tabIndex: -1 });
  #people = make('a', { className: 'to-people' }, icon('people'), make('span'));
  #back = backLink('All rooms');
  #top;
  #empty;
  #words = make('p');
  #join = make('button', { type: 'button', className: 'primary' });
  #all = make('a', { href: '#/rooms', textContent: 'All rooms' });
  #offered = null;
  #talk = sheet('room', 'What is said in the room');
  #view;
  room = null;

  /** `leave` is called when the room is to be left, `back` when one is to be gone into from where none is shown. */
  constructor(hall, client, { leave, back }) {
    this.#hall = hall;
    this.#client = client;
    const out = iconButton('leave', 'Leave this room');
    out.addEventListener('click', () => leave(this.room));
    this.#back.href = '#/rooms';
    this.#top = make('header', { className: 'top', hidden: true }, this.#back, make('div', { className: 'title' }, this.#name, this.#people), out);
    this.#join.addEventListener('click', () => back(this.#offered ?? hall.room('general')));
    this.#empty = make('div', { className: 'empty' }, mark(), this.#words, this.#join, this.#all);
    this.element = make('section', { className: 'pane place', 'aria-label': 'Room' }, this.#top, this.#empty, this.#talk);
    this.#view = new View(this.#talk, { again: (entry) => this.#retry(entry), older: () => this.#older() });
    this.composer = new Composer(this.#talk, 'rooms.draft');
    this.typists = new Typists(find('.typing', this.#talk));
    this.composer.addEventListener('say', ({ detail }) => this.#say(detail));
    this.composer.addEventListener('typing', () => client.typing({ room: this.room.id }));
    this.open(null);
  }

  /** Shows that a room was left, and the way back into it. */
  offer(room) {
    this.open(null);
    this.#offered = room;
    this.#join.textContent = 'Join again';
    this.#all.hidden = false;
    this.refresh();
  }

  /** Shows a room, or that none is chosen. */
  open(room) {
    this.room = room;
    this.#offered = null;
    this.#words.textContent = CHOOSE;
    this.#join.textContent = 'Go to General Chat';
    this.#all.hidden = true;
    this.#top.hidden = this.#talk.hidden = !room;
    this.#empty.hidden = Boolean(room);
    if (!room) return this.#view.show(null);
    this.composer.take(`rooms.draft.${room.id}`);
    this.typists.show(room.id);
    this.#people.href = `#${addressOf(room.id)}/people`;
    this.refresh();
    this.#view.show(room.thread);
  }

  refresh() {
    const { room } = this;
    // What it is called may have come only now.
    if (this.#offered) this.#words.textContent = `You have left “${isolate(this.#offered.name)}”.`;
    if (!room) return;
    const count = room.count === 1 ? '1 person' : `${room.count} people`;
    if (this.#name.textContent !== room.name) this.#name.textContent = room.name;
    find('span', this.#people).textContent = count;
    find('.log', this.#talk).setAttribute('aria-label', `What is said in ${room.name}`);
    this.composer.canSend = room.isJoined;
  }

  get isSeen() {
    return this.room !== null && this.#talk.getClientRects().length > 0;
  }

  focus() {
    if (!this.room) return this.#join.focus({ preventScroll: true });
    // On glass the keyboard would cover what there is to read.
    if (isTouch()) this.#name.focus({ preventScroll: true });
    else this.composer.focus();
  }

  #say(text) {
    const { id, thread } = this.room;
    const anchor = thread.newest?.id;
    const cid = this.#client.say({ room: id }, text, { anchor });
    thread.send({ who: 'you', sender: this.#hall.me.id, name: this.#hall.me.name, text, at: new Date().toISOString(), cid, anchor, state: 'sending' });
    this.composer.focus();
  }

  #retry({ cid, text }) {
    const { id, thread, isJoined } = this.room;
    thread.mark(cid, 'sending');
    if (!isJoined) this.#hall.join(id);
    this.#client.say({ room: id }, text, { anchor: thread.newest?.id, cid });
    this.composer.focus();
  }

  async #older() {
    try {
      await this.room.older(this.#hall.entryOf);
    } catch (error) {
      alert.say(`What was said before could not be loaded. ${error.message}`);
    }
  }
}
