package queries_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/sqlcase"
)

// TestCoverage holds what coverage says of log files that come late, are read
// again, fail or do not come at all. Cases of queries cannot say when which
// log file is delivered, so this one has files of its own.
func TestCoverage(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/coverage.txtar")
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	var names []string
	for _, f := range archive.Files {
		name, _, _ := strings.Cut(f.Name, "/")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		parts[f.Name] = string(f.Data)
	}
	for _, name := range names {
		files := coverageFiles(t, parts[name+"/files"])
		t.Run(name, func(t *testing.T) { checkCoverage(t, files, parts[name+"/want.csv"]) })
		// Versions of one object have an order, everything else has none.
		if !strings.Contains(parts[name+"/files"], " again") {
			slices.Reverse(files)
			t.Run(name+"_backwards", func(t *testing.T) { checkCoverage(t, files, parts[name+"/want.csv"]) })
		}
	}
}

// coverageFile is a log file of the bucket, and how reading it goes.
type coverageFile struct {
	object ingest.Object
	body   []byte
	err    error
}

// coverageFiles reads files, each begun by a line
//
//	file TIME [region=R] [account=A] [others=N] [days=N] [elsewhere] [again] [bad|denied]
//
// with the event lines in it below. others are records of another service.
// days repeats the file on so many days. elsewhere gives it a key that tells
// nothing; again makes it another version of the file before; bad is not gzip;
// denied cannot be read.
func coverageFiles(t *testing.T, text string) []coverageFile {
	t.Helper()
	var out []coverageFile
	for _, part := range strings.Split("\n"+text, "\nfile ")[1:] {
		head, events, _ := strings.Cut(part, "\n")
		words := strings.Fields(head)
		options := map[string]string{"region": "us-east-1", "account": "main", "others": "0", "days": "1"}
		for _, w := range words[1:] {
			name, value, _ := strings.Cut(w, "=")
			options[name] = value
		}
		at, err := time.Parse(time.RFC3339, words[0])
		if err != nil {
			t.Fatal(err)
		}
		days, err := strconv.Atoi(options["days"])
		if err != nil {
			t.Fatal(err)
		}
		for day := range days {
			out = append(out, newCoverageFile(t, at.AddDate(0, 0, day), options, shifted(events, at, day)))
			if _, again := options["again"]; again {
				out[len(out)-1].object.Key = out[len(out)-2].object.Key
			}
		}
	}
	return out
}

// shifted moves event lines of the day of delivery by some days.
func shifted(events string, at time.Time, days int) string {
	return strings.ReplaceAll(events, at.Format(time.DateOnly), at.AddDate(0, 0, days).Format(time.DateOnly))
}

func newCoverageFile(t *testing.T, at time.Time, options map[string]string, events string) coverageFile {
	t.Helper()
	others, err := strconv.Atoi(options["others"])
	if err != nil {
		t.Fatal(err)
	}
	if others > 0 {
		events += fmt.Sprintf("\n%s 20ms x%d sts:GetCallerIdentity role/app@%s region=%s\n", at.Add(-time.Minute).Format(time.RFC3339), others, options["account"], options["region"])
	}
	records, err := cttest.ParseLines(events)
	if err != nil {
		t.Fatal(err)
	}
	f := coverageFile{body: cttest.LogFile(records...)}
	f.object.Key = cttest.Key("", "", options["account"], options["region"], at, "")
	if _, ok := options["elsewhere"]; ok {
		f.object.Key = "copies/" + at.Format("20060102T1504") + ".json.gz"
	}
	f.object.Location, _ = ingest.ParseKey(f.object.Key)
	if _, ok := options["bad"]; ok {
		f.body = []byte("not gzip")
	}
	if _, ok := options["denied"]; ok {
		f.err = errors.New("access denied")
	}
	f.object.Size, f.object.ETag = int64(len(f.body)), fmt.Sprint(events, f.err)
	return f
}

// checkCoverage ingests the files one after the other, each a commit of its
// own, and compares the view with what is wanted.
func checkCoverage(t *testing.T, files []coverageFile, want string) {
	t.Helper()
	s := openStore(t)
	for _, f := range files {
		_, err := ingest.Run(t.Context(), ingest.Options{Source: f, Sink: s.Store, Concurrency: 1, Decoders: 1})
		if err != nil {
			t.Fatal(err)
		}
	}
	r := csv.NewReader(strings.NewReader(want))
	r.Comment = '#'
	all, err := r.ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatalf("want.csv: %v", err)
	}
	c := sqlcase.Case{Header: all[0], Rows: all[1:]}
	if _, diff := c.Compare(coverageRows(t, s)); diff != "" {
		t.Error(diff)
	}
}

func coverageRows(t *testing.T, s *casestore.Store) (columns []string, came []map[string]any) {
	t.Helper()
	result, err := s.Query(context.WithoutCancel(t.Context()), `
		select
			account_id, region, min(day) as first_day, max(day) as last_day, count(*) as days, state, reason,
			cast(sum(log_file_count) as bigint) as files, cast(sum(failed_file_count) as bigint) as failed,
			cast(sum(record_count) as bigint) as records, cast(sum(kms_event_count) as bigint) as events
		from (
			select *, day - cast(row_number() over (partition by account_id, region, state, reason order by day) as integer) as stretch
			from coverage
		) as numbered
		group by account_id, region, state, reason, stretch
		order by account_id, region, first_day`)
	if err != nil {
		t.Fatal(err)
	}
	columns = rows.Names(result)
	err = rows.Each(result, func(row map[string]any) error {
		for _, name := range []string{"first_day", "last_day"} {
			row[name] = sqlcase.Cell(row[name])[:len(time.DateOnly)]
		}
		came = append(came, row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return columns, came
}

func (f coverageFile) Name() string { return "memory:" }

func (f coverageFile) List(_ context.Context, _ ingest.Selection, visit func([]ingest.Object) error) error {
	return visit([]ingest.Object{f.object})
}

func (f coverageFile) Read(_ context.Context, _ ingest.Object, dst []byte, _ int64) ([]byte, error) {
	return append(dst, f.body...), f.err
}

func (f coverageFile) Requests() ingest.Requests { return ingest.Requests{} }
