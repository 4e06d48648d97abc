// The first screen: what this is, whom to meet, and the way in.

import { Chips } from './chips.js';
import { find } from './dom.js';
import { device, isListOf, isText } from './storage.js';

const COUNT_MS = 10_000;
const WORTH_SAYING = 5;

const interests = () => device.read('interests', [], isListOf(isText));

export class Start {
  #client;
  #timer = 0;
  #chips = new Chips({
    field: find('#interests'),
    input: find('#interest'),
    hint: find('#interest-hint'),
    note: find('#interest-note'),
    words: interests(),
  });
  #only = find('#only-shared');

  /** `begin` is called to search; `isTalking` says whether a conversation goes on meanwhile. */
  constructor(client, { begin, isTalking }) {
    this.#client = client;
    this.isTalking = isTalking;
    // Another tab may choose others.
    for (const type of ['storage', 'pageshow']) addEventListener(type, () => this.#recall());
    this.#chips.addEventListener('change', () => {
      device.write('interests', this.#chips.words);
      this.#showOnly();
    });
    this.#only.addEventListener('change', () => device.write('onlyShared', this.#only.checked));
    for (const mode of ['text', 'video']) {
      find(`#start-${mode}`).addEventListener('click', () => {
        // Not earlier, on blur: the chip would move the button from under the finger.
        this.#chips.take();
        begin(mode);
      });
    }
    client.addEventListener('stats', ({ detail }) => this.#showCounts(detail));
    client.addEventListener('state', () => {
      if (client.state === 'online') this.#count();
      else find('#counts').hidden = true;
    });
    document.addEventListener('visibilitychange', () => this.#count());
    this.#recall();
  }

  /** Whom to look for. */
  get wish() {
    const interests = [...this.#chips.words];
    return { interests, anyone: !(this.#only.checked && interests.length) };
  }

  /** Forgets what was chosen. */
  forget() {
    this.#only.checked = false;
    this.#chips.clear();
  }

  screen = {
    path: '/',
    element: find('#start'),
    label: 'Text chat',
    enter: () => {
      find('#start-text').textContent = this.isTalking() ? 'Back to your chat' : 'Start text chat';
      find('#start-video').hidden = this.isTalking();
      this.#arrive();
      this.#count();
    },
    leave: () => clearTimeout(this.#timer),
  };

  /** Puts the focus on the way in; its ring would only puzzle those who do not use the keyboard. */
  #arrive() {
    const door = find('#start-text');
    const settle = () => door.classList.remove('arrived');
    door.classList.add('arrived');
    door.focus({ preventScroll: true });
    addEventListener('keydown', settle, { once: true, capture: true });
    door.addEventListener('blur', settle, { once: true });
  }

  #recall() {
    this.#only.checked = device.read('onlyShared', false);
    if (interests().join() !== this.#chips.words.join()) this.#chips.adopt(interests());
    this.#showOnly();
  }

  #showOnly() {
    find('#only').hidden = this.#chips.words.length === 0;
  }

  #count() {
    clearTimeout(this.#timer);
    if (find('#start').hidden || document.hidden) return;
    this.#client.count();
    this.#timer = setTimeout(() => this.#count(), COUNT_MS);
  }

  /** Few people are no reason to come; then nothing is said. */
  #showCounts({ online, searching }) {
    find('#counts').hidden = online < WORTH_SAYING;
    find('#counts').textContent = `${online} online, ${searching} searching`;
  }
}
