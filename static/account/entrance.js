// Signing in, or up: one form, in which nothing that was typed is ever lost.

import { make } from '../dom.js';
import { request } from './api.js';
import { all, guess } from './countries.js';
import { session } from './session.js';

const DOWN_MS = 10_000;
const TAKEN = 'This name or e-mail address is taken already. If both are yours, sign in instead.';
const WRONG = 'The name or e-mail address and the password do not belong together.';

/** name -> { label, help, complaint } */
const FIELDS = {
  identifier: { label: 'Name or e-mail address', complaint: (text) => (text.trim() ? '' : 'Please write your name or e-mail address.') },
  pseudo: { label: 'Name', help: '2 to 32 characters. Strangers never see it.', complaint: nameComplaint },
  email: { label: 'E-mail address', complaint: (text) => (/^[^\s@]+@[^\s@]+$/.test(text.trim()) ? '' : 'Please write an e-mail address, such as ann@example.org.') },
  country: { label: 'Country', help: 'Whom you share a room with sees it.', complaint: (code) => (code ? '' : 'Please pick a country.') },
  password: { label: 'Password', complaint: (text, isNew) => (isNew ? passwordComplaint(text) : text ? '' : 'Please write your password.') },
};
const PARTS = { in: ['identifier', 'password'], up: ['pseudo', 'email', 'country', 'password'] };

export class Entrance {
  #mode = 'in';
  #form = make('form', { className: 'card entrance', noValidate: true, method: 'dialog' });
  #trouble = make('p', { className: 'complaint', role: 'alert' });
  #submit = make('button', { type: 'submit', className: 'primary' });
  #help = new Map();
  #heading = make('h1', { textContent: 'Sign in' });
  #timer = 0;
  #isAsking = false;

  element = make('div', { className: 'view narrow' });

