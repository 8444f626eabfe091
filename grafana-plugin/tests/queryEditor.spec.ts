import { PanelEditPage, PluginFixture } from '@grafana/plugin-e2e';
import { Page } from '@playwright/test';
import { dashboard, expect, inOctober, ref, shot, test } from './kmstrail';

/** Opens a panel in its editor, with a query. */
async function edit(
  page: Page,
  gotoPanelEditPage: PluginFixture['gotoPanelEditPage'],
  type: string,
  query: object = {}
): Promise<PanelEditPage> {
  const uid = await dashboard(page, type, { refId: 'A', datasource: ref, ...query });
  return gotoPanelEditPage({ dashboard: { uid }, id: '1', queryParams: inOctober() });
}

test('a new panel shows something at once', async ({ kmstrail, gotoPanelEditPage, page }) => {
  const panel = await edit(page, gotoPanelEditPage, 'timeseries');
  expect(kmstrail.uid).toBe(ref.uid);
  await page.getByRole('button', { name: 'Run query' }).click();
  await expect(panel.panel.locator.getByText('Decrypt', { exact: true }).first()).toBeVisible();
  await expect(panel.panel.getErrorIcon()).toHaveCount(0);
  await page.screenshot({ path: shot('builder') });
});

test('SQL, run by Ctrl+Enter', async ({ kmstrail, gotoPanelEditPage, page }) => {
  const panel = await edit(page, gotoPanelEditPage, 'table', { kind: 'sql', sql: 'select 1 as one' });
  expect(kmstrail.uid).toBe(ref.uid);
  await page.locator('.monaco-editor').first().click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('select event_name, count(*) as n from kms_events group by all order by n desc limit 3');
  await page.keyboard.press('Control+Enter');
  await expect(panel.panel.locator.getByText('Decrypt', { exact: true })).toBeVisible();
  await page.screenshot({ path: shot('sql') });
});

test('completion', async ({ kmstrail, gotoPanelEditPage, page }) => {
  await edit(page, gotoPanelEditPage, 'table', { kind: 'sql', sql: 'select 1 as one' });
  expect(kmstrail.uid).toBe(ref.uid);
  await page.locator('.monaco-editor').first().click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('select * from kms_ev');
  await page.keyboard.press('Control+Space');
  await expect(page.locator('.suggest-widget.visible').getByText('kms_events').first()).toBeVisible();
  await page.screenshot({ path: shot('completion') });
});

test('a mistake is marked at its place, and is no empty panel', async ({ kmstrail, gotoPanelEditPage, page }) => {
  const panel = await edit(page, gotoPanelEditPage, 'table', { kind: 'sql', sql: 'select nope from kms_events' });
  expect(kmstrail.uid).toBe(ref.uid);
  await expect(page.getByText('Line 1, column 8')).toBeVisible();
  await expect(page.locator('.squiggly-error').first()).toBeVisible();
  await expect(panel.panel.getErrorIcon()).toBeVisible();
});

for (const [name, query, text] of [
  ['findings', { kind: 'findings' }, 'pending_deletion_key_use'],
  ['changes of keys', { kind: 'lifecycle' }, 'ScheduleKeyDeletion'],
  ['a named query', { kind: 'named', named: { id: 'key_users', params: {} } }, 'arn:aws:kms:'],
] as const) {
  test(name, async ({ kmstrail, gotoPanelEditPage, page }) => {
    const panel = await edit(page, gotoPanelEditPage, 'table', query);
    expect(kmstrail.uid).toBe(ref.uid);
    await expect(page.getByTestId('kmstrail-query-editor')).toBeVisible();
    await expect(panel.panel.locator.getByText(text).first()).toBeVisible();
    await page.screenshot({ path: shot(name.replaceAll(' ', '-')) });
  });
}
