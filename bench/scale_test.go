package main

import (
	"os"
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/internal/golden"
)

// TestScalePage holds the tables of docs/scale.md to results.json; -update
// writes them.
func TestScalePage(t *testing.T) {
	const path = "../docs/scale.md"
	c := config{results: "results.json"}
	rep, err := c.readResults()
	if err != nil {
		t.Fatal(err)
	}
	if rep.Lake == nil {
		t.Fatal("results.json has no measurement of a lake")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for name, table := range map[string]string{
		"measured": rep.Lake.measuredTable(), "questions": rep.Lake.questionTable(), "scale": rep.Lake.scaleTable(),
	} {
		begin, end := "<!-- "+name+": make update writes this table from bench/results.json -->\n", "<!-- end -->"
		before, rest, ok := strings.Cut(page, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no place for the table %s", path, name)
		}
		page = before + begin + table + end + after
	}
	golden.EqualString(t, page, path)
}
