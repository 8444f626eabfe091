package dashboards

import (
	"strconv"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/palette"
)

// coverage shows what was looked at, and whether what is quiet can be believed.
func coverage() Dashboard {
	return kmsDashboard(coverageUID, "KMS log coverage and health",
		"For which accounts, Regions and days there are logs, how late they come, what could not be read, and whether the detectors ran.",
		"now-30d", append(accountAndRegion(), filters()), nil,
		[]Panel{
			newestTile(), newestFileTile(),
			stat("Days missing",
				"Days of an account and Region without log files, or without the KMS records that should be in them. What is quiet there is not known to be quiet: see the gaps below.",
				"no logs", "short", table(`SELECT CASE WHEN count(*) > 0 THEN count(*) FILTER (state IN ('gap', 'excluded_or_write_only')) END AS value
FROM coverage
WHERE `+coverageScope("coverage"))).colours(blue, 1, orange).says("days of an account missing"),
			stat("95 % within",
				"After how long 95 of 100 records have been delivered. Wait that long before a day counts as known. CloudTrail delivers most records within 15 minutes and promises nothing.",
				"no events", "m", table(`WITH steps AS (
  SELECT delay_minutes, sum(sum(kms_event_count)) OVER (ORDER BY delay_minutes) / sum(sum(kms_event_count)) OVER () AS share
  FROM arrivals
  WHERE delay_minutes IS NOT NULL AND `+coverageScope("arrivals")+`
  GROUP BY delay_minutes
)
SELECT min(delay_minutes) AS value
FROM steps
WHERE share >= 0.95`)).decimals(0).colours(blue, 60, orange, 1440, red).says("for 95 % of the events"),
			stat("Not taken",
				"Records and files that were not taken as they are, and files that could not be read. See under Quarantine where each lies and why.",
				"no logs", "short", table(`SELECT sum(greatest(quarantined_count, failed_file_count)) AS value
FROM coverage
WHERE `+coverageScope("coverage"))).colours(blue, 1, orange).says("records put aside"),
			stat("Runs failed",
				"Runs of detectors over days of the range that ended with an error. Until one succeeds, nothing is known about findings of these days.",
				"never ran", "short", table(`SELECT CASE WHEN count(*) > 0 THEN count(*) FILTER (error IS NOT NULL) END AS value
FROM detector_runs
WHERE window_start < $__timeTo() AND window_end > $__timeFrom()`)).colours(blue, 1, red).says("runs of detectors"),
			coverageStates(), gapsTable(), verdictsTable(), detectorsTable(), filesOverTime(), delayOverTime(), delaySteps(), lateTable(), quarantineTable(),
		})
}

// coverageScope are the conditions on a table with account, Region and day.
func coverageScope(table string) string {
	return `$__dateFilter(day) AND $__accountFilter(account_id) AND $__regionFilter(region) AND $__adhocFilters(` + table + `)`
}

const noLogs = "No logs of this range and selection have been read. Is the range after the newest event? Does kmstrail status say that it reads?"

func newestFileTile() Panel {
	return stat("Newest file",
		"How long before the end of the range the newest log file was delivered. CloudTrail delivers every five minutes where something happens; when it grows, look at the server's status page and at the trail.",
		"no logs", "s", table(`SELECT greatest(0, date_diff('second', max(delivered_at), $__timeTo())) AS value
FROM log_files
WHERE delivered_at < $__timeTo() AND $__accountFilter(account_id) AND $__regionFilter(region)
HAVING max(delivered_at) IS NOT NULL`)).decimals(0).colours(blue, 1800, orange, 7200, red).says("since the newest log file")
}

// coverageState are the states as numbers, as state timelines want them, the worst
// last.
var coverageState = []struct{ name, text, color string }{
	{"proven", "proven", green},
	{"observed", "observed", blue},
	{"silent", "silent", "super-light-blue"},
	{"failed", "files failed", "dark-orange"},
	{"excluded_or_write_only", "KMS left out", orange},
	{"gap", "gap", red},
}

