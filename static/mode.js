// Whether it is text or video that somebody looks for, and whether pictures are shown beside the words.

import { tab } from './storage.js';

/** Dispatches `change` when something else is looked for than before. */
class Mode extends EventTarget {
  #wished = tab.read('mode', 'text');
  #hasPictures = false;

  get wished() {
    return this.#wished;
  }

  set wished(mode) {
    this.#wished = mode;
    tab.write('mode', mode);
    this.dispatchEvent(new Event('change'));
  }

  get isVideo() {
    return this.#wished === 'video';
  }

  get hasPictures() {
    return this.#hasPictures;
  }

  set hasPictures(has) {
    this.#hasPictures = has;
    document.body.dataset.mode = has ? 'video' : 'text';
  }
}

export const mode = new Mode();
