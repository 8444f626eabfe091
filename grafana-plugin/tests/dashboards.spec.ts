// The dashboards that come with the plugin, as people use them.
import { DashboardPage, PluginFixture } from '@grafana/plugin-e2e';
import { APIRequestContext, Page } from '@playwright/test';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, inOctober, ref, shot, test } from './kmstrail';

const folder = path.join(__dirname, '../src/dashboards');

/** Imports those that are not there, and returns what removes them again. */
async function bring(api: APIRequestContext): Promise<() => Promise<void>> {
  const brought: string[] = [];
  for (const file of readdirSync(folder)) {
    const dashboard = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
    if ((await api.get(`/api/dashboards/uid/${dashboard.uid}`)).status() === 404) {
      const response = await api.post('/api/dashboards/db', { data: { dashboard } });
      expect(response.ok(), await response.text()).toBe(true);
      brought.push(dashboard.uid);
    }
  }
  return async () => {
    for (const uid of brought) {
      await api.delete(`/api/dashboards/uid/${uid}`);
    }
  };
}

// All panels are seen, and so drawn.
test.use({ viewport: { width: 1600, height: 2600 } });

let remove: (() => Promise<void>) | undefined;

test.beforeEach(async ({ kmstrail, page }) => {
  expect(kmstrail.uid).toBe(ref.uid);
  remove = await bring(page.request);
});

test.afterEach(async () => {
  await remove?.();
});

async function open(
  goto: PluginFixture['gotoDashboardPage'],
  uid: string,
  more: Record<string, string> = {}
): Promise<DashboardPage> {
  const queryParams = inOctober();
  for (const [name, value] of Object.entries({ 'var-ds': ref.uid, ...more })) {
    queryParams.set(name, value);
  }
  return goto({ uid, queryParams });
}

/** SQL that has been run since it was looked at last. */
class Executed {
  private statements: string[] = [];

  constructor(page: Page) {
    page.on('response', async (response) => {
      if (response.url().includes('/api/ds/query') && response.ok()) {
        const { results } = await response.json();
        for (const result of Object.values<any>(results)) {
          this.statements.push(...result.frames.map((f: any) => f.schema.meta?.executedQueryString ?? ''));
        }
      }
    });
  }

  begin() {
    this.statements = [];
  }

  readonly all = () => this.statements.join('\n');
}

const section = (page: Page, title: string) => page.getByTestId(`data-testid Panel header ${title}`);

/** Chooses a value of a variable, which is taken over when the list is closed. */
async function pick(page: Page, variable: string, option: string) {
  const label = page.getByTestId(`data-testid Dashboard template variables submenu Label ${variable}`);
  await label.locator('..').getByRole('combobox').fill(option);
  await page.getByRole('option', { name: option }).first().click();
  await page.keyboard.press('Escape');
}

test('from the overview to a raw event', async ({ gotoDashboardPage, page }) => {
  await open(gotoDashboardPage, 'kmstrail-overview');
  // The middle of the cell may lie below the next one.
  await section(page, 'Open findings')
    .getByRole('link', { name: /called/ })
    .first()
    .click({ position: { x: 8, y: 6 } });
  await expect(page).toHaveURL(/\/d\/kmstrail-findings.*var-finding=[0-9a-f-]{36}/);
  await page.screenshot({ path: shot('walk-finding') });
  await page
    .locator('a[href*="/explore?"]')
    .first()
    .click({ position: { x: 8, y: 6 } });
  await expect(page).toHaveURL(/\/explore\?/);
  const logs = page.getByRole('region', { name: 'Logs', exact: true });
  await expect(logs).toContainText(/crypt failed .* on key/);
  await page.screenshot({ path: shot('walk-event') });
});

test('all panels follow the account', async ({ gotoDashboardPage, page }) => {
  const executed = new Executed(page);
  await open(gotoDashboardPage, 'kmstrail-overview');
  await expect(section(page, 'Accounts').getByText('web-prod').first()).toBeVisible();
  expect(executed.all()).not.toContain("'111122223333'");
  executed.begin();
  await pick(page, 'Account', 'payments-prod');
  await expect(section(page, 'Accounts').getByText('web-prod')).toHaveCount(0);
  await expect(section(page, 'Accounts').getByText('payments-prod').first()).toBeVisible();
  await expect.poll(executed.all).toContain("= '111122223333'");
  await expect(page).toHaveURL(/var-account=111122223333/);
});

test('a key is chosen by its alias', async ({ gotoDashboardPage, page }) => {
  const executed = new Executed(page);
  await open(gotoDashboardPage, 'kmstrail-key');
  await expect(section(page, 'The key').getByRole('row').nth(1)).toBeVisible();
  executed.begin();
  await pick(page, 'Key', 'alias/tenant-blue');
  await expect(section(page, 'The key')).toContainText('alias/tenant-blue');
  await expect.poll(executed.all).toMatch(/'arn:aws:kms:us-east-1:222222222222:key\/[0-9a-f-]{36}'/);
});

test('a click on a value filters the panels', async ({ gotoDashboardPage, page }) => {
  const executed = new Executed(page);
  await open(gotoDashboardPage, 'kmstrail-overview');
  const cell = section(page, 'Keys')
    .getByRole('gridcell')
    .filter({ hasText: /^us-east-1$/ })
    .first();
  await cell.hover();
  executed.begin();
  await cell.getByRole('button', { name: /filter for/i }).click();
  await expect(page).toHaveURL(/var-filters=region(%7C|\|)(%3D|=)(%7C|\|)us-east-1/);
  await expect.poll(executed.all).toMatch(/region = 'us-east-1'/);
  await page.screenshot({ path: shot('filtered') });
});

test('findings are marked in time', async ({ gotoDashboardPage, page }) => {
  await open(gotoDashboardPage, 'kmstrail-overview');
  const marks = section(page, 'Calls by operation').getByTestId('data-testid annotation-marker');
  await expect.poll(() => marks.count()).toBeGreaterThan(0);
  // A line, which is hardly a pixel wide, with a triangle at its end.
  await marks.last().hover({ force: true, position: { x: 0, y: 2 } });
  await expect(page.getByText('pending_deletion_key_use').last()).toBeVisible();
  await page.screenshot({ path: shot('annotation-on-panel') });
});
