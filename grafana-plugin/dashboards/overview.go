package dashboards

import "github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"

// overview is for the wall: what must be acted on, what KMS is used for, and where
// to go on.
func overview() Dashboard {
	return kmsDashboard(overviewUID, "KMS overview",
		"Who uses KMS for what, what needs somebody to act, and how complete the logs are. Every number leads on.",
		"now-7d", append(accountAndRegion(), filters()),
		[]Annotation{findingMarks(), keyChangeMarks(false)},
		[]Panel{
			openFindingsTile(), dyingKeysTile(), quotaTile(), deniedTile(), gapsTile(), newestTile(),
			bars("Calls by operation",
				"KMS calls of all accounts with logs, the eight operations with most calls by name. A step up is a new user or a lost cache, a step down an outage or logs that are missing.",
				"No KMS calls in this range and selection. Is the range after the newest event? The tile Freshness says when that was.",
				18, 9, series(top("u.event_name", "u.call_count", inScope), "{{name}}")).operations(),
			stat("Calls",
				"KMS calls in the range, each counted once, by the records of the accounts that made them. Calls of strangers, of whom only the key's owner has a record, are in the cross-account ledger.",
				"0", "short", table(overviewSums("sum(u.call_count)"))).size(6, 3),
			stat("Keys called", "Different keys that were called in the range, whatever the outcome.", "0", "short",
				table(overviewSums("count(DISTINCT u.key_arn)"))).size(6, 3).under(),
			stat("Callers", "Different principals and services that called KMS in the range.", "0", "short",
				table(overviewSums("count(DISTINCT u.caller_id)"))).size(6, 3).under(),
			openFindings(), accountsTable(), keysTable(), callersTable(),
			bars("Calls that failed",
				"Failed calls by class of the error. pending_deletion and disabled mean that somebody needs a key that is on its way out: act before the deletion date. throttled means that a quota was reached.",
				"No call failed in this range and selection.",
				12, 9, series(top("u.error_class", "u.call_count", inScope+" AND u.error_class IS NOT NULL"), "{{name}}")).errors(),
			keyChangesTable(), servicesRanking(),
			row("Raw events of the last day of the range", lastEvents("",
				"($__accountFilter(e.caller_account_id) OR $__accountFilter(e.key_account_id)) AND $__regionFilter(e.region)")),
		})
}

// overviewSums is one number of all calls in scope.
func overviewSums(number string) string {
	return `SELECT ` + number + ` AS value
FROM ` + totals + ` AS u
WHERE ` + inScope
}

func findingMarks() Annotation {
	return annotation("Findings", red, true, Query{Kind: "findings", Findings: &builder.Findings{
		Severities: []string{"critical"}, Accounts: []string{"$account"}, Regions: []string{"$region"},
	}})
}

func keyChangeMarks(enable bool) Annotation {
	return annotation("Key changes", orange, enable, Query{Kind: "lifecycle", Lifecycle: &builder.Lifecycle{
		Accounts: []string{"$account"},
		Kinds: []string{
			"ScheduleKeyDeletion", "CancelKeyDeletion", "DeleteKey", "DisableKey", "EnableKey", "PutKeyPolicy",
			"DeleteImportedKeyMaterial", "DisableKeyRotation",
		},
	}})
}

func openFindingsTile() Panel {
	return stat("Findings",
		"Findings of severity critical or high in the range that nobody has resolved or suppressed. Look at each: its evidence leads to the events.",
		"0", "short", table(`SELECT count(*) AS value
FROM findings
WHERE severity IN ('critical', 'high') AND status IN ('new', 'in_progress')
  AND first_seen < $__timeTo() AND last_seen >= $__timeFrom()
  AND $__accountFilter(account_id) AND $__regionFilter(region) AND $__adhocFilters(findings)`)).
		colours(blue, 1, red).says("critical or high, open").to("Findings", dashboardURL(findingsUID, same("account", "region")...))
}

