import { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { expect, Harness, test, View } from './harness';

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** Everything that has an editor. */
const pages: Array<[name: string, view: View, params: Record<string, unknown>]> = [
  ['config', 'config', {}],
  ['builder', 'query', {}],
  ['sql', 'query', { query: { kind: 'sql', sql: 'select nope from kms_events' } }],
  ['named', 'query', { query: { kind: 'named', named: { id: 'key_users', params: {} } } }],
  ['named-list', 'query', { query: { kind: 'named' } }],
  ['findings', 'query', { query: { kind: 'findings', findings: { severities: ['critical'] } } }],
  ['key-changes', 'query', { query: { kind: 'lifecycle' } }],
  ['variable', 'variable', {}],
  ['annotation', 'annotation', {}],
];

for (const theme of ['dark', 'light']) {
  for (const [name, view, params] of pages) {
    test(`${name}, ${theme}`, async ({ harness, page }) => {
      await harness.open(view, { ...params, theme });
      await settled(page, harness, name);
      await harness.shot(`${name}-${theme}`);
      expect(await violations(page, harness)).toEqual([]);
    });
  }
}

/** Runs what can be run, and waits until all that comes has come. */
async function settled(page: Page, harness: Harness, name: string) {
  if (['builder', 'named', 'findings', 'key-changes'].includes(name)) {
    await page.getByRole('button', { name: 'Run query' }).click();
    await harness.done();
    // A button under the mouse, or just pressed, has other colours, of Grafana's choice.
    await page.mouse.move(0, 0);
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  }
  if (name === 'builder') {
    await expect(page.getByRole('region', { name: 'SQL preview' })).toBeVisible();
  }
  if (name === 'sql') {
    await expect(page.getByText('Line 1, column 8')).toBeVisible();
  }
  await page.waitForLoadState('networkidle');
  await expect(page.getByText(/Looking for values|Asking the server/)).toHaveCount(0);
}

/** What WCAG 2.1 AA asks and a program can judge, of the editors: the panel is Grafana's. */
async function violations(page: Page, harness: Harness): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(async () => {
    const run = (window as any).axe.run;
    return run(
      { include: ['main'], exclude: ['[data-testid^="data-testid Panel header"]'] },
      { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }
    );
  });
  expect(harness.unexpected()).toEqual([]);
  return violations.flatMap((v: any) =>
    v.nodes.map((n: any) => `${v.id}: ${n.target.join(' ')}: ${n.html.slice(0, 160)}`)
  );
}

test('a query by keyboard alone', async ({ harness, page }) => {
  await harness.open('query');
  await expect(page.getByRole('region', { name: 'SQL preview' })).toBeVisible();
  // From the kind of query to SQL, without a mouse.
  await tabTo(page, (name) => name.role === 'radio');
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('radio', { name: 'SQL', exact: true })).toBeChecked();
  await page.keyboard.press('ArrowLeft');
  await expect(page.getByRole('radio', { name: 'Builder' })).toBeChecked();
  // Another table, when the server has told which there are.
  await harness.done();
  await expect(page.getByText(/^One row per hour/)).toBeVisible();
  await tabTo(page, (name) => name.label.startsWith('Table'));
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('option').first()).toBeVisible();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect.poll(async () => (await harness.saved()).builder.table).not.toBe('usage_hourly');
  // Run it.
  await tabTo(page, (name) => name.label === 'Run query', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await harness.done();
});

interface Focused {
  role: string;
  label: string;
}

/** Goes from input to input until one is wanted, and sees that each can be seen and has a name. */
async function tabTo(page: Page, wanted: (focused: Focused) => boolean, key = 'Tab') {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press(key);
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLInputElement | null;
      const labels = [...(element?.labels ?? [])].map((l) => l.textContent).join(' ');
      const role = element?.getAttribute('role') ?? (element?.type === 'radio' ? 'radio' : (element?.tagName ?? ''));
      return { role, label: element?.getAttribute('aria-label') || labels || element?.textContent || '' };
    });
    if (focused.role !== 'BODY') {
      expect(focused.label.trim(), `a name of what ${key} led to, ${focused.role}`).not.toBe('');
    }
    if (wanted(focused)) {
      return;
    }
  }
  throw new Error(`${key} does not lead there`);
}
