// Interests as chips: Enter or a comma adds one, Backspace in the empty field takes the last one away.

import { isComposing, make } from './dom.js';

const COUNT_MAX = 10;
const CHARS_MAX = 24;

export class Chips extends EventTarget {
  #field;
  #input;
  #hint;
  #note;
  words;

  /** `field` holds the chips and the input; `hint` says what is amiss; `note` is where screen readers hear of changes. */
  constructor({ field, input, hint, note, words }) {
    super();
    this.#field = field;
    this.#input = input;
    this.#hint = hint;
    this.#note = note;
    this.words = words.slice(0, COUNT_MAX);
    input.addEventListener('keydown', (event) => this.#pressed(event));
    input.addEventListener('input', (event) => {
      if (!event.isComposing && /[,，、\n]/.test(input.value)) this.take();
      else this.#say('');
    });
    field.addEventListener('click', (event) => {
      if (event.target === field) input.focus();
    });
    this.#render();
  }

  /** Makes chips of what is in the input. */
  take() {
    const fresh = this.#input.value.split(/[,，、\n]/).map((word) => word.trim().replace(/\s+/g, ' ')).filter(Boolean);
    if (!fresh.length) {
      this.#input.value = '';
      return;
    }
    let left = '';
    this.#say('');
    for (const word of fresh) {
      if (this.words.some((known) => known.toLowerCase() === word.toLowerCase())) {
        this.#say(`${word} is there already.`);
      } else if ([...word].length > CHARS_MAX) {
        left = word;
        this.#say(`An interest may have ${CHARS_MAX} characters at most.`);
      } else if (this.words.length >= COUNT_MAX) {
        left = word;
        this.#say(`${COUNT_MAX} interests at most.`);
      } else {
        this.words.push(word);
      }
    }
    this.#input.value = left;
    this.#changed();
  }

  clear() {
    this.words = [];
    this.#input.value = '';
    this.#changed();
  }

  /** Takes up what was chosen elsewhere; what is being typed stays. */
  adopt(words) {
    this.words = words.slice(0, COUNT_MAX);
    this.#render();
  }

  #pressed(event) {
    if (isComposing(event)) return;
    if (event.key === 'Enter' && this.#input.value.trim()) {
      event.preventDefault();
      this.take();
    } else if (event.key === 'Backspace' && !this.#input.value && this.words.length) {
      const [gone] = this.words.splice(-1);
      this.#changed();
      this.#note.textContent = `${gone} removed`;
    }
  }

  #changed() {
    this.#render();
    this.dispatchEvent(new Event('change'));
  }

  #render() {
    for (const chip of this.#field.querySelectorAll('.chip')) chip.remove();
    const chips = this.words.map((word) => {
      const cross = make('span', { className: 'cross', textContent: '×', 'aria-hidden': 'true' });
      const chip = make('button', { type: 'button', className: 'chip', 'aria-label': `Remove ${word}` }, make('bdi', { textContent: word }), cross);
      chip.addEventListener('click', () => {
        this.words = this.words.filter((known) => known !== word);
        this.#changed();
        this.#note.textContent = `${word} removed`;
        this.#input.focus();
      });
      return chip;
    });
    this.#input.before(...chips);
    this.#input.placeholder = this.words.length ? 'Add another' : 'music, films, cooking …';
  }

  #say(text) {
    if (this.#hint.textContent !== text) this.#hint.textContent = text;
  }
}
