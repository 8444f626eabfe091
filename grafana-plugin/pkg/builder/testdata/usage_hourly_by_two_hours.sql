SELECT
  $__timeGroupAlias(hour, 2h),
  sum(use_count) AS use_count,
  max(call_count) AS max_call_count,
  min(call_count) AS min_call_count
FROM usage_hourly
WHERE $__timeFilter(hour, 1h)
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY "time"
