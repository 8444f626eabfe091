package dossier

import (
	"io"
	"strings"

	"github.com/kmstrail/kmstrail/internal/report"
)

// WriteText writes the page for a terminal.
func (p *PrincipalPage) WriteText(w io.Writer, opts report.TerminalOptions) error {
	return p.document().writeText(w, opts)
}

// WriteHTML writes the page as one HTML file.
func (p *PrincipalPage) WriteHTML(w io.Writer) error { return p.document().writeHTML(w) }

// WriteJSON writes the page as one JSON object.
func (p *PrincipalPage) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

func (p *PrincipalPage) document() *document {
	d := &document{Head: &p.Head, Kind: "Principal", Title: p.Principal.name(), Subtitle: p.Principal.ARN}
	d.Answer, d.Alarm = p.answer()
	p.layFacts(d)
	none := p.nothing("call of this principal")
	d.Sections = []section{
		p.useSection(&p.Use, none),
		findingsSection(p.Findings),
		keysSection(p.Keys, "Keys it used", false, none),
		p.deniedSection(),
		p.accessSection(none),
		seenSection("addresses", "Source addresses", p.Access.Addresses, none),
		seenSection("agents", "User agents", p.Access.UserAgents, none),
		changesSection(p.Changes, true, "The logs hold no change that it made."),
		grantsSection("grants-for", "Grants made for it", "No grant for it held "+p.window()+".", p.GrantsFor, true),
		grantsSection("grants-by", "Grants it made", "No grant that it made held "+p.window()+".", p.GrantsBy, true),
		ratesSection(p.Rates, "principal", p.noRates()),
	}
	return d
}

func (p *PrincipalPage) answer() (text string, alarm bool) {
	n := p.Use.Total.Sum()
	if n == 0 {
		text = "It made no KMS call " + p.window()
	} else {
		text = "It made " + report.Counted(n, "KMS call", "KMS calls") + " with " + report.Counted(p.keyCount(), "key", "keys") + " " + p.window()
	}
	if denied := p.Use.Total.Denied; denied > 0 {
		text += "; " + report.Counted(denied, "was denied", "were denied")
	}
	if open := len(p.Findings.Rows) + p.Findings.Omitted; open > 0 {
		text, alarm = text+"; "+report.Counted(int64(open), "open finding", "open findings"), true
	}
	return text + ".", alarm
}

// noRates is why no rate is known.
func (p *PrincipalPage) noRates() string {
	if p.Use.Total.Sum() > 0 && (p.Principal.OwnerSideOnly || len(p.Coverage.Days) == 0) {
		return "Its account pays for the requests; that account's logs are not read, so rates are not known."
	}
	return p.nothing("request counted against a quota")
}

// keyCount counts the keys it named.
func (p *PrincipalPage) keyCount() int64 {
	n := int64(p.Keys.Omitted)
	for _, k := range p.Keys.Rows {
		if k.Key.ARN != "" {
			n++
		}
	}
	return n
}

func (p *PrincipalPage) layFacts(d *document) {
	f := &p.Principal
	account := fact{Name: "Account", Value: f.Account.String()}
	if f.Account.ID == "" {
		account.Value, account.Note = "none", "an AWS service, or a caller that the records do not name"
	}
	if f.OwnerSideOnly {
		account.Note = "known from the logs of key owners only: its own account's logs are not read"
	}
	d.add(account)
	var kinds []string
	for _, k := range f.Kinds {
		kinds = append(kinds, report.Humanize(k))
	}
	d.add(fact{Name: "Kind", Value: strings.Join(kinds, ", ")})
	ids := fact{Name: "Unique id", Value: strings.Join(f.UniqueIDs, ", "), Mono: true}
	if len(f.UniqueIDs) > 1 {
		ids.Note = "deleted and made again under the same name, or seen by part of its id"
	}
	d.add(ids)
	d.add(fact{Name: "In the logs", Value: join(" to ", moment(f.FirstSeen), moment(f.LastSeen))})
}

func (p *PrincipalPage) deniedSection() section {
	s := section{ID: "denied", Title: "Denied calls"}
	columns := []column{{Name: "Operation"}, {Name: "Key"}, {Name: "Calls", Num: true}, {Name: "Last call"}, {Name: "First call", Detail: true}, {Name: "Service", Detail: true}}
	return put(s, p.Denied, p.nothing("call of this principal was denied"), columns, func(u DeniedUse) []cell {
		service := u.Service
		if service == "" {
			service = "direct"
		}
		return []cell{{Text: u.Operation}, keyCell(u.Key), badCell(u.Calls), timeCell(u.LastSeen), timeCell(u.FirstSeen), {Text: service}}
	})
}

func (p *PrincipalPage) accessSection(none string) section {
	s := section{ID: "access", Title: "Access"}
	a := &p.Access
	if a.Calls == 0 {
		s.Empty = none
		return s
	}
	of := "of " + report.Counted(a.Calls, "call", "calls")
	var types []string
	for _, t := range a.Types.Rows {
		types = append(types, t.Value)
	}
	s.add(fact{Name: "Caller types", Value: strings.Join(types, ", ")})
	s.add(fact{Name: "Sessions", Value: report.Number(a.Sessions), Note: "by session name"})
	s.add(fact{Name: "Access keys", Value: report.Number(a.AccessKeys)})
	if a.LongLived > 0 {
		s.add(fact{Name: "Long-lived key", Value: report.Number(a.LongLived), Note: of + " with an access key that does not expire", Alarm: true})
	}
	mfa := fact{Name: "MFA", Value: "not known", Note: "no record says"}
	if a.WithMFA+a.WithoutMFA > 0 {
		mfa.Value, mfa.Note = report.Number(a.WithMFA), of+"; "+report.Number(a.WithoutMFA)+" without"
	}
	s.add(mfa)
	if a.Console > 0 {
		s.add(fact{Name: "Console", Value: report.Number(a.Console), Note: of})
	}
	s.add(fact{Name: "Through services", Value: report.Number(a.Through), Note: of})
	var endpoints []string
	for _, e := range a.Endpoints.Rows {
		endpoints = append(endpoints, e.Value)
	}
	s.add(fact{Name: "VPC endpoints", Value: listCell(endpoints).Text})
	return s
}

func seenSection(id, title string, list List[Seen], none string) section {
	columns := []column{{Name: "Value"}, {Name: "Calls", Num: true}, {Name: "Last call"}, {Name: "First call"}}
	return put(section{ID: id, Title: title}, list, none, columns, func(s Seen) []cell {
		return []cell{{Text: s.Value, Mono: true}, numberCell(s.Calls), timeCell(s.LastSeen), timeCell(s.FirstSeen)}
	})
}
