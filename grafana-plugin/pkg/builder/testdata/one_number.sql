SELECT sum(call_count) AS call_count
FROM usage_daily
WHERE $__dateFilter(day)
  AND error_class = 'denied'
  AND $__adhocFilters()
