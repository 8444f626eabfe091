SELECT
  severity,
  status,
  count(*) AS finding_count
FROM findings
WHERE coalesce(first_seen < $__timeTo(), TRUE)
  AND coalesce(last_seen >= $__timeFrom(), TRUE)
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY finding_count DESC, severity, status
LIMIT 1000
