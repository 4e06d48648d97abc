// What is pressed on the pictures: the switches, the choice of devices, picture in picture and the full screen.

import { make } from '../dom.js';
import * as router from '../router.js';
import { makePickers } from './pickers.js';
import { dress, makeSwitch, tool } from './switches.js';

export class Tools {
  #devices;
  #remote;
  #choice = tool({ id: 'choose-devices' });
  #picture = tool({ id: 'picture-in-picture' });
  #screen = tool({ id: 'full-screen' });
  #dialog = make('dialog', { id: 'devices', 'aria-labelledby': 'devices-title' });
  element = make('div', { id: 'tools', role: 'group', 'aria-label': 'Video' });

  /** `remote` is the picture that can stand alone. */
  constructor(devices, remote) {
    this.#devices = devices;
    this.#remote = remote;
    const switches = ['microphone', 'camera'].map((kind) => makeSwitch(devices, kind, { id: `turn-${kind}` }));
    this.element.append(...switches, this.#choice, this.#picture, this.#screen);
    this.#wireChoice();
    this.#wirePicture();
    this.#wireScreen();
  }

  /** Whether there is a picture that can stand alone. */
  set hasPicture(has) {
    this.#picture.disabled = !has;
    if (!has) this.#leavePicture();
  }

  /** Puts everything back as it is without a call. */
  close() {
    this.leaveScreen();
    this.#leavePicture();
    this.#dialog.close();
  }

  leaveScreen() {
    if (document.fullscreenElement) void document.exitFullscreen().catch(() => {});
  }

  #leavePicture() {
    if (document.pictureInPictureElement === this.#remote) void document.exitPictureInPicture().catch(() => {});
  }

  #wireChoice() {
    dress(this.#choice, true, ['choice', 'Camera and microphone']);
    const done = make('button', { className: 'primary', textContent: 'Done' });
    const title = make('h2', { id: 'devices-title', textContent: 'Camera and microphone' });
    this.#dialog.append(make('form', { method: 'dialog' }, title, ...makePickers(this.#devices, 'call'), make('div', { className: 'ends' }, done)));
    this.#dialog.addEventListener('click', ({ target }) => target === this.#dialog && this.#dialog.close());
    document.body.append(this.#dialog);
    this.#choice.addEventListener('click', () => this.#dialog.showModal());
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

  /** The whole page takes the screen, so that the words and what ends the call are there as well. */
  #wireScreen() {
    const isFull = () => document.fullscreenElement !== null;
    const draw = () => dress(this.#screen, !isFull(), ['expand', 'Full screen'], ['shrink', 'Leave full screen']);
    draw();
    this.#screen.hidden = !document.fullscreenEnabled;
    document.addEventListener('fullscreenchange', draw);
    // The way around is not seen there.
    router.follow(() => router.isAt('/chat') || this.leaveScreen());
    this.#screen.addEventListener('click', () => {
      if (isFull()) this.leaveScreen();
      else void document.documentElement.requestFullscreen().catch(() => {});
    });
  }
}
