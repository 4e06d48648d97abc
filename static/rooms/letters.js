// What people say to one another in private: conversations, kept for the tab. A tab that comes later has them from the others.

import { isListOf, isRecord, isText, isTime, tab } from '../storage.js';
import { Thread } from './thread.js';

const KEPT = 200;
const isEntry = (kept) => isRecord(kept) && isText(kept.who) && isText(kept.text) && isTime(kept.at);
const isConversation = (kept) => isRecord(kept) && isText(kept.id) && isText(kept.name) && isListOf(isEntry)(kept.entries);

/** Dispatches `change` when any conversation may look different now, and `letter` when somebody has written. */
export class Letters extends EventTarget {
  #client;
  #identity;
  #tabs = new BroadcastChannel('passerby.letters');
  #announced = 0;
  /** id -> { id, name, thread }, the one that was spoken in last at the end. */
  conversations = new Map();
  /** What people are called, by id. */
  #names = new Map();

  constructor(client, identity) {
    super();
    this.#client = client;
    this.#identity = identity;
    for (const { id, name, entries } of tab.read('rooms.letters', [], isListOf(isConversation))) {
      this.with(id, name).thread.restore(entries);
    }
    this.#tabs.addEventListener('message', ({ data }) => this.#told(data));
    // Who has no name yet is nobody so far.
    if (identity.name) this.#tabs.postMessage({ type: 'ask', me: identity.id });
    client.addEventListener('private', ({ detail }) => this.#heard(detail));
    client.addEventListener('failed', ({ detail }) => this.#mark(detail.cid, 'failed'));
    for (const type of ['text', 'join', 'typing']) client.addEventListener(type, ({ detail }) => this.#seen(detail));
  }

  /** The conversation with somebody. */
  with(id, name) {
    if (!this.conversations.has(id)) {
      const thread = new Thread();
      thread.addEventListener('change', () => this.#changed());
      this.conversations.set(id, { id, name: name ?? this.#names.get(id) ?? 'Somebody', thread });
    }
    const conversation = this.conversations.get(id);
    if (name) conversation.name = name;
    return conversation;
  }

  /** The conversations in which something was said, the latest first. */
  get list() {
    return [...this.conversations.values()].filter(({ thread }) => thread.entries.length).reverse();
  }

  unread({ id, thread }) {
    const mark = this.#identity.read[`@${id}`] ?? '';
    return thread.messages.filter((entry) => entry.who === 'other' && entry.id > mark).length;
  }

  get allUnread() {
    return this.list.reduce((sum, conversation) => sum + this.unread(conversation), 0);
  }

  markRead({ id, thread }) {
    const newest = thread.newest?.id;
    const { read } = this.#identity;
    if (!newest || read[`@${id}`] >= newest) return;
    this.#identity.read = { ...read, [`@${id}`]: newest };
    this.dispatchEvent(new Event('change'));
  }

  say(id, text) {
    const { thread } = this.with(id);
    this.#raise(id);
    const cid = this.#client.say({ recipient: id }, text);
    thread.send({ who: 'you', sender: this.#identity.id, name: this.#identity.name, text, at: new Date().toISOString(), cid, state: 'sending' });
  }

  retry(id, { cid, text }) {
    this.with(id).thread.mark(cid, 'sending');
    this.#client.say({ recipient: id }, text, { cid });
  }

  /** These people are here, so that what waited for them has reached them. */
  arrived(ids) {
    for (const id of ids) this.conversations.get(id)?.thread.delivered();
  }

  clear() {
    this.conversations.clear();
    this.#changed();
  }

  #heard({ id, content, sender, sender_id, recipient, timestamp, cid, delivered }) {
    const isMe = sender_id === this.#identity.id;
    const other = isMe ? recipient : sender_id;
    const conversation = this.with(other, isMe ? undefined : sender);
    const state = isMe ? (delivered === false ? 'waiting' : 'sent') : undefined;
    if (!isMe) conversation.thread.delivered();
    const isNew = conversation.thread.hear({ id, who: isMe ? 'you' : 'other', sender: sender_id, name: sender, text: content, at: timestamp, cid, state });
    if (!isNew) return;
    this.#raise(other);
    this.#changed();
    if (!isMe) this.dispatchEvent(new CustomEvent('letter', { detail: conversation }));
  }

  #seen({ sender, sender_id }) {
    this.#names.set(sender_id, sender);
    const conversation = this.conversations.get(sender_id);
    if (!conversation) return;
    conversation.name = sender;
    conversation.thread.delivered();
  }

  /** Tells tabs that have not opened the rooms how much is unread. */
  announce() {
    const count = this.allUnread;
    if (count === this.#announced) return;
    this.#announced = count;
    this.#tabs.postMessage({ type: 'unread', count });
  }

  #told({ type, me, conversations }) {
    if (type === 'ask') {
      this.#announced = 0;
      this.announce();
    }
    if (!this.#identity.name || me !== this.#identity.id) return;
    if (type === 'ask') this.#tell();
    if (type !== 'letters') return;
    for (const { id, name, entries } of conversations) {
      const isNews = entries.filter((entry) => this.with(id, name).thread.hear(entry)).length > 0;
      if (isNews) this.#raise(id);
    }
    this.#changed();
  }

  /** Tells the other tabs what the server has: what is on its way is each tab's own. */
  #tell() {
    const conversations = this.#kept.map(({ entries, ...who }) => ({ ...who, entries: entries.filter(({ id }) => id) }));
    this.#tabs.postMessage({ type: 'letters', me: this.#identity.id, conversations });
  }

  #mark(cid, state) {
    for (const { thread } of this.conversations.values()) thread.mark(cid, state);
  }

  #raise(id) {
    const conversation = this.conversations.get(id);
    this.conversations.delete(id);
    this.conversations.set(id, conversation);
  }

  get #kept() {
    return this.list.reverse().map(({ id, name, thread }) => ({ id, name, entries: thread.entries.slice(-KEPT) }));
  }

  #changed() {
    tab.write('rooms.letters', this.#kept);
    this.dispatchEvent(new Event('change'));
  }
}
