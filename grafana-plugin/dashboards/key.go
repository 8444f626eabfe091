package dashboards

import "github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"

// key is all about one key: who needs it, what for, what was done to it and
// whether it can go.
func key() Dashboard {
	marks := annotation("Findings", red, true, Query{Kind: "findings", Findings: &builder.Findings{Keys: []string{"$key"}}})
	changes := annotation("Key changes", orange, true, Query{Kind: "lifecycle", Lifecycle: &builder.Lifecycle{Keys: []string{"$key"}}})
	return kmsDashboard(keyUID, "KMS key",
		"All about one KMS key: use, callers, what it protects, grants, its history, and whether anybody still needs it.",
		"now-7d", []Variable{single("key", "Key"), filters()}, []Annotation{marks, changes},
		[]Panel{
			keyStateTile(),
			keyTile("Calls", "Calls that used or named the key in the range, each counted once, from the caller's or the owner's logs, whichever know more.",
				"sum(greatest(s.calls, s.uses))", "short").says("calls"),
			keyTile("Callers", "Different principals and services that called the key in the range, whatever the outcome.",
				"count(DISTINCT s.caller_id)", "short").says("callers"),
			keyTile("Failed calls", "Calls on the key that failed, dry runs apart. The panel Failed calls has them by reason.",
				"coalesce(sum(greatest(s.calls, s.uses)) FILTER (s.error_class <> 'dry_run'), 0)", "short").colours(blue, 1, orange).says("calls failed"),
			stat("Last used", "How long before the end of the range the key was last used with success, as far back as the logs go.", "never used", "s",
				table(lastTime("$__keyFilter(key_arn) AND operation_class = 'cryptographic' AND error_class IS NULL"))).decimals(0).colours(blue).says("before the end of the range"),
			stat("Findings", "Findings about the key in the range that nobody has resolved or suppressed.", "0", "short",
				table(`SELECT count(*) AS value
FROM findings
WHERE $__keyFilter(key_arn) AND status IN ('new', 'in_progress')
  AND first_seen < $__timeTo() AND last_seen >= $__timeFrom()`)).colours(blue, 1, red).says("open"),
			keyFacts(),
			bars("Use by operation", "Calls on the key by operation, from the owner's logs; for a key of an account without logs, from the callers'.",
				"The key was not called in this range.", 16, 9, series(top("u.event_name", "greatest(u.caller_use_count, u.use_count)", ofKey), "{{name}}")).operations(),
			ranking("AWS services behind the calls", "Calls on the key by the service that made them for somebody; direct are those that programs and people made themselves.",
				"The key was not called in this range.", 8, 9, table(`SELECT coalesce(u.service, 'direct') AS service, sum(greatest(u.caller_use_count, u.use_count)) AS call_count
FROM `+totals+` AS u
WHERE `+ofKey+`
GROUP BY ALL
ORDER BY call_count DESC, service
LIMIT 25`)),
			keyTimeline(), deletionSoak(), deletionAttempts(),
			callersOfKey(),
			bars("Failed calls", "Failed calls on the key by class of the error. pending_deletion and disabled mean that somebody still needs it.",
				"No call on the key failed in this range.", 12, 8,
				series(top("u.error_class", "greatest(u.caller_use_count, u.use_count)", ofKey+" AND u.error_class IS NOT NULL"), "{{name}}")).errors(),
			shareOfRequests(),
			strangersOfKey(),
			grid("Grants", "Grants of the key that held or ended in the range: who may use it by them, for what, and who made them. Grants of AWS services come and go; those of people deserve a look.",
				"The logs name no grant of the key that held in this range.", 24, 6, named("grants_of_key", "key_arn", "$key")).
				hide("key_arn", "aliases", "grantee_account_id", "retiring_principal").
				field("grantee_principal", short(), leads(principalItself())).field("created_by", short(), leads(principalItself())).field("ended_by", short(), leads(principalItself())).
				field("grant_operations", pills()...).
				field("grantee_account_name", called("Account")).
				widths("grant_id", 100, "holds", 70, "grantee_principal", 180, "grantee_account_name", 120, "created_at", 160, "created_by", 160, "ended_at", 160,
					"ended_by", 130, "end_name", 110, "event_id", 280),
			grid("All findings", "What the detectors found about the key in the range, decided or not. The summary leads to the finding and its evidence.",
				"No detector found anything about the key in this range.", 24, 7,
				table(findingsWhere("$__keyFilter(findings.key_arn)"))).findingColumns().hide("key_name", "account_name", "region"),
			grid("Changes", "What was done to the key in the range. The event id leads to the original record.",
				"Nobody changed the key in this range.", 24, 6, table(changesWhere("$__keyFilter(c.key_arn)"))).changeColumns().hide("owner", "name"),
			resourcesOfKey(),
			lastEvents(" of the key", "$__keyFilter(e.key_arn)"),
			contextsOfKey(), newAboutKey(),
			row("Single calls of the whole range (raw)",
				grid("Single calls (raw)", "The newest 200 calls of the range. The event id leads to the original record.",
					"The key was not called in this range.", 24, 12, table(rawEvents("$__keyFilter(e.key_arn)", "$__timeFrom()"))).eventColumns().hide("key")),
		})
}

