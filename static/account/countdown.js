// How long a room is still there, by the server's clock, and notices when that is not long any more.

import { serverNow } from './api.js';
import { left } from './spans.js';

const NOTICES = [
  [5 * 60_000, 'Less than five minutes are left in this room.'],
  [60 * 60_000, 'Less than an hour is left in this room.'],
];
/** The server is given a moment to end the room before it is asked. */
const GRACE_MS = 1_500;

export class Countdown {
  #time;
  #notice;
  #over;
  #until = 0;
  #timer = 0;

  /** The elements for the time and the notice; `over` is called when it should be over. */
  constructor(time, notice, over) {
    this.#time = time;
    this.#notice = notice;
    this.#over = over;
  }

  run(until) {
    this.#until = until;
    this.#tick();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#notice.textContent = '';
    this.#time.textContent = '';
  }

  #tick() {
    clearTimeout(this.#timer);
    const rest = this.#until - serverNow();
    this.#show(this.#time, `${left(rest)} left`);
    this.#show(this.#notice, NOTICES.find(([limit]) => rest <= limit)?.[1] ?? '');
    if (rest > -GRACE_MS) this.#timer = setTimeout(() => this.#tick(), 500);
    else this.#over();
  }

  #show(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }
}