// coverageStates is the picture: one line per account and Region.
func coverageStates() Panel {
	number, mapping := "CASE", map[string]any{}
	for i, s := range coverageState {
		number += " WHEN word = '" + s.name + "' THEN " + strconv.Itoa(i)
		mapping[strconv.Itoa(i)] = map[string]any{"text": s.text, "color": s.color, "index": i}
	}
	p := states("Coverage by account and Region",
		"What each day's logs are like; the forty accounts and Regions with the most missing days, the worst first. observed: KMS records arrived. silent: records, but none of KMS. KMS left out: there should be records of KMS among them; look at the event selectors of the trail. gap: no log file was delivered, or none could be read; look at the trail and its bucket. Days are UTC.",
		noLogs, 24, 19, series(`WITH days AS (
  SELECT day, account_id, region, CASE WHEN failed_file_count > 0 AND state <> 'gap' THEN 'failed' ELSE state END AS word
  FROM coverage
  WHERE `+coverageScope("coverage")+`
),
ranked AS (
  SELECT account_id, region, row_number() OVER (ORDER BY count(*) FILTER (word IN ('gap', 'excluded_or_write_only', 'failed')) DESC, account_id, region) AS place
  FROM days
  GROUP BY account_id, region
)
SELECT time, name, state_number
FROM (
  SELECT CAST(d.day AS TIMESTAMP) AS time, `+accountName("a", "d.account_id")+` || ', ' || d.region AS name, `+number+` END AS state_number, r.place
  FROM days AS d
  JOIN ranked AS r ON r.account_id = d.account_id AND r.region = d.region
  LEFT JOIN accounts AS a ON a.account_id = d.account_id
  WHERE r.place <= 40
  UNION ALL -- A panel of this kind cannot say why it has nothing to show.
  SELECT $__timeFrom() AS time, 'no log files of this range and selection were read' AS name, NULL AS state_number, 1 AS place
  WHERE NOT EXISTS (SELECT 1 FROM days)
) AS lines
ORDER BY time, place`, "{{name}}"))
	p.FieldConfig.Defaults.Mappings = []Mapping{{Type: "value", Options: mapping}}
	return p.option("showValue", "never").option("rowHeight", 0.9).
		option("legend", map[string]any{"showLegend": true, "displayMode": "list", "placement": "bottom"})
}

func gapsTable() Panel {
	return grid("Gaps",
		"Runs of days for which an account and Region have no logs, or logs without the KMS records there should be. A detector that found nothing there has not looked. The same, for scripts: kmstrail query coverage_gaps.",
		"No gaps in this range and selection, as far as there are logs at all.",
		12, 10, table(`WITH days AS (
  SELECT *,
    row_number() OVER (PARTITION BY account_id, region ORDER BY day) - row_number() OVER (PARTITION BY account_id, region, state, reason ORDER BY day) AS run
  FROM coverage
  WHERE `+coverageScope("coverage")+`
)
SELECT
  `+accountName("a", "d.account_id")+` AS name,
  d.account_id,
  d.region,
  min(d.day) AS first_day,
  max(d.day) AS last_day,
  count(*) AS days,
  CASE d.state WHEN 'gap' THEN 'gap' WHEN 'excluded_or_write_only' THEN 'KMS left out' ELSE 'files failed' END AS gap,
  d.reason
FROM days AS d
LEFT JOIN accounts AS a ON a.account_id = d.account_id
WHERE d.state IN ('gap', 'excluded_or_write_only') OR d.failed_file_count > 0
GROUP BY a.account_name, d.account_id, d.region, d.state, d.reason, d.run
ORDER BY days DESC, first_day DESC, d.account_id, d.region
LIMIT 500`)).hide("account_id").
		field("name", called("Account"), leads(toAccount("account_id"))).
		field("first_day", called("From"), unit("time:YYYY-MM-DD")).field("last_day", called("To"), unit("time:YYYY-MM-DD")).
		field("days", called("Days")).
		field("gap", append(marked("gap", palette.Red, "KMS left out", palette.Orange, "files failed", palette.Orange), called("What"))...).
		field("reason", called("Why")).
		widths("name", 130, "region", 110, "first_day", 100, "last_day", 100, "days", 65, "gap", 105)
}

func verdictsTable() Panel {
	q := named("verdicts")
	return grid("Verdicts, all accounts",
		"What each detector says about each account and Region of the logs, whichever are chosen above. PASS: nothing found, and everything was there to be looked at. FAIL: open findings. UNKNOWN: something was missing, and what. End the range at a midnight for which there are logs.",
		"No detector has run, or there are no logs.",
		12, 10, q).
		hide("account_id", "suppressed_count", "day_count", "gap_days", "excluded_days", "failed_file_count", "missed_days", "stale_days", "finding_count").
		field("detector_id", called("Detector"), leads(toFindings())).
		field("account_name", called("Account"), leads(toAccount("account_id"))).
		field("reason", called("Why")).
		widths("detector_id", 240, "account_name", 130, "region", 110, "verdict", 100)
}

