SELECT
  $__timeGroupAlias(CAST(day AS TIMESTAMP), 1w),
  sum(call_count) AS call_count
FROM usage_daily
WHERE $__dateFilter(day)
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY "time"
