package dashboards

// findings is for going through what the detectors found, down to the evidence.
func findings() Dashboard {
	finding := Variable{
		Type: "query", Name: "finding", Label: "Finding", Datasource: &source, Refresh: onRangeChange, Multi: true, IncludeAll: true,
		Current: &Current{Text: []string{"All"}, Value: []string{"$__all"}},
		Query: VariableQuery{RefID: "variable", Variable: "sql", SQL: `SELECT CAST(finding_id AS VARCHAR) AS __value, severity || ', ' || summary AS __text
FROM findings
WHERE first_seen < $__timeTo() AND last_seen >= $__timeFrom()
ORDER BY last_seen DESC, finding_id
LIMIT 1000`},
	}
	return kmsDashboard(findingsUID, "KMS findings",
		"What the detectors found, how bad it is, what it rests on, and whether they could see everything.",
		"now-30d", append(accountAndRegion(), several("severity", "Severity"), several("status", "Status"), several("detector", "Detector"), finding, filters()),
		nil,
		[]Panel{
			findingTile("Critical", "Open findings of severity critical. Act now.", "severity = 'critical' AND status IN ('new', 'in_progress')").colours(blue, 1, red).says("act now"),
			findingTile("High", "Open findings of severity high. Act today.", "severity = 'high' AND status IN ('new', 'in_progress')").colours(blue, 1, red).says("act today"),
			findingTile("Lower", "Open findings of the severities medium, low and info. Look at them in the week.", "severity NOT IN ('critical', 'high') AND status IN ('new', 'in_progress')").colours(blue, 1, orange).says("medium, low, info"),
			findingTile("New", "Findings with the status new: nobody has decided about them.", "status = 'new'").colours(blue, 1, orange).says("nobody decided yet"),
			findingTile("Decided", "Findings that were resolved, suppressed or withdrawn.", "status IN ('resolved', 'suppressed', 'withdrawn')").says("resolved, suppressed, gone"),
			notKnownTile(),
			bars("Findings by day and severity", "Findings by the UTC day of their evidence. A finding that lasts counts on each of its days.",
				"No findings in this range and selection. Whether everything was looked at is under Verdicts.", 12, 8, series(`SELECT
  $__timeGroupAlias(w.window_start, auto(1d), zero),
  w.severity,
  count(DISTINCT w.finding_id) AS finding_count
FROM finding_windows AS w
JOIN findings ON findings.finding_id = w.finding_id
WHERE $__timeFilter(w.window_start, 1d) AND `+findingScope+`
GROUP BY ALL
ORDER BY 1`, "{{severity}}")).paint("critical", "dark-red", "high", red, "medium", orange, "low", "yellow", "info", blue),
			ranking("Open by detector", "Open findings by detector.", "No open findings in this range and selection.", 6, 8, table(`SELECT detector_id, count(*) AS finding_count
FROM findings
WHERE status IN ('new', 'in_progress') AND `+findingsInRange+`
GROUP BY ALL
ORDER BY finding_count DESC, detector_id`)),
			ranking("By status and severity", "All findings by what was decided about them, and how bad they are.", "No findings in this range and selection.", 6, 8, table(`SELECT findings.status || ', ' || findings.severity AS name, count(*) AS finding_count
FROM findings
WHERE `+findingsInRange+`
GROUP BY findings.status, findings.severity
ORDER BY list_position(['new', 'in_progress', 'suppressed', 'resolved', 'withdrawn'], findings.status),
  list_position(['critical', 'high', 'medium', 'low', 'info'], findings.severity)`)),
			grid("Findings", "All findings in the range, the most severe first. The summary leads to the finding alone, with its evidence; decide about it with kmstrail findings.",
				"No findings in this range and selection. Whether everything was looked at is under Verdicts.", 24, 12,
				table(findingsWhere(findingScope))).findingColumns(),
			evidence(), findingDetails(),
			grid("Verdicts", "What each detector says of each account and Region, whichever are chosen above: the named query takes one account or all of them, and filters of its columns do narrow it. FAIL means open findings, PASS that there are none and all was looked at, UNKNOWN that it could not know, and why. End the range at the last logs: days after them count as missing.",
				"No detector ran in this range.", 24, 9, verdicts()).
				hide("account_id").option("sortBy", []any{map[string]any{"displayName": "Verdict", "desc": false}}).
				field("detector_id", leads(toFindings())).
				field("account_name", called("Account"), leads(toAccount("account_id"))).
				field("reason", called("Reason")).field("finding_count", called("Findings")).field("suppressed_count", called("Suppressed")).
				field("day_count", called("Days")).field("gap_days", unit("short")).field("excluded_days", unit("short")).
				field("missed_days", unit("short")).field("stale_days", unit("short")).field("failed_file_count", called("Failed files")).
				widths("detector_id", 250, "account_name", 130, "region", 110, "verdict", 90, "finding_count", 80, "suppressed_count", 95, "day_count", 60,
					"gap_days", 85, "excluded_days", 110, "failed_file_count", 95, "missed_days", 100, "stale_days", 90),
			detectorRuns(),
			grid("Decisions", "What became of the status of the findings above, at any time, by people and by runs: who decided what, and why.",
				"No findings in this range and selection.", 12, 8, table(`SELECT
  date_trunc('second', h.changed_at) AS changed_at,
  h.actor,
  h.from_status,
  h.to_status,
  h.reason,
  findings.summary,
  CAST(h.finding_id AS VARCHAR) AS finding_id
FROM finding_history AS h
JOIN findings ON findings.finding_id = h.finding_id
WHERE `+findingsInRange+`
ORDER BY h.changed_at DESC, h.finding_id
LIMIT 500`)).hide("finding_id").field("summary", short(), leads(toFinding())).
				field("actor", called("By")).field("reason", called("Reason")).
				widths("changed_at", 160, "actor", 90, "from_status", 95, "to_status", 95),
		})
}

