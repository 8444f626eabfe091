// The dashboards where Grafana has them: a list, and links that lead from one to
// another and to the record of an event.
import { expect, test } from './harness';

test('from the list to a record', async ({ harness, page }) => {
  await page.goto(harness.ready.url);
  await expect(page.getByRole('navigation', { name: 'Dashboards' }).getByRole('link')).toHaveCount(8);
  await page.getByRole('link', { name: 'KMS overview' }).click();
  await expect(page.getByRole('heading', { name: 'KMS overview' })).toBeVisible();
  const findings = page.getByRole('region', { name: 'Open findings' });
  // Names and units are those of the dashboard.
  await expect(findings.getByRole('columnheader', { name: 'Severity' })).toBeVisible();
  await findings
    .getByRole('link', { name: /called/ })
    .first()
    .click();
  await expect(page).toHaveURL(/\/d\/kmstrail-findings\?.*var-finding=[0-9a-f-]{36}/);
  await page.locator('a[href^="/explore"]').first().click();
  await expect(page).toHaveURL(/\/explore\?/);
  await expect(page.getByRole('list', { name: 'Log lines' }).getByRole('listitem')).toHaveCount(1);
});
