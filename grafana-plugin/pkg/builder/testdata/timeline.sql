SELECT *
FROM key_timeline
WHERE coalesce(valid_from < $__timeTo(), TRUE)
  AND coalesce(valid_to >= $__timeFrom(), TRUE)
  AND kind = 'state'
  AND $__adhocFilters()
ORDER BY valid_from DESC
LIMIT 1000
