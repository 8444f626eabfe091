import type { Builder, KmsQuery, NamedQuery } from '../../types';

import { isVariable } from './builder';
import { carryParams, inputOf, type Param } from './params';
import type { QueryPart } from './query';

/** A query for a task, ready to run. */
export interface Template {
  id: string;
  title: string;
  description: string;
  group: 'Use of keys' | 'Access' | 'Findings and changes' | 'Limits and cost' | 'Looking closely';
  query: QueryPart;
}

const numbers = (builder: Builder, more: Partial<QueryPart> = {}): QueryPart => ({ kind: 'builder', builder, ...more });
const named = (id: string, params: Record<string, string> = {}): QueryPart => ({
  kind: 'named',
  format: 'table',
  named: { id, params },
});

const hourly = (groupBy: string[], more: Partial<Builder> = {}): Builder => ({
  table: 'usage_hourly',
  time: { column: 'hour', bucket: 'auto' },
  metrics: [{ aggregate: 'sum', column: 'call_count', alias: 'calls' }],
  groupBy,
  ...more,
});

/** Templates in the order in which they are offered. Filters that name variables hold nothing where there is no such variable. */
export const templates: readonly Template[] = [
  {
    id: 'calls-by-operation',
    group: 'Use of keys',
    title: 'Calls by operation',
    description: 'How often each KMS operation was called, over time',
    query: numbers(hourly(['event_name'])),
  },
  {
    id: 'calls-by-key',
    group: 'Use of keys',
    title: 'Calls by key',
    description: 'The busiest keys, over time',
    query: numbers(hourly(['key_arn'], { filters: [{ column: 'key_arn', operator: 'is not null' }], limit: 10 })),
  },
  {
    id: 'calls-by-service',
    group: 'Use of keys',
    title: 'Calls by AWS service',
    description: 'Which services call KMS for you, over time; direct calls have none',
    query: numbers(hourly(['service'])),
  },
  {
    id: 'calls-by-account',
    group: 'Use of keys',
    title: 'Calls by account',
    description: 'Which accounts call KMS, over time',
    query: numbers(hourly(['caller_account_id'])),
  },
  {
    id: 'key-users',
    group: 'Use of keys',
    title: 'Who uses a key',
    description: 'Callers of a key with services, operations and outcomes',
    query: named('key_users'),
  },
  {
    id: 'what-breaks',
    group: 'Use of keys',
    title: 'What breaks without a key',
    description: 'Services, callers and resources that need a key',
    query: named('what_breaks'),
  },
  {
    id: 'unused-keys',
    group: 'Use of keys',
    title: 'Unused keys',
    description: 'Keys without a successful use in the range, longest unused first',
    query: named('unused_keys'),
  },
  {
    id: 'denied-over-time',
    group: 'Access',
    title: 'Denied calls over time',
    description: 'Calls that were refused for lack of permission, by account',
    query: numbers(
      hourly(['caller_account_id'], {
        metrics: [{ aggregate: 'sum', column: 'call_count', alias: 'denied' }],
        filters: [{ column: 'error_class', operator: '=', values: ['denied'] }],
      }),
      { fill: 'zero' }
    ),
  },
  {
    id: 'denied-calls',
    group: 'Access',
    title: 'Denied calls',
    description: 'Who was denied what, with the message that tells why',
    query: named('denied_calls'),
  },
  {
    id: 'cross-account',
    group: 'Access',
    title: 'Cross-account use',
    description: 'Which account uses which keys of which other account',
    query: named('cross_account_ledger'),
  },
  {
    id: 'principal',
    group: 'Access',
    title: 'What a principal did',
    description: 'By key, operation, service and outcome, refused calls included',
    query: named('principal_activity'),
  },
  {
    id: 'findings',
    group: 'Findings and changes',
    title: 'Open findings',
    description: 'What the detectors found and nobody has settled yet',
    query: { kind: 'findings', format: 'table', findings: { statuses: ['new', 'in_progress'] } },
  },
  {
    id: 'findings-marks',
    group: 'Findings and changes',
    title: 'Findings as annotations',
    description: 'Marks on graphs for findings of high severity',
    query: { kind: 'findings', format: 'annotations', findings: { severities: ['critical', 'high'] } },
  },
  {
    id: 'changes',
    group: 'Findings and changes',
    title: 'Changes of keys',
    description: 'Who created, disabled or scheduled keys for deletion, and changed policies, aliases and tags',
    query: { kind: 'lifecycle', format: 'table', lifecycle: {} },
  },
  {
    id: 'deletion',
    group: 'Findings and changes',
    title: 'Keys on their way to deletion',
    description: 'Disabled keys and those pending deletion, and whether anybody still calls',
    query: named('deletion_soak'),
  },
  {
    id: 'quota-headroom',
    group: 'Limits and cost',
    title: 'Quota headroom',
    description: 'How near each account came to its request quotas',
    query: named('quota_headroom'),
  },
  {
    id: 'request-peaks',
    group: 'Limits and cost',
    title: 'Requests in the busiest second',
    description: 'The peak of each bucket by quota, over time',
    query: numbers({
      table: 'request_rate',
      time: { column: 'minute', bucket: 'auto' },
      metrics: [{ aggregate: 'max', column: 'peak_count', alias: 'peak' }],
      groupBy: ['quota_name'],
    }),
  },
  {
    id: 'cost',
    group: 'Limits and cost',
    title: 'Cost by account',
    description: 'Requests and what they cost at list prices',
    query: named('cost_by_account'),
  },
  {
    id: 'raw-events',
    group: 'Looking closely',
    title: 'Raw events of a key',
    description: 'The records themselves as log lines, newest first',
    query: numbers(
      {
        table: 'kms_events',
        filters: [{ column: 'key_arn', operator: 'in', values: ['$key'] }],
        orderBy: [{ column: 'event_time', descending: true }],
        limit: 500,
      },
      { format: 'logs' }
    ),
  },
  {
    id: 'coverage',
    group: 'Looking closely',
    title: 'Gaps in the logs',
    description: 'Where silence means nothing, because logs are missing',
    query: named('coverage_gaps'),
  },
  {
    id: 'sql',
    group: 'Looking closely',
    title: 'SQL to begin with',
    description: 'Calls over time, with time, account and key filters',
    query: {
      kind: 'sql',
      sql: `SELECT
  $__timeGroupAlias(hour, auto),
  event_name,
  sum(call_count) AS calls
FROM usage_hourly
WHERE $__timeFilter(hour)
  AND $__accountFilter(key_account_id)
  AND $__keyFilter(key_arn)
GROUP BY ALL
ORDER BY 1`,
    },
  },
];