  constructor() {
    this.#form.append(this.#choice(), ...Object.keys(FIELDS).map((name) => this.#field(name)), this.#trouble, this.#submit);
    this.element.append(
      this.#heading,
      make('p', { className: 'lead', textContent: 'With an account you can share a room with somebody for a whole day. Chatting with strangers needs none.' }),
      this.#form,
    );
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.#form.addEventListener('input', ({ target }) => {
      if (target.name in FIELDS) this.#complain(target.name, '');
    });
    this.#switch('in');
  }

  get title() {
    return this.#mode === 'in' ? 'Sign in' : 'Create an account';
  }

  enter() {
    this.#say(session.reason);
    session.reason = '';
    // On glass the keyboard would cover the form before anybody has read it.
    if (matchMedia('(hover: hover)').matches) this.#part(PARTS[this.#mode][0]).focus({ preventScroll: true });
  }

  leave() {
    this.#rest();
  }

  /** Forgets the password, which has done its work. */
  forget() {
    this.#part('password').value = '';
  }

  #part(name) {
    return this.#form.elements[name];
  }

  #choice() {
    const option = (value, label) => make('label', {},
      make('input', { type: 'radio', name: 'mode', value, checked: value === this.#mode }), make('span', { textContent: label }));
    const choice = make('fieldset', { className: 'choice' },
      make('legend', { className: 'unseen', textContent: 'What would you like to do?' }), option('in', 'Sign in'), option('up', 'New account'));
    choice.addEventListener('change', ({ target }) => this.#switch(target.value));
    return choice;
  }

  #field(name) {
    const { label, help } = FIELDS[name];
    const id = `account-${name}`;
    const input = name === 'country' ? countries(id) : make('input', { id, name, ...ATTRIBUTES[name] });
    const error = make('p', { id: `${id}-error`, className: 'field-error' });
    const note = make('p', { id: `${id}-help`, className: 'help', textContent: help ?? '' });
    input.setAttribute('aria-describedby', `${error.id} ${note.id}`);
    this.#help.set(name, { error, note });
    const box = make('div', { className: 'part' }, make('label', { htmlFor: id, textContent: label }));
    box.append(name === 'password' ? make('div', { className: 'with-button' }, input, reveal(input)) : input, error, note);
    return box;
  }

  #switch(mode) {
    const carried = this.#part('identifier').value.trim();
    this.#mode = mode;
    for (const name of Object.keys(FIELDS)) {
      const input = this.#part(name);
      const isPart = PARTS[mode].includes(name);
      input.disabled = !isPart;
      input.closest('.part').hidden = !isPart;
      this.#complain(name, '');
    }
    // What was typed for the one is likely meant for the other.
    if (mode === 'up' && carried) {
      const target = this.#part(carried.includes('@') ? 'email' : 'pseudo');
      target.value ||= carried;
    } else if (mode === 'in' && !carried) {
      this.#part('identifier').value = this.#part('pseudo').value || this.#part('email').value;
    }
    this.#part('password').autocomplete = mode === 'in' ? 'current-password' : 'new-password';
    this.#help.get('password').note.textContent = mode === 'up' ? '8 to 128 characters. Nobody can send you a new one, so keep it well.' : '';
    this.#heading.textContent = this.title;
    this.#rest();
    this.#say('');
    this.element.dispatchEvent(new Event('titled'));
  }

  async #send() {
    if (this.#isAsking || this.#timer) return;
    const names = PARTS[this.#mode];
    const isNew = this.#mode === 'up';
    for (const name of names) this.#complain(name, FIELDS[name].complaint(this.#part(name).value, isNew));
    if (this.#focusFirst()) return this.#say('');
    const body = Object.fromEntries(names.map((name) => [name, this.#part(name).value]));
    for (const name of names) if (name !== 'password') body[name] = body[name].trim();
    this.#say('');
    this.#ask(true);
    const answer = await request('POST', isNew ? '/auth/register' : '/auth/login', body);
    this.#ask(false);
    if (answer.status === 200 || answer.status === 201) return session.open(answer.data);
    this.#refused(answer);
  }

  #refused({ status, data, retryMs }) {
    const told = data?.error ?? '';
    if (status === 401) {
      this.#say(WRONG);
      this.#part('password').select();
    } else if (status === 409) {
      this.#complain('pseudo', ' ');
      this.#complain('email', ' ');
      this.#say(TAKEN);
      this.#part('pseudo').focus();
    } else if (status === 429) {
      this.#wait(retryMs || DOWN_MS, 'Too many attempts.');
    } else if (status === 503) {
      this.#wait(retryMs || DOWN_MS, 'Accounts cannot be reached at the moment; anonymous chat goes on.');
    } else if (status === 0) {
      this.#say('The server cannot be reached. Nothing you typed is lost; please try again in a moment.');
    } else {
      const field = PARTS[this.#mode].find((name) => told.startsWith(`${name} `));
      if (field) this.#complain(field, asSentence(`${FIELDS[field].label}${told.slice(field.length)}`));
      else this.#say(told ? asSentence(told) : 'The server did not understand that. Please load the page again.');
      this.#focusFirst();
    }
  }

  /** Goes to the first field that is complained about; false if there is none. */
  #focusFirst() {
    const first = PARTS[this.#mode].find((name) => this.#part(name).getAttribute('aria-invalid') === 'true');
    if (first) this.#part(first).focus();
    return Boolean(first);
  }

  /** Counts down until it may be tried again. */
  #wait(ms, why) {
    const until = Date.now() + ms;
    this.#say(`${why} You can try again in a moment.`);
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      if (seconds <= 0) {
        this.#rest();
        this.#say('You can try again now.');
        return;
      }
      // The number is not read out each second.
      this.#submit.textContent = `Again in ${seconds} s`;
      this.#timer = setTimeout(tick, 250);
    };
    this.#submit.setAttribute('aria-disabled', 'true');
    tick();
  }

  #rest() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#submit.removeAttribute('aria-disabled');
    this.#submit.textContent = this.title;
  }

  #ask(isAsking) {
    this.#isAsking = isAsking;
    this.#form.setAttribute('aria-busy', String(isAsking));
    this.#submit.textContent = isAsking ? 'One moment …' : this.title;
  }

  #complain(name, words) {
    this.#part(name).setAttribute('aria-invalid', String(words !== ''));
    this.#help.get(name).error.textContent = words.trim();
  }

  #say(words) {
    if (this.#trouble.textContent !== words) this.#trouble.textContent = words;
  }
}

const ATTRIBUTES = {
  identifier: { autocomplete: 'username', autocapitalize: 'none', spellcheck: false },
  pseudo: { autocomplete: 'username', autocapitalize: 'none', spellcheck: false },
  email: { type: 'email', autocomplete: 'email', autocapitalize: 'none' },
  password: { type: 'password', autocomplete: 'current-password' },
};

function countries(id) {
  const select = make('select', { id, name: 'country', autocomplete: 'country' },
    make('option', { value: '', textContent: 'Please pick one' }),
    ...all().map(([code, name]) => make('option', { value: code, textContent: name })));
  select.value = guess();
  return select;
}

/** A button that shows what is typed into `input`, or hides it again. */
function reveal(input) {
  const button = make('button', { type: 'button', textContent: 'Show', 'aria-label': 'Show the password', 'aria-pressed': 'false' });
  button.addEventListener('click', () => {
    const isShown = input.type === 'password';
    input.type = isShown ? 'text' : 'password';
    button.textContent = isShown ? 'Hide' : 'Show';
    button.setAttribute('aria-pressed', String(isShown));
  });
  return button;
}

function nameComplaint(text) {
  const length = [...text.trim()].length;
  if (text.includes('@')) return 'A name cannot have an @, so that it is never taken for an e-mail address.';
  if (!length) return 'Please write a name.';
  return length >= 2 && length <= 32 ? '' : `A name has 2 to 32 characters; this one has ${length}.`;
}

function passwordComplaint(text) {
  const length = [...text].length;
  if (!length) return 'Please write a password.';
  return length >= 8 && length <= 128 ? '' : `A password has 8 to 128 characters; this one has ${length}.`;
}

const asSentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? '' : '.'}`;
