SELECT
  event_name,
  sum(call_count) AS call_count
FROM usage_monthly
WHERE $__dateFilter(month, month)
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY call_count DESC, event_name
LIMIT 1000
