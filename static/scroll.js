// Keeps a log at its end while the reader is there; otherwise counts what came and offers to go there.

const NEAR_PX = 150;

export class Scroll {
  #log;
  #button;
  #count = 0;
  #isNear = true;

  constructor(log, button) {
    this.#log = log;
    this.#button = button;
    log.addEventListener('scroll', () => {
      this.#isNear = this.#distance() <= NEAR_PX;
      if (this.#isNear) this.#show(0);
    }, { passive: true });
    button.addEventListener('click', () => {
      this.toEnd();
      log.focus({ preventScroll: true });
    });
    // The keyboard on glass makes the log smaller.
    new ResizeObserver(() => {
      if (this.#isNear) this.toEnd();
    }).observe(log);
  }

  /** Whether the end of the log is what is seen of it. */
  get isNear() {
    return this.#distance() <= NEAR_PX;
  }

  /** Appends by calling `append`, and follows if the reader was near the end or wrote it. */
  follow(append, { isOwn = false, counts = true } = {}) {
    const isNear = isOwn || this.#distance() <= NEAR_PX;
    append();
    if (isNear) this.toEnd();
    else if (counts) this.#show(this.#count + 1);
  }

  toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#isNear = true;
    this.#show(0);
  }

  #distance() {
    return this.#log.scrollHeight - this.#log.clientHeight - this.#log.scrollTop;
  }

  #show(count) {
    this.#count = count;
    this.#button.hidden = count === 0;
    this.#button.textContent = count === 1 ? '1 new message ↓' : `${count} new messages ↓`;
  }
}
