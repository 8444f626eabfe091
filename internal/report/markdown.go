package report

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// WriteMarkdown writes the report as GitHub-flavoured Markdown. Text from logs
// stands in code spans or is escaped, so that it formats, links and mentions
// nothing.
func (r *Report) WriteMarkdown(w io.Writer) error {
	m := &markdown{}
	m.line("# " + escape(clean(r.Title)))
	m.line("")
	m.line(escape(r.Window.String()) + ". Made " + minute(r.GeneratedAt) + " UTC.")
	m.paragraph("**" + escape(r.Headline()) + "**")
	m.problems(r)
	if r.Empty != NotEmpty {
		m.empty(r)
	} else {
		m.glance(r)
		m.findings(r)
	}
	if r.Empty != NothingIngested {
		m.scope(r)
	}
	if r.Empty == NotEmpty {
		m.activity(r)
		m.verdicts(&r.Verdicts)
		m.detectors(r)
	}
	m.title("How to read this")
	for _, n := range notes() {
		m.line("- " + mixed(n))
	}
	_, err := io.WriteString(w, m.out.String())
	return err
}

// markdown gathers lines.
type markdown struct{ out strings.Builder }

func (m *markdown) line(s string) { m.out.WriteString(s + "\n") }

func (m *markdown) paragraph(s string) { m.line("\n" + s) }

func (m *markdown) title(s string) { m.line("\n## " + s + "\n") }

// row writes cells; the cells are Markdown already.
func (m *markdown) row(cells ...string) { m.line("| " + strings.Join(cells, " | ") + " |") }

// table writes the head; a name with a trailing colon is of a column of
// numbers.
func (m *markdown) table(names ...string) {
	rule := make([]string, len(names))
	for i, n := range names {
		rule[i] = "---"
		if strings.HasSuffix(n, ":") {
			names[i], rule[i] = n[:len(n)-1], "---:"
		}
	}
	m.line("")
	m.row(names...)
	m.row(rule...)
}

// autolink finds what GitHub makes a link of without being asked.
var autolink = regexp.MustCompile(`(?i)://|www\.|mailto:|xmpp:`)

// escape makes text mean itself: no formatting, links, mentions, references or
// HTML. It is for text on one line.
func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '<', '>', '&', '@', '#':
			fmt.Fprintf(&b, "&#%d;", r)
		case '\\', '`', '*', '_', '[', ']', '|', '~', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '-', '+', '=':
			if i == 0 {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		case '.', ')': // 1. or 1) would start a list
			if i > 0 && strings.Trim(s[:i], "0123456789") == "" {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return autolink.ReplaceAllStringFunc(b.String(), func(s string) string {
		return strings.NewReplacer(":", "&#58;", ".", "&#46;").Replace(s)
	})
}

// code writes text as a code span, also inside a table.
func code(s string) string {
	s = clean(s)
	if strings.TrimSpace(s) == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") {
		pad = " "
	}
	return fence + pad + strings.ReplaceAll(s, "|", `\|`) + pad + fence
}

// mixed writes a detector's text: code in backquotes stays code.
func mixed(s string) string {
	var b strings.Builder
	for _, p := range pieces(s) {
		if p.Code {
			b.WriteString(code(p.Text))
		} else {
			b.WriteString(escape(p.Text))
		}
	}
	return b.String()
}

func (m *markdown) account(id, name string) string {
	if id == "" {
		return "not known"
	}
	if name == "" {
		return code(id)
	}
	return code(id) + " " + escape(clean(name))
}

func (m *markdown) problems(r *Report) {
	problems := r.Problems()
	if len(problems) == 0 {
		return
	}
	m.paragraph("> **This answer is over incomplete logs.** Where nothing was found, something may be missing.\n>")
	for _, p := range problems {
		m.line("> - " + escape(p))
	}
}

func (m *markdown) empty(r *Report) {
	switch r.Empty {
	case NothingIngested:
		m.paragraph("Read logs first: `kmstrail ingest s3://BUCKET/PREFIX`")
	case NoKMSRecords:
		m.paragraph("The trail may leave KMS events out, or log only writes. This says which: `kmstrail doctor s3://BUCKET/PREFIX`")
	case NoneInWindow:
		m.paragraph("The store holds KMS records from " + minute(*r.Scope.StoredFirst) + " to " + minute(*r.Scope.StoredLast) + " UTC. Choose a period with `--from` and `--to`.")
	}
}

func (m *markdown) glance(r *Report) {
	a := &r.Activity
	m.table("Critical:", "High:", "Medium:", "Low:", "Info:", "KMS calls:", "Keys:", "Callers:", "Denied:", "Throttled:", "Other errors:")
	var cells []string
	for _, s := range severities() {
		cells = append(cells, grouped(int64(r.Findings.BySeverity[s])))
	}
	for _, n := range []int64{r.Scope.Calls, a.KeyCount, a.CallerCount, a.Total.Denied, a.Total.Throttled, a.Total.Failed} {
		cells = append(cells, grouped(n))
	}
	m.row(cells...)
}

