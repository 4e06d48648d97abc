// Tells somebody who looks elsewhere that something has happened: a number in the title, a dot on the icon, a sound.

import { find } from './dom.js';
import { settings } from './settings.js';

const NAME = 'Passerby';
let base = NAME;
/** What is said before the title, whatever that is. */
let notice = '';
let count = 0;
/** What waits to be read, whether somebody looks or not. */
let unread = 0;
let audio = null;

/** Sets the title, without the number. */
export function setTitle(title) {
  base = title || NAME;
  draw();
}

/** Says something before the title, or nothing any more. */
export function setNotice(words) {
  notice = words;
  draw();
}

/** How many messages wait to be read in rooms of one's own. */
export function setUnread(number) {
  unread = number;
  draw();
}

/** Something came; says so if nobody looks. What is unread anyway `counts` no second time. */
export function notify({ isQuiet = false, counts = true } = {}) {
  if (!document.hidden) return;
  if (counts) count += 1;
  draw();
  if (settings.sound && !isQuiet) chime();
}

/** Browsers let a page sound only after it was touched. */
export function allowSound() {
  if (settings.sound) audio ??= window.AudioContext ? new AudioContext() : null;
}

function draw() {
  const sum = count + unread;
  const title = notice ? `${notice} · ${base}` : base;
  document.title = sum ? `(${sum}) ${title}` : title;
  const icon = find('link[rel=icon]');
  const name = sum ? 'favicon-dot.svg' : 'favicon.svg';
  if (!icon.href.endsWith(`/${name}`)) icon.href = new URL(name, import.meta.url).href;
}

/** Two soft notes, like two people. */
function chime() {
  if (!audio) return;
  void audio.resume();
  [587, 784].forEach((frequency, index) => {
    const start = audio.currentTime + index * 0.12;
    const tone = new OscillatorNode(audio, { frequency, type: 'sine' });
    const gain = new GainNode(audio, { gain: 0 });
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(0.12, start + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, start + 0.3);
    tone.connect(gain).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.32);
    document.body.dataset.chimes = String(Number(document.body.dataset.chimes ?? 0) + 1);
  });
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  count = 0;
  draw();
});
