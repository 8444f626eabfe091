import {
  DataFrame,
  Field,
  getDefaultTimeRange,
  LegacyMetricFindQueryOptions,
  MetricFindValue,
  toDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import type { DataSource } from '../datasource';
import { toFindValue } from '../request/adhoc';
import { KmsVariableQuery } from '../types';

/** Values of one variable at most; Grafana's menus become slow with more. */
export const MAX_VALUES = 5000;

/** The values that a variable lists. */
export async function findValues(
  datasource: DataSource,
  query: KmsVariableQuery,
  options: LegacyMetricFindQueryOptions = {}
): Promise<MetricFindValue[]> {
  const { resources } = datasource;
  const search = searchOf(datasource, query, options);
  const ask = {
    ...(search && { search }),
    ...(options.range && { from: options.range.from.valueOf(), to: options.range.to.valueOf() }),
    limit: MAX_VALUES,
  };
  switch (query.variable) {
    case 'sql':
      return query.sql?.trim() ? findBySql(datasource, query.sql, options) : [];
    case 'column':
      return query.table && query.column
        ? (await resources.columnValues(query.table, query.column, ask)).map(toFindValue)
        : [];
    default:
      return (await resources.values(query.variable, ask)).map(toFindValue);
  }
}

/** The text to look for; nothing is typed in a menu that was not opened. */
function searchOf(datasource: DataSource, { search = '' }: KmsVariableQuery, options: LegacyMetricFindQueryOptions) {
  const text = datasource.template(options.scopedVars).text(search);
  return text.replace(/\$__searchFilter\b|\$\{__searchFilter\}/g, '').trim();
}

async function findBySql(
  datasource: DataSource,
  sql: string,
  { range, scopedVars }: LegacyMetricFindQueryOptions
): Promise<MetricFindValue[]> {
  const { data, errors } = await lastValueFrom(
    datasource.query({
      targets: [{ refId: 'variable', kind: 'sql', format: 'table', sql, limit: MAX_VALUES }],
      range: range ?? getDefaultTimeRange(),
      scopedVars: scopedVars ?? {},
      requestId: '',
      interval: '1m',
      intervalMs: 60_000,
      maxDataPoints: MAX_VALUES,
      timezone: 'utc',
      app: 'variable',
      startTime: Date.now(),
    })
  );
  if (errors?.length) {
    throw new Error(errors[0].message ?? 'The query failed.');
  }
  return data.length > 0 ? valuesOf(toDataFrame(data[0])) : [];
}

/** Rows as values: the columns text and value, or the first column. */
export function valuesOf({ fields }: DataFrame): MetricFindValue[] {
  const named = (name: string) => fields.find((field) => field.name.replace(/^__/, '').toLowerCase() === name);
  const value = named('value') ?? fields.find((field) => field !== named('text')) ?? fields[0];
  const text = named('text') ?? value;
  const found = new Map<string, MetricFindValue>();
  for (let i = 0; i < (value?.values.length ?? 0); i++) {
    if (value.values[i] !== null && value.values[i] !== undefined) {
      const is = textOf(value, i);
      found.set(is, { text: textOf(text, i) || is, value: is });
    }
  }
  return [...found.values()];
}

function textOf(field: Field, i: number): string {
  const value = field.values[i];
  return value === null || value === undefined ? '' : String(value);
}
