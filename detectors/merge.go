package detectors

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The rules by which the values that the windows of a finding have in a column
// become one.
const (
	// mergeLast takes the value of the last window that has one. It is the rule
	// of every column that the header does not name.
	mergeLast = "last"
	mergeSum  = "sum"
	mergeMin  = "min"
	mergeMax  = "max"
	// mergeUnion lists every value once, in the order of the windows; "union N"
	// stops at N.
	mergeUnion = "union"
	// mergeWith, as "with COLUMN", takes the value of the window in which that
	// column is largest, of several the first.
	mergeWith = "with"
)

// mergeRule is a rule as the header writes it: a name and what belongs to it.
type mergeRule struct {
	name   string
	column string // of with
	limit  int    // of union; 0 means none
}

func parseMergeRule(text string) (mergeRule, error) {
	name, rest, _ := strings.Cut(text, " ")
	rule := mergeRule{name: name}
	switch {
	case name == mergeUnion && rest != "":
		n, err := strconv.Atoi(rest)
		if err != nil || n < 1 {
			return rule, fmt.Errorf("%q is not a number of values", rest)
		}
		rule.limit = n
	case name == mergeWith && rest != "":
		rule.column = rest
	case name == mergeWith:
		return rule, fmt.Errorf("it names no column: with COLUMN")
	case !slices.Contains([]string{mergeLast, mergeSum, mergeMin, mergeMax, mergeUnion}, name):
		return rule, fmt.Errorf("rules are last, sum, min, max, union, union N and with COLUMN")
	case rest != "":
		return rule, fmt.Errorf("nothing may follow %s", name)
	}
	return rule, nil
}

// mergeTypes are the types of the columns that a rule can be for.
var mergeTypes = map[string][]string{
	mergeLast:  ownTypes,
	mergeSum:   {"BIGINT", "INTEGER", "DOUBLE"},
	mergeMin:   comparableTypes,
	mergeMax:   comparableTypes,
	mergeUnion: {"VARCHAR[]"},
	mergeWith:  ownTypes,
}

var comparableTypes = []string{"BIGINT", "INTEGER", "DOUBLE", "TIMESTAMP", "DATE", "VARCHAR"}

// followers are the columns of the contract that may follow another column.
var followers = []string{"key_arn", "principal_arn", "event_ids"}

// mergeProblems says what is wrong with the header's rules, by themselves.
func (d *Detector) mergeProblems() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(d.Merge)) {
		rule, err := parseMergeRule(d.Merge[name])
		switch {
		case err != nil:
			out = append(out, fmt.Sprintf("the rule %q by which column %s is merged is not known: %s", d.Merge[name], name, err))
		case slices.Contains(followers, name) && rule.name != mergeWith:
			out = append(out, fmt.Sprintf("column %s can only be merged by the rule with COLUMN", name))
		case !slices.Contains(followers, name) && d.Columns[name] == "":
			out = append(out, fmt.Sprintf("there is a rule to merge column %s, which is not among the detector's own columns", name))
		case rule.column != "" && d.Columns[rule.column] == "":
			out = append(out, fmt.Sprintf("column %s is merged with column %s, which is not among the detector's own columns", name, rule.column))
		}
	}
	return out
}

// mergeTypeProblems says which rules do not fit the types of their columns.
func (d *Detector) mergeTypeProblems(columns []Column) []string {
	types := map[string]string{}
	for _, c := range columns {
		types[c.Name] = c.Type
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(d.Merge)) {
		rule, err := parseMergeRule(d.Merge[name])
		if err != nil || types[name] == "" {
			continue // reported with the header
		}
		if known := mergeTypes[rule.name]; !slices.Contains(known, types[name]) {
			out = append(out, fmt.Sprintf("column %s is of type %s and cannot be merged by the rule %s, which is for %s", name, types[name], rule.name, strings.Join(known, ", ")))
		}
		if typ := types[rule.column]; typ != "" && !slices.Contains(comparableTypes, typ) {
			out = append(out, fmt.Sprintf("column %s is merged with column %s, whose type %s has no largest value", name, rule.column, typ))
		}
	}
	return out
}

