import { CoreApp } from '@grafana/data';

import type {
  Aggregate,
  Builder,
  Fill,
  FilterOperator,
  Format,
  KmsQuery,
  NamedQueryCall,
  QueryKind,
} from '../../types';
import { macroVariables } from '../../request/interpolate';

import { valuesNeeded } from './builder';
import { missingParam, type Param } from './params';

/** A way to ask, as the editor offers it. */
export interface KindOption {
  value: QueryKind;
  label: string;
  description: string;
}

export const kinds: readonly KindOption[] = [
  { value: 'builder', label: 'Builder', description: 'Choose table, numbers and filters' },
  { value: 'sql', label: 'SQL', description: 'Write DuckDB SQL with macros' },
  { value: 'named', label: 'Named query', description: 'Ask a ready-made question' },
  { value: 'findings', label: 'Findings', description: 'What the detectors found' },
  {
    value: 'lifecycle',
    label: 'Key changes',
    description: 'Creation, deletion, policy, rotation, aliases and tags of keys',
  },
];

export const formats: ReadonlyArray<{ value: Format; label: string; description: string }> = [
  { value: 'auto', label: 'Auto', description: 'Time series when grouped by time, else a table' },
  {
    value: 'time_series',
    label: 'Time series',
    description: 'Numbers over time, a series for each combination of texts',
  },
  { value: 'table', label: 'Table', description: 'Rows as they are' },
  { value: 'logs', label: 'Logs', description: 'A line for each row; needs a time column' },
  { value: 'annotations', label: 'Annotations', description: 'Marks in time: time, timeEnd, title, text, tags' },
];

export const fills: ReadonlyArray<{ value: Fill; label: string; description: string }> = [
  { value: 'none', label: 'None', description: 'Buckets without rows are left out' },
  { value: 'null', label: 'Null', description: 'Buckets without rows are gaps' },
  { value: 'zero', label: 'Zero', description: 'Buckets without rows are 0' },
  { value: 'previous', label: 'Previous', description: 'Buckets without rows repeat the last value' },
];

/** The part of a query that is ours: without refId, datasource and what else Grafana keeps with it. */
export type QueryPart = Omit<KmsQuery, 'refId' | 'datasource' | 'hide' | 'key' | 'queryType'>;

/** The query that a new panel begins with: calls over time, by operation. */
export function defaultQuery(app?: CoreApp | string): QueryPart {
  const builder: Builder = {
    table: 'usage_hourly',
    time: { column: 'hour', bucket: 'auto' },
    metrics: [{ aggregate: 'sum', column: 'call_count', alias: 'calls' }],
    groupBy: ['event_name'],
  };
  if (isAlerting(app)) {
    // One number to compare with a threshold, and groups that people are called for.
    return {
      kind: 'builder',
      builder: {
        ...builder,
        groupBy: ['key_account_id'],
        filters: [{ column: 'error_class', operator: '=', values: ['denied'] }],
      },
    };
  }
  return { kind: 'builder', builder };
}

/** Whether a query is edited for an alert rule: no dashboard, no variables. */
export function isAlerting(app?: CoreApp | string): boolean {
  return app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting;
}

/** Query with the defaults filled in for all that is missing or not understood. */
export function normalise(raw: Partial<KmsQuery>, app?: CoreApp | string): KmsQuery {
  const source: Record<string, unknown> = { ...raw };
  const query = { ...raw } as KmsQuery;
  query.refId = typeof raw.refId === 'string' ? raw.refId : 'A';
  query.sql = text(source.sql) ?? text(source.rawSql) ?? text(source.queryText);
  query.builder = readBuilder(source.builder);
  query.named = readNamed(source.named);
  query.findings = readLists(
    source.findings,
    ['severities', 'statuses', 'detectors', 'accounts', 'regions', 'keys'],
    true
  );
  query.lifecycle = readLists(source.lifecycle, ['keys', 'accounts', 'kinds']);
  query.format = oneOf(
    source.format,
    formats.map((format) => format.value)
  );
  query.fill = oneOf(
    source.fill,
    fills.map((fill) => fill.value)
  );
  query.legend = text(source.legend);
  query.limit = positive(source.limit);
  const kind =
    oneOf(
      source.kind,
      kinds.map((option) => option.value)
    ) ?? guessKind(query);
  if (!kind) {
    const { kind: first, builder } = defaultQuery(app);
    return prune({ ...query, kind: first, builder });
  }
  return prune({ ...query, kind });
}

