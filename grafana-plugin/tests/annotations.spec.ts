import { expect, shot, test } from './kmstrail';

test('findings', async ({ kmstrail, annotationEditPage, page }) => {
  await annotationEditPage.datasource.set(kmstrail.name);
  await expect(page.getByRole('radio', { name: 'Findings' })).toBeChecked();
  await expect(annotationEditPage.runQuery()).toBeOK();
  await page.screenshot({ path: shot('annotation') });
});
