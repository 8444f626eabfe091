package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/status"
)

func statusCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is ingested, how fresh it is and what is missing",
		Long: `Shows what the store holds: events and log files, the newest event and delivery
of every account and Region, how late records arrive, days without logs, days
that detectors have not looked at since they changed, what is in quarantine and
which objects could not be read.`,
		Example: `  kmstrail status
  kmstrail status --format json | jq .gaps`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--format", format, []string{"text", "json"}); err != nil {
				return err
			}
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			s, err := a.readStatus(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(a.safeStdout(), s)
			}
			return a.printStatus(s)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text or json")
	completeValues(cmd, "format", func() []string { return []string{"text", "json"} })
	return cmd
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// printStatus prints the status for people.
func (a *app) printStatus(s *status.Status) error {
	p := statusPrinter{a: a}
	p.head(s)
	p.list("accounts and Regions", p.placesTable(s), 60)
	p.list("days without logs, or without KMS reads", gapsTable(s), 20)
	p.list("quarantine", quarantineTable(s), 20)
	p.list("log files that could not be read", unreadableTable(s), 20)
	switch {
	case s.KMSEvents > 0:
	case s.Server != nil && s.Server.Watching != nil: // it reads by itself
		p.b.WriteString("\nThere are no KMS events yet.\n")
	default:
		p.b.WriteString("\nThere are no KMS events yet: kmstrail ingest s3://BUCKET or kmstrail ingest DIR reads some.\n")
	}
	_, err := io.WriteString(a.safeStdout(), p.b.String())
	return err
}

type statusPrinter struct {
	a *app
	b strings.Builder
}

func (p *statusPrinter) line(name, format string, args ...any) {
	fmt.Fprintf(&p.b, "%-12s %s\n", name, output.Clean(fmt.Sprintf(format, args...)))
}

func (p *statusPrinter) head(s *status.Status) {
	p.line("store", "%s, %s in use", s.DB, output.Bytes(s.SizeBytes))
	p.line("KMS events", "%s", output.Count(s.KMSEvents))
	if s.FirstEvent != nil {
		p.line("", "from %s to %s", output.Time(*s.FirstEvent), output.Time(*s.LastEvent))
		p.line("newest", "%s ago", output.Span(p.a.now().Sub(*s.LastEvent)))
	}
	if s.RelatedEvents > 0 {
		p.line("related", "%s of other services", output.Plural(s.RelatedEvents, "event"))
	}
	files := fmt.Sprintf("%s ingested (%s)", output.Count(s.LogFiles), output.Bytes(s.LogBytes))
	if s.FailedFiles > 0 {
		files += fmt.Sprintf(", %s failed and tried again by the next run", output.Count(s.FailedFiles))
	}
	if s.QuarantinedFiles > 0 {
		files += fmt.Sprintf(", %s unreadable", output.Count(s.QuarantinedFiles))
	}
	p.line("log files", "%s", files)
	if s.Duplicates > 0 {
		p.line("", "%s delivered more than once, kept once", output.Plural(s.Duplicates, "record"))
	}
	if s.Expired > 0 {
		p.line("", "%s too old to be kept", output.Plural(s.Expired, "record"))
	}
	if text := delaysText(s.Delays); text != "" {
		p.line("delivery", "%s", text)
	}
	for i, source := range s.Sources {
		p.line(map[bool]string{true: "source"}[i == 0], "%s", source)
	}
	if s.LastIngest != nil {
		p.line("last ingest", "%s ago", output.Span(max(p.a.now().Sub(*s.LastIngest), 0)))
	}
	p.line("derived", "%s", derivedText(s.DerivedRows))
	p.line("detectors", "%s", p.detectorsText(s.Detectors))
	if s.Server != nil {
		p.server(s.Server)
	}
}

// server says what the server is doing that owns the store.
func (p *statusPrinter) server(s *status.Server) {
	now := p.a.now()
	p.line("server", "kmstrail %s, running for %s", s.Version, output.Span(max(now.Sub(s.StartedAt), 0)))
	if w := s.Watching; w != nil {
		p.line("watching", "%s", w.Source)
		p.line("last poll", "%s", pollText(w, now))
	}
	if q := s.Queue; q != nil {
		p.line("queue", "%s", q.URL)
		p.line("", "%s", queueText(q, now))
	}
	first := "S3 requests"
	for _, day := range s.Requests {
		if day.List == 0 && day.Get == 0 { // a directory is watched
			continue
		}
		when := day.Day
		if !day.Complete {
			when += " (so far)"
		}
		p.line(first, "%s: %s LIST, %s GET; 30 such days cost %s",
			when, output.Count(day.List), output.Count(day.Get), output.Dollars(day.DollarsPerMonth))
		first = ""
	}
	if s.Disk.FreeBytes > 0 {
		p.line("disk", "%s free", output.Bytes(int64(s.Disk.FreeBytes)))
	}
	if s.LastBackup != nil {
		p.line("last backup", "%s ago", output.Span(max(now.Sub(*s.LastBackup), 0)))
	}
	for _, problem := range s.Problems {
		p.line("problem", "%s", problem)
	}
}

// queueText says how the reading of a queue fares.
func queueText(q *status.Queue, now time.Time) string {
	text := output.Plural(q.Stored+q.Skipped+q.Quarantined, "message") + " read"
	if q.Last != nil {
		text += ", the last " + output.Span(max(now.Sub(*q.Last), 0)) + " ago"
	}
	if q.Oldest != nil {
		text += fmt.Sprintf("; %s at work, the oldest sent %s ago", output.Plural(int64(q.Held), "message"), output.Span(max(now.Sub(*q.Oldest), 0)))
	}
	if q.Left > 0 {
		text += fmt.Sprintf("; %s left in the queue, for another attempt", output.Plural(q.Left, "message"))
	}
	return text
}

