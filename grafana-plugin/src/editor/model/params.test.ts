import type { NamedQuery } from '../../types';
import { carryParams, inputOf, labelOf, missingParam, type Param, searchNamed, wrongParam } from './params';

const param = (name: string, type = 'varchar', required = false): Param => ({
  name,
  type,
  default: null,
  doc: '',
  required,
});

test.each([
  ['account_id', 'varchar', 'account'],
  ['region', 'varchar', 'region'],
  ['key_arn', 'varchar', 'key'],
  ['principal', 'varchar', 'principal'],
  ['principal_arn', 'varchar', 'principal'],
  ['detector_id', 'varchar', 'detector'],
  ['event_name', 'varchar', 'operation'],
  ['error_class', 'varchar', 'choice'],
  ['resource', 'varchar', 'text'],
  ['max_rows', 'integer', 'integer'],
  ['min_ratio', 'double', 'number'],
  ['baseline_days', 'days', 'days'],
  ['only_open', 'boolean', 'boolean'],
  ['since', 'timestamp', 'timestamp'],
])('%s %s is asked as %s', (name, type, expected) => {
  expect(inputOf(param(name, type))).toBe(expected);
});

test.each<[Param, string, boolean]>([
  [param('max_rows', 'integer'), '12', true],
  [param('max_rows', 'integer'), '-12', true],
  [param('max_rows', 'integer'), '1.5', false],
  [param('max_rows', 'integer'), '$rows', true],
  [param('min_ratio', 'double'), '1.5', true],
  [param('min_ratio', 'double'), '2e3', true],
  [param('min_ratio', 'double'), 'Infinity', false],
  [param('min_ratio', 'double'), 'half', false],
  [param('baseline_days', 'days'), '30', true],
  [param('baseline_days', 'days'), '30d', true],
  [param('baseline_days', 'days'), '-1', false],
  [param('baseline_days', 'days'), '36501', false],
  [param('only_open', 'boolean'), 'True', true],
  [param('only_open', 'boolean'), 'yes', false],
  [param('since', 'timestamp'), '2026-01-31', true],
  [param('since', 'timestamp'), '2026-01-31T12:00:00Z', true],
  [param('since', 'timestamp'), '31.1.2026', false],
  [param('account_id'), '111122223333', true],
  [param('account_id'), '1111', false],
  [param('account_id'), '${account}', true],
  [param('key_arn'), 'alias/orders', true],
  [param('key_arn', 'varchar', true), ' ', false],
  [param('key_arn'), '', true],
])('%j given %j: %s', (asked, value, right) => {
  expect(wrongParam(asked, value) === undefined).toBe(right);
});

test('says what is missing by name', () => {
  const params = [param('max_rows', 'integer'), param('key_arn', 'varchar', true)];
  expect(missingParam(params, {})).toBe('Key ARN has to be given.');
  expect(missingParam(params, { key_arn: 'x', max_rows: 'many' })).toBe('Max rows: This has to be a whole number.');
  expect(missingParam(params, { key_arn: 'x' })).toBeUndefined();
});

test('labels are for people', () => {
  expect(labelOf(param('account_id'))).toBe('Account id');
});

const query = (id: string, title: string, description: string, params: Param[] = []): NamedQuery => ({
  id,
  title,
  description,
  grain: 'one row per key',
  params,
  columns: [{ name: 'quota_name', type: 'VARCHAR', doc: '' }],
  window: true,
});

test('parameters go along to a query that has them', () => {
  const to = query('principal_timeline', '', '', [param('principal'), param('key_arn')]);
  expect(carryParams(to, { principal_arn: 'arn:p', key_arn: 'arn:k', max_rows: '5' })).toEqual({
    principal: 'arn:p',
    key_arn: 'arn:k',
  });
});

test('search finds all words anywhere, titles first', () => {
  const queries = [
    query('b', 'Cost', 'What denied calls cost'),
    query('denied_calls', 'Denied calls', 'Who was denied'),
  ];
  const ids = (search: string) => searchNamed(queries, search).map(({ id }) => id);
  expect(ids('')).toEqual(['b', 'denied_calls']);
  expect(ids('DENIED')).toEqual(['denied_calls', 'b']);
  expect(ids('denied cost')).toEqual(['b']);
  expect(ids('quota_name')).toHaveLength(2);
  expect(ids('nothing')).toEqual([]);
});
