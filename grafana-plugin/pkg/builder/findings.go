package builder

import (
	"fmt"
	"strings"
)

// FindingsSQL writes the statement for findings, with macros: those whose
// evidence reaches into the panel's range, the most severe first, with the names
// of accounts and the aliases of keys. A finding lasts from first_seen to
// last_seen.
func FindingsSQL(f Findings) (string, error) {
	where, err := lists("findings", []selection{
		{"severities", "findings.severity", f.Severities},
		{"statuses", "findings.status", f.Statuses},
		{"detectors", "findings.detector_id", f.Detectors},
		{"accounts", "findings.account_id", f.Accounts},
		{"regions", "findings.region", f.Regions},
		{"keys", "findings.key_arn", f.Keys},
	})
	if err != nil {
		return "", err
	}
	limit := f.Limit
	switch {
	case limit < 0:
		return "", wrong("findings.limit", "a limit cannot be negative")
	case limit == 0:
		limit = DefaultRows
	}
	return fmt.Sprintf(`SELECT
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
  AND findings.last_seen >= $__timeFrom()%s
  AND $__adhocFilters(findings)
ORDER BY
  list_position(['critical', 'high', 'medium', 'low', 'info'], findings.severity),
  findings.last_seen DESC,
  findings.finding_id
LIMIT %d`, where, limit), nil
}

// LifecycleSQL writes the statement for changes of keys in the panel's range,
// with macros: the newest first, with the names of accounts and the aliases of
// keys.
func LifecycleSQL(l Lifecycle) (string, error) {
	where, err := lists("lifecycle", []selection{
		{"keys", "key_changes.key_arn", l.Keys},
		{"accounts", "key_changes.account_id", l.Accounts},
		{"kinds", "key_changes.event_name", l.Kinds},
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`SELECT
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
WHERE $__timeFilter(key_changes.event_time)%s
  AND $__adhocFilters(key_changes)
ORDER BY key_changes.event_time DESC, key_changes.change_rank DESC, key_changes.event_id
LIMIT %d`, where, DefaultRows), nil
}

// selection is a list of values that a column may have.
type selection struct {
	field, column string
	values        []string
}

// lists writes selections as conditions to put behind others; an empty one
// selects all.
func lists(kind string, selections []selection) (string, error) {
	var b strings.Builder
	for _, s := range selections {
		if len(s.values) == 0 {
			continue
		}
		f := Filter{Operator: "in", Values: s.values}
		conditions, err := f.conditions(kind+"."+s.field, operand{sql: s.column, columnType: "VARCHAR", name: s.column})
		if err != nil {
			return "", wrong(kind+"."+s.field, "%s", err.Message)
		}
		b.WriteString("\n  AND " + strings.Join(conditions, "\n  AND "))
	}
	return b.String(), nil
}
