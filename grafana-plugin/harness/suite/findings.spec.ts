import { expect, test } from './harness';
import { chooseAll } from './inputs';

test('findings of the sample', async ({ harness, page }) => {
  await harness.open('query');
  await page.getByRole('radio', { name: 'Findings' }).check({ force: true });
  const all = await harness.done();
  expect(all).toBeGreaterThan(5);
  const table = page.getByRole('region', { name: 'Panel: table' });
  await expect(table).toContainText('pending_deletion_key_use');
  await chooseAll(page, 'Severity', ['critical']);
  await expect.poll(() => harness.done()).toBeLessThan(all);
  expect((await harness.saved()).findings).toEqual({ severities: ['critical'] });
  await harness.shot('findings');
});

test('changes of keys', async ({ harness, page }) => {
  await harness.open('query');
  await page.getByRole('radio', { name: 'Key changes' }).check({ force: true });
  expect(await harness.done()).toBeGreaterThan(5);
  await expect(page.getByRole('region', { name: 'Panel: table' })).toContainText('ScheduleKeyDeletion');
  await harness.shot('key-changes');
});
