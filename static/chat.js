// The chat screen: turns what the client hears and what the person does into phases, and shows them.

import * as alert from './alert.js';
import { Composer } from './composer.js';
import { find, isComposing, isTouch } from './dom.js';
import { Log } from './log.js';
import { mode } from './mode.js';
import { allowSound, notify } from './notify.js';
import { Partner } from './partner.js';
import { isTalking, step } from './phase.js';
import * as router from './router.js';
import { save } from './save.js';
import { tab } from './storage.js';
import { span } from './time.js';
import { Typing } from './typing.js';

const SURE_MS = 4_000;
const TITLES = { searching: 'Searching…', chatting: '● Stranger connected', sure: '● Stranger connected', ended: 'Chat ended' };
const REASONS = {
  next: 'The stranger went on to somebody else.',
  stop: 'The stranger ended the chat.',
  disconnected: 'The stranger disconnected.',
  timeout: 'The stranger’s connection was lost.',
  connection: 'Your connection was lost, and the chat with it.',
  me: 'You ended the chat.',
  reload: 'The page was loaded again, which ended the chat.',
};

/** Dispatches `phase` whenever that may have changed. */
export class Chat extends EventTarget {
  #client;
  #wish;
  #mayLook;
  #phase = 'idle';
  /** Why the last conversation ended. */
  #reason = null;
  #composer = new Composer(find('#chat'), 'draft');
  #log = new Log((entry) => this.#retry(entry));
  #partner = new Partner();
  #typing = new Typing();
  #sureTimer = 0;
  /** Since when somebody is there, or is looked for. */
  #since = 0;

  /** `wish` tells whom to look for; `mayLook` whether everything is ready for that. */
  constructor(client, wish, mayLook) {
    super();
    this.#client = client;
    this.#wish = wish;
    this.#mayLook = mayLook;
    this.#log.restore();
    if (tab.read('talking', false)) this.note(REASONS.reload);
    this.#log.end();
    this.#listen();
    this.#wire();
    this.#show();
  }

  get phase() {
    return this.#phase;
  }

  /** Why the last conversation ended: what the server says of it, or `me`. */
  get reason() {
    return this.#reason;
  }