// pollText says how the last poll went.
func pollText(w *status.Watching, now time.Time) string {
	text := "none yet"
	if w.LastPoll != nil {
		text = output.Span(max(now.Sub(*w.LastPoll), 0)) + " ago"
	}
	if w.LastPoll != nil && w.Polls > 0 { // how long those before the start took is not kept
		text += ", took " + output.Span(time.Duration(w.LastPollSeconds*float64(time.Second)))
	}
	switch {
	case w.Polling && w.ToRead > 0:
		text += fmt.Sprintf("; a poll is at work, %s of %s read", output.Count(w.Done), output.Plural(w.ToRead, "log file"))
	case w.Polling:
		text += "; a poll is at work"
	}
	if w.Paused != "" {
		text += "; paused: " + w.Paused
	}
	if w.Error != "" {
		text += "; failed: " + w.Error
	}
	return text
}

// delaysText says how late records came; "" when it is not known of any.
func delaysText(d status.Delays) string {
	all := d.Within15Minutes + d.WithinHour + d.Later
	if all == 0 {
		return ""
	}
	share := func(n int64) string { return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(all)) }
	text := fmt.Sprintf("%s of the KMS events within 15 min, %s within 1 h, %s later", share(d.Within15Minutes), share(d.WithinHour), share(d.Later))
	if d.Unknown > 0 {
		text += fmt.Sprintf("; not known of %s", output.Count(d.Unknown))
	}
	return text
}

// derivedText names the largest of the derived tables.
func derivedText(tables map[string]int64) string {
	var sum int64
	names := slices.SortedFunc(maps.Keys(tables), func(a, b string) int {
		return cmp.Or(cmp.Compare(tables[b], tables[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, name := range names {
		sum += tables[name]
		if len(parts) < 3 && tables[name] > 0 {
			parts = append(parts, name+" "+output.Count(tables[name]))
		}
	}
	text := output.Plural(sum, "row")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}

func (p *statusPrinter) detectorsText(d status.Detectors) string {
	days := output.Plural(d.DirtyDays, "day") + " to look at"
	switch {
	case d.LastRun == nil:
		return "never ran, " + days
	case d.DirtyDays == 0:
		return "ran " + output.Span(max(p.a.now().Sub(*d.LastRun), 0)) + " ago over all there is"
	default:
		return "ran " + output.Span(max(p.a.now().Sub(*d.LastRun), 0)) + " ago, " + days + " since then"
	}
}

// list prints the first rows of a table under its title, or nothing when it is
// empty.
func (p *statusPrinter) list(title string, t output.Table, most int) {
	n := len(t.Rows)
	if n == 0 {
		return
	}
	fmt.Fprintf(&p.b, "\n%s\n", title)
	t.Rows = t.Rows[:min(n, most)]
	t.Width, _ = terminal(p.a.stdout)
	if err := t.Write(&p.b); err != nil {
		fmt.Fprintln(&p.b, err)
	}
	if n > most {
		fmt.Fprintf(&p.b, "… and %s more; --format json has all\n", output.Count(int64(n-most)))
	}
}

func (p *statusPrinter) placesTable(s *status.Status) output.Table {
	t := output.Table{
		Head:  []string{"account", "name", "Region", "log files", "KMS events", "newest event", "newest file", "days missing"},
		Right: []bool{false, false, false, true, true, true, true, true},
	}
	named := false
	ago := func(at *time.Time) string {
		if at == nil {
			return "none"
		}
		return output.Span(p.a.now().Sub(*at)) + " ago"
	}
	for _, x := range s.Places {
		named = named || x.AccountName != ""
		t.Rows = append(t.Rows, []string{
			x.AccountID, x.AccountName, x.Region, output.Count(x.LogFiles), output.Count(x.KMSEvents), ago(x.LastEvent), ago(x.LastFile), output.Count(x.GapDays),
		})
	}
	if !named {
		t.Drop(1)
	}
	return t
}

func gapsTable(s *status.Status) output.Table {
	t := output.Table{Head: []string{"account", "Region", "from", "to", "days", "what"}, Right: []bool{false, false, false, false, true, false}}
	for _, g := range s.Gaps {
		t.Rows = append(t.Rows, []string{
			g.AccountID, g.Region, g.From.Format(time.DateOnly), g.To.AddDate(0, 0, -1).Format(time.DateOnly), output.Count(g.Days), g.Reason,
		})
	}
	return t
}

func quarantineTable(s *status.Status) output.Table {
	t := output.Table{Head: []string{"reason", "records", "files", "for example", "what"}, Right: []bool{false, true, true, false, false}}
	for _, q := range s.Quarantine {
		where := path.Base(q.Key)
		if q.Index >= 0 {
			where += fmt.Sprintf(" record %d", q.Index)
		}
		t.Rows = append(t.Rows, []string{q.Reason, output.Count(q.Records), output.Count(q.Files), where, output.Cut(q.Detail, 90)})
	}
	return t
}

func unreadableTable(s *status.Status) output.Table {
	t := output.Table{Head: []string{"status", "tries", "object", "why"}, Right: []bool{false, true, false, false}}
	for _, f := range s.Unreadable {
		t.Rows = append(t.Rows, []string{f.Status, output.Count(f.Attempts), path.Base(f.Key), output.Cut(f.Error, 90)})
	}
	return t
}
