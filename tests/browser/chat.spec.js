import { bubbles, expect, expectPhase, input, obliging, say, seek, standIn, stopClock, test } from './people.js';
import { PAYLOADS } from './payloads.js';

test('Chat: focus lands in the input', async ({ pair }) => {
  const [one, two] = await pair();
  await expect(input(one)).toBeFocused();
  await expect(input(two)).toBeFocused();
});

test('Chat: Enter sends, Shift+Enter breaks the line', async ({ pair }) => {
  const [one, two] = await pair();
  await one.keyboard.type('first');
  await one.keyboard.press('Shift+Enter');
  await one.keyboard.type('second');
  await expect(input(one)).toHaveValue('first\nsecond');
  await one.keyboard.press('Enter');
  await expect(bubbles(two)).toHaveText(['first\nsecond'], { useInnerText: true });
  await expect(input(one)).toHaveValue('');
  // Blanks are nothing to say.
  await say(one, '   ');
  await say(one, 'third');
  await expect(bubbles(two)).toHaveCount(2);
});

test('Chat: on touch keyboards Enter breaks and the button sends', async ({ pair }) => {
  const [one, two] = await pair({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } });
  await input(one).tap();
  await one.keyboard.type('first');
  await one.keyboard.press('Enter');
  await one.keyboard.type('second');
  await expect(input(one)).toHaveValue('first\nsecond');
  await one.getByRole('button', { name: 'Send' }).tap();
  await expect(bubbles(two)).toHaveText(['first\nsecond'], { useInnerText: true });
  // The keyboard on glass stays.
  await expect(input(one)).toBeFocused();
});

test('Chat: Enter during IME composition never sends', async ({ pair }) => {
  const [one, two] = await pair();
  const devtools = await one.context().newCDPSession(one);
  await devtools.send('Input.imeSetComposition', { text: 'にほ', selectionStart: 2, selectionEnd: 2 });
  await expect(input(one)).toHaveValue('にほ');
  const entered = (init) => input(one).evaluate((element, init) => {
    const event = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...init });
    element.dispatchEvent(event);
    return event.defaultPrevented;
  }, init);
  expect(await entered({ isComposing: true })).toBe(false);
  expect(await entered({ keyCode: 229 })).toBe(false);
  await expect(bubbles(one, 'you')).toHaveCount(0);
  await devtools.send('Input.insertText', { text: '日本' });
  expect(await entered({ keyCode: 13 })).toBe(true);
  await expect(bubbles(two)).toHaveText(['日本']);
});

test('Chat: Esc is Stop, then "Really?", then ended, Esc again is Next', async ({ pair }) => {
  const [one, two] = await pair();
  await expect(one.getByRole('button', { name: 'Stop' })).toBeVisible();
  await one.keyboard.press('Escape');
  await expect(one.getByRole('button', { name: 'Really?' })).toBeVisible();
  // Going on to write is an answer.
  await one.keyboard.type('x');
  await expectPhase(one, 'chatting');
  await one.keyboard.press('Escape');
  await one.keyboard.press('Escape');
  await expectPhase(one, 'ended');
  await expectPhase(two, 'ended');
  await one.keyboard.press('Escape');
  await expectPhase(one, 'searching');
});

test('Chat: Esc closes an open picker first', async ({ pair }) => {
  const [one] = await pair();
  await one.getByRole('button', { name: 'Emoji' }).click();
  const picker = one.getByRole('dialog', { name: 'Emoji' });
  await expect(picker).toBeVisible();
  await one.keyboard.press('Escape');
  await expect(picker).toBeHidden();
  await expectPhase(one, 'chatting');
  await expect(input(one)).toBeFocused();
});

test('Chat: an own message appears at once with its state: sending, sent', async ({ person }) => {
  let line;
  const page = await person({ before: async (page) => (line = await standIn(page, obliging)) });
  await seek(page);
  await say(page, 'hello');
  await expect(bubbles(page, 'you')).toHaveText(['hello']);
  await expect(page.locator('.state')).toHaveText('Sending…');
  const { cid } = line.heard.at(-1);
  line.send({ type: 'sent', cid, id: 'x', timestamp: new Date().toISOString() });
  await expect(page.locator('.state')).toHaveText('Sent');
});

