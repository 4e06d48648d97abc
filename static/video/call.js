// What becomes of a video pair: a connection and pictures once both want them, or a reason and what to do.

import * as alert from '../alert.js';
import { mode } from '../mode.js';
import * as router from '../router.js';
import { settings } from '../settings.js';
import { causeOf } from './causes.js';
import { Ice } from './ice.js';
import { Peer } from './peer.js';
import { after, isCall, isWait } from './steps.js';

const PATIENCE_MS = 15_000;
/** After so long a program that says nothing of its person is taken to be willing. */
const SILENCE_MS = 2_000;
/** How long camera and microphone stay on after a stranger has left, so that the next one is met at once. */
const KEPT_MS = 30_000;
/** Signals kept until there is a connection for them. */
const WAITING_MAX = 100;
const SIGNALS = ['offer', 'answer', 'iceCandidate'];
/** What is assumed of the other side until it tells. */
const UNKNOWN = { camera: true, microphone: true, revealed: false };

/** Dispatches `step` whenever that is another one. */
export class Call extends EventTarget {
  #client;
  #chat;
  #devices;
  #stage;
  #fail;
  #step = 'idle';
  #pair = null;
  #ice = null;
  #peer = null;
  /** What came before there was a connection to take it. */
  #waiting = [];
  /** Counts what was tried, so that servers that are told late are not used. */
  #attempts = 0;
  #cause = null;
  #wasConnected = false;
  #hasRevealed = false;
  #them = UNKNOWN;
  /** Whether the other side has said nothing of itself, and for so long that it will not. */
  #isSilent = false;
  #told = '';
  #patience = 0;
  #silence = 0;
  #keeping = 0;

  /** `fail` is called with an error when nothing can be captured, or nobody be looked for. */
  constructor({ client, chat, devices, stage, fail }) {
    super();
    this.#client = client;
    this.#chat = chat;
    this.#devices = devices;
    this.#stage = stage;
    this.#fail = fail;
    this.#listen();
  }

  get step() {
    return this.#step;
  }

