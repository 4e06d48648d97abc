import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

const FULL = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** The same engine without what draws windows: it starts sooner, but has no cameras. */
const SHELL = '/usr/bin/chromium-headless-shell';
/** Specs in which people have cameras. */
const WITH_CAMERAS = /(video.*|relay|pictures)\.spec\.js$/;

const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
const CAMERA_ARGS = [
  // Three cameras and three microphones that show and sound something; whether a page may have them is each test's to say.
  '--use-fake-device-for-media-stream=device-count=3,fps=5',
  // Calls stay on this machine, which need not have a network, and whose addresses nobody hides.
  '--allow-loopback-in-peer-connection', '--disable-features=WebRtcHideLocalIpsWithMdns',
  // A name without HTTPS, for which browsers make no exception as they do for this machine's own.
  '--host-resolver-rules=MAP passerby.test 127.0.0.1',
];

export default defineConfig({
  testDir: '.',
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
  },
  projects: [
    {
      name: 'page',
      testIgnore: WITH_CAMERAS,
      use: { launchOptions: { executablePath: !process.env.CHROMIUM && existsSync(SHELL) ? SHELL : FULL, args: ARGS } },
    },
    {
      name: 'cameras',
      testMatch: WITH_CAMERAS,
      // Pictures are for people to look at: `npm run pictures`.
      testIgnore: process.env.PICTURES ? [] : 'pictures.spec.js',
      use: { launchOptions: { executablePath: FULL, args: [...ARGS, ...CAMERA_ARGS] } },
    },
  ],
});
