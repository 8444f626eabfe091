import type {
  Aggregate,
  Builder,
  BuilderFilter,
  BuilderMetric,
  FilterOperator,
  SchemaColumn,
  SchemaTable,
} from '../../types';

export const aggregates: readonly Aggregate[] = [
  'sum',
  'count',
  'count_distinct',
  'min',
  'max',
  'avg',
  'p50',
  'p95',
  'p99',
];

export const aggregateLabels: Readonly<Record<Aggregate, { label: string; description: string }>> = {
  sum: { label: 'sum', description: 'Sum of the column' },
  count: { label: 'count', description: 'Number of rows; of a column, rows in which it is not NULL' },
  count_distinct: { label: 'count distinct', description: 'Number of different values' },
  min: { label: 'min', description: 'Smallest value' },
  max: { label: 'max', description: 'Largest value' },
  avg: { label: 'average', description: 'Mean of the values' },
  p50: { label: 'p50', description: 'Median' },
  p95: { label: 'p95', description: '95th percentile' },
  p99: { label: 'p99', description: '99th percentile' },
};

const operatorLabels: Readonly<Record<FilterOperator, string>> = {
  '=': 'is',
  '!=': 'is not',
  in: 'is one of',
  'not in': 'is none of',
  like: 'is like',
  'not like': 'is not like',
  '<': 'less than',
  '<=': 'at most',
  '>': 'greater than',
  '>=': 'at least',
  'is null': 'is empty',
  'is not null': 'is not empty',
  '=~': 'matches',
  '!~': 'does not match',
};

const operatorDescriptions: Partial<Record<FilterOperator, string>> = {
  like: '% stands for any text, _ for one character',
  'not like': '% stands for any text, _ for one character',
  'is null': 'The column is NULL',
  'is not null': 'The column is not NULL',
  '=~': 'Regular expression',
  '!~': 'Regular expression',
};

export const allOperators = Object.keys(operatorLabels) as FilterOperator[];

/** What kind of values a type has, as far as filters and numbers care. */
export type TypeClass = 'text' | 'number' | 'boolean' | 'time' | 'nested' | 'id';

export function typeClass(type: string): TypeClass {
  const name = type.toUpperCase();
  if (/\[\]$|^(MAP|STRUCT|LIST|UNION)\b/.test(name)) {
    return 'nested';
  }
  if (/^(TIMESTAMP|DATE|TIME|DATETIME)/.test(name)) {
    return 'time';
  }
  if (/^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|REAL|DECIMAL|NUMERIC)/.test(name)) {
    return 'number';
  }
  if (name.startsWith('BOOL')) {
    return 'boolean';
  }
  return name === 'UUID' ? 'id' : 'text';
}

const operatorsByClass: Readonly<Record<TypeClass, readonly FilterOperator[]>> = {
  text: ['=', '!=', 'in', 'not in', 'like', 'not like', '=~', '!~', 'is null', 'is not null'],
  id: ['=', '!=', 'in', 'not in', 'is null', 'is not null'],
  number: ['=', '!=', '<', '<=', '>', '>=', 'in', 'not in', 'is null', 'is not null'],
  boolean: ['=', '!=', 'is null', 'is not null'],
  time: ['<', '<=', '>', '>=', '=', '!=', 'is null', 'is not null'],
  nested: ['is null', 'is not null'],
};

export interface Option<T extends string> {
  value: T;
  label: string;
  description?: string;
}

/** Operators that fit the type of a column, and one that is chosen already. */
export function operatorsFor(type: string | undefined, chosen?: FilterOperator): Array<Option<FilterOperator>> {
  const fitting = type === undefined ? allOperators : operatorsByClass[typeClass(type)];
  const shown = chosen && !fitting.includes(chosen) ? [...fitting, chosen] : fitting;
  return shown.map((value) => ({ value, label: operatorLabels[value], description: operatorDescriptions[value] }));
}

/** How many values an operator takes. */
export function valuesNeeded(operator: FilterOperator): 'none' | 'one' | 'many' {
  switch (operator) {
    case 'is null':
    case 'is not null':
      return 'none';
    case 'in':
    case 'not in':
      return 'many';
    default:
      return 'one';
  }
}

/** Columns that an aggregate can be taken of. */
export function columnsFor(aggregate: Aggregate, table: SchemaTable | undefined): SchemaColumn[] {
  const columns = table?.columns ?? [];
  switch (aggregate) {
    case 'sum':
    case 'avg':
    case 'p50':
    case 'p95':
    case 'p99':
      return columns.filter((column) => typeClass(column.type) === 'number');
    case 'min':
    case 'max':
      return columns.filter((column) => ['number', 'time', 'text'].includes(typeClass(column.type)));
    default:
      return columns;
  }
}

