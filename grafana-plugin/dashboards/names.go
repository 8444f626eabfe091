package dashboards

import "github.com/kmstrail/kmstrail/grafana-plugin/pkg/palette"

// Names instead of ids, in SQL. Joins are to tables that hold little: accounts
// from the configuration, and keys.

// keyName is an alias of the key, else its id, where k is the view key_names.
func keyName(arn string) string {
	return "coalesce(k.aliases, regexp_extract(" + arn + ", '[^/]*$'), 'no key')"
}

// accountName is the name of an account, else its id; a is the alias of the
// table accounts.
func accountName(a, id string) string {
	return "coalesce(" + a + ".account_name, " + id + ")"
}

// principalName is what an ARN says behind its account, such as role/app; else what
// else identifies the caller.
func principalName(arn, id string) string {
	return "coalesce(nullif(split_part(" + arn + ", ':', 6), ''), " + arn + ", " + id + ", 'unknown')"
}

// short shows ARNs of principals and keys, alone or in a sentence, without what
// stands before the name. The value, which links use, stays.
func short() Property {
	return Property{ID: "mappings", Value: []Mapping{{Type: "regex", Options: map[string]any{
		"pattern": `/arn:[^:\s]+:(?:iam|sts|kms):[^:\s]*:\d*:(?:key\/)?/g`, "result": map[string]any{"text": "", "index": 0},
	}}}}
}

// pills shows lists.
func pills() []Property { return []Property{pill, coloured(palette.Blue)} }

// pill has values stand on their colour, which is one of the palette.
var pill = Property{ID: "custom.cellOptions", Value: map[string]any{"type": "pill"}}

// marked gives words their colours: word, colour, word, colour, the worst first.
func marked(words ...string) []Property {
	options := map[string]any{}
	for i := 0; i+1 < len(words); i += 2 {
		options[words[i]] = map[string]any{"color": words[i+1], "index": i / 2}
	}
	return []Property{pill, {ID: "mappings", Value: []Mapping{{Type: "value", Options: options}}}}
}

// usage is the table of who used a key for what, by the hour, or by the day where
// a point of the panel is a day: over months that is a fraction of the rows. Panels
// that group it by $__timeGroupAlias(time, auto(1h)) get groups that fit; all
// panels have as many points (see pointsPerPanel), so their sums agree. Its time is
// called time. Ad hoc filters are in it already.
const usage = `(
  SELECT hour AS time, * EXCLUDE (hour)
  FROM usage_hourly
  WHERE $__interval_ms <= 43200000 AND $__timeFilter(hour, 1h) AND $__adhocFilters(usage_hourly)
  UNION ALL BY NAME
  SELECT CAST(day AS TIMESTAMP) AS time, * EXCLUDE (day)
  FROM usage_daily
  WHERE $__interval_ms > 43200000 AND $__dateFilter(day) AND $__adhocFilters(usage_daily)
)`

// totals is usage for panels that do not group it by time, and has no column for
// that: of many days whole months are taken by the month, which is a twentieth of
// the rows.
const totals = `(
  SELECT * EXCLUDE (hour)
  FROM usage_hourly
  WHERE $__interval_ms <= 43200000 AND $__timeFilter(hour, 1h) AND $__adhocFilters(usage_hourly)
  UNION ALL BY NAME
  SELECT * EXCLUDE (day)
  FROM usage_daily
  WHERE $__interval_ms > 43200000 AND $__dateFilter(day) AND day < ` + firstMonth + ` AND $__adhocFilters(usage_daily)
  UNION ALL BY NAME
  SELECT * EXCLUDE (month)
  FROM usage_monthly
  WHERE $__interval_ms > 43200000 AND month >= ` + firstMonth + ` AND month < ` + lastMonth + ` AND $__adhocFilters(usage_monthly)
  UNION ALL BY NAME
  SELECT * EXCLUDE (day)
  FROM usage_daily
  WHERE $__interval_ms > 43200000 AND $__dateFilter(day) AND day >= greatest(` + firstMonth + `, ` + lastMonth + `) AND $__adhocFilters(usage_daily)
)`

