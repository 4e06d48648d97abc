import AxeBuilder from '@axe-core/playwright';
import { bubbles, expect, expectPhase, input, say, seek, test } from './people.js';

for (const colorScheme of ['light', 'dark']) {
  test(`Access: axe finds nothing in ${colorScheme}, contrast included`, async ({ person }) => {
    test.setTimeout(60_000);
    const still = { colorScheme };
    const [one, two] = await Promise.all([person(still), person(still)]);
    const check = async (where) => {
      const { violations, passes } = await new AxeBuilder({ page: one }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), where).toEqual([]);
      expect(passes.some(({ id }) => id === 'color-contrast'), where).toBe(true);
    };
    for (const page of [one, two]) await page.getByLabel('What would you like to talk about?').fill('music,');
    await check('start');
    await seek(one);
    await expectPhase(one, 'searching');
    await check('searching');
    await seek(two);
    await expectPhase(one, 'chatting');
    await say(one, 'mine');
    await say(two, 'theirs, with https://example.org');
    await expect(bubbles(one)).toHaveCount(1);
    await one.getByRole('button', { name: 'Emoji' }).click();
    await check('chatting');
    await one.keyboard.press('Escape');
    await one.keyboard.press('Escape');
    await input(one).fill('x'.repeat(2_001));
    await input(one).press('Enter');
    await one.getByRole('button', { name: 'Stop' }).click();
    await check('really, and too long');
    await one.getByRole('button', { name: 'Really?' }).click();
    await expectPhase(one, 'ended');
    await one.getByRole('button', { name: 'Settings' }).click();
    await check('settings');
  });
}

test('Access: a log for messages, a separate status for state, alerts for errors', async ({ pair }) => {
  const [one, two] = await pair();
  const log = one.getByRole('log', { name: 'Conversation' });
  await expect(log).toHaveAttribute('aria-live', 'polite');
  await say(two, 'hello');
  await expect(log).toContainText('hello');
  const status = one.getByRole('status').filter({ hasText: 'You and a stranger' });
  await expect(status).toHaveCount(1);
  expect(await log.locator('[role=status], [role=alert]').count()).toBe(0);
  // Seconds that pass are not read out.
  expect(await status.evaluate((element) => element.textContent)).not.toMatch(/\d/);
  await expect(one.locator('#alert, #too-long, #interest-hint')).toHaveCount(3);
  for (const id of ['alert', 'too-long', 'interest-hint']) await expect(one.locator(`#${id}`)).toHaveAttribute('role', 'alert');
});

test('Access: works with the keyboard alone, and the focus is always seen', async ({ person }) => {
  const [one, two] = await Promise.all([person(), person()]);
  const press = (...keys) => keys.reduce((done, key) => done.then(() => one.keyboard.press(key)), Promise.resolve());
  const focused = () => one.evaluate(() => {
    const element = document.activeElement;
    const rings = [element, element.closest('.field, .chips'), element.nextElementSibling].filter(Boolean).map((each) => getComputedStyle(each));
    return { name: element.id, isSeen: rings.some(({ outlineStyle, outlineWidth }) => outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) };
  });
  const isAt = async (name) => {
    await expect.poll(focused).toEqual({ name, isSeen: true });
  };
  await press('Shift+Tab');
  await isAt('interest');
  await one.keyboard.type('music,');
  await press('Tab');
  await isAt('only-shared');
  await press('Tab');
  await isAt('start-text');
  await press('Enter');
  await expectPhase(one, 'searching');
  await isAt('text');
  await two.getByLabel('What would you like to talk about?').fill('music,');
  await seek(two);
  await expectPhase(one, 'chatting');
  await one.keyboard.type('hello');
  await press('Enter');
  await expect(bubbles(two)).toHaveText(['hello']);
  await press('Shift+Tab');
  await isAt('next');
  await press('Shift+Tab');
  await isAt('stop');
  await press('Enter', 'Enter');
  await expectPhase(one, 'ended');
  // The button that had the focus is gone; the one in its place has it.
  await isAt('again');
  await press('Tab');
  await isAt('save');
  await press('Shift+Tab', 'Space');
  await expectPhase(one, 'searching');
  await press('Escape');
  await expectPhase(one, 'idle');
});

test('Access: the skip link is first, and the dialog traps and gives back focus', async ({ person }) => {
  const page = await person();
  // From the top, as somebody who comes from the address bar.
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute('tabindex');
  });
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('#main')).toBeFocused();
  const opener = page.getByRole('button', { name: 'Settings' });
  await opener.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'Settings' })).toBeVisible();
  for (let count = 0; count < 8; count += 1) {
    await page.keyboard.press('Tab');
    // Between its last and its first control the focus passes through the browser's own ones.
    expect(await page.evaluate(() => document.activeElement === document.body || Boolean(document.activeElement.closest('dialog')))).toBe(true);
  }
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog', { name: 'Settings' })).toBeHidden();
  await expect(opener).toBeFocused();
});

test('Access: the skip link leads to the content of the screen that is there', async ({ pair }) => {
  const [one] = await pair();
  for (const screen of ['chat', 'rooms', 'account']) {
    await one.evaluate((to) => (location.hash = `/${to}`), screen);
    await expect(one.locator(`#${screen}`)).toBeVisible();
    const { hash } = new URL(one.url());
    await one.locator('.skip').focus();
    await one.keyboard.press('Enter');
    await expect(one.locator('#main')).toBeFocused();
    await expect(one.locator(`#${screen}`)).toBeVisible();
    expect(new URL(one.url()).hash).toBe(hash);
  }
});

test('Access: nobody is told apart by colour alone', async ({ pair }) => {
  const [one, two] = await pair();
  await say(one, 'mine');
  await say(two, 'theirs');
  await expect(one.locator('#log .group.you .name')).toHaveText('You');
  await expect(one.locator('#log .group.stranger .name')).toHaveText('Stranger');
  const [mine, theirs] = [await bubbles(one, 'you').boundingBox(), await bubbles(one).boundingBox()];
  expect(mine.x).toBeGreaterThan(theirs.x + 100);
});

test('Access: prefers-reduced-motion is respected', async ({ person }) => {
  const running = (page) => page.evaluate(() => document.getAnimations().length);
  const [lively, still] = await Promise.all([person({ reducedMotion: 'no-preference' }), person({ reducedMotion: 'reduce' })]);
  for (const page of [lively, still]) await page.getByLabel('What would you like to talk about?').fill(`${Math.random()}`.slice(0, 9));
  await seek(lively);
  await expectPhase(lively, 'searching');
  await expect.poll(() => running(lively)).toBeGreaterThan(0);
  await seek(still);
  await expectPhase(still, 'searching');
  expect(await running(still)).toBe(0);
});

test('Access: a theme can be chosen, and lasts', async ({ person }) => {
  const page = await person({ colorScheme: 'dark' });
  const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await paper();
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Light').check();
  const light = await paper();
  expect(light).not.toBe(dark);
  await page.reload();
  expect(await paper()).toBe(light);
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Auto').check();
  expect(await paper()).toBe(dark);
});

test('Access: what is kept can be forgotten', async ({ person }) => {
  const page = await person();
  await page.getByLabel('What would you like to talk about?').fill('music,');
  expect(await page.evaluate(() => localStorage.length)).toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Forget everything' }).click();
  await page.getByRole('button', { name: 'Done' }).click();
  await expect(page.locator('.chip')).toHaveCount(0);
  await page.reload();
  await expect(page.locator('.chip')).toHaveCount(0);
});
