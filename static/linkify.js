// Text with its web addresses made into links. Everything is a text node or a link whose text is the address.

import { make } from './dom.js';

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\u0000-\u001f\u200b-\u200f\u202a-\u202e\u2060-\u2069]+/giu;
const TRAILING = /[.,;:!?…)\]}»”’]+$/u;

export function linkify(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trim(match[0]);
    const url = parse(address);
    if (!url) continue;
    nodes.push(text.slice(end, match.index));
    nodes.push(make('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow ugc', textContent: address }));
    end = match.index + address.length;
  }
  nodes.push(text.slice(end));
  return nodes.filter((node) => node !== '');
}

/** Without the punctuation of the sentence around it; a closing bracket stays if the address opened it. */
function trim(address) {
  for (;;) {
    const cut = address.replace(TRAILING, '');
    const tail = address.slice(cut.length);
    if (!tail) return address;
    if (tail[0] === ')' && cut.includes('(')) return cut + ')';
    address = cut;
  }
}

function parse(address) {
  try {
    const url = new URL(address);
    return (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname ? url : null;
  } catch {
    return null;
  }
}
