package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/frames"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// plan is a query that can be sent.
type plan struct {
	// typed is the SQL with macros: what people typed, or what the builder wrote.
	typed string
	// sql is what the server gets.
	sql string
	// place finds the place in typed that a place in sql comes from; nil where
	// nobody typed anything.
	place func(line, column int) (int, int)

	// format is that of the query; what the builder groups by time is a time
	// series by itself.
	format  frames.Format
	bucket  time.Duration
	fill    frames.Fill
	notices []string
	// groups and rows are how many there are at most without anybody having asked
	// for a limit; 0 for no such limit.
	groups, rows int64
	// describe tells about columns of the result.
	describe func(name string) frames.Description
}

// request is a query with what Grafana says beside it.
type request struct {
	Query

	// alert is set for rules.
	alert bool

	span          backend.TimeRange
	interval      time.Duration
	maxDataPoints int64
}

func newRequest(q backend.DataQuery) (request, error) {
	query, err := ParseQuery(q.JSON)
	return request{Query: query, span: q.TimeRange, interval: q.Interval, maxDataPoints: q.MaxDataPoints}, err
}

// env is what the macros of a statement are expanded with. Ad hoc filters are
// about the columns of tables, or of the one table that a macro names.
func (r request) env(tables []flightclient.Table, sql string) macros.Env {
	env := macros.Env{
		From: r.span.From, To: r.span.To, Interval: r.interval, MaxDataPoints: r.maxDataPoints,
		Variables: r.Variables, AdHoc: r.AdHoc,
	}
	if len(tables) > 0 && len(r.AdHoc) > 0 {
		in := scope{all: columnsOf(tables), tables: tablesByName(tables, sql)}
		env.Columns = in.has
		env.Type = func(table, name string) string { return in.all[name].Type }
	}
	return env
}

// plan makes of a request what is sent. With an error it holds what is known by
// then: the SQL with macros, for one.
func (d *Datasource) plan(ctx context.Context, r request) (plan, error) {
	switch r.Kind {
	case KindNamed:
		return d.planNamed(ctx, r)
	case KindBuilder:
		return d.planBuilder(ctx, r)
	case KindFindings:
		q := builder.Findings{}
		if r.Findings != nil {
			q = *r.Findings
		}
		sql, err := builder.FindingsSQL(q)
		p, err := d.planOwn(ctx, r, sql, err, "findings")
		if q.Limit == 0 {
			p.rows = builder.DefaultRows
		}
		return p, err
	case KindLifecycle:
		q := builder.Lifecycle{}
		if r.Lifecycle != nil {
			q = *r.Lifecycle
		}
		sql, err := builder.LifecycleSQL(q)
		p, err := d.planOwn(ctx, r, sql, err, "key_changes")
		p.rows = builder.DefaultRows
		return p, err
	}
	return d.planSQL(ctx, r)
}

func (d *Datasource) planSQL(ctx context.Context, r request) (plan, error) {
	var tables []flightclient.Table
	docs := map[string]string{}
	// Without the catalog a statement runs as well: it is for descriptions, and
	// for filters, which need it.
	wait, cancel := ctx, context.CancelFunc(func() {})
	if len(r.AdHoc) == 0 {
		wait, cancel = context.WithTimeout(ctx, noticeTime)
	}
	defer cancel()
	c, err := d.catalog(wait)
	if err == nil {
		tables, docs = c.mentioned(r.SQL), c.docs
	} else if len(r.AdHoc) > 0 {
		return plan{typed: r.SQL}, err
	}
	p, err := expand(r, r.SQL, tables)
	p.describe = func(name string) frames.Description { return frames.Description{Text: docs[name]} }
	return p, err
}

func (d *Datasource) planBuilder(ctx context.Context, r request) (plan, error) {
	c, err := d.catalog(ctx)
	if err != nil {
		return plan{}, err
	}
	t, err := c.table(r.Builder.Table)
	if err != nil {
		return plan{}, err
	}
	b := *r.Builder
	groups, rows := b.Unasked()
	if r.alert && groups > 0 {
		// The largest ones will do for a picture. A rule judges all, or says that
		// it cannot.
		b.Limit, groups = frames.DefaultMaxSeries+1, frames.DefaultMaxSeries+1
	}
	sql, err := b.SQL(t)
	p, err := d.planOwn(ctx, r, sql, err, t.Name)
	p.groups, p.rows = groups, rows
	if text := wholeRows(t, b, r.span, d.now()); text != "" {
		p.notices = append(p.notices, text)
	}
	if r.Builder.Time != nil && r.Format == frames.FormatAuto {
		p.format = frames.FormatTimeSeries
	}
	return p, err
}

// planOwn plans SQL that the builder wrote, about a table.
func (d *Datasource) planOwn(ctx context.Context, r request, sql string, err error, about string) (plan, error) {
	if err != nil {
		return plan{typed: sql}, err
	}
	c, err := d.catalog(ctx)
	if err != nil {
		return plan{typed: sql}, err
	}
	var tables []flightclient.Table
	if t, ok := c.byName[about]; ok {
		tables = []flightclient.Table{t}
	}
	p, err := expand(r, sql, tables)
	columns := columnsOf(append(tables, c.mentioned(sql)...))
	p.describe = func(name string) frames.Description { return frames.Description{Text: columns[name].Doc} }
	return p, err
}

