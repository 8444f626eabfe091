package frames

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", "2026-01-01 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func TestRead_timeSeries(t *testing.T) {
	one := []arrow.Field{col("time", stamp), col("call_count", integer)}
	long := []arrow.Field{col("time", stamp), col("service", text), col("call_count", integer)}
	two := slices.Concat(long, []arrow.Field{col("usd", float)})
	hour := Options{Bucket: time.Hour, From: at("00:30"), To: at("03:30")}
	with := func(f Fill) Options { o := hour; o.Fill = f; return o }
	for _, c := range []struct {
		name    string
		columns []arrow.Field
		options Options
		rows    string
		want    string
	}{
		{"one value", one, Options{}, `[{"time":"2026-01-01T00:00:00","call_count":1},{"time":"2026-01-01T01:00:00","call_count":null}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T00:00:00Z | 2026-01-01T01:00:00Z
call_count float64 in short as "Calls": 1 | ·`},

		{"several values without labels", []arrow.Field{col("t", stamp), col("b", integer), col("a", float)}, Options{}, `[{"t":"2026-01-01T00:00:00","a":0.5,"b":2}]`, `
timeseries-wide 
t time: 2026-01-01T00:00:00Z
b float64: 2
a float64: 0.5`},

		{"labels, not in order", long, Options{RefID: "A"}, `[
			{"time":"2026-01-01T01:00:00","service":"s3","call_count":3},
			{"time":"2026-01-01T00:00:00","service":null,"call_count":2},
			{"time":"2026-01-01T00:00:00","service":"s3","call_count":1}]`, `
timeseries-wide A
time time as "Time": 2026-01-01T00:00:00Z | 2026-01-01T01:00:00Z
call_count {service=s3} float64 in short as "s3": 1 | 3
call_count {service=NULL} float64 in short as "NULL": 2 | ·`},

		{"labels and several values", two, Options{}, `[
			{"time":"2026-01-01T00:00:00","service":"s3","call_count":1,"usd":0.25},
			{"time":"2026-01-01T00:00:00","service":"ebs","call_count":2,"usd":null}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T00:00:00Z
call_count {service=s3} float64 in short as "Calls s3": 1
usd {service=s3} float64 in currencyUSD as "Cost s3": 0.25
call_count {service=ebs} float64 in short as "Calls ebs": 2
usd {service=ebs} float64 in currencyUSD as "Cost ebs": ·`},

		{"labels of all kinds", []arrow.Field{col("time", stamp), col("b", boolean), col("l", arrow.ListOf(text)), col("last_seen", stamp), col("n", integer)}, Options{}, `[
			{"time":"2026-01-01T00:00:00","b":true,"l":["x","y"],"last_seen":"2026-01-01T00:00:00","n":1}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T00:00:00Z
n {b=true, l=["x","y"]} float64 as "true, [\"x\",\"y\"]": 1
info: Not shown in a time series, which has one time: last_seen.`},

		{"a legend", two, Options{Legend: "{{service}}: {{ __name__ }} {{nothing}}"}, `[{"time":"2026-01-01T00:00:00","service":"{{usd}}","call_count":1,"usd":0.25}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T00:00:00Z
call_count {service={{usd}}} float64 in short as "{{usd}}: call_count {{nothing}}": 1
usd {service={{usd}}} float64 in currencyUSD as "{{usd}}: usd {{nothing}}": 0.25`},

		{"the same time twice", long, Options{}, `[
			{"time":"2026-01-01T00:00:00","service":"s3","call_count":1},
			{"time":"2026-01-01T00:00:00","service":"s3","call_count":2},
			{"time":null,"service":"s3","call_count":3}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T00:00:00Z
call_count {service=s3} float64 in short as "s3": 2
warning: 1 row without a time left out.
warning: 1 row not shown: others have the same time and labels, of which the last one is. Group by what tells them apart.`},

		{"a day is a time", []arrow.Field{col("day", arrow.FixedWidthTypes.Date32), col("n", integer)}, Options{}, `[{"day":"2026-01-02","n":1},{"day":"2026-01-01","n":2}]`, `
timeseries-wide 
day time as "Day": 2026-01-01T00:00:00Z | 2026-01-02T00:00:00Z
n float64: 2 | 1`},

		{"filled with nothing", long, with(Fill{Mode: FillNull}), `[
			{"time":"2026-01-01T01:00:00","service":"s3","call_count":1},
			{"time":"2026-01-01T02:00:00","service":"ebs","call_count":2}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T00:00:00Z | 2026-01-01T01:00:00Z | 2026-01-01T02:00:00Z | 2026-01-01T03:00:00Z
call_count {service=s3} float64 in short as "s3": · | 1 | · | ·
call_count {service=ebs} float64 in short as "ebs": · | · | 2 | ·`},

		{"filled with 0; NULL stays", one, with(Fill{Mode: FillZero, Value: 9}), `[{"time":"2026-01-01T01:00:00","call_count":null}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T00:00:00Z | 2026-01-01T01:00:00Z | 2026-01-01T02:00:00Z | 2026-01-01T03:00:00Z
call_count float64 in short as "Calls": 0 | · | 0 | 0`},

		{"filled with a number", one, with(Fill{Mode: FillValue, Value: -1.5}), `[{"time":"2026-01-01T01:00:00","call_count":7}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T00:00:00Z | 2026-01-01T01:00:00Z | 2026-01-01T02:00:00Z | 2026-01-01T03:00:00Z
call_count float64 in short as "Calls": -1.5 | 7 | -1.5 | -1.5`},

		{"filled with what was before", long, with(Fill{Mode: FillPrevious}), `[
			{"time":"2026-01-01T01:00:00","service":"s3","call_count":1},
			{"time":"2026-01-01T02:00:00","service":"s3","call_count":null},
			{"time":"2026-01-01T00:00:00","service":"ebs","call_count":5}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T00:00:00Z | 2026-01-01T01:00:00Z | 2026-01-01T02:00:00Z | 2026-01-01T03:00:00Z
call_count {service=s3} float64 in short as "s3": · | 1 | · | 1
call_count {service=ebs} float64 in short as "ebs": 5 | 5 | 5 | 5`},

		{"rows outside of the range stay", one, with(Fill{Mode: FillZero}), `[{"time":"2025-12-31T20:00:00","call_count":1},{"time":"2026-01-01T09:00:00","call_count":2}]`, `
timeseries-wide 
time time as "Time": 2025-12-31T20:00:00Z | 2026-01-01T00:00:00Z | 2026-01-01T01:00:00Z | 2026-01-01T02:00:00Z | 2026-01-01T03:00:00Z | 2026-01-01T09:00:00Z
call_count float64 in short as "Calls": 1 | 0 | 0 | 0 | 0 | 2`},

		{"times that are no buckets", one, with(Fill{Mode: FillZero}), `[{"time":"2026-01-01T01:10:00","call_count":1}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T01:10:00Z
call_count float64 in short as "Calls": 1
warning: Missing times are not filled: 2026-01-01T01:10:00Z is not the start of a bucket of 1h0m0s.`},

		{"buckets nobody knows", one, Options{Fill: Fill{Mode: FillZero}, From: at("00:00"), To: at("01:00")}, `[{"time":"2026-01-01T01:00:00","call_count":1}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T01:00:00Z
call_count float64 in short as "Calls": 1
warning: Missing times are not filled: the query does not say from when, until when, and in how wide buckets. Use $__timeGroup.`},

		{"too many buckets", one, Options{Fill: Fill{Mode: FillZero}, Bucket: time.Second, From: at("00:00").AddDate(-1, 0, 0), To: at("01:00")}, `[{"time":"2026-01-01T01:00:00","call_count":1}]`, `
timeseries-wide 
time time as "Time": 2026-01-01T01:00:00Z
call_count float64 in short as "Calls": 1
warning: Missing times are not filled: the range has more than 20,000 buckets of 1s. Use a wider bucket.`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Format = FormatTimeSeries
			same(t, read(t, result(t, c.columns, c.rows), c.options), c.want)
		})
	}
}

