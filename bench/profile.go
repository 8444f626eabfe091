package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// area is a part of the program, by the functions that do its work.
type area struct {
	name      string
	functions []string // how their names begin
}

const (
	ours    = "github.com/kmstrail/kmstrail/"
	ofStore = ours + "internal/duck."
)

// areas are looked for from the innermost function outwards; where several name
// a function, the first.
var areas = []area{
	{"decompress", []string{ours + "ingest.(*inflater)"}},
	{"fill columns", []string{ours + "ingest.(*builder)", ours + "ingest.(*relatedBuilder)", ours + "ingest.(*accumulator)"}},
	{"decode KMS records", []string{ours + "ingest.(*fileDecoder).kmsRecord", ours + "ingest.(*fileDecoder).relatedRecord"}},
	{"walk over records", []string{ours + "ingest.(*fileDecoder)"}},
	{"list and read log files", []string{ours + "ingest/", ours + "ingest.(*run).read", ours + "ingest.(*run).list"}},
	{"DuckDB: ledger", []string{ofStore + "(*commit).writeLedger", ofStore + "(*Store).Ledger"}},
	{"DuckDB: look for known events", []string{ofStore + "(*conn).findKnown"}},
	{"DuckDB: append events", []string{ofStore + "(*commit).writeEvents", ofStore + "(*commit).writeRows", ofStore + "(*commit).writeRelated"}},
	{"DuckDB: derived tables", []string{ofStore + "(*Store).deriveCommit"}},
	{"DuckDB: commit and checkpoint", []string{ofStore + "(*Store).commit", ofStore + "(*Store).Commit", ofStore + "(*Store).Close"}},
	{"Go: garbage collection", []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.gcAssistAlloc"}},
}

// What is in none of them is DuckDB's, or other.
const (
	storeArea = "DuckDB: all else"
	otherArea = "all else"
)

// profileFigures say where the CPU time of an ingest goes.
type profileFigures struct {
	Set    string             `json:"set"`
	Shares map[string]float64 `json:"shares"`
}

// profileOf ingests a set once more with a CPU profile. It is a run of its own,
// so that the profile is not measured with the rest.
func (c *config) profileOf(ctx context.Context, name, dir string) (profileFigures, error) {
	profiled := *c
	profiled.profile = dir + ".pprof"
	defer func() { _ = os.Remove(profiled.profile) }()
	var f figures
	if err := profiled.process(ctx, dir, "ingest", &f); err != nil {
		return profileFigures{}, fmt.Errorf("profile %s: %w", name, err)
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "pprof", "-traces", profiled.profile)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return profileFigures{}, fmt.Errorf("read profile of %s: %w", name, err)
	}
	shares, err := sharesOf(string(text))
	if err != nil {
		return profileFigures{}, fmt.Errorf("read profile of %s: %w", name, err)
	}
	return profileFigures{name, shares}, nil
}

// sharesOf sums what go tool pprof -traces prints, by area:
//
//	-----------+----
//	      20ms   runtime.cgocall
//	             github.com/…
func sharesOf(traces string) (map[string]float64, error) {
	shares := map[string]float64{}
	var all float64
	_, traces, _ = strings.Cut(traces, "-----------+")
	for trace := range strings.SplitSeq(traces, "-----------+") {
		_, trace, _ = strings.Cut(trace, "\n") // the rest of the rule
		fields := strings.Fields(trace)
		if len(fields) == 0 {
			continue
		}
		took, err := time.ParseDuration(strings.Replace(fields[0], "mins", "m", 1))
		if err != nil {
			return nil, err
		}
		shares[areaOf(fields[1:])] += took.Seconds()
		all += took.Seconds()
	}
	if all == 0 {
		return nil, errors.New("it has no samples")
	}
	for name := range shares {
		shares[name] /= all
	}
	return shares, nil
}

// areaOf returns the area of a stack, innermost function first.
func areaOf(stack []string) string {
	for _, function := range stack {
		for _, a := range areas {
			if slices.ContainsFunc(a.functions, func(f string) bool { return strings.HasPrefix(function, f) }) {
				return a.name
			}
		}
	}
	if slices.ContainsFunc(stack, func(f string) bool { return strings.HasPrefix(f, ofStore) }) {
		return storeArea
	}
	return otherArea
}

// profileTable is the shares of all sets, in the order of the work.
func (r *report) profileTable() string {
	var b strings.Builder
	head, rule := "| Part |", "| --- |"
	sets := append(slices.Clone(r.Profile), r.Small.Profile)
	for _, p := range sets {
		head += " " + setName(p.Set) + " |"
		rule += " ---: |"
	}
	b.WriteString(head + "\n" + rule + "\n")
	var names []string
	for _, a := range areas {
		names = append(names, a.name)
	}
	for _, name := range append(names, storeArea, otherArea) {
		b.WriteString("| " + name + " |")
		for _, p := range sets {
			fmt.Fprintf(&b, " %.0f %% |", 100*p.Shares[name])
		}
		b.WriteString("\n")
	}
	return b.String()
}
