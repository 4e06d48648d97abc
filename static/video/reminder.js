// Reminds whoever looks at another screen that a call goes on, and what the stranger sees and hears of them meanwhile.

import { find, make } from '../dom.js';
import { setNotice } from '../notify.js';
import * as router from '../router.js';
import { isCall, isSeen } from './steps.js';
import { makeSwitch } from './switches.js';

const button = (label, act) => {
  const element = make('button', { type: 'button', textContent: label });
  element.addEventListener('click', act);
  return element;
};

export class Reminder {
  #call;
  #devices;
  #words = make('strong');
  #state = make('span');
  #element = make('section', { id: 'reminder', 'aria-label': 'Your call', hidden: true });

  constructor({ call, chat, devices }) {
    this.#call = call;
    this.#devices = devices;
    const switches = ['microphone', 'camera'].map((kind) => makeSwitch(devices, kind));
    const back = button('Return', () => router.go('/chat'));
    const end = button('Hang up', () => chat.leave());
    this.#element.append(make('p', { role: 'status' }, this.#words, ' ', this.#state), make('div', {}, ...switches, back, end));
    find('header.bar').after(this.#element);
    call.addEventListener('step', () => this.#show());
    devices.addEventListener('change', () => this.#show());
    router.follow(() => this.#show());
  }

  #show() {
    const { step } = this.#call;
    const isDue = isCall(step) && !router.isAt('/chat');
    this.#element.hidden = !isDue;
    setNotice(isDue ? '● Video call' : '');
    // What is hidden is not read out either.
    this.#words.textContent = !isDue ? '' : isSeen(step) ? 'You are on a video call.' : 'A stranger is in your video chat.';
    this.#state.textContent = isDue ? `Your ${this.#live()}.` : '';
  }

  #live() {
    const on = ['camera', 'microphone'].filter((kind) => this.#devices.isOn(kind));
    if (on.length === 2) return 'camera and microphone are on';
    return on.length ? `${on[0]} is on` : 'camera and microphone are off';
  }
}
