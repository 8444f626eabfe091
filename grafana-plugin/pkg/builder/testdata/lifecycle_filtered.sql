SELECT
  key_changes.event_time,
  key_changes.event_name,
  key_changes.account_id,
  accounts.account_name,
  key_changes.region,
  key_changes.key_arn,
  key_names.aliases,
  key_changes.principal_arn,
  key_changes.alias_name,
  key_changes.tags,
  key_changes.key_state,
  key_changes.deletion_date,
  key_changes.rotation_period_days,
  key_changes.event_id
FROM key_changes
LEFT JOIN accounts ON accounts.account_id = key_changes.account_id
LEFT JOIN key_names ON key_names.key_arn = key_changes.key_arn
WHERE $__timeFilter(key_changes.event_time)
  AND $__keyFilter(key_changes.key_arn, key)
  AND $__filter(key_changes.account_id, account)
  AND key_changes.event_name IN ('CreateKey', 'ScheduleKeyDeletion')
  AND $__adhocFilters(key_changes)
ORDER BY key_changes.event_time DESC, key_changes.change_rank DESC, key_changes.event_id
LIMIT 1000
