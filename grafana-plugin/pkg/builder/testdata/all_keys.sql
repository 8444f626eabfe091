SELECT
  key_arn,
  aliases,
  state,
  last_used
FROM keys
WHERE state IN ('PendingDeletion', 'Disabled')
  AND $__adhocFilters()
ORDER BY last_used DESC, key_arn
LIMIT 1000