func dyingKeysTile() Panel {
	return stat("Dying keys",
		"Keys that refused calls because they are disabled or pending deletion: somebody still needs them. Cancel the deletion, or move the callers, before the data is lost.",
		"0", "short", table(`SELECT count(DISTINCT u.key_arn) AS value
FROM `+totals+` AS u
WHERE u.error_class IN ('pending_deletion', 'disabled') AND `+inScope)).
		colours(blue, 1, red).says("shut off, still called").to("Findings", dashboardURL(findingsUID, append(same("account", "region"), "var-detector=pending_deletion_key_use")...))
}

func quotaTile() Panel {
	return stat("Quota peak",
		"How near the busiest second of the range came to its request quota, over all accounts, Regions and quotas. From 80 % on ask for more or spread the load; over 100 % calls are throttled. A single request is never near a quota of one a second.",
		"no calls", "percentunit", table(`WITH peaks AS (
  SELECT account_id, region, quota_name, max(peak_count) AS peak
  FROM request_rate
  WHERE $__timeFilter(minute, 1m) AND $__accountFilter(account_id) AND $__regionFilter(region) AND $__adhocFilters(request_rate)
  GROUP BY ALL
),
limits AS (
  SELECT peaks.*, quotas.requests_per_second, row_number() OVER (
    PARTITION BY peaks.account_id, peaks.region, peaks.quota_name
    ORDER BY quotas.account_id IS NULL, quotas.origin <> 'override', quotas.region IS NULL, quotas.requests_per_second) AS choice
  FROM peaks
  JOIN quotas ON quotas.quota_name = peaks.quota_name
    AND coalesce(quotas.account_id, peaks.account_id) = peaks.account_id
    AND coalesce(quotas.region, peaks.region) = peaks.region
)
SELECT max(peak / nullif(requests_per_second, 0)) AS value
FROM limits
WHERE choice = 1 AND (peak > 1 OR requests_per_second > 1)`)).decimals(0).colours(blue, 0.8, orange, 1, red).says("in the busiest second")
}

func deniedTile() Panel {
	return stat("Denied",
		"Calls that were refused for lack of permission. A few are normal; a new caller among them is an application that a change broke, or somebody who tries.",
		"0", "short", table(`SELECT sum(u.call_count) AS value
FROM `+totals+` AS u
WHERE u.error_class = 'denied' AND `+inScope)).colours(blue).says("calls refused")
}

func gapsTile() Panel {
	return stat("Log gaps",
		"Days of an account and Region for which log files, or the KMS records in them, are missing. What is quiet there is not known to be quiet.",
		"0", "short", table(`SELECT count(*) AS value
FROM coverage
WHERE $__dateFilter(day) AND (state IN ('gap', 'excluded_or_write_only') OR failed_file_count > 0)
  AND $__accountFilter(account_id) AND $__regionFilter(region) AND $__adhocFilters(coverage)`)).
		colours(blue, 1, orange).says("days of an account missing")
}

func newestTile() Panel {
	p := stat("Freshness",
		"How long before the end of the range the newest event of the store happened. CloudTrail delivers after five to fifteen minutes; from half an hour on look at the server's status page.",
		"no events", "s", table(`SELECT CASE WHEN max(last_event_time) IS NOT NULL THEN greatest(0, date_diff('second', max(last_event_time), $__timeTo())) END AS value
FROM arrivals
WHERE first_event_time < $__timeTo()`)).decimals(0).colours(blue, 1800, orange, 7200, red).says("since the newest event")
	p.FieldConfig.Defaults.Mappings = []Mapping{{Type: "special", Options: map[string]any{
		"match": "null", "result": map[string]any{"text": "no events", "color": red, "index": 0},
	}}}
	return p
}

func openFindings() Panel {
	return grid("Open findings",
		"What the detectors found in the range and nobody has decided about, the most severe first. The summary leads to the finding and its evidence.",
		"No open findings in this range and selection. Whether everything was looked at is on the dashboard of findings, under Verdicts.",
		24, 8, table(findingsWhere("findings.status IN ('new', 'in_progress') AND $__accountFilter(findings.account_id) AND $__regionFilter(findings.region) AND $__adhocFilters(findings)"))).
		findingColumns().hide("status", "first_seen", "status_reason", "region").
		widths("summary", 560)
}

