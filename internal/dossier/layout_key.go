package dossier

import (
	"io"
	"strings"

	"github.com/kmstrail/kmstrail/internal/report"
)

// WriteText writes the page for a terminal.
func (p *KeyPage) WriteText(w io.Writer, opts report.TerminalOptions) error {
	return p.document().writeText(w, opts)
}

// WriteHTML writes the page as one HTML file.
func (p *KeyPage) WriteHTML(w io.Writer) error { return p.document().writeHTML(w) }

// WriteJSON writes the page as one JSON object.
func (p *KeyPage) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

func (p *KeyPage) document() *document {
	k := &p.Key
	d := &document{Head: &p.Head, Kind: "KMS key", Title: k.name(), Subtitle: k.ARN}
	d.Answer, d.Alarm = p.answer()
	p.layFacts(d)
	d.Sections = []section{
		p.useSection(&p.Use, p.nothing("call named this key")),
		p.newsSection(),
		findingsSection(p.Findings),
		p.callersSection(p.Callers, p.nothing("call named this key")),
		p.dependentsSection(),
		contextsSection(p.Contexts, p.nothing("successful call that takes an encryption context")),
		p.crossAccountSection(),
		grantsSection("grants", "Grants", "No grant of this key held "+p.window()+", as far as the logs tell.", p.Grants, false),
		changesSection(p.Changes, false, "The logs hold no change of this key: it was made and set up before they begin."),
		p.policySection(),
		ratesSection(p.Rates, "key", p.nothing("request counted against a quota")),
	}
	return d
}

// answer is the sentence to read when nothing else is read.
func (p *KeyPage) answer() (text string, alarm bool) {
	switch k := &p.Key; {
	case k.State == "PendingDeletion" || k.State == "PendingReplicaDeletion":
		text, alarm = "It is pending deletion"+p.left(), true
	case k.State == "Deleted":
		text, alarm = "It was deleted", true
	case k.State == "Disabled":
		text, alarm = "It is disabled", true
	case k.State != "" && k.State != "Enabled":
		text, alarm = "Its state is "+k.State, true
	case k.State == "" && k.Refused != nil:
		text, alarm = "It is "+report.Humanize(k.Refused.ErrorClass)+", as refused calls say", true
	}
	n := p.Use.Total.Sum()
	use := "nobody called it " + p.window()
	if n > 0 {
		use = report.Counted(int64(len(p.Callers.Rows)+p.Callers.Omitted), "caller", "callers") + " made " + report.Counted(n, "call", "calls") + " " + p.window()
	}
	if text == "" {
		text = titled(use)
	} else {
		text += "; " + use
	}
	if open := len(p.Findings.Rows) + p.Findings.Omitted; open > 0 {
		text, alarm = text+"; "+report.Counted(int64(open), "open finding", "open findings"), true
	}
	return text + ".", alarm
}

// left says how long it takes until a key is deleted.
func (p *KeyPage) left() string {
	k := &p.Key
	switch {
	case k.DaysLeft == nil:
		return ", and the logs do not tell its date"
	case *k.DaysLeft < 0:
		return ", and its date " + report.Day(*k.DeletionDate) + " has passed"
	default:
		return ", " + report.Counted(*k.DaysLeft, "day", "days") + " left"
	}
}

func (p *KeyPage) layFacts(d *document) {
	k := &p.Key
	d.add(fact{Name: "Aliases", Value: strings.Join(k.Aliases, ", "), Long: len(k.Aliases) > 2})
	d.add(fact{Name: "Account", Value: k.Account.String()})
	d.add(fact{Name: "Region", Value: k.Region})
	state := fact{Name: "State", Value: k.State, Alarm: k.State != "" && k.State != "Enabled"}
	switch {
	case k.State == "" && k.Refused != nil:
		state.Value, state.Alarm = report.Humanize(k.Refused.ErrorClass)+", as refused calls say (last "+moment(&k.Refused.LastSeen)+")", true
		state.Note = "the logs hold no change of its state"
	case k.State == "":
		state.Value, state.Note = "not known", "the logs hold no change of its state"
	case k.StateSince != nil:
		state.Note = join(" ", "since "+moment(k.StateSince), by(k.StateBy))
	}
	d.add(state)
	if k.DeletionDate != nil {
		d.add(fact{Name: "Deletion", Value: moment(k.DeletionDate), Note: strings.TrimPrefix(p.left(), ", "), Alarm: true})
	}
	d.add(fact{Name: "Spec", Value: join(", ", k.Spec, k.Usage)})
	d.add(fact{Name: "Origin", Value: k.Origin})
	p.layRotation(d)
	created := fact{Name: "Created", Value: moment(k.CreatedAt), Note: by(k.CreatedBy)}
	if k.CreatedAt == nil {
		created.Value, created.Note = "before the logs", "spec, usage and origin are known from the creation only"
	}
	d.add(created)
	if k.MultiRegion {
		var regions []string
		for _, r := range k.OtherRegions {
			regions = append(regions, r.Region)
		}
		d.add(fact{Name: "Multi-Region", Value: "yes", Note: join(" ", "also seen in", strings.Join(regions, ", "))})
		if len(regions) == 0 {
			d.Facts[len(d.Facts)-1].Note = "no key of its set is seen in another Region"
		}
	}
	var tags []string
	for _, t := range k.Tags {
		tags = append(tags, t.Key+" = "+t.Value)
	}
	d.add(fact{Name: "Tags", Value: strings.Join(tags, ", "), Long: true})
	d.add(fact{Name: "In the logs", Value: join(" to ", moment(k.FirstSeen), moment(k.LastSeen))})
	used := fact{Name: "Last used", Value: moment(k.LastUsed)}
	if k.LastUsed == nil {
		used.Value, used.Note = "never in the logs", "no cryptographic call succeeded"
	}
	d.add(used)
}

