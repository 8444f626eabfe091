import { expect, test } from './harness';
import { choose } from './inputs';

const arn = /^arn:aws:kms:[a-z0-9-]+:\d{12}:key\/[0-9a-f-]{36}$/;

test('keys: the alias is shown, the ARN is the value', async ({ harness, page }) => {
  await harness.open('variable');
  await choose(page, 'List', 'Key', 'Key');
  const row = page.getByRole('row').filter({ hasText: 'alias/tenant-blue' });
  await expect(row.getByRole('cell').nth(1)).toHaveText(arn);
  const value = page
    .getByRole('list', { name: 'Preview of values' })
    .getByRole('listitem')
    .filter({ hasText: 'alias/tenant-blue' });
  await expect(value).toHaveAttribute('data-value', arn);
  await harness.shot('variable-key');
});

test('accounts: the name is shown, the id is the value', async ({ harness, page }) => {
  await harness.open('variable');
  await choose(page, 'List', 'Account', 'Account');
  const value = page
    .getByRole('list', { name: 'Preview of values' })
    .getByRole('listitem')
    .filter({ hasText: 'payments-prod' });
  await expect(value).toHaveAttribute('data-value', '111122223333');
});

for (const kind of ['Region', 'Principal', 'Detector', 'Severity', 'Status', 'Service', 'Operation']) {
  test(`values of ${kind}`, async ({ harness, page }) => {
    await harness.open('variable');
    await choose(page, 'List', kind);
    await expect(page.getByRole('list', { name: 'Preview of values' }).getByRole('listitem').first()).toHaveAttribute(
      'data-value',
      /./
    );
  });
}
