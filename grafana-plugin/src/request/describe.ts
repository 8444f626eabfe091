import { BuilderMetric, FindingsQuery, KmsQuery, LifecycleQuery } from '../types';

/** A query in a line of text, as lists of queries show it. */
export function describeQuery(query: KmsQuery): string {
  switch (query.kind) {
    case 'sql':
      return (query.sql ?? '').replace(/\s+/g, ' ').trim();
    case 'builder':
      return describeBuilder(query);
    case 'named':
      return describeNamed(query);
    case 'findings':
      return 'Findings' + describeLists(query.findings);
    case 'lifecycle':
      return 'Key changes' + describeLists(query.lifecycle);
    default:
      return '';
  }
}

function describeBuilder({ builder }: KmsQuery): string {
  if (!builder?.table) {
    return '';
  }
  const { metrics = [], columns = [], groupBy = [], filters = [] } = builder;
  const what = metrics.length > 0 ? metrics.map(describeMetric) : columns;
  const by = [...(builder.time ? ['time'] : []), ...groupBy];
  const conditions = filters.map(({ column, operator, values = [] }) =>
    [column, operator, values.join(', ')].join(' ')
  );
  return [
    what.length > 0 ? `${what.join(', ')} from ${builder.table}` : builder.table,
    by.length > 0 ? `by ${by.join(', ')}` : '',
    conditions.length > 0 ? `where ${conditions.join(' and ').trim()}` : '',
  ]
    .filter(Boolean)
    .join(' ');
}

function describeMetric({ aggregate, column }: BuilderMetric): string {
  return column ? `${aggregate.replace('_', ' ')} of ${column}` : aggregate;
}

function describeNamed({ named }: KmsQuery): string {
  const params = Object.entries(named?.params ?? {}).filter(([, value]) => value);
  return [named?.id ?? '', ...params.map(([name, value]) => `${name}=${value}`)].join(' ');
}

function describeLists(lists: FindingsQuery | LifecycleQuery | undefined): string {
  const parts = Object.values(lists ?? {}).filter((list): list is string[] => Array.isArray(list) && list.length > 0);
  return parts.length > 0 ? ': ' + parts.map((list) => list.join(', ')).join('; ') : '';
}