// The months of which the range touches every day begin at firstMonth and end
// before lastMonth; there are none when that is the earlier of the two.
const (
	firstMonth = "CAST(date_trunc('month', CAST($__timeFrom() AS DATE) - INTERVAL 1 DAY) + INTERVAL 1 MONTH AS DATE)"
	lastMonth  = "CAST(date_trunc('month', CAST($__timeTo() - INTERVAL 1 MICROSECOND AS DATE) + INTERVAL 1 DAY) AS DATE)"
)

// inScope are the conditions on usage u: calls by or on keys of the accounts that
// are chosen.
const inScope = `($__accountFilter(u.paying_account_id) OR $__accountFilter(u.key_account_id)) AND $__regionFilter(u.region)`

// top sums a number of usage u over time by a text, the largest eight of it by
// name and the rest as other.
func top(text, number, where string) string {
	return `WITH sums AS (
  SELECT $__timeGroup(u.time, auto(1h), zero) AS time, ` + text + ` AS name, sum(` + number + `) AS n
  FROM ` + usage + ` AS u
  WHERE ` + where + `
  GROUP BY ALL
),
largest AS (SELECT name FROM sums GROUP BY name ORDER BY sum(n) DESC, name LIMIT 8)
SELECT
  time,
  CASE WHEN name IN (SELECT name FROM largest) THEN name ELSE 'other' END AS name,
  sum(n) AS call_count
FROM sums
GROUP BY ALL
ORDER BY time`
}

// lastTime is how long before the end of the range something was seen last that
// fits a condition, in seconds. Sums reach beyond the end of the range, so of the
// month, day and hour in which it lies finer ones are asked.
func lastTime(where string) string {
	return `SELECT date_diff('second', max(seen), $__timeTo()) AS value
FROM (
  SELECT last_event_time AS seen FROM usage_monthly WHERE last_event_time < $__timeTo() AND ` + where + `
  UNION ALL
  SELECT last_event_time FROM usage_daily
  WHERE day >= date_trunc('month', $__timeTo()) AND last_event_time < $__timeTo() AND ` + where + `
  UNION ALL
  SELECT least(last_event_time, $__timeTo()) FROM usage_hourly
  WHERE hour >= date_trunc('day', $__timeTo()) AND first_event_time < $__timeTo() AND ` + where + `
) AS sums
HAVING max(seen) IS NOT NULL`
}

// Panels that read single records look at the end of the range only, and at less
// of it where that has many: what they cost must not grow with the number of events.
const (
	lately   = ", lately (raw)"
	latelyOf = "on the last day of the range, or in its last hour where the day has over 20,000 calls, or in its last minute where that hour has over 100,000"
	// latelyNone says so in short where nothing is shown.
	latelyNone = "on the last day of the range, or in what of it was looked at"
)

// late is the condition on a time of records that they look at; where is a condition
// on usage u that all such calls fit. The day stands in it by itself, because what is
// computed does not tell DuckDB what to leave out.
func late(time, where string) string {
	return `$__timeFilter(` + time + `) AND ` + time + ` >= $__timeTo() - INTERVAL 1 DAY
    AND ` + time + ` >= $__timeTo() - (
      SELECT CASE
        WHEN sum(greatest(u.caller_use_count, u.use_count)) FILTER (u.hour >= $__timeTo() - INTERVAL 1 HOUR) > 100000 THEN INTERVAL 1 MINUTE
        WHEN sum(greatest(u.caller_use_count, u.use_count)) > 20000 THEN INTERVAL 1 HOUR
        ELSE INTERVAL 1 DAY
      END
      FROM usage_hourly AS u
      WHERE u.hour >= $__timeTo() - INTERVAL 1 DAY AND u.hour < $__timeTo() AND ` + where + `
    )`
}