// ofKey is the condition on usage u.
const ofKey = "$__keyFilter(u.key_arn)"

// keyTile is a number of the calls on the key, s.calls by the callers' logs and
// s.uses by the owner's.
func keyTile(title, description, numberOf, unit string) Panel {
	return stat(title, description, "0", unit, table(`SELECT `+numberOf+` AS value
FROM (
  SELECT u.caller_id, u.event_name, u.error_class, sum(u.caller_use_count) AS calls, sum(u.use_count) AS uses
  FROM `+totals+` AS u
  WHERE `+ofKey+`
  GROUP BY ALL
) AS s`))
}

// keyStateTile says the state in words.
func keyStateTile() Panel {
	p := stat("State", "State of the key at the end of the range. Enabled where the logs hold no change: keys that were left alone have none.",
		"not in the logs", "string", table(`SELECT coalesce(any_value(t.value), 'Enabled') AS value
FROM keys AS k
LEFT JOIN key_timeline AS t
  ON t.key_arn = k.key_arn AND t.kind = 'state' AND t.valid_from < $__timeTo() AND (t.valid_to IS NULL OR t.valid_to >= $__timeTo())
WHERE $__keyFilter(k.key_arn)
HAVING count(*) > 0`)).colours(blue)
	p.option("reduceOptions", map[string]any{"calcs": []string{"lastNotNull"}, "fields": "/.*/", "values": false})
	p.FieldConfig.Defaults.Mappings = []Mapping{{Type: "value", Options: stateNames(map[string]string{
		"Enabled": blue, "Disabled": orange, "PendingImport": orange, "PendingDeletion": red, "PendingReplicaDeletion": red, "Deleted": grey,
	})}}
	return p
}

func stateNames(colors map[string]string) map[string]any {
	words := map[string]string{"PendingDeletion": "Pending deletion", "PendingReplicaDeletion": "Waits for replicas", "PendingImport": "Pending import"}
	out := map[string]any{}
	for name, color := range colors {
		result := map[string]any{"color": color}
		if words[name] != "" {
			result["text"] = words[name]
		}
		out[name] = result
	}
	return out
}

func keyFacts() Panel {
	return grid("The key", "What the logs tell of the key itself. What was set before the logs begin is not known and stays empty.",
		"The logs do not name this key.", 24, 4, table(`SELECT
  k.aliases,
  k.key_id,
  `+accountName("a", "k.account_id")+` AS owner,
  k.account_id,
  k.region,
  k.key_spec,
  k.key_usage,
  k.key_origin,
  k.rotation,
  k.deletion_date,
  k.created_at,
  k.created_by,
  k.first_seen,
  k.last_seen
FROM keys AS k
LEFT JOIN accounts AS a ON a.account_id = k.account_id
WHERE $__keyFilter(k.key_arn)`)).hide("account_id").
		field("owner", called("Owner"), leads(toAccount("account_id"))).
		field("created_by", short(), leads(principalItself())).
		field("rotation", called("Rotation")).
		widths("key_id", 300)
}

