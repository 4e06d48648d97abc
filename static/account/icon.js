// The drawings on buttons.

const SVG = 'http://www.w3.org/2000/svg';
const PATHS = {
  back: ['M15 5l-7 7 7 7'],
  rename: ['M4 20l1-4L16 5l3 3L8 19z', 'M14 7l3 3'],
  close: ['M6 6l12 12', 'M18 6L6 18'],
  emoji: ['M3 12a9 9 0 1 0 18 0a9 9 0 1 0-18 0', 'M8.5 14.2c1.8 2.6 5.2 2.6 7 0', 'M9 9.6v.2', 'M15 9.6v.2'],
  react: ['M20 9.5a8 8 0 1 0 .5 5', 'M8 14c1.6 2.3 4.6 2.3 6.2 0', 'M8.6 10v.2', 'M13.6 10v.2', 'M20 2v6', 'M17 5h6'],
  send: ['M12 19V5m-6 6 6-6 6 6'],
};

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}
