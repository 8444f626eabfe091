SELECT
  key_account_id,
  count(*) AS caller_count,
  sum(call_count) AS call_count,
  max(last_used) AS max_last_used
FROM key_use
WHERE coalesce(first_seen < $__timeTo(), TRUE)
  AND coalesce(last_seen >= $__timeFrom(), TRUE)
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY caller_count DESC, key_account_id
LIMIT 1000