// merge puts the windows of one finding together, in the order of time. What a
// finding says follows from its windows alone.
func (d *Detector) merge(windows []Finding) (Finding, error) {
	out := windows[0]
	last := &windows[len(windows)-1]
	out.DetectorVersion, out.Title = d.Version, d.Title
	out.WindowEnd = last.WindowEnd
	for i := range windows[1:] {
		w := &windows[i+1]
		if w.FirstSeen.Before(out.FirstSeen) {
			out.FirstSeen = w.FirstSeen
		}
		if w.LastSeen.After(out.LastSeen) {
			out.LastSeen = w.LastSeen
		}
		out.EventCount += w.EventCount
		if severityRank(w.Severity) < severityRank(out.Severity) {
			out.Severity = w.Severity
		}
		out.AccountID, out.Region = lastText(out.AccountID, w.AccountID), lastText(out.Region, w.Region)
		out.KeyARN, out.PrincipalARN = lastText(out.KeyARN, w.KeyARN), lastText(out.PrincipalARN, w.PrincipalARN)
	}
	out.EventIDs, out.LogFiles = mergeEvidence(windows)
	if err := d.mergeDetails(&out, windows); err != nil {
		return Finding{}, fmt.Errorf("merge windows of finding %s: %w", out.FindingID, err)
	}
	var err error
	out.Summary, err = render("summary", d.Summary, out.data())
	return out, err
}

func lastText(before, now string) string {
	if now == "" {
		return before
	}
	return now
}

// mergeEvidence takes the first events, with the log files of each.
func mergeEvidence(windows []Finding) (ids, files []string) {
	ids, files = []string{}, []string{}
	for i := range windows {
		for j, id := range windows[i].EventIDs {
			if len(ids) < MaxEvidence && !slices.Contains(ids, id) {
				ids = append(ids, id)
				files = append(files, windows[i].logFile(j))
			}
		}
	}
	return ids, files
}

// mergeDetails applies the header's rules.
func (d *Detector) mergeDetails(out *Finding, windows []Finding) error {
	out.Details = map[string]any{}
	for i := range windows {
		for name := range windows[i].Details {
			out.Details[name] = nil
		}
	}
	for name := range out.Details {
		text := d.Merge[name]
		if text == "" {
			text = mergeLast
		}
		rule, err := parseMergeRule(text)
		if err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
		out.Details[name] = rule.apply(name, windows)
	}
	for _, name := range followers {
		rule, err := parseMergeRule(d.Merge[name])
		if d.Merge[name] == "" || err != nil {
			continue
		}
		w := largest(rule.column, windows)
		switch name {
		case "key_arn":
			out.KeyARN = w.KeyARN
		case "principal_arn":
			out.PrincipalARN = w.PrincipalARN
		case "event_ids":
			out.EventIDs, out.LogFiles = w.EventIDs, w.LogFiles
		}
	}
	return nil
}

// apply merges the values of one column; NULL counts for nothing.
func (r mergeRule) apply(name string, windows []Finding) any {
	if r.name == mergeWith {
		return largest(r.column, windows).Details[name]
	}
	var out any
	for i := range windows {
		v := windows[i].Details[name]
		switch {
		case v == nil:
		case r.name == mergeUnion:
			out = r.union(out, v)
		case out == nil, r.name == mergeLast:
			out = v
		case r.name == mergeSum:
			out = sum(out, v)
		case r.name == mergeMin && compare(v, out) < 0, r.name == mergeMax && compare(v, out) > 0:
			out = v
		}
	}
	return out
}

func (r mergeRule) union(have, more any) any {
	out, _ := have.([]any)
	list, _ := more.([]any)
	out = slices.Clone(out)
	for _, v := range list {
		if !slices.Contains(out, v) && (r.limit == 0 || len(out) < r.limit) {
			out = append(out, v)
		}
	}
	return out
}

// largest returns the window in which a column is largest, of several the first.
func largest(column string, windows []Finding) *Finding {
	best := &windows[0]
	for i := range windows {
		v, most := windows[i].Details[column], best.Details[column]
		if v != nil && (most == nil || compare(v, most) > 0) {
			best = &windows[i]
		}
	}
	return best
}

// sum adds two numbers, as whole ones where they are.
func sum(a, b any) any {
	x, y := plainNumber(a), plainNumber(b)
	n, ok := x.(int64)
	m, alsoOK := y.(int64)
	if ok && alsoOK {
		return n + m
	}
	return asFloat(x) + asFloat(y)
}

// compare orders two values of a column: numbers, times or texts.
func compare(a, b any) int {
	x, y := plainNumber(a), plainNumber(b)
	if n, ok := x.(int64); ok {
		if m, ok := y.(int64); ok {
			return cmpOf(n, m)
		}
	}
	s, isText := x.(string)
	t, alsoText := y.(string)
	if !isText || !alsoText {
		return cmpOf(asFloat(x), asFloat(y))
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if than, thanErr := time.Parse(time.RFC3339Nano, t); err == nil && thanErr == nil {
		return at.Compare(than)
	}
	return strings.Compare(s, t)
}

func cmpOf[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// plainNumber turns a number out of JSON into an int64 or a float64; everything
// else stays.
func plainNumber(v any) any {
	number, ok := v.(json.Number)
	if !ok {
		return v
	}
	if n, err := number.Int64(); err == nil {
		return n
	}
	if f, err := number.Float64(); err == nil {
		return f
	}
	return v
}

func asFloat(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}
