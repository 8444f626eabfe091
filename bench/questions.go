package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/bench/organisation"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/schema"
)

// sizeFigures say how large a store is once its rollups are put together.
type sizeFigures struct {
	Events        int64            `json:"events"`
	BytesPerEvent float64          `json:"bytes_per_event"`
	Rows          map[string]int64 `json:"rows"`
}

// question is a query that a dashboard would ask; times are medians.
type question struct {
	Name string  `json:"name"`
	Rows int64   `json:"rows"`
	CPU  float64 `json:"cpu_seconds"`
	Wall float64 `json:"wall_seconds"`
	// TimedOut questions were asked once and given up.
	TimedOut bool `json:"timed_out,omitempty"`
}

const (
	askTimes = 5
	patience = 2 * time.Minute
)

// openToAsk opens a store as commands that ask do.
func openToAsk(ctx context.Context, path string) (*duck.Store, error) {
	return duck.Open(ctx, path, duck.Options{ReadOnly: true})
}

// measureSize counts rows and bytes.
func measureSize(ctx context.Context, path string) (sizeFigures, error) {
	f := sizeFigures{Rows: map[string]int64{}}
	store, err := openToAsk(ctx, path)
	if err != nil {
		return f, err
	}
	defer store.Close()
	tables := []string{schema.KMSEvents.Name, schema.LogFiles.Name, schema.ChangedCells.Name}
	for _, v := range schema.Views() {
		if v.Kept == nil {
			continue
		}
		for _, t := range v.KeptTables() {
			tables = append(tables, t.Name)
		}
	}
	for _, name := range tables {
		if f.Rows[name], err = countRows(ctx, store, name); err != nil {
			return f, err
		}
	}
	size, err := store.Size(ctx)
	if err != nil {
		return f, err
	}
	f.Events = f.Rows[schema.KMSEvents.Name]
	f.BytesPerEvent = float64(size) / float64(f.Events)
	return f, nil
}

func countRows(ctx context.Context, store *duck.Store, table string) (int64, error) {
	r, err := store.Query(ctx, "SELECT count(*) FROM "+table)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", table, err)
	}
	defer r.Release()
	var n int64
	for r.Next() {
		n = r.RecordBatch().Column(0).(*array.Int64).Value(0)
	}
	return n, r.Err()
}

// askAll asks what dashboards over the whole time of the fill ask.
func askAll(ctx context.Context, path string) ([]question, error) {
	store, err := openToAsk(ctx, path)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	busiest := organisation.New().Places()[0]
	key, day := busiest.Key, organisation.FilledUntil.AddDate(0, 0, -1)
	var out []question
	for _, q := range []struct {
		name, sql string
		args      []any
	}{
		{"calls by day and service", "SELECT day, service, sum(call_count) FROM usage_daily GROUP BY day, service ORDER BY day, service", nil},
		{"calls by hour, last week", "SELECT hour, sum(call_count) FROM usage_hourly WHERE hour >= $1 GROUP BY hour ORDER BY hour", []any{organisation.FilledUntil.AddDate(0, 0, -7)}},
		{"callers of one key", "SELECT * FROM key_use WHERE key_arn = $1 ORDER BY call_count DESC", []any{key}},
		{
			"peaks of one account by hour",
			"SELECT date_trunc('hour', minute), region, quota_name, max(peak_count), sum(throttled_count) FROM request_rate WHERE account_id = $1 GROUP BY 1, 2, 3",
			[]any{busiest.Account},
		},
		{"late arrivals by day", "SELECT day, delay_minutes, sum(kms_event_count) FROM arrivals GROUP BY 1, 2 ORDER BY 1, 2", nil},
		{"coverage", "SELECT * FROM coverage", nil},
		{"keys", "SELECT * FROM keys", nil},
		{"grants", "SELECT * FROM grants", nil},
		{"key_timeline of one key", "SELECT * FROM key_timeline WHERE key_arn = $1", []any{key}},
		{
			"calls of one key in a day", "SELECT * FROM kms_calls WHERE key_arn = $1 AND event_time >= $2 AND event_time < $3 ORDER BY event_time LIMIT 1000",
			[]any{key, day, organisation.FilledUntil},
		},
		{"count of events", "SELECT count(*) FROM kms_events", nil},
	} {
		asked, err := ask(ctx, store, q.sql, q.args)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		asked.Name = q.name
		out = append(out, asked)
	}
	return out, nil
}

// ask asks a question some times, but only once if that takes too long.
func ask(ctx context.Context, store *duck.Store, sql string, args []any) (question, error) {
	var runs []question
	for range askTimes {
		watch, start := newStopwatch(), time.Now()
		limited, cancel := context.WithTimeout(ctx, patience)
		rows, err := drain(limited, store, sql, args)
		cancel()
		q := question{Rows: rows, CPU: watch.lap(), Wall: time.Since(start).Seconds()}
		if errors.Is(limited.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			q.TimedOut = true
			return q, nil
		}
		if err != nil {
			return q, err
		}
		runs = append(runs, q)
	}
	return question{
		Rows: runs[0].Rows,
		CPU:  medianOf(runs, func(q question) float64 { return q.CPU }),
		Wall: medianOf(runs, func(q question) float64 { return q.Wall }),
	}, nil
}

func drain(ctx context.Context, store *duck.Store, sql string, args []any) (rows int64, err error) {
	r, err := store.Query(ctx, sql, args...)
	if err != nil {
		return 0, err
	}
	defer r.Release()
	for r.Next() {
		rows += r.RecordBatch().NumRows()
	}
	return rows, r.Err()
}

func (f *sizeFigures) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "stored\trows\trows per event\t")
	for _, name := range slices.Sorted(maps.Keys(f.Rows)) {
		fmt.Fprintf(w, "%s\t%d\t%.5f\t\n", name, f.Rows[name], float64(f.Rows[name])/float64(f.Events))
	}
	w.Flush()
	fmt.Fprintf(out, "%.0f bytes per event in all\n\n", f.BytesPerEvent)
}

func printQuestions(out io.Writer, list []question) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "question\trows\tCPU s\twall s\t")
	for _, q := range list {
		note := ""
		if q.TimedOut {
			note = "given up"
		}
		fmt.Fprintf(w, "%s\t%d\t%.3f\t%.3f\t%s\n", q.Name, q.Rows, q.CPU, q.Wall, note)
	}
	w.Flush()
}
