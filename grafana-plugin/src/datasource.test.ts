import { CoreApp, DataSourceInstanceSettings } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';
import { DataSource } from './datasource';
import { KmsOptions, KmsQuery, PLUGIN_ID } from './types';

const VARIABLES: Record<string, string> = { account: '111122223333', team: "O'Brien" };

const templates = {
  getVariables: () => [],
  replace: (text: string, _: unknown, format: (value: string) => string) => {
    const value = VARIABLES[text.replace(/[${}]/g, '')];
    return value === undefined ? text : format(value);
  },
} as unknown as TemplateSrv;

const settings = { uid: 'kms', name: 'kmstrail', type: PLUGIN_ID, jsonData: {}, meta: {} };
const datasource = new DataSource(settings as unknown as DataSourceInstanceSettings<KmsOptions>, templates);

const sql = (text: string, part: Partial<KmsQuery> = {}): KmsQuery => ({ refId: 'A', kind: 'sql', sql: text, ...part });
const region = { key: 'region', operator: '=', value: 'eu-west-1' };

test('requests have the values of variables and the filters of the dashboard', () => {
  expect(datasource.applyTemplateVariables(sql("SELECT '$team' WHERE $__accountFilter(a)"), {}, [region])).toEqual({
    ...sql("SELECT 'O''Brien' WHERE $__accountFilter(a)", { uses: ['${account}'] }),
    variables: { account: ['111122223333'] },
    adhoc: [region],
  });
});

test('a panel opened in Explore asks the same there', () => {
  const [explored] = datasource.interpolateVariablesInQueries([sql('SELECT $team')], {}, [region]);
  expect(explored).toMatchObject({
    sql: "SELECT 'O''Brien'",
    adhoc: [region],
    datasource: { uid: 'kms', type: PLUGIN_ID },
  });
  const elsewhere = new DataSource(
    settings as unknown as DataSourceInstanceSettings<KmsOptions>,
    { getVariables: () => [], replace: (text: string) => text } as unknown as TemplateSrv
  );
  expect(elsewhere.applyTemplateVariables(explored, {})).toMatchObject({
    sql: "SELECT 'O''Brien'",
    adhoc: [region],
    variables: { account: ['111122223333'] },
  });
});

test('a new query runs', () => {
  const query = { refId: 'A', ...datasource.getDefaultQuery(CoreApp.Explore) } as KmsQuery;
  expect(datasource.filterQuery(query)).toBe(true);
  expect(datasource.getQueryDisplayText(query)).toContain('usage_hourly');
});

test.each<[Partial<KmsQuery>]>([
  [{ kind: 'sql', sql: ' ' }],
  [{ kind: 'builder', builder: { table: '' } }],
  [{ kind: 'named', named: { id: '', params: {} } }],
  [{ kind: 'sql', sql: 'SELECT 1', hide: true }],
])('what is not complete, or hidden, does not run %#', (query) => {
  expect(datasource.filterQuery({ refId: 'A', ...query } as KmsQuery)).toBe(false);
});

test('what is wrong is run, so that the panel says so', () => {
  const builder = { table: 'usage_hourly', filters: [{ column: 'region', operator: 'in', values: [] }] };
  const query = { refId: 'A', kind: 'builder', builder } as unknown as KmsQuery;
  expect(datasource.filterQuery(query)).toBe(true);
  expect(datasource.filterQuery({ ...query, builder: { table: 'usage_hourly', time: {} } })).toBe(true);
});

test('SQL of another datasource stays SQL', async () => {
  // Grafana still asks this where two datasources have no language in common.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const [query] = await datasource.importQueries([{ refId: 'A', rawSql: 'SELECT 1', rawQuery: true } as never]);
  expect(query).toEqual({ refId: 'A', kind: 'sql', sql: 'SELECT 1', datasource: { uid: 'kms', type: PLUGIN_ID } });
});

test('alert rules are told about variables', () => {
  expect(datasource.targetContainsTemplate(sql('SELECT $team'))).toBe(true);
  expect(datasource.targetContainsTemplate(sql('SELECT $__timeFrom()'))).toBe(false);
});

describe('annotations', () => {
  const { prepareAnnotation, prepareQuery } = datasource.annotations!;

  it('begin with findings that matter', () => {
    expect(prepareAnnotation!({ name: 'a' }).target).toMatchObject({
      kind: 'findings',
      findings: { severities: ['critical', 'high'] },
    });
  });

  it('ask for annotations whatever the query is', () => {
    const target = sql('SELECT 1', { format: 'table' });
    expect(prepareAnnotation!({ target }).target).toBe(target);
    expect(prepareQuery!({ name: 'a', enable: true, iconColor: '', target })).toEqual({
      ...target,
      format: 'annotations',
    });
  });
});
