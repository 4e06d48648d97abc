// The buttons that switch camera and microphone, and how a button is dressed for what it does now.

import { make } from '../dom.js';
import { icon } from './icons.js';

const FACES = {
  microphone: [['microphone', 'Mute'], ['microphoneOff', 'Unmute']],
  camera: [['camera', 'Turn camera off'], ['cameraOff', 'Turn camera on']],
};

export const tool = (properties = {}) => make('button', { type: 'button', className: 'icon', ...properties });

/** Makes the switch of a kind of device. A device that still starts is switched off by it as well. */
export function makeSwitch(devices, kind, properties) {
  const button = tool(properties);
  const draw = () => dress(button, devices.isWanted(kind), ...FACES[kind]);
  button.addEventListener('click', () => void devices.turn(kind, !devices.isWanted(kind)));
  devices.addEventListener('change', draw);
  draw();
  return button;
}

/** Gives a button the drawing and the name of what it does now. */
export function dress(element, isFirst, first, second = first) {
  const [name, label] = isFirst ? first : second;
  if (element.title === label) return;
  element.title = label;
  element.setAttribute('aria-label', label);
  element.classList.toggle('off', !isFirst);
  element.replaceChildren(icon(name));
}
