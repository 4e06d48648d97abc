// Shows a talk in a log: grouped by speaker and five minutes, with how far each own message has come, and reactions.

import { bubble, group, isSoonAfter, showState, stateLine } from '../bubble.js';
import { find, make } from '../dom.js';
import { iconButton } from '../shared/parts.js';
import { Scroll } from '../scroll.js';
import { Picker } from './picker.js';
import { session } from './session.js';

const TOP_PX = 80;
const NAMES = { you: 'You', stranger: 'Stranger' };
const SHORT = 40;

export class Transcript {
  #log;
  #top = make('p', { className: 'note' });
  #earlier = make('button', { type: 'button', className: 'earlier', textContent: 'Earlier messages' });
  #talk = null;
  #again;
  /** message -> { element, words, reactions, state } */
  #drawn = new Map();
  #picker;
  scroll;

  /** `again` is called with an own message that is to be sent again. */
  constructor(root, { again }) {
    this.#log = find('.log', root);
    this.#again = again;
    this.#picker = new Picker((message, emoji) => void this.#talk.react(message, emoji));
    this.scroll = new Scroll(this.#log, find('.newer', root));
    this.#earlier.addEventListener('click', () => void this.#talk.older());
    this.#log.addEventListener('scroll', () => {
      if (this.#talk?.hasOlder && this.#log.scrollTop < TOP_PX && this.#log.scrollHeight > this.#log.clientHeight) void this.#talk.older();
    }, { passive: true });
  }

  get isPicking() {
    return this.#picker.isOpen;
  }

  closePicker() {
    this.#picker.close();
  }

  /** Shows another talk from its end. */
  show(talk) {
    this.#talk = talk;
    this.#drawn.clear();
    this.#log.replaceChildren(this.#top, this.#earlier);
    this.#quietly(() => this.#draw());
    this.scroll.toEnd();
  }

  changed({ kind, message }) {
    if (kind === 'state') {
      this.scroll.follow(() => this.#drawState(message), { counts: false });
    } else if (kind === 'reactions') {
      this.scroll.follow(() => this.#drawReactions(message), { counts: false });
    } else if (kind === 'before') {
      const log = this.#log;
      const fromEnd = log.scrollHeight - log.scrollTop;
      this.#quietly(() => this.#draw());
      log.scrollTop = log.scrollHeight - fromEnd;
    } else if (message) {
      const isOwn = message.who === 'you' && message.state === 'sending';
      this.scroll.follow(() => this.#draw(), { isOwn, counts: message.who === 'stranger' });
    } else {
      this.scroll.follow(() => this.#quietly(() => this.#draw()), { counts: false });
    }
  }

  /** What was there already need not be read out. */
  #quietly(draw) {
    this.#log.setAttribute('aria-live', 'off');
    draw();
    requestAnimationFrame(() => requestAnimationFrame(() => this.#log.setAttribute('aria-live', 'polite')));
  }

  #draw() {
    const { messages, isLoaded, hasOlder } = this.#talk;
    this.#earlier.hidden = !hasOlder;
    this.#top.textContent = isLoaded ? 'This room belongs to the two of you for a day. Then it is gone, with every word in it.' : 'Loading …';
    this.#top.hidden = hasOlder;
    const gone = new Set(this.#drawn.keys());
    let place = this.#earlier;
    let last = null;
    for (const message of messages) {
      gone.delete(message);
      const { element } = this.#drawn.get(message) ?? this.#make(message);
      // Only what is elsewhere now is moved: what moves would be read out again, and lose the focus.
      if (place.nextElementSibling !== element) place.after(element);
      element.classList.toggle('more', last?.who === message.who && isSoonAfter(last.since, message.at));
      if (!element.classList.contains('more')) last = { who: message.who, since: message.at };
      place = element;
    }
    for (const message of gone) {
      this.#drawn.get(message).element.remove();
      this.#drawn.delete(message);
    }
  }

  #make(message) {
    const element = group(message.who, NAMES[message.who], message.at);
    const words = bubble(message);
    const react = iconButton('react', `React to “${shorten(message.text)}”`, { className: 'icon react', title: 'React', 'aria-expanded': 'false' });
    react.addEventListener('click', () => this.#picker.toggle(message, react, element));
    const reactions = make('div', { className: 'reactions', role: 'group', 'aria-label': 'Reactions', 'aria-live': 'off' });
    const state = message.who === 'you' ? stateLine() : null;
    element.append(make('div', { className: 'said' }, words, react), reactions, ...(state ? [state] : []));
    const drawn = { element, words, react, reactions, state };
    this.#drawn.set(message, drawn);
    this.#drawState(message);
    this.#drawReactions(message);
    return drawn;
  }

  #drawState(message) {
    const drawn = this.#drawn.get(message);
    if (!drawn) return;
    // What the server does not have, nobody can react to.
    drawn.react.hidden = !message.id;
    if (!drawn.state) return;
    drawn.words.dataset.state = message.state;
    showState(drawn.state, message.state, { label: 'Retry', act: () => this.#again(message) });
  }

  #drawReactions(message) {
    const { reactions } = this.#drawn.get(message) ?? {};
    if (!reactions) return;
    const me = session.user?.id;
    const byEmoji = new Map();
    for (const { user_id, emoji } of message.reactions) byEmoji.set(emoji, [...(byEmoji.get(emoji) ?? []), user_id]);
    const hadFocus = reactions.contains(document.activeElement);
    reactions.hidden = byEmoji.size === 0;
    reactions.replaceChildren(...[...byEmoji].map(([emoji, people]) => {
      const isMine = people.includes(me);
      const who = people.length > 1 ? 'both of you' : isMine ? 'you' : 'the stranger';
      const chip = make('button', { type: 'button', className: 'reaction', 'aria-pressed': String(isMine), 'aria-label': `${emoji} from ${who}`, title: isMine ? 'Take it back' : 'The same from you' }, emoji);
      if (people.length > 1) chip.append(make('span', { textContent: '2' }));
      chip.addEventListener('click', () => void this.#talk.react(message, emoji));
      return chip;
    }));
    if (hadFocus) (find('button', reactions) ?? this.#drawn.get(message).react).focus();
  }
}

const shorten = (text) => ([...text].length > SHORT ? `${[...text].slice(0, SHORT).join('')}…` : text);
