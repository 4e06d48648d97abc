import { bubbles, expect, expectPhase, input, seek, say, standIn, test } from './people.js';

test('Searching: elapsed time and who is being looked for', async ({ person }) => {
  const page = await person({
    before: async (page) => {
      await page.clock.install();
      await standIn(page);
    },
  });
  await page.getByLabel('What would you like to talk about?').fill('music, films,');
  await seek(page);
  await expect(page.getByText('Somebody who likes “music” or “films”')).toBeVisible();
  await expect(page.getByText('If nobody does, anybody after a few seconds.')).toBeVisible();
  await page.clock.fastForward(65_000);
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

/** A page, and a server that answers only what it is told to; the number of questions for the numbers that wait. */
async function silent(person) {
  let line;
  const page = await person({ before: async (page) => (line = await standIn(page)) });
  await seek(page);
  await expectPhase(page, 'searching');
  await expect.poll(() => line.heard.some(({ type }) => type === 'findMatch')).toBe(true);
  line.joined = (pairId, interests = []) => line.send({ type: 'strangerJoined', pairId, mode: 'text', interests, initiator: false });
  return { page, line };
}

test('Searching: who was found for a search that was given up is not taken for the next one’s', async ({ person }) => {
  const { page, line } = await silent(person);
  // The answers come in the order of the commands: this one was found before the server heard that nobody is looked for.
  line.isMute = true;
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Start text chat' }).click();
  await expect.poll(() => line.heard.map(({ type }) => type).filter((type) => type !== 'stats')).toEqual(['findMatch', 'stopChat', 'findMatch']);
  line.joined('late');
  line.isMute = false;
  await line.answer();
  line.send({ type: 'searching' });
  line.joined('meant', ['cats']);
  line.send({ type: 'message', pairId: 'meant', userId: 'u', id: '1', text: 'hello', timestamp: new Date().toISOString() });
  await expect(bubbles(page)).toHaveText(['hello']);
  await expect(page.locator('#log .note')).toHaveText([/You both like cats\./]);
  await expectPhase(page, 'chatting');
  await say(page, 'to the right one');
  await expect.poll(() => line.heard.at(-1)).toMatchObject({ type: 'sendMessage', pairId: 'meant' });
});

test('Searching: nobody is there any more when the server searches, and whoever comes next is met', async ({ person }) => {
  const { page, line } = await silent(person);
  line.joined('first');
  await expectPhase(page, 'chatting');
  await say(page, 'are you there?');
  line.send({ type: 'searching' });
  await expectPhase(page, 'searching');
  line.joined('second');
  await expectPhase(page, 'chatting');
  await expect(bubbles(page, 'you')).toHaveCount(0);
  line.joined('third', ['tea']);
  await expect(page.locator('#log .note')).toHaveText([/You both like tea\./]);
  await say(page, 'hello');
  await expect.poll(() => line.heard.at(-1)).toMatchObject({ type: 'sendMessage', pairId: 'third' });
});

test('Searching: what else one would like to talk about changes the search that goes on', async ({ person }) => {
  const { page, line } = await silent(person);
  const wishes = () => line.heard.filter(({ type }) => type === 'findMatch').map(({ interests }) => interests);
  await page.goBack();
  await page.getByLabel('What would you like to talk about?').fill('chess,');
  await page.getByRole('button', { name: 'Start text chat' }).click();
  await expect(page.getByText('Somebody who likes “chess”')).toBeVisible();
  await expect.poll(wishes).toEqual([[], ['chess']]);
  // Somebody was found before the server heard of it.
  line.joined('crossed');
  line.send({ type: 'error', code: 'bad_state', message: 'You are in a conversation.' });
  await expectPhase(page, 'chatting');
  await expect(page.locator('#alert')).toBeEmpty();
  line.send({ type: 'error', code: 'bad_state', message: 'Not now.' });
  await expect(page.getByRole('alert').filter({ hasText: 'Not now.' })).toBeVisible();
});
