package macros

import "strings"

// list has the macros in the order in which people learn them. What Expands
// says is what they become for the range 2026-01-01 00:00 to 06:00 UTC, points
// of a minute, and the variables and ad hoc filters of the tests.
var list = []*definition{
	{
		Macro: Macro{
			Name: "$__timeFilter", Signature: "$__timeFilter(column[, grain])",
			Doc: "Rows in the range of the panel, its end excluded. With a grain, such as `1h` for `usage_hourly`, rows that stand for so much time " +
				"and that the range touches: the hour in which it begins as well.",
			Example: "$__timeFilter(event_time)",
			Expands: "(event_time >= TIMESTAMP '2026-01-01 00:00:00' AND event_time < TIMESTAMP '2026-01-01 06:00:00')",
		},
		least: 1, most: 2, expand: timeFilter,
	},
	{
		Macro: Macro{
			Name: "$__dateFilter", Signature: "$__dateFilter(column[, month])",
			Doc:     "For a DATE: days that the range of the panel touches. With `month`, as for `usage_monthly`, months that it touches.",
			Example: "$__dateFilter(day)",
			Expands: "(day >= DATE '2026-01-01' AND day < DATE '2026-01-02')",
		},
		least: 1, most: 2, expand: dateFilter,
	},
	{
		Macro: Macro{
			Name: "$__timeFrom", Signature: "$__timeFrom()",
			Doc:     "The beginning of the panel's range, a TIMESTAMP in UTC.",
			Example: "$__timeFrom()", Expands: "TIMESTAMP '2026-01-01 00:00:00'",
		},
		expand: timeFrom,
	},
	{
		Macro: Macro{
			Name: "$__timeTo", Signature: "$__timeTo()",
			Doc:     "The end of the panel's range, which is no part of it, a TIMESTAMP in UTC.",
			Example: "$__timeTo()", Expands: "TIMESTAMP '2026-01-01 06:00:00'",
		},
		expand: timeTo,
	},
	{
		Macro: Macro{
			Name: "$__interval", Signature: "$__interval",
			Doc:     "The width of a point as Grafana proposes it for the range and the width of the panel, an INTERVAL.",
			Example: "$__interval", Expands: "INTERVAL '60 seconds'",
		},
		bare: true, expand: panelInterval,
	},
	{
		Macro: Macro{
			Name: "$__interval_ms", Signature: "$__interval_ms",
			Doc:     "The same in milliseconds, a number.",
			Example: "$__interval_ms", Expands: "60000",
		},
		bare: true, expand: panelMilliseconds,
	},
	{
		Macro: Macro{
			Name: "$__timeGroup", Signature: "$__timeGroup(column, interval[, fill])",
			Doc: "The beginning of the time group that a time lies in, in UTC. The interval is `auto`, `auto(1h)` (as wide as suits the panel, in whole hours), " +
				"`$__interval` or a number with `ms`, `s`, `m`, `h`, `d` or `w`; days begin at midnight UTC, weeks on Mondays. " +
				"Months and years have no fixed length: use `date_trunc('month', column)`. " +
				"The last argument is what groups without rows hold in a time series: `NULL`, `previous`, `zero` or a number.",
			Example: "$__timeGroup(event_time, 5m, zero)",
			Expands: "time_bucket(INTERVAL '300 seconds', event_time)",
		},
		least: 2, most: 3, expand: timeGroup,
	},
	{
		Macro: Macro{
			Name: "$__timeGroupAlias", Signature: "$__timeGroupAlias(column, interval[, fill])",
			Doc:     "The same, named `time`, for the list behind SELECT.",
			Example: "$__timeGroupAlias(event_time, auto)",
			Expands: `time_bucket(INTERVAL '60 seconds', event_time) AS "time"`,
		},
		least: 2, most: 3, expand: timeGroup,
	},
	{
		Macro: Macro{
			Name: "$__accountFilter", Signature: "$__accountFilter(column[, variable])",
			Doc:     "Rows of the accounts that the dashboard variable `account`, or the one named, has. All, and a variable that is not there, filter nothing.",
			Example: "$__accountFilter(key_account_id)",
			Expands: "(key_account_id IN ('111122223333', '444455556666'))",
		},
		least: 1, most: 2, expand: filterBy("account"),
	},
	{
		Macro: Macro{
			Name: "$__regionFilter", Signature: "$__regionFilter(column[, variable])",
			Doc:     "Rows of the Regions that the dashboard variable `region` has.",
			Example: "$__regionFilter(region)", Expands: "(region = 'eu-west-1')",
		},
		least: 1, most: 2, expand: filterBy("region"),
	},
	{
		Macro: Macro{
			Name: "$__keyFilter", Signature: "$__keyFilter(column[, variable])",
			Doc:     "Rows of the KMS keys that the dashboard variable `key` has: key ARNs, or key ids.",
			Example: "$__keyFilter(key_arn)", Expands: "(key_arn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab')",
		},
		least: 1, most: 2, expand: keyFilter,
	},
	{
		Macro: Macro{
			Name: "$__principalFilter", Signature: "$__principalFilter(column[, variable])",
			Doc:     "Rows of the callers that the dashboard variable `principal` has.",
			Example: "$__principalFilter(principal_arn)", Expands: "TRUE",
		},
		least: 1, most: 2, expand: filterBy("principal"),
	},
	{
		Macro: Macro{
			Name: "$__filter", Signature: "$__filter(column, variable[, operator])",
			Doc: "Rows whose column has one of the values of any dashboard variable. The name stands without quotes: values are quoted by themselves, whatever is in them. " +
				"The operator is `'in'` when it is left out, else `'not in'`, `'like'`, `'not like'`, `'=~'`, `'!~'` (a regular expression, anywhere in the text), " +
				"`'<'`, `'<='`, `'>'`, `'>='`, and for lists `'has'` and `'has not'`. Negative ones take rows without a value as well.",
			Example: "$__filter(service, service, 'not in')",
			Expands: "(service NOT IN ('s3', 'ebs') OR service IS NULL)",
		},
		least: 2, most: 3, expand: filter,
	},
	{
		Macro: Macro{
			Name: "$__adhocFilters", Signature: "$__adhocFilters([alias])",
			Doc: "The ad hoc filters of the dashboard, those that people click on; with the alias of the table that has the columns. " +
				"A filter on a column that there is not is left out with a notice. `=~` looks for a regular expression anywhere in the text. " +
				"Negative operators take rows without a value as well, and a filter for an empty value finds these.",
			Example: "$__adhocFilters(calls)", Expands: "(calls.event_name = 'Decrypt' AND calls.service IS DISTINCT FROM 's3')",
		},
		most: 1, expand: adHocFilters,
	},
}

// List describes all macros, in the order in which people learn them.
func List() []Macro {
	out := make([]Macro, len(list))
	for i, d := range list {
		out[i] = d.Macro
	}
	return out
}

// Markdown is the list of macros as a page of documentation has it, from
// headings of the third level on.
func Markdown() string {
	var b strings.Builder
	for _, d := range list {
		b.WriteString("### `" + d.Signature + "`\n\n" + d.Doc + "\n\n```sql\n" + d.Example + "\n-- " + d.Expands + "\n```\n\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
