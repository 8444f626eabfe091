// What is saved in dashboards, alert rules and datasource settings, and what the
// backend's resources answer. The Go side of it is in pkg/plugin.
import { DataSourceJsonData } from '@grafana/data';
import { DataQuery } from '@grafana/schema';

export const PLUGIN_ID = 'kmstrail-kms-datasource';

// ---- Queries

export type QueryKind = 'builder' | 'sql' | 'named' | 'findings' | 'lifecycle';

/** auto: a time series when the result is grouped by time, a table otherwise. */
export type Format = 'auto' | 'time_series' | 'table' | 'logs' | 'annotations';

/** What stands in buckets of a time series in which nothing happened. */
export type Fill = 'none' | 'null' | 'zero' | 'previous';

export type Aggregate = 'sum' | 'count' | 'count_distinct' | 'min' | 'max' | 'avg' | 'p50' | 'p95' | 'p99';

export type FilterOperator =
  | '='
  | '!='
  | 'in'
  | 'not in'
  | 'like'
  | 'not like'
  | '<'
  | '<='
  | '>'
  | '>='
  | 'is null'
  | 'is not null'
  | '=~'
  | '!~';

export interface BuilderTime {
  column?: string;
  /** 'auto' or a length such as '5m', '1h', '1d'; never finer than the table's grain. */
  bucket?: string;
}

export interface BuilderMetric {
  aggregate: Aggregate;
  column?: string;
  alias?: string;
}

export interface BuilderFilter {
  column: string;
  operator: FilterOperator;
  /** "$name" or "${name}" is a dashboard variable: its values, or no filter when it is All. */
  values?: string[];
}

export interface BuilderOrder {
  column: string;
  descending?: boolean;
}

export interface Builder {
  table: string;
  /** Present: rows are grouped by time. */
  time?: BuilderTime;
  metrics?: BuilderMetric[];
  groupBy?: string[];
  /** Without metrics: these columns of plain rows. */
  columns?: string[];
  filters?: BuilderFilter[];
  orderBy?: BuilderOrder[];
  limit?: number;
}

export interface NamedQueryCall {
  id: string;
  /** As text; "" or absent is the default. The panel's range is the window. */
  params: Record<string, string>;
}

/** Lists may hold "$name" for a dashboard variable. */
export interface FindingsQuery {
  severities?: string[];
  statuses?: string[];
  detectors?: string[];
  accounts?: string[];
  regions?: string[];
  keys?: string[];
  limit?: number;
}

/** Changes to keys in the range. Lists may hold "$name" for a dashboard variable. */
export interface LifecycleQuery {
  keys?: string[];
  accounts?: string[];
  kinds?: string[];
}

export type AdHocOperator = '=' | '!=' | '=|' | '!=|' | '=~' | '!~' | '<' | '>';

export interface AdHocFilter {
  key: string;
  operator: AdHocOperator;
  value: string;
  /** With the operators =| and !=|. */
  values?: string[];
}

/** The value of a variable that stands for all. */
export const ALL = '$__all';

export interface KmsQuery extends DataQuery {
  kind: QueryKind;
  format?: Format;
  /** Kind sql: DuckDB SQL with macros. */
  sql?: string;
  builder?: Builder;
  named?: NamedQueryCall;
  findings?: FindingsQuery;
  lifecycle?: LifecycleQuery;
  fill?: Fill;
  /** Names of series: text with {{label}}. */
  legend?: string;
  /** Rows at most. */
  limit?: number;
  /** The variables that macros in the SQL use, as ${name}: so that Grafana asks again when one changes. */
  uses?: string[];

  /** Put in with each request, never saved. */
  adhoc?: AdHocFilter[];
  /** Values of the dashboard variables that macros and filters name; [ALL] is all. Never saved. */
  variables?: Record<string, string[]>;
}

// ---- Dashboard variables

export type VariableKind =
  | 'account'
  | 'region'
  | 'key'
  | 'principal'
  | 'detector'
  | 'severity'
  | 'status'
  | 'service'
  | 'operation'
  | 'column'
  | 'sql';

/** What a dashboard variable lists. */
export interface KmsVariableQuery extends DataQuery {
  variable: VariableKind;
  /** Kind column. */
  table?: string;
  column?: string;
  /** Kind sql: the first column, or the columns text and value. */
  sql?: string;
  /** All but sql: only values with this in them; $__searchFilter is what is typed in the variable's menu. */
  search?: string;
}

// ---- Settings

export interface KmsOptions extends DataSourceJsonData {
  /** A token over a connection that others can read: only when this says so. */
  plainText?: boolean;
  tlsAuthWithCACert?: boolean;
  tlsSkipVerify?: boolean;
  /** The name in the server's certificate when it is not the host of the address. */
  serverName?: string;
  timeoutSeconds?: number;
  /** Rows of one query at most. */
  maxRows?: number;
  /** Queries at the same time at most. */
  maxConcurrent?: number;
  /** Panels say so when the newest event is older than this. */
  staleMinutes?: number;
}

export const DEFAULT_OPTIONS = {
  timeoutSeconds: 60,
  maxRows: 100_000,
  maxConcurrent: 16,
  staleMinutes: 60,
} satisfies KmsOptions;

/** Kept encrypted by Grafana and never sent to the browser. */
export interface KmsSecureOptions {
  token?: string;
  /** PEM. */
  tlsCACert?: string;
}

// ---- Answers of the backend's resources

export interface SchemaColumn {
  name: string;
  type: string;
  description: string;
}

export interface SchemaTable {
  name: string;
  kind: string;
  description: string;
  /** "" when rows have no time. */
  timeColumn: string;
  /** Seconds that one row stands for; 0 for single events. */
  grainSeconds: number;
  columns: SchemaColumn[];
}

export interface Schema {
  version: string;
  tables: SchemaTable[];
  functions: string[];
}

export type ValueKind = Exclude<VariableKind, 'column' | 'sql'>;

export interface Value {
  /** For people: an account's name, a key's alias. */
  text: string;
  value: string;
  description?: string;
}

export interface NamedParam {
  name: string;
  /** integer, double, varchar, boolean, timestamp (UTC) or days. */
  type: string;
  /** null is NULL, or no default when the parameter is required. */
  default: string | null;
  doc: string;
  required?: boolean;
}

export interface NamedQuery {
  id: string;
  title: string;
  description: string;
  /** What one row is. */
  grain: string;
  params: NamedParam[];
  columns: Array<{ name: string; type: string; doc: string }>;
  /** The panel's range is the query's window. */
  window: boolean;
}

export interface Macro {
  name: string;
  signature: string;
  doc: string;
  example: string;
  /** What becomes of the example. */
  expands?: string;
}

export interface PreviewRequest {
  query: KmsQuery;
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  intervalMs: number;
  maxDataPoints: number;
  /** Ask the server to plan the statement. */
  check?: boolean;
}

/** Line and columns are 1-based places in the text as typed; 0 when unknown. */
export interface QueryError {
  message: string;
  line: number;
  column: number;
  endColumn: number;
}

export interface Preview {
  /** With macros. */
  sql: string;
  /** As the server gets it. */
  expanded: string;
  notices: string[];
  columns?: Array<{ name: string; type: string }>;
  error?: QueryError;
}

export interface Status {
  version: string;
  eventsFrom: string;
  eventsTo: string;
  delivered: string;
  events: number;
  stale: boolean;
  accounts: number;
  regions: number;
}

/** The body of an answer that is an error. */
export interface ResourceError {
  message: string;
  hint?: string;
}
