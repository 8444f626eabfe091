package dashboards

import "github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"

// quota shows how near the calls of a second came to what AWS allows.
func quota() Dashboard {
	return kmsDashboard(quotaUID, "KMS quota headroom",
		"How near the busiest second of each account, Region and request quota came to what AWS allows, and who was calling then.",
		"now-7d", append(accountAndRegion(), quotaVariable(), peakVariable(), filters()),
		[]Annotation{annotation("Findings", red, true, Query{Kind: "findings", Findings: &builder.Findings{
			Detectors: []string{rateDetector}, Accounts: []string{"$account"}, Regions: []string{"$region"},
		}})},
		[]Panel{
			stat("Nearest", "How near the busiest second of all came to its quota. From 80 % on ask AWS for more or spread the calls, over 100 % AWS refuses calls.",
				"no requests", "percentunit", table(`WITH `+rates("", rateScope)+`
SELECT CASE WHEN count(*) > 0 THEN coalesce(max(share), 0) END AS value
FROM headroom`)).decimals(0).colours(blue, 0.8, orange, 1, red).says("of the nearest quota"),
			stat("Quotas near", "Quotas of an account and Region of which a second used 80 % or more. The table below has them first.",
				"no requests", "short", table(`SELECT CASE WHEN EXISTS (SELECT 1 FROM request_rate WHERE `+rateScope+`) THEN count(*) END AS value
FROM (
  SELECT DISTINCT account_id, region, quota_name, custom_key_store_id
  FROM request_rate
  WHERE `+rateScope+` AND near_seconds > 0 AND `+busy+`
) AS near`)).colours(blue, 1, orange).says("quotas at 80 % or more"),
			quotaStat("Seconds", "Seconds with 80 % of a quota or more, over all accounts, Regions and quotas.",
				"coalesce(sum(near_seconds) FILTER ("+busy+"), 0)", "short").colours(blue, 1, orange).says("seconds at 80 % or more"),
			quotaStat("Throttled", "Requests that were refused because a quota was used up. Not all of them are logged. Programs should wait and try again; many of them need a higher quota.",
				"sum(throttled_count)", "short").colours(blue, 1, red).says("requests refused"),
			quotaStat("Peak rate", "Requests in the busiest second of all, whatever the quota.",
				"max(peak_count)", "reqps").decimals(0).says("in the busiest second"),
			quotaStat("Requests", "Requests that count against a quota.",
				"sum(request_count)", "short").says("requests in the range"),
			peaksOverTime(), headroomTable(), peakCallers(), dailyPeaks(), throttledOverTime(),
		})
}

// rateDetector finds rates near a quota.
const rateDetector = "request_rate_near_quota"

// noRequests is why there may be nothing.
const noRequests = "No requests that count against a quota in this range and selection."

func quotaVariable() Variable {
	v := several("quota", "Quota")
	v.Query = VariableQuery{RefID: "variable", Variable: "sql", SQL: `SELECT DISTINCT quota_name AS __text, quota_name AS __value
FROM request_rate
WHERE $__timeFilter(minute, 1m)
ORDER BY 1`}
	return v
}

// peakVariable is a minute whose callers are shown: the busiest, or one that was
// clicked on.
func peakVariable() Variable {
	v := single("peak", "Peak")
	v.Query = VariableQuery{RefID: "variable", Variable: "sql", SQL: `WITH ` + rates("", rateScope+" AND "+busy) + `
SELECT strftime(peak_second, '%Y-%m-%d %H:%M') || '  ' || CAST(round(100 * share) AS INTEGER) || ' %' AS __text, strftime(peak_second, '%Y-%m-%d %H:%M') AS __value
FROM headroom
WHERE share IS NOT NULL
ORDER BY share DESC, peak_second
LIMIT 25`}
	return v
}

