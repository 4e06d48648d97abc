import { expect, expectPhase, seek, test } from './people.js';

const input = (page) => page.getByLabel('What would you like to talk about?');
const chips = (page) => page.locator('#interests .chip bdi');

test('Start: the buttons are within one Tab of load, no account asked', async ({ person }) => {
  const page = await person();
  const reached = () => page.evaluate(() => document.activeElement.id);
  // The focus is on the first of them at once, so that each further one is a Tab away.
  const doors = await page.locator('.doors button:visible').evaluateAll((buttons) => buttons.map(({ id }) => id));
  expect(doors[0]).toBe('start-text');
  for (const door of doors) {
    await expect.poll(reached).toBe(door);
    await page.keyboard.press('Tab');
  }
  expect(await page.locator('input[type=password], input[type=email]').count()).toBe(0);
  await seek(page);
  await expectPhase(page, 'searching');
});

test('Start: Enter and comma add a chip, Backspace removes, ten at most', async ({ person }) => {
  const page = await person();
  await input(page).focus();
  await page.keyboard.type('music');
  await page.keyboard.press('Enter');
  await page.keyboard.type('old films,Music,');
  await expect(chips(page)).toHaveText(['music', 'old films']);
  await expect(page.getByText('Music is there already.')).toBeVisible();
  await page.keyboard.press('Backspace');
  await expect(chips(page)).toHaveText(['music']);
  await page.getByRole('button', { name: 'Remove music' }).click();
  await expect(chips(page)).toHaveCount(0);
  await expect(input(page)).toBeFocused();
  await input(page).fill('a,b,c,d,e,f,g,h,i,j,k,');
  await expect(chips(page)).toHaveCount(10);
  await expect(page.getByText('10 interests at most.')).toBeVisible();
  await expect(input(page)).toHaveValue('k');
  await input(page).fill(`${'x'.repeat(25)},`);
  await expect(page.getByText('An interest may have 24 characters at most.')).toBeVisible();
});

test('Start: interests are remembered, and used', async ({ person }) => {
  const heard = [];
  const page = await person({
    before: (page) => page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => heard.push(JSON.parse(payload)))),
  });
  await input(page).fill('music,');
  await page.reload();
  await expect(chips(page)).toHaveText(['music']);
  // What is still in the input counts, too.
  await input(page).fill('films');
  await page.getByLabel('Only people who share one').check();
  await seek(page);
  await expectPhase(page, 'searching');
  expect(heard.find(({ type }) => type === 'findMatch')).toMatchObject({ mode: 'text', interests: ['music', 'films'], anyone: false });
});

test('Start: a reload or a restored tab never queues by itself', async ({ person }) => {
  const heard = [];
  const page = await person({
    before: (page) => page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => heard.push(JSON.parse(payload).type))),
  });
  await seek(page);
  await expectPhase(page, 'searching');
  await expect.poll(() => heard.includes('findMatch')).toBe(true);
  heard.length = 0;
  await page.reload();
  await expect(page.locator('body')).toHaveAttribute('data-connection', 'online');
  await expectPhase(page, 'idle');
  await expect.poll(() => heard.includes('stats')).toBe(true);
  // A tab that the browser had put aside while it searched.
  await seek(page);
  await expectPhase(page, 'searching');
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await expectPhase(page, 'idle');
  await expect.poll(() => heard.filter((type) => type !== 'stats')).toEqual(['findMatch', 'stopChat']);
  await expect.poll(() => heard.at(-1)).toBe('stats');
});

test('Start: the counts are true, and hidden below five', async ({ person }) => {
  const page = await person();
  const counts = page.locator('#counts');
  const told = () => page.evaluate(() => new Promise((resolve) => {
    // Looking at the page again asks anew.
    document.dispatchEvent(new Event('visibilitychange'));
    setTimeout(() => resolve(document.querySelector('#counts').checkVisibility()), 50);
  }));
  for (let count = 2; count <= 4; count += 1) await person();
  expect(await told()).toBe(false);
  const fifth = await person();
  await seek(fifth);
  await expect.poll(told).toBe(true);
  await expect(counts).toHaveText('5 online, 1 searching');
});

test('Start: the way back to a conversation that goes on', async ({ pair }) => {
  const [one, two] = await pair();
  await one.goBack();
  await expect(one.locator('#start')).toBeVisible();
  await two.getByLabel('Message').fill('still there?');
  await two.keyboard.press('Enter');
  await one.getByRole('button', { name: 'Back to your chat' }).click();
  await expectPhase(one, 'chatting');
  await expect(one.locator('#log .stranger .bubble')).toHaveText(['still there?']);
  await expect(one.getByLabel('Message')).toBeFocused();
});

test('Start: interests that are chosen in one tab are those of all', async ({ person }) => {
  const one = await person();
  const two = await one.context().newPage();
  await two.goto(one.url());
  const field = (page) => page.getByLabel('What would you like to talk about?');
  await field(one).fill('music,');
  await expect(two.locator('.chip')).toHaveText([/music/]);
  await field(two).fill('half a wo');
  await field(one).fill('films,');
  await expect(two.locator('.chip')).toHaveText([/music/, /films/]);
  await expect(field(two)).toHaveValue('half a wo');
  await field(two).press('Enter');
  await expect(one.locator('.chip')).toHaveText([/music/, /films/, /half a wo/]);
});