// Labels that look alike are not the same series.
func TestRead_labelsAlike(t *testing.T) {
	columns := []arrow.Field{col("time", stamp), col("context", text), col("n", integer)}
	long := strings.Repeat("x", 2*maxLabel)
	var rows []string
	for i, label := range []string{`null`, `"NULL"`, `"` + long + `a"`, `"` + long + `b"`, `"c d"`, `"c\nd"`} {
		rows = append(rows, fmt.Sprintf(`{"time":"2026-01-01T0%d:00:00","context":%s,"n":%d}`, i, label, i))
	}
	frame := read(t, result(t, columns, "["+strings.Join(rows, ",")+"]"), Options{Format: FormatTimeSeries}).Frames[0]
	seen := map[string]bool{}
	for _, f := range frame.Fields[1:] {
		seen[f.Labels["context"]] = true
		if len(f.Labels["context"]) > maxLabel+50 {
			t.Errorf("a label of %d bytes", len(f.Labels["context"]))
		}
	}
	if len(frame.Fields) != 7 || len(seen) != 6 {
		t.Errorf("%d series with %d labels", len(frame.Fields)-1, len(seen))
	}
}

// What is missing because of a limit is not nothing: it is not filled.
func TestRead_fillCut(t *testing.T) {
	columns := []arrow.Field{col("time", stamp), col("call_count", integer)}
	got := read(t, result(t, columns, `[{"time":"2026-01-01T00:00:00","call_count":1},{"time":"2026-01-01T02:00:00","call_count":2},{"time":"2026-01-01T03:00:00","call_count":3}]`), Options{
		Format: FormatTimeSeries, MaxRows: 2, Fill: Fill{Mode: FillZero}, Bucket: time.Hour, From: at("00:00"), To: at("04:00"),
	})
	same(t, got, `
timeseries-wide 
time time as "Time": 2026-01-01T00:00:00Z | 2026-01-01T02:00:00Z
call_count float64 in short as "Calls": 1 | 2
truncated
warning: Only the first 2 rows are shown, which is the limit. Narrow the time range, group more, or raise the limit.
warning: Missing times are not filled: they may be among the rows that are not shown.`)
}