// findingScope are the dashboard's choices, findingsInRange also its range, as
// conditions on findings.
const (
	findingScope = `$__accountFilter(findings.account_id) AND $__regionFilter(findings.region) AND $__filter(findings.severity, severity)
  AND $__filter(findings.status, status) AND $__filter(findings.detector_id, detector)
  AND $__filter(CAST(findings.finding_id AS VARCHAR), finding) AND $__adhocFilters(findings)`
	findingsInRange = `findings.first_seen < $__timeTo() AND findings.last_seen >= $__timeFrom()
  AND ` + findingScope
)

func findingTile(title, description, where string) Panel {
	return stat(title, description, "0", "short", table(`SELECT count(*) AS value
FROM findings
WHERE `+where+` AND `+findingsInRange))
}

// findingsWhere are findings in the range, as the kind findings has them, for
// conditions that it does not know.
func findingsWhere(where string) string {
	return `SELECT
  findings.severity,
  findings.status,
  findings.detector_id,
  findings.summary,
  findings.account_id,
  ` + accountName("a", "findings.account_id") + ` AS account_name,
  findings.region,
  findings.key_arn,
  coalesce(k.aliases, regexp_extract(findings.key_arn, '[^/]*$')) AS key_name,
  findings.principal_arn AS caller,
  findings.event_count,
  findings.first_seen,
  findings.last_seen,
  findings.status_reason,
  CAST(findings.finding_id AS VARCHAR) AS finding_id
FROM findings
LEFT JOIN accounts AS a ON a.account_id = findings.account_id
LEFT JOIN key_names AS k ON k.key_arn = findings.key_arn
WHERE findings.first_seen < $__timeTo() AND findings.last_seen >= $__timeFrom()
  AND ` + where + `
ORDER BY list_position(['critical', 'high', 'medium', 'low', 'info'], findings.severity), findings.last_seen DESC, findings.finding_id
LIMIT 1000`
}

// findingColumns show findings.
func (p Panel) findingColumns() Panel {
	return p.hide("account_id", "finding_id", "key_arn").
		field("summary", short(), leads(toFinding())).
		field("detector_id", leads(toFindings())).
		field("account_name", called("Account"), leads(toAccount("account_id"))).
		field("key_name", called("Key"), leads(toKey())).
		field("caller", called("Caller"), short(), leads(principalItself())).
		field("status_reason", called("Reason")).
		widths("severity", 80, "status", 90, "detector_id", 220, "summary", 480, "account_name", 130, "region", 110, "key_name", 150,
			"caller", 150, "event_count", 75, "first_seen", 160, "last_seen", 160)
}

