SELECT
  $__timeGroupAlias(event_time, auto),
  count(*) AS call_count
FROM kms_calls
WHERE $__timeFilter(event_time)
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY "time"
