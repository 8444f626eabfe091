import { QueryFixAction } from '@grafana/data';
import { BuilderFilter, FindingsQuery, KmsQuery } from '../types';

/** What Explore may add to a query when somebody clicks on a value. */
export const QUERY_MODIFICATIONS = ['ADD_FILTER', 'ADD_FILTER_OUT'];

const FINDING_LISTS: Record<string, keyof Omit<FindingsQuery, 'limit'> | undefined> = {
  severity: 'severities',
  status: 'statuses',
  detector_id: 'detectors',
  account_id: 'accounts',
  region: 'regions',
  key_arn: 'keys',
};

/**
 * Filters a query by a value that was clicked on. SQL is not touched: a
 * condition put into it by guessing could filter something else.
 */
export function filterByClick(query: KmsQuery, { type, options }: QueryFixAction): KmsQuery {
  const { key: column, value } = options ?? {};
  if (!column || value === undefined || !QUERY_MODIFICATIONS.includes(type)) {
    return query;
  }
  if (query.kind === 'builder' && query.builder) {
    const filters = filterBy(query.builder.filters ?? [], column, value, type === 'ADD_FILTER');
    return { ...query, builder: { ...query.builder, filters } };
  }
  const list = FINDING_LISTS[column];
  if (query.kind === 'findings' && list && type === 'ADD_FILTER') {
    return { ...query, findings: { ...query.findings, [list]: [value] } };
  }
  return query;
}

/** Replaces what says the same or the opposite. */
function filterBy(filters: BuilderFilter[], column: string, value: string, wanted: boolean): BuilderFilter[] {
  const others = filters.filter(
    (filter) => !(filter.column === column && /^!?=$/.test(filter.operator) && (wanted || filter.values?.[0] === value))
  );
  return [...others, { column, operator: wanted ? '=' : '!=', values: [value] }];
}
