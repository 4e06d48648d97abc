// The two pictures, what is said over them, and what is pressed there.

import { find, make } from '../dom.js';
import { icon } from './icons.js';
import { makePickers } from './pickers.js';

const button = (label, ...properties) => make('button', { type: 'button', textContent: label, ...Object.assign({}, ...properties) });
const tool = (id) => make('button', { type: 'button', id, className: 'icon' });

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
  #cover = make('div', { className: 'cover' }, this.#words, this.#cause, make('div', { className: 'pair' }, this.#reveal, this.#retry, this.#text));
  #muted = make('p', { className: 'muted' }, icon('microphoneOff'), 'Muted');
  #hear = button('Tap to hear', { id: 'hear' });
  #microphone = tool('turn-microphone');
  #camera = tool('turn-camera');
  #choice = tool('choose-devices');
  #picture = tool('picture-in-picture');
  #screen = tool('full-screen');
  #tools = make('div', { id: 'tools', role: 'group', 'aria-label': 'Video' }, this.#microphone, this.#camera, this.#choice, this.#picture, this.#screen);
  #dialog = make('dialog', { id: 'devices', 'aria-labelledby': 'devices-title' });
  #isHeard = false;
  #isSilenced = false;
  element = make('section', { id: 'stage', 'aria-label': 'Pictures', hidden: true }, this.#remote, this.#cover, this.#muted, this.#hear, this.#self, this.#tools);

  constructor(devices) {
    super();
    this.#devices = devices;
    find('.partner').before(this.element);
    this.#buildDialog();
    this.#wire();
    devices.addEventListener('change', () => this.showSelf());
  }

  /** Shows where a call stands: { step, cause, isOpen, hasRevealed, them }. */
  show({ step, cause, isOpen, hasRevealed, them }) {
    const asks = step === 'connected' && !isOpen;
    const isSeen = step === 'connected' || step === 'away';
    this.element.hidden = false;
    this.element.dataset.step = step;
    this.element.classList.toggle('blurred', !isOpen);
    this.element.classList.toggle('dark', !them.camera);
    this.#say(wordsFor({ step, isOpen, hasRevealed, them }));
    this.#cause.textContent = step === 'failed' ? cause.words : '';
    this.element.dataset.cause = step === 'failed' ? cause.name : '';
    const hadFocus = this.#cover.contains(document.activeElement);
    this.#reveal.hidden = !asks || hasRevealed;
    this.#retry.hidden = this.#text.hidden = step !== 'failed';
    this.#cover.hidden = step === 'searching' || (step === 'connected' && isOpen && them.camera);
    this.#muted.hidden = !isSeen || !isOpen || them.microphone;
    this.#remote.hidden = !isSeen;
    this.#sound(isOpen && isSeen);
    this.#hear.hidden = !this.#isSilenced;
    this.#picture.disabled = !isSeen || !isOpen;
    if (hadFocus && !document.activeElement?.checkVisibility()) find('#text').focus({ preventScroll: true });
    this.showSelf();
  }

  /** Plays what comes from the other side, or nothing. */
  play(stream) {
    this.#sound(false);
    this.#remote.srcObject = stream;
    if (stream) void this.#remote.play().catch(() => {});
    else if (document.pictureInPictureElement === this.#remote) void document.exitPictureInPicture().catch(() => {});
  }

  hide() {
    this.play(null);
    if (document.fullscreenElement === this.element) void document.exitFullscreen();
    this.#dialog.close();
    this.element.hidden = true;
    this.#own.srcObject = null;
  }

  showSelf() {
    if (this.element.hidden) return;
    const camera = this.#devices.track('camera');
    if ((this.#own.srcObject?.getVideoTracks()[0] ?? null) !== camera) this.#own.srcObject = camera ? new MediaStream([camera]) : null;
    this.#own.hidden = !camera;
    this.#ownOff.hidden = camera !== null;
    dress(this.#microphone, this.#devices.isOn('microphone'), ['microphone', 'Mute'], ['microphoneOff', 'Unmute']);
    dress(this.#camera, this.#devices.isOn('camera'), ['camera', 'Turn camera off'], ['cameraOff', 'Turn camera on']);
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
    for (const [element, kind] of [[this.#microphone, 'microphone'], [this.#camera, 'camera']]) {
      element.addEventListener('click', () => void this.#devices.turn(kind, !this.#devices.isOn(kind)));
    }
    dress(this.#choice, true, ['choice', 'Camera and microphone']);
    this.#choice.addEventListener('click', () => this.#dialog.showModal());
    this.#wirePicture();
    this.#wireScreen();
  }

  #wirePicture() {
    dress(this.#picture, true, ['picture', 'Picture in picture']);
    this.#picture.hidden = !document.pictureInPictureEnabled;
    this.#picture.addEventListener('click', async () => {
      try {
        if (document.pictureInPictureElement) await document.exitPictureInPicture();
        else await this.#remote.requestPictureInPicture();
      } catch {
        // There is no picture yet.
      }
    });
  }

  #wireScreen() {
    const isFull = () => document.fullscreenElement === this.element;
    const draw = () => dress(this.#screen, !isFull(), ['expand', 'Full screen'], ['shrink', 'Leave full screen']);
    draw();
    this.#screen.hidden = !document.fullscreenEnabled;
    this.element.addEventListener('fullscreenchange', draw);
    this.#screen.addEventListener('click', () => void (isFull() ? document.exitFullscreen() : this.element.requestFullscreen().catch(() => {})));
  }

  #buildDialog() {
    const done = make('button', { className: 'primary', textContent: 'Done' });
    const title = make('h2', { id: 'devices-title', textContent: 'Camera and microphone' });
    this.#dialog.append(make('form', { method: 'dialog' }, title, ...makePickers(this.#devices, 'call'), make('div', { className: 'ends' }, done)));
    this.#dialog.addEventListener('click', ({ target }) => target === this.#dialog && this.#dialog.close());
    document.body.append(this.#dialog);
  }
}

function wordsFor({ step, isOpen, hasRevealed, them }) {
  if (step === 'connecting') return 'Connecting…';
  if (step === 'away') return 'Reconnecting…';
  if (step === 'ended') return 'The stranger is gone';
  if (step !== 'connected') return '';
  if (isOpen) return them.camera ? '' : 'Camera off';
  if (hasRevealed) return 'Waiting until the stranger reveals, too.';
  return them.revealed
    ? 'The stranger is ready. You see and hear each other when you reveal, too.'
    : 'You are connected. Neither sees or hears the other until both reveal.';
}

/** Gives a button the drawing and the name of what it does now. */
function dress(element, isFirst, first, second = first) {
  const [name, label] = isFirst ? first : second;
  if (element.title === label) return;
  element.title = label;
  element.setAttribute('aria-label', label);
  element.classList.toggle('off', !isFirst);
  element.replaceChildren(icon(name));
}
