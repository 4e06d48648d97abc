// How one message looks, in every log: a bubble, the line above those of one speaker, and the state of an own one.

import { find, make } from './dom.js';
import { linkify } from './linkify.js';
import { clockTime, exactTime } from './time.js';

const GROUP_MS = 5 * 60_000;
const STATES = { sending: 'Sending…', sent: 'Sent', read: 'Read', failed: 'Not delivered', waiting: 'Will be delivered when they come back' };

/** A line about what happened, perhaps with a link: { href, label }. */
export function note(text, link) {
  const line = make('p', { className: 'note', textContent: text });
  if (link) line.append(' ', make('a', { href: link.href, textContent: link.label }));
  return line;
}

export const bubble = ({ text, at }) => make('div', { className: 'bubble', dir: 'auto', title: exactTime(at) }, ...linkify(text));

/** The element for what `name` says from `at` on; `who` is you or another. */
export function group(who, name, at) {
  const time = make('time', { dateTime: at, textContent: clockTime(at), title: exactTime(at) });
  const line = make('p', { className: 'who' }, make('bdi', { className: 'name', textContent: name }), ' ', time);
  return make('div', { className: `group ${who}` }, line);
}

/** Takes what was drawn of an entry out of a log, without moving what is read there. */
export function takeOut(log, ...parts) {
  const fromEnd = log.scrollHeight - log.scrollTop;
  for (const part of parts) {
    const around = part.closest('.group');
    part.remove();
    if (around && !find('.bubble', around)) around.remove();
  }
  log.scrollTop = log.scrollHeight - fromEnd;
}

/** Whether a message at `at` still belongs to what began at `since`. */
export const isSoonAfter = (since, at) => Date.parse(at) - Date.parse(since) < GROUP_MS;

export const stateLine = () => make('p', { className: 'state', 'aria-live': 'off' });

/** Shows a state in its line; with `again`, { label, act }, an own message that failed can be sent again. */
export function showState(line, state, again) {
  line.dataset.state = state;
  line.textContent = STATES[state];
  if (state !== 'failed') return;
  const retry = make('button', { type: 'button', textContent: again.label });
  retry.addEventListener('click', again.act);
  line.append(' ', retry);
}
