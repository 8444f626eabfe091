SELECT
  event_time,
  event_name,
  principal_arn,
  encryption_context,
  grant_operations,
  event_id
FROM kms_events
WHERE $__timeFilter(event_time)
  AND event_time >= TIMESTAMP '2026-10-05 12:00:00'
  AND mfa IS NULL
  AND event_id IS DISTINCT FROM '1234abcd-12ab-34cd-56ef-1234567890ab'
  AND read_only = TRUE
  AND (NOT (regexp_matches(user_agent, '(?i)aws-sdk') OR regexp_matches(user_agent, 'x''y')) OR user_agent IS NULL)
  AND record_index IN (0, 1, 2)
  AND $__adhocFilters()
ORDER BY event_time DESC
LIMIT 50
