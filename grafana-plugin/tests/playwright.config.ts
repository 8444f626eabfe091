// The plugin in a real Grafana: make e2e-grafana GRAFANA_URL=…
//
//   GRAFANA_URL         a Grafana that has the plugin (default http://127.0.0.1:3000)
//   GRAFANA_USER, GRAFANA_PASSWORD   of somebody who may set datasources up (admin, admin)
//   KMSTRAIL_ADDRESS    a kmstrail serve with the sample data, as Grafana reaches it
//   KMSTRAIL_TOKEN      a token for it
//   CHROMIUM            path of Chromium, when it is not in PATH
import type { PluginOptions } from '@grafana/plugin-e2e';
import { defineConfig } from '@playwright/test';
import path from 'node:path';
import { chromium } from '../harness/suite/chromium';

const folder = path.join(__dirname, '..');
const user = process.env.GRAFANA_USER ?? 'admin';
const password = process.env.GRAFANA_PASSWORD ?? 'admin';

export default defineConfig<PluginOptions>({
  testDir: '.',
  outputDir: path.join(folder, 'test-results/grafana'),
  timeout: 120_000,
  expect: { timeout: 30_000 },
  workers: 1,
  forbidOnly: Boolean(process.env.CI),
  reporter: [['list']],
  use: {
    baseURL: process.env.GRAFANA_URL ?? 'http://127.0.0.1:3000',
    grafanaAPICredentials: { user, password },
    user: { user, password },
    viewport: { width: 1400, height: 1000 },
    screenshot: 'only-on-failure',
    launchOptions: { executablePath: chromium(), args: ['--no-sandbox', '--disable-gpu'] },
  },
  projects: [
    { name: 'login', testDir: path.dirname(require.resolve('@grafana/plugin-e2e')) + '/auth', testMatch: /.*\.js/ },
    {
      name: 'plugin',
      dependencies: ['login'],
      use: { storageState: `playwright/.auth/${user}.json` },
    },
  ],
});
