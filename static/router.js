// The screens and which of them is seen. A screen is a section of the page and an address behind the hash; a new
// one is one call of `add`.

import { find, make } from './dom.js';

const screens = [];
let current = null;

/**
 * Adds a screen: { path, element, title, label, enter, leave, allows }. One with a `label` gets a link in the
 * navigation; `allows` says whether it can be gone to now.
 */
export function add(screen) {
  screens.push(screen);
  const links = screens.filter(({ label }) => label);
  find('#nav').replaceChildren(...links.map(({ label, path }) => make('a', { href: `#${path}`, textContent: label })));
  // One link leads nowhere that the brand does not.
  find('#nav').hidden = links.length < 2;
}

export const isAt = (path) => current?.path === path;

export function go(path) {
  if (location.hash === `#${path}`) show();
  else location.hash = path;
}

export async function show() {
  const path = location.hash.slice(1) || '/';
  const wanted = screens.find((screen) => screen.path === path);
  if (wanted?.load && !wanted.element) {
    Object.assign(wanted, await wanted.load());
    document.head.append(make('link', { rel: 'stylesheet', href: new URL(wanted.style, import.meta.url).href }));
    find('#main').append(wanted.element);
  }
  const next = wanted && (wanted.allows?.() ?? true) ? wanted : screens[0];
  // The address always names what is seen.
  if (next.path !== path) history.replaceState(null, '', `#${next.path}`);
  if (next === current) return;
  current?.leave?.();
  current = next;
  for (const { element } of screens) if (element) element.hidden = element !== next.element;
  document.body.dataset.screen = next.element.id;
  for (const link of find('#nav').children) {
    if (link.hash === `#${next.path}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  next.enter?.();
}

export function start() {
  addEventListener('hashchange', show);
  show();
}
