// The two pictures, and what is said over them.

import { find, make } from '../dom.js';
import { icon } from './icons.js';
import { isSeen } from './steps.js';
import { Tools } from './tools.js';

/** How much of a picture may be cut off to fill the stage; of any more, heads would be cut off, too. */
const CUT_MAX = 0.25;

const button = (label, ...properties) => make('button', { type: 'button', textContent: label, ...Object.assign({}, ...properties) });

/** Dispatches `reveal`, `retry` and `text` when that is pressed. */
export class Stage extends EventTarget {
  #devices;
  #remote = make('video', { id: 'remote', autoplay: true, playsInline: true, muted: true, 'aria-label': 'The stranger' });
  #own = make('video', { className: 'mirror', autoplay: true, playsInline: true, muted: true, 'aria-label': 'You' });
  #ownOff = make('span', { textContent: 'Camera off' });
  #self = make('div', { id: 'self' }, this.#own, this.#ownOff);
  #words = make('p', { id: 'stage-words', role: 'status' });
  #cause = make('p', { role: 'alert' });
  #reveal = button('Reveal', { className: 'primary' });
  #retry = button('Try again', { className: 'primary' });
  #text = button('Continue in text');
  #cover = make('div', { className: 'cover' }, this.#words, this.#cause, make('div', { className: 'ways' }, this.#reveal, this.#retry, this.#text));
  #muted = make('p', { className: 'muted' }, icon('microphoneOff'), 'Muted');
  #hear = button('Tap to hear', { id: 'hear' });
  #tools;
  #isHeard = false;
  #isSilenced = false;
  element = make('section', { id: 'stage', 'aria-label': 'Pictures', hidden: true });

  constructor(devices) {
    super();
    this.#devices = devices;
    this.#tools = new Tools(devices, this.#remote);
    this.element.append(this.#remote, this.#cover, this.#muted, this.#hear, this.#self, this.#tools.element);
    find('.partner').before(this.element);
    this.#wire();
  }

  /** Shows where a call stands: { step, cause, hasRevealed, them }. */
  show({ step, cause, hasRevealed, them }) {
    const isCallSeen = isSeen(step);
    this.element.hidden = false;
    this.element.dataset.step = step;
    this.element.classList.toggle('dark', !them.camera);
    this.#say(wordsFor({ step, hasRevealed, them, isOn: this.#devices.isOpen }));
    this.#cause.textContent = step === 'failed' ? cause.words : '';
    this.element.dataset.cause = step === 'failed' ? cause.name : '';
    const hadFocus = this.element.contains(document.activeElement);
    this.#reveal.hidden = step !== 'consent' || hasRevealed;
    this.#retry.hidden = this.#text.hidden = step !== 'failed';
    this.#cover.hidden = this.#words.textContent === '' && step !== 'failed';
    this.#muted.hidden = !isCallSeen || them.microphone;
    this.#remote.hidden = !isCallSeen;
    this.#sound(isCallSeen);
    this.#hear.hidden = !this.#isSilenced;
    this.#tools.hasPicture = isCallSeen && them.camera;
    this.#tools.element.hidden = step === 'ended' && !this.#devices.isOpen;
    if (step === 'ended') this.#tools.leaveScreen();
    if (hadFocus && !document.activeElement?.checkVisibility()) find('#text').focus({ preventScroll: true });
    this.#showSelf();
  }

  /** Plays what comes from the other side, or nothing. */
  play(stream) {
    this.#sound(false);
    this.#remote.srcObject = stream;
    if (stream) void this.#remote.play().catch(() => {});
    else this.#tools.hasPicture = false;
  }

  hide() {
    this.play(null);
    this.#tools.close();
    this.element.hidden = true;
    this.#own.srcObject = null;
  }

  #showSelf() {
    const camera = this.#devices.track('camera');
    if ((this.#own.srcObject?.getVideoTracks()[0] ?? null) !== camera) this.#own.srcObject = camera ? new MediaStream([camera]) : null;
    this.#own.hidden = !camera;
    this.#ownOff.hidden = camera !== null;
  }

  /** Lets the other side be heard, or not. */
  #sound(isHeard) {
    if (isHeard === this.#isHeard) return;
    this.#isHeard = isHeard;
    this.#remote.muted = !isHeard;
    this.#isSilenced = false;
    if (!isHeard) return;
    this.#remote.play().catch((error) => {
      if (error.name !== 'NotAllowedError' || !this.#isHeard) return;
      // Without sound it may play; the sound comes with a tap.
      this.#isSilenced = this.#remote.muted = true;
      this.#hear.hidden = false;
      void this.#remote.play().catch(() => {});
    });
  }

  #say(words) {
    if (this.#words.textContent !== words) this.#words.textContent = words;
  }

  #wire() {
    for (const [element, type] of [[this.#reveal, 'reveal'], [this.#retry, 'retry'], [this.#text, 'text']]) {
      element.addEventListener('click', () => this.dispatchEvent(new Event(type)));
    }
    this.#hear.addEventListener('click', () => {
      this.#isSilenced = this.#remote.muted = false;
      this.#hear.hidden = true;
      void this.#remote.play().catch(() => {});
    });
    for (const video of [this.#remote, this.#own]) {
      const fit = () => video.classList.toggle('whole', cutOf(video) > CUT_MAX);
      video.addEventListener('resize', fit);
      new ResizeObserver(fit).observe(video);
    }
  }
}

/** How much of its picture a video would cut off to fill its box. */
function cutOf({ videoWidth, videoHeight, clientWidth, clientHeight }) {
  if (!videoWidth || !clientWidth || !clientHeight) return 0;
  const ratio = (videoWidth / videoHeight) / (clientWidth / clientHeight);
  return 1 - Math.min(ratio, 1 / ratio);
}

function wordsFor({ step, hasRevealed, them, isOn }) {
  if (step === 'connecting') return 'Connecting…';
  if (step === 'away') return 'Reconnecting…';
  if (step === 'ended') return isOn ? '' : 'Your camera and microphone are off.';
  if (step === 'connected') return them.camera ? '' : 'Camera off';
  if (step !== 'consent') return '';
  if (hasRevealed) return 'Waiting until the stranger reveals, too.';
  return them.revealed ? 'The stranger is ready. Reveal, and you see and hear each other.' : 'Neither sees or hears the other until both reveal.';
}