/** Names that other SQL datasources keep a statement under. */
const foreign = ['rawSql', 'queryText', 'rawQuery', 'editorMode'];

/** The query without undefined, empty or default members: what is saved. */
export function prune(query: KmsQuery): KmsQuery {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === '' || foreign.includes(name)) {
      continue;
    }
    kept[name] = value;
  }
  if (query.format === 'auto') {
    delete kept.format;
  }
  if (query.fill === 'none') {
    delete kept.fill;
  }
  keep(kept, 'builder', query.builder && pruneBuilder(query.builder));
  keep(kept, 'findings', compact(query.findings));
  keep(kept, 'lifecycle', compact(query.lifecycle));
  if (query.named) {
    kept.named = { id: query.named.id, params: pruneParams(query.named.params) };
  }
  const uses = query.kind === 'sql' ? macroVariables(query.sql ?? '').map((name) => `\${${name}}`) : [];
  keep(kept, 'uses', uses);
  // Put in with each request by the datasource.
  delete kept.adhoc;
  delete kept.variables;
  return kept as unknown as KmsQuery;
}

function keep(into: Record<string, unknown>, name: string, value: object | undefined) {
  if (value && Object.keys(value).length > 0) {
    into[name] = value;
  } else {
    delete into[name];
  }
}

/** An object without undefined and empty members; undefined when nothing is left. */
function compact<T extends object>(value: T | undefined): T | undefined {
  const entries = Object.entries(value ?? {}).filter(
    ([, member]) =>
      member !== undefined && member !== '' && member !== false && !(Array.isArray(member) && member.length === 0)
  );
  return entries.length > 0 ? (Object.fromEntries(entries) as T) : undefined;
}

function pruneBuilder(builder: Builder): Builder {
  const { table, time, ...rest } = builder;
  return {
    table,
    // An empty object still says: by time.
    ...(time && { time: compact(time) ?? {} }),
    ...compact({
      ...rest,
      metrics: rest.metrics?.map((metric) => compact(metric)!),
      filters: rest.filters?.map((filter) => ({
        ...compact({ ...filter, values: valuesNeeded(filter.operator) === 'none' ? undefined : filter.values })!,
        column: filter.column,
      })),
      orderBy: rest.orderBy?.map((order) => compact(order)!),
    }),
  };
}

function pruneParams(params: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(params ?? {}).filter(([, value]) => value !== '' && value !== undefined));
}

function guessKind(query: KmsQuery): QueryKind | undefined {
  if (query.sql) {
    return 'sql';
  }
  return kinds.map((option) => option.value).find((kind) => kind !== 'sql' && query[kind] !== undefined);
}

/** The query with another kind; what each kind had stays with it. */
export function withKind(query: KmsQuery, kind: QueryKind): KmsQuery {
  const changed = { ...query, kind };
  if (kind === 'builder' && !changed.builder) {
    changed.builder = defaultQuery().builder;
  }
  if (!formatsOf(kind).includes(changed.format ?? 'auto')) {
    delete changed.format;
  }
  return changed;
}

/** Formats that make sense for a kind. */
export function formatsOf(kind: QueryKind): Format[] {
  return kind === 'findings' || kind === 'lifecycle'
    ? ['auto', 'table', 'logs', 'annotations']
    : ['auto', 'time_series', 'table', 'logs', 'annotations'];
}

/** Whether a query asks nothing. */
export function empty({ kind, sql, builder, named }: KmsQuery): boolean {
  switch (kind) {
    case 'sql':
      return !sql?.trim();
    case 'builder':
      return !builder?.table;
    case 'named':
      return !named?.id;
    default:
      return false;
  }
}

