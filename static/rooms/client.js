// The connection to the rooms: stays in the rooms it should be in, and brings what is said there safely over a bad
// network: nothing is lost, nothing said twice.

import { freshId, Line } from '../line.js';
import { Outbox } from '../shared/outbox.js';
import * as api from './api.js';
import { Moves, question } from './moves.js';

/** From here on the history that comes with joining may not be all that was said. */
const HISTORY_MESSAGES = 200;
/** In which all tabs have closed their sockets, so that the next one brings the new name. */
const RENAME_MS = 600;
/** After so many refusals in a row it is worth saying. */
const REFUSALS_SAID = 3;

/**
 * Dispatches what the server says under its type; besides
 *   `joined`, `refused`   { room }, with the refusal: what became of `join` and `leave`
 *   `failed`    { cid, code, message }: what was said will not be delivered
 *   `trouble`   { kind: 'taken' | 'crowded' | 'closed' | 'flooded' }: why there is no connection
 */
export class Client extends EventTarget {
  #identity;
  #moves = new Moves((command) => this.#move(command), (move, refusal) => this.#moved(move, refusal));
  /** Rooms that this connection is in. */
  #in = new Set();
  /** With { anchor, isDoubtful }. */
  #outbox;
  #isGreeted = false;
  /** How often the server has let nobody in since it last did. */
  #refusals = 0;
  #usedToken = '';
  #renameTimer = 0;
  /** The ids of what came with the present joining. */
  #history = null;

  constructor(identity) {
    super();
    this.#identity = identity;
    this.line = new Line(() => {
      this.#usedToken = identity.token;
      return identity.url;
    }, { probe: () => question(), isAnswered: ({ cid }) => cid !== undefined });
    this.#outbox = new Outbox(this.line, ({ room }) => (room === undefined ? this.#isGreeted : this.#in.has(room)));
    this.line.addEventListener('message', ({ detail }) => this.#hear(detail));
    this.line.addEventListener('lost', ({ detail }) => this.#lost(detail));
  }

  connect() {
    if (!this.#renameTimer) this.line.connect();
  }

  /** Leaves for good, and takes nothing along. */
  close() {
    clearTimeout(this.#renameTimer);
    this.#renameTimer = 0;
    this.#outbox.clear();
    this.line.close();
  }

  isIn(room) {
    return this.#in.has(room);
  }

  join(room) {
    if (this.#isGreeted) this.#moves.ask('join_room', room);
  }

  leave(room) {
    if (this.#isGreeted) this.#moves.ask('leave_room', room);
  }

  /**
   * Says `text` to { room } or { recipient }; `anchor` is the last message seen there, and what may have been said before
   * `isDoubtful`. Returns the cid.
   */
  say(to, text, { anchor, cid = freshId(), isDoubtful = false } = {}) {
    this.#outbox.add(cid, { type: 'text', content: text, ...to }, { anchor, isDoubtful });
    return cid;
  }

  typing(to) {
    // Its refusal would be taken for that of a move.
    if (this.#isGreeted && !this.#moves.isBusy) this.line.write({ type: 'typing', ...to });
  }

  /** Comes again under the name that the identity has now. */
  rename() {
    this.line.close();
    clearTimeout(this.#renameTimer);
    this.#renameTimer = setTimeout(() => {
      this.#renameTimer = 0;
      this.connect();
    }, RENAME_MS);
  }

  #lost({ code, wasOpen }) {
    this.#moves.reset();
    this.#in.clear();
    this.#isGreeted = false;
    for (const entry of this.#outbox.entries) if (entry.written) entry.isDoubtful = true;
    if (code === 4029) this.#emit('trouble', { kind: 'flooded' });
    if (code >= 4500 && code < 5000) this.#emit('trouble', { kind: 'closed' });
    else if (!wasOpen) void this.#ponder();
  }

  /** A browser does not tell why a socket was refused, but the server does when it is asked otherwise. */
  async #ponder() {
    this.#refusals += 1;
    const used = this.#usedToken;
    const isProven = await api.isProven(this.#identity);
    // Another tab may have been given the token in the meantime.
    if (this.#isGreeted || used !== this.#identity.token) return;
    if (isProven === false) this.#emit('trouble', { kind: 'taken' });
    else if (isProven && this.#refusals === REFUSALS_SAID) this.#emit('trouble', { kind: 'crowded' });
  }

  #hear(message) {
    const { type, cid, room } = message;
    const me = message.sender_id === this.#identity.id;
    if (type === 'session') {
      this.#identity.token = message.token;
      this.#isGreeted = true;
      this.#refusals = 0;
      for (const { id } of this.#identity.joined) this.join(id);
    }
    if (type === 'error') return void this.#refused(message);
    if (type === 'text' && room === this.#moves.joining) this.#history?.add(message.id);
    // By another tab: then what was said there is still to be asked for.
    if (type === 'join' && me && this.#moves.joining !== room && !this.#in.has(room)) this.join(room);
    if (type === 'leave' && me) this.#in.delete(room);
    if (me && cid !== undefined) this.#outbox.remove(cid);
    this.#emit(type, message);
    if (type === 'session') this.#outbox.flush();
  }

  #move(command) {
    // That one has joined need not be said again, if another tab has.
    if (command.type === 'join_room') this.#history = new Set();
    this.line.write(command);
  }

  #moved({ type, room }, refusal) {
    const history = this.#history;
    this.#history = null;
    if (refusal) return void this.#emit('refused', { room, type, code: refusal.code, message: refusal.message });
    if (type === 'leave_room') return;
    this.#in.add(room);
    this.#settle(room, history);
    this.#emit('joined', { room });
    this.#outbox.flush();
  }

  /** What the history has not confirmed was not said, unless the history is too short to tell. */
  #settle(room, history) {
    const isCut = history?.size >= HISTORY_MESSAGES;
    for (const entry of this.#outbox.entries) {
      if (entry.command.room !== room || !entry.isDoubtful) continue;
      entry.isDoubtful = false;
      if (isCut && !history.has(entry.anchor)) this.#fail(entry.cid, 'unsure', 'It may have arrived: too much was said meanwhile to tell.');
    }
  }

  #refused(error) {
    const { cid, code, message, retryMs } = error;
    const entry = this.#outbox.get(cid);
    if (entry && code === 'rate_limited') {
      this.#outbox.hold(cid, retryMs);
    } else if (entry && code === 'not_member' && !entry.hasRejoined) {
      entry.hasRejoined = true;
      entry.written = 0;
      this.#in.delete(entry.command.room);
      this.join(entry.command.room);
    } else if (entry) {
      this.#fail(cid, code, message);
      if (code === 'room_not_found') this.#emit('refused', { room: entry.command.room, type: 'text', code, message });
    } else {
      this.#moves.hears(error);
    }
  }

  /** A room that is not there any more gets nothing. */
  drop(room) {
    for (const { cid, command } of this.#outbox.entries) {
      if (command.room === room) this.#fail(cid, 'room_not_found', 'The room is not there any more.');
    }
  }

  #fail(cid, code, message) {
    this.#outbox.remove(cid);
    this.#emit('failed', { cid, code, message });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
