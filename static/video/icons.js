// Drawings for buttons.

const NAMESPACE = 'http://www.w3.org/2000/svg';
const PATHS = {
  microphone: ['M9 6a3 3 0 0 1 6 0v5a3 3 0 0 1-6 0z', 'M5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21'],
  microphoneOff: ['M9 9v2a3 3 0 0 0 4.8 2.4M15 10.5V6a3 3 0 0 0-5.7-1.3', 'M5.5 11a6.5 6.5 0 0 0 10.2 5.3M18.5 11a6.5 6.5 0 0 1-.6 2.7M12 17.5V21M4 4l16 16'],
  camera: ['M4.5 6.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2z', 'M15.5 11l6-3.5v9l-6-3.5'],
  cameraOff: ['M9.5 6.5h4a2 2 0 0 1 2 2v4M14.8 17a2 2 0 0 1-1.3.5h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2h.5', 'M15.5 11l6-3.5v9l-3.5-2M4 4l16 16'],
  choice: ['M4 7h10m4 0h2M4 17h2m4 0h10', 'M18 7a2 2 0 1 1-4 0 2 2 0 1 1 4 0zM10 17a2 2 0 1 1-4 0 2 2 0 1 1 4 0z'],
  picture: ['M4 5h16a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1z', 'M12.5 12h5.5v4h-5.5z'],
  expand: ['M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5'],
  shrink: ['M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5'],
  sound: ['M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z', 'M15.5 9a4.5 4.5 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11'],
};

export function icon(name) {
  const svg = document.createElementNS(NAMESPACE, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of PATHS[name]) {
    const path = document.createElementNS(NAMESPACE, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}
