// Says what went wrong, above everything, for a moment or until something is done about it.

import { find, make } from './dom.js';

const LASTS_MS = 6_000;
let timer = 0;

/** Shows `text`; with `action`, { label, act }, it stays until that is chosen or something else is said. */
export function say(text, action = null) {
  hush();
  const line = find('#alert');
  line.append(make('span', { textContent: text }));
  if (!action) {
    timer = setTimeout(hush, LASTS_MS);
    return;
  }
  const button = make('button', { type: 'button', className: 'plain', textContent: action.label });
  button.addEventListener('click', () => {
    hush();
    action.act();
  });
  line.append(' ', button);
}

export function hush() {
  clearTimeout(timer);
  find('#alert').replaceChildren();
}
