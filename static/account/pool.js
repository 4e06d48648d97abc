// Waiting for somebody to share a room with. It goes on while other screens are looked at and over a reload of the page:
// what keeps the place is the connection for notices.

import { device, isRecord } from '../storage.js';
import { request, sentence } from './api.js';
import { notices } from './notices.js';
import { session } from './session.js';

const KEY = 'pool';
const isPlace = (kept) => isRecord(kept) && Number.isFinite(kept.since) && Number.isFinite(kept.seen);
/** The server gives a place up when its holder was away for so long. */
const PLACE_MS = 30_000;
const BEAT_MS = 5_000;
/** In which all tabs have heard that somebody was found, after the first of them. */
const ECHO_MS = 2_000;
const TOO_MANY = 'You have as many rooms as anybody can have. One of them has to end first.';

/** Dispatches `change`, and `matched` { room_id } when there is somebody. */
class Pool extends EventTarget {
  /** { since, sameCountry, seen }, or null: the same in all tabs. */
  #place = null;
  #timer = 0;
  /** When another tab said that nobody waits any more. */
  #lostAt = -Infinity;
  #isLeaving = false;
  isAsking = false;
  /** Why it could not be joined or left the last time. */
  trouble = '';

  constructor() {
    super();
    const kept = device.read(KEY, null, isPlace);
    // A place that was given up long ago must not be taken again by itself.
    if (kept && session.isOpen && Date.now() - kept.seen < PLACE_MS) this.#place = kept;
    this.#beat();
    addEventListener('storage', ({ key }) => {
      if (key === null || key === `passerby.${KEY}`) this.#adopt(device.read(KEY, null, isPlace));
    });
    session.addEventListener('change', () => {
      if (!session.isOpen) this.#set(null);
    });
    // Two who keep in touch are told in the same way, without having waited.
    notices.addEventListener('matched', ({ detail }) => {
      if (this.isWaiting || performance.now() - this.#lostAt < ECHO_MS) this.#found(detail.room_id);
    });
    // Whether the place is still there, only the attempt to take it tells.
    notices.line.addEventListener('open', () => {
      if (this.isWaiting && !this.isAsking) void this.#ask(this.sameCountry);
    });
    if (this.isWaiting && notices.line.state === 'online') void this.#ask(this.sameCountry);
  }

  get isWaiting() {
    return this.#place !== null;
  }

  get since() {
    return this.#place?.since ?? 0;
  }

  get sameCountry() {
    return this.#place?.sameCountry ?? false;
  }

  join(sameCountry) {
    // A second click would ask for a second room.
    if (!this.isWaiting && !this.isAsking) void this.#ask(sameCountry);
  }

  async leave() {
    if (this.#isLeaving) return;
    this.#isLeaving = this.isAsking = true;
    this.#tell();
    const answer = await request('POST', '/pool/leave');
    this.#isLeaving = this.isAsking = false;
    // Not to be there is what was wanted.
    this.trouble = answer.status === 200 || answer.status === 404 ? '' : sentence(answer);
    if (this.trouble) this.#tell();
    else this.#set(null);
  }

  async #ask(sameCountry) {
    const wasWaiting = this.isWaiting;
    this.isAsking = true;
    this.#tell();
    const answer = await request('POST', '/pool/join', { same_country: sameCountry });
    this.isAsking = false;
    const { status, data } = answer;
    this.trouble = '';
    // It was left in another tab meanwhile.
    if (wasWaiting && !this.isWaiting && status === 202) return void this.leave();
    if (status === 201) this.#found(data.room_id);
    else if (status === 409 && /rooms/.test(data?.error)) this.#fail({ data: { error: TOO_MANY } });
    else if (status === 202 || status === 409) this.#set(this.#place ?? { since: Date.now(), sameCountry, seen: Date.now() });
    else if (wasWaiting && status === 0) this.#tell();
    else this.#fail(answer);
  }

  #fail(answer) {
    this.#set(null);
    this.trouble = sentence(answer);
    this.#tell();
  }

  #found(room_id) {
    this.#set(null);
    notices.changed();
    this.dispatchEvent(new CustomEvent('matched', { detail: { room_id } }));
  }

  #adopt(place) {
    const same = place?.since === this.#place?.since;
    if (this.#place && !place) this.#lostAt = performance.now();
    this.#place = place;
    if (!same) this.#beat();
  }

  #set(place) {
    this.#place = place;
    if (place) device.write(KEY, place);
    else device.remove(KEY);
    this.#beat();
  }

  /** Notes that the place is held: as long as any tab does, a reload may go on with it. */
  #beat() {
    clearInterval(this.#timer);
    this.#tell();
    if (!this.isWaiting) return;
    const beat = () => {
      if (notices.line.state === 'online') device.write(KEY, { ...this.#place, seen: Date.now() });
    };
    beat();
    this.#timer = setInterval(beat, BEAT_MS);
  }

  #tell() {
    this.dispatchEvent(new Event('change'));
  }
}

export const pool = new Pool();
