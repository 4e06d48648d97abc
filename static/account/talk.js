// What is said in one private room: each message once, in the server's order, and behind it what is on its way.

import { freshId, Line } from '../line.js';
import { Outbox } from '../shared/outbox.js';
import { isListOf, isRecord, isText, isTime, tab } from '../storage.js';
import { request, serverNow } from './api.js';
import { session } from './session.js';

/** A page may be shorter when its messages are long: only an empty one says that there is nothing before. */
const PAGE = 50;
/** Whoever missed more than this begins anew at the end. */
const MISSED_MAX = 1_000;
/** Another attempt to have what could not be had. */
const AGAIN_MS = 3_000;
const isPending = (kept) => isRecord(kept) && isText(kept.cid) && isText(kept.text) && isTime(kept.at) && ['sending', 'failed'].includes(kept.state);

/**
 * Dispatches
 *   `room`     what is known of the room has changed
 *   `change`   { kind: all | before | state | reactions, message }: messages came or went, or one looks different now
 *   `typing`   the other one is
 *   `ended`    { why: ended | missing }: there is nothing to come back to
 *   `trouble`  { message }: a sentence about what went wrong
 *
 * A message is { id, cid, who: you | stranger, text, at, state: sending | sent | read | failed, isRead, reactions }.
 */
export class Talk extends EventTarget {
  #id;
  /** What the server has, in its order. */
  #said = [];
  /** What it has not confirmed, in the order in which it was written. */
  #pending = [];
  #outbox;
  #againTimer = 0;
  #isOver = false;
  /** Whether the connection was let go from here. */
  #isResting = false;
  #older = null;
  #readId = '';
  /** The id of the last message up to which nothing is missing, as of when the connection was opened. */
  #anchor = '';
  #isCaughtUp = false;

  /** As the server describes it, once it is known. */
  room = null;
  isLoaded = false;
  hasOlder = false;
  line;

