// Command detectors says what each detector costs on a store, such as the one
// that bench/load fills:
//
//	go run -tags duckdb_arrow ./bench/detectors -days 9 STORE
//
// Every detector looks at each of the last whole days that the store has, as
// kmstrail detect does, and writes nothing. CPU time is that of the process, so
// they run one after the other. The first run of each is not counted: it reads
// from disk.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/rows"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "detectors:", err)
		os.Exit(1)
	}
}

// cost is what a detector took over all days.
type cost struct {
	id          string
	total, most time.Duration
	rows        int64
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("detectors", flag.ContinueOnError)
	days := flags.Int("days", 9, "how many days to look at")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || *days < 1 {
		return errors.New("name one store, and at least one day")
	}
	store, err := duck.Open(ctx, flags.Arg(0), duck.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, store.Close()) }()
	end, err := lastDay(ctx, store)
	if err != nil {
		return err
	}
	first := end.AddDate(0, 0, -*days)
	events, err := countEvents(ctx, store, first, end)
	if err != nil {
		return err
	}
	list, err := detectors.Builtin()
	if err != nil {
		return err
	}
	var costs []cost
	var all time.Duration
	for _, d := range list {
		c, err := measure(ctx, store, d, first, *days)
		if err != nil {
			return fmt.Errorf("%s: %w", d.ID, err)
		}
		costs = append(costs, c)
		all += c.total
	}
	slices.SortFunc(costs, func(a, b cost) int { return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(a.id, b.id)) })
	fmt.Fprintf(out, "%-40s %9s %9s %9s\n", "detector", "CPU", "a day", "findings")
	for _, c := range costs {
		fmt.Fprintf(out, "%-40s %7.2f s %6d ms %9d\n", c.id, c.total.Seconds(), c.most.Milliseconds(), c.rows)
	}
	fmt.Fprintf(out, "\n%d detectors, %d events, %d days: %.1f s of CPU, the slowest %.1f s\n", len(costs), events, *days, all.Seconds(), costs[0].total.Seconds())
	return nil
}

// measure runs a detector day by day; the cost of a day is that of its dearest.
func measure(ctx context.Context, store *duck.Store, d *detectors.Detector, first time.Time, days int) (cost, error) {
	c := cost{id: d.ID}
	for i := -1; i < days; i++ {
		from := first.AddDate(0, 0, max(i, 0))
		before := cpuTime()
		found, err := d.Find(ctx, store, nil, detectors.Window{Start: from, End: from.AddDate(0, 0, 1)})
		if err != nil {
			return c, err
		}
		if took := cpuTime() - before; i >= 0 {
			c.total, c.most = c.total+took, max(c.most, took)
			c.rows += int64(len(found))
		}
	}
	return c, nil
}

// lastDay returns when the last whole day with events ends.
func lastDay(ctx context.Context, store *duck.Store) (time.Time, error) {
	n, err := number(ctx, store, "select cast(epoch(date_trunc('day', max(last_event_time))) as bigint) as n from usage_daily")
	return time.Unix(n, 0).UTC(), err
}

func countEvents(ctx context.Context, store *duck.Store, from, to time.Time) (int64, error) {
	return number(ctx, store, "select count(*) as n from kms_events where event_time >= ? and event_time < ?", from, to)
}

func number(ctx context.Context, store *duck.Store, sql string, args ...any) (n int64, err error) {
	result, err := store.Query(ctx, sql, args...)
	if err != nil {
		return 0, err
	}
	defer result.Release()
	err = rows.Scan(result, func(row rows.Row) { n = row.Number(0) })
	return n, err
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