test('Chat: a message that failed says so and can be tried again, once', async ({ person }) => {
  let line;
  const page = await person({ before: async (page) => (line = await standIn(page, obliging)) });
  await seek(page);
  await say(page, 'hello');
  await expect.poll(() => line.heard.at(-1).type).toBe('sendMessage');
  const first = line.heard.at(-1);
  line.send({ type: 'error', code: 'bad_field', message: 'Something is amiss.', cid: first.cid });
  await expect(page.locator('.state')).toContainText('Not delivered');
  await expect(page.getByRole('alert').filter({ hasText: 'Something is amiss.' })).toBeVisible();
  await page.getByRole('button', { name: 'Retry' }).click();
  await expect(page.locator('.state')).toHaveText('Sending…');
  await expect.poll(() => line.heard.filter(({ type }) => type === 'sendMessage').length).toBe(2);
  expect(line.heard.at(-1)).toEqual(first);
  await expect(bubbles(page, 'you')).toHaveCount(1);
});

test('Chat: a message that was not delivered does not go to the next stranger', async ({ person }) => {
  let line;
  const page = await person({ before: async (page) => (line = await standIn(page, obliging)) });
  await seek(page);
  await say(page, 'only for you');
  line.send({ type: 'strangerLeft', pairId: 'pair-1', reason: 'next' });
  await expect(page.locator('.state')).toContainText('Not delivered');
  await page.getByRole('button', { name: 'Use again' }).click();
  await expect(input(page)).toHaveValue('only for you');
  await page.getByRole('button', { name: 'New stranger' }).click();
  await expectPhase(page, 'chatting');
  expect(line.heard.filter(({ type }) => type === 'sendMessage')).toHaveLength(1);
});