  constructor(id) {
    super();
    this.#id = id;
    this.line = new Line(() => `/ws/${id}?token=${encodeURIComponent(session.token ?? '')}`, { isAnswered: ({ type }) => type === 'message' });
    this.line.addEventListener('open', () => this.#opened());
    this.line.addEventListener('message', ({ detail }) => this.#heard(detail));
    this.line.addEventListener('lost', ({ detail }) => this.#lost(detail));
    this.#outbox = new Outbox(this.line);
    for (const kept of tab.read(this.#key, [], isListOf(isPending))) {
      this.#pending.push({ ...kept, who: 'you', reactions: [] });
      if (kept.state === 'sending') this.#send(kept);
    }
  }

  get messages() {
    return [...this.#said, ...this.#pending];
  }

  get isSending() {
    return this.#pending.some(({ state }) => state === 'sending');
  }

  get newestHeard() {
    return this.#said.findLast(({ who }) => who === 'stranger');
  }

  /** Whether there is something that the other one does not know to be read. */
  get isUnread() {
    const newest = this.newestHeard;
    return newest !== undefined && !newest.isRead && newest.id !== this.#readId;
  }

  /** Looks what is there, and stays connected to it. */
  async open() {
    if (this.#isOver) return;
    this.#isResting = false;
    clearTimeout(this.#againTimer);
    const answer = await request('GET', `/rooms/${this.#id}`);
    if (this.#isOver || !session.isOpen) return;
    if (answer.status === 410 || answer.status === 404) return this.#end(answer.status === 410 ? 'ended' : 'missing');
    if (answer.status === 200) {
      this.room = answer.data;
      this.#emit('room');
      this.line.connect();
    } else if (answer.status !== 401) {
      this.#emit('trouble', answer);
      this.#againTimer = setTimeout(() => void this.open(), answer.retryMs || AGAIN_MS);
    }
  }

  /** Lets the connection go, as long as nobody looks; `open` takes it up again. */
  rest() {
    this.#isResting = true;
    clearTimeout(this.#againTimer);
    this.line.close();
  }

  /** Lets everything go. */
  close() {
    this.#isOver = true;
    this.#outbox.clear();
    this.rest();
  }

  say(text) {
    const message = { cid: freshId(), who: 'you', text, at: new Date(serverNow()).toISOString(), state: 'sending', reactions: [] };
    this.#pending.push(message);
    this.#keep();
    this.#change('all', message);
    this.#send(message);
  }

  /** Sends again, under the same cid, what was refused. */
  retry(message) {
    this.#mark(message.cid, 'sending');
    this.#send(message);
  }

  typing() {
    this.line.write({ type: 'typing' });
  }

  /** Tells the other one that everything up to now was seen. */
  read() {
    if (!this.isUnread) return;
    const { id } = this.newestHeard;
    if (this.line.write({ type: 'read', id })) this.#readId = id;
  }

  /** Puts an own reaction on a message, or takes it back if it is there already; false if it could not be. */
  async react(message, emoji) {
    const me = session.user?.id;
    const before = message.reactions;
    const isThere = before.some((reaction) => reaction.user_id === me && reaction.emoji === emoji);
    const others = before.filter(({ user_id }) => user_id !== me);
    this.#put(message, isThere ? others : [...others, { user_id: me, emoji }]);
    const path = `/messages/${message.id}/reactions`;
    const answer = await (isThere ? request('DELETE', path) : request('POST', path, { emoji }));
    // To find none is as good as having removed it.
    if (answer.status === 200 || (isThere && answer.status === 404)) return;
    if (answer.status === 410) return this.#end('ended');
    this.#put(message, before);
    this.#emit('trouble', answer);
  }

  /** Loads a page of what was said before; one at a time. */
  older() {
    const oldest = this.#said[0];
    if (!oldest || !this.hasOlder) return Promise.resolve();
    this.#older ??= this.#page(oldest.id).then((page) => {
      if (!page || this.#said[0] !== oldest) return;
      this.hasOlder = page.length > 0;
      const known = new Set(this.#said.map(({ id }) => id));
      this.#said.unshift(...page.filter(({ id }) => !known.has(id)));
      this.#change('before');
    }).finally(() => (this.#older = null));
    return this.#older;
  }

  get #key() {
    return `outbox.${this.#id}`;
  }

  #opened() {
    this.#readId = '';
    this.#outbox.flush();
    if (this.#isCaughtUp) this.#anchor = this.#said.at(-1)?.id ?? '';
    this.#isCaughtUp = false;
    void this.#catchUp();
  }

  #lost({ code, wasOpen }) {
    if (this.#isOver || this.#isResting || !session.isOpen) return;
    if (wasOpen && code === 1000) {
      // A room that ends closes properly.
      this.rest();
      void this.open();
    } else if (!wasOpen) {
      void this.#verify();
    }
  }

  /** Why it could not be connected to, the browser does not say; a request finds out whether the room is there. */
  async #verify() {
    const { status } = await request('GET', `/rooms/${this.#id}`);
    if (this.#isOver || !session.isOpen) return;
    if (status === 410 || status === 404) this.#end(status === 410 ? 'ended' : 'missing');
  }

  /** Fetches the newest messages, page by page up to what is known: all that was missed, or where to begin. */
  async #catchUp() {
    const { number } = this.line;
    const known = new Set(this.#said.slice(0, this.#anchorAt + 1).map(({ id }) => id));
    const missed = [];
    let isLinked = false;
    let page;
    do {
      page = await this.#page(missed[0]?.id, () => void this.#catchUp());
      if (!page || number !== this.line.number) return;
      missed.unshift(...page);
      isLinked = page.some(({ id }) => known.has(id));
    } while (known.size && page.length && !isLinked && missed.length < MISSED_MAX);
    // With a gap between what is known and what came, the known is left: it is fetched again when it is scrolled to.
    if (!isLinked) {
      if (page.length) this.#said.splice(0, this.#anchorAt + 1);
      this.hasOlder = page.length > 0;
    }
    this.isLoaded = this.#isCaughtUp = true;
    for (const message of missed) {
      const before = this.#find(message.id);
      if (before) Object.assign(before, { state: message.state, isRead: message.isRead, reactions: message.reactions });
      else this.#insert(message);
    }
    this.#change('all');
    for (const message of missed) this.#change('reactions', this.#find(message.id) ?? message);
    // Most likely there is nothing before so few.
    if (!isLinked && missed.length < PAGE) void this.older();
  }

  get #anchorAt() {
    return this.#said.findIndex(({ id }) => id === this.#anchor);
  }

  /** A page of what was said before a message, or to the end; null if it cannot be had. Then it may be tried `again`. */
  async #page(before, again) {
    const query = new URLSearchParams({ limit: PAGE, ...(before && { before }) });
    const answer = await request('GET', `/rooms/${this.#id}/messages?${query}`);
    if (this.#isOver) return null;
    if (answer.status === 200) return answer.data.map((message) => this.#entryOf(message));
    if (answer.status === 410) this.#end('ended');
    else if (answer.status !== 401) {
      this.#emit('trouble', answer);
      if (again) {
        clearTimeout(this.#againTimer);
        this.#againTimer = setTimeout(again, answer.retryMs || AGAIN_MS);
      }
    }
    return null;
  }

  #entryOf({ id, sender_id, content, is_read, sent_at, reactions }) {
    const isOwn = sender_id === session.user?.id;
    const state = isOwn ? (is_read ? 'read' : 'sent') : undefined;
    return { id, who: isOwn ? 'you' : 'stranger', text: content, at: sent_at, state, isRead: is_read, reactions: reactions ?? [] };
  }

  /** Puts a message where it belongs, once; false if it was there. */
  #insert(message) {
    if (this.#said.some(({ id }) => id === message.id)) return false;
    if (message.who === 'you' && this.#adopt(message)) return false;
    const at = this.#said.findLastIndex((other) => other.at < message.at || (other.at === message.at && other.id < message.id));
    this.#said.splice(at + 1, 0, message);
    return true;
  }

  /**
   * An own message that was not sent from here now: most likely one whose acknowledgement was lost with the connection.
   * It stays one message; should the acknowledgement name another one, both are shown.
   */
  #adopt(message) {
    const isOf = ({ text, state, adopted }) => (adopted ? adopted.id === message.id : text === message.text && state === 'sending');
    const pending = this.#pending.find(isOf);
    if (pending) pending.adopted = message;
    return pending !== undefined;
  }

  #heard(event) {
    const { type, id, cid } = event;
    const hear = {
      message: () => {
        if (this.#insert({ id, who: 'stranger', text: event.content, at: event.sent_at, isRead: false, reactions: [] })) this.#change('all', this.#find(id));
      },
      message_ack: () => this.#acknowledged(event),
      message_sent: () => {
        if (this.#pending.some((message) => message.cid === cid && cid !== undefined)) this.#acknowledged(event);
        else if (this.#insert({ id, who: 'you', text: event.content, at: event.sent_at, state: 'sent', reactions: [] })) this.#change('all', this.#find(id));
      },
      read: () => this.#wasRead(id),
      typing: () => this.#emit('typing'),
      reaction: () => this.#reacted(event),
      error: () => this.#refused(event),
    };
    hear[type]?.();
  }

  #acknowledged({ id, cid, sent_at }) {
    const at = this.#pending.findIndex((message) => message.cid === cid);
    if (at < 0) return;
    const [message] = this.#pending.splice(at, 1);
    this.#outbox.remove(cid);
    this.#keep();
    const { adopted } = message;
    delete message.adopted;
    Object.assign(message, { id, at: sent_at ?? message.at, state: 'sent' });
    if (adopted?.id === id) Object.assign(message, { at: adopted.at, state: adopted.state, reactions: adopted.reactions });
    else if (adopted) this.#insert(adopted);
    // It stays where it was read: behind everything that was there before it.
    if (!this.#find(id)) this.#said.push(message);
    this.#change('all', message);
    this.#change('state', message);
  }

  #wasRead(id) {
    const last = this.#find(id);
    for (const message of this.#said) {
      if (message.who !== 'you' || message.state !== 'sent') continue;
      if (last ? message.at > last.at : message.id > id) continue;
      message.state = 'read';
      this.#change('state', message);
    }
  }

  #reacted({ message_id, user_id, action, emoji }) {
    const message = this.#find(message_id);
    if (!message) return;
    const others = message.reactions.filter((reaction) => reaction.user_id !== user_id);
    this.#put(message, action === 'add' ? [...others, { user_id, emoji }] : others);
  }

  #put(message, reactions) {
    message.reactions = reactions;
    this.#change('reactions', message);
  }

  #refused({ code, message, cid, retryMs }) {
    const mine = cid !== undefined && this.#pending.find((known) => known.cid === cid);
    if (mine && retryMs !== undefined) {
      this.#outbox.hold(cid, retryMs);
    } else if (mine) {
      this.#outbox.remove(cid);
      this.#mark(cid, 'failed');
      this.#emit('trouble', { data: { error: `Not delivered: ${message}` } });
    } else if (code !== 'rate_limited') {
      this.#emit('trouble', { data: { error: message } });
    }
  }

  #send({ cid, text }) {
    this.#outbox.add(cid, { type: 'message', content: text });
  }

  #mark(cid, state) {
    const message = this.#pending.find((known) => known.cid === cid);
    if (!message) return;
    message.state = state;
    this.#keep();
    this.#change('state', message);
  }

  #find(id) {
    return this.#said.find((message) => message.id === id);
  }

  /** What is on its way survives a reload, which sends it again under the same cid. */
  #keep() {
    if (this.#pending.length) tab.write(this.#key, this.#pending.map(({ cid, text, at, state }) => ({ cid, text, at, state })));
    else tab.remove(this.#key);
  }

  #end(why) {
    if (this.#isOver) return;
    this.close();
    tab.remove(this.#key);
    this.#emit('ended', { why });
  }

  #change(kind, message) {
    this.#emit('change', { kind, message });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
