package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// TerminalOptions say what the terminal can do.
type TerminalOptions struct {
	// Width is in columns; 0 means 80. Less than 40 is treated as 40.
	Width int
	// Color allows colours.
	Color bool
}

// Findings of one detector and names of one list in the terminal summary.
const (
	terminalFindings = 3
	terminalTop      = 5
)

// WriteTerminal writes a summary for a terminal. No line is wider than
// allowed, except words that cannot be broken.
func (r *Report) WriteTerminal(w io.Writer, opts TerminalOptions) error {
	t := &terminal{width: max(opts.Width, 40), color: opts.Color}
	if opts.Width <= 0 {
		t.width = 80
	}
	t.width = min(t.width, 120)
	t.head(r)
	if r.Empty != NotEmpty {
		t.empty(r)
	} else {
		t.findings(r)
		t.silent(r)
		t.verdicts(&r.Verdicts)
		t.activity(r)
	}
	_, err := io.WriteString(w, t.out.String())
	return err
}

// terminal gathers lines.
type terminal struct {
	out   strings.Builder
	width int
	color bool
}

// paint wraps clean text in a colour.
func (t *terminal) paint(code, s string) string {
	if !t.color || code == "" || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

const (
	bold = "1"
	dim  = "2"
)

func severityColor(s string) string {
	switch s {
	case "critical":
		return "1;31"
	case "high":
		return "31"
	case "medium":
		return "33"
	case "low":
		return "36"
	default:
		return ""
	}
}

func (t *terminal) line(s string) { t.out.WriteString(strings.TrimRight(s, " ") + "\n") }

func (t *terminal) title(s string) {
	t.line("")
	t.line(t.paint(bold, s))
}

// text writes words broken into lines, the first after first, the others
// after as many blanks.
func (t *terminal) text(first, color, s string) {
	indent := strings.Repeat(" ", uniseg.StringWidth(first))
	for i, l := range wrap(s, t.width-len(indent)) {
		lead := indent
		if i == 0 {
			lead = first
		}
		t.line(lead + t.paint(color, l))
	}
}

// wrap breaks text at blanks into lines of at most width columns. A longer
// word has a line of its own, broken where it is full.
func wrap(s string, width int) []string {
	var lines []string
	current := ""
	for _, word := range strings.Fields(s) {
		switch {
		case current == "":
			current = word
		case uniseg.StringWidth(current)+1+uniseg.StringWidth(word) <= width:
			current += " " + word
		default:
			lines = append(lines, current)
			current = word
		}
		for uniseg.StringWidth(current) > width {
			head, rest := split(current, width)
			lines = append(lines, head)
			current = rest
		}
	}
	if current != "" {
		lines = append(lines, current)
	}
	return lines
}

// split cuts the text after as many characters as fit into width columns, one
// at least.
func split(s string, width int) (head, rest string) {
	graphemes := uniseg.NewGraphemes(s)
	used, end := 0, 0
	for graphemes.Next() {
		w := graphemes.Width()
		if end > 0 && used+w > width {
			break
		}
		used += w
		_, end = graphemes.Positions()
	}
	return s[:end], s[end:]
}

// fit cuts text to width columns, in the middle, and fills it up with blanks.
func fit(s string, width int) string {
	for limit := len([]rune(s)); uniseg.StringWidth(s) > width && limit > 1; limit-- {
		s = cut(s, min(limit, width))
		if len([]rune(s)) >= limit { // wide characters: cut on
			s = cut(s, limit-1)
		}
	}
	return s + strings.Repeat(" ", max(0, width-uniseg.StringWidth(s)))
}

// fitRight is fit for numbers, which are never cut.
func fitRight(s string, width int) string {
	return strings.Repeat(" ", max(0, width-uniseg.StringWidth(s))) + s
}

func (t *terminal) head(r *Report) {
	t.line(t.paint(bold, fit(clean(r.Title), t.width)))
	t.text("", dim, r.Window.String())
	s := &r.Scope
	if r.Empty != NothingIngested {
		t.text("", "", fmt.Sprintf("%s of %s in %s, %s: %s in %s, %s.",
			counted(s.LogFiles, "log file", "log files"), counted(s.AccountCount, "account", "accounts"), counted(s.RegionCount, "Region", "Regions"),
			byteSize(s.LogBytes), counted(s.KMSRecords, "KMS record", "KMS records"), counted(s.Records, "record", "records"), counted(s.Calls, "KMS call", "KMS calls")))
	}
	if text := r.Coverage.DelayText(); text != "" {
		t.text("", dim, text)
	}
	t.line("")
	t.text("", bold, r.Headline())
	if problems := r.Problems(); len(problems) > 0 {
		t.line("")
		t.text("", "33", "This answer is over incomplete logs:")
		for _, p := range problems {
			t.text("  - ", "", p)
		}
	}
}

func (t *terminal) empty(r *Report) {
	t.line("")
	switch r.Empty {
	case NothingIngested:
		t.text("", "", "Read logs first: kmstrail ingest s3://BUCKET/PREFIX")
	case NoKMSRecords:
		t.text("", "", "The trail may leave KMS events out, or log only writes. This says which: kmstrail doctor s3://BUCKET/PREFIX")
	case NoneInWindow:
		t.text("", "", "The store holds KMS records from "+minute(*r.Scope.StoredFirst)+" to "+minute(*r.Scope.StoredLast)+" UTC. Choose a period with --from and --to.")
	}
}

func (t *terminal) findings(r *Report) {
	if r.Findings.Open > 0 {
		t.line("")
		var parts []string
		for _, s := range severities() {
			if n := r.Findings.BySeverity[s]; n > 0 {
				parts = append(parts, t.paint(severityColor(s), grouped(int64(n))+" "+s))
			}
		}
		t.line(strings.Join(parts, ", "))
	}
	if closed := r.Closed(); closed != "" {
		t.text("", dim, closed)
	}
	for i := range r.Findings.Groups {
		t.group(&r.Findings.Groups[i])
	}
	t.withdrawn(&r.Findings)
}

// withdrawn lists the findings that later data contradicts.
func (t *terminal) withdrawn(f *Findings) {
	if len(f.Withdrawn) == 0 {
		return
	}
	t.title("Withdrawn: later logs contradict these")
	shown := min(terminalFindings, len(f.Withdrawn))
	for _, w := range f.Withdrawn[:shown] {
		t.text("  ", "", clean(w.Summary))
		t.text("    ", dim, clean(w.DetectorID)+", "+accountText(w.AccountID, w.AccountName)+": "+clean(w.StatusReason))
	}
	if more := int64(len(f.Withdrawn) - shown + f.OmittedWithdrawn); more > 0 {
		t.text("  ", dim, "and "+grouped(more)+" more: kmstrail findings --status withdrawn")
	}
}

func (t *terminal) group(g *Group) {
	t.title(fit(clean(g.Detector.Title), t.width))
	t.text("", dim, clean(g.Detector.ID)+": "+counted(int64(g.Count), "finding", "findings")+" in "+counted(int64(g.Accounts), "account", "accounts"))
	shown := min(terminalFindings, len(g.Shown))
	for i := range g.Shown[:shown] {
		t.finding(&g.Shown[i])
	}
	if more := int64(g.Count - shown); more > 0 {
		t.text("  ", dim, "and "+grouped(more)+" more: kmstrail detect --format jsonl")
	}
}

func (t *terminal) finding(f *Finding) {
	label := fit(clean(f.Severity), 8)
	const indent = "            "
	for i, l := range wrap(clean(f.Summary), t.width-len(indent)) {
		lead := indent
		if i == 0 {
			lead = "  " + t.paint(severityColor(f.Severity), label) + "  "
		}
		t.line(lead + l)
	}
	where := []string{accountText(f.AccountID, f.AccountName)}
	if f.Region != "" {
		where = append(where, clean(f.Region))
	}
	if f.KeyARN != "" {
		name, _ := Count{Name: f.KeyARN, Label: f.KeyAliases}.read("", nil)
		where = append(where, "key "+name)
	}
	t.text(indent, dim, strings.Join(where, ", ")+", "+counted(f.EventCount, "call", "calls")+", "+span(f.FirstSeen, f.LastSeen))
	if text := f.StatusText(); text != "" {
		t.text(indent, dim, text)
	}
	if commands := f.Commands(); len(commands) > 0 {
		t.text(indent, dim, commands[0])
	}
}

// silent lists the detectors without findings, because their silence means
// something only where they could see.
func (t *terminal) silent(r *Report) {
	first := true
	for _, o := range r.Detectors {
		if o.Verdict == Found {
			continue
		}
		if first {
			t.title("Detectors without findings")
			first = false
		}
		label, color := "clear  ", "32"
		text := clean(o.Detector.Title)
		if o.Verdict == Unknown {
			label, color = "unknown", "33"
			text += ": " + o.Reason
		}
		lead := "  " + label + "  "
		for i, l := range wrap(text, t.width-len(lead)) {
			if i == 0 {
				t.line("  " + t.paint(color, label) + "  " + l)
			} else {
				t.line(strings.Repeat(" ", len(lead)) + l)
			}
		}
	}
}

// verdicts counts the verdicts of each detector.
func (t *terminal) verdicts(v *Verdicts) {
	if len(v.Detectors) == 0 {
		return
	}
	t.title(fit("Verdicts on "+counted(int64(v.Places), "account and Region", "accounts and Regions"), t.width))
	count := func(n int, color, word string) string {
		s := fitRight(grouped(int64(n)), 5)
		if n == 0 {
			color = dim
		}
		return t.paint(color, s) + " " + word
	}
	const width = 5 + 5 + 2 + 5 + 8 + 2 + 5 + 5
	for _, d := range v.Detectors {
		numbers := count(d.Fail, "31", "fail") + "  " + count(d.Unknown, "33", "unknown") + "  " + count(d.Pass, "32", "pass")
		if t.width < 80 {
			t.text("  ", "", clean(d.Title))
			t.line("  " + numbers)
			continue
		}
		t.line("  " + fit(clean(d.Title), t.width-2-1-width) + " " + numbers)
	}
	if text := reasonText(v.Reasons); text != "" {
		t.text("  ", dim, "Unknown: "+text+".")
	}
}

func (t *terminal) activity(r *Report) {
	a := &r.Activity
	t.title("KMS calls")
	t.text("  ", "", fmt.Sprintf("%s succeeded, %s denied, %s throttled, %s other errors, %s.",
		grouped(a.Total.OK), grouped(a.Total.Denied), grouped(a.Total.Throttled), grouped(a.Total.Failed), counted(a.Total.DryRun, "dry run", "dry runs")))
	names := r.accountNames()
	t.top("Busiest keys", "no key", a.KeyCount, a.Keys, names)
	t.top("Busiest callers", unknownCaller, a.CallerCount, a.Callers, names)
	t.rates(a.Rates)
}

func (t *terminal) top(title, unnamed string, of int64, list []Count, names map[string]string) {
	if len(list) == 0 {
		return
	}
	list = list[:min(terminalTop, len(list))]
	if more := left(of, len(list)); more > 0 {
		title += fmt.Sprintf(" (the first %d of %s)", len(list), grouped(of))
	}
	t.title(title)
	for _, c := range list {
		name, _ := c.read(unnamed, names)
		if a := splitARN(c.Name); a.account != "" {
			name += ", " + short(cmp.Or(names[a.account], a.account))
		}
		const bar, number = 12, 11
		n := int(float64(bar)*float64(c.Count)/float64(max(list[0].Count, 1)) + 0.5)
		t.line("  " + fit(name, t.width-2-1-bar-1-number) + " " + t.paint("34", strings.Repeat("█", max(n, 0))) + strings.Repeat(" ", bar-n) + " " + fitRight(grouped(c.Count), number))
	}
}

func (t *terminal) rates(rates []Rate) {
	first := true
	for _, r := range rates[:min(terminalTop, len(rates))] {
		if (r.Peak < 2 || r.Used() < 0.1) && r.Throttled == 0 {
			continue
		}
		if first {
			t.title(fit("Highest request rates, per second", t.width))
			first = false
		}
		numbers, color := rateNumbers(r), ""
		if r.Used() > 0.8 {
			color = "33"
		}
		if r.Throttled > 0 {
			numbers += ", " + grouped(r.Throttled) + " throttled"
		}
		where := accountText(r.AccountID, r.AccountName) + ", " + clean(r.Region) + ", " + quotaText(r.QuotaName)
		room := t.width - 2 - 2 - uniseg.StringWidth(numbers)
		if uniseg.StringWidth(where) <= room {
			t.line("  " + fit(where, room) + "  " + t.paint(color, numbers))
			continue
		}
		t.text("  ", "", where)
		t.text("    ", color, numbers)
	}
}
