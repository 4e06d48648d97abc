import AxeBuilder from '@axe-core/playwright';
import { bubbles, expect, expectPhase, input, say, test } from './people.js';
import { CAMERA, call, callers, connections, expectMoving, expectStep, live, reveal, revealBoth, stage, start, watchful } from './callers.js';

test.describe.configure({ timeout: 120_000 });

const words = (page) => stage(page).locator('#stage-words');
/** What the newest connection sends now. */
const sending = (page) => page.evaluate(() => window.connections.at(-1).getSenders().map(({ track }) => track?.kind).filter(Boolean).sort());
const again = (page, name) => stage(page).getByRole('button', { name, exact: true });

test('Video: two people see each other move, and write to each other', async ({ person }) => {
  const [one, two] = await callers(person);
  await revealBoth(one, two);
  await Promise.all([expectMoving(one), expectMoving(two)]);
  await say(one, 'I like your hat');
  await expect(bubbles(two)).toHaveText(['I like your hat']);
  const remote = stage(one).locator('#remote');
  expect(await remote.evaluate((video) => [video.autoplay, video.hasAttribute('playsinline'), video.muted, video.paused])).toEqual([true, true, false, false]);
  await expect(one.getByRole('heading', { name: 'Video chat' })).toHaveCount(1);
});

test('Video: nothing is sent and nothing seen until both reveal', async ({ person }) => {
  const [one, two] = await callers(person);
  for (const page of [one, two]) {
    await expectStep(page, 'connected');
    await expect(stage(page)).toHaveClass(/blurred/);
    await expect(words(page)).toContainText('until both reveal');
    expect(await sending(page)).toEqual([]);
    expect(await page.locator('#remote').evaluate((video) => [video.muted, getComputedStyle(video).filter.includes('blur')])).toEqual([true, true]);
  }
  await reveal(one);
  await expect(words(one)).toHaveText('Waiting until the stranger reveals, too.');
  await expect(words(two)).toContainText('The stranger is ready.');
  for (const page of [one, two]) expect(await sending(page)).toEqual([]);
  await reveal(two);
  for (const page of [one, two]) {
    await expect(stage(page)).not.toHaveClass(/blurred/);
    expect(await sending(page)).toEqual(['audio', 'video']);
    await expectMoving(page);
  }
});

test('Video: whoever has switched that off waits only for the other', async ({ person }) => {
  const open = async () => {
    const page = await person({ ...CAMERA, before: watchful() });
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByLabel('until both press Reveal').uncheck();
    await page.getByRole('button', { name: 'Done' }).click();
    await call(page);
    return page;
  };
  const [one, two] = [await open(), await open()];
  for (const page of [one, two]) {
    await expect(stage(page)).not.toHaveClass(/blurred/, { timeout: 15_000 });
    await expectMoving(page);
  }
});

test('Video: muted and camera off reach the other side, and camera off stops the track', async ({ person }) => {
  const [one, two] = await callers(person);
  await revealBoth(one, two);
  await expectMoving(one);
  await again(two, 'Mute').click();
  await expect(stage(one).getByText('Muted')).toBeVisible();
  await again(two, 'Unmute').click();
  await expect(stage(one).getByText('Muted')).toBeHidden();
  await again(two, 'Turn camera off').click();
  await expect(words(one)).toHaveText('Camera off');
  expect(await live(two)).toEqual(['audio']);
  expect(await sending(two)).toEqual(['audio']);
  await again(two, 'Turn camera on').click();
  await expect(words(one)).toHaveText('');
  expect(await live(two)).toEqual(['audio', 'video']);
  await expectMoving(one);
  // The switches were not renegotiated.
  expect(await two.evaluate(() => window.connections.length)).toBe(1);
});

test('Video: another camera can be taken during the call', async ({ person }) => {
  const [one, two] = await callers(person);
  await revealBoth(one, two);
  const label = () => two.evaluate(() => window.connections.at(-1).getSenders().find(({ track }) => track?.kind === 'video')?.track.label);
  const before = await label();
  await again(two, 'Camera and microphone').click();
  await two.getByRole('dialog').getByLabel('Camera').selectOption({ index: 2 });
  const labels = [undefined, before];
  await expect.poll(async () => labels.includes(await label())).toBe(false);
  await two.keyboard.press('Escape');
  await expect(again(two, 'Camera and microphone')).toBeFocused();
  await expectPhase(two, 'chatting');
  await expectMoving(one);
});

test('Video: Next leads to a third person, and the old connection is closed', async ({ person }) => {
  const [one, two] = await callers(person);
  await revealBoth(one, two);
  const three = await person({ ...CAMERA, before: watchful() });
  await call(three);
  await one.getByRole('button', { name: 'Next' }).click();
  await revealBoth(one, three);
  await Promise.all([expectMoving(one), expectMoving(three)]);
  await expectPhase(two, 'ended');
  expect(await one.evaluate(() => window.connections.map(({ connectionState }) => connectionState))).toEqual(['closed', 'connected']);
  expect(await connections(two)).toEqual({ newest: 'closed', open: 0 });
  await expect(words(two)).toHaveText('The stranger is gone');
  // Who is left goes on with the same camera.
  await two.getByRole('button', { name: 'New stranger' }).click();
  await expectStep(two, 'searching');
  expect(await two.evaluate(() => window.asked)).toBe(1);
});

