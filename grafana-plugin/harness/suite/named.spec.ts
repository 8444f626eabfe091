import { expect, test } from './harness';
import { choose } from './inputs';

test('a named query with its parameters', async ({ harness, page }) => {
  await harness.open('query');
  await page.getByRole('radio', { name: 'Named query' }).check({ force: true });
  await page.getByLabel('Search named queries').fill('what would break');
  await page
    .getByRole('list', { name: 'Named queries' })
    .getByRole('button', { name: /what_breaks/ })
    .click();
  // It wants a key, which has a name for people.
  const run = page.getByRole('button', { name: 'Run query' });
  await expect(run).toHaveAttribute('aria-disabled', 'true');
  await choose(page, 'Key ARN *', 'alias/tenant-blue', 'tenant-blue');
  await expect(run).toHaveAttribute('aria-disabled', 'false');
  expect(await harness.done()).toBeGreaterThan(0);
  expect((await harness.saved()).named).toEqual({
    id: 'what_breaks',
    params: { key_arn: expect.stringMatching(/^arn:aws:kms:us-east-1:222222222222:key\//) },
  });
  // The values are in the statement that is shown, not in it as text that somebody wrote.
  await expect(harness.executed()).toContainText("'arn:aws:kms:us-east-1:222222222222:key/");
  await harness.shot('named');
});

test('what the list of named queries is searched for', async ({ harness, page }) => {
  await harness.open('query');
  await page.getByRole('radio', { name: 'Named query' }).check({ force: true });
  const found = page.getByRole('list', { name: 'Named queries' }).getByRole('button');
  await expect(found.first()).toBeVisible();
  expect(await found.count()).toBeGreaterThan(20);
  await page.getByLabel('Search named queries').fill('unused');
  await expect(found.first()).toContainText(/unused/i);
  await harness.shot('named-list');
});