test('Chat: the log, the interests and the settings survive a reload, and nobody is searched', async ({ pair, person }) => {
  const [one, two] = await pair();
  await say(one, 'mine');
  await say(two, 'theirs');
  await expect(bubbles(one)).toHaveText(['theirs']);
  await expect(one.locator('.state')).toHaveText('Sent');
  await one.getByRole('button', { name: 'Settings' }).click();
  await one.getByLabel('Dark').check();
  await one.getByRole('button', { name: 'Done' }).click();
  one.on('dialog', (dialog) => dialog.accept());
  await one.reload();
  await expect(bubbles(one, 'you')).toHaveText(['mine']);
  await expect(bubbles(one)).toHaveText(['theirs']);
  await expect(one.getByText('The page was loaded again, which ended the chat.')).toBeVisible();
  await expectPhase(one, 'idle');
  await expect(one.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(one.getByRole('button', { name: 'Search again' })).toBeFocused();
  // Another tab of the same browser has not said anything.
  const three = await one.context().newPage();
  await three.goto(one.url());
  await expect(three.getByRole('button', { name: 'Start text chat' })).toBeVisible();
  await expect(three.locator('html')).toHaveAttribute('data-theme', 'dark');
  await one.getByRole('button', { name: 'Search again' }).click();
  await expectPhase(one, 'searching');
});

test('Chat: the typing line has a fixed height and goes on message, on leave, and after 6 s', async ({ person }) => {
  let line;
  const page = await person({
    before: async (page) => {
      await page.clock.install();
      line = await standIn(page, obliging);
    },
  });
  await seek(page);
  const typing = page.getByText('Stranger is typing');
  const types = async () => {
    line.send({ type: 'typing', pairId: 'pair-1', active: true });
    await expect(typing).toBeVisible();
  };
  const height = () => page.locator('#log').evaluate((log) => log.clientHeight);
  await expectPhase(page, 'chatting');
  await stopClock(page);
  const before = await height();
  await expect(typing).toBeHidden();
  await types();
  expect(await height()).toBe(before);
  line.send({ type: 'message', text: 'x', pairId: 'pair-1', userId: 'u', id: '1', timestamp: new Date().toISOString() });
  await expect(typing).toBeHidden();
  await types();
  await page.clock.runFor(5_900);
  await expect(typing).toBeVisible();
  await page.clock.runFor(200);
  await expect(typing).toBeHidden();
  await types();
  line.send({ type: 'strangerLeft', pairId: 'pair-1', reason: 'stop' });
  await expect(typing).toBeHidden();
});

test('Chat: typing is told at most once in 3 s', async ({ person }) => {
  let line;
  const page = await person({
    before: async (page) => {
      await page.clock.install();
      line = await standIn(page, obliging);
    },
  });
  const told = () => line.heard.filter(({ type }) => type === 'typing').length;
  await seek(page);
  await expectPhase(page, 'chatting');
  await stopClock(page);
  await page.keyboard.type('one');
  await page.keyboard.press('Enter');
  await page.keyboard.type('two');
  await expect.poll(told).toBe(1);
  await page.clock.runFor(2_900);
  await page.keyboard.type('three');
  await page.clock.runFor(200);
  expect(told()).toBe(1);
  await page.keyboard.type('four');
  await expect.poll(told).toBe(2);
});

test('Chat: exact time on hover, grouped by speaker and 5 minutes', async ({ person }) => {
  let line;
  const page = await person({ before: async (page) => (line = await standIn(page, obliging)), timezoneId: 'UTC' });
  await seek(page);
  await expectPhase(page, 'chatting');
  const hears = (text, time) => line.send({ type: 'message', text, pairId: 'pair-1', userId: 'u', id: text, timestamp: `2026-03-04T${time}.000Z` });
  hears('a', '10:00:00');
  hears('b', '10:04:59');
  hears('c', '10:05:00');
  await expect(bubbles(page)).toHaveText(['a', 'b', 'c']);
  const groups = page.locator('#log .group');
  await expect(groups).toHaveCount(2);
  await expect(groups.first().locator('.bubble')).toHaveText(['a', 'b']);
  await expect(groups.locator('time')).toHaveText(['10:00', '10:05']);
  expect(await bubbles(page).nth(1).getAttribute('title')).toContain('10:04:59');
  await say(page, 'mine');
  await expect(groups).toHaveCount(3);
});

test('Chat: the log sticks to the end only within 150 px of it, else counts new messages', async ({ pair }) => {
  const [one, two] = await pair();
  const log = one.locator('#log');
  const distance = () => log.evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop);
  for (let count = 0; count < 15; count += 1) await say(two, `line ${count}\nand more`);
  await expect(bubbles(one)).toHaveCount(15);
  expect(await distance()).toBeLessThan(2);
  const scrolled = (px) => log.evaluate((log, px) => {
    log.scrollTop = log.scrollHeight - log.clientHeight - px;
    return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  }, px);
  await scrolled(140);
  await say(two, 'near');
  await expect(bubbles(one)).toHaveCount(16);
  expect(await distance()).toBeLessThan(2);
  await scrolled(160);
  await say(two, 'far');
  await expect(one.getByRole('button', { name: '1 new message ↓' })).toBeVisible();
  expect(await distance()).toBeGreaterThan(160);
  await say(two, 'farther');
  await one.getByRole('button', { name: '2 new messages ↓' }).click();
  await expect.poll(distance).toBeLessThan(2);
  await expect(one.locator('#newer')).toBeHidden();
  // Who writes wants to see it.
  await scrolled(300);
  await say(one, 'mine');
  await expect.poll(distance).toBeLessThan(2);
});

test('Chat: of what is said without end, the page holds the last thousand', async ({ person }) => {
  let line;
  const page = await person({ before: async (page) => (line = await standIn(page)) });
  await seek(page);
  line.send({ type: 'strangerJoined', pairId: 'p1', interests: [], mode: 'text', initiator: true });
  await expectPhase(page, 'chatting');
  const at = new Date().toISOString();
  for (let number = 1; number <= 1_005; number += 1) line.send({ type: 'message', text: `message ${number}`, timestamp: at, id: String(number), pairId: 'p1' });
  await expect(bubbles(page).last()).toHaveText('message 1005');
  await expect(bubbles(page)).toHaveCount(1_000);
  await expect(bubbles(page).first()).toHaveText('message 6');
  await expect(page.locator('#log .note')).toHaveCount(0);
});