func accountsTable() Panel {
	return grid("Accounts",
		"The accounts that made calls, those with most first. A name leads to the overview of that account alone.",
		"No calls in this range and selection.",
		12, 9, table(`SELECT
  `+accountName("a", "s.account_id")+` AS name,
  s.account_id,
  s.call_count,
  s.denied_count,
  s.failed_count,
  s.key_count,
  s.caller_count
FROM (
  SELECT
    u.paying_account_id AS account_id,
    sum(u.call_count) AS call_count,
    sum(u.call_count) FILTER (u.error_class = 'denied') AS denied_count,
    sum(u.call_count) FILTER (u.error_class IS NOT NULL AND u.error_class NOT IN ('denied', 'dry_run')) AS failed_count,
    count(DISTINCT u.key_arn) AS key_count,
    count(DISTINCT u.caller_id) AS caller_count
  FROM `+totals+` AS u
  WHERE `+inScope+`
  GROUP BY ALL
  HAVING sum(u.call_count) > 0
) AS s
LEFT JOIN accounts AS a ON a.account_id = s.account_id
ORDER BY s.call_count DESC, s.account_id
LIMIT 500`)).hide("account_id").
		field("name", called("Account"), leads(toAccount("account_id"))).
		field("key_count", called("Keys")).field("caller_count", called("Callers")).field("failed_count", called("Failed otherwise")).
		widths("call_count", 90, "denied_count", 80, "failed_count", 130, "key_count", 75, "caller_count", 80)
}

func keysTable() Panel {
	return grid("Keys",
		"The keys that were called most, by alias, with the share that failed. A name leads to all about the key.",
		"No key was called in this range and selection.",
		12, 9, table(`SELECT
  `+keyName("s.key_arn")+` AS name,
  s.key_arn,
  `+accountName("a", "s.key_account_id")+` AS owner,
  s.region,
  s.call_count,
  s.failed_count,
  s.caller_count,
  k.state
FROM (
  SELECT
    u.key_arn, u.key_account_id, u.region,
    greatest(sum(u.caller_use_count), sum(u.use_count)) AS call_count,
    sum(greatest(u.caller_use_count, u.use_count)) FILTER (u.error_class <> 'dry_run') AS failed_count,
    count(DISTINCT u.caller_id) AS caller_count
  FROM `+totals+` AS u
  WHERE u.key_arn IS NOT NULL AND `+inScope+`
  GROUP BY ALL
  ORDER BY call_count DESC, u.key_arn
  LIMIT 100
) AS s
LEFT JOIN accounts AS a ON a.account_id = s.key_account_id
LEFT JOIN keys AS k ON k.key_arn = s.key_arn
ORDER BY s.call_count DESC, s.key_arn`)).hide("key_arn").
		field("name", called("Key"), leads(toKey())).
		field("owner", called("Owner")).field("failed_count", called("Failed")).field("caller_count", called("Callers")).
		widths("region", 105, "call_count", 70, "failed_count", 65, "caller_count", 70, "state", 125, "owner", 125)
}

func callersTable() Panel {
	return grid("Callers",
		"The principals and services with most calls. A name leads to all that the principal did.",
		"No caller in this range and selection.",
		12, 9, table(`SELECT
  `+principalName("s.principal_arn", "s.caller_id")+` AS name,
  coalesce(s.principal_arn, s.caller_id) AS caller,
  `+accountName("a", "s.caller_account_id")+` AS account,
  s.actor_kind,
  s.call_count,
  s.denied_count,
  s.key_count,
  s.last_seen
FROM (
  SELECT
    u.caller_id, max(u.principal_arn) AS principal_arn, max(u.caller_account_id) AS caller_account_id, max(u.actor_kind) AS actor_kind,
    sum(u.call_count) AS call_count,
    sum(u.call_count) FILTER (u.error_class = 'denied') AS denied_count,
    count(DISTINCT u.key_arn) AS key_count,
    max(u.last_event_time) AS last_seen
  FROM `+totals+` AS u
  WHERE `+inScope+`
  GROUP BY u.caller_id
  HAVING sum(u.call_count) > 0
  ORDER BY call_count DESC, u.caller_id
  LIMIT 100
) AS s
LEFT JOIN accounts AS a ON a.account_id = s.caller_account_id
ORDER BY s.call_count DESC, s.caller_id`)).hide("caller").
		field("name", called("Caller"), leads(toPrincipal("caller"))).
		field("account", called("Account")).field("key_count", called("Keys")).
		widths("account", 125, "actor_kind", 95, "call_count", 70, "denied_count", 70, "key_count", 55, "last_seen", 160)
}

