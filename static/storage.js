// What is kept on the device. Browsers may forbid it or be full; then nothing is kept, and nothing breaks.

const PREFIX = 'passerby.';

class Drawer {
  #name;

  constructor(name) {
    this.#name = name;
  }

  read(key, fallback) {
    try {
      return JSON.parse(window[this.#name].getItem(PREFIX + key)) ?? fallback;
    } catch {
      return fallback;
    }
  }

  write(key, value) {
    try {
      window[this.#name].setItem(PREFIX + key, JSON.stringify(value));
    } catch {
      // Nothing is kept.
    }
  }

  remove(key) {
    try {
      window[this.#name].removeItem(PREFIX + key);
    } catch {
      // Nothing was kept.
    }
  }

  clear() {
    try {
      const store = window[this.#name];
      for (const key of Object.keys(store)) if (key.startsWith(PREFIX)) store.removeItem(key);
    } catch {
      // Nothing was kept.
    }
  }
}

/** Kept until it is cleared: interests, settings. */
export const device = new Drawer('localStorage');
/** Kept as long as the tab: the log, the draft. */
export const tab = new Drawer('sessionStorage');