// keyTimeline has a line for each thing that can change about a key. At each
// change all of them are told, so that lines need no values in between.
func keyTimeline() Panel {
	return states("History", "State, rotation, policy, aliases and tags of the key over time, as far as the logs tell. Policies are named by the day and the principal that set them.",
		"Nothing about the key changed since the logs begin: it is as it was then.", 24, 7, table(`WITH lines AS (
  SELECT kind, name, valid_from, coalesce(valid_to, TIMESTAMP '9999-01-01') AS valid_to,
    CASE kind
      WHEN 'policy' THEN 'set on ' || strftime(valid_from, '%Y-%m-%d') || ' by ' || `+principalName("principal_arn", "'KMS'")+`
      WHEN 'tag' THEN name || '=' || value
      WHEN 'rotation' THEN 'rotation ' || value
      ELSE value
    END AS value
  FROM key_timeline
  WHERE $__keyFilter(key_arn) AND kind <> 'deletion_date'
    AND valid_from < $__timeTo() AND (valid_to IS NULL OR valid_to > $__timeFrom())
),
moments AS (
  SELECT $__timeFrom() AS time
  UNION
  SELECT greatest(valid_from, $__timeFrom()) AS time FROM lines
  UNION
  SELECT valid_to FROM lines WHERE valid_to < $__timeTo()
)
SELECT
  m.time,
  coalesce(string_agg(DISTINCT l.value, ', ') FILTER (l.kind = 'state'), 'no change in the logs') AS "State",
  string_agg(DISTINCT l.value, ', ') FILTER (l.kind = 'rotation') AS "Rotation",
  string_agg(DISTINCT l.value, ', ') FILTER (l.kind = 'policy') AS "Policy",
  string_agg(DISTINCT l.value, ', ' ORDER BY l.value) FILTER (l.kind = 'alias') AS "Aliases",
  string_agg(DISTINCT l.value, ', ' ORDER BY l.value) FILTER (l.kind = 'tag') AS "Tags"
FROM moments AS m
LEFT JOIN lines AS l ON l.valid_from <= m.time AND m.time < l.valid_to
GROUP BY m.time
ORDER BY m.time`)).
		field("State", Property{ID: "mappings", Value: []Mapping{{Type: "value", Options: stateNames(map[string]string{
			"no change in the logs": "super-light-blue", "Enabled": "light-blue", "Disabled": orange, "PendingImport": "yellow", "PendingDeletion": red, "PendingReplicaDeletion": red, "Deleted": grey,
		})}}})
}

// soaking is how the newest way of the key to deletion began that the range knows,
// and what was tried since.
const soaking = `WITH soak AS (
  SELECT key_arn, value AS state, valid_from AS since, valid_to AS until, deletion_date,
    lead(value) OVER (ORDER BY valid_from) AS next
  FROM key_timeline
  WHERE $__keyFilter(key_arn) AND kind = 'state' AND valid_from < $__timeTo()
  QUALIFY value IN ('Disabled', 'PendingDeletion', 'PendingReplicaDeletion')
  ORDER BY valid_from DESC
  LIMIT 1
),
attempts AS (
  SELECT u.caller_id, u.event_name, u.error_class, soak.since,
    max(u.principal_arn) AS principal_arn, max(u.caller_account_id) AS caller_account_id,
    greatest(sum(u.caller_use_count), sum(u.use_count)) AS call_count,
    min(u.first_event_time) AS first_seen, max(u.last_event_time) AS last_seen
  FROM usage_daily AS u
  JOIN soak ON soak.key_arn = u.key_arn
  WHERE $__keyFilter(u.key_arn) AND u.operation_class = 'cryptographic' AND NOT u.is_self
    AND u.last_event_time > soak.since AND u.first_event_time < least(coalesce(soak.until, $__timeTo()), $__timeTo())
    AND coalesce(u.error_class, '') NOT IN ('dry_run', 'denied')
  GROUP BY ALL
)`

