// The rooms there are, and what is known of each: who is in it, what was said, what is unread.

import { isolate } from '../text.js';
import * as api from './api.js';
import { keep, kept } from './kept.js';
import { Thread } from './thread.js';

const POLL_MS = 10_000;
const SOON_MS = 250;
const PAGE = 50;

export class Room {
  thread = new Thread();
  /** id -> name, once they are known. */
  members = null;
  /** Whether `members` are only some of them. */
  isCut = false;
  /** Changes with `members`. */
  version = 0;
  isJoined = false;
  /** Whether the server has it on its list. */
  isListed = false;
  hasOlder = true;
  #older = null;

  constructor(id, name, count = 0) {
    Object.assign(this, { id, name, count });
  }

  /** Loads a page of what was said before; one at a time. */
  older(entryOf) {
    const { oldest } = this.thread;
    if (!oldest || !this.hasOlder) return Promise.resolve();
    this.#older ??= api.page(this.id, oldest.id, PAGE).then(({ messages, next }) => {
      this.hasOlder = next !== undefined;
      this.thread.prepend(messages.map(entryOf));
    }).finally(() => (this.#older = null));
    return this.#older;
  }
}

/** Dispatches `change` when anything about any room may look different now. */
export class Hall extends EventTarget {
  #client;
  #identity;
  #timer = 0;
  #isWatched = false;
  /** Joining and leaving that was heard while the list of a room's members was on its way. */
  #meanwhile = new Map();
  rooms = new Map();
  /** Why the list could not be had the last time. */
  trouble = '';
  isLoaded = false;

