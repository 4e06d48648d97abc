// Shows a thread in a log: in groups by speaker and five minutes, at its end while the reader is there.

import { bubble, group, isSoonAfter, note, showState, stateLine, takeOut } from '../bubble.js';
import { find } from '../dom.js';
import { Scroll } from '../scroll.js';
import { exactTime } from '../time.js';

const TOP_PX = 80;

export class View {
  #log;
  #scroll;
  #thread = null;
  #again;
  #older;
  /** entry -> { words, state } */
  #drawn = new WeakMap();
  #group = null;
  #hears = ({ detail }) => this.#changed(detail);

  /** `again` is called with an own entry that is to be sent again, `older` when the reader comes to the beginning. */
  constructor(root, { again, older = () => {} }) {
    this.#log = find('.log', root);
    this.#scroll = new Scroll(this.#log, find('.newer', root));
    this.#again = again;
    this.#older = older;
    this.#log.addEventListener('scroll', () => this.#reach(), { passive: true });
  }

  show(thread) {
    if (thread === this.#thread) return;
    this.#thread?.removeEventListener('change', this.#hears);
    this.#thread = thread;
    thread?.addEventListener('change', this.#hears);
    this.#drawAll();
    this.#scroll.toEnd();
  }

  /** Asks for what is older while there is none of it to scroll to. */
  #reach() {
    if (this.#thread && this.#log.scrollTop < TOP_PX && this.#log.scrollHeight > this.#log.clientHeight) this.#older();
  }

  #changed({ kind, entry }) {
    if (kind === 'state') {
      this.#scroll.follow(() => this.#drawState(entry), { counts: false });
    } else if (kind === 'gone') {
      const { words, state } = this.#drawn.get(entry) ?? {};
      if (words) takeOut(this.#log, words, ...(state ? [state] : []));
    } else if (kind === 'before') {
      const log = this.#log;
      const fromEnd = log.scrollHeight - log.scrollTop;
      this.#drawAll();
      log.scrollTop = log.scrollHeight - fromEnd;
    } else {
      const isOwn = entry?.who === 'you' && entry.state === 'sending';
      const draw = () => (kind === 'end' ? this.#draw(entry) : this.#drawAll());
      this.#scroll.follow(draw, { isOwn, counts: entry?.who === 'other' });
    }
  }

  #drawAll() {
    const log = this.#log;
    // What was there already need not be read out again.
    log.setAttribute('aria-live', 'off');
    this.#group = null;
    log.replaceChildren();
    for (const entry of this.#thread?.entries ?? []) this.#draw(entry);
    requestAnimationFrame(() => requestAnimationFrame(() => log.setAttribute('aria-live', 'polite')));
  }

  #draw(entry) {
    if (entry.who === 'note') {
      this.#group = null;
      const words = note(entry.text);
      this.#log.append(words);
      this.#drawn.set(entry, { words });
      return;
    }
    let drawn = this.#drawn.get(entry);
    if (!drawn) {
      drawn = { words: bubble(entry), state: entry.who === 'you' ? stateLine() : null };
      this.#drawn.set(entry, drawn);
    }
    const { element } = this.#groupFor(entry);
    element.append(drawn.words);
    if (!drawn.state) return;
    element.append(drawn.state);
    this.#drawState(entry);
  }

  #groupFor({ who, sender, name, at }) {
    const last = this.#group;
    if (last?.sender !== sender || last.name !== name || !isSoonAfter(last.at, at)) {
      const element = group(who, who === 'you' ? 'You' : name, at);
      this.#log.append(element);
      this.#group = { sender, name, at, element };
    }
    return this.#group;
  }

  #drawState(entry) {
    const { words, state } = this.#drawn.get(entry) ?? {};
    if (!state) return;
    // The server says when it was.
    words.title = exactTime(entry.at);
    showState(state, entry.state, { label: 'Retry', act: () => this.#again(entry) });
  }
}
