// Which servers help the two browsers of a pair to reach each other. A key opens the answer once; for another answer there is
// another key.

const WAITS_MS = 3_000;
/** What is waited before each attempt. */
const PAUSES_MS = [0, 300, 1_000];
/** When new credentials are asked for, as a part of the time for which the old ones work; and again, if there are none. */
const RENEWS_AFTER = 0.8;
const AGAIN_MS = 30_000;

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Ice {
  #client;
  #pair;
  #renewed;
  #key;
  #config = null;
  #loading = null;
  #timer = 0;
  #isClosed = false;

  /** `renewed` is called with the configuration that takes the place of an earlier one. */
  constructor({ client, pair, renewed }) {
    this.#client = client;
    this.#pair = pair;
    this.#renewed = renewed;
    this.#key = pair.iceKey;
  }

  /** Whether the server has said which servers there are. */
  get isKnown() {
    return this.#config !== null;
  }

  /** Whether one of them relays. */
  get hasRelay() {
    return this.#config?.iceServers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url))) ?? false;
  }

  /**
   * What to make a connection with. Without an answer of the server that is nothing at all, and null, where the two must not
   * learn each other's address; elsewhere they may find each other by themselves.
   */
  async load() {
    if (this.#config) return this.#config;
    this.#loading ??= this.#ask();
    const config = await this.#loading;
    this.#loading = null;
    if (config && !this.#config) this.#keep(config);
    return config ?? (this.#pair.relayOnly ? null : { iceServers: [] });
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #ask() {
    for (const pause of PAUSES_MS) {
      if (pause) await wait(pause);
      this.#key ??= await this.#nextKey();
      if (this.#isClosed) return null;
      const config = this.#key && (await this.#fetch());
      if (config) return config;
    }
    return null;
  }

  async #fetch() {
    try {
      // In a field, since proxies keep what stands in addresses.
      const response = await fetch('/api/ice', { headers: { Authorization: `Bearer ${this.#key}` }, signal: AbortSignal.timeout(WAITS_MS) });
      // Opened or never good: it is of no use any more. Anything else may have come before the key was looked at.
      if (response.ok || response.status === 401) this.#key = null;
      if (!response.ok) return null;
      const { iceServers = [], iceTransportPolicy, ttl } = await response.json();
      const isRelayed = this.#pair.relayOnly || iceTransportPolicy === 'relay';
      return { iceServers, iceTransportPolicy: isRelayed ? 'relay' : 'all', ttl };
    } catch {
      return null;
    }
  }

  /** Asks for another key; null if none comes. */
  #nextKey() {
    return new Promise((resolve) => {
      const done = (key) => {
        clearTimeout(timer);
        this.#client.removeEventListener('iceKey', hear);
        resolve(key);
      };
      const hear = ({ detail }) => done(detail.iceKey);
      const timer = setTimeout(() => done(null), WAITS_MS);
      this.#client.addEventListener('iceKey', hear);
      this.#client.send({ type: 'iceKey', pairId: this.#pair.pairId });
    });
  }

  /** Keeps the answer, and asks for new credentials before these are worth nothing. */
  #keep(config) {
    this.#config = config;
    if (!this.#isClosed && config.ttl > 0) this.#schedule(config.ttl * 1_000 * RENEWS_AFTER);
  }

  #schedule(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      const config = await this.#ask();
      if (this.#isClosed) return;
      if (config) {
        this.#keep(config);
        this.#renewed(config);
      } else {
        // Old credentials may still be better than none.
        this.#schedule(AGAIN_MS);
      }
    }, ms);
  }
}
