// What was said in one place, a room or between two people: each message once, in the server's order, and behind it
// what is on its way.

const ENTRIES_MAX = 1_000;

/**
 * Dispatches `change` with { kind: 'end' | 'before' | 'all' | 'state' | 'gone', entry }: something was added at the end or
 * before everything, anything may be elsewhere now, the state of one message changed, or it was the oldest of too many.
 *
 * An entry is { id, who: you | other | note, sender, name, text, at, cid, anchor, state }.
 */
export class Thread extends EventTarget {
  /** Confirmed messages and notes, in order. */
  #said = [];
  #pending = [];
  #ids = new Set();
  /** What said each message, by the sender's own id for it: a message that was sent twice is shown once. */
  #cids = new Set();

  get entries() {
    return [...this.#said, ...this.#pending];
  }

  /** Own messages that are not confirmed. */
  get pending() {
    return this.#pending;
  }

  /** The confirmed messages, without notes. */
  get messages() {
    return this.#said.filter(({ id }) => id);
  }

  get oldest() {
    return this.messages[0];
  }

  get newest() {
    return this.#said.findLast(({ id }) => id);
  }

  /** Adds what the server says; false if it was known. */
  hear(entry) {
    if (this.#ids.has(entry.id)) return false;
    const key = entry.cid === undefined ? null : `${entry.sender} ${entry.cid}`;
    const own = this.#pending.findIndex(({ cid }) => entry.cid !== undefined && cid === entry.cid);
    const isOwn = own >= 0 && entry.who === 'you';
    // It stays the entry that it was, and mostly where it was.
    if (isOwn) entry = Object.assign(this.#pending.splice(own, 1)[0], entry);
    else if (key && this.#cids.has(key)) return false;
    this.#ids.add(entry.id);
    if (key) this.#cids.add(key);
    const isLast = !this.newest || entry.id > this.newest.id;
    if (isLast) this.#said.push(entry);
    else this.#said.splice(this.#said.findIndex(({ id }) => id > entry.id), 0, entry);
    this.#shorten();
    if (isOwn) this.#tell(isLast && own === 0 ? 'state' : 'all', entry);
    else this.#tell(isLast && !this.#pending.length ? 'end' : 'all', entry);
    return true;
  }

  /** Adds what was said before everything that is known; how much of it was new. */
  prepend(entries) {
    const fresh = entries.filter(({ id }) => !this.#ids.has(id));
    for (const { id } of fresh) this.#ids.add(id);
    this.#said.unshift(...fresh);
    if (fresh.length) this.#tell('before');
    return fresh.length;
  }

  /** Adds an own message that is on its way. */
  send(entry) {
    this.#pending.push(entry);
    this.#tell('end', entry);
  }

  /** Adds a line about what happened; the same happening to several people is one line. */
  note(text, kind, name) {
    const last = this.#pending.length ? null : this.#said.at(-1);
    if (kind && last?.kind === kind) {
      if (!last.names.includes(name)) last.names.push(name);
      last.text = text(last.names);
      this.#tell('all', last);
      return;
    }
    const names = kind ? [name] : [];
    const entry = { who: 'note', kind, names, text: kind ? text(names) : text, at: new Date().toISOString() };
    this.#said.push(entry);
    this.#shorten();
    this.#tell(this.#pending.length ? 'all' : 'end', entry);
  }

  /** The state of an own message has changed. */
  mark(cid, state) {
    const entry = this.#pending.find((known) => known.cid === cid);
    if (!entry) return;
    entry.state = state;
    this.#tell('state', entry);
  }

  /** What waited for the other one has reached them. */
  delivered() {
    for (const entry of this.#said.filter(({ state }) => state === 'waiting')) {
      entry.state = 'sent';
      this.#tell('state', entry);
    }
  }

  /** Takes up what was kept; what was on its way then, nobody tells of any more. */
  restore(entries) {
    for (const entry of entries) {
      if (entry.id) this.hear(entry);
      else if (entry.cid) this.#pending.push({ ...entry, state: 'failed' });
    }
  }

  #shorten() {
    while (this.#said.length > ENTRIES_MAX) {
      const gone = this.#said.shift();
      this.#ids.delete(gone.id);
      this.#cids.delete(`${gone.sender} ${gone.cid}`);
      this.#tell('gone', gone);
    }
  }

  #tell(kind, entry) {
    this.dispatchEvent(new CustomEvent('change', { detail: { kind, entry } }));
  }
}