/** Why a value does not fit a type; undefined when it does. Variables always do. */
export function wrongValue(type: string | undefined, operator: FilterOperator, value: string): string | undefined {
  if (type === undefined || isVariable(value)) {
    return undefined;
  }
  if (operator === '=~' || operator === '!~') {
    try {
      new RegExp(value.replace(/^\(\?[a-z]+\)/, ''));
      return undefined;
    } catch {
      return 'This is no regular expression.';
    }
  }
  switch (typeClass(type)) {
    case 'number':
      return value.trim() !== '' && Number.isFinite(Number(value)) ? undefined : 'This has to be a number.';
    case 'boolean':
      return /^(true|false)$/i.test(value) ? undefined : 'This has to be true or false.';
    case 'time':
      return /^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?Z?)?$/.test(value)
        ? undefined
        : 'This has to be a time in UTC such as 2026-01-31 12:00.';
    case 'id':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value) ? undefined : 'This has to be a UUID.';
    default:
      return undefined;
  }
}

/** Whether a value names a dashboard variable. */
export function isVariable(value: string): boolean {
  return /^(\$[A-Za-z_]\w*|\$\{\w+(\.[\w.]+)?(:\w+)?\})$/.test(value);
}

// ---- Time

const steps: ReadonlyArray<{ value: string; label: string; seconds: number }> = [
  { value: '1m', label: '1 minute', seconds: 60 },
  { value: '5m', label: '5 minutes', seconds: 300 },
  { value: '15m', label: '15 minutes', seconds: 900 },
  { value: '1h', label: '1 hour', seconds: 3600 },
  { value: '6h', label: '6 hours', seconds: 21_600 },
  { value: '1d', label: '1 day', seconds: 86_400 },
  { value: '7d', label: '7 days', seconds: 604_800 },
  { value: '30d', label: '30 days', seconds: 2_592_000 },
];

/** What rows of a month count as; months have no other bucket than themselves. */
const month = 28 * 86_400;

/** Buckets that rows of the table fill wholly. */
export function buckets(grainSeconds: number, chosen?: string): Array<Option<string>> {
  const fitting = steps
    .filter((step) => grainSeconds === 0 || (grainSeconds !== month && step.seconds % grainSeconds === 0))
    .map(({ value, label }): Option<string> => ({ value, label }));
  const auto = { value: 'auto', label: 'Auto', description: 'As wide as the panel and its range want' };
  const known = [auto, ...fitting];
  return chosen && !known.some((step) => step.value === chosen) ? [...known, { value: chosen, label: chosen }] : known;
}

/** Why a bucket cannot be, as the backend judges; undefined when it can. */
export function wrongBucket(bucket: string, grainSeconds: number): string | undefined {
  if (bucket === 'auto') {
    return undefined;
  }
  if (grainSeconds === month) {
    return 'Rows of this table stand for a month: leave it at auto.';
  }
  const match = /^(\d+)(s|m|h|d|w)$/.exec(bucket);
  if (!match || Number(match[1]) === 0) {
    return 'This has to be a length such as 5m, 1h or 1d.';
  }
  const unit = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[match[2] as 's' | 'm' | 'h' | 'd' | 'w'];
  return grainSeconds > 0 && (Number(match[1]) * unit) % grainSeconds !== 0
    ? `Rows of this table stand for ${length(grainSeconds)}: choose a multiple of that.`
    : undefined;
}

/** A number of seconds for people. */
export function length(seconds: number): string {
  const exact = [...steps].reverse().find((step) => seconds >= step.seconds && seconds % step.seconds === 0);
  if (exact) {
    const n = seconds / exact.seconds;
    return n === 1 ? exact.label : `${n} × ${exact.label}`;
  }
  return seconds === 1 ? '1 second' : `${seconds} seconds`;
}

export function timeColumns(table: SchemaTable | undefined): SchemaColumn[] {
  return (table?.columns ?? []).filter((column) => /^(TIMESTAMP|DATE$|DATETIME)/i.test(column.type));
}

// ---- Changes

/** The number that a table is about: the sum of its first count, else the number of rows. */
export function defaultMetric(table: SchemaTable | undefined): BuilderMetric {
  const counts = columnsFor('sum', table).filter((column) => column.name.endsWith('_count'));
  const count = counts.find((column) => /^(call|request|event|kms_event)_count$/.test(column.name)) ?? counts[0];
  return table && table.grainSeconds > 0 && count ? { aggregate: 'sum', column: count.name } : { aggregate: 'count' };
}

