// A private room: two people, one day.

import * as alert from '../alert.js';
import { Composer } from '../composer.js';
import { find, isComposing, make } from '../dom.js';
import { allowSound, notify } from '../notify.js';
import { backLink, iconButton, mark, sheet } from '../shared/parts.js';
import * as router from '../router.js';
import { tab } from '../storage.js';
import { Typing } from '../typing.js';
import { request, sentence } from './api.js';
import { Countdown } from './countdown.js';
import { confirmClose, dismiss, rename } from './dialogs.js';
import { labelOf, ownName, partnerCountry } from './label.js';
import { notices } from './notices.js';
import { Talk } from './talk.js';
import { Transcript } from './transcript.js';

/** A tab that nobody looks at gives its connection up after so long; the notices tell it then what came. */
const REST_MS = 10_000;

export class RoomView {
  #head = head();
  #sheet = sheet('private', 'Conversation');
  #ended = ended();
  #composer;
  #transcript;
  #typing;
  #countdown;
  #talk = null;
  #id = '';
  #restTimer = 0;

  element = make('div', { className: 'view room' }, this.#head.element, this.#sheet, this.#ended);

  constructor() {
    find('.typing span', this.#sheet).textContent = 'Stranger is typing';
    this.#composer = new Composer(this.#sheet, 'draft.room');
    this.#transcript = new Transcript(this.#sheet, { again: (message) => this.#talk.retry(message) });
    this.#typing = new Typing(find('.typing', this.#sheet));
    this.#countdown = new Countdown(this.#head.time, this.#head.notice, () => void this.#talk?.open());
    this.#composer.addEventListener('say', ({ detail }) => {
      allowSound();
      this.#talk.say(detail);
      this.#composer.focus();
    });
    this.#composer.addEventListener('typing', () => this.#talk?.typing());
    this.#head.rename.addEventListener('click', () => void this.#rename());
    this.#head.close.addEventListener('click', () => void this.#close());
    find('.log', this.#sheet).addEventListener('scroll', () => this.#look(), { passive: true });
    document.addEventListener('visibilitychange', () => this.#seen());
    document.addEventListener('keydown', (event) => this.#pressed(event));
    notices.addEventListener('closed', ({ detail }) => {
      if (detail.room_id === this.#id) void this.#talk?.open();
    });
  }

  get title() {
    const { room } = this.#talk ?? {};
    return room ? labelOf(room) : 'Your room';
  }

  get connection() {
    return this.#talk?.line;
  }

  enter(id) {
    if (id === this.#id) return;
    this.leave();
    this.#id = id;
    const talk = new Talk(id);
    this.#talk = talk;
    talk.addEventListener('room', () => this.#describe());
    talk.addEventListener('change', ({ detail }) => this.#changed(detail));
    talk.addEventListener('typing', () => this.#typing.start());
    talk.addEventListener('ended', ({ detail }) => this.#over(detail.why));
    talk.addEventListener('trouble', ({ detail }) => alert.say(sentence(detail)));
    this.#sheet.hidden = false;
    this.#ended.hidden = true;
    this.#composer.take(`draft.room.${id}`);
    this.#composer.canSend = true;
    this.#describe();
    this.#transcript.show(talk);
    this.#composer.focus();
    void talk.open();
  }

  leave() {
    clearTimeout(this.#restTimer);
    // What was asked here is not to be answered elsewhere.
    dismiss();
    this.#transcript.closePicker();
    this.#typing.stop();
    this.#countdown.stop();
    this.#talk?.close();
    this.#talk = null;
    this.#id = '';
  }

  /** What is known of the room: from its own description, or from the list until that has come. */
  #describe() {
    const room = this.#talk.room ?? notices.room(this.#id);
    this.#head.rename.hidden = this.#head.close.hidden = !room;
    this.#head.title.textContent = room ? labelOf(room) : 'Your room';
    // Beneath a name of one's own, where the other one is from is worth saying.
    this.#head.from.textContent = room && ownName(room) ? `Stranger from ${partnerCountry(room)}` : '';
    if (room) this.#countdown.run(Date.parse(room.expires_at));
    router.refreshTitle();
  }

  #changed(detail) {
    this.#transcript.changed(detail);
    if (detail.kind !== 'all') return;
    const { message } = detail;
    if (message?.who === 'stranger') {
      this.#typing.stop();
      if (document.hidden) {
        notices.count(this.#id, message.id);
        notify({ counts: false });
      }
    }
    this.#look();
  }

  /** Somebody looks at the end of the log, and has seen what is there. */
  #look() {
    if (!this.#talk?.isLoaded || document.hidden || this.element.hidden || !router.isAt('/account') || !this.#transcript.scroll.isNear) return;
    this.#talk.read();
    notices.see(this.#id);
  }

  #seen() {
    clearTimeout(this.#restTimer);
    if (!this.#talk) return;
    if (document.hidden) {
      this.#restTimer = setTimeout(() => {
        if (!this.#talk?.isSending) this.#talk?.rest();
      }, REST_MS);
    } else {
      if (this.#talk.line.state === 'closed') void this.#talk.open();
      this.#look();
    }
  }

  #pressed(event) {
    if (event.key !== 'Escape' || isComposing(event) || event.defaultPrevented || this.element.hidden || document.querySelector('dialog[open]')) return;
    if (this.#transcript.isPicking) this.#transcript.closePicker();
    else if (this.#composer.isPicking) this.#composer.closePicker();
    else return;
    event.preventDefault();
  }

  async #rename() {
    const talk = this.#talk;
    const room = talk.room ?? notices.room(this.#id);
    const name = await rename(ownName(room), partnerCountry(room));
    if (name === null) return;
    const answer = await request('PATCH', `/rooms/${room.id}/name`, { name });
    if (answer.status !== 200) return alert.say(sentence(answer));
    notices.changed();
    talk.room = answer.data;
    if (talk === this.#talk) this.#describe();
  }

  async #close() {
    const talk = this.#talk;
    const id = this.#id;
    if (!(await confirmClose())) return;
    const answer = await request('DELETE', `/rooms/${id}`);
    if (answer.status !== 200 && answer.status !== 204 && answer.status !== 410) return alert.say(sentence(answer));
    notices.changed();
    // Another room may be looked at by now.
    if (talk !== this.#talk) return;
    talk.close();
    this.#over('mine');
  }

  #over(why) {
    const words = ENDS[why];
    tab.remove(`draft.room.${this.#id}`);
    dismiss();
    this.#transcript.closePicker();
    this.#typing.stop();
    this.#countdown.stop();
    this.#head.time.textContent = '';
    this.#head.rename.hidden = this.#head.close.hidden = true;
    this.#sheet.hidden = true;
    this.#ended.hidden = false;
    find('h2', this.#ended).textContent = words.title;
    find('p', this.#ended).textContent = words.text;
    if (why === 'missing') this.#head.title.textContent = 'No such room';
    find('a', this.#ended).focus();
    router.refreshConnection();
    void notices.refresh();
  }
}

const ENDS = {
  ended: { title: 'This room has ended', text: 'A room lasts for a day, or until one of the two closes it. What was said in it is erased.' },
  mine: { title: 'You closed this room', text: 'It is gone for both of you, and what was said in it is erased.' },
  missing: { title: 'There is no such room', text: 'Perhaps the address is incomplete, or the room belongs to another account.' },
};

function head() {
  const parts = {
    title: make('h1', { dir: 'auto' }),
    from: make('span', { className: 'from' }),
    time: make('span', { role: 'timer', 'aria-label': 'Time left', className: 'time' }),
    notice: make('p', { className: 'notice', role: 'status' }),
    rename: iconButton('pen', 'Rename the room'),
    close: iconButton('close', 'Close the room'),
  };
  const back = backLink('Back to your rooms');
  back.href = '#/account';
  const about = make('p', { className: 'about soft' }, parts.from, parts.time);
  parts.element = make('header', { className: 'room-head' }, back, make('div', { className: 'room-name' }, parts.title, about), parts.rename, parts.close, parts.notice);
  return parts;
}

function ended() {
  return make('div', { className: 'ended', hidden: true }, mark(), make('h2'), make('p'),
    make('a', { href: '#/account', className: 'button primary', textContent: 'Meet somebody else' }));
}