func (p *KeyPage) layRotation(d *document) {
	k := &p.Key
	rotation := fact{Name: "Rotation", Value: k.Rotation}
	if k.RotationSince != nil {
		rotation.Note = "since " + moment(k.RotationSince)
	}
	if k.LastRotated != nil {
		if rotation.Value == "" {
			rotation.Value = "rotated"
		}
		rotation.Note = join(", ", rotation.Note, "last rotated "+moment(k.LastRotated))
	}
	if rotation.Value == "" {
		rotation.Value, rotation.Note = "not known", "the logs hold no change of it"
	}
	d.add(rotation)
}

func (p *KeyPage) dependentsSection() section {
	s := section{ID: "resources", Title: "Services and resources", Note: "What used the key with success, and would miss it. Resources are what encryption contexts name."}
	all := List[Dependent]{Rows: append(append([]Dependent(nil), p.Services.Rows...), p.Resources.Rows...), Omitted: p.Services.Omitted + p.Resources.Omitted, Command: p.Resources.Command}
	columns := []column{
		{Name: "Service or resource"}, {Name: "Calls", Num: true}, {Name: "Last use"}, {Name: "First use", Detail: true}, {Name: "Operations", Detail: true},
	}
	return put(s, all, p.nothing("cryptographic call succeeded with this key"), columns, func(r Dependent) []cell {
		name := cell{Text: r.Name, Small: r.Account.String(), Brief: r.Account.short(), Mono: r.Kind == "resource"}
		if a := parseARN(r.Name); a.account == r.Account.ID {
			name.Small, name.Brief = r.Account.Name, r.Account.Name // the ARN says the rest
		}
		if r.Kind == "service" {
			name.Small, name.Brief = "service", ""
			if r.Name == "direct" {
				name.Text, name.Small = "direct calls", "no service"
			}
		}
		return []cell{name, numberCell(r.Calls), timeCell(r.LastUsed), timeCell(r.FirstUsed), listCell(r.Operations)}
	})
}

func (p *KeyPage) crossAccountSection() section {
	s := section{ID: "accounts", Title: "Use by other accounts"}
	columns := []column{
		{Name: "Account"}, {Name: "Callers", Num: true}, {Name: "Calls", Num: true}, {Name: "Denied", Num: true},
		{Name: "Last call"}, {Name: "First call", Detail: true}, {Name: "Operations", Detail: true}, {Name: "Known from", Detail: true},
	}
	return put(s, p.CrossAccount, p.nothing("other account called this key"), columns, func(c CrossAccount) []cell {
		return []cell{
			{Text: c.Caller.String()}, numberCell(c.Callers), numberCell(c.Calls), badCell(c.Denied),
			timeCell(c.LastSeen), timeCell(c.FirstSeen), listCell(c.Operations), {Text: sides(c.KnownFrom)},
		}
	})
}

// sides says in whose logs the calls between accounts are.
func sides(knownFrom string) string {
	switch knownFrom {
	case "both":
		return "the logs of both accounts"
	case "caller":
		return "the caller's logs only"
	default:
		return "the owner's logs only"
	}
}

func (p *KeyPage) policySection() section {
	s := section{ID: "policy", Title: "Key policy"}
	if p.Policy == nil {
		s.Empty = "The logs hold no key policy: it was set before they begin."
		return s
	}
	s.add(fact{Name: "Set", Value: report.Minute(p.Policy.SetAt), Note: by(p.Policy.SetBy)})
	s.add(fact{Name: "Event", Value: p.Policy.EventID, Mono: true})
	s.Text = indented(p.Policy.Text)
	s.TextNote = "The policy as it was set, " + report.Counted(int64(strings.Count(s.Text, "\n")+1), "line", "lines")
	return s
}

func (p *KeyPage) newsSection() section {
	n := &p.News
	lead := ""
	if n.LogsBegin != "" {
		lead = "The logs begin on " + report.Clean(n.LogsBegin) + " and do not reach back over all of the time before: what looks new may be older. "
	}
	s := section{ID: "news", Title: "Against the week before", Note: lead + n.Window.String() + " against " + n.Before.String() + "; at most five differences of each kind."}
	empty := lead + "Nothing new, nothing gone and no other volume in " + n.Window.String() + " than in " + n.Before.String() + "."
	columns := []column{
		{Name: "What"}, {Name: "Change"}, {Name: "Calls", Num: true}, {Name: "Before", Num: true}, {Name: "Last"}, {Name: "By", Detail: true},
	}
	return put(s, n.Items, empty, columns, func(i NewsItem) []cell {
		what := cell{Text: i.Name, Small: i.Kind}
		switch i.Kind {
		case "caller":
			what = callerCell(*p.names.principal(i.Name))
		case "account":
			what.Text = p.names.account(i.Name).String()
		}
		change := cell{Text: i.Change, Alarm: i.Change == "new" && i.Kind == "error"}
		return []cell{what, change, numberCell(i.Calls), numberCell(i.Before), timeCell(i.LastSeen), {Text: i.By.String()}}
	})
}
