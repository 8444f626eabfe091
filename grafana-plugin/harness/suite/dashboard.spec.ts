import { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, Harness, test } from './harness';

const fixture = readFileSync(path.join(__dirname, 'fixtures/dashboard.json'), 'utf8');

async function open(harness: Harness, page: Page) {
  await page.route('**/fixture.json', (route) => route.fulfill({ body: fixture, contentType: 'application/json' }));
  await harness.open('dashboard', { json: 'fixture.json' });
}

const panel = (page: Page, title: string) => page.getByRole('region', { name: title });

/** The number that the panel "Events" shows. */
async function events(page: Page): Promise<number> {
  const stat = panel(page, 'Events')
    .getByLabel(/^event_count|^Event|^.*\d+$/)
    .first();
  const label = (await stat.getAttribute('aria-label')) ?? '';
  return Number(/(\d+)$/.exec(label)?.[1] ?? NaN);
}

/** SQL that has been run since begin was called. */
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

/** Chooses what is named in the list of a variable, which is taken over when it is closed. */
async function pick(page: Page, variable: string, options: string[]) {
  const input = page.getByRole('combobox', { name: variable, exact: true });
  for (const option of options) {
    await input.fill(option);
    // Not the option to add what was typed as it is.
    await page.getByRole('option', { name: `${option} (` }).click();
  }
  await input.fill('');
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'kmstrail' }).click();
}

test('panels, variables with many values and All', async ({ harness, page }) => {
  const executed = new Executed(page);
  await open(harness, page);
  await expect.poll(() => events(page)).toBeGreaterThan(300);
  const all = await events(page);
  await expect(
    panel(page, 'Calls by operation')
      .getByRole('listitem')
      .filter({ hasText: /^Decrypt$/ })
  ).toHaveCount(1);
  await expect(panel(page, 'Use of keys').getByRole('row').first()).toBeVisible();
  // All is no condition.
  expect(executed.all()).not.toContain('recipient_account_id IN');
  executed.begin();
  await harness.shot('dashboard');

  await pick(page, 'Account', ['payments-prod', 'web-prod']);
  await expect.poll(() => events(page)).toBeLessThan(all);
  const two = await events(page);
  expect(two).toBeGreaterThan(0);
  await expect.poll(executed.all).toContain("'111122223333'");
  expect(executed.all()).toContain("'222222222222'");
  await harness.shot('dashboard-two-accounts');

  // The alias is shown, the ARN is asked for.
  await pick(page, 'Key', ['alias/tenant-blue']);
  await expect.poll(() => events(page)).toBeLessThan(two);
  await expect.poll(executed.all).toMatch(/'arn:aws:kms:us-east-1:222222222222:key\/[0-9a-f-]{36}'/);
});

// Grafana looks for $name in what is saved, and a macro's name says nothing to it:
// the editor of SQL saves beside it which variables its macros use.
test('SQL whose macros name a variable runs again when it changes', async ({ harness, page }) => {
  const executed = new Executed(page);
  await open(harness, page);
  await expect.poll(() => events(page)).toBeGreaterThan(300);
  executed.begin();
  await pick(page, 'Account', ['payments-prod']);
  await expect.poll(executed.all).toMatch(/time_bucket.*recipient_account_id = '111122223333'/);
});

test('a click on a value filters all panels', async ({ harness, page }) => {
  const executed = new Executed(page);
  await open(harness, page);
  await expect.poll(() => events(page)).toBeGreaterThan(300);
  const all = await events(page);
  const cell = panel(page, 'Use of keys').getByRole('gridcell', { name: 'us-west-2' }).first();
  await cell.hover();
  await cell.getByRole('button', { name: /Filter for/i }).click();
  await expect.poll(() => events(page)).toBeLessThan(all);
  await expect.poll(executed.all).toMatch(/region = 'us-west-2'/);
  await expect(page.getByText(/region/).first()).toBeVisible();
  await harness.shot('dashboard-filtered');
});

test('findings are marked in time', async ({ harness, page }) => {
  const asked = page.waitForResponse(
    async (r) => r.url().includes('/api/ds/query') && (r.request().postData() ?? '').includes('"annotations"')
  );
  await open(harness, page);
  const { results } = await (await asked).json();
  const [frame] = results.Anno.frames;
  expect(frame.schema.fields.map((f: any) => f.name)).toEqual(
    expect.arrayContaining(['time', 'timeEnd', 'title', 'text', 'tags'])
  );
  expect(frame.data.values[0].length).toBeGreaterThan(0);
  await expect.poll(() => events(page)).toBeGreaterThan(300);
});
