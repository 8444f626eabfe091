import { KmsQuery } from '../types';
import { describeQuery } from './describe';
import { filterByClick } from './explore';

const query = (part: Partial<KmsQuery>): KmsQuery => ({ refId: 'A', kind: 'builder', ...part });
const click = (type: string, key: string, value: string) => ({ type, options: { key, value } });

describe('filterByClick', () => {
  const filters = (saved: KmsQuery, ...clicks: Array<ReturnType<typeof click>>) =>
    clicks.reduce(filterByClick, saved).builder?.filters;
  const empty = query({ builder: { table: 't' } });

  it('adds, replaces and turns round', () => {
    const a = { column: 'region', operator: '=', values: ['a'] };
    expect(filters(empty, click('ADD_FILTER', 'region', 'a'))).toEqual([a]);
    expect(filters(empty, click('ADD_FILTER', 'region', 'b'), click('ADD_FILTER', 'region', 'a'))).toEqual([a]);
    expect(filters(empty, click('ADD_FILTER_OUT', 'region', 'a'), click('ADD_FILTER', 'region', 'a'))).toEqual([a]);
    expect(filters(empty, click('ADD_FILTER_OUT', 'region', 'a'), click('ADD_FILTER_OUT', 'region', 'b'))).toEqual([
      { ...a, operator: '!=' },
      { column: 'region', operator: '!=', values: ['b'] },
    ]);
  });

  it('keeps filters that say something else', () => {
    const like = { column: 'region', operator: 'like' as const, values: ['eu%'] };
    const saved = query({ builder: { table: 't', filters: [like] } });
    expect(filters(saved, click('ADD_FILTER', 'region', 'a'))).toHaveLength(2);
  });

  it('chooses findings', () => {
    const saved = query({ kind: 'findings' });
    expect(filterByClick(saved, click('ADD_FILTER', 'severity', 'high')).findings).toEqual({ severities: ['high'] });
    expect(filterByClick(saved, click('ADD_FILTER_OUT', 'severity', 'high'))).toBe(saved);
  });

  it('does not touch SQL', () => {
    const saved = query({ kind: 'sql', sql: 'SELECT 1' });
    expect(filterByClick(saved, click('ADD_FILTER', 'region', 'a'))).toBe(saved);
  });
});

test.each<[Partial<KmsQuery>, string]>([
  [{ kind: 'sql', sql: 'SELECT 1\n  FROM t ' }, 'SELECT 1 FROM t'],
  [
    {
      builder: {
        table: 'usage_hourly',
        time: {},
        metrics: [{ aggregate: 'sum', column: 'call_count' }, { aggregate: 'count' }],
        groupBy: ['region'],
        filters: [
          { column: 'service', operator: 'in', values: ['s3', 'ebs'] },
          { column: 'error_class', operator: 'is null' },
        ],
      },
    },
    'sum of call_count, count from usage_hourly by time, region where service in s3, ebs and error_class is null',
  ],
  [{ builder: { table: 'keys' } }, 'keys'],
  [
    { kind: 'named', named: { id: 'key_users', params: { key_arn: 'alias/a', note: '' } } },
    'key_users key_arn=alias/a',
  ],
  [{ kind: 'findings', findings: { severities: ['high', 'critical'], limit: 5 } }, 'Findings: high, critical'],
  [{ kind: 'lifecycle' }, 'Key changes'],
])('describeQuery %#', (part, want) => {
  expect(describeQuery(query(part))).toBe(want);
});