func deletionSoak() Panel {
	p := stat("Deletion soak", "The key's way to deletion, the newest that began before the end of the range: what was tried since it was disabled or scheduled, and what follows. Any attempt means that somebody still needs the key: cancel the deletion, or move the caller.",
		"not on its way to deletion", "string", table(soaking+`
SELECT
  CASE
    WHEN soak.until < $__timeTo() AND soak.next = 'Deleted' THEN 'Deleted' || CASE WHEN s.tried > 0 THEN ' while needed' ELSE ', nobody called' END
    WHEN soak.until < $__timeTo() AND soak.next NOT IN ('PendingDeletion', 'PendingReplicaDeletion', 'Disabled') THEN 'Stopped'
    WHEN s.tried > 0 THEN 'Still needed'
    ELSE 'Quiet so far'
  END AS "Verdict",
  s.tried AS "Attempts since",
  s.callers AS "By callers",
  s.last_attempt AS "Last attempt",
  (SELECT max(u.last_event_time) FROM usage_daily AS u
   WHERE $__keyFilter(u.key_arn) AND u.operation_class = 'cryptographic' AND u.error_class IS NULL AND u.last_event_time <= soak.since) AS "Last success before",
  soak.since AS "Began",
  soak.deletion_date AS "Deletion",
  greatest(0, date_diff('day', $__timeTo(), soak.deletion_date)) AS "Days left"
FROM soak
CROSS JOIN (
  SELECT CAST(coalesce(sum(call_count), 0) AS BIGINT) AS tried, count(DISTINCT caller_id) AS callers, max(last_seen) AS last_attempt
  FROM attempts
) AS s`)).size(24, 4).colours(blue).
		field("Verdict", Property{ID: "mappings", Value: []Mapping{{Type: "value", Options: map[string]any{
			"Still needed":           map[string]any{"color": red},
			"Deleted while needed":   map[string]any{"color": red},
			"Quiet so far":           map[string]any{"color": green},
			"Deleted, nobody called": map[string]any{"color": grey},
			"Stopped":                map[string]any{"color": blue},
		}}}}).
		field("Attempts since", append(textColours(blue, 1, red), unit("short"))...).
		field("By callers", unit("short")).
		field("Days left", append(textColours(red, 3, orange, 8, blue), unit("short"))...).
		fields("(Last attempt|Last success before|Began|Deletion)", unit("time:YYYY-MM-DD HH:mm"))
	p.option("reduceOptions", map[string]any{"calcs": []string{"lastNotNull"}, "fields": "/.*/", "values": false})
	p.option("textMode", "value_and_name")
	p.option("orientation", "vertical")
	p.option("text", map[string]any{"titleSize": 13, "valueSize": 22})
	return p
}

func deletionAttempts() Panel {
	return grid("Attempts since the deletion was scheduled", "Who tried to use the key since it was disabled or scheduled for deletion. They stop for good when it is deleted.",
		"Nobody tried to use the key since, or it is not on its way to deletion.", 24, 6, table(soaking+`
SELECT
  `+principalName("t.principal_arn", "t.caller_id")+` AS name,
  coalesce(t.principal_arn, t.caller_id) AS caller,
  `+accountName("a", "t.caller_account_id")+` AS account,
  t.event_name,
  t.error_class,
  t.call_count,
  t.first_seen,
  t.last_seen
FROM attempts AS t
LEFT JOIN accounts AS a ON a.account_id = t.caller_account_id
ORDER BY t.last_seen DESC, t.caller_id, t.event_name
LIMIT 100`)).hide("caller").
		field("name", called("Caller"), leads(toPrincipal("caller"))).field("account", called("Account"))
}

// shareOfRequests compares the key with all that its account asks in its Region.
func shareOfRequests() Panel {
	p := bars("Share of the account's requests", "Cryptographic calls on the key as a share of all that its account made in its Region, which share a quota. A key near 100 % is the one to look at when calls are throttled.",
		"The key's account made no cryptographic calls in this range.", 12, 8, series(`SELECT
  $__timeGroupAlias(u.time, auto(1h)),
  CAST(sum(u.caller_use_count) FILTER (`+ofKey+`) AS DOUBLE) / nullif(sum(u.caller_use_count), 0) AS share
FROM `+usage+` AS u
WHERE u.operation_class = 'cryptographic'
  AND (u.paying_account_id, u.region) IN (SELECT (k.key_account_id, k.region) FROM usage_monthly AS k WHERE $__keyFilter(k.key_arn))
GROUP BY 1
ORDER BY 1`, "share")).unit("percentunit").decimals(0)
	p.FieldConfig.Defaults.Color = &Color{Mode: "fixed", FixedColor: blue}
	p.FieldConfig.Defaults.Min, p.FieldConfig.Defaults.Max = number(0), number(1)
	p.Options["legend"] = map[string]any{"showLegend": false, "displayMode": "list", "placement": "bottom"}
	return p
}

