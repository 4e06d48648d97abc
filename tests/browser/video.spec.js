import AxeBuilder from '@axe-core/playwright';
import { bubbles, expect, expectPhase, input, look, say, test } from './people.js';
import {
  CAMERA, call, callers, checkHair, connections, expectMoving, expectStep, isSignal, live, lose, reveal, revealBoth, stage, start, stop, watchful, wiretap,
} from './callers.js';

test.describe.configure({ timeout: 120_000 });

const words = (page) => stage(page).locator('#stage-words');
const again = (page, name) => stage(page).getByRole('button', { name, exact: true });
/** What the newest connection sends now. */
const sending = (page) => page.evaluate(() => window.connections.at(-1).getSenders().map(({ track }) => track?.kind).filter(Boolean).sort());
const bytesSent = (page) => page.evaluate(async () => {
  const report = await window.connections.at(-1).getStats();
  return [...report.values()].filter(({ type }) => type === 'outbound-rtp').reduce((sum, { bytesSent: bytes }) => sum + bytes, 0);
});
const links = (page) => page.getByRole('navigation', { name: 'Screens' });
const reminder = (page) => page.locator('#reminder');

test('Video: nothing leaves either browser until both reveal; then two people see each other, and write', async ({ person }) => {
  const taps = [];
  const tapping = { before: async (page) => taps.push(await wiretap(page)) };
  const [one, two] = await callers(person, tapping, tapping);
  for (const page of [one, two]) {
    await expectStep(page, 'consent');
    await expect(words(page)).toHaveText('Neither sees or hears the other until both reveal.');
  }
  await say(one, 'words go meanwhile');
  await expect(bubbles(two)).toHaveText(['words go meanwhile']);
  await reveal(one);
  await expect(words(one)).toHaveText('Waiting until the stranger reveals, too.');
  await expect(words(two)).toContainText('The stranger is ready.');
  // Without a connection there are no packets, no candidates, and no address.
  for (const page of [one, two]) expect(await connections(page)).toEqual({ newest: undefined, open: 0 });
  for (const { sent } of taps) expect(sent.filter(isSignal)).toEqual([]);
  await reveal(two);
  for (const page of [one, two]) {
    await expectMoving(page);
    expect(await sending(page)).toEqual(['audio', 'video']);
    expect(await bytesSent(page)).toBeGreaterThan(0);
  }
  const remote = stage(one).locator('#remote');
  expect(await remote.evaluate((video) => [video.autoplay, video.hasAttribute('playsinline'), video.muted, video.paused])).toEqual([true, true, false, false]);
  // What was said is said once.
  for (const { sent } of taps) expect(sent.filter(({ type }) => type === 'callState')).toHaveLength(2);

  await input(two).pressSequentially('so');
  await expect(one.getByText('Stranger is typing')).toBeVisible();
  await two.getByRole('button', { name: 'Emoji' }).click();
  await two.getByRole('dialog', { name: 'Emoji' }).getByRole('button').first().click();
  await two.keyboard.press('Escape');
  await input(two).press('Enter');
  await expect(bubbles(one)).toHaveText(['so😀']);
  await expect(one.getByRole('heading', { name: 'Video chat' })).toHaveCount(1);
});

