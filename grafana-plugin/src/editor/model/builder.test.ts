import { tables } from '../testing';
import {
  buckets,
  columnsFor,
  defaultMetric,
  isVariable,
  length,
  modeOf,
  operatorsFor,
  orderColumns,
  typeClass,
  valueKindOf,
  withFilterColumn,
  withMode,
  withOperator,
  withTable,
  wrongBucket,
  wrongValue,
} from './builder';

const [hourly, events, accounts] = tables;

test.each([
  ['BIGINT', 'number'],
  ['DECIMAL(38,0)', 'number'],
  ['DOUBLE', 'number'],
  ['VARCHAR', 'text'],
  ['VARCHAR[]', 'nested'],
  ['MAP(VARCHAR, VARCHAR)', 'nested'],
  ['BOOLEAN', 'boolean'],
  ['TIMESTAMP', 'time'],
  ['DATE', 'time'],
  ['UUID', 'id'],
  ["ENUM('a')", 'text'],
])('%s is a %s', (type, expected) => {
  expect(typeClass(type)).toBe(expected);
});

test('operators fit the type, and one that is chosen stays', () => {
  const values = (type: string | undefined, chosen?: '=~') => operatorsFor(type, chosen).map(({ value }) => value);
  expect(values('VARCHAR')).toContain('=~');
  expect(values('BIGINT')).not.toContain('=~');
  expect(values('BIGINT')).toContain('>=');
  expect(values('MAP(VARCHAR, VARCHAR)')).toEqual(['is null', 'is not null']);
  expect(values('BIGINT', '=~')).toContain('=~');
  expect(values(undefined)).toHaveLength(14);
});

test.each<[string | undefined, '=' | '=~', string, boolean]>([
  ['BIGINT', '=', '12', true],
  ['BIGINT', '=', 'twelve', false],
  ['BIGINT', '=', '$count', true],
  ['BOOLEAN', '=', 'TRUE', true],
  ['BOOLEAN', '=', '1', false],
  ['TIMESTAMP', '=', '2026-01-31 12:00', true],
  ['TIMESTAMP', '=', 'yesterday', false],
  ['UUID', '=', '1234abcd-12ab-34cd-56ef-1234567890ab', true],
  ['UUID', '=', '1234', false],
  ['VARCHAR', '=~', 'a|b', true],
  ['VARCHAR', '=~', 'a(', false],
  ['VARCHAR', '=', "it's", true],
  [undefined, '=', 'anything', true],
])('%s %s %s', (type, operator, value, right) => {
  expect(wrongValue(type, operator, value) === undefined).toBe(right);
});

test.each([
  ['$key', true],
  ['${key}', true],
  ['${key:csv}', true],
  ['$key and more', false],
  ['key', false],
  ['$1', false],
])('%s names a variable: %s', (value, expected) => {
  expect(isVariable(value)).toBe(expected);
});

test('buckets are never finer than the table', () => {
  expect(buckets(3600).map(({ value }) => value)).toEqual(['auto', '1h', '6h', '1d', '7d', '30d']);
  expect(buckets(0)[1].value).toBe('1m');
  expect(buckets(0, '2h').map(({ value }) => value)).toContain('2h');
  expect(wrongBucket('5m', 3600)).toBe('Rows of this table stand for 1 hour: choose a multiple of that.');
  expect(wrongBucket('90m', 3600)).toContain('multiple');
  expect(wrongBucket('2h', 3600)).toBeUndefined();
  expect(wrongBucket('$size', 0)).toContain('5m, 1h');
  expect(buckets(28 * 86_400).map(({ value }) => value)).toEqual(['auto']);
  expect(wrongBucket('30d', 28 * 86_400)).toContain('a month');
  expect(wrongBucket('often', 0)).toContain('5m, 1h');
  expect(wrongBucket('0m', 0)).toContain('5m, 1h');
  expect([60, 3600, 7200, 90].map(length)).toEqual(['1 minute', '1 hour', '2 × 1 hour', '90 seconds']);
});

test('a number is a sum where rows are counts already', () => {
  expect(defaultMetric(hourly)).toEqual({ aggregate: 'sum', column: 'call_count' });
  expect(defaultMetric(events)).toEqual({ aggregate: 'count' });
  expect(columnsFor('sum', hourly).map(({ name }) => name)).toEqual(['call_count', 'use_count']);
});

describe('another table', () => {
  const builder = {
    table: 'usage_hourly',
    time: { column: 'hour', bucket: '1h' },
    metrics: [{ aggregate: 'sum' as const, column: 'call_count' }],
    groupBy: ['event_name', 'region'],
    filters: [
      { column: 'error_class', operator: '=' as const, values: ['denied'] },
      { column: 'is_self', operator: '=' as const, values: ['false'] },
    ],
    orderBy: [{ column: 'time' }, { column: 'sum_call_count' }],
    limit: 5,
  };
  test('keeps what it has of the choices', () => {
    expect(withTable(builder, events)).toEqual({
      table: 'kms_events',
      time: { column: 'event_time', bucket: 'auto' },
      metrics: [{ aggregate: 'count' }],
      groupBy: ['event_name'],
      filters: [builder.filters[0]],
      orderBy: [{ column: 'time' }],
      limit: 5,
    });
  });
  test('without time has none', () => {
    expect(withTable(builder, accounts).time).toBeUndefined();
  });
  test('begins with a graph', () => {
    expect(withTable(undefined, hourly)).toMatchObject({
      time: { column: 'hour' },
      metrics: [{ column: 'call_count' }],
    });
  });
});

test('rows and numbers', () => {
  const numbers = { table: 'usage_hourly', time: {}, metrics: [{ aggregate: 'count' as const }], filters: [] };
  const rows = withMode(numbers, 'rows', hourly);
  expect(rows).toMatchObject({ orderBy: [{ column: 'hour', descending: true }], limit: 100 });
  expect(modeOf(rows)).toBe('rows');
  expect(modeOf(withMode(rows, 'numbers', hourly))).toBe('numbers');
});

test('rows are ordered by their columns, numbers by what they are called', () => {
  expect(orderColumns({ table: 't', columns: ['a'] }, hourly)).toEqual(['a']);
  expect(
    orderColumns(
      {
        table: 't',
        time: {},
        groupBy: ['g'],
        metrics: [
          { aggregate: 'sum', column: 'a' },
          { aggregate: 'count' },
          { aggregate: 'max', column: 'b', alias: 'top' },
        ],
      },
      hourly
    )
  ).toEqual(['time', 'g', 'sum_a', 'count', 'top']);
});

test('filters keep what fits', () => {
  const filter = { column: 'event_name', operator: '=~' as const, values: ['a', 'b'] };
  expect(withFilterColumn(filter, { name: 'call_count', type: 'BIGINT', description: '' })).toEqual({
    column: 'call_count',
    operator: '=',
    values: [],
  });
  expect(withOperator(filter, 'in').values).toEqual(['a', 'b']);
  expect(withOperator(filter, '=').values).toEqual(['a']);
  expect(withOperator(filter, 'is null')).toEqual({ column: 'event_name', operator: 'is null' });
});

test('columns whose values have names', () => {
  expect(
    ['key_account_id', 'region', 'destination_key_arn', 'principal_arn', 'detector_id', 'event_name'].map(valueKindOf)
  ).toEqual(['account', 'region', 'key', 'principal', 'detector', undefined]);
});
