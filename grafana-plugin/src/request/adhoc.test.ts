import { dateTime, TimeRange } from '@grafana/data';
import { Resources } from '../resources';
import { KmsQuery, Schema } from '../types';
import { adHocFilters, tagKeys, tagValues } from './adhoc';

const column = (name: string, type = 'VARCHAR') => ({ name, type, description: '' });
const table = (name: string, ...columns: Array<ReturnType<typeof column>>) => ({
  name,
  kind: 'table',
  description: '',
  timeColumn: '',
  grainSeconds: 0,
  columns,
});
const schema: Schema = {
  version: '1',
  functions: [],
  tables: [
    table(
      'kms_events',
      column('event_time', 'TIMESTAMP'),
      column('mfa', 'BOOLEAN'),
      column('tags', 'MAP(VARCHAR, VARCHAR)')
    ),
    table('usage_hourly', column('hour', 'TIMESTAMP'), column('service'), column('region'), column('actor_kind')),
    table('quotas', column('quota_name'), column('actor_kind')),
  ],
};

const value = { text: 'Name (1)', value: '1', description: 'd' };

function fake() {
  const values = jest.fn().mockResolvedValue([value]);
  const columnValues = jest.fn().mockResolvedValue([value]);
  return {
    values,
    columnValues,
    resources: { schema: async () => schema, values, columnValues } as unknown as Resources,
  };
}

const builder = (name: string): KmsQuery => ({ refId: 'A', kind: 'builder', builder: { table: name } });
const sql: KmsQuery = { refId: 'B', kind: 'sql', sql: 'SELECT 1' };
const timeRange = { from: dateTime(0), to: dateTime(1000) } as TimeRange;

test('filters as the backend takes them', () => {
  expect(
    adHocFilters([
      { key: 'region', operator: '=', value: "eu'west" },
      { key: 'service', operator: '=|', value: 's3', values: ['s3', 'ebs'] },
      { key: 'service', operator: '!=|', value: 's3' },
      { key: 'event_name', operator: '=~', value: '^De.*' },
      { key: '', operator: '=', value: '' },
    ])
  ).toEqual([
    { key: 'region', operator: '=', value: "eu'west" },
    { key: 'service', operator: '=|', value: 's3', values: ['s3', 'ebs'] },
    { key: 'service', operator: '!=|', value: 's3', values: ['s3'] },
    { key: 'event_name', operator: '=~', value: '^De.*' },
  ]);
  expect(adHocFilters()).toEqual([]);
});

test.each([
  ['of all tables, the most wanted first', [sql], ['region', 'service', 'actor_kind', 'mfa', 'quota_name']],
  ['of the tables of the dashboard', [builder('kms_events')], ['mfa']],
  [
    'of all tables where one query can read any',
    [builder('kms_events'), sql],
    ['region', 'service', 'actor_kind', 'mfa', 'quota_name'],
  ],
  ['of all tables without queries', undefined, ['region', 'service', 'actor_kind', 'mfa', 'quota_name']],
])('columns %s', async (_, queries, want) => {
  const found = await tagKeys(fake().resources, { filters: [], queries });
  expect(found.map(({ text }) => text)).toEqual(want);
});

test.each([
  ['key_account_id', 'account'],
  ['account_id', 'account'],
  ['key_arn', 'key'],
  ['event_name', 'operation'],
])('values of %s have names', async (key, kind) => {
  const { resources, values } = fake();
  expect(await tagValues(resources, { key, filters: [], timeRange })).toEqual([{ text: 'Name (1)', value: '1' }]);
  expect(values).toHaveBeenCalledWith(kind, { from: 0, to: 1000 });
});

test.each([
  ['actor_kind', undefined, 'usage_hourly'],
  ['actor_kind', [builder('quotas')], 'quotas'],
  ['quota_name', [builder('usage_hourly')], 'quotas'],
])('values of %s are looked for where they are', async (key, queries, from) => {
  const { resources, columnValues } = fake();
  await tagValues(resources, { key, queries, filters: [] });
  expect(columnValues).toHaveBeenCalledWith(from, key, {});
});

test('a column that is nowhere has no values', async () => {
  expect(await tagValues(fake().resources, { key: 'nobody', filters: [] })).toEqual([]);
});
