SELECT
  findings.severity,
  findings.status,
  findings.detector_id,
  findings.summary,
  findings.account_id,
  accounts.account_name,
  findings.region,
  findings.key_arn,
  key_names.aliases,
  findings.principal_arn,
  findings.event_count,
  findings.first_seen,
  findings.last_seen,
  findings.status_reason,
  findings.finding_id
FROM findings
LEFT JOIN accounts ON accounts.account_id = findings.account_id
LEFT JOIN key_names ON key_names.key_arn = findings.key_arn
WHERE findings.first_seen < $__timeTo()
  AND findings.last_seen >= $__timeFrom()
  AND findings.severity IN ('medium', 'high')
  AND findings.status = 'new'
  AND findings.detector_id = 'encryption_context_tag_mismatch'
  AND (findings.account_id = '111122223333' OR $__filter(findings.account_id, account))
  AND $__filter(findings.region, region)
  AND $__keyFilter(findings.key_arn, key)
  AND $__adhocFilters(findings)
ORDER BY
  list_position(['critical', 'high', 'medium', 'low', 'info'], findings.severity),
  findings.last_seen DESC,
  findings.finding_id
LIMIT 20