func detectorsTable() Panel {
	return grid("Detectors",
		"Each detector over the days of the range. Days on which it did not run, and runs that failed, leave findings unknown: look at the server's log, and run kmstrail detect over these days.",
		"No detector has run over days of this range: run kmstrail detect, or have the server do it.",
		24, 7, table(`WITH runs AS (
  SELECT
    detector_id,
    count(DISTINCT window_start) FILTER (error IS NULL) AS run_days,
    count(*) AS run_count,
    count(error) AS failed_count,
    arg_max(error, started_at) AS last_error,
    max(started_at) AS last_run,
    avg(duration_ms) FILTER (error IS NULL) AS mean_ms,
    max(duration_ms) AS slowest_ms,
    sum(finding_count) AS finding_count
  FROM detector_runs
  WHERE window_start < $__timeTo() AND window_end > $__timeFrom()
  GROUP BY detector_id
),
days AS (SELECT count(DISTINCT day) AS day_count FROM arrivals WHERE $__dateFilter(day))
SELECT
  CASE WHEN r.last_error IS NOT NULL THEN 'failing' WHEN r.run_days < d.day_count THEN 'behind' ELSE 'ok' END AS health,
  r.detector_id,
  r.run_days,
  greatest(0, d.day_count - r.run_days) AS missed_count,
  r.run_count,
  r.failed_count,
  r.last_run,
  r.mean_ms,
  r.slowest_ms,
  r.finding_count,
  r.last_error
FROM runs AS r
CROSS JOIN days AS d
ORDER BY r.failed_count DESC, r.detector_id`)).
		field("health", append(marked("failing", palette.Red, "behind", palette.Orange, "ok", palette.Green), called("Health"))...).
		field("detector_id", called("Detector"), leads(toFindings())).
		field("run_days", called("Days run"), unit("short")).
		field("missed_count", append(textColours(text, 1, orange), called("Days missed"))...).
		field("run_count", called("Runs")).
		field("failed_count", append(textColours(text, 1, red), called("Failed"))...).
		field("last_run", called("Last run"), unit("time:YYYY-MM-DD HH:mm:ss")).field("mean_ms", called("Mean"), whole()).field("slowest_ms", called("Slowest"), whole()).
		field("finding_count", called("Found, day by day")).
		field("last_error", called("Last error")).
		widths("health", 90, "detector_id", 280, "run_days", 90, "missed_count", 110, "run_count", 80, "failed_count", 80, "last_run", 170,
			"mean_ms", 90, "slowest_ms", 90, "finding_count", 150)
}

func filesOverTime() Panel {
	return bars("Log files by account",
		"Log files by the day of their delivery, the eight accounts with most by name. A day with fewer than usual, other than a weekend, is a trail that stopped or a bucket that could not be read.",
		noLogs, 12, 9, series(`WITH sums AS (
  SELECT $__timeGroup(CAST(f.day AS TIMESTAMP), auto(1d), zero) AS time, `+accountName("a", "f.account_id")+` AS name, sum(f.log_file_count) AS n
  FROM log_file_days AS f
  LEFT JOIN accounts AS a ON a.account_id = f.account_id
  WHERE $__dateFilter(f.day) AND $__accountFilter(f.account_id) AND $__regionFilter(f.region) AND $__adhocFilters(f)
  GROUP BY ALL
),
largest AS (SELECT name FROM sums GROUP BY name ORDER BY sum(n) DESC, name LIMIT 8)
SELECT sums.time, coalesce(largest.name, 'other') AS name, sum(sums.n) AS file_count
FROM sums
LEFT JOIN largest ON largest.name = sums.name
GROUP BY ALL
ORDER BY sums.time`, "{{name}}")).paint("other", grey)
}

func delayOverTime() Panel {
	p := lines("Delay of delivery by day of the event",
		"Within how many minutes half, 95 and all of the records of a day were delivered, in steps. A hill in the upper line is a delivery that stood still; what the detectors said about that day they said again when its records came.",
		noLogs, 12, 9, series(`WITH steps AS (
  SELECT
    day, delay_minutes,
    sum(sum(kms_event_count)) OVER (PARTITION BY day ORDER BY delay_minutes) / sum(sum(kms_event_count)) OVER (PARTITION BY day) AS share
  FROM arrivals
  WHERE delay_minutes IS NOT NULL AND `+coverageScope("arrivals")+`
  GROUP BY day, delay_minutes
)
SELECT
  CAST(day AS TIMESTAMP) AS time,
  min(delay_minutes) FILTER (share >= 0.5) AS "half",
  min(delay_minutes) FILTER (share >= 0.95) AS "95 %",
  max(delay_minutes) AS "all"
FROM steps
GROUP BY day
ORDER BY day`, "")).unit("m").paint("half", "light-blue", "95 %", blue, "all", "purple")
	p.FieldConfig.Defaults.Custom["lineInterpolation"] = "stepAfter"
	p.FieldConfig.Defaults.Custom["scaleDistribution"] = map[string]any{"type": "log", "log": 10}
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 0
	p.Options["legend"] = map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{"max"}}
	return p
}

