import { Page } from '@playwright/test';
import { expect, october, ref, test } from './kmstrail';

/** Which instances of a rule over the month of the sample data fire, by their label. */
async function evaluate(page: Page, reduce: object): Promise<Record<string, boolean>> {
  const now = Date.now() / 1000;
  const ago = (day: string) => Math.round(now - Date.parse(day) / 1000);
  const query = {
    refId: 'A',
    kind: 'builder',
    datasource: ref,
    builder: {
      table: 'usage_hourly',
      time: { column: 'hour', bucket: '1d' },
      metrics: [{ aggregate: 'sum', column: 'call_count', alias: 'calls' }],
      groupBy: ['event_name'],
      // All of them: a rule that would judge a part is refused.
      limit: 100,
    },
  };
  const expression = (refId: string, model: object) => ({
    refId,
    datasourceUid: '__expr__',
    model: { refId, datasource: { uid: '__expr__', type: '__expr__' }, ...model },
  });
  const above = { evaluator: { type: 'gt', params: [3] } };
  const response = await page.request.post('/api/v1/eval', {
    data: {
      now: new Date(now * 1000).toISOString(),
      condition: 'C',
      data: [
        {
          refId: 'A',
          datasourceUid: ref.uid,
          relativeTimeRange: { from: ago(october.from), to: ago(october.to) },
          model: query,
        },
        expression('B', { type: 'reduce', expression: 'A', reducer: 'max', ...reduce }),
        expression('C', { type: 'threshold', expression: 'B', conditions: [above] }),
      ],
    },
  });
  const text = await response.text();
  expect(response.ok(), text).toBe(true);
  const { C } = JSON.parse(text).results;
  return Object.fromEntries(
    C.frames.map((f: any) => [f.schema.fields[0].labels.event_name, f.data.values[0][0] === 1])
  );
}

test('a rule is evaluated, an instance for each group', async ({ kmstrail, page }) => {
  expect(kmstrail.uid).toBe(ref.uid);
  const firing = await evaluate(page, { settings: { mode: 'dropNN' } });
  expect(firing).toMatchObject({ Decrypt: true, DisableKey: false });
});

// Grafana's strict reducers make no number of a null, and groups have no row in
// every bucket.
test('a rule with a strict reducer fires', async ({ kmstrail, page }) => {
  expect(kmstrail.uid).toBe(ref.uid);
  expect(await evaluate(page, {})).toMatchObject({ Decrypt: true });
});

test('a rule over a time without events has no data, and no error', async ({ kmstrail, page }) => {
  const response = await page.request.post('/api/v1/eval', {
    data: {
      condition: 'A',
      data: [
        {
          refId: 'A',
          datasourceUid: kmstrail.uid,
          relativeTimeRange: { from: 60, to: 0 },
          model: {
            refId: 'A',
            kind: 'sql',
            sql: 'select $__timeGroupAlias(event_time, 1m), count(*) as n from kms_events where $__timeFilter(event_time) group by all',
          },
        },
      ],
    },
  });
  const text = await response.text();
  expect(response.ok(), text).toBe(true);
  expect(JSON.parse(text).results.A.error).toBeUndefined();
});
