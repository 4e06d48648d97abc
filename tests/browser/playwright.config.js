import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: '.',
  // Pictures are for people to look at: `npm run pictures`.
  testIgnore: process.env.PICTURES ? [] : 'pictures.spec.js',
  outputDir: '../../test-artifacts/browser',
  fullyParallel: true,
  // Each worker has a server of its own, so nobody meets a stranger from another test.
  workers: 2,
  timeout: 20_000,
  expect: { timeout: 5_000 },
  // Browsers that compete with other programs for two processors are sometimes late; what fails is tried once more, and said to be flaky.
  retries: 1,
  forbidOnly: Boolean(process.env.CI),
  reporter: [['list', { printSteps: false }]],
  use: {
    browserName: 'chromium',
    viewport: { width: 1280, height: 800 },
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
        // Three cameras and three microphones that show and sound something; whether a page may have them is each test's to say.
        '--use-fake-device-for-media-stream=device-count=3,fps=5',
        // Calls stay on this machine, which need not have a network, and whose addresses nobody hides.
        '--allow-loopback-in-peer-connection', '--disable-features=WebRtcHideLocalIpsWithMdns',
        // A name without HTTPS, for which browsers make no exception as they do for this machine's own.
        '--host-resolver-rules=MAP passerby.test 127.0.0.1',
      ],
    },
  },
});
