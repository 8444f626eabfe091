// What the specs share: a datasource that asks the server with the sample data.
import { DataSourceSettings, expect, test as base } from '@grafana/plugin-e2e';
import { Page } from '@playwright/test';
import path from 'node:path';

export const TYPE = 'kmstrail-kms-datasource';

const folder = path.resolve(process.env.SHOTS ?? path.join(__dirname, '../harness/shots'));

/** A picture is kept under this name. */
export const shot = (name: string) => path.join(folder, `grafana-${name}.png`);

export function server() {
  const { KMSTRAIL_ADDRESS: url, KMSTRAIL_TOKEN: token } = process.env;
  if (!url || !token) {
    throw new Error(
      'set KMSTRAIL_ADDRESS and KMSTRAIL_TOKEN to a kmstrail serve with the sample data and a token for it'
    );
  }
  return { url, token };
}

/** The month of the sample data. */
export const october = { from: '2026-10-01T00:00:00.000Z', to: '2026-11-01T00:00:00.000Z' };
export const inOctober = () =>
  new URLSearchParams({ from: String(Date.parse(october.from)), to: String(Date.parse(october.to)), timezone: 'utc' });

export const ref = { type: TYPE, uid: 'kmstrail-e2e' };

/** Saves a dashboard with one panel, number 1, and one variable, and returns its uid. */
export async function dashboard(page: Page, type: string, target: object): Promise<string> {
  const query = { refId: 'variable', variable: 'account' };
  const response = await page.request.post('/api/dashboards/db', {
    data: {
      dashboard: {
        title: `kmstrail ${type} ${Date.now()}`,
        timezone: 'utc',
        time: october,
        templating: { list: [{ type: 'query', name: 'chosen', datasource: ref, query, refresh: 2 }] },
        panels: [
          { id: 1, type, title: 'Panel', datasource: ref, gridPos: { x: 0, y: 0, w: 24, h: 12 }, targets: [target] },
        ],
      },
    },
  });
  expect(response.ok(), await response.text()).toBe(true);
  return (await response.json()).uid;
}

/**
 * The datasource. Name it before the page of a test: Grafana's page knows only
 * the datasources that were there when it was opened.
 */
export const test = base.extend<{ kmstrail: DataSourceSettings }>({
  kmstrail: async ({ createDataSource }, use) => {
    const { url, token } = server();
    await use(await createDataSource({ ...ref, name: 'kmstrail e2e', url, secureJsonData: { token } }));
  },
});

export { expect };
