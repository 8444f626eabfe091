// The browser suite: everything that people do with the plugin, on the page of
// the harness. Run it by "make test-plugin", which builds what it needs.
//
//   CHROMIUM   path of Chromium, when it is not in PATH
//   KMSTRAIL   path of kmstrail (default bin/kmstrail)
//   HARNESS    path of the harness (default bin/harness/harness)
//   SHOTS      folder for pictures (default harness/shots)
import { defineConfig } from '@playwright/test';
import { chromium } from './chromium';

export default defineConfig({
  testDir: '.',
  globalSetup: './setup.ts',
  outputDir: '../../test-results/suite',
  // A loaded machine is slow, not wrong.
  timeout: 90_000,
  expect: { timeout: 20_000 },
  workers: Number(process.env.WORKERS ?? 2),
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  reporter: [['list']],
  use: {
    viewport: { width: 1280, height: 1400 },
    timezoneId: 'Asia/Kolkata',
    locale: 'en-US',
    // Colours that change slowly would be judged on their way.
    contextOptions: { reducedMotion: 'reduce' },
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: { executablePath: chromium(), args: ['--no-sandbox', '--disable-gpu'] },
  },
});
