// "Keep in touch": two strangers with accounts who both ask for it get a room for a day.

import * as alert from '../alert.js';
import { find, make } from '../dom.js';
import * as router from '../router.js';
import { pathOf } from './label.js';
import { notices } from './notices.js';

const ASKED = 'If they want that too, you will get a room for 24 hours.';
const AGREED = 'You both want to keep in touch. For 24 hours you have a room of your own:';

export class Keep {
  #client;
  #chat;
  #isTied;
  #button = make('button', { id: 'keep', type: 'button', hidden: true, textContent: 'Keep in touch' });

  constructor({ client, chat, isTied }) {
    this.#client = client;
    this.#chat = chat;
    this.#isTied = isTied;
    // The last one, so that it is never what takes the place of a button that has gone.
    find('#actions').append(this.#button);
    this.#button.addEventListener('click', () => this.#ask());
    client.addEventListener('strangerJoined', () => this.#show());
    client.addEventListener('strangerLeft', () => this.#show());
    client.addEventListener('roomCreated', ({ detail }) => this.#agreed(detail.roomId));
    client.addEventListener('error', ({ detail }) => {
      // It could not be made; it may be asked for again.
      if (detail.code === 'unavailable' || detail.code === 'account_required') this.#show();
    });
    this.#show();
  }

  #show() {
    this.#button.hidden = !this.#client.pair || !this.#isTied();
  }

  #ask() {
    this.#client.send({ type: 'keepInTouch' });
    this.#chat.note(ASKED);
    this.#button.hidden = true;
    find('#text').focus({ preventScroll: true });
  }

  #agreed(id) {
    notices.changed();
    if (this.#client.pair && router.isAt('/chat')) this.#chat.note(AGREED, { href: `#${pathOf(id)}`, label: 'Open the room' });
    else alert.say('The stranger wants to keep in touch, too: you have a room for 24 hours.', { label: 'Open the room', act: () => router.go(pathOf(id)) });
  }
}