test('Video: the switches, another camera, picture in picture and the full screen during a call', async ({ person }) => {
  const [one, two] = await callers(person);
  await expectStep(one, 'consent');
  await expect(again(one, 'Picture in picture')).toBeDisabled();
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
  // A click while it starts switches it off again, and the last click counts.
  await again(two, 'Turn camera on').click();
  await again(two, 'Turn camera off').click();
  await expect.poll(() => two.evaluate(() => window.captured.length)).toBe(3);
  expect(await live(two)).toEqual(['audio']);
  await again(two, 'Turn camera on').click();
  await expect(words(one)).toHaveText('');
  await expect.poll(() => live(two)).toEqual(['audio', 'video']);
  await expectMoving(one);

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
  // None of it was negotiated anew.
  expect(await two.evaluate(() => window.connections.length)).toBe(1);

  await again(one, 'Picture in picture').click();
  await expect.poll(() => one.evaluate(() => document.pictureInPictureElement?.id)).toBe('remote');
  await again(one, 'Picture in picture').click();
  await expect.poll(() => one.evaluate(() => document.pictureInPictureElement)).toBe(null);

  await again(one, 'Full screen').click();
  await expect(again(one, 'Leave full screen')).toBeVisible();
  await say(two, 'are you there?');
  await expect(bubbles(one)).toBeInViewport();
  for (const name of ['Stop', 'Next', 'Send']) await expect(one.getByRole('button', { name })).toBeInViewport();
  // Esc leaves the full screen and not the stranger.
  await one.keyboard.press('Escape');
  await expectPhase(one, 'chatting');
  await one.evaluate(() => document.fullscreenElement && document.exitFullscreen());
  await again(one, 'Full screen').click();
  await expect(again(one, 'Leave full screen')).toBeVisible();
  await stop(two);
  await expectPhase(one, 'ended');
  await expect.poll(() => one.evaluate(() => document.fullscreenElement)).toBe(null);
});

test('Video: whoever has switched Reveal off waits only for the other', async ({ person }) => {
  const free = { before: (page) => page.addInitScript(() => localStorage.setItem('passerby.settings', JSON.stringify({ blur: false }))) };
  const [one, two] = await callers(person, free, free);
  for (const page of [one, two]) await expectMoving(page);
  const three = await person({ ...CAMERA, before: watchful() });
  await call(three);
  await one.getByRole('button', { name: 'Next' }).click();
  await expectStep(three, 'consent');
  await expect(words(three)).toContainText('The stranger is ready.');
  await expectStep(one, 'consent');
  expect(await one.evaluate(() => window.connections.length)).toBe(1);
  await reveal(three);
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
  // That the stranger is gone is said once, and the camera that is still on is seen.
  await expect(two.getByText('The stranger is gone')).toHaveCount(1);
  await expect(stage(two).locator('#self video')).toBeVisible();
  await two.getByRole('button', { name: 'New stranger' }).click();
  await expectStep(two, 'searching');
  expect(await two.evaluate(() => window.asked)).toBe(1);
});

test('Video: camera and microphone go off with one’s own Stop, and in half a minute, or unseen, when the stranger has left', async ({ person }) => {
  const [one, two] = await callers(person, { before: (page) => page.clock.install() });
  await expectStep(one, 'consent');
  await stop(two);
  await expect.poll(() => live(two)).toEqual([]);
  await expect(words(two)).toHaveText('Your camera and microphone are off.');
  await expectPhase(one, 'ended');
  await one.clock.fastForward(20_000);
  expect(await live(one)).toEqual(['audio', 'video']);
  await one.clock.fastForward(11_000);
  await expect.poll(() => live(one)).toEqual([]);
  // For the next one they come on again, without the lobby.
  for (const page of [two, one]) {
    await page.getByRole('button', { name: 'New stranger' }).click();
    await expectPhase(page, /searching|chatting/);
  }
  for (const page of [one, two]) await expect.poll(() => live(page)).toEqual(['audio', 'video']);
  await expectStep(one, 'consent');
  await look(one, false);
  expect(await live(one)).toEqual(['audio', 'video']);
  await stop(two);
  await expectPhase(one, 'ended');
  await expect.poll(() => live(one)).toEqual([]);
  // What is switched off stays off.
  await look(one, true);
  await two.getByRole('button', { name: 'New stranger' }).click();
  await expectStep(two, 'searching');
  await again(two, 'Turn camera off').click();
  await one.getByRole('button', { name: 'New stranger' }).click();
  await expectStep(two, 'consent');
  await stop(two);
  await two.getByRole('button', { name: 'New stranger' }).click();
  await expectStep(two, 'searching');
  await expect.poll(() => live(two)).toEqual(['audio']);
  // Whoever looks at another screen after the end has no use for the camera either.
  expect(await live(one)).toEqual(['audio', 'video']);
  await links(one).getByRole('link', { name: 'Rooms' }).click();
  await expect.poll(() => live(one)).toEqual([]);
});