  #listen() {
    this.#chat.addEventListener('phase', ({ detail }) => this.#follow(detail));
    for (const type of SIGNALS) this.#client.addEventListener(type, ({ detail }) => this.#hear(detail));
    this.#client.addEventListener('callState', ({ detail }) => this.#learn(detail.state));
    this.#client.addEventListener('state', () => this.#client.state === 'online' && this.#peer?.resume());
    this.#client.addEventListener('error', ({ detail }) => {
      if (detail.code === 'account_required' && this.#step === 'searching') this.#fail({ name: 'AccountRequiredError' });
    });
    this.#devices.addEventListener('change', () => this.#update());
    this.#devices.addEventListener('trouble', ({ detail }) => this.#excuse(detail));
    this.#stage.addEventListener('reveal', () => this.#reveal());
    // What the other one has offered meanwhile still waits for an answer.
    this.#stage.addEventListener('retry', () => this.#go('retry', { offers: !this.#waiting.some(({ type }) => type === 'offer') }));
    this.#stage.addEventListener('text', () => this.#goOnInText());
    addEventListener('online', () => this.#peer?.restart());
    document.addEventListener('visibilitychange', () => this.#tidy());
    router.follow(() => this.#tidy());
  }

  /** Takes the step to which `event` leads, if it leads anywhere. */
  #go(event, detail = {}) {
    const step = after(this.#step, event);
    if (step === this.#step) return;
    this.#step = step;
    clearTimeout(this.#patience);
    if (isWait(step)) this.#patience = setTimeout(() => this.#giveUp(), PATIENCE_MS);
    if (!isCall(step)) this.#endPair();
    mode.hasPictures = step !== 'idle' && step !== 'text';
    this.#enter[step]?.(detail);
    this.#update();
    this.dispatchEvent(new Event('step'));
  }

  /** What begins with a step. */
  #enter = {
    idle: () => this.#close(),
    searching: () => void this.#prepare(),
    consent: ({ pair }) => this.#begin(pair),
    connecting: ({ offers }) => void this.#connect(offers),
    connected: () => (this.#wasConnected = true),
    failed: () => this.#drop(),
    text: () => this.#close(),
    ended: ({ isMine }) => this.#keep(isMine),
  };

  #follow(phase) {
    const { pair } = this.#client;
    if (phase === 'searching') this.#go(mode.isVideo ? 'search' : 'close');
    else if (phase === 'ended') this.#go('part', { isMine: this.#chat.reason === 'me' });
    else if (phase === 'idle') this.#go('close');
    else if (pair?.mode === 'video') this.#go('meet', { pair });
  }

  /** Has the devices ready while somebody is looked for. */
  async #prepare() {
    clearTimeout(this.#keeping);
    if (this.#devices.isOpen) return;
    try {
      await this.#devices.open();
    } catch (error) {
      if (this.#step === 'searching' || isCall(this.#step)) this.#fail(error);
    }
  }

  #begin(pair) {
    this.#pair = pair;
    this.#them = { ...UNKNOWN };
    this.#told = '';
    this.#wasConnected = false;
    this.#hasRevealed = !settings.blur;
    this.#ice = new Ice({ client: this.#client, pair, renewed: (config) => this.#peer?.configure(config) });
    this.#isSilent = false;
    this.#silence = setTimeout(() => {
      this.#isSilent = true;
      this.#agree();
    }, SILENCE_MS);
  }

  #reveal() {
    this.#hasRevealed = true;
    this.#update();
    // Of that the stranger learns nothing.
    void this.#ice?.load();
    this.#agree();
  }

  #agree() {
    if (this.#hasRevealed && (this.#them.revealed || this.#isSilent)) this.#go('agree', { offers: this.#pair.initiator });
  }

  /** Makes a connection, when it is known through which servers; one side offers, the other waits for it. */
  async #connect(offers) {
    const attempt = (this.#attempts += 1);
    const config = await this.#ice.load();
    if (attempt !== this.#attempts || this.#step !== 'connecting') return;
    if (config) this.#open(config, offers);
    else this.#giveUp();
  }

  #open(config, offers) {
    const { pairId, initiator } = this.#pair;
    this.#peer?.close();
    const peer = new Peer({
      isPolite: !initiator,
      config,
      send: (signal) => this.#client.send({ ...signal, pairId }),
      canSend: () => this.#client.state === 'online',
    });
    this.#peer = peer;
    const whenCurrent = (act) => () => peer === this.#peer && act();
    peer.addEventListener('connected', whenCurrent(() => this.#go('arrive')));
    peer.addEventListener('away', whenCurrent(() => this.#go('lose')));
    peer.addEventListener('stuck', whenCurrent(() => this.#giveUp()));
    this.#stage.play(peer.stream);
    if (offers) peer.offer();
    for (const signal of this.#waiting.splice(0)) void peer.hear(signal);
    this.#update();
  }

  #hear(signal) {
    if (signal.pairId !== this.#pair?.pairId) return;
    if (this.#peer) {
      void this.#peer.hear(signal);
    } else if (this.#step === 'consent' || this.#step === 'connecting') {
      if (this.#waiting.length < WAITING_MAX) this.#waiting.push(signal);
      // Who calls without a word is willing.
      if (signal.type === 'offer') this.#learn({ revealed: true });
    } else if (this.#step === 'failed' && signal.type === 'offer') {
      // The other one tries again.
      this.#waiting = [signal];
      this.#go('retry', { offers: false });
    }
  }

  /** The other side tells of itself. Whatever it says, only what is understood counts. */
  #learn(state) {
    if (!isCall(this.#step)) return;
    clearTimeout(this.#silence);
    this.#isSilent = false;
    if (state?.text === true) {
      this.#stayInText();
      return;
    }
    for (const name of Object.keys(UNKNOWN)) {
      if (typeof state?.[name] === 'boolean') this.#them[name] = state[name];
    }
    this.#update();
    this.#agree();
  }

  #giveUp() {
    this.#cause = causeOf(this.#peer?.facts, { wasConnected: this.#wasConnected, relayOnly: this.#pair.relayOnly, ice: this.#ice });
    this.#go('giveUp');
  }

  /** Keeps the pair and gives up the pictures, as one wishes. */
  #goOnInText() {
    this.#tell({ text: true });
    this.#go('text');
    this.#chat.note('You go on in text; camera and microphone are off.');
    this.#chat.takeFocus();
  }

  /** The same, as the other one wishes. */
  #stayInText() {
    this.#go('text');
    this.#chat.note('The stranger goes on in text; the cameras are off.');
  }

  /** One of the devices could not be had, or is gone. */
  #excuse({ kind, isLost }) {
    if (!isCall(this.#step)) return;
    const what = kind === 'camera' ? 'Your camera' : 'Your microphone';
    alert.say(isLost ? `${what} was unplugged or taken away.` : `${what} could not be switched on. Another program may be using it.`);
  }

  /** The pair is over, or goes on without pictures. */
  #endPair() {
    clearTimeout(this.#silence);
    this.#ice?.close();
    this.#pair = this.#ice = null;
    this.#waiting = [];
    this.#drop();
  }

  #drop() {
    this.#attempts += 1;
    this.#stage.play(null);
    this.#peer?.close();
    this.#peer = null;
  }

  /** Nobody is looked for or seen any more. In the lobby one still looks at oneself. */
  #close() {
    clearTimeout(this.#keeping);
    this.#stage.hide();
    if (!router.isAt('/video')) this.#devices.release();
  }

  /** Gives the devices back after the end: at once if one wished the end, and else in a while, for there may be a next one. */
  #keep(isMine) {
    clearTimeout(this.#keeping);
    if (isMine) this.#devices.release();
    else this.#keeping = setTimeout(() => this.#tidy(true), KEPT_MS);
    this.#tidy();
  }

  /** Whoever does not look at the end of a call any more has no use for the camera. */
  #tidy(isOver = false) {
    if (this.#step !== 'ended' || !this.#devices.isOpen || router.isAt('/video')) return;
    if (isOver || document.hidden || !router.isAt('/chat')) this.#devices.release();
  }

  #tell(state) {
    this.#client.send({ type: 'callState', state, pairId: this.#pair.pairId });
  }

  #update() {
    if (this.#step === 'idle' || this.#step === 'text') return;
    for (const kind of ['camera', 'microphone']) this.#peer?.setTrack(kind, this.#devices.track(kind));
    if (isCall(this.#step)) {
      const state = { camera: this.#devices.isOn('camera'), microphone: this.#devices.isOn('microphone'), revealed: this.#hasRevealed };
      const words = JSON.stringify(state);
      if (words !== this.#told) this.#tell(state);
      this.#told = words;
    }
    this.#stage.show({ step: this.#step, cause: this.#cause, hasRevealed: this.#hasRevealed, them: this.#them });
  }
}
