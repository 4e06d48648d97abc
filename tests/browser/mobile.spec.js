import { bubbles, expect, expectPhase, input, say, seek, test } from './people.js';
import { create, enter, enterHere, open, privately, say as sayInRoom, sayPrivately } from './rooms.js';

const SIZES = [
  ['320x568', { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true }],
  ['390x844', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
  // 1280x800 at 200 % zoom: half the room, twice the dots.
  ['200 % zoom', { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }],
  ['a phone on its side', { viewport: { width: 568, height: 320 }, hasTouch: true, isMobile: true }],
];

/** What is wrong with how the page is laid out: too wide, out of sight, or on top of each other. */
const faults = (page) => page.evaluate(() => {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls sideways');
  const controls = [...document.querySelectorAll('button, input, textarea, a')].filter((element) => element.checkVisibility());
  for (const control of controls) {
    if (control.closest('.skip, .bubble')) continue;
    const box = control.getBoundingClientRect();
    const name = control.id || control.className || control.textContent;
    if (box.left < 0 || box.right > innerWidth + 0.5) found.push(`${name} is cut off`);
    if (box.bottom > innerHeight + 0.5 && control.closest('#actions, #compose, .doors')) found.push(`${name} is out of sight`);
    if (control.scrollWidth > control.clientWidth + 1 && control.tagName === 'BUTTON') found.push(`${name} does not fit`);
  }
  return found;
});

/** Which controls are too small for a finger, or to be written into without zooming. */
const small = (page) => page.evaluate(() => [...document.querySelectorAll('button, input, textarea, a, label.switch, .choice label')]
  .filter((element) => element.checkVisibility() && !element.closest('.skip, .bubble'))
  // A radio or a switch is pressed by its label.
  .filter((element) => !element.matches('label input'))
  .flatMap((element) => {
    const { width, height } = element.getBoundingClientRect();
    const found = width < 44 || height < 44 ? [`${element.id || element.textContent}: ${width}x${height}`] : [];
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (element.matches('input, textarea') && size < 16) found.push(`${element.id}: ${size} px`);
    return found;
  }));

for (const [name, options] of SIZES) {
  test(`Mobile: usable at ${name}`, async ({ person }) => {
    const [one, two] = await Promise.all([person(options), person()]);
    await one.getByLabel('What would you like to talk about?').fill('a long interest of 24 ch,music,cooking,');
    expect(await faults(one)).toEqual([]);
    await seek(one);
    await expectPhase(one, 'searching');
    expect(await faults(one)).toEqual([]);
    await two.getByLabel('What would you like to talk about?').fill('music,');
    await seek(two);
    await expectPhase(one, 'chatting');
    await say(two, 'Donaudampfschifffahrtsgesellschaftskapitän'.repeat(4));
    await expect(bubbles(one)).toHaveCount(1);
    await one.getByRole('button', { name: 'Emoji' }).click();
    expect(await faults(one)).toEqual([]);
    await one.keyboard.press('Escape');
    await input(one).fill('several\nlines\nof\na\ndraft\nthat\nis\nlong');
    expect(await faults(one)).toEqual([]);
    // Enough of what was said can be seen.
    expect((await one.locator('#log').boundingBox()).height).toBeGreaterThan(60);
    await two.getByRole('button', { name: 'Next' }).click();
    await expectPhase(one, 'ended');
    expect(await faults(one)).toEqual([]);
    await one.getByRole('button', { name: 'Settings' }).click();
    expect(await faults(one)).toEqual([]);
  });
}

for (const [name, options] of SIZES.slice(0, 2)) {
  test(`Mobile: rooms, their people and letters are usable at ${name}`, async ({ person }) => {
    test.setTimeout(60_000);
    const bob = await enter(person, 'B'.repeat(32));
    const long = await create(bob, 'W'.repeat(40));
    const ann = await person(options);
    const isFine = async () => expect([...await faults(ann), ...await small(ann)]).toEqual([]);
    await enterHere(ann, 'W'.repeat(32));
    await isFine();
    await open(ann, long);
    await sayInRoom(bob, 'Donaudampfschifffahrtsgesellschaftskapitän'.repeat(4));
    await expect(ann.locator('.place .bubble')).toHaveCount(1);
    await isFine();
    await privately(bob, 'WWW');
    await sayPrivately(bob, 'x'.repeat(200));
    await ann.locator('.to-people').click();
    await expect(ann.locator('.tabs .badge')).toBeVisible();
    await isFine();
    await ann.locator('.tabs').getByRole('link', { name: 'Private' }).click();
    await expect(ann.locator('.in-lines .lines a')).toBeVisible();
    await isFine();
    await ann.locator('.in-lines .lines a').click();
    await expect(ann.locator('.side .bubble')).toBeVisible();
    await isFine();
    await ann.goto(`${ann.url().split('#')[0]}#/rooms`);
    await expect(ann.locator('.rooms-list')).toBeVisible();
    await isFine();
    await open(ann, long);
    const address = ann.url();
    await ann.getByRole('button', { name: 'Leave this room' }).click();
    await ann.goto(address);
    await expect(ann.getByRole('button', { name: 'Join again' })).toBeVisible();
    await isFine();
    await ann.getByRole('link', { name: 'All rooms' }).click();
    await expect(ann.locator('.rooms-list')).toBeVisible();
  });
}

test('Mobile: the header is as wide as what is below it', async ({ person }) => {
  const page = await person({ viewport: { width: 1600, height: 900 } });
  const edge = (selector) => page.locator(selector).evaluate((element) => element.getBoundingClientRect().left + parseFloat(getComputedStyle(element).paddingLeft));
  expect(await edge('#start')).toBe(await edge('.bar'));
  await enterHere(page, 'Ann');
  expect(await edge('.columns')).toBe(await edge('.bar'));
});

test('Mobile: targets are 44 px or more, inputs have 16 px or more', async ({ person }) => {
  const options = SIZES[0][1];
  const [one, two] = await Promise.all([person(options), person()]);
  await one.getByLabel('What would you like to talk about?').fill('music,');
  expect(await small(one)).toEqual([]);
  await seek(one);
  await expectPhase(one, 'searching');
  expect(await small(one)).toEqual([]);
  await two.getByLabel('What would you like to talk about?').fill('music,');
  await seek(two);
  await expectPhase(one, 'chatting');
  await one.getByRole('button', { name: 'Emoji' }).click();
  expect(await small(one)).toEqual([]);
  await one.keyboard.press('Escape');
  await two.getByRole('button', { name: 'Next' }).click();
  await expectPhase(one, 'ended');
  await one.getByRole('button', { name: 'Settings' }).click();
  expect(await small(one)).toEqual([]);
});

test('Mobile: actions are in the lower third', async ({ pair }) => {
  const size = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const [one, two] = await pair(size);
  const heights = () => one.locator('#actions button:visible, #send').evaluateAll((all) => all.map((button) => button.getBoundingClientRect().top / innerHeight));
  const low = (all) => all.length > 1 && all.every((top) => top > 2 / 3);
  expect(low(await heights())).toBe(true);
  await two.getByRole('button', { name: 'Next' }).click();
  await expectPhase(one, 'ended');
  expect(low(await heights())).toBe(true);
  await one.goto(new URL('/#/', one.url()).href);
  const start = await one.locator('#start-text').boundingBox();
  expect(start.y / 844).toBeGreaterThan(2 / 3);
});

test('Mobile: the page is as high as what is seen, clear of notches, also above a keyboard', async ({ pair }) => {
  const [one] = await pair({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  expect(await one.evaluate(() => document.body.getBoundingClientRect().height)).toBe(844);
  const rules = await one.evaluate(() => [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).map(({ cssText }) => cssText).join('\n'));
  expect(rules).toContain('100dvh');
  for (const side of ['top', 'right', 'bottom', 'left']) expect(rules).toContain(`env(safe-area-inset-${side})`);
  const meta = await one.locator('meta[name=viewport]').getAttribute('content');
  expect(meta).toContain('viewport-fit=cover');
  expect(meta).not.toMatch(/user-scalable|maximum-scale/);
  // A phone that lays its keyboard over the page says so by a smaller visual viewport.
  await one.evaluate(() => {
    Object.defineProperty(visualViewport, 'height', { configurable: true, value: 500 });
    visualViewport.dispatchEvent(new Event('resize'));
  });
  const next = await one.getByRole('button', { name: 'Next' }).boundingBox();
  expect(next.y + next.height).toBeLessThanOrEqual(500);
});