func servicesRanking() Panel {
	return ranking("AWS services behind the calls",
		"Calls by the AWS service that made them for somebody; direct are those that programs and people made themselves.",
		"No calls in this range and selection.",
		8, 9, table(`SELECT coalesce(u.service, 'direct') AS service, sum(u.call_count) AS call_count
FROM `+totals+` AS u
WHERE `+inScope+`
GROUP BY ALL
HAVING sum(u.call_count) > 0
ORDER BY call_count DESC, service
LIMIT 25`))
}

func keyChangesTable() Panel {
	return grid("Changes to keys",
		"What was done to keys: state, policy, tags, aliases, rotation. The event id leads to the original record.",
		"Nobody changed a key in this range and selection.",
		16, 9, table(changesWhere("$__accountFilter(c.account_id) AND $__regionFilter(c.region) AND $__adhocFilters(c)"))).changeColumns()
}

// changesWhere are changes to keys in the range that fit a condition on key_changes
// c.
func changesWhere(where string) string {
	return `SELECT
  c.event_time,
  c.event_name,
  ` + accountName("a", "c.account_id") + ` AS owner,
  c.account_id,
  ` + keyName("c.key_arn") + ` AS name,
  c.key_arn,
  coalesce(c.principal_arn, 'KMS itself') AS done_by,
  c.alias_name,
  c.deletion_date,
  CAST(c.event_id AS VARCHAR) AS event
FROM key_changes AS c
LEFT JOIN accounts AS a ON a.account_id = c.account_id
LEFT JOIN key_names AS k ON k.key_arn = c.key_arn
WHERE $__timeFilter(c.event_time) AND ` + where + `
ORDER BY c.event_time DESC, c.change_rank DESC, c.event_id
LIMIT 500`
}

// changeColumns show them.
func (p Panel) changeColumns() Panel {
	return p.hide("account_id", "key_arn").
		field("owner", called("Account"), leads(toAccount("account_id")), width(130)).
		field("name", called("Key"), leads(toKey())).
		field("done_by", called("Done by"), short(), leads(principalItself())).
		field("event", called("Event")).
		field("alias_name", called("Alias")).
		widths("event_time", 160, "event_name", 170, "done_by", 180, "alias_name", 150, "deletion_date", 160, "event", 290)
}

// lastEvents are records of the last day of the range that fit a condition on
// kms_events e.
func lastEvents(of, where string) Panel {
	return grid("Raw events"+of+", last day of the range",
		"The newest records, at most 200, of the last day of the range. The event id leads to the original record.",
		"No record on the last day of the range.",
		24, 9, table(rawEvents(where, "greatest($__timeFrom(), $__timeTo() - INTERVAL 1 DAY)"))).eventColumns()
}

func rawEvents(where, from string) string {
	return `SELECT
  e.event_time,
  e.event_name,
  e.error_class,
  e.key_arn AS key,
  e.key_reference,
  e.principal_arn AS caller,
  e.service,
  e.source_ip_address,
  e.error_message,
  CAST(e.event_id AS VARCHAR) AS event
FROM kms_events AS e
WHERE $__timeFilter(e.event_time) AND e.event_time >= ` + from + `
  AND ` + where + ` AND $__adhocFilters(e)
ORDER BY e.event_time DESC, e.event_id
LIMIT 200`
}

// eventColumns show them.
func (p Panel) eventColumns() Panel {
	return p.field("key", called("Key"), short(), leads(keyItself())).
		field("caller", called("Caller"), short(), leads(principalItself())).
		field("key_reference", called("Called as")).field("error_message", inspected()).field("event", called("Event")).
		widths("event_time", 160, "event_name", 150, "error_class", 110, "key", 250, "caller", 180, "service", 110,
			"source_ip_address", 150, "event", 290)
}
