SELECT
  key_arn,
  sum(call_count) AS call_count,
  count(DISTINCT principal_arn) AS distinct_principal_arn_count
FROM usage_daily
WHERE $__dateFilter(day)
  AND error_class IS NULL
  AND $__filter(paying_account_id, account)
  AND $__filter(principal_arn, principal)
  AND service IS DISTINCT FROM 'ebs'
  AND $__filter(service, services, 'not in')
  AND $__filter(principal_arn, pattern, '=~')
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY distinct_principal_arn_count DESC, key_arn
LIMIT 10
