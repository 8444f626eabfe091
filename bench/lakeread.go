package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/lake"
	arrowrows "github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/internal/trino"
	"github.com/kmstrail/kmstrail/internal/trinoserver"
	"github.com/kmstrail/kmstrail/queries"
	"github.com/kmstrail/kmstrail/sampledata"
)

const (
	lakeCatalog = "lake"
	lakeSchema  = "kmstrail"
	// queryDays is the window of the queries.
	queryDays = 7
	// trinoMB is the heap of each process of Trino. With 2 GB a worker ran out of
	// memory when a detector was asked about five days at once.
	trinoMB = 4096
)

// agreement says that the lake has what the store has.
type agreement struct {
	Events   int64 `json:"events"`
	Distinct int64 `json:"distinct_event_ids"`
	// Groups are Region, day and operation; counts and sums agree in each.
	Groups int `json:"groups"`
}

// detectFigures are runs of kmstrail detect with all detectors.
type detectFigures struct {
	Days     int `json:"days"`
	Findings int `json:"findings"`
	// DuckDB is the process. Trino is the process that asks; what Trino itself
	// used follows, for one day: of more it has forgotten some queries by then.
	DuckDB cost      `json:"duckdb"`
	Trino  cost      `json:"trino_client"`
	Server *statSums `json:"trino_server,omitempty"`
}

// lakeQuestion is a detector or query over a window, on both engines.
type lakeQuestion struct {
	Name string `json:"name"`
	Days int    `json:"days"`
	Rows int64  `json:"rows"`

	DuckCPU  float64 `json:"duckdb_cpu_seconds"`
	DuckWall float64 `json:"duckdb_wall_seconds"`

	TrinoWall float64  `json:"trino_wall_seconds"`
	Trino     statSums `json:"trino"`
}

// reading is a lake that Trino reads, and the store with the same events.
type reading struct {
	c      *config
	d      *lakeDirs
	server *trinoserver.Server
	trino  *trino.Engine
}