test('Video: Esc stops, asks, ends, and goes on', async ({ person }) => {
  const [one, two] = await callers(person);
  await expectStep(one, 'consent');
  await one.keyboard.press('Escape');
  await expect(one.getByRole('button', { name: 'Really?' })).toBeVisible();
  await one.keyboard.press('Escape');
  await expectPhase(one, 'ended');
  await expectPhase(two, 'ended');
  await one.keyboard.press('Escape');
  await expectPhase(one, 'searching');
});

test('Video: Back ends a search: in the lobby nothing is looked for, and elsewhere nothing is on', async ({ person }) => {
  const page = await person({ ...CAMERA, before: watchful() });
  await call(page);
  await expectStep(page, 'searching');
  await page.goBack();
  await expect(start(page)).toBeVisible();
  await expectPhase(page, 'idle');
  expect(await live(page)).toEqual(['audio', 'video']);
  await page.goBack();
  await expect(page.locator('#start')).toBeVisible();
  await expect.poll(() => live(page)).toEqual([]);
  // Nobody meets somebody who is not there.
  const other = await person({ ...CAMERA, before: watchful() });
  await call(other);
  await expectStep(other, 'searching');
  await expectPhase(page, 'idle');
  // Another screen ends it as well, and says so.
  await checkHair(page);
  await other.getByRole('button', { name: 'Cancel' }).click();
  await start(page).click();
  await expectStep(page, 'searching');
  await links(page).getByRole('link', { name: 'Rooms' }).click();
  await expect(page.locator('#rooms')).toBeVisible();
  await expectPhase(page, 'idle');
  await expect(page.getByText('The search for a video chat has ended')).toBeVisible();
  expect(await live(page)).toEqual([]);
});

test('Video: a call is not forgotten on other screens', async ({ person }) => {
  const [one, two] = await callers(person);
  await revealBoth(one, two);
  await expect(links(one).getByRole('link', { name: 'Video chat' })).toHaveAttribute('aria-current', 'page');
  await expect(reminder(one)).toBeHidden();
  await links(one).getByRole('link', { name: 'Rooms' }).click();
  await expect(reminder(one)).toContainText('You are on a video call. Your camera and microphone are on.');
  await expect(one).toHaveTitle(/^● Video call · Rooms/);
  await reminder(one).getByRole('button', { name: 'Turn camera off' }).click();
  await expect(reminder(one)).toContainText('Your microphone is on.');
  await expect(words(two)).toHaveText('Camera off');
  await links(one).getByRole('link', { name: 'Video chat' }).click();
  await expect(one.locator('#chat')).toBeVisible();
  await expect(reminder(one)).toBeHidden();
  await expect(one).toHaveTitle('● Stranger connected');
  // Back leads past the lobby, which is not for people who talk.
  await one.goBack();
  await one.goBack();
  await one.goBack();
  await expect(one.locator('#lobby')).toBeHidden();
  await expect(reminder(one)).toBeVisible();
  await reminder(one).getByRole('button', { name: 'Return' }).click();
  await expectMoving(one);
  await one.evaluate(() => (location.hash = '#/rooms'));
  await reminder(one).getByRole('button', { name: 'Hang up' }).click();
  await expectPhase(two, 'ended');
  await expect(reminder(one)).toBeHidden();
  await expect(one).toHaveTitle('Rooms');
  expect(await live(one)).toEqual([]);
});