test('Video: Esc stops, asks, ends, and goes on, and the camera goes off with the screen', async ({ person }) => {
  const [one, two] = await callers(person);
  await expectStep(one, 'connected');
  await one.keyboard.press('Escape');
  await expect(one.getByRole('button', { name: 'Really?' })).toBeVisible();
  await one.keyboard.press('Escape');
  await expectPhase(one, 'ended');
  await expectPhase(two, 'ended');
  await one.keyboard.press('Escape');
  await expectPhase(one, 'searching');
  expect(await live(two)).toEqual(['audio', 'video']);
  await two.getByRole('link', { name: 'Rooms' }).click();
  await expect.poll(() => live(two)).toEqual([]);
});

test('Video: going on in text keeps the stranger and gives the camera back, on both sides', async ({ person }) => {
  // There is nothing to click for that while all is well; a call that was lost offers it.
  const [one, two] = await callers(person, { before: (page) => page.clock.install() });
  await revealBoth(one, two);
  await one.evaluate(() => {
    const [connection] = window.connections;
    Object.defineProperty(connection, 'connectionState', { get: () => 'disconnected', configurable: true });
    connection.dispatchEvent(new Event('connectionstatechange'));
    delete connection.connectionState;
  });
  await expect(words(one)).toHaveText('Reconnecting…');
  await one.clock.runFor(15_000);
  await expectStep(one, 'failed');
  await again(one, 'Continue in text').click();
  for (const page of [one, two]) {
    await expect(stage(page)).toBeHidden();
    await expect(page.locator('#log')).toContainText('in text');
    await expect.poll(() => live(page)).toEqual([]);
    await expectPhase(page, 'chatting');
  }
  await one.clock.runFor(1_000);
  for (const page of [one, two]) await expect.poll(() => connections(page)).toMatchObject({ open: 0 });
  await say(two, 'text will do');
  await expect(bubbles(one)).toHaveText(['text will do']);
  await expect(input(one)).toBeFocused();
  // The next one is looked for with the camera again, since that was the wish.
  await two.getByRole('button', { name: 'Next' }).click();
  await expectStep(two, 'searching');
  await expect.poll(() => live(two)).toEqual(['audio', 'video']);
});

test('Video: a reload captures nothing, and the next search begins in the lobby', async ({ person }) => {
  const [one] = await callers(person);
  await expectStep(one, 'connected');
  let asked = 0;
  one.on('dialog', (dialog) => {
    asked += 1;
    void dialog.accept();
  });
  await input(one).fill('a draft');
  await one.reload();
  expect(asked).toBe(1);
  await expectPhase(one, 'idle');
  await expect(stage(one)).toHaveCount(0);
  await one.getByRole('button', { name: 'Search again' }).click();
  await expect(one.locator('#lobby')).toBeVisible();
  expect(await one.evaluate(() => window.asked)).toBe(0);
});

test('Video: where sound may not start by itself, a tap starts it', async ({ person }) => {
  const before = (page) => page.addInitScript(() => {
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
      if (this.id !== 'remote' || this.muted || window.isTapped) return play.call(this);
      this.pause();
      return Promise.reject(new DOMException('', 'NotAllowedError'));
    };
  });
  const [one, two] = await callers(person, { before });
  await revealBoth(one, two);
  const remote = one.locator('#remote');
  await expect(one.getByRole('button', { name: 'Tap to hear' })).toBeVisible();
  expect(await remote.evaluate((video) => [video.muted, video.paused])).toEqual([true, false]);
  await one.evaluate(() => (window.isTapped = true));
  await one.getByRole('button', { name: 'Tap to hear' }).click();
  expect(await remote.evaluate((video) => video.muted)).toBe(false);
  await expect(one.getByRole('button', { name: 'Tap to hear' })).toBeHidden();
});

test('Video: picture in picture and full screen', async ({ person }) => {
  const [one, two] = await callers(person);
  await expect(again(one, 'Picture in picture')).toBeDisabled();
  await revealBoth(one, two);
  await expect.poll(() => one.locator('#remote').evaluate((video) => video.readyState)).toBeGreaterThan(0);
  await again(one, 'Picture in picture').click();
  await expect.poll(() => one.evaluate(() => document.pictureInPictureElement?.id)).toBe('remote');
  await again(one, 'Picture in picture').click();
  await expect.poll(() => one.evaluate(() => document.pictureInPictureElement)).toBe(null);
  await again(one, 'Full screen').click();
  await expect.poll(() => one.evaluate(() => document.fullscreenElement?.id)).toBe('stage');
  // Esc leaves the full screen and not the stranger.
  await one.keyboard.press('Escape');
  await expectPhase(one, 'chatting');
  await one.evaluate(() => document.fullscreenElement && document.exitFullscreen());
  await expect(again(one, 'Full screen')).toBeVisible();
});

