import { createDataFrame, dateTime, FieldType, TimeRange } from '@grafana/data';
import { of } from 'rxjs';
import type { DataSource } from '../datasource';
import { KmsVariableQuery } from '../types';
import { findValues } from './find';
import { readVariableQuery } from './kinds';

const range = { from: dateTime(0), to: dateTime(1000) } as TimeRange;
const query = (part: Partial<KmsVariableQuery>): KmsVariableQuery => ({ refId: 'v', variable: 'account', ...part });

function fake(response: object = { data: [] }, typed = 'typed') {
  const values = jest.fn().mockResolvedValue([{ text: 'shop (1)', value: '1', description: 'd' }]);
  const columnValues = jest.fn().mockResolvedValue([]);
  const run = jest.fn().mockReturnValue(of(response));
  const datasource = {
    resources: { values, columnValues },
    query: run,
    template: () => ({ text: (text: string) => (typed ? text.replace('$__searchFilter', typed) : text) }),
  };
  return { values, columnValues, run, datasource: datasource as unknown as DataSource };
}

const strings = (fields: Record<string, Array<string | null>>) =>
  createDataFrame({
    fields: Object.entries(fields).map(([name, values]) => ({ name, values, type: FieldType.string })),
  });

test('names are shown, ids are used', async () => {
  const { datasource, values } = fake();
  expect(await findValues(datasource, query({}), { range })).toEqual([{ text: 'shop (1)', value: '1' }]);
  expect(values).toHaveBeenCalledWith('account', { from: 0, to: 1000, limit: 5000 });
});

test('what is typed in the menu is searched for', async () => {
  const { datasource, values } = fake();
  await findValues(datasource, query({ variable: 'key', search: '$__searchFilter' }));
  expect(values).toHaveBeenCalledWith('key', { search: 'typed', limit: 5000 });
});

test('nothing is searched for before something is typed', async () => {
  const { datasource, values } = fake({ data: [] }, '');
  await findValues(datasource, query({ search: '$__searchFilter' }));
  expect(values).toHaveBeenCalledWith('account', { limit: 5000 });
});

test('values of a column', async () => {
  const { datasource, columnValues } = fake();
  await findValues(datasource, query({ variable: 'column', table: 'keys', column: 'state' }));
  expect(columnValues).toHaveBeenCalledWith('keys', 'state', { limit: 5000 });
  await findValues(datasource, query({ variable: 'column', table: 'keys' }));
  expect(columnValues).toHaveBeenCalledTimes(1);
});

describe('SQL', () => {
  const sql = query({ variable: 'sql', sql: 'SELECT 1' });
  const find = (fields: Record<string, Array<string | null>>) =>
    findValues(fake({ data: [strings(fields)] }).datasource, sql, { range });

  it('lists the first column', async () => {
    expect(await find({ a: ['x', 'y', 'x', null], b: ['1', '2', '3', '4'] })).toEqual([
      { text: 'x', value: 'x' },
      { text: 'y', value: 'y' },
    ]);
  });

  it.each([
    [{ value: ['1', '2'], text: ['one', null] }],
    [{ text: ['one', null], value: ['1', '2'] }],
    [{ __text: ['one', ''], __value: ['1', '2'] }],
  ])('takes columns by name %#', async (fields) => {
    expect(await find(fields)).toEqual([
      { text: 'one', value: '1' },
      { text: '2', value: '2' },
    ]);
  });

  it('is asked for the range of the dashboard', async () => {
    const { datasource, run } = fake();
    expect(await findValues(datasource, sql, { range })).toEqual([]);
    expect(run.mock.calls[0][0]).toMatchObject({ range, targets: [{ kind: 'sql', format: 'table', sql: 'SELECT 1' }] });
  });

  it('fails as the query does', async () => {
    const { datasource } = fake({ data: [], errors: [{ message: 'no such table' }] });
    await expect(findValues(datasource, sql)).rejects.toThrow('no such table');
  });

  it('is not asked while there is none', async () => {
    const { datasource, run } = fake();
    expect(await findValues(datasource, query({ variable: 'sql', sql: ' ' }))).toEqual([]);
    expect(run).not.toHaveBeenCalled();
  });
});

test.each([
  [undefined, { variable: 'account' }],
  ['', { variable: 'account' }],
  ['region', { variable: 'region' }],
  ['SELECT a FROM t', { variable: 'sql', sql: 'SELECT a FROM t' }],
  [
    { refId: 'x', variable: 'key' as const },
    { refId: 'x', variable: 'key' },
  ],
])('readVariableQuery %#', (saved, want) => {
  expect(readVariableQuery(saved)).toMatchObject(want);
});