/** Why a query cannot run yet; undefined when it can. */
export function incomplete(query: KmsQuery, params?: readonly Param[]): string | undefined {
  switch (query.kind) {
    case 'sql':
      return query.sql?.trim() ? undefined : 'Write a statement, or begin with a template.';
    case 'builder':
      return incompleteBuilder(query.builder);
    case 'named':
      if (!query.named?.id) {
        return 'Choose a query.';
      }
      return params && missingParam(params, query.named.params);
    default:
      return undefined;
  }
}

function incompleteBuilder(builder: Builder | undefined): string | undefined {
  if (!builder?.table) {
    return 'Choose a table.';
  }
  const metric = builder.metrics?.find((candidate) => candidate.aggregate !== 'count' && !candidate.column);
  if (metric) {
    return `Choose a column for ${metric.aggregate}.`;
  }
  const filter = builder.filters?.find(
    (candidate) => !candidate.column || (valuesNeeded(candidate.operator) !== 'none' && !candidate.values?.length)
  );
  if (filter) {
    return filter.column ? `Choose a value for ${filter.column}.` : 'Choose a column for the filter.';
  }
  if (builder.time && !builder.metrics?.length) {
    return 'Add a number to show over time.';
  }
  return undefined;
}

// ---- Reading JSON that somebody else, or an older version, wrote

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function positive(value: unknown): number | undefined {
  const n = typeof value === 'string' ? Number(value) : value;
  return typeof n === 'number' && Number.isFinite(n) && n >= 1 ? Math.floor(n) : undefined;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((candidate) => candidate === value);
}

/** Texts of a list; a single text counts as a list of one. */
function texts(value: unknown): string[] | undefined {
  const list = (Array.isArray(value) ? value : [value])
    .map((entry) => (typeof entry === 'number' || typeof entry === 'boolean' ? String(entry) : entry))
    .filter((entry): entry is string => typeof entry === 'string');
  return list.length > 0 ? list : undefined;
}

function objects(value: unknown): Array<Record<string, unknown>> {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function readBuilder(value: unknown): Builder | undefined {
  if (!isObject(value) || typeof value.table !== 'string') {
    return undefined;
  }
  return pruneBuilder({
    table: value.table,
    time: isObject(value.time) ? { column: text(value.time.column), bucket: text(value.time.bucket) } : undefined,
    // Aggregates and operators that are not known here stay: the backend refuses them, or knows them.
    metrics: objects(value.metrics).map((metric) => ({
      aggregate: (text(metric.aggregate) ?? '') as Aggregate,
      column: text(metric.column),
      alias: text(metric.alias),
    })),
    groupBy: texts(value.groupBy),
    columns: texts(value.columns),
    filters: objects(value.filters).map((filter) => ({
      column: text(filter.column) ?? '',
      operator: (text(filter.operator) ?? '') as FilterOperator,
      values: texts(filter.values),
    })),
    orderBy: objects(value.orderBy).flatMap((order) => {
      const column = text(order.column);
      return column ? [{ column, descending: order.descending === true }] : [];
    }),
    limit: positive(value.limit),
  });
}

function readNamed(value: unknown): NamedQueryCall | undefined {
  if (!isObject(value)) {
    return undefined;
  }
  const params = Object.entries(isObject(value.params) ? value.params : {}).flatMap(([name, param]) => {
    const values = texts(param);
    return values ? [[name, values.join(',')]] : [];
  });
  return { id: text(value.id) ?? '', params: Object.fromEntries(params) };
}

/** Lists of texts by name, and the limit that findings can have. */
function readLists<T extends object>(value: unknown, names: string[], limited = false): T | undefined {
  if (!isObject(value)) {
    return undefined;
  }
  const lists = Object.fromEntries(names.map((name) => [name, texts(value[name])]));
  return compact({ ...lists, limit: limited ? positive(value.limit) : undefined }) as T | undefined;
}