// The largest series are kept, in the order in which they came.
func TestRead_manySeries(t *testing.T) {
	columns := []arrow.Field{col("time", stamp), col("key_arn", text), col("call_count", float)}
	var rows []string
	for i, n := range []string{"3", "-9", "1", "4", "5", "null", `"NaN"`} {
		rows = append(rows, fmt.Sprintf(`{"time":"2026-01-01T0%d:00:00","key_arn":"key-%d","call_count":%s}`, i, i, n))
	}
	got := read(t, result(t, columns, "["+strings.Join(rows, ",")+"]"), Options{Format: FormatTimeSeries, MaxSeries: 2})
	same(t, got, `
timeseries-wide 
time time as "Time": 2026-01-01T01:00:00Z | 2026-01-01T04:00:00Z
call_count {key_arn=key-1} float64 in short as "key-1": -9 | ·
call_count {key_arn=key-4} float64 in short as "key-4": · | 5
warning: 2 of 7 series are shown, those with the largest totals; 5 left out: key-3; key-0; key-2 and 2 more. Filter, or group by less.`)
}

// A notice stays short, however long the names are.
func TestFew(t *testing.T) {
	long := strings.Repeat("ä", 1000)
	if got := few([]string{long, long, long, "x", "y"}); len(got) > 300 || !strings.HasSuffix(got, "… and 2 more") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := few([]string{"a", "b"}); got != "a; b" {
		t.Errorf("got %s", got)
	}
}

// All points together are bounded too: 300 series over 15,000 times would be
// 4.5 million.
func TestRead_manyPoints(t *testing.T) {
	columns := []arrow.Field{col("time", stamp), col("s", text), col("n", integer)}
	var rows []string
	for i := range 300 {
		rows = append(rows, fmt.Sprintf(`{"time":"2026-01-01T00:00:00","s":"%d","n":%d}`, i, i))
	}
	from := at("00:00")
	got := read(t, result(t, columns, "["+strings.Join(rows, ",")+"]"), Options{
		Format: FormatTimeSeries, MaxSeries: 1000, Fill: Fill{Mode: FillZero}, Bucket: time.Second, From: from, To: from.Add(15_000 * time.Second),
	})
	frame := got.Frames[0]
	if rows, fields := frame.Rows(), len(frame.Fields); rows != 15_000 || fields != 1+maxCells/15_000 {
		t.Errorf("%d rows, %d fields", rows, fields)
	}
	if len(got.Notices) != 1 || !strings.HasPrefix(got.Notices[0].Text, "133 of 300 series are shown") {
		t.Errorf("notices %v", got.Notices)
	}
}

func TestRead_auto(t *testing.T) {
	series := []arrow.Field{col("time", stamp), col("n", integer)}
	for _, c := range []struct {
		columns []arrow.Field
		bucket  time.Duration
		want    string
	}{
		{series, time.Hour, "timeseries-wide"},
		{series, 0, "table"},
		{series[:1], time.Hour, "table"},
		{series[1:], time.Hour, "numeric-long"},
		{[]arrow.Field{col("service", text), col("ok", boolean), col("n", integer), col("m", float)}, 0, "numeric-long"},
		{[]arrow.Field{col("service", text)}, 0, "table"},
		{[]arrow.Field{col("services", arrow.ListOf(text)), col("n", integer)}, 0, "table"},
	} {
		row := `[{"time":"2026-01-01T01:00:00","n":1}]`
		if got := read(t, result(t, c.columns, row), Options{Bucket: c.bucket}); string(got.Frames[0].Meta.Type) != c.want {
			t.Errorf("%v in buckets of %s: %s, want %s", c.columns, c.bucket, got.Frames[0].Meta.Type, c.want)
		}
	}
}

// What DuckDB's time_bucket returned for these.
func TestBucketOf(t *testing.T) {
	for _, c := range []struct {
		width time.Duration
		time  string
		want  int64
	}{
		{7 * 24 * time.Hour, "2026-01-01T12:00:00Z", 1766966400},
		{5 * time.Hour, "2026-01-01T12:00:00Z", 1767261600},
		{7 * time.Hour, "1999-12-31T12:00:00Z", 946630800},
		{30 * 24 * time.Hour, "2026-01-01T12:00:00Z", 1765929600},
	} {
		at, err := time.Parse(time.RFC3339, c.time)
		if err != nil {
			t.Fatal(err)
		}
		if got := bucketOf(at, c.width); got != c.want*1e9 {
			t.Errorf("%s in %s: %s", c.time, c.width, time.Unix(0, got).UTC())
		}
	}
}

// A real result, filled: its times must lie on the grid that is made for them.
func TestRead_realSeries(t *testing.T) {
	from := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	got := read(t, recorded(t, "usage"), Options{
		Format: FormatTimeSeries, Fill: Fill{Mode: FillZero}, Bucket: time.Hour, From: from, To: from.Add(24 * time.Hour), Legend: "{{service}} {{__name__}}",
	})
	golden(t, shown(got), "usage.golden")
}
