// The rooms screen: the rooms there are, one of them, and beside it its people and what is said in private.

import * as alert from '../alert.js';
import { find, isComposing, make } from '../dom.js';
import { allowSound, notify } from '../notify.js';
import * as router from '../router.js';
import { isListOf, isText, tab } from '../storage.js';
import { isolate } from '../text.js';
import * as api from './api.js';
import { Client } from './client.js';
import { Gate } from './gate.js';
import { Hall } from './hall.js';
import { Identity } from './identity.js';
import { Letters } from './letters.js';
import { addressOf, List } from './list.js';
import { Place } from './place.js';
import { Side } from './side.js';

const PRESENCE_MS = 15_000;
const LEFT_MAX = 50;

const identity = new Identity();
const client = new Client(identity);
const hall = new Hall(client, identity);
const letters = new Letters(client, identity);
const gate = new Gate({ named, cancel: stay });
const list = new List(hall, { rename: () => ask(), choose: (id) => remember(id, false) });
const place = new Place(hall, client, { leave, back });
const side = new Side(client, letters, identity);
const columns = make('div', { className: 'columns' }, list.element, place.element, side.element);
const element = make('section', { id: 'rooms', className: 'screen', hidden: true, 'aria-labelledby': 'rooms-title' },
  make('h1', { id: 'rooms-title', className: 'unseen', textContent: 'Rooms' }), gate.element, columns);

/** What the address says: the view on a phone, and what is open. */
let at = { view: 'list', rest: '' };
let isShown = false;
let presenceTimer = 0;
/** Rooms that one has left: the browser's way back leads to them, but not into them. */
const left = new Set(tab.read('rooms.left', [], isListOf(isText)));
let isDue = false;

export const screen = {
  element,
  title: () => (place.room && at.view !== 'list' ? place.room.name : 'Rooms'),
  connection: () => client.line,
  enter(rest) {
    isShown = true;
    at = parse(rest);
    if (!identity.name) return void ask();
    client.connect();
    hall.watch(true);
    show();
    arrive();
  },
  leave() {
    isShown = false;
    hall.watch(false);
    clearTimeout(presenceTimer);
  },
  /** Everything that was kept is gone, and so is this person. */
  forget() {
    client.close();
    hall.clear();
    left.clear();
    letters.clear();
    place.open(null);
    side.open('people');
    if (isShown) router.go('/');
  },
};