// callersOfKey counts each call once, from the side of which more is logged.
func callersOfKey() Panel {
	return grid("Callers", "Who uses the key, for what, and with what outcome, at most 500. All of them are affected when the key is disabled, deleted or its policy narrowed. The same, for scripts: kmstrail query key_users.",
		"Nobody called the key in this range.", 24, 8, table(`SELECT
  coalesce(max(s.principal_arn), s.caller_id) AS principal_arn,
  coalesce(max(a.account_name), s.caller_account_id) AS caller_account_name,
  s.caller_account_id,
  max(s.actor_kind) AS actor_kind,
  list_sort(list(DISTINCT s.service) FILTER (s.service IS NOT NULL)) AS services,
  list_sort(list(DISTINCT s.event_name)) AS operations,
  sum(s.calls) AS call_count,
  coalesce(sum(s.calls) FILTER (s.error_class <> 'dry_run'), 0) AS error_count,
  coalesce(sum(s.calls) FILTER (s.error_class = 'denied'), 0) AS denied_count,
  min(s.first_seen) AS first_seen,
  max(s.last_seen) AS last_seen,
  max(s.last_seen) FILTER (s.operation_class = 'cryptographic' AND s.error_class IS NULL) AS last_used
FROM (
  SELECT
    u.caller_id, u.caller_account_id, u.service, u.event_name, u.operation_class, u.error_class,
    max(u.principal_arn) AS principal_arn,
    max(u.actor_kind) AS actor_kind,
    greatest(sum(u.caller_use_count), sum(u.use_count)) AS calls,
    min(u.first_event_time) AS first_seen,
    max(u.last_event_time) AS last_seen
  FROM `+totals+` AS u
  WHERE `+ofKey+`
  GROUP BY ALL
) AS s
LEFT JOIN accounts AS a ON a.account_id = s.caller_account_id
GROUP BY s.caller_id, s.caller_account_id
ORDER BY call_count DESC, principal_arn
LIMIT 500`)).hide("caller_account_id").
		field("principal_arn", short(), leads(principalItself())).
		field("caller_account_name", called("Account"), leads(toAccount("caller_account_id"))).
		field("services", pills()...).field("operations", pills()...).
		widths("principal_arn", 260, "caller_account_name", 130, "actor_kind", 100, "services", 140, "call_count", 80, "error_count", 75,
			"denied_count", 75, "first_seen", 160, "last_seen", 160, "last_used", 160)
}

// strangersOfKey are the callers of other accounts.
func strangersOfKey() Panel {
	return grid("Cross-account use", "Calls on the key from other accounts, trusted or not, from either side's logs, at most 500. Each caller here should be one that you know. The same, for scripts: kmstrail query cross_account_calls.",
		"No other account used the key in this range.", 24, 6, table(`SELECT
  coalesce(max(a.account_name), u.caller_account_id) AS caller_account_name,
  u.caller_account_id,
  coalesce(max(u.principal_arn), u.caller_id) AS principal_arn,
  u.event_name,
  u.error_class,
  greatest(sum(u.caller_use_count), sum(u.use_count)) AS call_count,
  min(u.first_event_time) AS first_seen,
  max(u.last_event_time) AS last_seen
FROM `+totals+` AS u
LEFT JOIN accounts AS a ON a.account_id = u.caller_account_id
WHERE `+ofKey+` AND u.caller_account_id <> u.key_account_id
GROUP BY u.caller_account_id, u.caller_id, u.event_name, u.error_class
ORDER BY call_count DESC, principal_arn, u.event_name, u.error_class
LIMIT 500`)).hide("caller_account_id").
		field("principal_arn", short(), leads(principalItself())).
		field("caller_account_name", called("Caller's account"), leads(toAccount("caller_account_id")))
}

