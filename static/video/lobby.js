// The hair check: what the other one would see and hear, before anybody does.

import { find, make } from '../dom.js';
import { settings } from '../settings.js';
import { icon } from './icons.js';
import { Meter } from './meter.js';
import { makePickers } from './pickers.js';
import { troubleOf } from './troubles.js';

const SWITCHES = { camera: 'Camera', microphone: 'Microphone' };
const ASK = 'Turn on camera and microphone';

export class Lobby {
  #client;
  #devices;
  #signIn;
  /** Whether calls go only through a relay here. */
  #isRelayed = false;
  #isGoingOn = false;
  #isAsking = false;
  #meter = new Meter();
  #picture = make('video', { className: 'mirror', autoplay: true, playsInline: true, muted: true, 'aria-label': 'What the stranger will see' });
  #off = make('p', { className: 'camera-off', textContent: 'Your camera is off' });
  #ask = make('button', { type: 'button', className: 'primary', textContent: ASK });
  #invitation = make('div', { className: 'cover' }, this.#ask, make('p', { className: 'soft', textContent: 'Only you see and hear it for now.' }));
  #title = make('strong');
  #advice = make('p');
  #again = make('button', { type: 'button', className: 'primary', textContent: 'Try again' });
  #account = make('button', { type: 'button', className: 'primary', textContent: 'Sign in' });
  #text = make('button', { type: 'button', textContent: 'Continue in text' });
  #words = make('div', { role: 'alert' });
  #trouble = make('div', { className: 'cover' }, this.#words, make('div', { className: 'ways' }, this.#account, this.#again, this.#text));
  #hint = make('p', { className: 'hint', role: 'alert' });
  #start = make('button', { type: 'button', className: 'primary', textContent: 'Start' });
  #back = make('button', { type: 'button', textContent: 'Back' });
  #note = make('p', { className: 'help' });
  #switches = Object.entries(SWITCHES).map(([kind, label]) => this.#makeSwitch(kind, label));
  #choices = make('div', { className: 'choices' });
  #element = make('section', { id: 'lobby', className: 'screen', hidden: true, 'aria-labelledby': 'lobby-title' });

  /** Whether camera and microphone were on here, since the page was loaded. */
  wasOpen = false;

