// The account's screens: the way in, the pool with the open rooms, and a room.

import { find, make } from '../dom.js';
import * as router from '../router.js';
import { Entrance } from './entrance.js';
import { Home } from './home.js';
import { RoomView } from './room.js';
import { session } from './session.js';

const views = { entrance: new Entrance(), home: new Home(), room: new RoomView() };
const element = make('section', { id: 'account', className: 'screen' }, ...Object.values(views).map((view) => view.element));
let current = null;
let rest = '';
let isShown = false;

/** Shows what the address and the account lead to. */
function show() {
  const id = /^room\/([\w-]+)$/.exec(rest)?.[1];
  const name = !session.isOpen ? 'entrance' : id ? 'room' : 'home';
  const hadFocus = element.contains(document.activeElement) || document.activeElement === document.body;
  if (current !== name) views[current]?.leave();
  current = name;
  element.dataset.view = name;
  for (const [other, view] of Object.entries(views)) view.element.hidden = other !== name;
  views[name].enter(id);
  router.refreshTitle();
  router.refreshConnection();
  if (hadFocus && !document.activeElement?.checkVisibility()) find('#main').focus({ preventScroll: true });
}

views.entrance.element.addEventListener('titled', () => router.refreshTitle());
session.addEventListener('change', () => {
  views.entrance.forget();
  if (isShown) show();
});

export const screen = {
  element,
  title: () => views[current]?.title,
  connection: () => views[current]?.connection,
  enter(own) {
    rest = own;
    isShown = true;
    show();
  },
  leave() {
    isShown = false;
    views[current]?.leave();
    current = null;
  },
};
