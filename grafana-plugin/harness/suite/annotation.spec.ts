import { expect, test } from './harness';

test('findings as annotations', async ({ harness, page }) => {
  await harness.open('annotation');
  await page.getByRole('button', { name: 'Test annotation query' }).click();
  expect(await harness.done()).toBeGreaterThan(0);
  await expect(page.getByRole('columnheader')).toContainText(['time', 'timeEnd', 'title', 'text', 'tags']);
  await harness.shot('annotation');
});

test('changes of keys as annotations', async ({ harness, page }) => {
  await harness.open('annotation');
  await page.getByRole('radio', { name: 'Key changes' }).check({ force: true });
  await page.getByRole('button', { name: 'Test annotation query' }).click();
  expect(await harness.done()).toBeGreaterThan(5);
  await expect(page.getByRole('region', { name: 'Panel: table' })).toContainText(/ScheduleKeyDeletion|scheduled/i);
});
