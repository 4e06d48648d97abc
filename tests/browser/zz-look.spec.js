import { expect, test } from './people.js';
import { ME, ROOM, THEM, message, room, signIn, standInForAccounts } from './stand-in.js';
const disk = (page) => page.route('**/assets/**', (route) => route.fulfill({ path: '/tmp/wt/apage/static' + new URL(route.request().url()).pathname.replace(/^\/assets\/([0-9a-f]{16}\/)?/, '/') }));
const sizes = [[1280, 800, false], [390, 844, true], [320, 568, true]];
for (const colorScheme of ['light', 'dark']) for (const [width, height, isMobile] of sizes) {
  test(`look ${width} ${colorScheme}`, async ({ person }) => {
    test.setTimeout(120_000);
    const options = { viewport: { width, height }, colorScheme, isMobile, hasTouch: isMobile };
    const shot = (page, name) => page.screenshot({ path: `/tmp/apshots/${width}-${colorScheme}-${name}.png` });
    const out = await person({ ...options, before: disk });
    await shot(out, '0-start');
    await out.goto(new URL('#/account', out.url()).href);
    await expect(out.locator('#account')).toBeVisible();
    await shot(out, '1-in');
    await out.getByText('Create an account').first().click();
    await out.getByRole('button', { name: 'Create an account' }).click();
    await shot(out, '2-up');
    let line;
    const rooms = [room({ unread: 2, last_message_at: new Date(Date.now() - 120_000).toISOString() }), room({ id: '00000000-0000-7000-8000-000000000009', country_b: 'BR', user_a_room_name: 'The one with the balcony and a rather long name', expires_at: new Date(Date.now() + 240_000).toISOString() })];
    const page = await person({ ...options, before: async (page) => { await disk(page); await signIn(page); line = await standInForAccounts(page, { rooms,
      messages: [message(1, { content: 'Good morning! Did it stop raining in the end?' }), message(2, { content: 'I listened to the record twice.', reactions: [{ user_id: ME.id, emoji: '❤️' }] }),
        message(3, { sender_id: ME.id, content: 'It did, and there was a rainbow over the station.', reactions: [{ user_id: THEM, emoji: '😮' }, { user_id: ME.id, emoji: '😮' }] }), message(400, { sender_id: ME.id, content: 'I have to be at work at nine, but write me when you are up.', is_read: false })] }); } });
    await page.goto(new URL('#/account', page.url()).href);
    await expect(page.locator('.rooms-open li')).toHaveCount(2);
    line.notify({ type: 'online_count', count: 7 });
    await shot(page, '3-home');
    await page.getByRole('button', { name: 'Find somebody' }).click();
    await expect(page.getByRole('button', { name: 'Cancel' })).toBeVisible();
    await shot(page, '4-pool');
    await page.locator('.rooms-open a').first().click();
    await expect(page.locator('.bubble')).toHaveCount(4);
    await shot(page, '5-room');
    await page.locator('.react').nth(1).click();
    await shot(page, '6-picker');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Rename the room' }).click();
    await shot(page, '7-rename');
    await page.keyboard.press('Escape');
    await page.goto(new URL('#/account/room/00000000-0000-7000-8000-000000000009', page.url()).href);
    await expect(page.locator('.notice')).not.toBeEmpty();
    await page.locator('#private-text').fill('One last thing: thank you.');
    await page.keyboard.press('Shift+Tab'); 
    await page.getByRole('button', { name: 'Send' }).click();
    await shot(page, '8-notice');
    line.rooms = [];
    await page.route('**/rooms/00000000-0000-7000-8000-000000000009', (route) => route.fulfill({ status: 410, json: { error: 'this room has ended' } }));
    line.notify({ type: 'room_closed', room_id: '00000000-0000-7000-8000-000000000009' });
    await expect(page.locator('.ended')).toBeVisible();
    await shot(page, '9-ended');
  });
}
