import { expect, expectPhase, serve, test } from './people.js';
import { CAMERA, checkHair, live, start, watchful } from './callers.js';

test.describe.configure({ timeout: 120_000 });

const lobby = (page) => page.locator('#lobby');
const ask = (page) => page.getByRole('button', { name: 'Turn on camera and microphone' });
const level = (page) => page.getByRole('meter', { name: 'Microphone level' }).getAttribute('aria-valuenow').then(Number);
const camera = (options = {}) => ({ ...CAMERA, ...options, before: watchful(options.before) });
const toLobby = (page) => page.getByRole('button', { name: 'Video', exact: true }).click();

/** Lets `getUserMedia` fail with an error for what `fails` lists, until `window.fails` is emptied. */
const failing = (name, fails = ['video', 'audio']) => (page) => page.addInitScript(([name, fails]) => {
  window.fails = fails;
  const capture = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    if (window.fails.some((kind) => constraints[kind])) throw new DOMException('as the test wants it', name);
    return capture(constraints);
  };
}, [name, fails]);

test('Lobby: video is fetched when it is asked for, and nothing is captured before a click', async ({ person }) => {
  const fetched = [];
  const page = await person(camera({ before: (page) => page.on('request', (request) => fetched.push(new URL(request.url()).pathname)) }));
  expect(fetched.filter((path) => path.includes('/video'))).toEqual([]);
  await toLobby(page);
  await expect(ask(page)).toBeFocused();
  await expect(page).toHaveTitle('Video chat');
  // One thing at a time.
  await expect(start(page)).toBeHidden();
  // Nor by an address that leads here.
  await page.reload();
  await expect(ask(page)).toBeFocused();
  expect(await page.evaluate(() => window.asked)).toBe(0);
  await ask(page).click();
  await expect(start(page)).toBeFocused();
  expect(await live(page)).toEqual(['audio', 'video']);
});

test('Lobby: the preview is a mirror, and the level moves with the sound', async ({ person }) => {
  const page = await person(camera());
  await checkHair(page);
  const preview = page.locator('.preview video');
  await expect.poll(() => preview.evaluate((video) => video.videoWidth)).toBeGreaterThan(0);
  expect(await preview.evaluate((video) => [video.muted, getComputedStyle(video).transform])).toEqual([true, 'matrix(-1, 0, 0, 1, 0, 0)']);
  await expect.poll(() => level(page)).toBeGreaterThan(10);
  await page.getByLabel('Microphone', { exact: true }).and(page.getByRole('checkbox')).uncheck();
  await expect.poll(() => level(page)).toBe(0);
});

test('Lobby: switching the camera off stops its track, and on captures anew', async ({ person }) => {
  const page = await person(camera());
  await checkHair(page);
  const toggle = page.getByRole('checkbox', { name: 'Camera' });
  await toggle.uncheck();
  await expect(page.getByText('Your camera is off')).toBeVisible();
  expect(await live(page)).toEqual(['audio']);
  await toggle.check();
  await expect.poll(() => live(page)).toEqual(['audio', 'video']);
  await expect(page.getByText('Your camera is off')).toBeHidden();
  // Off again before the browser has answered: what comes late is given back.
  await toggle.uncheck();
  await toggle.evaluate((input) => {
    input.click();
    input.click();
  });
  await expect.poll(() => page.evaluate(() => window.captured.length)).toBe(4);
  await expect.poll(() => live(page)).toEqual(['audio']);
});

