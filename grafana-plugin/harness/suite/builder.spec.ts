import { expect, test } from './harness';
import { choose, chooseAll } from './inputs';

test('a new panel shows something at once', async ({ harness, page }) => {
  await harness.open('query');
  await page.getByRole('button', { name: 'Run query' }).click();
  expect(await harness.done()).toBeGreaterThan(50);
  // One series for each operation, with its name.
  const legend = page.getByRole('region', { name: 'Panel: timeseries' }).getByRole('listitem');
  await expect(legend.filter({ hasText: /^Decrypt$/ })).toHaveCount(1);
  await expect(legend.filter({ hasText: /^GenerateDataKey$/ })).toHaveCount(1);
  // What people must know of it.
  const notices = page.getByRole('list', { name: 'Notices' });
  await expect(notices).toContainText('Events up to 2026-10-31 16:38 UTC');
  await expect(notices).toContainText('The range starts before the first event, of 2026-10-02 01:00 UTC');
  await expect(notices).toContainText('The logs are not complete in this range');
  await harness.shot('builder-default');
});

test('clicked together, previewed, run', async ({ harness, page }) => {
  await harness.open('query');
  await choose(page, 'Table', 'kms_events');
  await expect(page.getByRole('region', { name: 'SQL preview' })).toContainText('FROM kms_events');
  await page.getByRole('button', { name: 'Remove event_name' }).click();
  await chooseAll(page, 'Group by', ['region']);
  await page.getByRole('button', { name: 'Add a filter' }).click();
  await choose(page, 'Column of filter 1', 'event_name');
  await choose(page, 'Value of filter on event_name', 'Decrypt', 'Decr');
  const preview = page.getByRole('region', { name: 'SQL preview' });
  await expect(preview).toContainText(/event_name = 'Decrypt'/);
  await expect(preview).toContainText('$__timeFilter(event_time');
  await page.getByRole('radio', { name: 'As sent' }).check({ force: true });
  const sent = page.getByRole('region', { name: 'SQL as sent' });
  await expect(sent).toContainText("TIMESTAMP '2026-10-01 00:00:00");
  await expect(sent).not.toContainText('$__');
  await page.getByRole('button', { name: 'Run query' }).click();
  expect(await harness.done()).toBeGreaterThan(3);
  const legend = page.getByRole('region', { name: 'Panel: timeseries' }).getByRole('listitem');
  await expect(legend.filter({ hasText: 'us-east-1' })).toHaveCount(1);
  // What was shown is what was run.
  const shown = ((await sent.textContent()) ?? '').replace(/\s+/g, ' ').trim();
  expect(((await harness.executed().textContent()) ?? '').replace(/\s+/g, ' ').trim()).toBe(shown);
  expect(await harness.saved()).toMatchObject({
    kind: 'builder',
    builder: {
      table: 'kms_events',
      groupBy: ['region'],
      filters: [{ column: 'event_name', operator: '=', values: ['Decrypt'] }],
    },
  });
  await harness.shot('builder');
});

test('rows of a table', async ({ harness, page }) => {
  await harness.open('query', {
    query: { kind: 'builder', builder: { table: 'keys', columns: ['key_arn', 'state', 'call_count'] } },
  });
  await page.getByRole('button', { name: 'Run query' }).click();
  expect(await harness.done()).toBeGreaterThan(10);
  await expect(page.getByRole('region', { name: 'Panel: table' }).getByRole('columnheader')).toHaveText([
    /key_arn|Key/i,
    /state/i,
    /call/i,
  ]);
});

test('goes on as SQL, and back', async ({ harness, page }) => {
  await harness.open('query');
  const built = page.getByRole('region', { name: 'SQL preview' });
  await expect(built).toContainText('$__timeGroupAlias');
  const sql = ((await built.textContent()) ?? '').replace(/\s+/g, ' ').trim();
  await page.getByRole('button', { name: 'Edit as SQL' }).click();
  // Detaching says what it means.
  await page.getByRole('dialog').getByRole('button', { name: /SQL/ }).click();
  await expect(page.getByRole('radio', { name: 'SQL', exact: true })).toBeChecked();
  expect((await harness.saved()).sql.replace(/\s+/g, ' ').trim()).toBe(sql);
  expect(await harness.done()).toBeGreaterThan(50);
  // Nothing was changed: back without a question. Something was: with one.
  await page.getByRole('button', { name: 'Back to builder' }).click();
  await expect(page.getByRole('radio', { name: 'Builder' })).toBeChecked();
});

test('a template puts a whole question in place, and is taken back', async ({ harness, page }) => {
  await harness.open('query');
  await choose(page, 'Start from a template', 'Changes of keys', 'Changes of');
  await expect(page.getByText('is in place.')).toBeVisible();
  expect((await harness.saved()).kind).toBe('lifecycle');
  expect(await harness.done()).toBeGreaterThan(3);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByRole('radio', { name: 'Builder' })).toBeChecked();
});
