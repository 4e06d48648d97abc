// Joining and leaving, one after the other. Refusals of these do not say what they refuse, and nothing says where the
// history ends that comes with joining. So each is followed by a message without words, whose refusal names it: when
// that comes, everything before it has been answered.

import { freshId } from '../line.js';

export class Moves {
  #write;
  #done;
  #queue = [];
  #current = null;
  #timer = 0;

  /** `write` sends a command; `done` is called with { type, room }, and the refusal if there was one. */
  constructor(write, done) {
    this.#write = write;
    this.#done = done;
  }

  /** The room that is being joined. */
  get joining() {
    return this.#current?.type === 'join_room' ? this.#current.room : null;
  }

  get isBusy() {
    return this.#current !== null;
  }

  /** Asks for a move, unless the last one asked for about this room is the same. */
  ask(type, room) {
    const last = [this.#current, ...this.#queue].findLast((move) => move?.room === room);
    if (last?.type === type) return;
    this.#queue.push({ type, room });
    this.next();
  }

  /** The connection is gone, and what was asked for with it. */
  reset() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#queue = [];
    this.#current = null;
  }

  next() {
    if (this.#current || this.#timer) return;
    const move = this.#queue.shift();
    if (!move) return;
    this.#current = { ...move, end: freshId(), refusal: null };
    this.#write({ type: move.type, content: move.room });
    this.#write(question(this.#current.end));
  }

  /** Whether an error belongs to a move, and has been dealt with. */
  hears(error) {
    const move = this.#current;
    if (!move) return false;
    if (error.cid === undefined) {
      move.refusal = error;
      return true;
    }
    if (error.cid !== move.end) return false;
    this.#current = null;
    const { type, room, refusal } = move;
    if (refusal?.code === 'rate_limited') {
      this.#queue.unshift({ type, room });
      this.#timer = setTimeout(() => {
        this.#timer = 0;
        this.next();
      }, refusal.retryMs);
      return true;
    }
    this.#done({ type, room }, refusal);
    this.next();
    return true;
  }
}

/** Something that the server answers at once, and nobody else hears. */
export const question = (cid = freshId()) => ({ type: 'text', content: '', room: '', cid });