test('Chat: peer text is only ever text', async ({ pair }) => {
  test.setTimeout(40_000);
  expect(PAYLOADS.length).toBeGreaterThanOrEqual(60);
  const asked = [];
  const watch = async (page) => page.context().on('request', (request) => asked.push(request.url()));
  const [one, two] = await pair({ before: watch });
  const before = asked.length;
  await two.evaluate(() => (window.fired = undefined));
  for (const payload of PAYLOADS) await say(two, payload);
  await expect(bubbles(one)).toHaveText(PAYLOADS, { timeout: 15_000 });
  const allowed = new Set(['A']);
  const tags = await bubbles(one).evaluateAll((all) => all.flatMap((bubble) => [...bubble.querySelectorAll('*')].map(({ tagName }) => tagName)));
  expect(tags.filter((tag) => !allowed.has(tag))).toEqual([]);
  const links = await one.locator('#log a').evaluateAll((all) => all.map(({ protocol }) => protocol));
  expect(links.every((protocol) => protocol === 'https:' || protocol === 'http:')).toBe(true);
  expect(await one.evaluate(() => window.fired)).toBeUndefined();
  expect(await one.evaluate(() => window.violations)).toEqual([]);
  expect(asked.length).toBe(before);
  // Kept, it is still only text.
  one.on('dialog', (dialog) => dialog.accept());
  await one.reload();
  await expect(bubbles(one)).toHaveText(PAYLOADS);
  expect(await one.evaluate(() => window.fired)).toBeUndefined();
});

test('Chat: an interest is only ever text', async ({ person }) => {
  const [one, two] = await Promise.all([person(), person()]);
  for (const page of [one, two]) {
    await page.getByLabel('What would you like to talk about?').fill('<img src=x onerror=1>,');
    await seek(page);
  }
  await expectPhase(one, 'chatting');
  await expect(one.locator('#shared')).toHaveText('You both like <img src=x onerror=1>');
  await expect(one.locator('#log img, #chat aside img')).toHaveCount(0);
});

test('Chat: direction overrides stay in their message', async ({ pair }) => {
  const [one, two] = await pair();
  await say(two, '\u202Egnp.exe \u2067 abc');
  await say(two, 'plain');
  await say(two, 'שלום עולם');
  await expect(bubbles(one)).toHaveCount(3);
  const seen = await bubbles(one).evaluateAll((all) => all.map((bubble) => {
    const { unicodeBidi, direction } = getComputedStyle(bubble);
    return { unicodeBidi, direction };
  }));
  expect(seen.map(({ unicodeBidi }) => unicodeBidi)).toEqual(['isolate', 'isolate', 'isolate']);
  expect(seen[1].direction).toBe('ltr');
  expect(seen[2].direction).toBe('rtl');
});

test('Chat: links are only http(s), and give nothing away', async ({ pair }) => {
  const [one, two] = await pair();
  await say(two, 'see https://example.org/a_(b), http://localhost:1/x?y=1. and ftp://example.org javascript:alert(1) https:// www.example.org (https://example.com/c)');
  await say(two, 'https://example.org/\u202Egnp.exe');
  const links = bubbles(one).locator('a');
  await expect(links).toHaveText(['https://example.org/a_(b)', 'http://localhost:1/x?y=1', 'https://example.com/c', 'https://example.org/']);
  for (const link of await links.all()) {
    expect(await link.getAttribute('rel')).toBe('noopener noreferrer nofollow ugc');
    expect(await link.getAttribute('target')).toBe('_blank');
  }
});