// resourcesOfKey are what the encryption contexts name: AWS services say there what
// they encrypt.
func resourcesOfKey() Panel {
	return grid("Resources"+lately, "What the key protected "+latelyOf+", as the encryption contexts name it, at most 100, those with most calls first.",
		"No call "+latelyNone+" names a resource: programs that call KMS themselves need not.", 24, 7, table(`SELECT
  e.service,
  e.resource,
  count(*) AS call_count,
  max(e.event_time) AS last_seen
FROM (
  SELECT c.service, c.resource, c.event_time
  FROM kms_calls AS c
  WHERE `+late("c.event_time", ofKey)+`
    AND $__keyFilter(c.key_arn) AND c.resource IS NOT NULL
) AS e
GROUP BY ALL
ORDER BY call_count DESC, e.resource
LIMIT 100`)).field("resource", called("Resource")).widths("service", 140, "call_count", 90, "last_seen", 160)
}

// contextsOfKey are the keys of encryption contexts.
func contextsOfKey() Panel {
	return grid("Encryption contexts"+lately, "Which context keys the calls had "+latelyOf+", how many values, and how many calls; of ReEncrypt those of the source. A few calls without what is nearly always there deserve a look. For longer times: kmstrail query context_profile.",
		"No call on the key "+latelyNone+" has an encryption context.", 24, 7, table(`SELECT
  e.entry.key AS context_key,
  count(DISTINCT e.entry.value) AS value_count,
  count(*) AS call_count,
  any_value(e.entry.value) AS example,
  min(e.event_time) AS first_seen,
  max(e.event_time) AS last_seen
FROM (
  SELECT c.event_time, unnest(map_entries(c.encryption_context)) AS entry
  FROM kms_calls AS c
  WHERE `+late("c.event_time", ofKey)+` AND $__keyFilter(c.key_arn)
) AS e
GROUP BY context_key
ORDER BY call_count DESC, context_key
LIMIT 100`)).field("example", inspected()).widths("context_key", 260, "value_count", 110, "call_count", 90, "first_seen", 160, "last_seen", 160)
}

// newAboutKey compares the range with the time before it.
func newAboutKey() Panel {
	return grid("What is new or gone", "The days of the range compared with the 30 days before it: callers, accounts, services, operations and errors that are new or gone, at most 200, new ones first, below all calls of both times. The same with contexts and volume, for scripts: kmstrail query key_changes.",
		"No call on the key is known from before the range.", 24, 8, table(`WITH uses AS (
  SELECT
    u.day >= CAST($__timeFrom() AS DATE) AS is_now,
    u.caller_id, u.caller_account_id, u.service, u.event_name, u.error_class,
    max(u.principal_arn) AS principal_arn,
    greatest(sum(u.caller_use_count), sum(u.use_count)) AS calls,
    min(u.first_event_time) AS first_seen,
    max(u.last_event_time) AS last_seen
  FROM usage_daily AS u
  WHERE u.day >= CAST($__timeFrom() AS DATE) - INTERVAL 30 DAY AND u.day < $__timeTo() AND `+ofKey+`
  GROUP BY ALL
),
entries AS (
  SELECT
    unnest(['all', 'caller', 'account', 'service', 'operation', 'error']) AS kind,
    unnest([
      'all calls', coalesce(max(principal_arn) OVER (PARTITION BY caller_id), caller_id),
      caller_account_id, coalesce(service, 'direct'), event_name, error_class
    ]) AS name,
    is_now, calls, first_seen, last_seen
  FROM uses
)
SELECT
  kind,
  CASE WHEN bool_and(is_now) THEN 'new' WHEN bool_or(is_now) THEN 'in both' ELSE 'gone' END AS change,
  name,
  CAST(sum(calls) FILTER (NOT is_now) AS BIGINT) AS before_count,
  CAST(sum(calls) FILTER (is_now) AS BIGINT) AS call_count,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen
FROM entries
WHERE name IS NOT NULL AND (SELECT bool_or(NOT is_now) FROM uses)
GROUP BY kind, name
HAVING bool_and(is_now) OR NOT bool_or(is_now) OR kind = 'all'
ORDER BY kind = 'all' DESC, change DESC, call_count DESC, before_count DESC, kind, name
LIMIT 200`)).field("name", short()).
		widths("kind", 110, "change", 90, "before_count", 110, "call_count", 90, "first_seen", 160, "last_seen", 160)
}
