import { expect, test } from './harness';
import { sqlEditor, suggestions, typeSQL } from './inputs';

const sql = (text: string) => ({ query: { kind: 'sql', sql: text } });

test.describe('completion', () => {
  for (const [name, typed, wanted] of [
    ['tables', 'select * from kms_ev', 'kms_events'],
    ['columns of the table', 'select * from kms_events where event_na', 'event_name'],
    ['values of the column', "select * from kms_events where event_name = 'Decr", 'Decrypt'],
    ['functions', 'select approx_quan', 'approx_quantile'],
    ['macros', 'select * from kms_events where $__timeFil', '$__timeFilter'],
  ] as const) {
    test(name, async ({ harness, page }) => {
      await harness.open('query', sql(' '));
      await typeSQL(page, typed);
      await page.keyboard.press('Control+Space');
      await expect(suggestions(page).filter({ hasText: wanted }).first()).toBeVisible();
      if (name === 'macros') {
        // With what it does, and an example.
        const details = page.locator('.suggest-details');
        if (!(await details.isVisible())) {
          await page.keyboard.press('Control+Space');
        }
        await expect(details).toContainText(/range/i);
      }
      await harness.shot(`complete-${name.replaceAll(' ', '-')}`);
      await page.keyboard.press('Enter');
      await expect.poll(async () => (await harness.saved()).sql).toContain(wanted);
    });
  }
});

test('Ctrl+Enter runs', async ({ harness, page }) => {
  await harness.open('query', sql(' '));
  await typeSQL(page, 'select event_name, count(*) as n from kms_events group by all order by n desc limit 3');
  await page.keyboard.press('Control+Enter');
  expect(await harness.done()).toBe(3);
  await expect(page.getByRole('region', { name: 'Panel: table' })).toContainText('Decrypt');
  expect((await harness.saved()).sql).toContain('limit 3');
  await harness.shot('sql');
});

// At the place, in the text as typed: line, column, and the mark under it.
for (const [name, text, place, said] of [
  ['the server', 'select event_name,\n  nope\nfrom kms_events', 'Line 2, column 3', /nope/],
  ['syntax', 'select 1 +', 'Line 1', /syntax/i],
  ['a macro', 'select 1\nwhere $__timeFiltr(event_time)', 'Line 2, column 7', /\$__timeFilter/],
  ['after a macro', 'select nope from kms_events\nwhere $__timeFilter(event_time)', 'Line 1, column 8', /nope/],
] as const) {
  test(`a mistake that ${name} finds is marked`, async ({ harness, page }) => {
    await harness.open('query', sql(text));
    await expect(page.getByRole('status').filter({ hasText: place })).toContainText(said);
    await expect(page.locator('.squiggly-error').first()).toBeVisible();
    await page.getByRole('button', { name: 'Run query' }).click();
    // Never an empty panel in the place of an error.
    await expect(page.getByTestId('panel-error')).toContainText(said);
    await expect(page.getByTestId('state')).toHaveText('Error');
    harness.expectErrors(/\/api\/ds\/query/);
    await harness.shot(`sql-error-${name.replaceAll(' ', '-')}`);
  });
}

test('SQL is saved with the variables that its macros use', async ({ harness, page }) => {
  await harness.open('query', sql(' '));
  await typeSQL(page, 'select 1 from kms_events where $__keyFilter(key_arn) -- done');
  await expect.poll(async () => (await harness.saved()).uses).toEqual(['${key}']);
});

test('the keyboard leaves the editor', async ({ harness, page }) => {
  await harness.open('query', sql('select 1 as one'));
  await expect(page.locator('.monaco-editor').first()).toBeVisible();
  await sqlEditor(page).focus();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: 'Format' })).toBeFocused();
});