func (m *markdown) findings(r *Report) {
	m.title("Findings")
	if closed := r.Closed(); closed != "" {
		m.line(escape(closed))
	}
	if r.Findings.Open == 0 {
		m.line("None open.")
	}
	for i := range r.Findings.Groups {
		m.group(&r.Findings.Groups[i])
	}
	m.withdrawn(&r.Findings)
}

// withdrawn lists the findings that later data contradicts.
func (m *markdown) withdrawn(f *Findings) {
	if len(f.Withdrawn) == 0 {
		return
	}
	m.paragraph("### Withdrawn\n\nFindings that were reported before, and that logs which came later contradict.")
	m.table("Finding", "Account", "Region", "Why")
	for _, w := range f.Withdrawn {
		m.row(escape(clean(w.Summary))+" "+code(w.DetectorID), m.account(w.AccountID, w.AccountName), code(w.Region), escape(clean(w.StatusReason)))
	}
	if f.OmittedWithdrawn > 0 {
		m.paragraph("And " + grouped(int64(f.OmittedWithdrawn)) + " more: `kmstrail findings --status withdrawn`")
	}
}

func (m *markdown) group(g *Group) {
	d := &g.Detector
	m.paragraph("### " + titled(escape(clean(g.Severity))) + ": " + escape(clean(d.Title)))
	m.paragraph(counted(int64(g.Count), "finding", "findings") + " in " + counted(int64(g.Accounts), "account", "accounts") + ", detector " + code(d.ID) + ". " + mixed(d.Description))
	if d.Why != "" {
		m.paragraph("**Why it matters.** " + mixed(d.Why))
	}
	if d.Source != "" {
		m.paragraph("Source: " + mixed(d.Source))
	}
	if len(d.Triage) > 0 {
		m.paragraph("**What to do.**\n")
		for i, step := range d.Triage {
			m.line(fmt.Sprintf("%d. %s", i+1, mixed(step)))
		}
	}
	for i := range g.Shown[:min(unfolded, len(g.Shown))] {
		m.finding(&g.Shown[i])
	}
	if len(g.Shown) > unfolded {
		m.table("Severity", "Further findings", "Account", "Region", "Calls:", "Last seen (UTC)")
		for _, f := range g.Shown[unfolded:] {
			m.row(escape(clean(f.Severity)), escape(clean(f.Summary)), m.account(f.AccountID, f.AccountName), code(f.Region), grouped(f.EventCount), second(f.LastSeen))
		}
	}
	if g.Omitted > 0 {
		m.paragraph("And " + counted(int64(g.Omitted), "further finding", "further findings") + " of this detector: `kmstrail detect --format jsonl`")
	}
}

func (m *markdown) finding(f *Finding) {
	m.paragraph("#### " + titled(escape(clean(f.Severity))) + ": " + escape(clean(f.Summary)))
	m.table("", "")
	m.row("Account", m.account(f.AccountID, f.AccountName))
	for _, fact := range [][2]string{{"Region", f.Region}, {"Key", f.KeyARN}, {"Alias", f.KeyAliases}, {"Caller", f.PrincipalARN}} {
		if fact[1] != "" {
			m.row(fact[0], code(fact[1]))
		}
	}
	m.row("Calls", grouped(f.EventCount))
	m.row("Seen", span(f.FirstSeen, f.LastSeen))
	if text := f.StatusText(); text != "" {
		m.row("Status", escape(text))
	}
	for _, d := range f.rows(nil) {
		m.row(escape(d.Name), code(d.Value))
	}
	m.block("Evidence:", strings.Join(f.Commands(), "\n"))
	m.logFiles(f)
	m.block("Look closer:", strings.Join(f.TriageCommands, "\n"))
	m.block("Remedy, to read before you run it:", f.Remedy)
}

// logFiles says where the records of the evidence lie.
func (m *markdown) logFiles(f *Finding) {
	files, more := f.sources()
	if len(files) == 0 {
		return
	}
	m.paragraph("Log files and records:\n")
	for _, file := range files {
		m.line("- " + code(file))
	}
	if more > 0 {
		m.line("- … and " + grouped(int64(more)) + " more")
	}
	if proof := f.Proof.Text(); proof != "" {
		m.paragraph(titled(proof) + ".")
	}
}

