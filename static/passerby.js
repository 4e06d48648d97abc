/**
 * Passerby's client, for any page: this file and line.js beside it, nothing else needed. See docs/CLIENT.md.
 *
 * It keeps one WebSocket open, comes back when that is lost, and turns what the server says into events: every
 * server message is dispatched under its `type` with the message as `detail`. Besides there are
 *   `state`   the connection changed: `state` is online, connecting, waiting (until `retryAt`), offline or closed
 *   `lost`    a connection is gone or, without `wasOpen`, could not be had: { code, reason, wasOpen }
 *   `failed`  what was sent under `cid` was refused or cannot be delivered any more
 * A message that was not acknowledged is sent again under the same `cid` when a new connection opens, unless the
 * conversation it belongs to is over; what the server acknowledged is never sent again.
 */

import { freshId, Line } from './line.js';

export { freshId };

const ACKNOWLEDGEMENTS = new Set(['sent', 'message_ack']);
const ANSWERED = new Set(['stats', 'findMatch', 'nextStranger', 'sendMessage']);

export class Passerby extends EventTarget {
  #line;
  /** What was sent and not acknowledged, in order: cid -> { command, written: the connection it went to }. */
  #outbox = new Map();
  #holdTimer = 0;
  /** Whom to look for, while somebody is looked for. */
  #wish = null;
  #searchTimer = 0;
  /** How often this connection was asked for numbers, and has answered. */
  #asked = 0;
  #answered = 0;
  /** Until so many are answered, what is said of a search is about one that was given up. */
  #fence = 0;
  /** Whether a wish was changed, which may have crossed somebody who was found for the one before; then the server refuses it. */
  #isChanged = false;
  /** Whether the connection is to be another one, once nobody is there. */
  #isStale = false;

  /** The conversation: { pairId, mode, interests, initiator }, or null. */
  pair = null;

