// The emoji picker: a grid of buttons, one of them in the tab order, the arrow keys go from one to the next.

import { make } from './dom.js';

const GROUPS = [
  ['Faces', '😀 😄 😁 😂 🤣 😊 🙂 🙃 😉 😍 😘 😋 😜 🤪 🤗 🤔 🤨 😐 😏 🙄 😬 😴 😷 🤒 🥳 😎 🤓 😕 😟 😮 😳 🥺 😢 😭 😱 😤 😡 🤯 🥱 😇'],
  ['Hands', '👋 🤚 ✋ 👌 ✌️ 🤞 🤟 🤙 👈 👉 👆 👇 👍 👎 👏 🙌 🤝 🙏 💪 🫶'],
  ['Hearts', '❤️ 🧡 💛 💚 💙 💜 🖤 🤍 💔 💯 ✨ 🔥 🎉 ⭐ 💤 💬'],
  ['Things', '☀️ 🌙 🌧️ 🌈 🌊 🌱 🌻 🐶 🐱 🦊 🐼 🐸 🦉 🐙 🦋 🍎 🍕 🍜 🍰 ☕ 🍵 🍺 ⚽ 🎮 🎸 🎧 📚 🎬 🎨 ✈️ 🚲 🏠'],
];

export class Emoji {
  #panel;
  #form;
  #button;
  #input;
  #buttons = [];

  /** The panel to fill, the button that opens it, and where what is picked goes. */
  constructor(panel, button, input) {
    this.#panel = panel;
    this.#form = input.form;
    this.#button = button;
    this.#input = input;
    button.addEventListener('click', () => (this.isOpen ? this.close() : this.#open()));
    this.#panel.addEventListener('keydown', (event) => this.#pressed(event));
    this.#panel.addEventListener('click', ({ target }) => {
      if (target.matches('.grid button')) this.#insert(target.textContent);
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (this.isOpen && !this.#panel.contains(target) && !this.#form.contains(target)) this.close(false);
    });
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  /** Closes, and gives the focus back to the input. */
  close(focuses = true) {
    this.#panel.hidden = true;
    this.#button.setAttribute('aria-expanded', 'false');
    if (focuses) this.#input.focus();
  }

  #open() {
    if (!this.#buttons.length) this.#fill();
    this.#panel.hidden = false;
    this.#button.setAttribute('aria-expanded', 'true');
    this.#focus(0);
  }

  #fill() {
    for (const [name, list] of GROUPS) {
      const buttons = list.split(' ').map((emoji) => make('button', { type: 'button', tabIndex: -1, textContent: emoji }));
      this.#buttons.push(...buttons);
      this.#panel.append(make('div', { className: 'grid', role: 'group', 'aria-label': name }, ...buttons));
    }
  }

  #focus(index) {
    const button = this.#buttons[Math.max(0, Math.min(index, this.#buttons.length - 1))];
    for (const other of this.#buttons) other.tabIndex = other === button ? 0 : -1;
    button.focus();
  }

  #pressed(event) {
    const at = this.#buttons.indexOf(document.activeElement);
    if (at < 0) return;
    const columns = getComputedStyle(this.#buttons[at].parentElement).gridTemplateColumns.split(' ').length;
    const to = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + columns,
      ArrowUp: at - columns,
      Home: 0,
      End: this.#buttons.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#focus(to);
  }

  #insert(emoji) {
    const { selectionStart, selectionEnd } = this.#input;
    this.#input.setRangeText(emoji, selectionStart, selectionEnd, 'end');
    this.#input.dispatchEvent(new Event('input', { bubbles: true }));
  }
}
