// Saves the log as a text file, made on the device.

import { make } from './dom.js';
import { exactTime } from './time.js';

const NAMES = { you: 'You', stranger: 'Stranger' };

export function transcript(entries) {
  const lines = entries.map(({ who, text, at, state }) => {
    if (who === 'note') return `— ${text}`;
    const missing = state === 'failed' ? ' (not delivered)' : '';
    return `[${exactTime(at)}] ${NAMES[who]}${missing}: ${text}`;
  });
  return `A conversation on Passerby\n\n${lines.join('\n')}\n`;
}

export function save(entries) {
  const url = URL.createObjectURL(new Blob([transcript(entries)], { type: 'text/plain;charset=utf-8' }));
  const name = `passerby-${new Date().toISOString().slice(0, 16).replace(/[T:]/g, '-')}.txt`;
  make('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
