// The dashboards that come with the plugin, on the sample data.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from './harness';

const folder = path.resolve(__dirname, '../../src/dashboards');

for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  test(file, async ({ harness, page }) => {
    const { title, panels } = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
    const failed: string[] = [];
    page.on('response', async (response) => {
      if (response.url().includes('/api/') && !response.ok()) {
        failed.push(`${response.url()}: ${(await response.text()).slice(0, 500)}`);
      }
    });
    await page.setViewportSize({ width: 1400, height: 3000 });
    await harness.open('dashboard', {
      json: `/public/plugins/kmstrail-kms-datasource/dashboards/${file}`,
      from: '2026-10-01T00:00:00Z',
      to: '2026-11-01T00:00:00Z',
    });
    await expect(page.getByRole('region').first(), title).toBeVisible();
    expect(panels.length).toBeGreaterThan(0);
    await page.waitForLoadState('networkidle');
    await harness.shot(`dashboard-${path.basename(file, '.json')}`);
    expect(failed).toEqual([]);
    await expect(page.getByTestId(/Panel status error/)).toHaveCount(0);
    await expect(page.getByText(/nothing here shows/)).toHaveCount(0);
  });
}