  get isTalking() {
    return isTalking(this.#phase);
  }

  get isSearching() {
    return this.#phase === 'searching';
  }

  /** What the tab's title says of it; nothing while nobody is there or looked for. */
  get title() {
    return TITLES[this.#phase];
  }

  screen = {
    path: '/chat',
    under: '/',
    element: find('#chat'),
    title: () => this.title,
    allows: () => this.#phase !== 'idle' || !this.#log.isEmpty,
    enter: () => {
      if (this.#phase !== 'idle') this.takeFocus();
      else find('#again').focus();
    },
    leave: () => {
      // Whoever does not see themself any more must not be seen by a stranger.
      if (!this.isSearching || !mode.isVideo) return;
      this.leave();
      if (!router.isAt('/video')) alert.say('The search for a video chat has ended, because you left it.');
    },
  };

  /** Looks for somebody. */
  seek() {
    if (!this.#mayLook()) return;
    allowSound();
    if (this.isSearching) this.#search();
    else this.#act('seek');
    router.go('/chat');
    this.takeFocus();
  }

  /** Ends the conversation or the search. */
  leave() {
    this.#act('cancel');
    if (this.isTalking) this.#act('stop');
    if (this.isTalking) this.#act('stop');
  }

  /** Forgets what was said. */
  forget() {
    if (!this.isTalking) this.#log.begin();
    this.#composer.draft = '';
    if (this.#phase === 'idle' || this.#phase === 'ended') router.go('/');
  }

  /** Adds a line about what happened to the log, perhaps with a link: { href, label }. */
  note(text, link) {
    this.#log.add({ who: 'note', text, link, at: new Date().toISOString() });
  }

  #listen() {
    const heard = {
      // What the server is about overrules what is believed here.
      searching: () => this.#act('sought'),
      strangerJoined: (pair) => this.#joined(pair),
      strangerLeft: ({ reason }) => this.#left(reason),
      message: ({ text, timestamp, id }) => {
        this.#typing.stop();
        this.#log.add({ who: 'stranger', text, at: timestamp, id });
        notify();
      },
      typing: ({ active }) => (active ? this.#typing.start() : this.#typing.stop()),
      failed: ({ cid, code, message }) => {
        this.#log.mark(cid, 'failed');
        // When the chat is over, the log says so itself.
        if (code !== 'over') alert.say(`Not delivered: ${message}`);
      },
      error: ({ code, message }) => {
        if (code === 'replaced') this.#act('cancel');
        // The lobby says that, and what to do.
        if (code !== 'account_required' || !this.isSearching) alert.say(message);
      },
    };
    for (const [type, hear] of Object.entries(heard)) {
      this.#client.addEventListener(type, ({ detail }) => hear(detail));
    }
    this.#client.addEventListener('sent', ({ detail }) => this.#log.mark(detail.cid, 'sent'));
  }

  #wire() {
    for (const [id, event] of [['cancel', 'cancel'], ['stop', 'stop'], ['next', 'seek'], ['again', 'seek']]) {
      find(`#${id}`).addEventListener('click', () => (event === 'seek' ? this.seek() : this.#act(event)));
    }
    find('#save').addEventListener('click', () => save(this.#log.entries));
    this.#composer.addEventListener('say', ({ detail }) => this.#say(detail));
    this.#composer.addEventListener('typing', () => this.#client.typing());
    this.#composer.addEventListener('change', () => this.#act('stay'));
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || isComposing(event) || event.defaultPrevented) return;
      if (!router.isAt('/chat') || document.querySelector('dialog[open]') || document.fullscreenElement) return;
      event.preventDefault();
      if (this.#composer.isPicking) this.#composer.closePicker();
      else if (!event.repeat) this.#act('escape');
    });
    addEventListener('beforeunload', (event) => {
      if (!this.isTalking) return;
      event.preventDefault();
      // Older browsers ask only for this.
      event.returnValue = true;
    });
    // A page that comes back from the browser's memory must not search by itself.
    addEventListener('pageshow', ({ persisted }) => {
      if (persisted && this.#phase === 'searching') this.#act('cancel');
    });
  }

  #act(event) {
    const before = this.#phase;
    const after = step(before, event);
    if (after === before) return;
    this.#phase = after;
    if (after === 'searching') {
      if (isTalking(before)) this.#end('me');
      this.#since = Date.now();
      if (event === 'sought') this.#partner.seek(this.#wish(), this.#since);
      else this.#search();
    } else if (after === 'idle') {
      this.#client.stop();
    } else if (after === 'ended' && before === 'sure' && event !== 'left') {
      this.#client.stop();
      this.#end('me');
    }
    this.#show();
    if (after === 'idle' && this.#log.isEmpty && router.isAt('/chat')) router.go('/');
  }

  /** Looks for whom the person wishes for now. */
  #search() {
    const wish = this.#wish();
    this.#client.find(wish);
    this.#partner.seek(wish, this.#since);
  }

  #joined(pair) {
    this.#act('sought');
    if (this.#phase !== 'searching') return;
    this.#since = Date.now();
    this.#log.begin();
    this.#partner.join(pair, this.#since);
    this.note(this.#partner.greeting);
    this.#act('joined');
    if (router.isAt('/chat')) this.takeFocus();
    notify();
  }

  #left(reason) {
    if (!this.isTalking) return;
    this.#end(reason);
    this.#act('left');
    notify();
  }

  #end(reason) {
    this.#reason = reason;
    this.#typing.stop();
    this.#log.end();
    this.#partner.leave();
    const length = `You talked for ${span(Date.now() - this.#since)}.`;
    this.note(`${REASONS[reason] ?? 'The stranger left.'} ${length}`);
  }

  #say(text) {
    const cid = this.#client.say(text);
    if (!cid) {
      this.#composer.draft = text;
      return;
    }
    const pairId = this.#client.pair.pairId;
    this.#log.add({ who: 'you', text, at: new Date().toISOString(), cid, pairId, state: 'sending' });
    this.#act('stay');
    this.#composer.focus();
  }

  /** Sends again what was refused; to somebody else it would make no sense, so there it becomes a draft. */
  #retry({ text, cid, pairId }) {
    if (this.#client.pair?.pairId === pairId) {
      this.#log.mark(cid, 'sending');
      this.#client.say(text, cid);
    } else {
      const { draft } = this.#composer;
      this.#composer.draft = draft ? `${draft}\n${text}` : text;
    }
    this.#composer.focus();
  }

  /** Puts the focus where one writes. A keyboard on glass would cover the pictures. */
  takeFocus() {
    if (!mode.hasPictures || !isTouch()) this.#composer.focus();
  }

  #show() {
    const phase = this.#phase;
    const hadFocus = document.activeElement?.closest('#actions');
    document.body.dataset.phase = phase;
    tab.write('talking', this.isTalking);
    router.refreshTitle();
    clearTimeout(this.#sureTimer);
    if (phase === 'sure') this.#sureTimer = setTimeout(() => this.#act('stay'), SURE_MS);
    this.#composer.canSend = this.isTalking;
    this.#partner.show(phase);
    find('#seek').hidden = phase !== 'searching';
    find('#log').hidden = phase === 'searching';
    find('#cancel').hidden = phase !== 'searching';
    find('#stop').hidden = find('#next').hidden = !this.isTalking;
    find('#stop-words').textContent = phase === 'sure' ? 'Really?' : 'Stop';
    find('#again').hidden = find('#save').hidden = phase !== 'idle' && phase !== 'ended';
    find('#again').textContent = phase === 'idle' ? 'Search again' : 'New stranger';
    // A button that has gone gives the focus to the one in its place.
    if (hadFocus && !document.activeElement?.closest('#actions')) find('#actions button:not([hidden])').focus();
    this.dispatchEvent(new CustomEvent('phase', { detail: phase }));
  }
}
