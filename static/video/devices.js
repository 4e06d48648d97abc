// The camera and the microphone: opened, switched, exchanged, and given back.

import { device } from '../storage.js';
import { checkSupport } from './troubles.js';

const KINDS = ['camera', 'microphone'];
const MEDIA = { camera: 'video', microphone: 'audio' };
const BASE = {
  camera: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, facingMode: 'user' },
  microphone: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};
/** After these the other one of the two may still be had. */
const PARTIAL = new Set(['NotFoundError', 'NotReadableError', 'AbortError', 'OverconstrainedError']);

/**
 * Dispatches `change` when something is captured or not any more or is another one, `list` when there are other devices to choose
 * from, and `trouble` { kind, error, isLost } when one was switched off because it could not be had.
 */
export class Devices extends EventTarget {
  #tracks = { camera: null, microphone: null };
  /** What is switched on. That lasts longer than the devices are held: who has switched the camera off finds it off next time. */
  #wanted = { camera: true, microphone: true };
  /** What was switched off only because it could not be had. */
  #failed = { camera: false, microphone: false };
  /** Counts what was asked of each, so that an answer that comes late is told from the newest. */
  #turns = { camera: 0, microphone: 0 };
  #known = { camera: [], microphone: [] };
  #isOpen = false;
  /** Counts how often everything was given back. */
  #releases = 0;

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.#refresh());
  }

  /** Whether they were opened, and not given back since. */
  get isOpen() {
    return this.#isOpen;
  }

  /** Whether this one is switched on, though perhaps it still starts. */
  isWanted(kind) {
    return this.#wanted[kind];
  }

  /** Whether this one works now. */
  isOn(kind) {
    return this.#wanted[kind] && this.#tracks[kind] !== null;
  }

  track(kind) {
    return this.#tracks[kind];
  }

  /** What there is to choose from: { id, label }. */
  list(kind) {
    return this.#known[kind];
  }

  /** Which of the list works, or would. */
  chosen(kind) {
    return this.#tracks[kind]?.getSettings().deviceId ?? device.read(kind, '');
  }

  /** Captures what is switched on, or all; throws what the browser said if none of it can be had. */
  async open({ all = false } = {}) {
    checkSupport();
    if (all) this.#wanted = { camera: true, microphone: true };
    const releases = this.#releases;
    const missing = KINDS.filter((kind) => this.#wanted[kind] && !this.#tracks[kind]);
    if (missing.length) await this.#captureAny(missing);
    // Nobody waits for it any more.
    if (releases !== this.#releases) return;
    this.#isOpen = true;
    this.#changed();
    await this.#refresh();
  }

  /** Gives everything back; the lights go out. */
  release() {
    this.#isOpen = false;
    this.#releases += 1;
    for (const kind of KINDS) {
      this.#drop(kind);
      this.#wanted[kind] ||= this.#failed[kind];
      this.#failed[kind] = false;
    }
    this.#changed();
  }

  /** Switches one on or off. The camera is given back meanwhile; a muted microphone is only silent, so that it is quick. */
  async turn(kind, on) {
    this.#wanted[kind] = on;
    this.#failed[kind] = false;
    if (this.#tracks[kind]) this.#tracks[kind].enabled = on;
    // Also what still starts.
    if (!on && (kind === 'camera' || !this.#tracks[kind])) this.#drop(kind);
    this.#changed();
    if (!on || this.#tracks[kind]) return;
    const releases = this.#releases;
    await this.#tryCapture(kind);
    if (releases !== this.#releases) return;
    this.#isOpen ||= this.#tracks[kind] !== null;
    this.#changed();
  }

  /** Takes another one from the list, and remembers it. */
  async pick(kind, id) {
    const before = device.read(kind, '');
    device.write(kind, id);
    if (!this.#tracks[kind]) return;
    const { enabled } = this.#tracks[kind];
    // First, since there are machines that cannot have two open.
    this.#drop(kind);
    if (!(await this.#tryCapture(kind, id))) {
      device.write(kind, before);
      this.#wanted[kind] = true;
      this.#failed[kind] = false;
      await this.#tryCapture(kind);
    }
    if (this.#tracks[kind]) this.#tracks[kind].enabled = enabled;
    this.#changed();
  }

  async #captureAny(kinds) {
    try {
      await this.#capture(kinds);
    } catch (error) {
      if (kinds.length < 2 || !PARTIAL.has(error.name)) throw error;
      const failed = [];
      for (const kind of kinds) await this.#capture([kind]).catch((fault) => failed.push([kind, fault]));
      if (failed.length === kinds.length) throw error;
      for (const [kind, fault] of failed) this.#giveUp(kind, fault);
    }
  }

  /** Captures one; false if that failed, which is said, unless nobody asks for it any more. */
  async #tryCapture(kind, id) {
    const turn = this.#turns[kind] + 1;
    try {
      await this.#capture([kind], id);
      return true;
    } catch (error) {
      if (this.#turns[kind] !== turn) return true;
      this.#giveUp(kind, error);
      return false;
    }
  }

  #giveUp(kind, error, isLost = false) {
    this.#wanted[kind] = false;
    this.#failed[kind] = true;
    this.dispatchEvent(new CustomEvent('trouble', { detail: { kind, error, isLost } }));
  }

  async #capture(kinds, id) {
    const turns = new Map(kinds.map((kind) => [MEDIA[kind], [kind, (this.#turns[kind] += 1)]]));
    const ask = (idOf) => {
      const all = kinds.map((kind) => [MEDIA[kind], constraints(kind, idOf(kind))]);
      return navigator.mediaDevices.getUserMedia(Object.fromEntries(all));
    };
    const stream = await ask((kind) => id ?? device.read(kind, '')).catch((error) => {
      // The one that was used last time may be at home.
      if (error.name === 'OverconstrainedError' && !id) return ask(() => '');
      throw error;
    });
    for (const track of stream.getTracks()) {
      const [kind, turn] = turns.get(track.kind);
      if (this.#turns[kind] !== turn) {
        // It was switched off or given back meanwhile.
        track.stop();
        continue;
      }
      this.#tracks[kind]?.stop();
      this.#tracks[kind] = track;
      track.enabled = this.#wanted[kind];
      track.addEventListener('ended', () => void this.#lost(kind, track));
    }
    this.#changed();
  }

  /** It was unplugged, or taken away: another may do. */
  async #lost(kind, track) {
    if (this.#tracks[kind] !== track) return;
    const { enabled } = track;
    this.#drop(kind);
    this.#changed();
    try {
      await this.#capture([kind]);
      if (this.#tracks[kind]) this.#tracks[kind].enabled = enabled;
    } catch (error) {
      this.#giveUp(kind, error, true);
    }
    this.#changed();
    await this.#refresh();
  }

  #drop(kind) {
    this.#turns[kind] += 1;
    this.#tracks[kind]?.stop();
    this.#tracks[kind] = null;
  }

  /** Asks what there is. Before something was captured the browser does not tell. */
  async #refresh() {
    if (!this.#isOpen) return;
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    for (const kind of KINDS) {
      const those = all.filter((one) => one.kind === `${MEDIA[kind]}input` && one.deviceId);
      const name = kind === 'camera' ? 'Camera' : 'Microphone';
      this.#known[kind] = those.map(({ deviceId, label }, index) => ({ id: deviceId, label: label || `${name} ${index + 1}` }));
      const track = this.#tracks[kind];
      const isGone = track && those.length && !those.some(({ deviceId }) => deviceId === track.getSettings().deviceId);
      // Not every browser says so at the track itself.
      if (isGone && track.getSettings().deviceId) void this.#lost(kind, track);
    }
    this.dispatchEvent(new Event('list'));
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

function constraints(kind, id) {
  // Exactly that one: browsers take a mere wish lightly.
  return id ? { ...BASE[kind], facingMode: undefined, deviceId: { exact: id } } : BASE[kind];
}
