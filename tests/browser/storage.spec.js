import { bubbles, expect, expectPhase, say, seek, test } from './people.js';

/** What another version, an extension or a curious person may have left: where, under which name, and what. */
const KEPT = [
  ['localStorage', 'settings', '"x"'], ['localStorage', 'settings', '{"theme":{},"sound":"yes"}'], ['localStorage', 'settings', 'not JSON'],
  ['localStorage', 'interests', '{"a":1}'], ['localStorage', 'interests', '[1,null]'], ['localStorage', 'onlyShared', '[]'],
  ['localStorage', 'account', '{"token":1}'], ['localStorage', 'account', '[]'], ['localStorage', 'pool', '7'],
  ['localStorage', 'rooms.id', '{}'], ['localStorage', 'rooms.name', '7'], ['localStorage', 'rooms.token', 'null'],
  ['localStorage', 'rooms.joined', '{"a":1}'], ['localStorage', 'rooms.joined', '[null]'], ['localStorage', 'rooms.read', '[1]'],
  ['localStorage', 'rooms.letters', '{"a":1}'], ['localStorage', 'rooms.letters', '[{"id":1}]'],
  ['sessionStorage', 'log', '{"a":1}'], ['sessionStorage', 'log', '[{"who":"you","text":"x","at":"bad"}]'], ['sessionStorage', 'log', '[null]'],
  ['sessionStorage', 'talking', '"no"'], ['sessionStorage', 'mode', '{}'], ['sessionStorage', 'draft', '[]'],
  ['sessionStorage', 'rooms.outbox', '[{}]'], ['sessionStorage', 'rooms.outbox', '7'], ['sessionStorage', 'rooms.draft', '{}'],
];

test('Storage: whatever is found there, the page works', async ({ person }) => {
  const page = await person();
  for (const [store, key, text] of KEPT) {
    await page.evaluate(([store, key, text]) => {
      localStorage.clear();
      sessionStorage.clear();
      window[store].setItem(`passerby.${key}`, text);
      location.hash = '/';
    }, [store, key, text]);
    await page.reload();
    await expect(page.getByRole('button', { name: 'Start text chat' }), `${key} ${text}`).toBeVisible();
    if (!/rooms|account|pool/.test(key)) continue;
    await page.evaluate((to) => (location.hash = to), key.startsWith('rooms') ? '/rooms' : '/account');
    if (key.startsWith('rooms')) await expect(page.getByRole('textbox', { name: 'Your name' }), `${key} ${text}`).toHaveValue('');
    else await expect(page.getByRole('radio', { name: 'Sign in' }), `${key} ${text}`).toBeChecked();
  }
});

test('Storage: a browser that keeps nothing can do everything until the page is left', async ({ person }) => {
  const forbid = (page) => page.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, { get() {
        throw new DOMException('no', 'SecurityError');
      } });
    }
  });
  const [one, two] = await Promise.all([person({ before: forbid }), person()]);
  await Promise.all([seek(one), seek(two)]);
  await expectPhase(one, 'chatting');
  await say(one, 'hello');
  await expect(bubbles(two)).toHaveText(['hello']);
  await one.getByRole('button', { name: 'Settings' }).click();
  await one.getByLabel('Dark').check();
  await expect(one.locator('html')).toHaveAttribute('data-theme', 'dark');
  await one.getByRole('button', { name: 'Done' }).click();
  await one.evaluate(() => (location.hash = '/rooms'));
  await one.getByRole('textbox', { name: 'Your name' }).fill('Ann');
  await one.getByRole('button', { name: 'Enter the rooms' }).click();
  await one.getByRole('link', { name: 'General Chat' }).click();
  await expect(one.locator('.people .self')).toHaveText(/Ann/);
  // It is the same person who comes back.
  await one.evaluate(() => (location.hash = '/'));
  await one.evaluate(() => (location.hash = '/rooms'));
  await expect(one.locator('.me')).toHaveText('You are Ann');
});
