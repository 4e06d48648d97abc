// Who is signed in on this device. All tabs agree: what one of them changes, the others hear of.

import { device, isRecord, isText } from '../storage.js';

const KEY = 'account';
const isAccount = (kept) => isRecord(kept) && isText(kept.token) && isRecord(kept.user);
/** The longest that a browser's timer takes. */
const TIMER_MS = 2 ** 31 - 1;

const EXPIRED = 'Your sign-in has run out; you are anonymous until you sign in again.';
export const INVALID = 'Your sign-in is not valid any more; you are anonymous until you sign in again.';

/** Dispatches `change` with { reason } when somebody is signed in, or is not any more; the reason is a sentence, or nothing. */
class Session extends EventTarget {
  #timer = 0;
  /** { token, user, until }, or null. */
  #account = null;
  /** Why nobody is signed in any more: a sentence, or nothing. */
  reason = '';

  constructor() {
    super();
    this.#account = device.read(KEY, null, isAccount);
    this.#watch();
    addEventListener('storage', ({ key }) => {
      if (key === null || key === `passerby.${KEY}`) this.reload();
    });
    // Timers rest while the device sleeps.
    document.addEventListener('visibilitychange', () => this.#watch());
  }

  get token() {
    return this.#account?.token ?? null;
  }

  /** { id, pseudo, email, country, created_at }, or null. */
  get user() {
    return this.#account?.user ?? null;
  }

  get isOpen() {
    return this.#account !== null;
  }

  open({ token, user }) {
    this.#set({ token, user, until: Date.now() + lifetime(token) });
  }

  /** Signs out; `reason` says why, unless it was wished. */
  close(reason = '') {
    if (this.isOpen) this.#set(null, reason);
  }

  /** Takes over what is kept on the device now. */
  reload() {
    const kept = device.read(KEY, null, isAccount);
    if (kept?.token === this.token) return;
    this.#account = kept;
    this.#changed('');
  }

  #set(account, reason = '') {
    this.#account = account;
    if (account) device.write(KEY, account);
    else device.remove(KEY);
    this.#changed(reason);
  }

  #changed(reason) {
    this.reason = reason;
    this.#watch();
    this.dispatchEvent(new CustomEvent('change', { detail: { reason } }));
  }

  #watch() {
    clearTimeout(this.#timer);
    const { until } = this.#account ?? {};
    // What is not a number is left to the server to judge.
    if (!Number.isFinite(until)) return;
    const left = until - Date.now();
    if (left <= 0) this.close(EXPIRED);
    else this.#timer = setTimeout(() => this.#watch(), Math.min(left, TIMER_MS));
  }
}

/** How long a token is good for, in ms: by its own account, because the device's clock may be wrong. */
function lifetime(token) {
  try {
    const { iat, exp } = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return (exp - iat) * 1000;
  } catch {
    return NaN;
  }
}

export const session = new Session();
