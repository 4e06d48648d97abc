// Who this is to the rooms: kept on the device, so that all tabs are the same person.

import { freshId } from '../line.js';
import { device, isListOf, isRecord, isText } from '../storage.js';

const isRoom = (kept) => isRecord(kept) && isText(kept.id) && isText(kept.name);
const isMarks = (kept) => isRecord(kept) && Object.values(kept).every(isText);

const NAME_MAX = 32;

/** Dispatches `change` with the key when another tab has changed something: name, joined or read. */
export class Identity extends EventTarget {
  constructor() {
    super();
    addEventListener('storage', ({ key }) => {
      const part = /^passerby\.rooms\.(\w+)$/.exec(key ?? '')?.[1];
      if (part) this.dispatchEvent(new CustomEvent('change', { detail: part }));
    });
  }

  /** Nobody guesses it, but everybody who meets them learns it: what proves it is the token. */
  get id() {
    return device.read('rooms.id', '') || this.#write('id', freshId());
  }

  get name() {
    return device.read('rooms.name', '');
  }

  set name(name) {
    this.#write('name', name);
  }

  get token() {
    return device.read('rooms.token', '');
  }

  set token(token) {
    this.#write('token', token);
  }

  /** The rooms to be in: [{ id, name }]. */
  get joined() {
    return device.read('rooms.joined', [], isListOf(isRoom));
  }

  set joined(rooms) {
    this.#write('joined', rooms);
  }

  /** The id of the last message that was read: by room. */
  get read() {
    return device.read('rooms.read', {}, isMarks);
  }

  set read(marks) {
    this.#write('read', marks);
  }

  /** The address of the socket, as this person. */
  get url() {
    const query = new URLSearchParams({ user_id: this.id, username: this.name });
    if (this.token) query.set('session', this.token);
    return `/api/ws?${query}`;
  }

  /** Becomes somebody new, of the same name. */
  renew() {
    this.#write('id', freshId());
    this.#write('token', '');
  }

  #write(key, value) {
    device.write(`rooms.${key}`, value);
    return value;
  }
}

/** What is not seen, but for what joins or shapes letters and emoji. The server has the last word. */
const HIDDEN =
  /(?![\u200c\u200d\ufe00-\ufe0f\u{e0020}-\u{e007f}\u{e0100}-\u{e01ef}])[\p{C}\p{Zl}\p{Zp}\p{DI}\u2800]/u;

/** What is wrong with a name, in words, or nothing. */
export function complaint(name) {
  const length = [...name.trim()].length;
  if (!length) return 'Please write a name; it can be any.';
  if (length > NAME_MAX) return `A name may have ${NAME_MAX} characters at most; this one has ${length}.`;
  if (HIDDEN.test(name)) return 'A name cannot have characters that are not seen.';
  if (/^\s*system\s*$/i.test(name.normalize('NFKC'))) return 'That name is the server’s own; please choose another.';
  return '';
}