  /** `url`: the server's socket, relative to the page or absolute, or a function that returns it, asked each time. */
  constructor(url = '/ws?auto=0&format=json') {
    super();
    this.#line = new Line(url, { probe: () => this.#question(), isAnswered: ({ type }) => ANSWERED.has(type) });
    this.#line.addEventListener('open', () => {
      this.#asked = this.#answered = this.#fence = 0;
      if (this.#wish && !this.pair) this.#write({ type: 'findMatch', ...this.#wish });
      this.#flush();
    });
    this.#line.addEventListener('message', ({ detail }) => this.#hear(detail));
    this.#line.addEventListener('lost', ({ detail }) => {
      this.#isStale = false;
      this.#lose();
      this.#emit('lost', detail);
    });
    this.#line.addEventListener('state', ({ detail }) => this.#emit('state', detail));
  }

  /** online, connecting, waiting, offline or closed. */
  get state() {
    return this.#line.state;
  }

  /** Whether somebody is looked for. */
  get isSearching() {
    return this.#wish !== null && this.pair === null;
  }

  /** When the next attempt to connect is due, in milliseconds since 1970. */
  get retryAt() {
    return this.#line.retryAt;
  }

  /** Whether the server asked not to be called again. */
  get wasDismissed() {
    return this.#line.wasDismissed;
  }

  /** Connects, and from then on stays connected. */
  connect() {
    this.#line.connect();
    return this;
  }

  /** Disconnects for good. */
  close() {
    this.#wish = null;
    this.#line.close();
  }

  /** Connects anew, to where the `url` leads now; not before the conversation is over. */
  renew() {
    this.#isStale = this.#line.state !== 'closed';
    this.#settle();
  }

  /** Looks for somebody: { mode, interests, language, anyone }. Ends the conversation, if there is one; changes a search that goes on. */
  find(wish = {}) {
    const type = this.pair ? 'nextStranger' : 'findMatch';
    this.#isChanged = this.isSearching;
    this.#end();
    this.#wish = { mode: 'text', ...wish };
    if (this.#isStale) {
      this.#write({ type: 'stopChat' });
      return this.#settle();
    }
    this.connect();
    this.#write({ type, ...this.#wish });
  }

  /** Ends the conversation or the search. */
  stop() {
    clearTimeout(this.#searchTimer);
    const wasSearching = this.isSearching;
    this.#wish = null;
    this.#isChanged = false;
    this.#end();
    this.#write({ type: 'stopChat' });
    // Somebody may have been found before the server heard of it, but no more once it has answered this.
    if (wasSearching && this.#write(this.#question())) this.#fence = this.#asked;
    this.#settle();
  }

  /** Says something to the stranger; returns the `cid` that `sent` or `failed` will name, or null without one. */
  say(text, cid = freshId()) {
    if (!this.pair) return null;
    this.send({ type: 'sendMessage', text, cid, pairId: this.pair.pairId });
    return cid;
  }

  /** Tells the stranger that something is being typed, or is not any more. */
  typing(active = true) {
    if (this.pair) this.#write({ type: 'typing', active, pairId: this.pair.pairId });
  }

  /** Asks how many people are here; `stats` answers. */
  count() {
    this.#write(this.#question());
  }

  /** Sends any command. One with a `cid` is kept until it is acknowledged; others are lost with the connection. */
  send(command) {
    if (command.cid === undefined) return void this.#write(command);
    this.#outbox.set(command.cid, { command, written: null });
    if (!this.#holdTimer) this.#flush();
  }

  /** The connection is gone, and the conversation with it. */
  #lose() {
    clearTimeout(this.#searchTimer);
    const { pair } = this;
    if (!pair) return;
    this.#wish = null;
    this.#end();
    this.#emit('strangerLeft', { type: 'strangerLeft', pairId: pair.pairId, reason: 'connection' });
  }

  #settle() {
    if (!this.#isStale || this.pair) return;
    this.#isStale = false;
    this.#line.close();
    // The new connection looks on for whom was looked for.
    this.#line.connect();
  }

  #question() {
    this.#asked += 1;
    return { type: 'stats' };
  }

  #write(command) {
    return this.#line.write(command);
  }

  /** Writes what has not been written to this connection. */
  #flush() {
    this.#holdTimer = 0;
    for (const entry of this.#outbox.values()) {
      if (entry.written !== this.#line.number && this.#write(entry.command)) entry.written = this.#line.number;
    }
  }

  #hear(event) {
    const { type, cid, pairId } = event;
    if (ACKNOWLEDGEMENTS.has(type)) {
      this.#outbox.delete(cid);
    } else if (type === 'stats') {
      this.#answered += 1;
    } else if (type === 'searching' || type === 'strangerJoined') {
      // It may have crossed a stop.
      if (!this.#wish || this.#answered < this.#fence) return;
      this.#end();
      if (type === 'strangerJoined') this.pair = event;
      else this.#isChanged = false;
    } else if (type === 'strangerLeft') {
      if (pairId !== this.pair?.pairId) return;
      this.#wish = null;
      this.#end();
    } else if (type === 'error') {
      if (this.#refused(event)) return;
      if (event.code === 'replaced') this.#wish = null;
    } else if (pairId !== undefined && pairId !== this.pair?.pairId) {
      return;
    }
    this.#emit(type, event);
    this.#settle();
  }

  /** Deals with a refusal; false if it is for others to deal with. */
  #refused({ cid, code, message, retryMs }) {
    const entry = this.#outbox.get(cid);
    if (code === 'bad_state' && this.#isChanged) {
      this.#isChanged = false;
      return true;
    }
    if (entry && code === 'rate_limited') {
      entry.written = null;
      this.#holdTimer ||= setTimeout(() => this.#flush(), retryMs);
      return true;
    }
    if (entry) {
      this.#outbox.delete(cid);
      this.#emit('failed', { cid, code, message });
      return true;
    }
    if (code === 'rate_limited' && this.isSearching) {
      clearTimeout(this.#searchTimer);
      this.#searchTimer = setTimeout(() => {
        if (this.isSearching) this.#write({ type: 'nextStranger', ...this.#wish });
      }, retryMs);
      return true;
    }
    return false;
  }

  /** The conversation is over: what was meant for it must not reach the next stranger. */
  #end() {
    const { pair } = this;
    this.pair = null;
    if (!pair) return;
    for (const [cid, { command }] of this.#outbox) {
      if (command.pairId !== pair.pairId) continue;
      this.#outbox.delete(cid);
      this.#emit('failed', { cid, code: 'over', message: 'The conversation is over.' });
    }
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
