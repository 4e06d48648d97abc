// The input: grows with the text, counts when it gets long, and knows when Enter means "send".

import { find, isComposing, isTouch } from './dom.js';
import { Emoji } from './emoji.js';
import { tab } from './storage.js';

const CHARS_MAX = 2_000;
const COUNTS_FROM = CHARS_MAX * 0.8;
const TYPING_MS = 3_000;

export class Composer extends EventTarget {
  #input;
  #send;
  #counter;
  #error;
  #emoji;
  #key;
  #canSend = false;
  #typedAt = -Infinity;

  /**
   * The composer in `root`, whose draft the tab keeps under `key`. Dispatches `say` with the text, `change`, and `typing`
   * now and then.
   */
  constructor(root, key) {
    super();
    this.#input = find('.text', root);
    this.#send = find('.send', root);
    this.#counter = find('.counter', root);
    this.#error = find('.too-long', root);
    this.#emoji = new Emoji(find('.emoji', root), find('.open-emoji', root), this.#input);
    this.#key = key;
    this.#input.enterKeyHint = isTouch() ? 'enter' : 'send';
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || isComposing(event) || isTouch()) return;
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener('input', () => {
      this.#measure();
      tab.write(this.#key, this.#input.value);
      this.dispatchEvent(new Event('change'));
      const now = performance.now();
      if (!this.#canSend || !this.#input.value || now - this.#typedAt < TYPING_MS) return;
      this.#typedAt = now;
      this.dispatchEvent(new Event('typing'));
    });
    this.#input.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    // A click must not take the focus, or the keyboard on glass would close after each message.
    this.#send.addEventListener('pointerdown', (event) => event.preventDefault());
    this.draft = tab.read(key, '');
  }

  get isPicking() {
    return this.#emoji.isOpen;
  }

  closePicker() {
    this.#emoji.close();
  }

  /** Takes up the draft kept under another key; this one stays where it is. */
  take(key) {
    if (key === this.#key) return;
    this.#key = key;
    this.#typedAt = -Infinity;
    this.draft = tab.read(key, '');
  }

  set draft(text) {
    this.#input.value = text;
    if (text) tab.write(this.#key, text);
    else tab.remove(this.#key);
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
