package verifyreport

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/report"
)

// Answer says in a sentence what came out.
func Answer(r *operate.VerifyResult) string {
	days := func(s digest.State) string { return output.Plural(r.Count(s), "day") }
	switch r.State() {
	case digest.Verified:
		return fmt.Sprintf("Verified: all %s of accounts and Regions are covered by digests that CloudTrail signed, and %s are as CloudTrail delivered them.",
			days(digest.Verified), output.Plural(verifiedFiles(r), "log file"))
	case digest.Failed:
		return fmt.Sprintf("Failed: on %s log files or digests were changed, or are gone.", days(digest.Failed))
	}
	if len(r.Days) == 0 {
		return "Not proven: there are no log files and no digests of that time."
	}
	text := fmt.Sprintf("Not proven: %s verified, %s incomplete, %s without any digest", days(digest.Verified), days(digest.Incomplete), days(digest.Unvalidated))
	if len(r.Unlisted) > 0 {
		text += ", and some places could not be listed"
	}
	return text + ". Nothing was found changed."
}

// WriteTerminal writes a table of the days, and what is wrong with them. Days that
// are verified are counted only, unless all is set.
func WriteTerminal(w io.Writer, r *operate.VerifyResult, width int, all bool) error {
	table := output.Table{
		Head:  []string{"account", "region", "day", "state", "digests", "files", "verified", "why"},
		Right: []bool{false, false, false, false, true, true, true, false}, Width: width,
	}
	for i := range r.Days {
		d := &r.Days[i]
		if d.State == digest.Verified && !all {
			continue
		}
		table.Rows = append(table.Rows, []string{
			d.AccountID, d.Region, d.Day.Format(time.DateOnly), string(d.State), output.Count(d.Digests), output.Count(d.Listed + d.Unlisted), output.Count(d.Verified), d.Reason,
		})
	}
	if len(table.Rows) > 0 {
		if err := table.Write(w); err != nil {
			return err
		}
	}
	var text strings.Builder
	for i := range r.Days {
		for _, p := range r.Days[i].Problems {
			if p.Kind.Tampering() {
				fmt.Fprintf(&text, "\n%s  %s %s\n    %s", p.Kind, r.Days[i].Day.Format(time.DateOnly), output.Clean(p.Object), output.Clean(p.Detail))
			}
		}
	}
	if text.Len() > 0 {
		text.WriteByte('\n')
	}
	if len(table.Rows) > 0 {
		text.WriteByte('\n')
	}
	_, err := io.WriteString(w, text.String()+Answer(r)+"\n")
	return err
}

// WriteJSON writes the result as one indented JSON object.
func WriteJSON(w io.Writer, r *operate.VerifyResult) error {
	out, err := json.MarshalIndent(struct {
		State  digest.State `json:"state"`
		Answer string       `json:"answer"`
		*operate.VerifyResult
	}{r.State(), Answer(r), r}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	_, err = w.Write(append(out, '\n'))
	return err
}

//go:embed page/verify.html.tmpl
var pageTemplate string

//go:embed page/verify.css
var pageStyle string

// page is what the HTML is made of.
type page struct {
	*operate.VerifyResult
	Answer string
	Policy string
	Style  template.CSS
}

// Alarm reports whether something was tampered with.
func (p page) Alarm() bool { return p.State() == digest.Failed }

// LastDay is the last day that was looked at.
func (p page) LastDay() time.Time { return p.To.Add(-time.Nanosecond) }

// Problems are the days that have any.
func (p page) Problems() []digest.Day {
	var days []digest.Day
	for _, d := range p.Days {
		if len(d.Problems) > 0 {
			days = append(days, d)
		}
	}
	return days
}

// WriteHTML writes one HTML file that loads nothing and runs no script.
func WriteHTML(w io.Writer, r *operate.VerifyResult) error {
	t, err := report.Templates()
	if err == nil {
		t, err = t.Parse(pageTemplate)
	}
	if err != nil {
		return fmt.Errorf("parse the page: %w", err)
	}
	p := page{VerifyResult: r, Answer: Answer(r)}
	p.Style, p.Policy = report.Style(pageStyle)
	// A failing template must not leave half a page behind.
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "verify", p); err != nil {
		return fmt.Errorf("fill the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func verifiedFiles(r *operate.VerifyResult) (n int64) {
	for i := range r.Days {
		n += r.Days[i].Verified
	}
	return n
}
