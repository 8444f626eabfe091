import { expect, test } from './harness';

const logs = {
  kind: 'builder',
  format: 'logs',
  builder: { table: 'kms_events', orderBy: [{ column: 'event_time', descending: true }], limit: 200 },
};

test('raw events as logs', async ({ harness, page }) => {
  await harness.open('query', { app: 'explore', query: logs });
  await page.getByRole('button', { name: 'Run query' }).click();
  expect(await harness.done()).toBe(200);
  const lines = page.getByRole('list', { name: 'Log lines' }).getByRole('listitem');
  await expect(lines.first()).toContainText('2026-10-31');
  // Labels of a line, and a filter from one.
  const line = lines.filter({ hasText: 'GenerateDataKey' }).first();
  await line.getByRole('button').first().click();
  await harness.shot('explore-logs');
  await line.getByRole('button', { name: 'Filter for event_name' }).click();
  await expect.poll(() => harness.done()).toBeLessThan(200);
  expect((await harness.saved()).builder.filters).toEqual([
    { column: 'event_name', operator: '=', values: ['GenerateDataKey'] },
  ]);
});
