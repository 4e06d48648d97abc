/**
 * Passerby's client, for any page: one file, nothing else needed. See docs/CLIENT.md.
 *
 * It keeps one WebSocket open, comes back when that is lost, and turns what the server says into events: every
 * server message is dispatched under its `type` with the message as `detail`. Besides there are
 *   `state`   the connection changed: `state` is online, connecting, waiting (until `retryAt`), offline or closed
 *   `failed`  what was sent under `cid` was refused or cannot be delivered any more
 * A message that was not acknowledged is sent again under the same `cid` when a new connection opens, unless the
 * conversation it belongs to is over; what the server acknowledged is never sent again.
 */

const FIRST_DELAY_MS = 300;
const LAST_DELAY_MS = 10_000;
const SILENCE_MS = 8_000;
const ACKNOWLEDGEMENTS = new Set(['sent', 'message_ack']);

export class Passerby extends EventTarget {
  /** @type {WebSocket | null} */
  #socket = null;
  #url;
  #attempts = 0;
  #retryTimer = 0;
  #retryAt = 0;
  #retryMs = null;
  #watchdog = 0;
  #isWanted = false;
  /** What was sent and not acknowledged, in order: cid -> { command, written: the socket it went to }. */
  #outbox = new Map();
  #holdTimer = 0;
  /** Whom to look for, while somebody is looked for. */
  #wish = null;
  #searchTimer = 0;

  /** The conversation: { pairId, mode, interests, initiator }, or null. */
  pair = null;
  /** online, connecting, waiting, offline or closed. */
  state = 'closed';

  /** `url`: the server's socket, relative to the page or absolute. */
  constructor(url = '/ws?auto=0&format=json') {
    super();
    this.#url = new URL(url, location.href);
    this.#url.protocol = this.#url.protocol.replace(/^http/, 'ws');
    addEventListener('online', () => this.#wake());
    addEventListener('offline', () => this.#report());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#wake();
    });
  }

  /** Whether somebody is looked for. */
  get isSearching() {
    return this.#wish !== null && this.pair === null;
  }

  /** When the next attempt to connect is due, in milliseconds since 1970. */
  get retryAt() {
    return this.#retryAt;
  }

  /** Connects, and from then on stays connected. */
  connect() {
    this.#isWanted = true;
    if (!this.#socket) this.#open();
    return this;
  }

  /** Disconnects for good. */
  close() {
    this.#isWanted = false;
    this.#wish = null;
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    if (socket) {
      this.#lose(socket, 1000);
      socket.close(1000);
    }
    this.#report();
  }

  /** Looks for somebody: { mode, interests, language, anyone }. Ends the conversation, if there is one. */
  find(wish = {}) {
    const type = this.pair ? 'nextStranger' : 'findMatch';
    this.#end();
    this.#wish = { mode: 'text', ...wish };
    this.connect();
    this.#write({ type, ...this.#wish });
  }

  /** Ends the conversation or the search. */
  stop() {
    clearTimeout(this.#searchTimer);
    this.#wish = null;
    this.#end();
    this.#write({ type: 'stopChat' });
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
    this.#write({ type: 'stats' });
  }

  /** Sends any command. One with a `cid` is kept until it is acknowledged; others are lost with the connection. */
  send(command) {
    if (command.cid === undefined) return void this.#write(command);
    this.#outbox.set(command.cid, { command, written: null });
    if (!this.#holdTimer) this.#flush();
  }

  #open() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#report();
      if (this.#wish && !this.pair) this.#write({ type: 'findMatch', ...this.#wish });
      this.#flush();
    };
    socket.onmessage = ({ data }) => {
      clearTimeout(this.#watchdog);
      this.#watchdog = 0;
      this.#attempts = 0;
      this.#hear(data);
    };
    socket.onclose = ({ code }) => this.#lose(socket, code);
    this.#watch(socket);
    this.#report();
  }

  /** The connection is gone, and the conversation with it. */
  #lose(socket, code) {
    if (socket !== this.#socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    this.#socket = null;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#searchTimer);
    this.#watchdog = 0;
    const { pair } = this;
    if (pair) {
      this.#wish = null;
      this.#end();
      this.#emit('strangerLeft', { type: 'strangerLeft', pairId: pair.pairId, reason: 'connection' });
    }
    // From 4500 on the server asks not to be called again.
    if (code >= 4500 && code < 5000) this.#isWanted = false;
    if (this.#isWanted) this.#retry();
    this.#report();
  }

  #retry() {
    const ceiling = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempts);
    // Full jitter, so that everybody does not come back at once; a server that restarts says when.
    const delay = this.#retryMs ?? Math.random() * ceiling;
    this.#retryMs = null;
    this.#attempts += 1;
    this.#retryAt = Date.now() + delay;
    this.#retryTimer = setTimeout(() => this.#open(), delay);
  }

  /** The network is back, or somebody looks at the page: connects now, or makes sure that it still is. */
  #wake() {
    if (!this.#isWanted) return;
    if (!this.#socket) this.#open();
    else this.count();
    this.#report();
  }

  /** Gives the connection up unless something is heard soon. */
  #watch(socket) {
    this.#watchdog ||= setTimeout(() => {
      this.#watchdog = 0;
      if (socket !== this.#socket) return;
      this.#lose(socket, 1006);
      socket.close();
    }, SILENCE_MS);
  }

  #write(command) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(command));
    // These are answered.
    if (['stats', 'findMatch', 'nextStranger', 'sendMessage'].includes(command.type)) this.#watch(socket);
    return true;
  }

  /** Writes what has not been written to this connection. */
  #flush() {
    this.#holdTimer = 0;
    for (const entry of this.#outbox.values()) {
      if (entry.written !== this.#socket && this.#write(entry.command)) entry.written = this.#socket;
    }
  }

  #hear(data) {
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      return;
    }
    const { type, cid, pairId } = event;
    if (ACKNOWLEDGEMENTS.has(type)) {
      this.#outbox.delete(cid);
    } else if (type === 'searching') {
      if (!this.#wish) return;
      this.#end();
    } else if (type === 'strangerJoined') {
      // It may have crossed a stop.
      if (!this.#wish) return;
      this.pair = event;
    } else if (type === 'strangerLeft') {
      if (pairId !== this.pair?.pairId) return;
      this.#wish = null;
      this.#end();
    } else if (type === 'draining') {
      this.#retryMs = event.retryMs;
    } else if (type === 'error') {
      if (this.#refused(event)) return;
    } else if (pairId !== undefined && pairId !== this.pair?.pairId) {
      return;
    }
    this.#emit(type, event);
  }

  /** Deals with a refusal; false if it is for others to deal with. */
  #refused({ cid, code, message, retryMs }) {
    const entry = this.#outbox.get(cid);
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

  #report() {
    const is = this.#socket?.readyState;
    let state = 'closed';
    if (this.#isWanted) state = navigator.onLine === false ? 'offline' : 'waiting';
    if (is === WebSocket.CONNECTING && state === 'waiting') state = 'connecting';
    if (is === WebSocket.OPEN && state === 'waiting') state = 'online';
    if (state === this.state && state !== 'waiting') return;
    this.state = state;
    this.#emit('state', { state, retryAt: this.#retryAt });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** An id that nobody else has; `crypto.randomUUID` is missing on pages without HTTPS. */
export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
