import { expect, expectPhase, seek, test } from './people.js';

test('Serving: the first load is at most 60 KB, nothing comes from elsewhere, it works within a second', async ({ person, server }) => {
  const responses = [];
  const page = await person({ before: (page) => page.on('response', (response) => responses.push(response)) });
  await seek(page);
  await expectPhase(page, 'searching');
  let bytes = 0;
  for (const response of responses) {
    expect(new URL(response.url()).origin).toBe(server);
    expect(response.status(), response.url()).toBe(200);
    const { responseBodySize, responseHeadersSize } = await response.request().sizes();
    bytes += responseBodySize + responseHeadersSize;
    expect(response.headers()['content-encoding'], response.url()).toMatch(/^(br|gzip)$/);
  }
  expect(responses.length).toBeGreaterThan(20);
  expect(bytes).toBeLessThanOrEqual(60 * 1024);
  console.log(`first load: ${responses.length} requests, ${bytes} bytes with heads`);
  const ready = await page.evaluate(() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd);
  expect(ready).toBeLessThan(1_000);
});

test('Serving: what is known is not sent again', async ({ person, server }) => {
  const page = await person();
  const names = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
  const paths = [`${server}/`, ...names.filter((name) => name.includes('/assets/'))];
  expect(paths.length).toBeGreaterThan(20);
  for (const path of paths) {
    const first = await page.request.get(path);
    const again = await page.request.get(path, { headers: { 'If-None-Match': first.headers().etag } });
    expect(again.status(), path).toBe(304);
  }
});

test('Serving: the policy holds against a page that is taken over', async ({ person, server }) => {
  const page = await person({ tolerates: /This document requires|TrustedString|Content Security Policy|Refused to|violates the following/ });
  const policy = (await page.request.get(server)).headers()['content-security-policy'];
  for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"]) {
    expect(policy).toContain(rule);
  }
  expect(policy).not.toContain('unsafe');
  // What an injected script would try; each is stopped, and reported.
  const stopped = await page.evaluate(async () => {
    // What the test itself evaluates is excused; what a timer calls is not.
    await new Promise((resolve) => setTimeout(resolve));
    const tries = [
      () => (document.body.innerHTML = '<img src=x>'),
      () => document.body.insertAdjacentHTML('beforeend', '<b>x</b>'),
      () => new Function('return 1')(),
      () => setTimeout('1'),
    ];
    return tries.map((attempt) => {
      try {
        attempt();
        return 'worked';
      } catch (error) {
        return error.name;
      }
    });
  });
  expect(stopped).not.toContain('worked');
  const inline = await page.evaluate(() => {
    const script = document.createElement('style');
    script.textContent = 'body { display: none }';
    document.head.append(script);
    return getComputedStyle(document.body).display;
  });
  expect(inline).not.toBe('none');
  await expect.poll(() => page.evaluate(() => window.violations.length)).toBeGreaterThan(4);
  await page.close();
});
