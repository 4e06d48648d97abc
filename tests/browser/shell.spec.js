import { expect, expectPhase, seek, test } from './people.js';

/** A module that cannot be fetched is reported by the browser. */
const tolerates = /Failed to load|ERR_FAILED/;
const rooms = (page) => page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Rooms' });

test('Shell: a screen is loaded when it is first gone to, with its style, and takes title and focus', async ({ person }) => {
  const fetched = [];
  const page = await person({ before: (page) => page.on('request', (request) => fetched.push(new URL(request.url()).pathname)) });
  expect(fetched.filter((path) => /\/rooms/.test(path))).toEqual([]);
  await rooms(page).click();
  await expect(page.locator('#rooms')).toBeVisible();
  await expect(page.locator('#start')).toBeHidden();
  await expect(page).toHaveTitle('Rooms');
  await expect(rooms(page)).toHaveAttribute('aria-current', 'page');
  expect(fetched.filter((path) => /\/rooms\/screen\.js$|\/style\/rooms\.css$/.test(path))).toHaveLength(2);
  expect(await page.evaluate(() => [...document.styleSheets].some(({ href }) => href?.endsWith('/style/rooms.css')))).toBe(true);
  expect(await page.evaluate(() => document.activeElement.closest('main') !== null)).toBe(true);
  await page.goBack();
  await expect(page.locator('#start')).toBeVisible();
  await expect(page).toHaveTitle('Passerby');
  await page.goForward();
  await expect(page.locator('#rooms')).toBeVisible();
  expect(fetched.filter((path) => /\/rooms\/screen\.js$/.test(path))).toHaveLength(1);
});

test('Shell: the way from the first screen, and an address that leads straight to a screen', async ({ person }) => {
  const page = await person();
  await page.locator('#start').getByRole('link', { name: 'Rooms' }).click();
  await expect(page.locator('#rooms')).toBeVisible();
  await page.reload();
  await expect(page.locator('#rooms')).toBeVisible();
  await page.evaluate(() => (location.hash = '#/nowhere'));
  await expect(page.locator('#start')).toBeVisible();
  expect(new URL(page.url()).hash).toBe('#/');
});

for (const file of ['rooms/screen.js', 'style/rooms.css']) {
  test(`Shell: a screen that cannot be loaded (${file}) says so, and can be tried again`, async ({ person }) => {
    const page = await person({ tolerates });
    let isBroken = true;
    await page.route(`**/${file}*`, (route) => (isBroken ? route.abort() : route.continue()));
    await rooms(page).click();
    const alert = page.getByRole('alert').filter({ hasText: '“Rooms” could not be loaded.' });
    await expect(alert).toBeVisible();
    // What was there still is, and works.
    await expect(page.locator('#start')).toBeVisible();
    isBroken = false;
    await alert.getByRole('button', { name: 'Try again' }).click();
    await expect(page.locator('#rooms')).toBeVisible();
    await expect(alert).toBeHidden();
  });
}

test('Shell: a conversation goes on while another screen is looked at', async ({ pair }) => {
  const [one, two] = await pair();
  await rooms(one).click();
  await expect(one.locator('#rooms')).toBeVisible();
  await expect(one).toHaveTitle('Rooms');
  await expectPhase(two, 'chatting');
  await one.goBack();
  await expect(one.locator('#chat')).toBeVisible();
  await expect(one).toHaveTitle('● Stranger connected');
  await expectPhase(one, 'chatting');
});

test('Shell: a search that finds somebody elsewhere is there on return', async ({ person }) => {
  const [one, two] = await Promise.all([person(), person()]);
  await seek(one);
  await rooms(one).click();
  await expect(one.locator('#rooms')).toBeVisible();
  await seek(two);
  await expectPhase(one, 'chatting');
  await expect(one.locator('#rooms')).toBeVisible();
});
