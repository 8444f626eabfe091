SELECT
  $__timeGroupAlias(second, 10s),
  sum(throttled_count) AS throttled_count,
  sum(request_count) AS request_count
FROM request_seconds
WHERE $__timeFilter(second, 1s)
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY "time"
