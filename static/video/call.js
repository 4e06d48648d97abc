// What becomes of a video pair: a connection, pictures once both want them, or a reason and what to do.

import * as alert from '../alert.js';
import { isTalking } from '../phase.js';
import { settings } from '../settings.js';
import { causeOf } from './causes.js';
import { hasRelay, iceFor } from './ice.js';
import { Peer } from './peer.js';

const PATIENCE_MS = 15_000;
const FAREWELL_MS = 300;
const SIGNALS = ['offer', 'answer', 'iceCandidate'];
/** What is assumed of the other side until it tells. */
const UNKNOWN = { camera: true, microphone: true, revealed: false };

export class Call {
  #client;
  #chat;
  #devices;
  #stage;
  #isVideo;
  #fail;
  #pair = null;
  #peer = null;
  #config = null;
  /** What came before the connection could be prepared. */
  #waiting = [];
  /** searching, connecting, connected, away, failed, text or ended. */
  #step = 'ended';
  #cause = null;
  #wasConnected = false;
  #hasRevealed = false;
  #them = UNKNOWN;
  #timer = 0;
  #keyTimer = 0;

  /**
   * `isVideo` says whether it is video that is looked for; `fail` is called with an error when nothing can be captured, or nobody
   * be looked for.
   */
  constructor({ client, chat, devices, stage, isVideo, fail }) {
    this.#client = client;
    this.#chat = chat;
    this.#devices = devices;
    this.#stage = stage;
    this.#isVideo = isVideo;
    this.#fail = fail;
    chat.addEventListener('phase', ({ detail }) => this.#follow(detail));
    for (const type of SIGNALS) client.addEventListener(type, ({ detail }) => this.#hear(detail));
    devices.addEventListener('change', () => this.#update());
    devices.addEventListener('trouble', ({ detail }) => this.#excuse(detail));
    stage.addEventListener('reveal', () => {
      this.#hasRevealed = true;
      this.#update();
    });
    stage.addEventListener('retry', () => this.#retry());
    stage.addEventListener('text', () => this.#goOnInText('You go on in text; camera and microphone are off.'));
    client.addEventListener('error', ({ detail }) => {
      if (detail.code === 'account_required' && this.#step === 'searching') this.#fail({ name: 'AccountRequiredError' });
    });
    client.addEventListener('iceKey', ({ detail }) => void this.#refresh(detail.iceKey));
    addEventListener('online', () => this.#peer?.restart());
    addEventListener('hashchange', () => this.#tidy());
  }

  #follow(phase) {
    const pair = isTalking(phase) ? this.#client.pair : null;
    if (this.#pair && pair?.pairId !== this.#pair.pairId) this.#hangUp(phase === 'ended' ? 'ended' : 'searching');
    if (pair?.mode === 'video' && !this.#pair) return void this.#begin(pair);
    if (phase === 'searching' && this.#isVideo()) return void this.#prepare();
    if (phase === 'idle' || (phase === 'searching' && !this.#isVideo())) this.#close();
    return undefined;
  }

  /** Has the devices ready while somebody is looked for. */
  async #prepare() {
    this.#step = 'searching';
    document.body.dataset.mode = 'video';
    this.#update();
    if (this.#devices.isOpen) return;
    try {
      await this.#devices.open();
    } catch (error) {
      if (this.#step === 'searching' || this.#step === 'connecting') this.#fail(error);
    }
    // The search may have ended while the browser asked.
    if (document.body.dataset.phase === 'idle') this.#close();
  }

  async #begin(pair) {
    this.#pair = pair;
    this.#them = { ...UNKNOWN };
    this.#hasRevealed = !settings.blur;
    this.#wasConnected = false;
    this.#config = null;
    this.#waiting = [];
    document.body.dataset.mode = 'video';
    this.#await('connecting');
    const config = await iceFor(pair.iceKey);
    if (this.#pair !== pair) return;
    this.#keep(config);
    if (this.#step === 'connecting') this.#connect(pair.initiator);
  }

  /** Remembers the servers, and asks for new credentials before these are worth nothing. */
  #keep(config) {
    this.#config = config;
    clearTimeout(this.#keyTimer);
    if (config.ttl > 0) this.#keyTimer = setTimeout(() => this.#client.send({ type: 'iceKey', pairId: this.#pair.pairId }), config.ttl * 800);
  }

  async #refresh(key) {
    const pair = this.#pair;
    const config = await iceFor(key);
    // Old credentials may still be better than none.
    if (!pair || pair !== this.#pair || !config.iceServers.length) return;
    this.#keep(config);
    this.#peer?.configure(config);
  }

  /** Makes a connection; one side offers, the other waits for it. */
  #connect(offers) {
    const { pairId, initiator } = this.#pair;
    this.#peer?.close();
    const send = (signal) => this.#client.send({ ...signal, pairId });
    const peer = new Peer({ isPolite: !initiator, config: this.#config, send });
    this.#peer = peer;
    const whenCurrent = (act) => (event) => peer === this.#peer && act(event);
    peer.addEventListener('connected', whenCurrent(() => this.#arrive()));
    peer.addEventListener('away', whenCurrent(() => this.#step === 'connected' && this.#await('away')));
    peer.addEventListener('state', whenCurrent(({ detail }) => this.#learn(detail)));
    peer.addEventListener('media', whenCurrent(() => this.#learn({ revealed: true })));
    this.#stage.play(peer.stream);
    if (offers) peer.offer();
    for (const signal of this.#waiting.splice(0)) void peer.hear(signal);
    this.#update();
  }

  #hear(signal) {
    if (signal.pairId !== this.#pair?.pairId) return;
    if (signal.candidate?.text === true) {
      if (this.#step !== 'text') this.#goOnInText('The stranger goes on in text; the cameras are off.', false);
    } else if (this.#step === 'text') {
      if (signal.type === 'offer') this.#refuse();
    } else if (this.#peer) {
      void this.#peer.hear(signal);
    } else if (!this.#config) {
      this.#waiting.push(signal);
    } else if (signal.type === 'offer') {
      // The other one tries again.
      this.#await('connecting');
      this.#connect(false);
      void this.#peer.hear(signal);
    }
  }

  #retry() {
    this.#wasConnected = false;
    this.#await('connecting');
    if (this.#config) this.#connect(true);
  }

  /** Waits for the connection, but not for ever. */
  #await(step) {
    this.#step = step;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#giveUp(), PATIENCE_MS);
    this.#update();
  }

  #arrive() {
    clearTimeout(this.#timer);
    this.#step = 'connected';
    this.#wasConnected = true;
    this.#update();
  }

  #giveUp() {
    const relays = hasRelay(this.#config ?? { iceServers: [] });
    this.#cause = causeOf(this.#peer?.facts, { wasConnected: this.#wasConnected, relays });
    this.#step = 'failed';
    this.#drop();
    this.#update();
  }

  /** The other side tells of itself. Whatever it says, only what is understood counts. */
  #learn(state) {
    if (state?.text === true) return void this.#goOnInText('The stranger goes on in text; the cameras are off.', false);
    for (const name of Object.keys(UNKNOWN)) {
      if (typeof state?.[name] === 'boolean') this.#them[name] = state[name];
    }
    this.#update();
    return undefined;
  }

  /** Keeps the pair and gives up the pictures. */
  #goOnInText(note, tells = true) {
    clearTimeout(this.#timer);
    this.#step = 'text';
    if (tells) this.#refuse();
    const peer = this.#peer;
    this.#peer = null;
    // Not before the other side was told.
    setTimeout(() => peer?.close(), FAREWELL_MS);
    this.#close();
    this.#chat.note(note);
    if (tells) this.#chat.takeFocus();
  }

  /** Tells the other side that there will be no pictures, whether or not there is a connection. */
  #refuse() {
    this.#peer?.tell({ text: true });
    this.#client.send({ type: 'iceCandidate', candidate: { candidate: '', text: true }, pairId: this.#pair.pairId });
  }

  /** One of the devices could not be had, or is gone. */
  #excuse({ kind, isLost }) {
    if (!this.#pair || this.#stage.element.hidden) return;
    const what = kind === 'camera' ? 'Your camera' : 'Your microphone';
    alert.say(isLost ? `${what} was unplugged or taken away.` : `${what} could not be switched on. Another program may be using it.`);
  }

  #hangUp(step) {
    clearTimeout(this.#timer);
    clearTimeout(this.#keyTimer);
    const wasText = this.#step === 'text';
    this.#pair = null;
    this.#step = step;
    this.#drop();
    if (!wasText) this.#update();
  }

  #drop() {
    this.#stage.play(null);
    this.#peer?.close();
    this.#peer = null;
  }

  /** Nobody is looked for or seen any more. */
  #close() {
    this.#stage.hide();
    this.#devices.release();
    document.body.dataset.mode = 'text';
  }

  /** Whoever looks at another screen after the end has no use for the camera. */
  #tidy() {
    if (!this.#pair && this.#step === 'ended' && !/^#\/(chat|video)$/.test(location.hash)) this.#devices.release();
  }

  #update() {
    const isVideo = document.body.dataset.mode === 'video';
    if (this.#step === 'text' || !isVideo) return;
    const isOpen = this.#hasRevealed && this.#them.revealed && (this.#step === 'connected' || this.#step === 'away');
    for (const kind of ['camera', 'microphone']) {
      // Before both want it nothing at all is sent.
      this.#peer?.setTrack(kind, isOpen ? this.#devices.track(kind) : null);
    }
    this.#peer?.tell({ camera: this.#devices.isOn('camera'), microphone: this.#devices.isOn('microphone'), revealed: this.#hasRevealed });
    this.#stage.show({ step: this.#step, cause: this.#cause, isOpen, hasRevealed: this.#hasRevealed, them: this.#them });
  }
}
