import { expect, shot, test } from './kmstrail';

const logs = (uid: string) => ({
  panes: JSON.stringify({
    a: {
      datasource: uid,
      queries: [
        {
          refId: 'A',
          datasource: { uid, type: 'kmstrail-kms-datasource' },
          kind: 'builder',
          format: 'logs',
          builder: { table: 'kms_events', orderBy: [{ column: 'event_time', descending: true }], limit: 100 },
        },
      ],
      range: { from: '1790812800000', to: '1793491200000' },
    },
  }),
  schemaVersion: '1',
});

test('raw events as logs', async ({ kmstrail, explorePage, page }) => {
  await explorePage.goto({ queryParams: new URLSearchParams(logs(kmstrail.uid)) });
  await expect(page.getByRole('region', { name: 'Logs', exact: true })).toContainText(/GenerateDataKey|Decrypt/);
  await page.screenshot({ path: shot('explore-logs'), fullPage: true });
});
