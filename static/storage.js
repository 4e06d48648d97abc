// What is kept on the device. Browsers may forbid it or be full; then it lasts as long as the page, and nothing breaks.

const PREFIX = 'passerby.';

export const isText = (value) => typeof value === 'string';
export const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
export const isTime = (value) => isText(value) && Number.isFinite(Date.parse(value));
export const isListOf = (isItem) => (value) => Array.isArray(value) && value.every(isItem);

const kind = (value) => (Array.isArray(value) ? 'list' : typeof value);
const isLike = (example) => (value) => kind(value) === kind(example);

class Drawer {
  #name;
  /** What is known to be there: the browser is not asked, nor anything parsed, each time it is read. */
  #known = new Map();

  constructor(name) {
    this.#name = name;
    addEventListener('storage', ({ key, storageArea }) => {
      if (storageArea !== this.#store) return;
      // Without a key it was everything.
      if (key === null) this.#known.clear();
      else this.#known.delete(key.slice(PREFIX.length));
    });
    // A page that was put aside was told of nothing.
    addEventListener('pageshow', ({ persisted }) => persisted && this.#store && this.#known.clear());
  }

  /** What is kept under `key`; the fallback, if that is nothing or not valid: other versions may have kept something else there. */
  read(key, fallback, isValid = isLike(fallback)) {
    if (!this.#known.has(key)) {
      const value = this.#parse(key);
      this.#known.set(key, value !== undefined && isValid(value) ? value : undefined);
    }
    return this.#known.get(key) ?? fallback;
  }

  write(key, value) {
    this.#known.set(key, value);
    try {
      this.#store.setItem(PREFIX + key, JSON.stringify(value));
    } catch {
      // Only the page knows it.
    }
  }

  remove(key) {
    this.#known.delete(key);
    this.#store?.removeItem(PREFIX + key);
  }

  clear() {
    this.#known.clear();
    for (const key of Object.keys(this.#store ?? {})) if (key.startsWith(PREFIX)) this.#store.removeItem(key);
  }

  get #store() {
    try {
      return window[this.#name];
    } catch {
      return null;
    }
  }

  #parse(key) {
    try {
      return JSON.parse(this.#store.getItem(PREFIX + key)) ?? undefined;
    } catch {
      return undefined;
    }
  }
}

/** Kept until it is cleared: interests, settings. */
export const device = new Drawer('localStorage');
/** Kept as long as the tab: the log, the draft. */
export const tab = new Drawer('sessionStorage');