// rates has CTEs with one row per account, Region and quota, and whatever else it
// is grouped by, such as a time: how near the busiest second came to what holds
// for the account. A single request is never near a quota of one a second or less.
//
// Which minutes count is said by scope: of months there are millions.
func rates(group, scope string) string {
	name := ""
	if group != "" {
		name, group = "r.time, ", group+" AS time, "
	}
	return `rates AS (
  SELECT
    ` + group + `account_id, region, quota_name, custom_key_store_id,
    max(peak_count) AS peak_count,
    arg_max(peak_second, peak_count) AS peak_second,
    sum(near_seconds) AS near_seconds,
    sum(request_count) AS request_count,
    sum(throttled_count) AS throttled_count
  FROM request_rate
  WHERE ` + scope + `
  GROUP BY ALL
),
used AS (SELECT DISTINCT account_id, region, quota_name FROM rates),
limits AS (
  SELECT
    used.account_id, used.region, used.quota_name,
    first(q.requests_per_second ORDER BY q.account_id IS NULL, q.origin <> 'override', q.region IS NULL, q.requests_per_second) AS quota_per_second,
    first(q.origin ORDER BY q.account_id IS NULL, q.origin <> 'override', q.region IS NULL, q.requests_per_second) AS origin
  FROM used
  JOIN quotas AS q
    ON q.quota_name = used.quota_name AND coalesce(q.account_id, used.account_id) = used.account_id AND coalesce(q.region, used.region) = used.region
  GROUP BY ALL
),
headroom AS (
  SELECT
    ` + name + `r.account_id, r.region, r.quota_name, r.custom_key_store_id, r.peak_count, r.peak_second, r.request_count, r.throttled_count,
    l.quota_per_second, l.origin,
    CASE WHEN r.peak_count > 1 OR l.quota_per_second > 1 THEN r.peak_count / nullif(l.quota_per_second, 0) END AS share,
    CASE WHEN r.peak_count > 1 OR l.quota_per_second > 1 THEN r.near_seconds ELSE 0 END AS near_seconds,
    ` + accountName("a", "r.account_id") + ` AS account_name
  FROM rates AS r
  LEFT JOIN limits AS l ON l.account_id = r.account_id AND l.region = r.region AND l.quota_name = r.quota_name
  LEFT JOIN accounts AS a ON a.account_id = r.account_id
)`
}

// busy leaves out minutes in which no second had two requests: these are never near
// a quota of more than one, and most minutes are such.
const busy = "peak_count > 1"

// quotaStat is one number over all minutes.
func quotaStat(title, description, number, unit string) Panel {
	return stat(title, description, "no requests", unit, table(`SELECT CASE WHEN count(*) > 0 THEN `+number+` END AS value
FROM request_rate
WHERE `+rateScope))
}

// quotaScope are the conditions on request_rate by variables, rateScope those by ad
// hoc filters too.
const (
	quotaScope = `$__timeFilter(minute, 1m) AND $__accountFilter(account_id) AND $__regionFilter(region) AND $__filter(quota_name, quota)`
	rateScope  = quotaScope + `
    AND $__adhocFilters(request_rate)`
)

// quotaSeries sums or compares a number of all quotas over time, the largest eight
// of them by name.
func quotaSeries(number, minutes, where, column string) Query {
	return series(`WITH `+rates("$__timeGroup(minute, auto(1m), zero)", rateScope+" AND "+minutes)+`,
named AS (
  SELECT time, account_name || ', ' || region || ', ' || quota_name AS name, `+number+` AS n
  FROM headroom
  WHERE `+where+`
  GROUP BY ALL
),
largest AS (SELECT name FROM named GROUP BY name ORDER BY max(n) DESC, name LIMIT 8)
SELECT named.time, named.name, named.n AS `+column+`
FROM named
JOIN largest ON largest.name = named.name
ORDER BY named.time`, "{{name}}")
}