  constructor(client, identity) {
    super();
    this.#client = client;
    this.#identity = identity;
    for (const { id, name } of identity.joined) this.room(id, name).isJoined = true;
    for (const message of kept()) this.#resume(message);
    client.addEventListener('text', ({ detail }) => this.#heard(detail));
    client.addEventListener('join', ({ detail }) => this.#moved(detail, 1));
    client.addEventListener('leave', ({ detail }) => this.#moved(detail, -1));
    client.addEventListener('joined', ({ detail }) => this.#joined(detail.room));
    client.addEventListener('refused', ({ detail }) => this.#refused(detail));
    document.addEventListener('visibilitychange', () => this.#poll());
  }

  /** The room with this id, which may be heard of only now. */
  room(id, name) {
    if (!this.rooms.has(id)) {
      const room = new Room(id, name ?? (id === 'general' ? 'General Chat' : id));
      room.thread.addEventListener('change', () => this.#keep());
      this.rooms.set(id, room);
    }
    return this.rooms.get(id);
  }

  /** What the server says, as an entry of a thread. */
  entryOf = ({ id, content, sender, sender_id, timestamp, cid }) => {
    const isMe = sender_id === this.#identity.id;
    return { id, who: isMe ? 'you' : 'other', sender: sender_id, name: sender, text: content, at: timestamp, cid, state: isMe ? 'sent' : undefined };
  };

  /** Whether the list is looked at, and should be kept true. */
  watch(isWatched) {
    this.#isWatched = isWatched;
    this.#poll();
  }

  async refresh() {
    try {
      const { items, isCut } = await api.list();
      this.trouble = '';
      this.isLoaded = true;
      const known = new Set(items.map(({ id }) => id));
      for (const { id, name, user_count } of items) Object.assign(this.room(id), { name, count: user_count });
      for (const [id, room] of this.rooms) {
        // A list that was cut says nothing of what is not on it.
        room.isListed = known.has(id) || (isCut && room.isListed);
        // What was said in a room that is gone may still be read.
        if (!room.isListed && !room.isJoined && !room.thread.entries.length) this.rooms.delete(id);
      }
      this.#identity.joined = this.#identity.joined.map(({ id, name }) => ({ id, name: this.rooms.get(id)?.name ?? name }));
    } catch (error) {
      this.trouble = error.message;
    }
    this.#tell();
  }

  async create(name) {
    const { id } = await api.create(name);
    this.room(id, name).isListed = true;
    return id;
  }

  join(id) {
    const room = this.room(id);
    this.#noteJoined(room);
    if (!this.#client.isIn(id)) this.#client.join(id);
    else if (!room.members) void this.loadMembers(room);
    this.#tell();
  }

  leave(id) {
    this.#client.leave(id);
    this.#forget(id);
  }

  /** The number of messages in a room that were not read. */
  unread({ id, thread, isJoined }) {
    const mark = this.#identity.read[id];
    if (!isJoined || mark === undefined) return 0;
    const { messages } = thread;
    let count = 0;
    for (let at = messages.length - 1; at >= 0 && messages[at].id > mark; at -= 1) if (messages[at].who === 'other') count += 1;
    return count;
  }

  markRead({ id, thread }) {
    const newest = thread.newest?.id ?? '';
    const { read } = this.#identity;
    if (read[id] !== undefined && read[id] >= newest) return;
    this.#identity.read = { ...read, [id]: newest };
    this.#tell();
  }

  /** Asks who is in a room. */
  async loadMembers(room) {
    const heard = [];
    this.#meanwhile.set(room.id, heard);
    try {
      const { items, isCut } = await api.users(room.id);
      room.version += 1;
      room.members = new Map(items.map(({ id, username }) => [id, username]));
      for (const { id, name, by } of heard) this.#seat(room, id, name, by);
      room.isCut = isCut;
      if (!room.isCut) room.count = room.members.size;
    } catch {
      // The number is known from the list, and the names come with what is said.
    }
    if (this.#meanwhile.get(room.id) === heard) this.#meanwhile.delete(room.id);
    this.#tell();
  }

  /** Nobody is anywhere any more. */
  clear() {
    this.rooms.clear();
    this.#keep();
    this.#tell();
  }

  /** Takes up what was on its way before the page was loaded; the history will tell whether it has arrived. */
  #resume({ room: id, cid, text, at, anchor, state }) {
    const room = this.rooms.get(id);
    // Out of a room that was left, nothing is said.
    if (!room) return;
    room.thread.send({ who: 'you', sender: this.#identity.id, name: this.#identity.name, text, at, cid, anchor, state });
    if (state === 'sending') this.#client.say({ room: id }, text, { anchor, cid, isDoubtful: true });
  }

  #keep() {
    keep([...this.rooms.values()]);
  }

  #heard(message) {
    if (this.room(message.room).thread.hear(this.entryOf(message))) this.#tell();
  }

  #moved({ room: id, sender, sender_id }, by) {
    const room = this.room(id);
    const isMe = sender_id === this.#identity.id;
    this.#meanwhile.get(id)?.push({ id: sender_id, name: sender, by });
    const known = room.members?.has(sender_id);
    this.#seat(room, sender_id, sender, by);
    if (room.members && !room.isCut) room.count = room.members.size;
    else if (!isMe) room.count = Math.max(0, room.count + by);
    if (isMe && by > 0) this.#noteJoined(room);
    if (isMe && by < 0) this.#forget(id);
    if (!isMe && known !== (by > 0)) {
      const verb = by > 0 ? 'joined' : 'left';
      room.thread.note((names) => `${several(names.map(isolate))} ${verb}`, verb, sender);
    }
    this.#tell();
  }

  #seat(room, id, name, by) {
    room.version += 1;
    if (by > 0) room.members?.set(id, name);
    else room.members?.delete(id);
  }

  #noteJoined(room) {
    if (room.isJoined) return;
    room.isJoined = true;
    const { id, name } = room;
    this.#identity.joined = [...this.#identity.joined.filter((other) => other.id !== id), { id, name }];
  }

  #joined(id) {
    const room = this.room(id);
    room.hasOlder = room.thread.messages.length > 0;
    // What was said before somebody came is not unread.
    if (this.#identity.read[id] === undefined) this.markRead(room);
    void this.loadMembers(room);
    this.#poll(SOON_MS);
  }

  #refused({ room, code }) {
    if (code === 'room_not_found') {
      this.#client.drop(room);
      const { thread } = this.room(room);
      if (thread.entries.length) thread.note('This room is not there any more.');
    }
    if (code === 'room_not_found' || code === 'too_many_rooms' || code === 'bad_field') this.#forget(room);
  }

  #forget(id) {
    const room = this.rooms.get(id);
    if (room) Object.assign(room, { isJoined: false, members: null, version: room.version + 1 });
    const { [id]: _, ...read } = this.#identity.read;
    this.#identity.read = read;
    this.#identity.joined = this.#identity.joined.filter((other) => other.id !== id);
    this.#poll(SOON_MS);
    this.#tell();
  }

  #poll(after = 0) {
    clearTimeout(this.#timer);
    if (!this.#isWatched || document.hidden) return;
    this.#timer = setTimeout(async () => {
      await this.refresh();
      this.#poll(POLL_MS);
    }, after);
  }

  #tell() {
    this.dispatchEvent(new Event('change'));
  }
}

/** "Ann", "Ann and Bob", "Ann, Bob and 3 others". */
export function several(names) {
  if (names.length < 3) return names.join(' and ');
  if (names.length === 3) return `${names[0]}, ${names[1]} and ${names[2]}`;
  return `${names[0]}, ${names[1]} and ${names.length - 2} others`;
}
