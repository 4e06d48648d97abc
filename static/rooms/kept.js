// What was said in rooms and is not confirmed, kept for the tab: after a reload it is there again.

import { isListOf, isRecord, isText, isTime, tab } from '../storage.js';

const KEY = 'rooms.outbox';
const isAnchor = (anchor) => anchor === undefined || isText(anchor);
const isKept = (kept) => isRecord(kept) && [kept.room, kept.cid, kept.text].every(isText) && isTime(kept.at) && isAnchor(kept.anchor) && ['sending', 'failed'].includes(kept.state);

/** All of it, in the order in which it was said: [{ room, cid, text, at, anchor, state }]. */
export const kept = () => tab.read(KEY, [], isListOf(isKept));

export function keep(rooms) {
  const all = rooms.flatMap(({ id: room, thread }) => thread.pending.map(({ cid, text, at, anchor, state }) => ({ room, cid, text, at, anchor, state })));
  if (all.length) tab.write(KEY, all);
  else if (kept().length) tab.remove(KEY);
}