func peaksOverTime() Panel {
	p := lines("Busiest second as share of the quota",
		"The busiest second of each point in time, as share of what the quota allows a second; the eight quotas that came nearest. The dashed lines are 80 % and 100 %: above the first ask for more, above the second AWS refuses calls.",
		noRequests, 24, 9, quotaSeries("max(share)", busy, "share IS NOT NULL", "share")).unit("percentunit").decimals(0)
	// Lines have the colour of what to do.
	p = p.colours(blue, 0.8, orange, 1, red)
	c := p.FieldConfig.Defaults.Custom
	c["thresholdsStyle"], c["axisSoftMax"], c["lineInterpolation"], c["fillOpacity"] = map[string]any{"mode": "dashed"}, 1, "stepAfter", 0
	c["gradientMode"] = "scheme"
	p.FieldConfig.Defaults.Min = number(0)
	p.Options["legend"] = map[string]any{
		"displayMode": "table", "placement": "right", "showLegend": true, "calcs": []string{"max"}, "sortBy": "Max", "sortDesc": true, "width": 500,
	}
	return p
}

func headroomTable() Panel {
	return grid("Headroom",
		"For each account, Region and quota the busiest second and what was left of the quota then, the nearest first. The moment of the peak leads to who was calling. The same, for scripts: kmstrail query quota_headroom.",
		noRequests, 24, 9, table(`WITH `+rates("", rateScope)+`
SELECT
  account_name,
  account_id,
  region,
  quota_name || coalesce(' of ' || custom_key_store_id, '') AS quota,
  quota_per_second,
  origin,
  peak_count,
  share AS peak_share,
  peak_second,
  strftime(peak_second, '%Y-%m-%d %H:%M') AS peak_minute,
  quota_name,
  near_seconds,
  throttled_count,
  request_count
FROM headroom
ORDER BY share DESC NULLS LAST, account_id, region, quota_name, custom_key_store_id
LIMIT 500`)).hide("account_id", "peak_minute", "quota_name").
		field("account_name", called("Account"), leads(toAccount("account_id"))).
		field("quota", called("Quota")).
		field("quota_per_second", called("Allowed"), unit("reqps")).
		field("origin", called("From")).
		field("peak_count", called("Busiest second"), unit("reqps")).
		field("peak_share", append(textColours(blue, 0.8, orange, 1, red), called("Share"), unit("percentunit"), whole(),
			cellGauge(), Property{ID: "min", Value: 0}, Property{ID: "max", Value: 1})...).
		field("peak_second", called("When"), leads(toPeak())).
		field("near_seconds", append(textColours(text, 1, orange), called("Seconds ≥ 80 %"), unit("short"))...).
		field("throttled_count", append(textColours(text, 1, red), called("Throttled"))...).
		widths("account_name", 160, "region", 120, "quota", 270, "quota_per_second", 120, "origin", 90, "peak_count", 130, "peak_share", 200, "peak_second", 170,
			"near_seconds", 140, "throttled_count", 100)
}

