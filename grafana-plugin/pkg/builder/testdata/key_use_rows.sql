SELECT *
FROM key_use
WHERE coalesce(first_seen < $__timeTo(), TRUE)
  AND coalesce(last_seen >= $__timeFrom(), TRUE)
  AND len(list_filter(services, lambda element: element = 's3')) > 0
  AND call_count > 1
  AND $__adhocFilters()
ORDER BY first_seen DESC
LIMIT 1000
