// What the person chose, and the dialog in which it is chosen.

import { find } from './dom.js';
import { device, isRecord, tab } from './storage.js';

const DEFAULTS = { theme: 'auto', sound: true, blur: true };
const isSettings = (kept) => isRecord(kept) && Object.entries(DEFAULTS).every(([name, value]) => typeof (kept[name] ?? value) === typeof value);

export const settings = { ...DEFAULTS, ...device.read('settings', {}, isSettings) };

function apply() {
  const { theme } = settings;
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function open() {
  const dialog = find('#settings');
  const form = find('form', dialog);
  form.elements.theme.value = settings.theme;
  form.elements.sound.checked = settings.sound;
  form.elements.blur.checked = settings.blur;
  dialog.showModal();
}

export function start(forget) {
  const dialog = find('#settings');
  const form = find('form', dialog);
  apply();
  find('#open-settings').addEventListener('click', open);
  form.addEventListener('change', () => {
    settings.theme = form.elements.theme.value;
    settings.sound = form.elements.sound.checked;
    settings.blur = form.elements.blur.checked;
    device.write('settings', settings);
    apply();
  });
  find('#close-settings').addEventListener('click', () => dialog.close());
  find('#forget').addEventListener('click', () => {
    device.clear();
    tab.clear();
    forget();
  });
  // A click beside the dialog closes it.
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
}
