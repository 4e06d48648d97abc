// The input: grows with the text, counts when it gets long, and knows when Enter means "send".

import { find, isComposing, isTouch } from './dom.js';
import { Emoji } from './emoji.js';
import { tab } from './storage.js';

const CHARS_MAX = 2_000;
const COUNTS_FROM = CHARS_MAX * 0.8;
const TYPING_MS = 3_000;

export class Composer extends EventTarget {
  #form = find('#compose');
  #input = find('#text');
  #send = find('#send');
  #counter = find('#counter');
  #error = find('#too-long');
  #emoji = new Emoji(find('#open-emoji'), this.#input);
  #canSend = false;
  #typedAt = -Infinity;

  /** Dispatches `say` with the text, and `typing` now and then. */
  constructor() {
    super();
    this.#input.enterKeyHint = isTouch() ? 'enter' : 'send';
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || isComposing(event) || isTouch()) return;
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener('input', () => {
      this.#measure();
      tab.write('draft', this.#input.value);
      this.dispatchEvent(new Event('change'));
      const now = performance.now();
      if (!this.#canSend || !this.#input.value || now - this.#typedAt < TYPING_MS) return;
      this.#typedAt = now;
      this.dispatchEvent(new Event('typing'));
    });
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    // A click must not take the focus, or the keyboard on glass would close after each message.
    this.#send.addEventListener('pointerdown', (event) => event.preventDefault());
    this.draft = tab.read('draft', '');
  }

  get isPicking() {
    return this.#emoji.isOpen;
  }

  closePicker() {
    this.#emoji.close();
  }

  set draft(text) {
    this.#input.value = text;
    tab.write('draft', text);
    this.#measure();
  }

  get draft() {
    return this.#input.value;
  }

  /** Whether there is somebody to send to. */
  set canSend(can) {
    this.#canSend = can;
    this.#input.placeholder = can ? 'Say something' : 'Your draft is kept';
    this.#measure();
  }

  focus() {
    this.#input.focus({ preventScroll: true });
  }

  #submit() {
    const text = this.#input.value;
    if (!this.#canSend || !text.trim()) return;
    if (this.#chars() > CHARS_MAX) {
      const over = this.#chars() - CHARS_MAX;
      this.#error.textContent = `Too long by ${over} ${over === 1 ? 'character' : 'characters'}; nothing was sent.`;
      return;
    }
    this.draft = '';
    this.dispatchEvent(new CustomEvent('say', { detail: text }));
  }

  #chars() {
    let count = 0;
    for (const _ of this.#input.value) count += 1;
    return count;
  }

  #measure() {
    const chars = this.#chars();
    this.#counter.hidden = chars < COUNTS_FROM;
    this.#counter.textContent = `${chars.toLocaleString('en')} / ${CHARS_MAX.toLocaleString('en')}`;
    this.#counter.classList.toggle('over', chars > CHARS_MAX);
    this.#input.setAttribute('aria-invalid', String(chars > CHARS_MAX));
    if (chars <= CHARS_MAX) this.#error.textContent = '';
    this.#send.disabled = !this.#canSend || !this.#input.value.trim();
    this.#input.style.height = 'auto';
    this.#input.style.height = `${this.#input.scrollHeight}px`;
  }
}
