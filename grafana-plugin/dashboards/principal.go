package dashboards

// principal is all that one role or user did.
func principal() Dashboard {
	return kmsDashboard(principalUID, "KMS principal",
		"All that a role or user did with KMS: keys, operations, outcomes, addresses, and what is new.",
		"now-7d", []Variable{single("principal", "Principal"), filters()},
		[]Annotation{annotation("Findings", red, true, Query{Kind: "sql", SQL: `SELECT first_seen AS time, last_seen AS "timeEnd", severity || ': ' || detector_id AS title, summary AS text, severity AS tags
FROM findings
WHERE $__principalFilter(principal_arn) AND first_seen < $__timeTo() AND last_seen >= $__timeFrom()
ORDER BY first_seen
LIMIT 200`})},
		[]Panel{
			principalTile("Calls", "Calls that the principal made in the range.", "sum(u.call_count)", "short").says("calls made"),
			principalTile("Denied calls", "Calls that were refused for lack of permission. The table Denied and failed calls has them by key.",
				"coalesce(sum(u.call_count) FILTER (u.error_class = 'denied'), 0)", "short").colours(blue, 1, orange).says("calls refused"),
			principalTile("Keys called", "Different keys that the principal called in the range, whatever the outcome.", "count(DISTINCT u.key_arn)", "short").says("keys called"),
			stat("New keys", "Keys that the principal called in the range for the first time since the logs begin. A new key that nobody can explain is worth a question.", "0", "short",
				table(`SELECT count(*) AS value
FROM key_use
WHERE `+byPrincipal+` AND first_seen >= $__timeFrom() AND first_seen < $__timeTo()
  AND (SELECT min(first_event_time) FROM arrivals) < $__timeFrom()`)).colours(blue, 1, orange).says("never called before"),
			principalEnd("First seen", "How long before the end of the range the principal first called KMS, as far back as the logs go.", `SELECT date_diff('second', min(first_event_time), $__timeTo()) AS value
FROM usage_monthly
WHERE `+byPrincipal+` AND first_event_time < $__timeTo()
HAVING count(*) > 0`),
			principalEnd("Last seen", "How long before the end of the range the principal last called KMS.", lastTime(byPrincipal)),
			bars("Calls by operation", "What the principal did over time. Something that begins or stops without a release is worth a question.",
				"The principal did not call KMS in this range.", 16, 9, series(top("u.event_name", "u.call_count", ofPrincipal), "{{name}}")).operations(),
			bars("Failed calls", "The principal's failed calls by class of the error.", "No call of the principal failed in this range.", 8, 9,
				series(top("u.error_class", "u.call_count", ofPrincipal+" AND u.error_class IS NOT NULL"), "{{name}}")).errors().
				option("legend", map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{"sum"}}),
			keysOfPrincipal(),
			principalRanking("Operations", "Calls of the principal by operation.", "u.event_name"),
			principalRanking("AWS services", "Calls by the AWS service that made them for the principal; direct are those that it made itself.", "coalesce(u.service, 'direct')"),
			principalRanking("Outcomes", "Calls by outcome; success is all that did not fail.", "coalesce(u.error_class, 'success')"),
			failuresOfPrincipal(),
			grid("Findings", "What the detectors found about the principal in the range. The summary leads to the finding and its evidence.",
				"No detector found anything about the principal in this range.", 24, 6, table(findingsWhere("$__principalFilter(findings.principal_arn)"))).findingColumns().hide("caller", "status_reason"),
			grid("Changes to keys", "What the principal changed about keys in the range. The event id leads to the original record.",
				"The principal changed no key in this range.", 24, 6, table(changesWhere("$__principalFilter(c.principal_arn)"))).changeColumns().hide("done_by"),
			addressesOfPrincipal(),
			lastEvents(" of the principal", eventOfPrincipal),
			row("Single calls of the whole range (raw)",
				grid("Single calls (raw)", "The newest 200 calls of the range. The event id leads to the original record.",
					"The principal did not call KMS in this range.", 24, 12, table(rawEvents(eventOfPrincipal, "$__timeFrom()"))).eventColumns().hide("caller")),
		})
}

// Conditions on usage u, on tables with the same columns, and on kms_events e.
// Service principals have no ARN, and are known by their name.
const (
	ofPrincipal      = "($__principalFilter(u.principal_arn) OR $__filter(u.caller_id, principal))"
	byPrincipal      = "($__principalFilter(principal_arn) OR $__filter(caller_id, principal))"
	eventOfPrincipal = "($__principalFilter(e.principal_arn) OR e.caller_type = 'AWSService' AND $__filter(e.invoked_by, principal))"
)

func principalTile(title, description, numberOf, unit string) Panel {
	return stat(title, description, "0", unit, table(`SELECT `+numberOf+` AS value
FROM `+totals+` AS u
WHERE `+ofPrincipal))
}

func principalEnd(title, description, sql string) Panel {
	return stat(title, description, "never", "s", table(sql)).decimals(0).colours(blue).says("before the end of the range")
}

