// The parts that several screens are made of. The first screens do without them.

import { make } from '../dom.js';

const SVG = 'http://www.w3.org/2000/svg';

export const ICONS = {
  back: 'M15 5l-7 7 7 7',
  leave: 'M10 5H6a2 2 0 0 0-2 2v10a2 2 0 0 0 2 2h4M15 8l4 4-4 4M19 12H9.5',
  people: 'M9 11a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 9 11M3.5 19c.5-3.3 2.7-5 5.5-5s5 1.7 5.5 5M16 5.2a3 3 0 0 1 0 5.6M17.5 14.4c1.7.7 2.7 2.2 3 4.6',
  letter: 'M4 6.5h16v11H4zM4.5 7l7.5 6 7.5-6',
  pen: 'M5 19l.8-3.6L16.2 5a1.6 1.6 0 0 1 2.3 0l.5.5a1.6 1.6 0 0 1 0 2.3L8.6 18.2z',
  emoji: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 14.2c1.8 2.6 5.2 2.6 7 0M9 9.6v.2M15 9.6v.2',
  send: 'M12 19V5m-6 6 6-6 6 6',
  close: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  react: 'M20 11a8 8 0 1 1-7-6.9M8 14c1.7 2.4 4.9 2.4 6.5 0M8.6 10v.2M13.8 10v.2M19.5 2.5v6M16.5 5.5h6',
};

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

export const iconButton = (name, label, properties = {}) =>
  make('button', { type: 'button', className: 'icon', 'aria-label': label, title: label, ...properties }, icon(name));

export const backLink = (label) => make('a', { className: 'back icon', 'aria-label': label, title: label }, icon('back'));

/** The two circles. */
export function mark() {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 32 32');
  svg.setAttribute('class', 'mark');
  svg.setAttribute('aria-hidden', 'true');
  const both = document.createElementNS(SVG, 'g');
  for (const name of ['one', 'two']) {
    const circle = document.createElementNS(SVG, 'circle');
    for (const [key, value] of Object.entries({ class: name, cx: 16, cy: 16, r: 8 })) circle.setAttribute(key, value);
    both.append(circle);
  }
  svg.append(both);
  return svg;
}

/** A log with what belongs to it and the input below, the same as in the chat. `prefix` sets its ids apart. */
export function sheet(prefix, label) {
  const text = `${prefix}-text`;
  const emoji = `${prefix}-emoji`;
  return make('div', { className: 'talk' },
    make('div', { className: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': label, tabIndex: 0 }),
    make('div', { className: 'foot' },
      make('button', { className: 'newer', type: 'button', hidden: true }),
      make('p', { className: 'typing' }, make('span'), make('i'), make('i'), make('i')),
      make('div', { className: 'emoji', id: emoji, role: 'dialog', 'aria-label': 'Emoji', hidden: true })),
    make('form', { className: 'compose' },
      make('div', { className: 'field' },
        make('label', { className: 'unseen', htmlFor: text, textContent: 'Message' }),
        make('textarea', { className: 'text', id: text, rows: 1, autocomplete: 'off', 'aria-describedby': `${prefix}-counter ${prefix}-long` }),
        iconButton('emoji', 'Emoji', { className: 'icon open-emoji', 'aria-expanded': 'false', 'aria-controls': emoji }),
        iconButton('send', 'Send', { className: 'icon send', type: 'submit', disabled: true })),
      make('p', { className: 'below' },
        make('span', { className: 'too-long', id: `${prefix}-long`, role: 'alert' }),
        make('span', { className: 'counter', id: `${prefix}-counter`, hidden: true }))));
}

/** Makes the children of a list be these, in this order, without taking the focus from any that stays. */
export function arrange(list, items) {
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  while (list.children.length > items.length) list.lastElementChild.remove();
}

export function badge(count) {
  return make('span', { className: 'badge', hidden: !count }, String(count), make('span', { className: 'unseen', textContent: ' unread' }));
}
