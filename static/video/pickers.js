// Which camera, which microphone.

import { make } from '../dom.js';

const LABELS = { camera: 'Camera', microphone: 'Microphone' };

/** Makes the two pickers, which follow `devices`. */
export function makePickers(devices, prefix) {
  return Object.entries(LABELS).map(([kind, label]) => {
    const select = make('select', { id: `${prefix}-${kind}` });
    const fill = () => {
      const list = devices.list(kind);
      const options = list.map(({ id, label: name }) => make('option', { value: id, textContent: name }));
      select.replaceChildren(...(options.length ? options : [make('option', { value: '', textContent: 'None' })]));
      select.disabled = !list.length;
      select.value = devices.chosen(kind);
      // Something is chosen in any case: what the browser takes when it is not told.
      if (select.selectedIndex < 0) select.selectedIndex = 0;
    };
    select.addEventListener('change', () => void devices.pick(kind, select.value));
    for (const type of ['list', 'change']) devices.addEventListener(type, fill);
    fill();
    return make('div', { className: 'device' }, make('label', { htmlFor: select.id, textContent: label }), select);
  });
}