  /**
   * `goOn` is called with the mode in which to look for somebody, or null to go back; `signIn` to go there. `allows`: whether the
   * lobby can be gone to.
   */
  constructor({ client, devices, goOn, signIn, allows }) {
    this.#client = client;
    this.#devices = devices;
    this.#signIn = signIn;
    this.screen = { element: this.#element, title: 'Video chat', allows, enter: () => this.#enter(), leave: () => this.#leave() };
    this.#build();
    this.#ask.addEventListener('click', () => void this.#open());
    this.#again.addEventListener('click', () => void this.#open());
    this.#account.addEventListener('click', () => this.#signIn());
    this.#text.addEventListener('click', () => goOn('text'));
    this.#back.addEventListener('click', () => goOn(null));
    this.#start.addEventListener('click', () => {
      this.#isGoingOn = true;
      goOn('video');
    });
    devices.addEventListener('change', () => this.#show());
    devices.addEventListener('trouble', ({ detail }) => this.#tell(detail));
    client.addEventListener('stats', ({ detail }) => {
      this.#isRelayed = detail.relayOnly === true;
      this.#show();
    });
  }

  /** Says what went wrong when the devices were opened elsewhere. */
  explain(error) {
    const { name, title, advice } = troubleOf(error);
    this.#element.dataset.trouble = name;
    this.#title.textContent = title;
    this.#advice.textContent = advice;
    this.#words.replaceChildren(this.#title, this.#advice);
    this.#show();
    focus(name === 'account' ? this.#account : this.#again);
  }

  #build() {
    const preview = make('div', { className: 'preview' }, this.#picture, this.#off, this.#invitation, this.#trouble);
    this.#choices.append(...makePickers(this.#devices, 'lobby'), this.#meter.element, make('div', { className: 'switches' }, ...this.#switches));
    const doors = make('div', { className: 'doors' }, this.#start, this.#back);
    const title = make('h1', { id: 'lobby-title', textContent: 'Check your hair, then start.' });
    this.#element.append(title, preview, make('div', { className: 'desk' }, this.#choices, this.#hint, this.#note, doors));
  }

  #makeSwitch(kind, label) {
    const input = make('input', { type: 'checkbox', checked: true });
    input.addEventListener('change', () => void this.#devices.turn(kind, input.checked));
    return make('label', { className: 'switch' }, input, icon(kind), make('span', { textContent: label }));
  }

  #enter() {
    this.#isGoingOn = false;
    // The answer says how calls go.
    this.#client.count();
    this.#show();
    const { trouble } = this.#element.dataset;
    if (trouble) focus(trouble === 'account' ? this.#account : this.#again);
    else focus(this.#devices.isOpen ? this.#start : this.#ask);
  }

  #leave() {
    this.#clear();
    this.#meter.stop();
    if (!this.#isGoingOn) this.#devices.release();
  }

  #clear() {
    delete this.#element.dataset.trouble;
    this.#words.replaceChildren();
    this.#hint.textContent = '';
  }

  async #open() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#clear();
    this.#show();
    try {
      await this.#devices.open({ all: true });
      // Somebody who has gone away meanwhile has no use for it.
      if (this.#element.hidden) this.#devices.release();
    } catch (error) {
      this.explain(error);
    }
    this.#isAsking = false;
    this.#show();
    if (this.#devices.isOpen) focus(this.#start);
  }

  /** One of the two could not be had. */
  #tell({ kind, error, isLost }) {
    if (this.#element.hidden) return;
    const { title, advice } = troubleOf(error);
    const what = SWITCHES[kind];
    this.#hint.textContent = isLost ? `${what}: it was unplugged or taken away. Switch it on to try again.` : `${what}: ${title} ${advice}`;
  }

  #show() {
    const { isOpen } = this.#devices;
    const { trouble } = this.#element.dataset;
    const hasTrouble = trouble !== undefined;
    this.wasOpen ||= isOpen;
    this.#invitation.hidden = isOpen || hasTrouble;
    this.#ask.textContent = this.#isAsking ? 'Waiting for your browser …' : ASK;
    this.#trouble.hidden = !hasTrouble;
    this.#account.hidden = trouble !== 'account';
    this.#again.hidden = trouble === 'account';
    this.#note.textContent = noteFor(this.#isRelayed);
    this.#choices.hidden = !isOpen;
    this.#element.classList.toggle('open', isOpen);
    this.#start.hidden = !isOpen;
    if (this.#element.hidden) return;
    const camera = this.#devices.track('camera');
    if ((this.#picture.srcObject?.getVideoTracks()[0] ?? null) !== camera) this.#picture.srcObject = camera ? new MediaStream([camera]) : null;
    this.#picture.hidden = !camera;
    this.#off.hidden = !isOpen || camera !== null;
    this.#meter.follow(isOpen ? this.#devices.track('microphone') : null);
    for (const [index, kind] of Object.keys(SWITCHES).entries()) {
      const input = find('input', this.#switches[index]);
      input.checked = this.#devices.isWanted(kind);
      if (input.checked && this.#hint.textContent.startsWith(SWITCHES[kind])) this.#hint.textContent = '';
    }
  }
}

/** What becomes of picture and sound, and who learns whose address. */
function noteFor(isRelayed) {
  if (isRelayed) return 'Picture and sound go to the stranger through a relay and are kept nowhere. Neither of you learns the other’s internet address.';
  const when = settings.blur ? 'once both have pressed Reveal' : 'as soon as you meet';
  return `Picture and sound go straight to the stranger and are kept nowhere. For that, your browsers may learn each other’s internet address ${when}.`;
}

/** What has the focus is not scrolled to, as its heading says what it is about. */
const focus = (element) => element.focus({ preventScroll: true });
