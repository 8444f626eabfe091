import { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { expect, october, ref, shot, test } from './kmstrail';

const repository = path.join(__dirname, '../..');

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

/** When a key that is pending deletion was called in the sample data. */
function incident(): number {
  const { findings } = JSON.parse(readFileSync(path.join(repository, 'sampledata/truth.json'), 'utf8'));
  return Date.parse(findings.find((f: any) => f.scenario === 'pending-orders-batch').last_seen);
}

test('a sample rule fires', async ({ kmstrail, page }) => {
  test.setTimeout(240_000);
  const { groups } = parse(readFileSync(path.join(repository, 'deploy/grafana/alerting/rules.yaml'), 'utf8'));
  const rule = groups[0].rules.find((r: any) => r.uid === 'kmstrail-pending-deletion');
  // It looks back from the incident, and its contact point is not there.
  const behind = Math.round((Date.now() - incident()) / 1000) - 60;
  const [query, condition] = rule.data;
  const { from, to } = query.relativeTimeRange;
  const data = [
    { ...query, datasourceUid: kmstrail.uid, relativeTimeRange: { from: from + behind, to: to + behind } },
    condition,
  ];
  const api = '/api/v1/provisioning';
  const headers = { 'X-Disable-Provenance': 'true' };
  const send = async (method: string, url: string, body?: object) => {
    const response = await page.request.fetch(url, { method, headers, data: body });
    expect(response.ok(), `${method} ${url}: ${await response.text()}`).toBe(true);
  };
  const folder = `kmstrail-e2e-${Date.now()}`;
  await send('POST', '/api/folders', { uid: folder, title: folder });
  try {
    const { notification_settings, ...saved } = rule;
    await send('POST', `${api}/alert-rules`, {
      ...saved,
      uid: folder,
      data,
      folderUID: folder,
      ruleGroup: 'e2e',
      orgID: 1,
    });
    await send('PUT', `${api}/folder/${folder}/rule-groups/e2e`, {
      title: 'e2e',
      folderUid: folder,
      interval: 10,
      rules: [{ ...saved, uid: folder, data, folderUID: folder, ruleGroup: 'e2e', orgID: 1 }],
    });
    await expect
      .poll(
        async () => {
          const rules = await page.request.get('/api/prometheus/grafana/api/v1/rules');
          const list = (await rules.json()).data.groups.flatMap((g: any) => g.rules);
          return list.find((r: any) => r.uid === folder)?.alerts?.map((a: any) => [a.labels.account, a.state]);
        },
        { timeout: 180_000, intervals: [2000] }
      )
      .toContainEqual(['payments-prod', 'Alerting']);
    await page.goto(`/alerting/grafana/${folder}/view`);
    await expect(page.getByText('Firing', { exact: true }).first()).toBeVisible();
    await page.screenshot({ path: shot('alert-firing') });
  } finally {
    await send('DELETE', `/api/folders/${folder}?forceDeleteRules=true`);
  }
});
