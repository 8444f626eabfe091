package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kmstrail/kmstrail/internal/golden"
)

// TestPages holds the tables of pages to results.json; -update writes them.
func TestPages(t *testing.T) {
	c := config{results: "results.json"}
	rep, err := c.readResults()
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Results) == 0 || rep.Small == nil || rep.Lake == nil {
		t.Fatal("results.json has no measurement of ingest, of small files or of a lake")
	}
	for page, tables := range map[string]map[string]string{
		"scale.md": {
			"measured": rep.Lake.measuredTable(), "questions": rep.Lake.questionTable(), "scale": rep.Lake.scaleTable(),
		},
		"performance.md": {
			"goals": rep.goalTable(), "ingest": rep.ingestTable(), "small": rep.smallTable(), "profile": rep.profileTable(),
		},
	} {
		t.Run(page, func(t *testing.T) {
			path := "../docs/" + page
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden.EqualString(t, withTables(t, string(text), tables), path)
		})
	}
}

// withTables puts tables into the places that a page has for them.
func withTables(t *testing.T, page string, tables map[string]string) string {
	t.Helper()
	for name, table := range tables {
		begin, end := "<!-- "+name+": make update writes this table from bench/results.json -->\n", "<!-- end -->"
		before, rest, ok := strings.Cut(page, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("the page has no place for the table %s", name)
		}
		page = before + begin + table + end + after
	}
	return page
}

func TestSharesOf(t *testing.T) {
	const rule = "-----------+-------------------------------------------------------\n"
	const traces = "File: bench\nType: cpu\n" +
		rule + "      1.50s   runtime.cgocall\n" +
		"             " + ofStore + "(*conn).exec\n             " + ofStore + "(*Store).deriveCommit (inline)\n             " + ofStore + "(*Store).Commit\n" +
		rule + "     250ms   runtime.memmove\n             " + ours + "ingest.(*inflater).inflate\n             " + ours + "ingest.(*fileDecoder).decodeBody\n" +
		rule + "     150ms   runtime.cgocall\n             " + ofStore + "(*conn).exec\n" +
		rule + "     100ms   runtime.mcall\n"
	got, err := sharesOf(traces)
	want := map[string]float64{"DuckDB: derived tables": 0.75, "decompress": 0.125, storeArea: 0.075, otherArea: 0.05}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if _, err := sharesOf("File: bench\n"); err == nil {
		t.Error("a profile without samples has shares")
	}
}

// TestWithinMemory holds that an ingest over the limit fails the measurement.
func TestWithinMemory(t *testing.T) {
	for mb, fails := range map[float64]bool{mostMB - 1: false, mostMB: true} {
		rep := report{
			Results: []result{
				{Set: "kms100", Measurement: "read_json", Median: figures{cost: cost{PeakMB: 2 * mostMB}}},
				{Set: "kms100", Measurement: "ingest", Median: figures{cost: cost{PeakMB: mb - 1}}},
			},
			Small: &smallReport{S3: smallFigures{figures: figures{cost: cost{PeakMB: mb}}}},
		}
		if err := rep.withinMemory(); (err != nil) != fails {
			t.Errorf("%.0f MB: %v", mb, err)
		}
	}
}

func TestGoals(t *testing.T) {
	for _, tt := range []struct {
		goal
		met bool
	}{
		{goal{limit: 2, measured: 2}, true},
		{goal{limit: 2, measured: 1.99}, false},
		{goal{atMost: true, limit: 2, measured: 2}, true},
		{goal{atMost: true, limit: 2, measured: 2.01}, false},
	} {
		if got := tt.goal.met(); got != tt.met {
			t.Errorf("%+v is met: %t", tt.goal, got)
		}
	}
}
