SELECT
  encryption_context['purpose'] AS purpose,
  count(*) AS call_count
FROM kms_calls
WHERE $__timeFilter(event_time)
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY purpose
LIMIT 1000