/** `room`, `room/people`, `@`, `@person`; nothing is the list. */
function parse(rest) {
  const [first, second] = rest.split('/');
  if (!first) return { view: 'list', rest };
  if (first.startsWith('@')) return { view: 'side', side: 'letters', person: decode(first.slice(1)), rest };
  return second === 'people' ? { view: 'side', side: 'people', room: decode(first), rest } : { view: 'room', room: decode(first), rest };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Opens what the address names. */
function arrive() {
  if (at.room && (place.room?.id !== at.room || !place.room.isJoined)) {
    const room = hall.room(at.room);
    const isOut = left.has(room.id) && !room.isJoined;
    if (!isOut) hall.join(room.id);
    if (isOut) place.offer(room);
    else place.open(room);
  }
  side.open(at.side ?? side.element.dataset.shows ?? 'people', at.person ? letters.with(at.person) : null);
  draw();
  if (at.view === 'side') side.focus();
  else if (at.view === 'room') place.focus();
  lookWhoIsHere();
}

function show() {
  gate.open();
  columns.hidden = false;
  draw();
}

function ask() {
  columns.hidden = true;
  gate.ask(identity.name);
}

/** The name stays as it was. */
function stay() {
  show();
  list.focus();
}

function named(name) {
  allowSound();
  const isOther = identity.name && identity.name !== name;
  identity.name = name;
  if (isOther) client.rename();
  screen.enter(at.rest);
  if (at.view === 'list') (find('.lines a', list.element) ?? find('#main')).focus({ preventScroll: true });
}

function leave(room) {
  hall.leave(room.id);
  remember(room.id, true);
  place.open(null);
  router.replace('/rooms');
}

/** Goes into a room, also into one that was left. */
function back({ id }) {
  remember(id, false);
  if (at.room === id) arrive();
  else router.go(addressOf(id));
}

function remember(id, isLeft) {
  left.delete(id);
  if (isLeft) left.add(id);
  tab.write('rooms.left', [...left].slice(-LEFT_MAX));
}

/** The room that is open is one's own no more. */
function goOut() {
  const isNamed = at.room === place.room.id;
  place.open(null);
  if (isShown && isNamed) router.replace('/rooms');
  drawSoon();
}

/** Everything is drawn at most once for each frame. */
function drawSoon() {
  if (isDue) return;
  isDue = true;
  setTimeout(draw);
}

function draw() {
  isDue = false;
  read();
  router.badge('/rooms', letters.allUnread);
  letters.announce();
  if (!isShown) return;
  columns.dataset.view = at.view;
  list.show({ open: place.room?.id, me: identity.name, letters: letters.allUnread });
  place.refresh();
  side.refresh(place.room);
  router.refreshTitle();
}

/** What is seen is read. */
function read() {
  if (document.hidden || !isShown || columns.hidden) return;
  if (place.isSeen && place.room.isJoined) hall.markRead(place.room);
  if (side.isSeen) letters.markRead(side.conversation);
}

/** Whether the one who is written to is here; then what waited for them has reached them. */
async function lookWhoIsHere() {
  clearTimeout(presenceTimer);
  const { conversation } = side;
  if (!isShown || !conversation) return;
  if (!document.hidden) {
    const list = await api.users().catch(() => null);
    const here = list && new Set(list.items.map(({ id }) => id));
    // A list that was cut says nothing of who is not on it.
    const isKnown = here && (here.has(conversation.id) || !list.isCut);
    if (isKnown && conversation === side.conversation) side.tell(here.has(conversation.id));
    if (here) letters.arrived(here);
  }
  clearTimeout(presenceTimer);
  presenceTimer = setTimeout(lookWhoIsHere, PRESENCE_MS);
}

hall.me = identity;
hall.addEventListener('change', drawSoon);
letters.addEventListener('change', drawSoon);
letters.addEventListener('letter', ({ detail }) => {
  side.typists.stop(detail.id, detail.id);
  notify();
});
client.addEventListener('text', ({ detail }) => {
  const { room, sender_id } = detail;
  place.typists.stop(room, sender_id);
  if (sender_id !== identity.id && client.isIn(room)) notify({ isQuiet: true });
});
client.addEventListener('typing', ({ detail }) => {
  const { room, sender, sender_id, active } = detail;
  if (sender_id === identity.id) return;
  const typists = room ? place.typists : side.typists;
  if (active) typists.start(room ?? sender_id, sender_id, sender);
  else typists.stop(room ?? sender_id, sender_id);
});
client.addEventListener('failed', ({ detail }) => {
  for (const { thread } of hall.rooms.values()) thread.mark(detail.cid, 'failed');
  alert.say(`Not delivered: ${detail.message}`);
});
client.addEventListener('refused', ({ detail: { room: id, code, message, type } }) => {
  if (type === 'leave_room') return;
  const room = hall.room(id);
  alert.say(code === 'room_not_found' ? `The room “${isolate(room.name)}” is not there any more.` : message);
  // What was said, and could not be said, can still be read.
  if (place.room === room && !room.thread.entries.length) goOut();
  drawSoon();
});
client.addEventListener('leave', ({ detail: { room, sender_id } }) => {
  place.typists.stop(room, sender_id);
  if (sender_id !== identity.id) return;
  remember(room, true);
  if (place.room?.id === room) goOut();
});
client.addEventListener('joined', ({ detail }) => {
  remember(detail.room, false);
  draw();
});
client.addEventListener('trouble', ({ detail: { kind } }) => {
  if (kind === 'flooded') return alert.say('The server closed the connection because too much was sent at once. It comes back by itself, and your draft is kept.');
  if (kind === 'crowded') return alert.say('The server takes no more connections from you at the moment. If the rooms are open in many tabs, close some; it is tried again by itself.');
  columns.hidden = true;
  const retry = { label: 'Try again', act: () => screen.enter(at.rest) };
  if (kind === 'closed') {
    return gate.refuse('You are here elsewhere', 'The server ended this connection because you came in from somewhere else.', [{ ...retry, label: 'Come in here' }]);
  }
  client.line.close();
  const renew = () => {
    identity.renew();
    screen.enter(at.rest);
  };
  return gate.refuse('Somebody is here as you', 'Another browser uses your place in the rooms, and this one cannot prove that it is yours. Close the other one and try again, or come in as a newcomer: with the same name, but without the private letters that wait for you.', [retry, { label: 'Come in as a newcomer', act: renew }]);
});
identity.addEventListener('change', ({ detail }) => {
  // Another tab has another name now, which the server takes once all sockets are closed.
  if (detail === 'name' && client.line.state !== 'closed' && identity.name) client.rename();
  drawSoon();
});
document.addEventListener('visibilitychange', drawSoon);
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || isComposing(event) || event.defaultPrevented || !isShown) return;
  for (const { composer } of [place, side]) {
    if (!composer.isPicking) continue;
    event.preventDefault();
    composer.closePicker();
  }
});
