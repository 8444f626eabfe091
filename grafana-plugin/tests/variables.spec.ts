import { dashboard, expect, inOctober, ref, shot, test } from './kmstrail';

test('keys: aliases are shown', async ({ kmstrail, gotoVariableEditPage, page }) => {
  expect(kmstrail.uid).toBe(ref.uid);
  const uid = await dashboard(page, 'table', { refId: 'A', datasource: ref, kind: 'findings' });
  const variableEditPage = await gotoVariableEditPage({ dashboard: { uid }, id: '0', queryParams: inOctober() });
  // Some versions open the list of variables first.
  const listed = page.getByText('chosen', { exact: true });
  const list = page.getByRole('combobox', { name: /^List/ });
  await expect(listed.or(list).first()).toBeVisible();
  if (!(await list.isVisible())) {
    await listed.click();
  }
  await list.fill('Key');
  await page.getByRole('option', { name: /^Key/ }).first().click();
  await expect(page.getByRole('row').filter({ hasText: 'alias/tenant-blue' })).toContainText(
    'arn:aws:kms:us-east-1:222222222222:key/'
  );
  await variableEditPage.runQuery();
  await expect(variableEditPage).toDisplayPreviews([/alias\/tenant-blue/]);
  await page.screenshot({ path: shot('variable') });
});