test('Video: going on in text keeps the stranger and gives the camera back, on both sides', async ({ person }) => {
  // There is nothing to click for that while all is well; a call that was lost offers it.
  const [one, two] = await callers(person, { before: (page) => page.clock.install() });
  await revealBoth(one, two);
  await lose(one);
  await expect(words(one)).toHaveText('Reconnecting…');
  await one.clock.fastForward(15_000);
  await expectStep(one, 'failed');
  await again(one, 'Continue in text').click();
  for (const page of [one, two]) {
    await expect(stage(page)).toBeHidden();
    await expect(page.locator('#log')).toContainText('in text');
    await expect.poll(() => live(page)).toEqual([]);
    await expectPhase(page, 'chatting');
    await expect.poll(() => connections(page)).toMatchObject({ open: 0 });
  }
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
  await expectStep(one, 'consent');
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

/** Looks for what keeps people out, in light and dark. In the dark only the colours are others. */
async function check(page, where) {
  const builder = () => new AxeBuilder({ page });
  const every = builder().withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    // People who talk to each other have no captions for it.
    .disableRules(['video-caption']);
  for (const [colorScheme, axe] of [['dark', builder().withRules(['color-contrast'])], ['light', every]]) {
    await page.emulateMedia({ colorScheme });
    const { violations, passes } = await axe.analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), `${where}, ${colorScheme}`).toEqual([]);
    expect(passes.some(({ id }) => id === 'color-contrast'), where).toBe(true);
  }
}

test('Video: axe finds nothing in the lobby', async ({ person }) => {
  const page = await person({ ...CAMERA, before: watchful() });
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
  await expect(start(page)).toBeVisible();
  await check(page, 'open');
  await start(page).click();
  await expectStep(page, 'searching');
  await check(page, 'searching');
});

test('Video: axe finds nothing in a call', async ({ person }) => {
  test.setTimeout(240_000);
  const [one, two] = await callers(person);
  await expectStep(one, 'consent');
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
  await one.evaluate(() => (location.hash = '#/rooms'));
  await expect(reminder(one)).toBeVisible();
  await check(one, 'another screen');
});

/** What lies wrong on a small screen: cut off, too small for a finger, or under something else. */
const faults = (page) => page.evaluate(() => {
  const found = document.documentElement.scrollWidth > innerWidth ? ['the page scrolls sideways'] : [];
  for (const control of document.querySelectorAll('button, select, textarea, a, label.switch')) {
    if (!control.checkVisibility() || control.closest('.skip, .bubble, .emoji')) continue;
    const name = control.id || control.title || control.textContent;
    const box = control.getBoundingClientRect();
    if (box.width < 44 || box.height < 44) found.push(`${name}: ${box.width}x${box.height}`);
    if (box.left < 0 || box.right > innerWidth + 0.5) found.push(`${name} is cut off`);
    if (control.scrollWidth > control.clientWidth + 1 && control.tagName === 'BUTTON') found.push(`${name} runs out of its button`);
    const isFixed = control.closest('#stage, #compose, .doors, .bar');
    if (isFixed && box.bottom > innerHeight + 0.5) found.push(`${name} is out of sight`);
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    if (isFixed && !control.contains(top)) found.push(`${name} lies under ${top?.id || top?.outerHTML.slice(0, 60)}`);
  }
  const self = document.querySelector('#self').getBoundingClientRect();
  const tools = document.querySelector('#tools').getBoundingClientRect();
  const meets = (one, other) => one.left < other.right && one.right > other.left && one.top < other.bottom && one.bottom > other.top;
  for (const line of document.querySelectorAll('#stage .cover p, #stage .cover button')) {
    const range = document.createRange();
    range.selectNodeContents(line);
    for (const box of line.checkVisibility() ? range.getClientRects() : []) {
      if (self.width < innerWidth / 2 && meets(box, self)) found.push(`${line.textContent} lies under oneself`);
      if (meets(box, tools)) found.push(`${line.textContent} lies under the tools`);
    }
  }
  return found;
});

