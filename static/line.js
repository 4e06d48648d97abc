/**
 * One WebSocket that stays open: it comes back when it is lost, and notices when it is dead. See docs/CLIENT.md.
 *
 * Messages are JSON both ways. Events:
 *   `open`     a connection is there; whoever needs to says now who and where they are
 *   `message`  the server said something: the parsed message is the `detail`
 *   `lost`     a connection is gone, or could not be had: { code, reason, wasOpen }
 *   `state`    the state changed: { state, retryAt }
 */

const FIRST_DELAY_MS = 300;
const LAST_DELAY_MS = 10_000;
const SILENCE_MS = 8_000;
/** A connection that lasted so long was a good one, even if nothing was said on it. */
const GOOD_MS = 10_000;

export class Line extends EventTarget {
  /** @type {WebSocket | null} */
  #socket = null;
  #url;
  #probe;
  #isAnswered;
  #attempts = 0;
  #openedAt = 0;
  #retryTimer = 0;
  #retryAt = 0;
  #retryMs = null;
  #watchdog = 0;
  #isWanted = false;
  /** What it listens with to the page, while it is wanted: lines that were closed cost nothing. */
  #ears = null;

  /** online, connecting, waiting (until `retryAt`), offline or closed. */
  state = 'closed';
  /** Counts the connections that were begun: what was said to an earlier one was not said to this one. */
  number = 0;
  /** Whether it is closed because the server asked not to be called again. */
  wasDismissed = false;

  /**
   * `url`: the server's socket, relative to the page or absolute, or a function that returns it, asked each time.
   * `probe`: a command that makes the server say something, or a function that returns one. `isAnswered` says which
   * commands the server answers: when it has answered none of them for 8 s, the connection is given up.
   */
  constructor(url, { probe = null, isAnswered = () => false } = {}) {
    super();
    this.#url = url;
    this.#probe = probe;
    this.#isAnswered = isAnswered;
  }

  /** When the next attempt to connect is due, in milliseconds since 1970. */
  get retryAt() {
    return this.#retryAt;
  }

  /** Connects, and from then on stays connected. */
  connect() {
    this.#isWanted = true;
    this.wasDismissed = false;
    this.#listen();
    if (!this.#socket) this.#open();
    return this;
  }

  /** Disconnects for good. */
  close() {
    this.#giveUp();
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    if (socket) {
      this.#lose(socket, { code: 1000, reason: '' });
      socket.close(1000);
    }
    this.#report();
  }

  /** Sends a command now; false if there is no connection. */
  write(command) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(command));
    if (this.#isAnswered(command)) this.#watch(socket);
    return true;
  }

  #listen() {
    if (this.#ears) return;
    this.#ears = new AbortController();
    const { signal } = this.#ears;
    addEventListener('online', () => this.#wake(), { signal });
    addEventListener('offline', () => this.#report(), { signal });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#wake();
    }, { signal });
  }

  #giveUp() {
    this.#isWanted = false;
    this.#ears?.abort();
    this.#ears = null;
  }

  #open() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    const url = new URL(typeof this.#url === 'function' ? this.#url() : this.#url, location.href);
    url.protocol = url.protocol.replace(/^http/, 'ws');
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.number += 1;
    this.#openedAt = 0;
    socket.onopen = () => {
      this.#rest();
      this.#openedAt = Date.now();
      this.#report();
      this.dispatchEvent(new Event('open'));
    };
    socket.onmessage = ({ data }) => {
      this.#rest();
      this.#attempts = 0;
      this.#hear(data);
    };
    socket.onclose = (event) => this.#lose(socket, event);
    this.#watch(socket);
    this.#report();
  }

  #lose(socket, { code, reason }) {
    if (socket !== this.#socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    this.#socket = null;
    this.#rest();
    const wasOpen = this.#openedAt > 0;
    if (wasOpen && Date.now() - this.#openedAt > GOOD_MS) this.#attempts = 0;
    // From 4500 on the server asks not to be called again.
    if (code >= 4500 && code < 5000) {
      this.#giveUp();
      this.wasDismissed = true;
    }
    this.#emit('lost', { code, reason, wasOpen });
    // Whoever heard of it may have closed it for good, or opened it again.
    if (this.#isWanted && !this.#socket) this.#retry();
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
    else if (this.#probe && this.#socket.readyState === WebSocket.OPEN) this.write(typeof this.#probe === 'function' ? this.#probe() : this.#probe);
    this.#report();
  }

  /** Gives the connection up unless something is heard soon. */
  #watch(socket) {
    this.#watchdog ||= setTimeout(() => {
      this.#watchdog = 0;
      if (socket !== this.#socket) return;
      this.#lose(socket, { code: 1006, reason: '' });
      socket.close();
    }, SILENCE_MS);
  }

  #rest() {
    clearTimeout(this.#watchdog);
    this.#watchdog = 0;
  }

  #hear(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message?.type === 'draining') this.#retryMs = message.retryMs;
    this.#emit('message', message);
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