/** Looks for what keeps people out. */
const check = async (page, where) => {
  const { violations, passes } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    // People who talk to each other have no captions for it.
    .disableRules(['video-caption']).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), where).toEqual([]);
  expect(passes.some(({ id }) => id === 'color-contrast'), where).toBe(true);
};

for (const colorScheme of ['light', 'dark']) {
  test(`Video: axe finds nothing in the lobby in ${colorScheme}`, async ({ person }) => {
    const page = await person({ ...CAMERA, colorScheme, before: watchful() });
    await page.getByRole('button', { name: 'Video', exact: true }).click();
    await expect(page.locator('#lobby')).toBeVisible();
    await check(page, 'before');
    await page.evaluate(() => {
      const real = navigator.mediaDevices.getUserMedia;
      navigator.mediaDevices.getUserMedia = async () => {
        navigator.mediaDevices.getUserMedia = real;
        throw new DOMException('', 'NotAllowedError');
      };
    });
    await page.getByRole('button', { name: 'Turn on camera and microphone' }).click();
    await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible();
    await check(page, 'denied');
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(start(page)).toBeEnabled();
    await check(page, 'open');
    await start(page).click();
    await expectStep(page, 'searching');
    await check(page, 'searching');
  });

  test(`Video: axe finds nothing in a call in ${colorScheme}`, async ({ person }) => {
    test.setTimeout(240_000);
    const [one, two] = await callers(person, { colorScheme });
    await expectStep(one, 'connected');
    await check(one, 'consent');
    await revealBoth(one, two);
    await again(two, 'Mute').click();
    await expect(stage(one).getByText('Muted')).toBeVisible();
    await check(one, 'call');
    await again(one, 'Camera and microphone').click();
    await check(one, 'devices');
    await one.keyboard.press('Escape');
    await again(two, 'Turn camera off').click();
    await expect(words(one)).toHaveText('Camera off');
    await check(one, 'camera off');
  });
}

for (const [width, height] of [[390, 844], [320, 568], [740, 360]]) {
  test(`Video: on a phone, ${width}x${height}, the stranger is large, oneself small in a corner, and everything in reach`, async ({ person }) => {
    const phone = { viewport: { width, height }, hasTouch: true, isMobile: true };
    const faults = (page) => page.evaluate(() => {
      const found = document.documentElement.scrollWidth > innerWidth ? ['the page scrolls sideways'] : [];
      for (const control of document.querySelectorAll('button, select, textarea, a, label.switch')) {
        if (!control.checkVisibility() || control.closest('.skip, .bubble')) continue;
        const name = control.id || control.title || control.textContent;
        const box = control.getBoundingClientRect();
        if (box.width < 44 || box.height < 44) found.push(`${name}: ${box.width}x${box.height}`);
        if (box.left < 0 || box.right > innerWidth + 0.5) found.push(`${name} is cut off`);
        if (control.closest('#stage, #compose, .doors') && box.bottom > innerHeight + 0.5) found.push(`${name} is out of sight`);
        const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        if (control.closest('#stage, #compose') && !control.contains(top)) found.push(`${name} lies under ${top?.id || top?.className}`);
      }
      return found;
    });
    const one = await person({ ...CAMERA, ...phone, before: watchful() });
    await one.getByRole('button', { name: 'Video', exact: true }).click();
    await expect(one.locator('#lobby')).toBeVisible();
    expect(await faults(one)).toEqual([]);
    await one.getByRole('button', { name: 'Turn on camera and microphone' }).click();
    await expect(start(one)).toBeEnabled();
    expect(await faults(one)).toEqual([]);
    await start(one).click();
    await expectStep(one, 'searching');
    expect(await faults(one)).toEqual([]);
    const two = await person({ ...CAMERA, before: watchful() });
    await call(two);
    await expectStep(one, 'connected');
    expect(await faults(one)).toEqual([]);
    // The keyboard on glass would cover half of it.
    await expect(input(one)).not.toBeFocused();
    await revealBoth(one, two);
    await say(two, 'Hello');
    await expect(bubbles(one)).toBeVisible();
    expect(await faults(one)).toEqual([]);
    const [remote, self, log] = await Promise.all(['#remote', '#self', '#log'].map((name) => one.locator(name).boundingBox()));
    const area = (box) => box.width * box.height;
    expect(area(remote)).toBeGreaterThan(5 * area(self));
    expect(area(remote) / (width * height)).toBeGreaterThan(0.3);
    expect(remote.x + remote.width - self.x - self.width).toBeLessThan(20);
    expect(log.height).toBeGreaterThan(40);
  });
}
