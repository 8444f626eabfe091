//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

// BenchmarkCommit measures CPU time per event of the whole process, DuckDB's
// threads and its checkpoints included: wall time on a shared machine would
// not tell. MB-resident is the most that the process ever had.
func BenchmarkCommit(b *testing.B) {
	for _, perCommit := range []int{4, 6, 8} {
		for _, stored := range []int{0, 2_000_000} {
			for _, duplicates := range []int{0, 30} {
				b.Run(fmt.Sprintf("rows=%d/stored=%d/duplicates=%d", perCommit*benchRows, stored, duplicates), func(b *testing.B) {
					benchmarkCommit(b, perCommit, stored, duplicates)
				})
			}
		}
	}
}

// benchRows is the size of a batch; some make a commit.
const benchRows = 16_384

func benchmarkCommit(b *testing.B, perCommit, stored, duplicates int) {
	ctx := context.Background()
	path := filepath.Join(b.TempDir(), "bench.db")
	s, err := Open(ctx, path, Options{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	g := newBatches(benchRows)
	defer g.rec.Release()
	var cpu time.Duration
	commit := func(known int) {
		for i := range perCommit {
			b.StopTimer()
			batch := g.batch(known)
			before := processCPU()
			b.StartTimer()
			if _, err := s.Add(ctx, batch); err != nil {
				b.Fatal(err)
			}
			if i == perCommit-1 {
				if err := s.Commit(ctx); err != nil {
					b.Fatal(err)
				}
			}
			cpu += processCPU() - before
			release(batch)
		}
	}
	for g.next < stored {
		commit(0)
	}
	b.ResetTimer()
	cpu = 0
	for range b.N {
		commit(benchRows * duplicates / 100)
	}
	before := processCPU()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	closing := processCPU() - before
	events := float64(b.N * perCommit * benchRows)
	s = mustOpen(b, path)
	size, err := s.Size(ctx)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpu.Microseconds())/events, "us-cpu/event")
	b.ReportMetric(float64(closing.Milliseconds()), "ms-cpu-close")
	b.ReportMetric(b.Elapsed().Seconds()*1e6/events, "us-wall/event")
	b.ReportMetric(float64(size)/float64(count(b, s, "SELECT count(*) FROM kms_events")), "B/event")
	b.ReportMetric(float64(peakResident())/1e6, "MB-resident")
	b.ReportMetric(0, "ns/op")
}

// batches makes batches that differ in ids, times and files only.
type batches struct {
	rec  arrow.RecordBatch
	rows int
	next int // number of the next event
	file int64
}

func newBatches(rows int) *batches {
	events := make([]event, rows)
	for i := range events {
		events[i] = event{n: i + 1, remainder: fmt.Sprintf(`{"tlsDetails":{"clientProvidedHostHeader":"kms.eu-central-1.amazonaws.com"},"n":%d}`, i%1000)}
	}
	return &batches{rec: record(events), rows: rows, file: 1}
}

// perFile is how many records a log file has; the median of real ones is
// smaller, but most records lie in large ones.
const perFile = 50

// batch returns the next batch, its first rows being the last of the one before.
func (g *batches) batch(known int) *ingest.Batch {
	if g.next == 0 {
		known = 0
	}
	first := g.next - known
	g.next = first + g.rows
	out := &ingest.Batch{}
	ids := extensions.NewUUIDBuilder(memory.DefaultAllocator)
	times := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond})
	files := array.NewInt64Builder(memory.DefaultAllocator)
	for i := range g.rows {
		n := first + i
		at := day.Add(time.Duration(n) * 50 * time.Millisecond).Truncate(time.Second)
		out.EventIDs = append(out.EventIDs, id(n))
		out.EventTimes = append(out.EventTimes, at.UnixMicro())
		ids.AppendBytes(id(n))
		times.Append(arrow.Timestamp(at.UnixMicro()))
		files.Append(g.file + int64(i/perFile))
	}
	for i := 0; i < g.rows; i += perFile {
		f := logFile(g.file + int64(i/perFile))
		f.KMS = perFile
		out.Files = append(out.Files, *f)
	}
	g.file += int64(g.rows / perFile)
	columns := g.contentFrom(first % g.rows)
	columns[schema.KMSEvents.Column("event_id")] = ids.NewArray()
	columns[schema.KMSEvents.Column("event_time")] = times.NewArray()
	columns[schema.KMSEvents.Column("log_file_id")] = files.NewArray()
	out.Events = array.NewRecordBatch(g.rec.Schema(), columns, int64(g.rows))
	return out
}

// contentFrom returns the columns beginning at a row, so that an event has the
// same content in whatever batch it stands.
func (g *batches) contentFrom(row int) []arrow.Array {
	if row == 0 {
		return append([]arrow.Array{}, g.rec.Columns()...)
	}
	out := make([]arrow.Array, g.rec.NumCols())
	for i, c := range g.rec.Columns() {
		head, tail := array.NewSlice(c, int64(row), int64(g.rows)), array.NewSlice(c, 0, int64(row))
		joined, err := array.Concatenate([]arrow.Array{head, tail}, memory.DefaultAllocator)
		if err != nil {
			panic(err)
		}
		out[i] = joined
	}
	return out
}

func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakResident returns VmHWM in bytes; 0 where there is no /proc.
func peakResident() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n * 1024
		}
	}
	return 0
}
