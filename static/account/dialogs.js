// What is asked before a room gets another name, or is closed.

import { find, make } from '../dom.js';

const NAME_MAX = 64;

/** Asks for a name; resolves to it, or to null. */
export function rename(name, country) {
  const input = make('input', { id: 'room-name', value: name, autocomplete: 'off', placeholder: `Stranger from ${country}`, 'aria-describedby': 'room-name-error room-name-help' });
  const error = make('p', { id: 'room-name-error', className: 'field-error', role: 'alert' });
  const dialog = open('Rename the room', [
    make('div', { className: 'part' }, make('label', { htmlFor: 'room-name', textContent: 'Name' }), input, error,
      make('p', { id: 'room-name-help', className: 'help', textContent: 'Only you see it.' })),
  ], { yes: 'Rename', no: 'Cancel' });
  input.select();
  input.addEventListener('input', () => {
    error.textContent = '';
    input.removeAttribute('aria-invalid');
  });
  return answer(dialog, () => {
    const text = input.value.trim();
    const length = [...text].length;
    if (length >= 1 && length <= NAME_MAX) return text;
    error.textContent = length ? `A name has at most ${NAME_MAX} characters; this one has ${length}.` : 'Please write a name.';
    input.setAttribute('aria-invalid', 'true');
    input.focus();
    return undefined;
  });
}

/** Asks whether the room is to be closed. */
export async function confirmClose() {
  const dialog = open('Close the room?', [
    make('p', { textContent: 'It closes for both of you at once, and everything that was said in it is erased. This cannot be undone.' }),
  ], { yes: 'Close the room', no: 'Keep it' });
  find('.primary', dialog).classList.add('grave');
  find('[value=no]', dialog).focus();
  return (await answer(dialog, () => true)) === true;
}

/** Takes back what is asked. */
export const dismiss = () => find('#room-dialog')?.close();

function open(title, content, { yes, no }) {
  const dialog = make('dialog', { id: 'room-dialog', 'aria-labelledby': 'room-dialog-title' });
  dialog.append(make('form', { method: 'dialog', noValidate: true },
    make('h2', { id: 'room-dialog-title', textContent: title }),
    ...content,
    make('div', { className: 'ends' },
      make('button', { type: 'button', value: 'no', textContent: no }),
      make('button', { type: 'submit', className: 'primary', textContent: yes }))));
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Resolves to what `accept` makes of a yes, unless that is undefined; to null when it is a no. */
function answer(dialog, accept) {
  return new Promise((resolve) => {
    let result = null;
    find('form', dialog).addEventListener('submit', (event) => {
      event.preventDefault();
      const accepted = accept();
      if (accepted === undefined) return;
      result = accepted;
      dialog.close();
    });
    find('[value=no]', dialog).addEventListener('click', () => dialog.close());
    // A click beside the dialog closes it.
    dialog.addEventListener('click', ({ target }) => {
      if (target === dialog) dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(result);
    });
  });
}
