// What was said: kept for the tab, drawn in groups by speaker and five minutes.

import { bubble, group, isSoonAfter, note, showState, stateLine, takeOut } from './bubble.js';
import { find } from './dom.js';
import { Scroll } from './scroll.js';
import { isListOf, isRecord, isText, isTime, tab } from './storage.js';

const ENTRIES_MAX = 1_000;
const isEntry = (kept) => isRecord(kept) && ['you', 'stranger', 'note'].includes(kept.who) && isText(kept.text) && isTime(kept.at);
const NAMES = { you: 'You', stranger: 'Stranger' };

export class Log {
  #element = find('#log');
  #scroll = new Scroll(this.#element, find('#newer'));
  #entries = [];
  /** entry -> its elements: the words and, if it is an own one, the state */
  #drawn = new Map();
  #group = null;
  #again;
  #isLive = false;

  /** `again` is called with an entry that was not delivered when it is to be tried again. */
  constructor(again) {
    this.#again = again;
  }

  get isEmpty() {
    return this.#entries.length === 0;
  }

  get entries() {
    return this.#entries;
  }

  /** Shows what the tab has kept. */
  restore() {
    for (const entry of tab.read('log', [], isListOf(isEntry))) {
      // Nobody will tell any more whether it arrived.
      if (entry.state === 'sending') entry.state = 'failed';
      this.#entries.push(entry);
      this.#draw(entry);
    }
    this.#keep();
    this.#scroll.toEnd();
  }

  /** Begins anew, with somebody else. */
  begin() {
    this.#entries = [];
    this.#drawn.clear();
    this.#group = null;
    this.#element.replaceChildren();
    this.#isLive = true;
    this.#scroll.toEnd();
    this.#keep();
  }

  /** Nothing can be delivered any more. */
  end() {
    this.#isLive = false;
    for (const entry of this.#entries) if (entry.state === 'failed') this.#mark(entry);
  }

  /** Adds { who: you | stranger | note, text, at, cid, state }. */
  add(entry) {
    this.#entries.push(entry);
    if (this.#entries.length > ENTRIES_MAX) this.#drop(this.#entries.shift());
    this.#scroll.follow(() => this.#draw(entry), { isOwn: entry.who === 'you', counts: entry.who === 'stranger' });
    this.#keep();
  }

  /** The state of an own message has changed. */
  mark(cid, state) {
    const entry = this.#entries.findLast((known) => known.cid === cid);
    if (!entry) return;
    entry.state = state;
    this.#scroll.follow(() => this.#mark(entry), { counts: false });
    this.#keep();
  }

  #keep() {
    tab.write('log', this.#entries);
  }

  #draw(entry) {
    if (entry.who === 'note') {
      this.#group = null;
      const line = note(entry.text, entry.link);
      this.#element.append(line);
      this.#drawn.set(entry, [line]);
      return;
    }
    const words = bubble(entry);
    this.#groupFor(entry).append(words);
    this.#drawn.set(entry, [words]);
    if (entry.who === 'you') {
      const state = stateLine();
      words.after(state);
      this.#drawn.set(entry, [words, state]);
      this.#mark(entry);
    }
  }

  #drop(entry) {
    takeOut(this.#element, ...this.#drawn.get(entry));
    this.#drawn.delete(entry);
  }

  #groupFor({ who, at }) {
    if (this.#group?.who !== who || !isSoonAfter(this.#group.at, at)) {
      const element = group(who, NAMES[who], at);
      this.#element.append(element);
      this.#group = { who, at, element };
    }
    return this.#group.element;
  }

  #mark(entry) {
    const line = this.#drawn.get(entry)?.[1];
    if (!line) return;
    showState(line, entry.state, { label: this.#isLive ? 'Retry' : 'Use again', act: () => this.#again(entry) });
  }
}
