SELECT
  grant_operations,
  count(*) AS grant_count
FROM grants
WHERE coalesce(created_at < $__timeTo(), TRUE)
  AND coalesce(ended_at >= $__timeFrom(), TRUE)
  AND len(list_filter(grant_operations, lambda element: element = 'Decrypt')) > 0
  AND coalesce(len(list_filter(grant_operations, lambda element: element = 'RetireGrant')), 0) = 0
  AND $__filter(grant_operations, services, 'has not')
  AND $__filter(grant_operations, ops, 'has')
  AND coalesce(len(list_filter(grant_operations, lambda element: regexp_matches(element, '^ReEncrypt'))), 0) = 0
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY grant_count DESC, grant_operations
LIMIT 1000
