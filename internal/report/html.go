package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed page/report.html.tmpl
var pageTemplate string

//go:embed page/style.css
var pageStyle string

// WriteHTML writes the report as one HTML file that loads nothing and runs no
// script. Its content security policy allows the one style sheet inside.
func (r *Report) WriteHTML(w io.Writer) error {
	t, err := Templates()
	if err != nil {
		return err
	}
	// A failing template must not leave half a page behind.
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page", newPage(r)); err != nil {
		return fmt.Errorf("fill the page of the report: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func pageFunctions() template.FuncMap {
	return template.FuncMap{
		"account":       accountText,
		"address":       isAddress,
		"bytes":         byteSize,
		"verdictBars":   verdictBars,
		"verdictText":   func() string { return verdictText },
		"reasons":       reasonText,
		"clean":         clean,
		"command":       command,
		"counted":       func(n any, one, many string) string { return counted(integer(n), one, many) },
		"day":           func(t *time.Time) string { return day(*t) },
		"delayBars":     delayBars,
		"finding":       newFindingView,
		"group":         newGroupView,
		"minute":        minuteOf,
		"moment":        func(t *time.Time) string { return second(*t) },
		"nextDay":       func(t *time.Time) string { return day(t.AddDate(0, 0, 1)) },
		"notes":         notes,
		"num":           func(n any) string { return grouped(integer(n)) },
		"pieces":        pieces,
		"plot":          func(a Activity) plot { return newPlot(&a) },
		"plural":        func(n any, one, many string) string { return plural(integer(n), one, many) },
		"severities":    severities,
		"severityClass": severityClass,
		"short":         short,
		"span":          ends,
		"state":         stateText,
		"title":         titled,
		"word":          word,
	}
}

func integer(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	default:
		return 0
	}
}

func minuteOf(t any) string {
	switch t := t.(type) {
	case time.Time:
		return minute(t)
	case *time.Time:
		return minute(*t)
	default:
		return ""
	}
}

// short is clean for a narrow column.
func short(s string) string { return cut(clean(s), 160) }

// word is clean for a label.
func word(s string) string { return cut(clean(s), 32) }