test('Lobby: the pickers switch devices, and the choice is remembered', async ({ person }) => {
  const page = await person(camera());
  await checkHair(page);
  const cameras = page.getByRole('combobox', { name: 'Camera' });
  const microphones = page.getByRole('combobox', { name: 'Microphone' });
  await expect(cameras.locator('option')).toHaveCount(3);
  const inUse = (kind) => page.evaluate((kind) => window.captured.findLast((track) => track.kind === kind).label, kind);
  const before = await inUse('video');
  await cameras.selectOption({ index: 1 });
  await expect.poll(() => inUse('video')).not.toBe(before);
  await microphones.selectOption({ label: 'Fake Audio Input 2' });
  await expect.poll(() => inUse('audio')).toBe('Fake Audio Input 2');
  expect(await live(page)).toEqual(['audio', 'video']);
  const chosen = [await cameras.inputValue(), await microphones.inputValue()];
  await page.reload();
  await ask(page).click();
  await expect(start(page)).toBeVisible();
  expect([await cameras.inputValue(), await microphones.inputValue()]).toEqual(chosen);
  expect(await inUse('audio')).toBe('Fake Audio Input 2');
  expect(await inUse('video')).not.toBe(before);
});

test('Lobby: an unplugged device is replaced by another, or said to be gone', async ({ person }) => {
  const page = await person(camera());
  await checkHair(page);
  const unplug = () => page.evaluate(() => {
    const track = window.captured.findLast(({ kind, readyState }) => kind === 'video' && readyState === 'live');
    track.stop();
    track.dispatchEvent(new Event('ended'));
  });
  await unplug();
  await expect.poll(() => page.evaluate(() => window.captured.length)).toBe(3);
  await expect.poll(() => live(page)).toEqual(['audio', 'video']);
  await page.evaluate(() => (navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException('none', 'NotFoundError');
  }));
  await unplug();
  await expect(lobby(page).getByText('Camera: it was unplugged or taken away.')).toBeVisible();
  await expect(page.getByRole('checkbox', { name: 'Camera' })).not.toBeChecked();
  await expect(start(page)).toBeVisible();
});

test('Lobby: a device that is plugged in joins the list', async ({ person }) => {
  const page = await person(camera());
  await checkHair(page);
  await page.evaluate(() => {
    const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
    navigator.mediaDevices.enumerateDevices = async () => [...(await list()), { kind: 'videoinput', deviceId: 'new', label: 'A new camera' }];
    navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
  });
  await expect(page.getByRole('combobox', { name: 'Camera' }).locator('option')).toHaveText([/fake/i, /fake/i, /fake/i, 'A new camera']);
});

test('Lobby: "denied" says what to do, can be tried again, and leads on to text', async ({ person }) => {
  const page = await person({ permissions: [] });
  await toLobby(page);
  await ask(page).click();
  const alert = lobby(page).getByRole('alert').filter({ hasText: 'Camera and microphone are blocked.' });
  await expect(alert).toContainText('Allow them for this page');
  await expect(page.getByRole('button', { name: 'Try again' })).toBeFocused();
  // On a small phone, too, both ways on are seen.
  await page.setViewportSize({ width: 320, height: 568 });
  for (const name of ['Try again', 'Continue in text']) await expect(page.getByRole('button', { name })).toBeInViewport({ ratio: 1 });
  await page.context().grantPermissions(['camera', 'microphone']);
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(start(page)).toBeVisible();
  await expect(alert).toBeHidden();
  await page.context().clearPermissions();
  await page.reload();
  await ask(page).click();
  await page.getByRole('button', { name: 'Continue in text' }).click();
  await expectPhase(page, 'searching');
  await expect(page.getByRole('heading', { name: 'Text chat' })).toHaveCount(1);
});

test('Lobby: where there is little height, the heading stays in sight', async ({ person }) => {
  const page = await person(camera({ viewport: { width: 1280, height: 500 } }));
  await checkHair(page);
  await expect(start(page)).toBeFocused();
  for (const element of [page.getByRole('heading', { name: 'Check your hair' }), start(page)]) await expect(element).toBeInViewport({ ratio: 1 });
});

