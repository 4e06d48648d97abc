// The screens and which of them is seen. A screen is a section of the page and an address behind the hash: its first
// part picks the screen, the rest is the screen's own. A new screen is one call of `add`.

import * as alert from './alert.js';
import { find, make } from './dom.js';
import { setTitle } from './notify.js';

const routes = [];
const badges = new Map();
let current = null;
/** What the address says after the screen's own part. */
let rest = null;
/** Counts the changes of address, so that a screen that comes late is not shown any more. */
let turn = 0;
let watch = () => {};
const followers = new Set();

/**
 * Adds a screen: { path, label, under, load, style }. One with a `label` gets a link in the navigation; one without may be `under`
 * another's. `load` is called when the screen is first gone to and resolves to it; `style` is its style sheet, relative to this file.
 *
 * A screen is { element, title, connection, enter, leave, allows, forget }, all but the first optional. `title` is the tab's, and
 * `connection` what the banner tells of: each a value or a function. `enter(rest)` is called when the screen is shown, and
 * again when only the rest of the address has changed; `leave()` when another takes its place; `allows(rest)` says
 * whether it can be gone to now. A screen that is there from the start brings these along in place of `load`.
 */
export function add(route) {
  routes.push({ screen: route.load ? null : route, failures: 0, ...route });
  const links = routes.filter(({ label }) => label);
  find('#nav').replaceChildren(...links.map(({ label, path }) => make('a', { href: `#${path}`, textContent: label, 'data-path': path })));
  // One link leads nowhere that the brand does not.
  find('#nav').hidden = links.length < 2;
  for (const [path, count] of badges) badge(path, count);
}

export const isAt = (path) => current?.path === path;

/** Goes to an address: a screen's path, perhaps with more behind it. */
export function go(path) {
  if (location.hash === `#${path}`) void show();
  else location.hash = path;
}

/** Goes to an address in place of the present one, which is then not gone back to. */
export function replace(path) {
  history.replaceState(null, '', `#${path}`);
  void show();
}

/** The title of the present screen may be another now. */
export function refreshTitle() {
  if (current) setTitle(valueOf(current.screen.title));
}

/** The connection of the present screen may be another now. */
export function refreshConnection() {
  if (current) watch(valueOf(current.screen.connection));
}

/** The link to a screen says something else now, and perhaps leads to something else. */
export function rename(path, label, to = path) {
  const route = routes.find((known) => known.path === path);
  route.label = label;
  const link = linkTo(path);
  link.firstChild.textContent = label;
  link.href = `#${to}`;
}

/** Calls `follower` whenever another screen is seen; the function that comes back ends that. */
export function follow(follower) {
  followers.add(follower);
  return () => followers.delete(follower);
}

/** Shows at a screen's link how many things wait there. */
export function badge(path, count) {
  badges.set(path, count);
  const link = linkTo(path);
  if (!link) return;
  find('.badge', link)?.remove();
  if (count) link.append(make('span', { className: 'badge' }, String(count), make('span', { className: 'unseen', textContent: ' unread' })));
}

/** What was kept is gone: screens that hold any of it let go of it. */
export function forget() {
  for (const { screen } of routes) screen?.forget?.();
}

export async function show() {
  const mine = (turn += 1);
  const path = location.hash.slice(1) || '/';
  const wanted = routes.find((route) => isBelow(route.path, path));
  const next = wanted && (await has(wanted)) ? wanted : null;
  if (mine !== turn) return;
  // What could not be loaded leaves everything as it is.
  if (wanted && !next) return current ? undefined : reveal(routes[0], '');
  const own = wanted ? path.slice(wanted.path.length).replace(/^\//, '') : '';
  if (!wanted || !(wanted.screen.allows?.(own) ?? true)) {
    // The address always names what is seen.
    history.replaceState(null, '', `#${routes[0].path}`);
    return reveal(routes[0], '');
  }
  reveal(wanted, own);
}

/** `changed` is called with the screen's connection whenever another screen is shown. */
export function start(changed) {
  watch = changed;
  addEventListener('hashchange', show);
  // Its address is a place on the page, and none of a screen.
  find('.skip').addEventListener('click', (event) => {
    event.preventDefault();
    find('#main').focus();
  });
  // The address is there already when a screen could not be loaded.
  find('#nav').addEventListener('click', ({ target }) => {
    if (target.closest('a')?.hash === location.hash) void show();
  });
  void show();
}

const linkTo = (path) => [...find('#nav').children].find(({ dataset }) => dataset.path === path);
const isBelow = (root, path) => (root === '/' ? path === '/' : path === root || path.startsWith(`${root}/`));
const valueOf = (value) => (typeof value === 'function' ? value() : value);

function reveal(next, own) {
  if (next === current && own === rest) return;
  rest = own;
  if (next === current) {
    next.screen.enter?.(own);
    return void watch(valueOf(next.screen.connection));
  }
  const before = current;
  current = next;
  before?.screen.leave?.();
  const { element } = next.screen;
  if (!element.isConnected) find('#main').append(element);
  for (const { screen } of routes) if (screen) screen.element.hidden = screen !== next.screen;
  document.body.dataset.screen = element.id;
  // How far the last one was scrolled is of no use to this one.
  find('#main').scrollTop = 0;
  for (const link of find('#nav').children) {
    if (link.dataset.path === (next.under ?? next.path)) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  refreshTitle();
  next.screen.enter?.(own);
  watch(valueOf(next.screen.connection));
  for (const follower of followers) follower();
  // The keyboard goes on from here, wherever the screen has no better place.
  if (!element.contains(document.activeElement)) find('#main').focus({ preventScroll: true });
}

/** Loads a screen unless it is there; false if that failed, which is said. */
async function has(route) {
  if (route.screen) return true;
  const main = find('#main');
  main.setAttribute('aria-busy', 'true');
  try {
    // At the same time, but nothing is seen before both are there.
    const [screen] = await Promise.all([route.load(), styled(route.style)]);
    route.screen ??= screen;
    route.failures = 0;
    alert.hush();
    return true;
  } catch {
    route.failures += 1;
    const isFirst = route.failures === 1;
    // A browser may remember that a module is missing, and a newer server may really not have it any more.
    alert.say(`“${route.label ?? 'The screen'}” could not be loaded.`, isFirst
      ? { label: 'Try again', act: () => void show() }
      : { label: 'Reload the page', act: () => location.reload() });
    return false;
  } finally {
    main.removeAttribute('aria-busy');
  }
}

/** Resolves when the style sheet is in force. */
function styled(style) {
  if (!style) return undefined;
  const href = new URL(style, import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return undefined;
  return new Promise((resolve, reject) => {
    const link = make('link', { rel: 'stylesheet', href });
    link.addEventListener('load', resolve);
    link.addEventListener('error', () => {
      link.remove();
      reject(new Error('no style'));
    });
    document.head.append(link);
  });
}