func delaySteps() Panel {
	return ranking("Delay of delivery",
		"Records by how long after the event their log file was delivered. Late ones change what was known about past days; the detectors look at these days again.",
		noLogs, 8, 9, table(`SELECT
  CASE
    WHEN delay_minutes IS NULL THEN 'not known'
    WHEN delay_minutes < 60 THEN 'within ' || delay_minutes || ' minutes'
    WHEN delay_minutes < 1440 THEN 'within ' || delay_minutes // 60 || ' hours'
    WHEN delay_minutes = 1440 THEN 'within a day'
    WHEN delay_minutes = 10080 THEN 'within a week'
    ELSE 'later'
  END AS delay,
  sum(kms_event_count) AS event_count
FROM arrivals
WHERE `+coverageScope("arrivals")+`
GROUP BY delay_minutes
ORDER BY delay_minutes NULLS LAST`))
}

func lateTable() Panel {
	return grid("Late arrivals",
		"Accounts, Regions and days with records that were delivered more than an hour after the event, most first.",
		"No record arrived more than an hour late in this range and selection.",
		16, 9, table(`WITH late AS (
  SELECT
    account_id, region, day,
    sum(kms_event_count) FILTER (delay_minutes > 60) AS late_count,
    sum(kms_event_count) AS event_count,
    max(delay_minutes) AS most_minutes
  FROM arrivals
  WHERE `+coverageScope("arrivals")+`
  GROUP BY ALL
  HAVING sum(kms_event_count) FILTER (delay_minutes > 60) > 0
  ORDER BY late_count DESC, day DESC
  LIMIT 200
)
SELECT
  `+accountName("a", "l.account_id")+` AS name, l.account_id, l.region, l.day, l.late_count, l.event_count, l.late_count / l.event_count AS late_share, l.most_minutes
FROM late AS l
LEFT JOIN accounts AS a ON a.account_id = l.account_id
ORDER BY l.late_count DESC, l.day DESC, l.account_id, l.region`)).hide("account_id").
		field("name", called("Account"), leads(toAccount("account_id"))).
		field("day", unit("time:YYYY-MM-DD")).
		field("late_count", called("Late")).field("event_count", called("Of")).field("late_share", called("Share"), unit("percentunit"), whole()).
		field("most_minutes", called("Latest within"), unit("m")).
		widths("name", 170, "region", 130, "day", 110, "late_count", 80, "event_count", 80, "late_share", 80)
}

func quarantineTable() Panel {
	return grid("Quarantine",
		"Records and files that were not taken as they are, by reason, with the latest of each: where it lies and what was found. Counted when the log file was delivered. superseded and conflicting_duplicate are records that came twice with other content; the others are damaged. kmstrail rebuild and a new version read them again.",
		"Everything that was delivered in the range could be read.",
		24, 8, table(`WITH entries AS (
  SELECT
    q.reason, q.detail, q.record_index, q.log_file_id, f.object_key, f.account_id,
    coalesce(f.delivered_at, f.last_event_time, f.last_modified, q.quarantined_at) AS delivered
  FROM quarantine AS q
  LEFT JOIN log_files AS f ON f.log_file_id = q.log_file_id
  WHERE $__accountFilter(f.account_id) AND $__regionFilter(f.region)
)
SELECT
  reason,
  count(*) AS entry_count,
  count(DISTINCT log_file_id) AS file_count,
  max(delivered) AS last_seen,
  arg_max(detail, delivered) AS last_detail,
  arg_max(object_key, delivered) AS last_object,
  arg_max(record_index, delivered) AS last_record
FROM entries
WHERE $__timeFilter(delivered)
GROUP BY reason
ORDER BY entry_count DESC, reason`)).
		field("reason", called("Reason")).field("entry_count", called("Entries")).field("file_count", called("Files")).
		field("last_seen", called("Latest")).field("last_detail", called("What was found there")).field("last_object", called("Log file")).
		field("last_record", called("Record"), unit("none")).
		widths("reason", 180, "entry_count", 80, "file_count", 80, "last_seen", 170, "last_detail", 420, "last_record", 80)
}
