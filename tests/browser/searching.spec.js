import { expect, expectPhase, input, seek, test } from './people.js';

test('Searching: elapsed time and who is being looked for', async ({ person }) => {
  const page = await person({ before: (page) => page.clock.install() });
  await page.getByLabel('What would you like to talk about?').fill('music, films,');
  await seek(page);
  await expect(page.getByText('Somebody who likes “music” or “films”')).toBeVisible();
  await expect(page.getByText('If nobody does, anybody after a few seconds.')).toBeVisible();
  await page.clock.runFor(65_000);
  await expect(page.getByRole('timer', { name: 'Time searching' })).toHaveText(/1:0[5-9]/);
});

test('Searching: Esc cancels', async ({ person }) => {
  const page = await person();
  await seek(page);
  await expectPhase(page, 'searching');
  await page.keyboard.press('Escape');
  await expectPhase(page, 'idle');
  await expect(page.getByRole('button', { name: 'Start text chat' })).toBeFocused();
});

test('Searching: a button cancels, and nobody is found any more', async ({ person }) => {
  const [one, two] = await Promise.all([person(), person()]);
  await seek(one);
  await one.getByRole('button', { name: 'Cancel' }).click();
  await expectPhase(one, 'idle');
  await seek(two);
  await expect(two.locator('#seek')).toBeVisible();
  // The server has answered the search: it has nobody else.
  const three = await person();
  await seek(three);
  await expectPhase(two, 'chatting');
  await expectPhase(three, 'chatting');
  await expectPhase(one, 'idle');
});

test('Searching: the draft is kept', async ({ person, pair }) => {
  const [one, two] = await pair();
  await input(one).fill('half a thou');
  await two.getByRole('button', { name: 'Next' }).click();
  await expectPhase(one, 'ended');
  await expect(input(one)).toHaveValue('half a thou');
  await one.getByRole('button', { name: 'New stranger' }).click();
  await expectPhase(one, 'chatting');
  await expect(input(one)).toHaveValue('half a thou');
  await expect(input(one)).toBeFocused();
  const three = await person();
  await three.evaluate(() => sessionStorage.setItem('passerby.draft', '"kept"'));
  await three.reload();
  await seek(three);
  await expect(input(three)).toHaveValue('kept');
  // Nobody is there to send it to.
  await input(three).press('Enter');
  await expect(input(three)).toHaveValue('kept');
});

test('Searching: the title says so, then that a stranger is connected', async ({ person }) => {
  const one = await person();
  await expect(one).toHaveTitle('Passerby');
  await seek(one);
  await expect(one).toHaveTitle('Searching…');
  await seek(await person());
  await expect(one).toHaveTitle('● Stranger connected');
});
