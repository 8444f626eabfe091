import type { Suggestion } from './complete';

const snippet = (label: string, detail: string, insert: string): Suggestion => ({
  label,
  kind: 'snippet',
  detail,
  insert,
  stops: true,
  documentation: '```sql\n' + insert.replace(/\$\{\d+:([^}]*)\}/g, '$1').replace(/\\\$/g, '$') + '\n```',
  rank: 2,
});

/** Statements to begin with, offered where nothing is written yet. Dollars that are no tab stop are escaped. */
export const snippets: readonly Suggestion[] = [
  snippet(
    'calls over time',
    'time series',
    `SELECT
  \\$__timeGroupAlias(hour, auto),
  \${1:event_name},
  sum(call_count) AS calls
FROM usage_hourly
WHERE \\$__timeFilter(hour)
  AND \\$__accountFilter(key_account_id)
GROUP BY ALL
ORDER BY 1`
  ),
  snippet(
    'calls by key',
    'table',
    `SELECT
  key_arn,
  count(*) AS calls,
  max(event_time) AS last_call
FROM kms_calls
WHERE \\$__timeFilter(event_time)
  AND \\$__keyFilter(key_arn)
GROUP BY ALL
ORDER BY calls DESC
LIMIT \${1:100}`
  ),
  snippet(
    'single calls',
    'table',
    `SELECT
  event_time,
  event_name,
  key_arn,
  principal_arn,
  error_class
FROM kms_calls
WHERE \\$__timeFilter(event_time)
  AND \${1:error_class = 'denied'}
ORDER BY event_time DESC
LIMIT \${2:100}`
  ),
  snippet(
    'share of errors',
    'time series',
    `SELECT
  \\$__timeGroupAlias(event_time, auto),
  count_if(error_class = '\${1:denied}') / count(*) AS error_ratio
FROM kms_calls
WHERE \\$__timeFilter(event_time)
GROUP BY ALL
ORDER BY 1`
  ),
];