// measureReading starts a Trino with two workers and asks it.
func (c *config) measureReading(ctx context.Context, d *lakeDirs, rep *lakeReport) error {
	server, err := trinoserver.Start(ctx, trinoserver.Options{
		Root: d.root, Workers: 2, MemoryMB: trinoMB, LargeQueries: true, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	defer server.Close()
	rep.Trino = server.Version
	r := &reading{c: c, d: d, server: server}
	if r.trino, err = r.open(ctx, "bench"); err != nil {
		return err
	}
	defer r.trino.Close()
	if err := r.define(ctx); err != nil {
		return err
	}
	if err := r.askBoth(ctx, rep); err != nil {
		return err
	}
	return r.detectAll(ctx, rep)
}

// open connects to Trino. The source is by what its queries are found again.
func (r *reading) open(ctx context.Context, source string) (*trino.Engine, error) {
	return trino.Open(ctx, trino.Options{URL: r.server.URL(), Catalog: lakeCatalog, Schema: lakeSchema, Source: source})
}

// define makes tables and views.
func (r *reading) define(ctx context.Context) error {
	bucket, err := lake.Open(ctx, r.d.lake, s3source.Config{})
	if err != nil {
		return err
	}
	extent, err := lake.ReadExtent(ctx, bucket)
	if err != nil {
		return err
	}
	location, err := r.server.Location(r.d.lake)
	if err != nil {
		return err
	}
	statements, err := lake.DDL(lake.DDLOptions{
		Dialect: lake.Trino, Location: location, Catalog: lakeCatalog, Schema: lakeSchema,
		Regions: extent.Regions, FirstDay: extent.FirstDay,
	})
	if err != nil {
		return err
	}
	for _, st := range statements {
		if err := r.trino.Exec(ctx, st.SQL); err != nil {
			return fmt.Errorf("make %s on Trino: %w", st.Creates, err)
		}
	}
	return nil
}

// askBoth asks store and lake the same, one question after the other.
func (r *reading) askBoth(ctx context.Context, rep *lakeReport) error {
	store, err := openToAsk(ctx, r.d.store)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := readLogFigures(ctx, store, &rep.Logs); err != nil {
		return err
	}
	if rep.Agree, err = r.agree(ctx, store); err != nil {
		return err
	}
	busiest := ""
	sql := "SELECT key_arn FROM kms_events GROUP BY key_arn ORDER BY count(*) DESC, key_arn LIMIT 1"
	if err := eachRow(ctx, store, sql, func(row map[string]any) { busiest = fmt.Sprint(row["key_arn"]) }); err != nil {
		return err
	}
	list, err := lakeQuestions(busiest)
	if err != nil {
		return err
	}
	for _, q := range list {
		asked, err := r.ask(ctx, store, q)
		if err != nil {
			return fmt.Errorf("%s over %d days: %w", q.name, q.days, err)
		}
		rep.Questions = append(rep.Questions, asked)
		fmt.Fprintf(os.Stderr, "%s, %d days: %+v\n", q.name, q.days, asked)
	}
	return nil
}

// readLogFigures asks the ledger how large log files are.
func readLogFigures(ctx context.Context, store *duck.Store, f *logFigures) error {
	start, end := sampledata.BenchTrailWindow()
	f.Days = int(end.Sub(start) / (24 * time.Hour))
	return eachRow(ctx, store, `SELECT count(DISTINCT account_id) AS accounts, count(DISTINCT region) AS regions,
		CAST(quantile_disc(record_count, 0.5) AS BIGINT) AS median, CAST(quantile_disc(record_count, 0.9) AS BIGINT) AS p90,
		CAST(max(record_count) AS BIGINT) AS most FROM log_files`, func(row map[string]any) {
		f.Accounts, f.Regions = int(row["accounts"].(int64)), int(row["regions"].(int64))
		f.Median, f.P90, f.Most = row["median"].(int64), row["p90"].(int64), row["most"].(int64)
	})
}

// querier is either engine.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
}

func eachRow(ctx context.Context, q querier, sql string, visit func(row map[string]any)) error {
	r, err := q.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer r.Release()
	return arrowrows.Each(r, func(row map[string]any) error { visit(row); return nil })
}

// agree compares the events of the lake with those of the store.
func (r *reading) agree(ctx context.Context, store *duck.Store) (agreement, error) {
	const total = "SELECT count(*) AS events, count(DISTINCT event_id) AS ids FROM kms_events"
	const groups = `SELECT region, CAST(CAST(event_time AS date) AS varchar) AS day, event_name, count(*) AS events,
		count(key_arn) AS keyed, count(error_code) AS failed, count(DISTINCT principal_arn) AS principals,
		CAST(sum(record_index) AS bigint) AS positions, min(CAST(event_id AS varchar)) AS first_id, max(CAST(event_id AS varchar)) AS last_id
		FROM kms_events GROUP BY region, CAST(CAST(event_time AS date) AS varchar), event_name`
	var a agreement
	var lists [2][]string
	for i, q := range []querier{store, lake.Engine{Querier: r.trino}} {
		for _, sql := range []string{total, groups} {
			err := eachRow(ctx, q, sql, func(row map[string]any) {
				var b strings.Builder
				for _, name := range slices.Sorted(maps.Keys(row)) {
					fmt.Fprintf(&b, "%s=%v ", name, row[name])
				}
				lists[i] = append(lists[i], b.String())
				if n, ok := row["ids"].(int64); ok {
					a.Events, a.Distinct = row["events"].(int64), n
				}
			})
			if err != nil {
				return a, err
			}
		}
		slices.Sort(lists[i])
	}
	if !slices.Equal(lists[0], lists[1]) {
		for i := range min(len(lists[0]), len(lists[1])) {
			if lists[0][i] != lists[1][i] {
				return a, fmt.Errorf("store and lake differ (%d and %d groups):\n%s\n%s", len(lists[0]), len(lists[1]), lists[0][i], lists[1][i])
			}
		}
		return a, fmt.Errorf("store and lake have %d and %d groups", len(lists[0]), len(lists[1]))
	}
	a.Groups = len(lists[0]) - 1
	return a, nil
}

// toAsk is a question that is not asked yet.
type toAsk struct {
	name string
	days int
	st   sqlfile.Statement
}

// lakeQuestions are the detectors over one day in the middle, as kmstrail runs
// them day by day, and queries over a week.
func lakeQuestions(key string) ([]toAsk, error) {
	_, end := sampledata.BenchTrailWindow()
	list, err := detectors.Builtin()
	if err != nil {
		return nil, err
	}
	var out []toAsk
	for _, d := range list {
		st, err := d.Bind(nil, oneDay())
		if err != nil {
			return nil, err
		}
		out = append(out, toAsk{d.ID, daysOf(oneDay()), st})
	}
	for _, id := range []string{"key_users", "top_callers", "cost_by_account", "what_breaks", "unused_keys"} {
		q, err := queries.Get(id)
		if err != nil {
			return nil, err
		}
		given := map[string]string{}
		if _, ok := q.Params["key_arn"]; ok {
			given["key_arn"] = key
		}
		st, err := q.Bind(given, queries.Window{Start: end.AddDate(0, 0, -queryDays), End: end})
		if err != nil {
			return nil, err
		}
		out = append(out, toAsk{id, queryDays, st})
	}
	return out, nil
}

// oneDay is the third.
func oneDay() detectors.Window {
	start, _ := sampledata.BenchTrailWindow()
	return detectors.Window{Start: start.AddDate(0, 0, 2), End: start.AddDate(0, 0, 3)}
}

func daysOf(w detectors.Window) int { return int(w.End.Sub(w.Start) / (24 * time.Hour)) }

// ask asks both engines once.
func (r *reading) ask(ctx context.Context, store *duck.Store, q toAsk) (lakeQuestion, error) {
	out := lakeQuestion{Name: q.name, Days: q.days}
	watch, start := newStopwatch(), time.Now()
	reader, err := store.Run(ctx, q.st)
	if err != nil {
		return out, err
	}
	if out.Rows, err = drainRows(reader); err != nil {
		return out, err
	}
	out.DuckCPU, out.DuckWall = watch.lap(), time.Since(start).Seconds()
	source := fmt.Sprintf("bench %s %d", q.name, q.days)
	start = time.Now()
	count, err := r.askTrino(ctx, source, q.st)
	if err != nil {
		return out, err
	}
	if count != out.Rows {
		return out, fmt.Errorf("DuckDB has %d rows and Trino %d", out.Rows, count)
	}
	out.TrinoWall = time.Since(start).Seconds()
	out.Trino, err = trinoStats(ctx, r.server.URL(), source, start)
	return out, err
}

func (r *reading) askTrino(ctx context.Context, source string, st sqlfile.Statement) (int64, error) {
	e, err := r.open(ctx, source)
	if err != nil {
		return 0, err
	}
	defer e.Close()
	reader, err := lake.Engine{Querier: e}.Run(ctx, st)
	if err != nil {
		return 0, err
	}
	return drainRows(reader)
}

func drainRows(r array.RecordReader) (n int64, err error) {
	defer r.Release()
	for r.Next() {
		n += r.RecordBatch().NumRows()
	}
	return n, r.Err()
}

// detectAll runs kmstrail detect on both engines, over one day and over all.
func (r *reading) detectAll(ctx context.Context, rep *lakeReport) error {
	start, end := sampledata.BenchTrailWindow()
	if err := removeStore(r.d.findings); err != nil {
		return err
	}
	store, err := openToWrite(ctx, r.d.findings) // keeps what Trino finds
	if err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	for _, w := range []detectors.Window{oneDay(), {Start: start, End: end}} {
		f := detectFigures{Days: daysOf(w)}
		args := []string{"detect", "--format", "jsonl", "--from", w.Start.Format(time.DateOnly), "--to", w.End.Format(time.DateOnly)}
		onDuck, err := r.c.command(ctx, r.d, nil, append(args, "--db", r.d.store)...)
		if err != nil {
			return err
		}
		began := time.Now()
		onTrino, err := r.c.command(ctx, r.d, []string{
			"KMSTRAIL_TRINO_URL=" + r.server.URL(), "KMSTRAIL_TRINO_CATALOG=" + lakeCatalog, "KMSTRAIL_TRINO_SCHEMA=" + lakeSchema,
		}, append(args, "--db", r.d.findings, "--engine", "trino")...)
		if err != nil {
			return err
		}
		f.DuckDB, f.Trino = onDuck.cost, onTrino.cost
		if f.Days == 1 {
			used, err := trinoStats(ctx, r.server.URL(), "kmstrail", began)
			if err != nil {
				return err
			}
			f.Server = &used
		}
		if f.Findings, err = sameFindings(onDuck.stdout, onTrino.stdout); err != nil {
			return err
		}
		rep.Detect = append(rep.Detect, f)
	}
	return nil
}

// sameFindings compares findings, a JSON object a line, by their identity.
func sameFindings(a, b string) (int, error) {
	var lists [2][]string
	for i, text := range []string{a, b} {
		for line := range strings.Lines(text) {
			var f struct {
				FindingID  string `json:"finding_id"`
				EventCount int64  `json:"event_count"`
			}
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				return 0, err
			}
			lists[i] = append(lists[i], fmt.Sprintf("%s: %d events", f.FindingID, f.EventCount))
		}
		slices.Sort(lists[i])
	}
	if !slices.Equal(lists[0], lists[1]) {
		return 0, fmt.Errorf("DuckDB and Trino have other findings: %d and %d", len(lists[0]), len(lists[1]))
	}
	return len(lists[0]), nil
}

// sampleStart is the first day of the logs, as a flag.
func sampleStart() string {
	start, _ := sampledata.BenchTrailWindow()
	return start.Format(time.DateOnly)
}