// block writes commands in a fence that is longer than any inside.
func (m *markdown) block(title, text string) {
	text = command(text)
	if text == "" {
		return
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	m.paragraph(title + "\n\n" + fence + "sh\n" + text + "\n" + fence)
}

func (m *markdown) scope(r *Report) {
	s, c := &r.Scope, &r.Coverage
	m.title("What was looked at")
	m.line(fmt.Sprintf("%s (%s compressed) with %s of all services, %s of them of KMS, and %s. %s could not be read, %s in quarantine.",
		counted(s.LogFiles, "log file", "log files"), byteSize(s.LogBytes), counted(s.Records, "record", "records"), grouped(s.KMSRecords),
		counted(s.DuplicateRecords, "duplicate", "duplicates"), counted(s.FailedObjects, "log object", "log objects"), counted(s.Quarantined, "record", "records")))
	if s.FirstCall != nil && s.LastCall != nil {
		m.line("First KMS call " + second(*s.FirstCall) + ", last " + second(*s.LastCall) + " UTC.")
	}
	if len(s.Accounts) > 0 {
		m.table("Account", "Regions:", "Log files:", "Records:", "KMS records:", "Open findings:")
		for _, a := range s.Accounts {
			m.row(m.account(a.ID, a.Name), grouped(a.Regions), grouped(a.LogFiles), grouped(a.Records), grouped(a.KMSRecords), grouped(a.Findings))
		}
		if more := left(s.AccountCount, len(s.Accounts)); more > 0 {
			m.paragraph("And " + counted(more, "further account", "further accounts") + ".")
		}
	}
	m.coverage(c)
}

func (m *markdown) coverage(c *Coverage) {
	if len(c.AccountRegionDays) > 0 {
		m.table("Days of an account and Region", "Count:")
		for _, s := range []CoverageState{Proven, Observed, Silent, Gap, Excluded} {
			m.row(stateText(s), grouped(c.AccountRegionDays[s]))
		}
	}
	if text := c.DelayText(); text != "" {
		m.paragraph(text)
		m.table("Delay of delivery", "KMS records:")
		for _, d := range c.Delays {
			m.row(delayStep(d.UpToMinutes), grouped(d.KMSRecords))
		}
	}
	if len(c.Gaps) > 0 {
		m.table("Account", "Region", "First day", "Last day", "State", "Reason")
		for _, g := range c.Gaps {
			m.row(m.account(g.AccountID, g.AccountName), code(g.Region), g.FirstDay, g.LastDay, escape(stateText(g.State)), escape(clean(g.Reason)))
		}
		if c.OmittedGaps > 0 {
			m.paragraph("And " + grouped(int64(c.OmittedGaps)) + " more.")
		}
	}
	if len(c.Failed) > 0 {
		m.table("Log object that could not be read", "Why")
		for _, f := range c.Failed {
			m.row(code(f.Key), code(f.Error))
		}
	}
	if len(c.Quarantine) > 0 {
		m.table("Quarantine", "Count:", "Example")
		for _, q := range c.Quarantine {
			m.row(code(q.Reason), grouped(q.Count), code(q.Example))
		}
	}
}

func (m *markdown) activity(r *Report) {
	a := &r.Activity
	names := r.accountNames()
	m.title("Who uses which key")
	for _, list := range []struct {
		title, unnamed string
		counts         []Count
	}{{"Busiest keys", "no key", a.Keys}, {"Busiest callers", unknownCaller, a.Callers}, {"AWS services", directCall, a.Services}, {"Operations", "not known", a.Operations}} {
		if len(list.counts) == 0 {
			continue
		}
		m.table(list.title, "", "Calls:", "Errors:")
		for _, c := range list.counts {
			name, place := c.read(list.unnamed, names)
			m.row(code(name), code(place), grouped(c.Count), grouped(c.Failures))
		}
	}
	if len(a.Rates) > 0 {
		m.table("Highest request rates", "Region", "Quota", "Peak / quota:", "Seconds at 80% or more:", "Throttled:", "Peak at (UTC)")
		for _, rate := range a.Rates {
			m.row(m.account(rate.AccountID, rate.AccountName), code(rate.Region), code(rate.QuotaName), rateNumbers(rate), grouped(rate.SecondsNear), grouped(rate.Throttled), second(rate.PeakAt))
		}
	}
}

func (m *markdown) verdicts(v *Verdicts) {
	if len(v.Detectors) == 0 {
		return
	}
	m.title("Verdicts")
	m.line("Of " + counted(int64(v.Places), "account and Region", "accounts and Regions") + ". " + verdictText)
	m.table("Detector", "FAIL:", "UNKNOWN:", "PASS:", "Why unknown")
	for _, d := range v.Detectors {
		m.row(escape(clean(d.Title))+" "+code(d.DetectorID), grouped(int64(d.Fail)), grouped(int64(d.Unknown)), grouped(int64(d.Pass)), escape(reasonText(d.Reasons)))
	}
}

func (m *markdown) detectors(r *Report) {
	m.title("Detectors")
	m.line("A detector that found nothing says something only where the logs are whole, and only about what it can see.")
	if len(r.Detectors) == 0 {
		return
	}
	m.table("Detector", "Result", "Cannot see")
	for _, o := range r.Detectors {
		result := "nothing found"
		switch o.Verdict {
		case Found:
			result = counted(int64(o.Findings), "finding", "findings")
		case Unknown:
			result = "unknown. " + o.Reason
			if o.Error != "" {
				result += " " + code(o.Error)
			}
		}
		var blind []string
		for _, b := range o.Detector.BlindSpots {
			blind = append(blind, mixed(b))
		}
		m.row(escape(clean(o.Detector.Title))+" "+code(o.Detector.ID), result, strings.Join(blind, "<br>"))
	}
}
