import {
  AdHocVariableFilter,
  DataSourceGetTagKeysOptions,
  DataSourceGetTagValuesOptions,
  MetricFindValue,
} from '@grafana/data';
import { Resources, ValueQuery } from '../resources';
import { AdHocFilter, AdHocOperator, KmsQuery, SchemaTable, Value, ValueKind } from '../types';

/** The dashboard's filters as the backend takes them; those without a column are still being typed. */
export function adHocFilters(filters: AdHocVariableFilter[] = []): AdHocFilter[] {
  return filters
    .filter(({ key, operator }) => key && operator)
    .map(({ key, operator, value, values }) => {
      const filter: AdHocFilter = { key, operator: operator as AdHocOperator, value: value ?? '' };
      return operator.endsWith('|') ? { ...filter, values: values?.length ? values : [filter.value] } : filter;
    });
}

/** What columns are about, where people want to see names. */
export function kindOfColumn(column: string): ValueKind | undefined {
  return column.endsWith('account_id') ? 'account' : COLUMN_KINDS[column];
}

const COLUMN_KINDS: Record<string, ValueKind | undefined> = {
  region: 'region',
  key_arn: 'key',
  principal_arn: 'principal',
  detector_id: 'detector',
  severity: 'severity',
  status: 'status',
  service: 'service',
  event_name: 'operation',
};

/** Columns that people filter by most, offered first. */
const FIRST = ['key_account_id', 'region', 'key_arn', 'principal_arn', 'service', 'event_name', 'error_class'];

/** Tables in which values of a column are looked for first: small, and about calls. */
const LIKELY = ['usage_hourly', 'findings', 'keys', 'kms_calls'];

/** Columns to filter by: those of the tables that the dashboard's queries name, or of all tables. */
export async function tagKeys(
  resources: Resources,
  options?: DataSourceGetTagKeysOptions<KmsQuery>
): Promise<MetricFindValue[]> {
  const { tables } = await resources.schema();
  const names = new Set<string>();
  for (const table of tablesOf(tables, options?.queries)) {
    table.columns.filter(({ type }) => filterable(type)).forEach(({ name }) => names.add(name));
  }
  const rank = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)).map((text) => ({ text, value: text }));
}

export async function tagValues(
  resources: Resources,
  { key, queries, timeRange }: DataSourceGetTagValuesOptions<KmsQuery>
): Promise<MetricFindValue[]> {
  const range: ValueQuery = timeRange ? { from: timeRange.from.valueOf(), to: timeRange.to.valueOf() } : {};
  const kind = kindOfColumn(key);
  if (kind) {
    return (await resources.values(kind, range)).map(toFindValue);
  }
  const { tables } = await resources.schema();
  const having = (list: SchemaTable[]) => list.find(({ columns }) => columns.some(({ name }) => name === key));
  const table = having(tablesOf(tables, queries)) ?? having(likelyFirst(tables));
  return table ? (await resources.columnValues(table.name, key, range)).map(toFindValue) : [];
}

export function toFindValue({ text, value }: Value): MetricFindValue {
  return { text, value };
}

function tablesOf(tables: SchemaTable[], queries: KmsQuery[] = []): SchemaTable[] {
  const named = new Set(queries.map(({ kind, builder }) => (kind === 'builder' ? builder?.table : undefined)));
  const used = tables.filter(({ name }) => named.has(name));
  // SQL and named queries can read any table.
  return used.length > 0 && !named.has(undefined) ? used : likelyFirst(tables);
}

function likelyFirst(tables: SchemaTable[]): SchemaTable[] {
  const rank = ({ name }: SchemaTable) => (LIKELY.includes(name) ? LIKELY.indexOf(name) : LIKELY.length);
  return [...tables].sort((a, b) => rank(a) - rank(b));
}

function filterable(type: string): boolean {
  return !/^(TIMESTAMP|DATE|TIME|INTERVAL|BLOB|MAP|STRUCT|JSON)/i.test(type);
}
