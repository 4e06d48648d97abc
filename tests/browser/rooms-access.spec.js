import AxeBuilder from '@axe-core/playwright';
import { test } from './people.js';
import { bubbles, column, create, enter, expect, input, letterInput, members, open, privately, roomLine, say, sayPrivately } from './rooms.js';

// Some of these are long stories of several people, and all of them wait for conditions only.
test.describe.configure({ timeout: 180_000 });

for (const [name, viewport] of [['320x568', { width: 320, height: 568 }], ['390x844', { width: 390, height: 844 }]]) {
  test(`Rooms: on a phone (${name}) list, room and people are views of their own, with a way back`, async ({ person }) => {
    const ann = await enter(person, 'Ann', { viewport, hasTouch: true, isMobile: true });
    const bob = await enter(person, 'Bob');
    const faults = () => ann.evaluate(() => {
      const found = [];
      if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls sideways');
      for (const control of document.querySelectorAll('button, input, textarea, a')) {
        if (!control.checkVisibility() || control.closest('.skip, .bubble')) continue;
        const { left, right, bottom, width, height } = control.getBoundingClientRect();
        const name = control.getAttribute('aria-label') ?? control.textContent ?? control.id;
        if (left < 0 || right > innerWidth + 0.5 || bottom > innerHeight + 0.5) found.push(`${name} is out of sight`);
        if (width < 43.5 || height < 43.5) found.push(`${name} is small: ${width}x${height}`);
        if (control.matches('input, textarea') && parseFloat(getComputedStyle(control).fontSize) < 16) found.push(`${name} makes phones zoom`);
      }
      return found;
    });
    await expect(column(ann, 'list')).toBeVisible();
    await expect(column(ann, 'place')).toBeHidden();
    expect(await faults()).toEqual([]);
    const room = await create(ann, 'pocket');
    await expect(column(ann, 'place')).toBeVisible();
    await expect(column(ann, 'list')).toBeHidden();
    await open(bob, room);
    await input(ann).fill('from the pocket');
    // Enter belongs to the text here.
    await input(ann).press('Enter');
    await expect(bubbles(ann, 'you')).toHaveCount(0);
    await ann.locator('.place').getByRole('button', { name: 'Send' }).click();
    await expect(bubbles(bob, 'other')).toHaveText([/from the pocket/]);
    expect(await faults()).toEqual([]);
    await ann.getByRole('link', { name: '2 people' }).click();
    await expect(column(ann, 'side')).toBeVisible();
    await expect(column(ann, 'place')).toBeHidden();
    expect(await faults()).toEqual([]);
    await members(ann).getByRole('button', { name: 'Bob' }).click();
    await expect(letterInput(ann)).toBeVisible();
    expect(await faults()).toEqual([]);
    await ann.getByRole('link', { name: 'Back' }).click();
    await ann.getByRole('link', { name: 'Back' }).click();
    await expect(column(ann, 'place')).toBeVisible();
    await ann.getByRole('link', { name: 'All rooms' }).click();
    await expect(column(ann, 'list')).toBeVisible();
    await say(bob, 'not seen');
    await expect(roomLine(ann, room).locator('.badge')).toHaveText('1 unread');
  });
}

for (const colorScheme of ['light', 'dark']) {
  test(`Rooms: axe finds nothing in ${colorScheme}`, async ({ person }) => {
    const page = await person({ colorScheme });
    const check = async (where) => {
      const { violations, passes } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), where).toEqual([]);
      expect(passes.some(({ id }) => id === 'color-contrast'), where).toBe(true);
    };
    await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Rooms' }).click();
    await page.getByRole('button', { name: 'Enter the rooms' }).click();
    await check('the name');
    await page.getByRole('textbox', { name: 'Your name' }).fill('Ann');
    await page.getByRole('button', { name: 'Enter the rooms' }).click();
    await expect(roomLine(page, 'General Chat')).toBeVisible();
    await check('the list');
    const room = await create(page, `axe ${colorScheme}`);
    const bob = await enter(person, 'Bob');
    await open(bob, room);
    await say(bob, 'theirs, with https://example.org');
    await say(page, 'mine');
    await expect(bubbles(page, 'other')).toHaveCount(1);
    await privately(bob, 'Ann');
    await sayPrivately(bob, 'a letter');
    await expect(page.locator('.tabs .badge')).toHaveText('1 unread');
    await page.locator('.place').getByRole('button', { name: 'Emoji' }).click();
    await check('a room');
    await page.keyboard.press('Escape');
    await page.locator('.tabs').getByRole('link', { name: 'Private' }).click();
    await check('the conversations');
    await page.getByRole('list', { name: 'Private conversations' }).getByRole('link', { name: 'Bob' }).click();
    await expect(bubbles(page, 'other', '.side')).toHaveText(['a letter']);
    await check('a conversation');
  });
}

test('Rooms: works with the keyboard alone', async ({ person }) => {
  const ann = await enter(person, 'Ann');
  const bob = await enter(person, 'Bob');
  const room = await create(bob, 'by keyboard');
  await ann.reload();
  await expect(roomLine(ann, room)).toBeVisible();
  const reach = async (wanted) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await ann.keyboard.press('Tab');
      const isThere = await ann.evaluate((wanted) => document.activeElement.textContent.includes(wanted) || document.activeElement.id === wanted, wanted);
      if (isThere && (await ann.evaluate(() => document.activeElement.matches('a, button, textarea')))) return;
    }
    throw new Error(`${wanted} cannot be reached`);
  };
  await reach(room);
  await ann.keyboard.press('Enter');
  await expect(input(ann)).toBeFocused();
  await ann.keyboard.type('typed');
  await ann.keyboard.press('Enter');
  await expect(bubbles(bob, 'other')).toHaveText(['typed']);
  await reach('Bob');
  await ann.keyboard.press('Enter');
  await expect(letterInput(ann)).toBeFocused();
});

test('Rooms: what is kept can be forgotten', async ({ person }) => {
  const ann = await enter(person, 'Ann');
  await create(ann, 'forgotten');
  await ann.getByRole('button', { name: 'Settings' }).click();
  await ann.getByRole('button', { name: 'Forget everything' }).click();
  await ann.getByRole('button', { name: 'Done' }).click();
  await expect(ann.locator('#start')).toBeVisible();
  expect(await ann.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('passerby.rooms')))).toEqual([]);
  await ann.locator('#start').getByRole('link', { name: 'Rooms' }).click();
  await expect(ann.getByRole('textbox', { name: 'Your name' })).toHaveValue('');
});
