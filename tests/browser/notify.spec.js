import { bubbles, expect, expectPhase, look, say, seek, test } from './people.js';

const icon = (page) => page.locator('link[rel=icon]').evaluate(({ href }) => href.split('/').at(-1));

test('Notify: "(n)" in the title and a dot on the favicon while hidden', async ({ pair }) => {
  const [one, two] = await pair();
  await say(two, 'seen');
  await expect(bubbles(one)).toHaveCount(1);
  await expect(one).toHaveTitle('● Stranger connected');
  expect(await icon(one)).toBe('favicon.svg');
  await look(one, false);
  await say(two, 'unseen');
  await expect(one).toHaveTitle('(1) ● Stranger connected');
  await say(two, 'unseen');
  await expect(one).toHaveTitle('(2) ● Stranger connected');
  expect(await icon(one)).toBe('favicon-dot.svg');
  const response = await one.request.get(await one.locator('link[rel=icon]').evaluate(({ href }) => href));
  expect(response.status()).toBe(200);
  await look(one, true);
  await expect(one).toHaveTitle('● Stranger connected');
  expect(await icon(one)).toBe('favicon.svg');
});

test('Notify: a match while hidden is told, too', async ({ person }) => {
  const [one, two] = await Promise.all([person(), person()]);
  await seek(one);
  await expectPhase(one, 'searching');
  await look(one, false);
  await seek(two);
  await expect(one).toHaveTitle('(1) ● Stranger connected');
});

test('Notify: the sound switch', async ({ pair }) => {
  const [one, two] = await pair();
  const chimes = () => one.evaluate(() => Number(document.body.dataset.chimes ?? 0));
  await look(one, false);
  await say(two, 'a');
  await expect.poll(chimes).toBeGreaterThan(0);
  const before = await chimes();
  await look(one, true);
  await one.getByRole('button', { name: 'Settings' }).click();
  await one.getByLabel(/A soft sound/).uncheck();
  await one.getByRole('button', { name: 'Done' }).click();
  await look(one, false);
  await say(two, 'b');
  await expect(one).toHaveTitle(/^\(1\)/);
  expect(await chimes()).toBe(before);
  await look(one, true);
  one.on('dialog', (dialog) => dialog.accept());
  await one.reload();
  await one.getByRole('button', { name: 'Settings' }).click();
  await expect(one.getByLabel(/A soft sound/)).not.toBeChecked();
});
