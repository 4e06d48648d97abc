// What stands before the rooms: the question for a name, and what to do when one cannot come in.

import { make } from '../dom.js';
import { complaint } from './identity.js';
import { mark } from '../shared/parts.js';

export class Gate {
  #name = make('input', { id: 'my-name', autocomplete: 'nickname', enterKeyHint: 'go', 'aria-describedby': 'my-name-help my-name-error' });
  #error = make('p', { className: 'hint', id: 'my-name-error', role: 'alert' });
  #title = make('h2', { textContent: 'What shall we call you?' });
  #enter = make('button', { type: 'submit', className: 'primary' });
  #cancel = make('button', { type: 'button', textContent: 'Cancel' });
  #question;
  #trouble = make('div', { className: 'trouble', role: 'alert', hidden: true });

  /** `named` is called with a name, `cancel` when it is to stay as it was. */
  constructor({ named, cancel }) {
    this.#question = make('form', { className: 'question', noValidate: true }, this.#title,
      make('label', { htmlFor: 'my-name', textContent: 'Your name' }), this.#name,
      make('p', { className: 'help', id: 'my-name-help', textContent: 'Everybody in the rooms sees it. Any name will do, 32 characters at most; it is remembered on this device.' }),
      this.#error, make('div', { className: 'ends' }, this.#cancel, this.#enter));
    this.#question.addEventListener('submit', (event) => {
      event.preventDefault();
      const wrong = complaint(this.#name.value);
      this.#complain(wrong);
      if (wrong) this.#name.focus();
      else named(this.#name.value.trim());
    });
    this.#name.addEventListener('input', () => this.#complain(''));
    this.#cancel.addEventListener('click', cancel);
    this.element = make('div', { className: 'gate', hidden: true }, mark(), this.#question, this.#trouble);
  }

  /** Asks for a name; who has one may also keep it. */
  ask(name) {
    this.element.hidden = this.#question.hidden = false;
    this.#trouble.hidden = true;
    this.#title.textContent = name ? 'Another name' : 'What shall we call you?';
    this.#enter.textContent = name ? 'Change it' : 'Enter the rooms';
    this.#cancel.hidden = !name;
    this.#name.value = name;
    this.#complain('');
    this.#name.focus({ preventScroll: true });
  }

  /** Says why one cannot come in; each of `ways` out is { label, act }. */
  refuse(title, text, ways) {
    this.element.hidden = this.#trouble.hidden = false;
    this.#question.hidden = true;
    const [first, ...others] = ways.map(({ label, act }, index) => {
      const button = make('button', { type: 'button', className: index ? '' : 'primary', textContent: label });
      button.addEventListener('click', act);
      return button;
    });
    this.#trouble.replaceChildren(make('h2', { textContent: title }), make('p', { textContent: text }), make('div', { className: 'ends' }, ...others, first));
    first.focus({ preventScroll: true });
  }

  open() {
    this.element.hidden = true;
  }

  #complain(words) {
    this.#error.textContent = words;
    this.#name.setAttribute('aria-invalid', String(Boolean(words)));
  }
}