/** What a template can be fitted to. */
export interface Surroundings {
  /** Names of dashboard variables. */
  variables?: readonly string[];
  /** Named queries of the server, where they are known. */
  named?: readonly NamedQuery[];
}

/**
 * The query with a template in place of its kind's state; the states of other kinds stay. Where the dashboard has a
 * variable for what the template needs, it is filled in; where it has none, it is left to choose.
 */
export function withTemplate(query: KmsQuery, template: Template, around: Surroundings = {}): KmsQuery {
  const { format, fill, limit, legend, ...rest } = query;
  const part: QueryPart = JSON.parse(JSON.stringify(template.query));
  const known = around.variables ?? [];
  part.builder?.filters?.forEach((filter) => {
    filter.values = filter.values?.filter((value) => !isVariable(value) || known.includes(value.replace(/\W/g, '')));
  });
  const { named: call } = part;
  const declared = around.named?.find((candidate) => candidate.id === call?.id);
  if (call && declared) {
    const carried = carryParams(declared, query.named?.params);
    call.params = { ...filledIn(declared, known), ...carried, ...call.params };
  }
  return { ...rest, ...part };
}

/** Parameters that have to be given and for which there is a variable. */
function filledIn(query: NamedQuery, variables: readonly string[]): Record<string, string> {
  const filled = query.params.flatMap((param: Param) => {
    const name = inputOf(param);
    return param.required && variables.includes(name) ? [[param.name, `$${name}`]] : [];
  });
  return Object.fromEntries(filled);
}