// expand replaces macros.
func expand(r request, sql string, tables []flightclient.Table) (plan, error) {
	p := plan{typed: sql, format: r.Format, fill: frames.Fill{Mode: r.Fill}}
	e, err := macros.Expand(sql, r.env(tables, sql))
	if err != nil {
		return p, err
	}
	p.sql, p.place, p.bucket, p.notices = e.SQL, e.Position, e.Bucket, e.Notices
	if e.Fill != nil {
		p.fill = frames.Fill{Mode: frames.FillMode(e.Fill.Mode), Value: e.Fill.Value}
	}
	if len(r.AdHoc) > 0 && !e.AdHoc {
		p.notices = append(p.notices, "The dashboard's filters are not applied: the SQL has no $__adhocFilters() in its WHERE.")
	}
	return p, nil
}

// planNamed has the server bind a named query to the range. The dashboard's
// filters are about its columns.
func (d *Datasource) planNamed(ctx context.Context, r request) (plan, error) {
	params, notices, err := resolve(r.Named.Params, r.Variables)
	if err != nil {
		return plan{}, badQuery(err)
	}
	list, err := d.namedQueries(ctx)
	if err != nil {
		return plan{}, err
	}
	sql, err := attempt(ctx, d, func(s server) (string, error) {
		return s.BindNamedQuery(ctx, r.Named.ID, params, r.span.From, r.span.To)
	})
	if err != nil {
		return plan{}, err
	}
	p := plan{sql: sql, format: r.Format, fill: frames.Fill{Mode: r.Fill}, notices: notices}
	columns := namedColumns(list, r.Named.ID)
	p.describe = func(name string) frames.Description { return frames.Description{Text: columns[name].Doc} }
	err = p.filter(r, columns)
	return p, err
}

func namedColumns(list []flightclient.NamedQuery, id string) map[string]flightclient.Column {
	out := map[string]flightclient.Column{}
	for _, q := range list {
		if q.ID == id {
			for _, c := range q.Columns {
				out[c.Name] = c
			}
		}
	}
	return out
}

// filter wraps the statement in the dashboard's filters about its columns.
func (p *plan) filter(r request, columns map[string]flightclient.Column) error {
	if len(r.AdHoc) == 0 {
		return nil
	}
	env := r.env([]flightclient.Table{{Columns: slices.Collect(maps.Values(columns))}}, "")
	e, err := macros.Expand("$__adhocFilters()", env)
	if err != nil {
		return err
	}
	p.notices = append(p.notices, e.Notices...)
	p.sql = "SELECT *\nFROM (\n" + strings.TrimRight(strings.TrimSpace(p.sql), ";") + "\n) AS named\nWHERE " + e.SQL
	return nil
}

// namedQueries lists the server's named queries.
func (d *Datasource) namedQueries(ctx context.Context) ([]flightclient.NamedQuery, error) {
	return d.named.get(ctx, "", func() ([]flightclient.NamedQuery, error) {
		return aside(ctx, d, func(ctx context.Context, s server) ([]flightclient.NamedQuery, error) { return s.NamedQueries(ctx) })
	})
}

var variable = regexp.MustCompile(`^\$(?:(\w+)|\{(\w+)\})$`)

// resolve puts the values of variables for parameters that are one. Empty
// parameters, variables that are not there and All are the default: they are
// left out.
func resolve(params map[string]string, variables map[string][]string) (map[string]string, []string, error) {
	out, notices := map[string]string{}, []string(nil)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		value := params[name]
		m := variable.FindStringSubmatch(strings.TrimSpace(value))
		if value == "" {
			continue
		}
		if m == nil {
			out[name] = value
			continue
		}
		values, known := variables[m[1]+m[2]]
		switch {
		case !known:
			notices = append(notices, fmt.Sprintf("There is no variable %s here: the parameter %s has its default.", m[1]+m[2], name))
		case len(values) > 1:
			return nil, nil, fmt.Errorf("the parameter %s takes one value, and the variable %s has %d", name, m[1]+m[2], len(values))
		case len(values) == 1 && values[0] != macros.All && values[0] != "":
			out[name] = values[0]
		}
	}
	return out, notices, nil
}

// locate finds where in the text as typed the server says that sql is wrong.
func (p plan) locate(err error) error {
	var e *flightclient.Error
	var known *problem
	if p.place == nil || errors.As(err, &known) || !errors.As(err, &e) {
		return err
	}
	line, col, ok := e.Position(p.sql)
	if !ok {
		return err
	}
	out := serverProblem(e)
	out.Message = message(out.Message)
	out.Line, out.Column = p.place(line, col)
	out.EndColumn = wordEnd(p.typed, out.Line, out.Column)
	return out
}

// wordEnd is the column behind the word at a place, all of them from 1 and in
// characters; where there is none, behind the character.
func wordEnd(text string, line, column int) int {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return column + 1
	}
	runes := []rune(lines[line-1])
	end := column
	for end-1 < len(runes) && (runes[end-1] == '_' || unicode.IsLetter(runes[end-1]) || unicode.IsDigit(runes[end-1])) {
		end++
	}
	return max(end, column+1)
}

// pointer is where DuckDB draws the place, which the editor marks.
var pointer = regexp.MustCompile(`(?s)\n*LINE [0-9]+:.*`)

func message(text string) string { return strings.TrimSpace(pointer.ReplaceAllString(text, "")) }
