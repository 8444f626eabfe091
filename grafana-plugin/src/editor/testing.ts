import type { Macro, SchemaTable } from '../types';
import type { Vocabulary } from './sql/complete';

const column = (name: string, type = 'VARCHAR', description = '') => ({ name, type, description });

/** Some tables as the server describes them. */
export const tables: SchemaTable[] = [
  {
    name: 'usage_hourly',
    kind: 'kept',
    description: 'One row per hour, key and caller.',
    timeColumn: 'hour',
    grainSeconds: 3600,
    columns: [
      column('hour', 'TIMESTAMP', 'Start of the hour, UTC.'),
      column('key_arn', 'VARCHAR', 'The key.'),
      column('key_account_id'),
      column('caller_account_id'),
      column('region'),
      column('principal_arn'),
      column('event_name', 'VARCHAR', 'Operation.'),
      column('error_class'),
      column('is_self', 'BOOLEAN'),
      column('call_count', 'BIGINT', 'Calls.'),
      column('use_count', 'BIGINT'),
    ],
  },
  {
    name: 'kms_events',
    kind: 'table',
    description: 'One row per record.',
    timeColumn: 'event_time',
    grainSeconds: 0,
    columns: [
      column('event_id', 'UUID'),
      column('event_time', 'TIMESTAMP'),
      column('event_name'),
      column('key_arn'),
      column('error_class'),
      column('encryption_context', 'MAP(VARCHAR, VARCHAR)'),
    ],
  },
  {
    name: 'accounts',
    kind: 'table',
    description: 'Accounts the configuration names.',
    timeColumn: '',
    grainSeconds: 0,
    columns: [column('account_id'), column('account_name')],
  },
];

export const macros: Macro[] = [
  {
    name: '$__timeFilter',
    signature: '$__timeFilter(column)',
    doc: 'Rows of the range.',
    example: '$__timeFilter(event_time)',
  },
  { name: '$__timeFrom', signature: '$__timeFrom()', doc: 'Start of the range.', example: '' },
  { name: '$__interval', signature: '$__interval', doc: 'Width of a bucket.', example: '' },
  {
    name: '$__timeGroup',
    signature: '$__timeGroup(column, interval[, fill])',
    doc: 'Bucket of a time.',
    example: '',
  },
  { name: '$__keyFilter', signature: '$__keyFilter(column[, variable])', doc: 'Keys of a variable.', example: '' },
];

export const vocabulary: Vocabulary = {
  tables,
  functions: ['count', 'sum', 'max', 'time_bucket', 'date_trunc', 'quux', '+'],
  macros,
  variables: ['key', 'account'],
};
