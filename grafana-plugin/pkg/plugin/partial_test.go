package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/frames"
	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// storeOf has what these tests ask for: rows of time, text and number.
func storeOf(rows int) *fake {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "time", Type: &arrow.TimestampType{Unit: arrow.Microsecond}},
		{Name: "region", Type: arrow.BinaryTypes.String},
		{Name: "call_count", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	columns := []flightclient.Column{
		{Name: "event_time", Type: "TIMESTAMP"}, {Name: "month", Type: "DATE"}, {Name: "region", Type: "VARCHAR"}, {Name: "call_count", Type: "BIGINT"},
	}
	return &fake{
		tables: []flightclient.Table{{Name: "kms_calls", Columns: columns}, {Name: "usage_monthly", Columns: columns}, {Name: "findings", Columns: columns}, {Name: "key_changes", Columns: columns}},
		query: func(context.Context, string) (array.RecordReader, error) {
			b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
			defer b.Release()
			for i := range rows {
				b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at("2026-03-01T00:00:00Z").UnixMicro()))
				b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("region-%d", i))
				b.Field(2).(*array.Int64Builder).Append(int64(i))
			}
			return array.NewRecordReader(schema, []arrow.RecordBatch{b.NewRecordBatch()})
		},
	}
}

func (d *Datasource) answerTo(t *testing.T, q Query, alert bool) backend.DataResponse {
	t.Helper()
	text, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	req := &backend.QueryDataRequest{Queries: []backend.DataQuery{{
		RefID: "A", JSON: text, TimeRange: backend.TimeRange{From: at("2026-03-01T00:00:00Z"), To: at("2026-03-02T00:00:00Z")},
	}}}
	if alert {
		req.Headers = map[string]string{backend.FromAlertHeaderName: "true"}
	}
	r, err := d.QueryData(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return r.Responses["A"]
}

// TestQueryData_partial: panels say that there may be more; rules, whose notices
// nobody reads, do not judge a part that nobody chose.
func TestQueryData_partial(t *testing.T) {
	series := func(limit int64) Query {
		return Query{Kind: KindBuilder, Builder: &builder.Builder{Table: "kms_calls", Time: &builder.Time{}, GroupBy: []string{"region"}, Limit: limit}}
	}
	rows := func(limit int64) Query {
		return Query{Kind: KindBuilder, Builder: &builder.Builder{Table: "kms_calls", Columns: []string{"region"}, Limit: limit}}
	}
	asTable := series(0)
	asTable.Format = frames.FormatTable
	sql := func(limit int64, format frames.Format) Query {
		return Query{Kind: KindSQL, SQL: "SELECT 1", Limit: limit, Format: format}
	}
	for _, test := range []struct {
		name  string
		query Query
		rows  int
		want  string // what the notice says, and the error of a rule
	}{
		{"all groups", series(0), builder.DefaultGroups - 1, ""},
		{"the largest groups", series(0), builder.DefaultGroups, "20 largest groups"},
		{"the largest groups in a table", asTable, builder.DefaultGroups, "20 largest groups"},
		{"groups that were asked for", series(30), 30, ""},
		{"all rows", rows(0), builder.DefaultRows - 1, ""},
		{"the first rows", rows(0), builder.DefaultRows, "first 1,000 rows"},
		{"rows that were asked for", rows(1500), 1500, ""},
		{"all findings", Query{Kind: KindFindings}, 999, ""},
		{"the first findings", Query{Kind: KindFindings}, 1000, "first 1,000 rows"},
		{"findings that were asked for", Query{Kind: KindFindings, Findings: &builder.Findings{Limit: 50}}, 50, ""},
		{"the first changes", Query{Kind: KindLifecycle}, 1000, "first 1,000 rows"},
		{"rows of SQL that were asked for", sql(10, ""), 10, ""},
		{"more rows of SQL than allowed", sql(0, ""), 2001, "first 2,000 rows"},
		{"more series than are shown", sql(0, frames.FormatTimeSeries), 201, "200 of 201 series"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := testSource(Settings{MaxConcurrent: 1}, storeOf(test.rows))
			d.settings.MaxRows = 2000
			panel, rule := d.answerTo(t, test.query, false), d.answerTo(t, test.query, true)
			if panel.Error != nil {
				t.Fatal(panel.Error)
			}
			var said string
			for _, n := range panel.Frames[0].Meta.Notices {
				if !strings.HasPrefix(n.Text, "The store is empty") {
					said += n.Text
				}
			}
			if (said == "") != (test.want == "") || !strings.Contains(said, test.want) {
				t.Errorf("a panel says %q, want %q", said, test.want)
			}
			if strings.Contains(test.want, "groups") { // which a rule has all
				test.want = ""
			}
			if (rule.Error == nil) != (test.want == "") || rule.Error != nil && (rule.Status != backend.StatusBadRequest || !strings.Contains(rule.Error.Error(), test.want)) {
				t.Errorf("a rule says %v, want %q", rule.Error, test.want)
			}
		})
	}
}

// TestQueryData_ruleGroups: a rule judges all groups, as many as there can be
// series.
func TestQueryData_ruleGroups(t *testing.T) {
	for _, format := range []frames.Format{frames.FormatAuto, frames.FormatTable} {
		for groups, want := range map[int]bool{builder.DefaultGroups + 1: true, frames.DefaultMaxSeries: true, frames.DefaultMaxSeries + 1: false} {
			f := storeOf(groups)
			d := testSource(Settings{MaxConcurrent: 1}, f)
			d.settings.MaxRows = 2000
			r := d.answerTo(t, Query{Kind: KindBuilder, Format: format, Builder: &builder.Builder{Table: "kms_calls", Time: &builder.Time{}, GroupBy: []string{"region"}}}, true)
			if (r.Error == nil) != want || !strings.Contains(r.Frames[0].Meta.ExecutedQueryString, "LIMIT 201") {
				t.Errorf("%d groups as %s: %v\n%s", groups, format, r.Error, r.Frames[0].Meta.ExecutedQueryString)
			}
		}
	}
}

// TestQueryData_months: what the builder groups by time is a time series, also by
// months, which have no width.
func TestQueryData_months(t *testing.T) {
	for _, table := range []string{"kms_calls", "usage_monthly"} {
		d := testSource(Settings{MaxConcurrent: 1}, storeOf(2))
		r := d.answerTo(t, Query{Kind: KindBuilder, Builder: &builder.Builder{Table: table, Time: &builder.Time{}, GroupBy: []string{"region"}}}, false)
		if r.Error != nil || r.Frames[0].Meta.Type != data.FrameTypeTimeSeriesWide {
			t.Errorf("%s: %+v", table, r)
		}
	}
}