test('Video: on small screens all is in reach, and nothing lies under anything else', async ({ person }) => {
  const PHONES = [[390, 844], [320, 568], [740, 360], [568, 320], [640, 400]];
  const one = await person({ ...CAMERA, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, before: async (page) => {
    await page.clock.install();
    await watchful()(page);
  } });
  const two = await person({ ...CAMERA, before: watchful() });
  const all = async (where, act = () => {}, sizes = PHONES) => {
    for (const [width, height] of sizes) {
      await one.setViewportSize({ width, height });
      await act();
      expect.soft(await faults(one), `${where}, ${width}x${height}`).toEqual([]);
    }
  };
  await checkHair(one);
  await start(one).click();
  await expectStep(one, 'searching');
  await all('searching', async () => {
    // Who is looked for, and since when.
    for (const id of ['#seek-whom', '#seek-time']) expect.soft(await one.locator(id).evaluate((element) => {
      const [box, area] = [element, element.closest('#seek')].map((each) => each.getBoundingClientRect());
      return box.top >= area.top && box.bottom <= area.bottom;
    }), id).toBe(true);
  });
  await call(two);
  await expectStep(one, 'consent');
  // The keyboard on glass would cover half of it.
  await expect(input(one)).not.toBeFocused();
  await all('consent');
  await reveal(two);
  await expect(words(one)).toContainText('The stranger is ready.');
  await all('ready');
  await reveal(one);
  await expectStep(one, 'connected');
  await say(two, 'Hello');
  await expect(bubbles(one)).toBeVisible();
  await all('call', async () => {
    const [remote, self, log] = await Promise.all(['#remote', '#self', '#log'].map((name) => one.locator(name).boundingBox()));
    const { width, height } = one.viewportSize();
    const area = (box) => box.width * box.height;
    expect.soft(area(remote)).toBeGreaterThan(5 * area(self));
    expect.soft(area(remote) / (width * height)).toBeGreaterThan(0.3);
    expect.soft(remote.x + remote.width - self.x - self.width).toBeLessThan(20);
    expect.soft(log.height).toBeGreaterThan(40);
  });
  // A wide picture is whole where filling the stage would cut heads off, and fills it where little is lost.
  for (const [width, height, isWhole] of [[390, 844, true], [740, 360, false]]) {
    await one.setViewportSize({ width, height });
    await expect.poll(() => one.locator('#remote').evaluate((video) => video.matches('.whole'))).toBe(isWhole);
  }
  // With the keyboard: one below the other, as before.
  await all('keyboard', async () => {
    const [picture, text] = [await stage(one).boundingBox(), await input(one).boundingBox()];
    expect.soft(picture.y + picture.height).toBeLessThanOrEqual(text.y);
  }, [[390, 430], [360, 330]]);
  // What is tapped in the picker is what is seen there, and not the camera behind it.
  await one.setViewportSize({ width: 360, height: 640 });
  await one.getByRole('button', { name: 'Emoji' }).tap();
  const picker = one.getByRole('dialog', { name: 'Emoji' });
  expect(await picker.evaluate((panel) => [...panel.querySelectorAll('.grid button')].filter((button) => {
    const box = button.getBoundingClientRect();
    const [x, y, area] = [box.x + box.width / 2, box.y + box.height / 2, panel.getBoundingClientRect()];
    return y > area.top && y < area.bottom && !button.contains(document.elementFromPoint(x, y));
  }).length)).toBe(0);
  await one.keyboard.press('Escape');
  await expect(picker).toBeHidden();
  await lose(one);
  await one.clock.fastForward(15_000);
  await expectStep(one, 'failed');
  await all('failed');
  await again(one, 'Try again').tap();
  await stop(two);
  await expectPhase(one, 'ended');
  await all('ended', async () => {
    const last = one.locator('#log > :last-child');
    await expect.soft(last).toBeInViewport({ ratio: 0.9 });
  });
});
