// What was said and is not confirmed: each is written once to each connection, in order, under the same cid, until it is confirmed.

export class Outbox {
  #line;
  #isOpen;
  /** cid -> { cid, command, written } and whatever else is known, in the order in which it was said. */
  #entries = new Map();
  #timer = 0;

  /** `isOpen` tells whether the connection takes a command by now. */
  constructor(line, isOpen = () => true) {
    this.#line = line;
    this.#isOpen = isOpen;
  }

  get entries() {
    return [...this.#entries.values()];
  }

  get(cid) {
    return this.#entries.get(cid);
  }

  add(cid, command, about = {}) {
    this.#entries.set(cid, { ...about, cid, command: { ...command, cid }, written: 0 });
    this.flush();
  }

  /** It is confirmed, or given up. */
  remove(cid) {
    this.#entries.delete(cid);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#entries.clear();
  }

  /** Writes what this connection has not been given. */
  flush() {
    if (this.#timer) return;
    for (const entry of this.#entries.values()) {
      if (entry.written === this.#line.number || !this.#isOpen(entry.command)) continue;
      if (this.#line.write(entry.command)) entry.written = this.#line.number;
    }
  }

  /** It came too fast: it is written again after a while, and nothing before. */
  hold(cid, ms) {
    const entry = this.#entries.get(cid);
    if (!entry) return;
    entry.written = 0;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.flush();
    }, ms);
  }
}
