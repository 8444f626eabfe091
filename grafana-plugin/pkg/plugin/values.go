package plugin

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"
	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// Value is one value of a variable, a filter or a column.
type Value struct {
	// Text is for people, Value for queries.
	Text        string `json:"text"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
}

// lookup is what values are wanted.
type lookup struct {
	kind, table, column string
	// search is text that they hold, in any case; "" for all.
	search string
	// from and to are the range in which they were seen, whole hours; zero for ever.
	from, to time.Time
	limit    int
}

const (
	defaultValues = 1000
	mostValues    = 10_000
	// mostSearch bounds what people type to find a value.
	mostSearch = 500
)

// parseLookup reads the parameters of the resource.
func parseLookup(v url.Values) (lookup, error) {
	l := lookup{kind: v.Get("kind"), table: v.Get("table"), column: v.Get("column"), search: strings.TrimSpace(v.Get("search")), limit: defaultValues}
	if (l.kind == "") == (l.table == "" || l.column == "") {
		return l, fmt.Errorf("values are asked for by kind, or by table and column")
	}
	if len(l.search) > mostSearch {
		return l, fmt.Errorf("the text to search for is longer than %d bytes", mostSearch)
	}
	if text := v.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostValues {
			return l, fmt.Errorf("limit is %q; it must be a number from 1 to %d", text, mostValues)
		}
		l.limit = n
	}
	var err error
	if l.from, err = parseMoment("from", v.Get("from")); err != nil {
		return l, err
	}
	if l.to, err = parseMoment("to", v.Get("to")); err != nil {
		return l, err
	}
	// Whole hours, so that lists can be kept while the range moves.
	l.from = l.from.Truncate(time.Hour)
	if !l.to.IsZero() {
		l.to = l.to.Add(time.Hour - 1).Truncate(time.Hour)
	}
	return l, nil
}

// parseMoment reads milliseconds since 1970, or a time as in RFC 3339.
func parseMoment(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%s is %q; it must be milliseconds since 1970 or a time like 2026-03-01T12:00:00Z", name, text)
	}
	return t.UTC(), nil
}

// Values of the store's own lists, most urgent first.
var (
	severities = []string{"critical", "high", "medium", "low", "info"}
	statusList = []string{"new", "in_progress", "suppressed", "resolved", "withdrawn"}
)

// find returns values.
func (d *Datasource) find(ctx context.Context, l lookup) ([]Value, error) {
	switch l.kind {
	case "severity":
		return l.fixed(severities), nil
	case "status":
		return l.fixed(statusList), nil
	}
	sql, err := d.valuesSQL(ctx, l)
	if err != nil {
		return nil, err
	}
	return d.values.get(ctx, sql, func() ([]Value, error) {
		return within(ctx, d, d.lookups, func(ctx context.Context, s server) ([]Value, error) {
			return ask(ctx, s, sql, func(r row) Value { return Value{Text: r.text(0), Value: r.text(1), Description: r.text(2)} })
		})
	})
}

func (l lookup) fixed(all []string) []Value {
	out := []Value{}
	for _, v := range all {
		if strings.Contains(v, strings.ToLower(l.search)) {
			out = append(out, Value{Text: v, Value: v})
		}
	}
	return out
}

// Each of these gives text, value and description. They read sums, so what they
// cost does not grow with the events. {day}, {event} and {seen} are conditions
// on the range.
var valueSQL = map[string]string{
	"account": `SELECT
        coalesce(max(name) || ' (' || account_id || ')', account_id) AS text,
        account_id AS value,
        CASE WHEN bool_or(logged) THEN '' ELSE 'no events of it in the range' END AS description
    FROM (
        SELECT account_id, account_name AS name, false AS logged FROM accounts
        UNION ALL
        SELECT DISTINCT account_id, CAST(NULL AS VARCHAR), true FROM arrivals WHERE account_id IS NOT NULL AND {day}
    ) AS known
    GROUP BY account_id
    ORDER BY lower(text), value`,
	"region": `SELECT DISTINCT region AS text, region AS value, '' AS description
    FROM arrivals
    WHERE {day}
    ORDER BY value`,
	"key": `SELECT
        coalesce(k.aliases || ' (' || k.key_id || ')', k.key_id) AS text,
        k.key_arn AS value,
        coalesce(a.account_name, k.account_id) || ', ' || k.region || coalesce(', ' || k.state, '') AS description
    FROM keys AS k
    LEFT JOIN accounts AS a ON a.account_id = k.account_id
    WHERE {seen}
    ORDER BY k.call_count DESC, value`,
	"principal": `SELECT
        split_part(u.principal_arn, ':', 6) || coalesce(' (' || coalesce(max(a.account_name), max(u.caller_account_id)) || ')', '') AS text,
        u.principal_arn AS value,
        max(u.actor_kind) || ', ' || CAST(CAST(sum(u.caller_use_count) AS BIGINT) AS VARCHAR) || ' calls' AS description
    FROM usage_monthly AS u
    LEFT JOIN accounts AS a ON a.account_id = u.caller_account_id
    WHERE u.principal_arn IS NOT NULL AND {event}
    GROUP BY u.principal_arn
    ORDER BY sum(u.caller_use_count) DESC, value`,
	"detector": `SELECT detector_id AS text, detector_id AS value, '' AS description
    FROM (SELECT detector_id FROM detector_runs UNION SELECT detector_id FROM findings) AS known
    ORDER BY value`,
	"service": `SELECT DISTINCT service AS text, service AS value, '' AS description
    FROM usage_monthly AS u
    WHERE service IS NOT NULL AND {event}
    ORDER BY value`,
	"operation": `SELECT event_name AS text, event_name AS value, max(operation_class) AS description
    FROM usage_monthly AS u
    WHERE {event}
    GROUP BY event_name
    ORDER BY value`,
}

// valueKinds are the kinds of values, for messages.
var valueKinds = []string{"account", "region", "key", "principal", "detector", "severity", "status", "service", "operation"}

// valuesSQL is the question for values.
func (d *Datasource) valuesSQL(ctx context.Context, l lookup) (string, error) {
	inner, ok := valueSQL[l.kind]
	switch {
	case l.kind != "" && !ok:
		return "", badQuery(fmt.Errorf("there are no values of the kind %q; there are %s", l.kind, list(valueKinds)))
	case l.kind == "":
		c, err := d.catalog(ctx)
		if err != nil {
			return "", err
		}
		if inner, err = l.columnSQL(c); err != nil {
			return "", badQuery(err)
		}
	}
	inner = strings.NewReplacer(
		"{day}", l.span("day", "day", true),
		"{event}", l.span("u.first_event_time", "u.last_event_time", false),
		"{seen}", l.span("k.first_seen", "k.last_seen", false),
	).Replace(inner)
	sql := "SELECT text, value, description\nFROM (\n    " + inner + "\n) AS found"
	if l.search != "" {
		needle, err := builder.Literal(strings.ToLower(l.search))
		if err != nil {
			return "", badQuery(err)
		}
		sql += "\nWHERE contains(lower(text), " + needle + ") OR contains(lower(value), " + needle + ")"
	}
	return sql + "\nLIMIT " + strconv.Itoa(l.limit), nil
}

// span is the condition that what lies between the columns first and last meets
// the range. Columns of days meet it with any part of theirs.
func (l lookup) span(first, last string, days bool) string {
	var parts []string
	if !l.from.IsZero() {
		parts = append(parts, last+" >= "+bound(l.from, days))
	}
	if !l.to.IsZero() {
		parts = append(parts, first+" < "+bound(l.to, false))
	}
	if len(parts) == 0 {
		return "true"
	}
	return strings.Join(parts, " AND ")
}

func bound(t time.Time, wholeDay bool) string {
	if wholeDay {
		t = t.Truncate(day)
	}
	return "TIMESTAMP '" + t.Format("2006-01-02 15:04:05") + "'"
}

// sums has the columns of the tables of events that usage_monthly has as well:
// asking there for their values costs little.
var sums = []string{
	"event_name", "region", "service", "principal_arn", "caller_account_id", "key_account_id", "key_arn", "actor_kind",
	"operation_class", "error_class", "price_tier", "is_self", "caller_id",
}

// bigTables grow with the events.
var bigTables = []string{"kms_events", "kms_calls", "related_events", "encryption_context", "context_resources", "quota_calls"}

// mostRows is how many rows of such a table are looked at.
const mostRows = 100_000

// columnSQL asks for the values of a column, the most frequent first.
func (l lookup) columnSQL(c *catalog) (string, error) {
	t, ok := c.byName[l.table]
	if !ok {
		return "", fmt.Errorf("there is no table %s on the server", l.table)
	}
	i := slices.IndexFunc(t.Columns, func(c flightclient.Column) bool { return c.Name == l.column })
	if i < 0 {
		return "", fmt.Errorf("the table %s has no column %s", l.table, l.column)
	}
	if (t.Name == "kms_events" || t.Name == "kms_calls") && slices.Contains(sums, l.column) {
		return l.summedSQL(), nil
	}
	column, where := builder.Identifier(l.column), "true"
	switch typ := t.Columns[i].Type; {
	case strings.HasSuffix(typ, "[]"):
		column = "unnest(" + column + ")"
	case strings.HasPrefix(typ, "MAP("):
		column = "unnest(map_keys(" + column + "))"
	}
	about := builderTable(t)
	if about.TimeColumn != "" {
		begin := builder.Identifier(about.TimeColumn)
		end := begin
		if about.EndColumn != "" { // open where it still lasts
			end = "coalesce(" + builder.Identifier(about.EndColumn) + ", TIMESTAMP 'infinity')"
		}
		where = l.span(begin, end, about.Grain >= day)
	}
	rows := "SELECT " + column + " AS v\n        FROM " + builder.Identifier(t.Name) + "\n        WHERE " + where
	if slices.Contains(bigTables, t.Name) {
		rows += "\n        LIMIT " + strconv.Itoa(mostRows)
	}
	return frequent(rows, "count(*)"), nil
}

func (l lookup) summedSQL() string {
	return frequent("SELECT u."+l.column+" AS v, u.caller_use_count AS n FROM usage_monthly AS u WHERE {event}", "sum(n)")
}

// frequent lists the values v of rows, the most frequent first.
func frequent(rows, by string) string {
	return "SELECT CAST(v AS VARCHAR) AS text, CAST(v AS VARCHAR) AS value, '' AS description\n    FROM (\n        " + rows +
		"\n    ) AS rows\n    WHERE v IS NOT NULL\n    GROUP BY v\n    ORDER BY " + by + " DESC, value"
}