// cellGauge draws a number as a bar in its cell.
func cellGauge() Property {
	return Property{ID: "custom.cellOptions", Value: map[string]any{"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}}
}

// toPeak shows who was calling at the peak of a row.
func toPeak() Link {
	return Link{Title: "Who was calling in this minute", URL: dashboardURL(quotaUID,
		column("account", "account_id"), column("region", "region"), column("quota", "quota_name"), column("peak", "peak_minute"))}
}

func peakCallers() Panel {
	return grid("Raw: who was calling in the peak minute",
		"The calls of the peak minute that count against the quota, by caller, operation and key: of the minute chosen above as Peak, which is the busiest of the range until another one is clicked on in a table. Speak to the first of them, or ask for a higher quota.",
		noRequests, 24, 8, table(`WITH `+rates("minute", quotaScope+" AND $__filter(minute, peak)")+`,
peak AS (
  SELECT time AS minute, account_id, region, quota_name, custom_key_store_id
  FROM headroom
  ORDER BY share DESC NULLS LAST, time, account_id, region, quota_name
  LIMIT 1
),
calls AS (
  SELECT
    c.account_id, c.region, c.quota_name, c.caller, c.service, c.event_name, c.key_arn,
    count(*) AS request_count,
    count(*) FILTER (c.error_class = 'throttled') AS throttled_count,
    min(c.event_time) AS first_seen,
    max(c.event_time) AS last_seen,
    arg_max(c.event_id, c.event_time) AS event_id
  FROM quota_calls AS c
  JOIN peak AS p
    ON p.minute = date_trunc('minute', c.event_time) AND p.account_id = c.account_id AND p.region = c.region AND p.quota_name = c.quota_name
    AND p.custom_key_store_id IS NOT DISTINCT FROM c.custom_key_store_id
  WHERE $__timeFilter(c.event_time) AND $__filter(date_trunc('minute', c.event_time), peak)
  GROUP BY ALL
  ORDER BY request_count DESC, c.caller
  LIMIT 100
)
SELECT
  `+accountName("a", "c.account_id")+` AS account_name,
  c.account_id,
  c.region,
  c.quota_name,
  `+principalName("c.caller", "c.caller")+` AS caller_name,
  c.caller AS principal_arn,
  c.service,
  c.event_name,
  `+keyName("c.key_arn")+` AS key_name,
  c.key_arn,
  c.request_count,
  c.throttled_count,
  c.first_seen,
  c.last_seen,
  c.event_id
FROM calls AS c
LEFT JOIN accounts AS a ON a.account_id = c.account_id
LEFT JOIN key_names AS k ON k.key_arn = c.key_arn
ORDER BY c.request_count DESC, c.caller`)).hide("account_id", "principal_arn", "key_arn").
		field("account_name", called("Account"), leads(toAccount("account_id"))).
		field("quota_name", called("Quota")).
		field("caller_name", called("Caller"), leads(toPrincipal("principal_arn"))).
		field("key_name", called("Key"), leads(toKey())).
		field("throttled_count", append(textColours(text, 1, red), called("Throttled"))...).
		field("first_seen", called("First")).field("last_seen", called("Last")).field("event_id", called("Last event")).
		widths("account_name", 140, "region", 110, "quota_name", 230, "caller_name", 200, "service", 90, "event_name", 170, "key_name", 200,
			"request_count", 90, "throttled_count", 90, "first_seen", 160, "last_seen", 160)
}

func dailyPeaks() Panel {
	return grid("Busiest second of each day",
		"Day by day the quotas that came nearest, at most 200 rows. A share that grows from week to week reaches the quota: ask in time. The same, for scripts: kmstrail query quota_peaks.",
		noRequests, 12, 10, table(`WITH `+rates("CAST(minute AS DATE)", rateScope+" AND "+busy)+`
SELECT
  time AS day,
  account_name,
  account_id,
  region,
  quota_name,
  share AS peak_share,
  peak_second,
  strftime(peak_second, '%Y-%m-%d %H:%M') AS peak_minute,
  throttled_count
FROM headroom
WHERE share >= 0.01
ORDER BY share DESC, day
LIMIT 200`)).hide("account_id", "peak_minute").
		field("day", unit("time:YYYY-MM-DD")).
		field("account_name", called("Account"), leads(toAccount("account_id"))).
		field("quota_name", called("Quota")).
		field("peak_share", append(textColours(text, 0.8, orange, 1, red), called("Share"), unit("percentunit"), whole())...).
		field("peak_second", called("When"), leads(toPeak())).
		widths("day", 100, "account_name", 130, "region", 110, "peak_share", 70, "peak_second", 160, "throttled_count", 90)
}

func throttledOverTime() Panel {
	return bars("Throttled requests",
		"Requests that were refused because a quota was used up, by account, Region and quota. Each is a call that somebody had to repeat, or that failed.",
		"No request was throttled in this range and selection.",
		12, 10, quotaSeries("sum(throttled_count)", "throttled_count > 0", "true", "throttled_count")).
		option("legend", map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{"sum"}}).
		fields(".*", shades(red))
}