func evidence() Panel {
	return grid("Evidence", "The events that the findings above rest on, at most twenty of each, and where their original records lie. Choose one finding to see its own; the event id leads to the record.",
		"No findings in this range and selection.", 14, 9, table(`SELECT
  f.severity,
  f.summary,
  f.finding_id,
  CAST(f.event_id AS VARCHAR) AS evidence,
  CAST(epoch_ms(f.first_seen) AS VARCHAR) AS first_ms,
  CAST(epoch_ms(f.last_seen) + 1000 AS VARCHAR) AS end_ms,
  f.original
FROM (
  SELECT
    findings.severity, findings.summary, CAST(findings.finding_id AS VARCHAR) AS finding_id, findings.first_seen, findings.last_seen,
    unnest(findings.event_ids) AS event_id, unnest(findings.log_files) AS original,
    generate_subscripts(findings.event_ids, 1) AS place
  FROM findings
  WHERE `+findingsInRange+`
) AS f
WHERE f.event_id IS NOT NULL
ORDER BY list_position(['critical', 'high', 'medium', 'low', 'info'], f.severity), f.last_seen DESC, f.finding_id, f.place
LIMIT 1000`)).hide("finding_id", "first_ms", "end_ms").field("summary", short(), leads(toFinding())).
		field("evidence", called("Event"), leads(rawEvent("${__data.fields.first_ms:raw}", "${__data.fields.end_ms:raw}"))).
		field("original", called("Original record"), inspected()).
		widths("severity", 80, "evidence", 290, "original", 300)
}

func findingDetails() Panel {
	return grid("Details", "What else the detectors say of the findings above, one line for each thing.",
		"No findings in this range and selection.", 10, 9, table(`SELECT
  f.summary,
  f.finding_id,
  f.name,
  json_extract_string(f.details, '$."' || f.name || '"') AS value
FROM (
  SELECT findings.summary, CAST(findings.finding_id AS VARCHAR) AS finding_id, findings.details, findings.severity, findings.last_seen,
    unnest(json_keys(findings.details)) AS name
  FROM findings
  WHERE `+findingsInRange+`
) AS f
ORDER BY list_position(['critical', 'high', 'medium', 'low', 'info'], f.severity), f.last_seen DESC, f.finding_id, f.name
LIMIT 1000`)).hide("finding_id").field("summary", short(), leads(toFinding())).
		field("name", called("Name")).field("value", called("Value")).
		widths("name", 150)
}

// verdicts is the named query about all accounts and detectors: it takes one of each,
// and the variables can have several.
func verdicts() Query {
	return named("verdicts")
}

func notKnownTile() Panel {
	p := stat("Unknown", "Detectors, by account and Region, that found nothing but could not see everything: logs are missing, or they did not run. Of all accounts, whichever are chosen above; the table Verdicts says why.",
		"0", "short", verdicts()).colours(blue, 1, orange).says("verdicts not possible")
	p.Transformations = []Transformation{{ID: "filterByValue", Options: map[string]any{
		"type": "include", "match": "all",
		"filters": []any{map[string]any{"fieldName": "Verdict", "config": map[string]any{"id": "equal", "options": map[string]any{"value": "UNKNOWN"}}}},
	}}, {ID: "filterFieldsByName", Options: map[string]any{"include": map[string]any{"names": []string{"Verdict"}}}}}
	return p.option("reduceOptions", map[string]any{"calcs": []string{"count"}, "fields": "/.*/", "values": false})
}

func detectorRuns() Panel {
	return grid("Detector runs", "How often each detector ran over days of the range, over how many days, and whether a run failed. Days without a run were not looked at.",
		"No detector ran over days of this range: kmstrail detect, or the schedule of kmstrail serve, runs them.", 12, 8, table(`SELECT
  detector_id,
  max(detector_version) AS version,
  count(*) AS run_count,
  count(DISTINCT window_start) AS day_count,
  count(error) AS failed_count,
  date_trunc('second', max(started_at)) AS last_run,
  avg(duration_ms) AS mean_ms,
  last(error ORDER BY started_at) AS last_error
FROM detector_runs
WHERE $__timeFilter(window_start, 1d) AND $__filter(detector_id, detector) AND $__adhocFilters(detector_runs)
GROUP BY ALL
ORDER BY detector_id`)).field("detector_id", leads(toFindings())).
		field("run_count", called("Runs")).field("day_count", called("Days")).field("failed_count", append(textColours(text, 1, red), called("Failed"), width(70))...).
		field("mean_ms", whole()).field("version", called("Version")).
		widths("detector_id", 240, "version", 75, "run_count", 70, "day_count", 70, "last_run", 160)
}
