// What goes on in the rooms of whoever is signed in: the list, what is unread in each, and what the server pushes about
// them. Every tab has the same, within moments.

import { Line } from '../line.js';
import { request, sentence, serverNow } from './api.js';
import { session } from './session.js';

const KNOWN_MAX = 500;
/** Somebody who was away for so long may have a connection that only seems to be one. */
const AWAY_MS = 30_000;

/**
 * Dispatches `change` when anything may look different, `closed` { room_id } when a room has ended, and `matched`
 * { room_id } when the pool has found somebody.
 */
class Notices extends EventTarget {
  line = new Line(() => `/ws/notifications?token=${encodeURIComponent(session.token ?? '')}`);
  /** The rooms that are open, as the server describes them, the latest activity first. */
  rooms = [];
  isLoaded = false;
  /** Why the list could not be had the last time. */
  trouble = '';
  /** How many people with accounts are here. */
  online = 0;
  #tabs = new BroadcastChannel('passerby.account');
  /** Counts what happened, so that an answer that may be older is asked for again. */
  #turn = 0;
  #isAsking = false;
  /** Messages that were counted: several sockets may tell of the same. */
  #known = new Set();
  #hiddenAt = 0;
  #token = null;

  constructor() {
    super();
    this.line.addEventListener('open', () => void this.refresh());
    this.line.addEventListener('message', ({ detail }) => this.#heard(detail));
    // The browser does not say why; a plain request finds out.
    this.line.addEventListener('lost', ({ detail }) => {
      if (!detail.wasOpen && session.isOpen) void this.refresh();
    });
    this.#tabs.addEventListener('message', ({ data }) => this.#took(data));
    session.addEventListener('change', () => this.#follow());
    addEventListener('online', () => this.#renew());
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#hiddenAt = Date.now();
      else if (Date.now() - this.#hiddenAt > AWAY_MS) this.#renew();
    });
    this.#follow();
  }

  get unread() {
    return this.rooms.reduce((sum, { unread }) => sum + (unread ?? 0), 0);
  }

  room(id) {
    return this.rooms.find((room) => room.id === id);
  }

  /** Asks for the list; answers that crossed something newer are asked for again. */
  async refresh() {
    this.#turn += 1;
    if (this.#isAsking) return;
    this.#isAsking = true;
    let turn;
    do {
      turn = this.#turn;
      await this.#load();
    } while (turn !== this.#turn && session.isOpen);
    this.#isAsking = false;
  }

  /** Something about the rooms is different that the other tabs do not know of. */
  changed() {
    this.#tabs.postMessage({ type: 'refresh' });
    void this.refresh();
  }

  /** A message came to a room that this tab has open, but nobody looks at. */
  count(room_id, message_id) {
    this.#tabs.postMessage({ type: 'new_message', room_id, message_id });
    this.#came(room_id, message_id);
  }

  /** Somebody has seen everything in a room. */
  see(room_id) {
    if (!this.room(room_id)?.unread) return;
    this.#tabs.postMessage({ type: 'seen', room_id });
    this.#saw(room_id);
  }

  #follow() {
    if (session.token === this.#token) return;
    this.#token = session.token;
    this.line.close();
    this.rooms = [];
    this.isLoaded = false;
    this.trouble = '';
    this.online = 0;
    this.#known.clear();
    this.#turn += 1;
    if (this.#token) this.line.connect();
    this.#tell();
  }

  #renew() {
    if (!session.isOpen) return;
    this.line.close();
    this.line.connect();
  }

  async #load() {
    const token = this.#token;
    if (!token) return;
    const answer = await request('GET', '/rooms/me');
    if (token !== this.#token) return;
    if (answer.status === 200) {
      this.rooms = answer.data.filter(({ expires_at }) => Date.parse(expires_at) > serverNow());
      this.#sort();
      this.isLoaded = true;
      this.trouble = '';
    } else {
      this.trouble = sentence(answer);
    }
    this.#tell();
  }

  #heard(event) {
    const { type, room_id } = event;
    if (type === 'new_message') {
      this.#came(room_id, event.message_id);
    } else if (type === 'room_read') {
      // Something newer may be unread all the same.
      if (this.room(room_id)?.unread) void this.refresh();
    } else if (type === 'room_closed') {
      this.rooms = this.rooms.filter(({ id }) => id !== room_id);
      this.#turn += 1;
      this.#tell();
      this.#emit('closed', { room_id });
    } else if (type === 'matched') {
      void this.refresh();
      this.#emit('matched', { room_id });
    } else if (type === 'online_count') {
      this.online = event.count;
      this.#tell();
    }
  }

  /** What another tab has told. */
  #took({ type, room_id, message_id }) {
    if (type === 'refresh') void this.refresh();
    else if (type === 'new_message') this.#came(room_id, message_id);
    else if (type === 'seen') this.#saw(room_id);
  }

  #came(room_id, message_id) {
    if (message_id !== undefined) {
      if (this.#known.has(message_id)) return;
      this.#known.add(message_id);
      if (this.#known.size > KNOWN_MAX) this.#known.delete(this.#known.values().next().value);
    }
    const room = this.room(room_id);
    // A room that is not in the list yet brings its number with it.
    if (!room) return void this.refresh();
    room.unread = (room.unread ?? 0) + 1;
    room.last_message_at = new Date(serverNow()).toISOString();
    this.#turn += 1;
    this.#sort();
    this.#tell();
    this.#emit('came', { room_id });
  }

  #saw(room_id) {
    const room = this.room(room_id);
    if (!room) return;
    room.unread = 0;
    this.#turn += 1;
    this.#tell();
  }

  #sort() {
    const latest = ({ last_message_at, created_at }) => Date.parse(last_message_at ?? created_at);
    this.rooms.sort((one, other) => latest(other) - latest(one));
  }

  #tell() {
    this.dispatchEvent(new Event('change'));
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

export const notices = new Notices();