test('Chat: a counter from 80 %, past 2,000 characters it is blocked with the draft kept', async ({ pair }) => {
  const [one, two] = await pair();
  const counter = one.locator('#counter');
  await input(one).fill('x'.repeat(1_599));
  await expect(counter).toBeHidden();
  // Code points count, as they do for the server.
  await input(one).fill('x'.repeat(1_599) + '😀');
  await expect(counter).toHaveText('1,600 / 2,000');
  await input(one).fill('😀'.repeat(2_001));
  await expect(counter).toHaveText('2,001 / 2,000');
  await input(one).press('Enter');
  await expect(one.getByRole('alert').filter({ hasText: 'Too long by 1 character; nothing was sent.' })).toBeVisible();
  await expect(input(one)).toHaveValue('😀'.repeat(2_001));
  await expect(bubbles(one, 'you')).toHaveCount(0);
  await input(one).fill('😀'.repeat(2_000));
  await expect(one.locator('#too-long')).toBeEmpty();
  await input(one).press('Enter');
  await expect(bubbles(two)).toHaveText(['😀'.repeat(2_000)]);
});

test('Chat: the emoji picker works by keyboard and inserts at the cursor', async ({ pair }) => {
  const [one, two] = await pair();
  await one.keyboard.type('ab');
  await one.keyboard.press('ArrowLeft');
  await one.keyboard.press('Tab');
  await expect(one.getByRole('button', { name: 'Emoji' })).toBeFocused();
  await one.keyboard.press('Enter');
  await one.keyboard.press('ArrowRight');
  await one.keyboard.press('ArrowRight');
  await one.keyboard.press('ArrowLeft');
  await one.keyboard.press('Enter');
  await one.keyboard.press('ArrowDown');
  await one.keyboard.press('ArrowUp');
  await one.keyboard.press('Space');
  await one.keyboard.press('Escape');
  await expect(input(one)).toHaveValue('a😄😄b');
  await one.keyboard.press('Enter');
  await expect(bubbles(two)).toHaveText(['a😄😄b']);
});

test('Chat: when it ends: who left, how long it was, New and Save log', async ({ pair }) => {
  const [one, two] = await pair();
  await say(one, 'mine');
  await say(two, 'theirs');
  await expect(bubbles(one)).toHaveCount(1);
  await two.getByRole('button', { name: 'Stop' }).click();
  await two.getByRole('button', { name: 'Really?' }).click();
  await expect(two.getByText(/^You ended the chat\. You talked for \d+ s\.$/)).toBeVisible();
  await expect(one.getByText(/^The stranger ended the chat\. You talked for \d+ s\.$/)).toBeVisible();
  const [download] = await Promise.all([one.waitForEvent('download'), one.getByRole('button', { name: 'Save log' }).click()]);
  expect(download.suggestedFilename()).toMatch(/^passerby-[\d-]+\.txt$/);
  const chunks = await (await download.createReadStream()).toArray();
  const text = Buffer.concat(chunks).toString();
  expect(text).toMatch(/\] You: mine\n\[.+\] Stranger: theirs\n— The stranger ended the chat\./);
  await one.getByRole('button', { name: 'New stranger' }).click();
  await expectPhase(one, 'searching');
});

test('Chat: Next says what happened to the other one, and finds somebody else', async ({ pair, person }) => {
  const [one, two] = await pair();
  const three = await person();
  await seek(three);
  await expectPhase(three, 'searching');
  await say(one, 'gone with the first');
  await one.getByRole('button', { name: 'Next' }).click();
  await expect(two.getByText('The stranger went on to somebody else.')).toBeVisible();
  await expectPhase(three, 'chatting');
  await expectPhase(one, 'chatting');
  await expect(bubbles(one, 'you')).toHaveCount(0);
  await say(one, 'new');
  await expect(bubbles(three)).toHaveText(['new']);
  await expect(bubbles(two)).toHaveText(['gone with the first']);
});

test('Chat: leaving the page asks only while chatting', async ({ pair, person }) => {
  const [one, two] = await pair();
  // Browsers ask only for pages that were touched.
  await say(one, 'x');
  const asked = [];
  one.on('dialog', async (dialog) => {
    asked.push(dialog.type());
    await dialog.accept();
  });
  await one.reload();
  expect(asked).toEqual(['beforeunload']);
  await expectPhase(two, 'ended');
  two.on('dialog', (dialog) => dialog.accept().then(() => asked.push('needless')));
  await two.reload();
  await seek(await person());
  expect(asked).toEqual(['beforeunload']);
});