func principalRanking(title, description, by string) Panel {
	return ranking(title, description, "The principal did not call KMS in this range.", 8, 7, table(`SELECT `+by+` AS name, sum(u.call_count) AS call_count
FROM `+totals+` AS u
WHERE `+ofPrincipal+`
GROUP BY ALL
HAVING sum(u.call_count) > 0
ORDER BY call_count DESC, name
LIMIT 15`))
}

func keysOfPrincipal() Panel {
	return grid("Keys", "The keys that the principal called, with operations and outcome. New are those that it never called before the range, as far as the logs tell.",
		"The principal called no key in this range.", 24, 9, table(`SELECT
  `+keyName("s.key_arn")+` AS name,
  coalesce(s.key_arn, 'none') AS key_arn,
  `+accountName("a", "s.key_account_id")+` AS owner,
  CASE WHEN f.first_seen >= $__timeFrom() AND (SELECT min(first_event_time) FROM arrivals) < $__timeFrom() THEN 'new' ELSE '' END AS new,
  s.operations,
  s.services,
  s.call_count,
  s.denied_count,
  s.failed_count,
  f.first_seen,
  s.last_seen
FROM (
  SELECT
    u.key_arn, u.key_account_id,
    list_sort(list(DISTINCT u.event_name)) AS operations,
    list_sort(list(DISTINCT u.service) FILTER (u.service IS NOT NULL)) AS services,
    sum(u.caller_use_count) AS call_count,
    sum(u.caller_use_count) FILTER (u.error_class = 'denied') AS denied_count,
    sum(u.caller_use_count) FILTER (u.error_class NOT IN ('denied', 'dry_run')) AS failed_count,
    max(u.last_event_time) AS last_seen
  FROM `+totals+` AS u
  WHERE `+ofPrincipal+` AND u.key_arn IS NOT NULL
  GROUP BY ALL
  ORDER BY call_count DESC, u.key_arn
  LIMIT 200
) AS s
LEFT JOIN (
  SELECT key_arn, min(first_event_time) AS first_seen
  FROM usage_monthly
  WHERE `+byPrincipal+`
  GROUP BY key_arn
) AS f ON f.key_arn = s.key_arn
LEFT JOIN accounts AS a ON a.account_id = s.key_account_id
LEFT JOIN key_names AS k ON k.key_arn = s.key_arn
ORDER BY s.call_count DESC, s.key_arn`)).hide("key_arn").
		field("name", called("Key"), leads(toKey())).
		field("new", append(textColours(orange), called("New"), width(60))...).
		field("owner", called("Owner")).field("failed_count", called("Failed otherwise")).
		field("services", pills()...).field("operations", pills()...).
		widths("owner", 130, "call_count", 80, "denied_count", 75, "failed_count", 120, "first_seen", 160, "last_seen", 160)
}

func failuresOfPrincipal() Panel {
	return grid("Denied and failed calls", "What the principal tried in vain, by key and reason. Messages are in the raw events.",
		"No call of the principal failed in this range.", 24, 7, table(`SELECT
  s.error_class,
  s.event_name,
  `+keyName("s.key_arn")+` AS name,
  coalesce(s.key_arn, 'none') AS key_arn,
  `+accountName("a", "s.key_account_id")+` AS owner,
  s.call_count,
  s.first_seen,
  s.last_seen
FROM (
  SELECT u.error_class, u.event_name, u.key_arn, u.key_account_id, sum(u.call_count) AS call_count,
    min(u.first_event_time) AS first_seen, max(u.last_event_time) AS last_seen
  FROM `+totals+` AS u
  WHERE `+ofPrincipal+` AND u.error_class IS NOT NULL
  GROUP BY ALL
  ORDER BY call_count DESC
  LIMIT 100
) AS s
LEFT JOIN accounts AS a ON a.account_id = s.key_account_id
LEFT JOIN key_names AS k ON k.key_arn = s.key_arn
ORDER BY s.error_class = 'denied' DESC, s.call_count DESC, s.key_arn, s.event_name`)).hide("key_arn").
		field("name", called("Key"), leads(toKey())).field("owner", called("Owner")).
		widths("error_class", 140, "event_name", 200, "owner", 140, "call_count", 80, "first_seen", 160, "last_seen", 160)
}

func addressesOfPrincipal() Panel {
	return grid("Source addresses"+lately, "Where the principal called from "+latelyOf+", at most 100 addresses. Names of services stand for calls that they made for it.",
		"The principal did not call KMS "+latelyNone+".", 24, 6, table(`SELECT
  e.source_ip_address,
  e.vpc_endpoint_id,
  e.user_agent,
  count(*) AS call_count,
  count(*) FILTER (e.error_class = 'denied') AS denied_count,
  min(e.event_time) AS first_seen,
  max(e.event_time) AS last_seen
FROM kms_events AS e
WHERE `+late("e.event_time", ofPrincipal)+`
  AND `+eventOfPrincipal+` AND e.record_copy IN ('single', 'caller')
GROUP BY ALL
ORDER BY call_count DESC, e.source_ip_address, e.user_agent
LIMIT 100`)).field("user_agent", inspected()).widths("source_ip_address", 200, "vpc_endpoint_id", 190, "call_count", 80, "denied_count", 75, "first_seen", 160, "last_seen", 160)
}