/** The builder for another table: what it has of the choices stays. */
export function withTable(builder: Builder | undefined, table: SchemaTable): Builder {
  const has = (column: string | undefined) => table.columns.some((candidate) => candidate.name === column);
  const metrics = builder?.metrics?.filter((metric) => !metric.column || has(metric.column));
  const rows = Boolean(builder && !builder.metrics?.length);
  const changed: Builder = { table: table.name };
  if (rows) {
    changed.columns = builder!.columns?.filter(has);
  } else {
    changed.metrics = metrics?.length ? metrics : [defaultMetric(table)];
    changed.groupBy = builder?.groupBy?.filter(has);
    if (table.timeColumn && (builder?.time || !builder)) {
      changed.time = { column: table.timeColumn, bucket: 'auto' };
    }
  }
  changed.filters = builder?.filters?.filter((filter) => has(filter.column));
  const named = new Set([...(changed.metrics ?? []).map(metricName), 'time']);
  changed.orderBy = builder?.orderBy?.filter((order) => has(order.column) || named.has(order.column));
  changed.limit = builder?.limit;
  return changed;
}

/** Rows with columns, or numbers of groups. */
export type Mode = 'numbers' | 'rows';

export function modeOf(builder: Builder): Mode {
  return builder.metrics?.length || builder.time || builder.groupBy?.length ? 'numbers' : 'rows';
}

/** The builder with plain rows instead of numbers, or the other way round. */
export function withMode(builder: Builder, mode: Mode, table: SchemaTable | undefined): Builder {
  const { table: name, filters } = builder;
  if (mode === 'rows') {
    const time = table?.timeColumn;
    return {
      table: name,
      filters,
      columns: defaultColumns(table),
      orderBy: time ? [{ column: time, descending: true }] : undefined,
      limit: builder.limit ?? 100,
    };
  }
  return {
    table: name,
    filters,
    time: table?.timeColumn ? { column: table.timeColumn, bucket: 'auto' } : undefined,
    metrics: [defaultMetric(table)],
  };
}

/** Columns that rows of a wide table begin with; none, so all, for a narrow one. */
function defaultColumns(table: SchemaTable | undefined): string[] | undefined {
  if (!table || table.columns.length <= 12) {
    return undefined;
  }
  const wanted = [
    table.timeColumn,
    'event_name',
    'key_arn',
    'principal_arn',
    'caller_account_id',
    'service',
    'error_class',
    'source_ip_address',
    'severity',
    'status',
    'summary',
    'event_id',
  ];
  const found = wanted.filter((name) => table.columns.some((column) => column.name === name));
  return found.length > 2 ? found : undefined;
}

/** How a metric is called in the result, for ORDER BY; the backend names it alike. */
export function metricName(metric: BuilderMetric): string {
  return metric.alias || (metric.column ? `${metric.aggregate}_${metric.column}` : metric.aggregate);
}

/** What rows can be ordered by. */
export function orderColumns(builder: Builder, table: SchemaTable | undefined): string[] {
  if (modeOf(builder) === 'rows') {
    return builder.columns?.length ? builder.columns : (table?.columns ?? []).map((column) => column.name);
  }
  return [
    ...(builder.time ? ['time'] : []),
    ...(builder.groupBy ?? []),
    ...(builder.metrics ?? []).map((metric) => metricName(metric)),
  ];
}

/** A filter whose column was changed: operator and values stay where they fit. */
export function withFilterColumn(filter: BuilderFilter, column: SchemaColumn): BuilderFilter {
  const fitting = operatorsByClass[typeClass(column.type)];
  const operator = fitting.includes(filter.operator) ? filter.operator : fitting[0];
  return withOperator({ column: column.name, operator }, operator);
}

/** A filter with another operator: values stay as far as it takes them. */
export function withOperator(filter: BuilderFilter, operator: FilterOperator): BuilderFilter {
  const values = filter.values ?? [];
  switch (valuesNeeded(operator)) {
    case 'none':
      return { column: filter.column, operator };
    case 'one':
      return { column: filter.column, operator, values: values.slice(0, 1) };
    default:
      return { column: filter.column, operator, values };
  }
}

/** What values of a column are called elsewhere, so that names stand beside them. */
export function valueKindOf(column: string): 'account' | 'region' | 'key' | 'principal' | 'detector' | undefined {
  if (/(^|_)account_id$/.test(column)) {
    return 'account';
  }
  if (/(^|_)region$/.test(column)) {
    return 'region';
  }
  if (/(^|_)key_arn$/.test(column)) {
    return 'key';
  }
  if (column === 'principal_arn' || column === 'principal') {
    return 'principal';
  }
  return column === 'detector_id' ? 'detector' : undefined;
}
