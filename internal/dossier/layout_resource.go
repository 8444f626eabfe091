package dossier

import (
	"io"
	"strings"

	"github.com/kmstrail/kmstrail/internal/report"
)

// WriteText writes the page for a terminal.
func (p *ResourcePage) WriteText(w io.Writer, opts report.TerminalOptions) error {
	return p.document().writeText(w, opts)
}

// WriteHTML writes the page as one HTML file.
func (p *ResourcePage) WriteHTML(w io.Writer) error { return p.document().writeHTML(w) }

// WriteJSON writes the page as one JSON object.
func (p *ResourcePage) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

func (p *ResourcePage) document() *document {
	f := &p.Resource
	d := &document{Head: &p.Head, Kind: strings.TrimSpace(f.Service + " resource"), Title: f.Name, Subtitle: f.Resource}
	d.Answer, d.Alarm = p.answer()
	d.add(fact{Name: "Account", Value: f.Account.String()})
	d.add(fact{Name: "Service", Value: f.Service})
	if f.Parts > 0 {
		d.add(fact{Name: "Objects", Value: report.Number(f.Parts), Note: "named by encryption contexts under it"})
	}
	d.add(fact{Name: "In the window", Value: join(" to ", moment(p.Use.FirstSeen), moment(p.Use.LastSeen))})
	none := p.nothing("KMS call named this resource")
	d.Sections = []section{
		p.useSection(&p.Use, none),
		findingsSection(p.Findings),
		keysSection(p.Keys, "Keys that encrypt it", true, none),
		p.callersSection(p.Callers, none),
		contextsSection(p.Contexts, none),
		p.tagsSection(),
		p.keyTagsSection(),
	}
	return d
}

func (p *ResourcePage) answer() (text string, alarm bool) {
	n := int64(len(p.Keys.Rows) + p.Keys.Omitted)
	if n == 0 {
		text = "No KMS call named it " + p.window()
	} else {
		text = report.Counted(n, "key was", "keys were") + " used for it, by " +
			report.Counted(int64(len(p.Callers.Rows)+p.Callers.Omitted), "caller", "callers") + ", " + p.window()
	}
	if apart := p.disagreeing(); apart > 0 {
		text, alarm = text+"; "+report.Counted(apart, "tag disagrees with a key's", "tags disagree with a key's"), true
	}
	if open := len(p.Findings.Rows) + p.Findings.Omitted; open > 0 {
		text, alarm = text+"; "+report.Counted(int64(open), "open finding", "open findings"), true
	}
	return text + ".", alarm
}

func (p *ResourcePage) disagreeing() (n int64) {
	for _, t := range p.KeyTags.Rows {
		if !t.Agrees {
			n++
		}
	}
	return n
}

func (p *ResourcePage) tagsSection() section {
	s := section{ID: "tags", Title: "Tags"}
	columns := []column{{Name: "Tag"}, {Name: "Value"}, {Name: "From"}, {Name: "To"}}
	return put(s, p.Tags, "The logs hold no tagging of it: tags set before they begin are not known.", columns, func(t TagInterval) []cell {
		value := cell{Text: "(removed)"}
		if t.Value != nil {
			value.Text = *t.Value
		}
		return []cell{{Text: t.Key}, value, timeCell(t.From), maybeTimeCell(t.To, "still there")}
	})
}

func (p *ResourcePage) keyTagsSection() section {
	s := section{ID: "agreement", Title: "Its tags and those of its keys", Note: "Tags that both carry at the end of the logs. What differs on purpose, such as Name, is listed too."}
	columns := []column{{Name: "Tag"}, {Name: "Resource"}, {Name: "Key has"}, {Name: "Agree"}, {Name: "Key", Detail: true}}
	return put(s, p.KeyTags, "The logs know no tag that both it and one of its keys carry.", columns, func(t TagPair) []cell {
		agree := cell{Text: "yes"}
		if !t.Agrees {
			agree = cell{Text: "no", Alarm: true}
		}
		return []cell{{Text: t.TagKey}, {Text: t.ResourceValue}, {Text: t.KeyValue}, agree, keyCell(t.Key)}
	})
}