// titled writes the first letter large.
func titled(s string) string {
	if s == "" {
		return "Not rated"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func severityClass(s string) string {
	if slices.Contains(severities(), s) {
		return s
	}
	return "other"
}

func isAddress(s string) bool { return strings.HasPrefix(s, "https://") }

// command keeps the lines of a text to be copied and cleans each.
func command(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	lines = lines[:min(len(lines), 40)]
	for i := range lines {
		lines[i] = cut(visible(strings.TrimRight(lines[i], "\r")), 2000)
	}
	return strings.Join(lines, "\n")
}

// piece is a part of a text, code or not.
type piece struct {
	Text string
	Code bool
}

// pieces splits a detector's text at backquotes. Folded lines become one.
func pieces(s string) []piece {
	parts := strings.Split(cut(visible(strings.Join(strings.Fields(s), " ")), 2000), "`")
	if len(parts)%2 == 0 { // a lone backquote is text
		parts[len(parts)-2] += "`" + parts[len(parts)-1]
		parts = parts[:len(parts)-1]
	}
	var out []piece
	for i, text := range parts {
		if text != "" {
			out = append(out, piece{Text: text, Code: i%2 == 1})
		}
	}
	return out
}

// page is a Report with what only the HTML page needs.
type page struct {
	*Report
	Policy string
	Style  template.CSS

	Ticks      []tick
	Map        []mapRow
	VerdictMap verdictMap
	BarTables  []barTable
	RateRows   []rateRow
}

func newPage(r *Report) page {
	style, policy := Style("")
	return page{
		Report: r, Policy: policy, Style: style,
		Ticks: newTicks(r.Coverage.Days), Map: newMap(&r.Coverage),
		VerdictMap: newVerdictMap(&r.Verdicts, r.accountNames()),
		BarTables:  newBarTables(r), RateRows: newRateRows(r.Activity.Rates),
	}
}

// States says how many keys are in a state to know of.
func (p page) States() string {
	var pending, disabled int64
	for _, c := range p.Activity.KeyStates {
		switch c.Name {
		case "PendingDeletion", "PendingReplicaDeletion":
			pending += c.Count
		case "Disabled":
			disabled += c.Count
		}
	}
	var parts []string
	if pending > 0 {
		parts = append(parts, grouped(pending)+" pending deletion")
	}
	if disabled > 0 {
		parts = append(parts, grouped(disabled)+" disabled")
	}
	if len(parts) == 0 {
		return "that calls were logged for"
	}
	return strings.Join(parts, ", ")
}

// AllClear reports whether every detector ran, over whole logs, and found
// nothing.
func (p page) AllClear() bool {
	return len(p.Detectors) > 0 && !slices.ContainsFunc(p.Detectors, func(o Outcome) bool { return o.Verdict != Clear })
}

// Share is the share of all calls.
func (p page) Share(n int64) string {
	if p.Scope.Calls == 0 {
		return "0%"
	}
	return percent(float64(n) / float64(p.Scope.Calls))
}

// Closed counts the findings that are not shown because somebody dealt with
// them. Withdrawn ones have a list of their own.
func (r *Report) Closed() string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(r.Findings.ByStatus)) {
		if !open(status) && status != withdrawn {
			parts = append(parts, grouped(int64(r.Findings.ByStatus[status]))+" "+clean(status))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Not shown: " + strings.Join(parts, ", ") + "."
}

// MoreAccounts and its like count what a list leaves out.
func (p page) MoreAccounts() int64 { return left(p.Scope.AccountCount, len(p.Scope.Accounts)) }
func (p page) MoreRegions() int64  { return left(p.Scope.RegionCount, len(p.Scope.Regions)) }
func (p page) MoreSources() int64  { return left(p.Scope.SourceCount, len(p.Scope.Sources)) }
func (p page) MoreFailed() int64   { return left(p.Scope.FailedObjects, len(p.Coverage.Failed)) }

func left(all int64, shown int) int64 { return max(0, all-int64(shown)) }

// groupView is a Group with its place on the page.
type groupView struct {
	Group
	Index int
}

func newGroupView(i int, g Group) groupView { return groupView{Group: g, Index: i} }

// unfolded is how many findings of a group are in sight at once.
const unfolded = 5

// First are the findings in sight, Further those in a fold.
func (g groupView) First() []Finding   { return g.Shown[:min(unfolded, len(g.Shown))] }
func (g groupView) Further() []Finding { return g.Shown[min(unfolded, len(g.Shown)):] }

// MoreAccounts reports whether the list of omitted findings by account is cut.
func (g groupView) MoreAccounts() bool {
	var n int64
	for _, c := range g.OmittedByAccount {
		n += c.Count
	}
	return n < int64(g.Omitted)
}

// findingView is a Finding with its place in the group.
type findingView struct {
	Finding
	Index int // of those in sight, else -1
	docs  map[string]string
}

func newFindingView(i int, f Finding, docs map[string]string) findingView {
	return findingView{Finding: f, Index: i, docs: docs}
}

// detail is one line of a finding's details; Doc says what it means.
type detail struct{ Name, Value, Doc string }

// Rows are the finding's further columns, by name.
func (f findingView) Rows() []detail { return f.rows(f.docs) }

// rows are the finding's further columns, by name.
func (f Finding) rows(docs map[string]string) []detail {
	var out []detail
	for _, name := range slices.Sorted(maps.Keys(f.Details)) {
		if len(out) == maxDetails {
			out = append(out, detail{Name: "and", Value: counted(int64(len(f.Details)-maxDetails), "more column", "more columns")})
			break
		}
		out = append(out, detail{humanize(name), value(f.Details[name]), docs[name]})
	}
	return out
}

// shownIDs is how many events a finding's evidence names.
const shownIDs = 5

// safeID is what may stand in a command that somebody copies.
var safeID = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// Commands show the original records of the first events.
func (f Finding) Commands() []string {
	var out []string
	for _, id := range f.EventIDs {
		if len(out) < shownIDs && safeID.MatchString(id) {
			out = append(out, "kmstrail event "+id+" --raw")
		}
	}
	return out
}

// shownLogFiles is how many log files a finding's evidence names.
const shownLogFiles = 3

// Sources are the log files of the evidence, each with the places of its
// records: source/key#3, #7. At most a few are named.
func (f Finding) Sources() []string {
	list, _ := f.sources()
	return list
}

// MoreSources counts the log files that Sources leaves out.
func (f Finding) MoreSources() int {
	_, more := f.sources()
	return more
}

func (f Finding) sources() (list []string, more int) {
	var files []string
	records := map[string][]string{}
	for _, place := range f.LogFiles {
		i := strings.LastIndexByte(place, '#')
		if i < 0 {
			continue
		}
		if records[place[:i]] == nil {
			files = append(files, place[:i])
		}
		records[place[:i]] = append(records[place[:i]], place[i:])
	}
	shown := min(shownLogFiles, len(files))
	for _, file := range files[:shown] {
		list = append(list, file+strings.Join(records[file], ", "))
	}
	return list, len(files) - shown
}

// StatusText says what somebody decided about a finding; "" for a new one.
func (f Finding) StatusText() string {
	if f.Status == "" || f.Status == "new" {
		return ""
	}
	if f.StatusReason == "" {
		return humanize(f.Status)
	}
	return humanize(f.Status) + ": " + clean(f.StatusReason)
}

// EvidenceText says how many events there are, and what is proven of them.
func (f Finding) EvidenceText() string {
	shown, text := int64(len(f.Commands())), counted(f.EventCount, "call", "calls")
	if f.EventCount > shown {
		text = grouped(shown) + " of " + text
	}
	if proof := f.Proof.Text(); proof != "" {
		text += "; " + proof
	}
	return text
}

// Offer names what the fold holds.
func (f findingView) Offer() string {
	var parts []string
	if len(f.Details) > 0 {
		parts = append(parts, "details")
	}
	if len(f.TriageCommands) > 0 {
		parts = append(parts, "queries")
	}
	if f.Remedy != "" {
		parts = append(parts, "remedy")
	}
	if len(f.Commands()) > 0 {
		parts = append(parts, "evidence")
	}
	switch len(parts) {
	case 0:
		return "More"
	case 1:
		return titled(parts[0])
	default:
		return titled(strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1])
	}
}