for (const [name, error, words, advice] of [
  ['in use', 'NotReadableError', 'Camera or microphone is in use.', 'Close that, then try again.'],
  ['none', 'NotFoundError', 'No camera or microphone was found.', 'Plug one in'],
]) {
  test(`Lobby: "${name}" says what to do, can be tried again, and leads on to text`, async ({ person }) => {
    const page = await person(camera({ before: failing(error) }));
    await toLobby(page);
    await ask(page).click();
    const alert = lobby(page).getByRole('alert').filter({ hasText: words });
    await expect(alert).toContainText(advice);
    await page.evaluate(() => (window.fails = []));
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(start(page)).toBeVisible();
    await expect(alert).toBeHidden();
    await page.reload();
    await ask(page).click();
    await page.getByRole('button', { name: 'Continue in text' }).click();
    await expectPhase(page, 'searching');
    await expect(page.getByRole('heading', { name: 'Text chat' })).toHaveCount(1);
    await expect(page.locator('#stage')).toBeHidden();
  });
}

test('Lobby: an insecure page says what to do, and leads on to text', async ({ person, server }) => {
  const page = await person({ url: server.replace('127.0.0.1', 'passerby.test'), tolerates: /Cross-Origin-Opener-Policy/ });
  expect(await page.evaluate(() => isSecureContext)).toBe(false);
  await toLobby(page);
  await ask(page).click();
  await expect(lobby(page).getByRole('alert').filter({ hasText: 'not secure enough' })).toContainText('https://');
  await page.getByRole('button', { name: 'Continue in text' }).click();
  await expectPhase(page, 'searching');
});

test('Lobby: where video takes an account, that is said once, and the way there leads back', async ({ person }) => {
  const server = await serve({ 'video-require-account': true });
  const page = await person(camera({ url: server.url }));
  await page.request.post(`${server.url}/auth/register`, { data: { pseudo: 'ann', email: 'ann@example.org', country: 'PT', password: 'north wind and sun' } });
  await checkHair(page);
  await start(page).click();
  await expect(page.getByRole('alert').filter({ hasText: 'Video is for people with an account' })).toHaveCount(1);
  await expectPhase(page, 'idle');
  await expect.poll(() => live(page)).toEqual([]);
  await lobby(page).getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel('Name or e-mail address').fill('ann');
  await page.getByLabel('Password', { exact: true }).fill('north wind and sun');
  await page.locator('#account').getByRole('button', { name: 'Sign in' }).click();
  await expect(ask(page)).toBeVisible();
  await ask(page).click();
  await start(page).click();
  await expectPhase(page, 'searching');
  await page.close();
  await server.stop();
});

test('Lobby: without a camera the microphone still serves', async ({ person }) => {
  const page = await person(camera({ before: failing('NotFoundError', ['video']) }));
  await toLobby(page);
  await ask(page).click();
  await expect(start(page)).toBeVisible();
  await expect(lobby(page).getByText(/^Camera: No camera/)).toBeVisible();
  expect(await live(page)).toEqual(['audio']);
  await start(page).click();
  await expectPhase(page, 'searching');
});

test('Lobby: whoever goes away gives camera and microphone back', async ({ person }) => {
  const page = await person(camera());
  await checkHair(page);
  await page.getByRole('button', { name: 'Back' }).click();
  await expect(page.locator('#start')).toBeVisible();
  expect(await live(page)).toEqual([]);
  await checkHair(page);
  await start(page).click();
  await expectPhase(page, 'searching');
  await expect(page.locator('#chat')).toBeVisible();
  expect(await live(page)).toEqual(['audio', 'video']);
  await page.keyboard.press('Escape');
  await expectPhase(page, 'idle');
  expect(await live(page)).toEqual([]);
  // Also a search for video given up for one in text.
  await checkHair(page);
  await start(page).click();
  await expectPhase(page, 'searching');
  await page.getByRole('link', { name: 'Passerby' }).click();
  await page.getByRole('button', { name: 'Start text chat' }).click();
  await expectPhase(page, 'searching');
  await expect(page.locator('#stage')).toBeHidden();
  expect(await live(page)).toEqual([]);
});
