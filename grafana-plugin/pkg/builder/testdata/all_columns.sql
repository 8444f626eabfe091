SELECT *
FROM kms_calls
WHERE $__timeFilter(event_time)
  AND $__adhocFilters()
ORDER BY event_time DESC
LIMIT 1000
