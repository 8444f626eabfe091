package queries_test

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/sqlcase"
	"github.com/kmstrail/kmstrail/queries"
)

// TestVerdicts_fileThatCannotBeRead turns a PASS into UNKNOWN. It stands here
// because the files of a case can all be read.
func TestVerdicts_fileThatCannotBeRead(t *testing.T) {
	src, err := fs.ReadFile(queries.BuiltinFS(), "verdicts.txtar")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := sqlcase.Parse("verdicts.txtar", src)
	if err != nil {
		t.Fatal(err)
	}
	c := cases[0]
	if c.Name != "fires_pass" {
		t.Fatalf("the first case is %s", c.Name)
	}
	for _, at := range []struct {
		delivered time.Time
		want      string
	}{
		{c.Window.Start.Add(-time.Minute), "PASS: "},
		{c.Window.Start, "UNKNOWN: log files that could not be read: 1"},
		{c.Window.End.Add(-time.Minute), "UNKNOWN: log files that could not be read: 1"},
		{c.Window.End, "PASS: "},
	} {
		s := openStore(t)
		if err := c.Load(t.Context(), s, false); err != nil {
			t.Fatal(err)
		}
		key := cttest.Key("", "", cttest.Account("main"), "us-east-1", at.delivered, "0000000000000000")
		if err := s.Ingest(t.Context(), []sqlcase.LogFile{{Key: key, Body: []byte("no gzip")}}, nil); err == nil {
			t.Fatal("the file could be read")
		}
		if got := verdicts(t, s, c.Window); got != at.want {
			t.Errorf("delivered at %s: got %q, want %q", at.delivered, got, at.want)
		}
	}
}

// verdicts returns a line for each verdict, with its reason.
func verdicts(t *testing.T, s *casestore.Store, w queries.Window) string {
	t.Helper()
	q, err := queries.Get("verdicts")
	if err != nil {
		t.Fatal(err)
	}
	st, err := q.Bind(nil, w)
	if err != nil {
		t.Fatal(err)
	}
	result, err := s.Run(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = rows.Each(result, func(row map[string]any) error {
		got = append(got, sqlcase.Cell(row["verdict"])+": "+sqlcase.Cell(row["reason"]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, "\n")
}
