package dossier

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/internal/report"
)

// How the parts that pages share are laid out.

// window names the window in a sentence.
func (h *Head) window() string { return "from " + h.Window.String() }

// nothing is why a section about the window is empty.
func (h *Head) nothing(what string) string {
	text := "No " + what + " " + h.window() + "."
	if len(h.Problems()) > 0 {
		text += " The logs are incomplete, so there may have been some."
	}
	return text
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return report.Minute(*t)
}

// by says who did something.
func by(c *Caller) string {
	if c == nil {
		return ""
	}
	return "by " + c.String()
}

// useSection shows calls by day and outcome.
func (h *Head) useSection(u *Use, empty string) section {
	s := section{ID: "use", Title: "Use in the window"}
	if u.Total.Sum() == 0 {
		s.Empty = empty
		return s
	}
	s.Calls = &report.Activity{Total: u.Total, Days: u.Days, DaysPerBar: u.DaysPerBar}
	s.add(fact{Name: "Succeeded", Value: report.Number(u.Total.OK)})
	for _, e := range u.Errors {
		s.add(fact{Name: titled(report.Humanize(e.Name)), Value: report.Number(e.Count), Alarm: true})
	}
	if u.Total.DryRun > 0 {
		s.add(fact{Name: "Dry runs", Value: report.Number(u.Total.DryRun)})
	}
	s.add(fact{Name: "First use", Value: moment(u.FirstUsed), Note: "cryptographic and successful"})
	s.add(fact{Name: "Last use", Value: moment(u.LastUsed)})
	if u.FirstUsed == nil {
		s.add(fact{Name: "First use", Value: "none", Note: "no cryptographic call succeeded", Alarm: true})
	}
	s.add(fact{Name: "First call", Value: moment(u.FirstSeen)})
	s.add(fact{Name: "Last call", Value: moment(u.LastSeen)})
	return s
}

func titled(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// put fills the table of a section, or says why there is none.
func put[T any](s section, list List[T], empty string, columns []column, row func(T) []cell) section {
	s.Table, s.Omitted, s.Command = newTable(list, columns, row), list.Omitted, list.Command
	if s.Table == nil {
		s.Empty = empty
	}
	return s
}

func callerCell(c Caller) cell {
	return cell{Text: c.short(), Small: c.Account.String(), Brief: c.Account.short(), Full: c.ARN}
}

func keyCell(k KeyRef) cell {
	if k.ARN == "" {
		return cell{Text: "no key"}
	}
	return cell{Text: k.name(), Small: k.place(), Brief: join(", ", k.Account.short(), k.Region), Full: k.ARN}
}

func numberCell(n int64) cell { return cell{Text: report.Number(n)} }

// badCell is a number that should be 0.
func badCell(n int64) cell { return cell{Text: report.Number(n), Alarm: n > 0} }

func timeCell(t time.Time) cell { return cell{Text: report.Minute(t), When: true} }

func maybeTimeCell(t *time.Time, none string) cell {
	if t == nil {
		return cell{Text: none}
	}
	return timeCell(*t)
}

func listCell(list []string) cell {
	const most = 6
	text := strings.Join(list[:min(len(list), most)], ", ")
	if len(list) > most {
		text += fmt.Sprintf(" and %d more", len(list)-most)
	}
	return cell{Text: text}
}

// servicesCell says direct where no service is behind the calls.
func servicesCell(services []string) cell {
	if len(services) == 0 {
		return cell{Text: "direct"}
	}
	return listCell(services)
}

// callersSection lists callers with what they did.
func (h *Head) callersSection(list List[CallerUse], empty string) section {
	s := section{ID: "callers", Title: "Callers", Note: "Denied calls are among the failed ones."}
	columns := []column{
		{Name: "Caller"}, {Name: "Calls", Num: true}, {Name: "Failed", Num: true}, {Name: "Denied", Num: true},
		{Name: "Last call"}, {Name: "First call", Detail: true}, {Name: "Services", Detail: true}, {Name: "Operations", Detail: true},
	}
	return put(s, list, empty, columns, func(c CallerUse) []cell {
		return []cell{
			callerCell(c.Caller), numberCell(c.Calls), badCell(c.Failed), badCell(c.Denied),
			timeCell(c.LastSeen), timeCell(c.FirstSeen), servicesCell(c.Services), listCell(c.Operations),
		}
	})
}

// changesSection lists changes, newest first.
func changesSection(list List[Change], withKey bool, empty string) section {
	s := section{ID: "changes", Title: "Changes", Note: "All that the store holds, newest first."}
	columns := []column{{Name: "When"}, {Name: "Change"}, {Name: "By"}, {Name: "What", Detail: true, Plain: true}}
	if withKey {
		columns[2].Name = "Key"
	}
	return put(s, list, empty, columns, func(c Change) []cell {
		who := cell{Text: "KMS itself"}
		if c.By != nil && c.By.ID != "kms" {
			who = callerCell(*c.By)
		}
		if withKey {
			who = keyCell(c.Key)
		}
		return []cell{timeCell(c.At), {Text: c.Event}, who, {Text: c.What}}
	})
}

// grantsSection lists grants; who says which column stands for whom.
func grantsSection(id, title, empty string, list List[Grant], withKey bool) section {
	s := section{ID: id, Title: title, Note: "Grants that hold come first. What was granted before the logs begin is known only when it is used or ends."}
	columns := []column{
		{Name: "Grantee"}, {Name: "Created"}, {Name: "Ended"}, {Name: "Created by", Detail: true}, {Name: "Operations", Detail: true},
	}
	if withKey {
		columns = append(columns, column{Name: "Key", Detail: true})
	}
	return put(s, list, empty, columns, func(g Grant) []cell {
		who := cell{Text: g.Service}
		if g.CreatedBy != nil {
			who = callerCell(*g.CreatedBy)
			if g.Service != "" {
				who.Small = join(", ", who.Small, "through "+g.Service)
			}
		}
		row := []cell{
			callerCell(g.Grantee), maybeTimeCell(g.CreatedAt, "before the logs"), maybeTimeCell(g.EndedAt, "still holds"),
			who, listCell(g.Operations),
		}
		if withKey {
			row = append(row, keyCell(g.Key))
		}
		return row
	})
}

// findingsSection lists open findings.
func findingsSection(list List[report.Finding]) section {
	s := section{ID: "findings", Title: "Open findings", Findings: list.Rows, Omitted: list.Omitted, Command: list.Command}
	if len(list.Rows) == 0 {
		s.Empty = "No open finding is about it. Findings come from kmstrail detect."
	}
	return s
}

// indented is a policy as it is read; text that is no JSON stays as it is.
func indented(policy string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(policy), "", "  ") != nil {
		return report.Block(policy)
	}
	return report.Block(b.String())
}

// ratesSection shows peaks against quotas. A single request in a second is no
// peak.
func ratesSection(list List[Rate], what, empty string) section {
	s := section{
		ID: "rates", Title: "Request rates per second",
		Note: "The busiest second of this " + what + ", and of all calls of the account that pays, against its request quota. Approximate, like all rates from CloudTrail.",
	}
	busy := List[Rate]{Omitted: list.Omitted, Command: list.Command}
	for _, r := range list.Rows {
		if r.Peak > 1 || r.Throttled > 0 {
			busy.Rows = append(busy.Rows, r)
		}
	}
	if len(list.Rows) > 0 {
		empty = "Never more than one request in a second."
	}
	columns := []column{
		{Name: "Request quota"}, {Name: titled(what), Num: true}, {Name: "Account", Num: true}, {Name: "Limit", Num: true}, {Name: "Throttled", Num: true},
		{Name: "When"}, {Name: "Payer", Detail: true}, {Name: "Region", Detail: true},
	}
	return put(s, busy, empty, columns, func(r Rate) []cell {
		limit := "not known"
		if r.Limit > 0 {
			limit = report.Rated(r.Limit)
		}
		return []cell{
			{Text: report.Humanize(r.Quota), Small: r.Store}, numberCell(r.Peak), numberCell(r.AllPeak), {Text: limit}, badCell(r.Throttled),
			{Text: report.Second(r.PeakAt), When: true}, {Text: r.Payer.String()}, {Text: r.Region},
		}
	})
}

// keysSection lists keys with what was done with them.
func keysSection(list List[KeyUse], title string, callers bool, empty string) section {
	columns := []column{
		{Name: "Key"}, {Name: "Calls", Num: true}, {Name: "Failed", Num: true}, {Name: "Denied", Num: true}, {Name: "Last call"},
		{Name: "First call", Detail: !callers}, {Name: "Services", Detail: true}, {Name: "Operations", Detail: true},
	}
	if callers {
		columns = append(columns, column{Name: "Callers", Num: true, Detail: true})
	}
	return put(section{ID: "keys", Title: title}, list, empty, columns, func(u KeyUse) []cell {
		row := []cell{
			keyCell(u.Key), numberCell(u.Calls), badCell(u.Failed), badCell(u.Denied), timeCell(u.LastSeen),
			timeCell(u.FirstSeen), servicesCell(u.Services), listCell(u.Operations),
		}
		if callers {
			row = append(row, numberCell(u.Callers))
		}
		return row
	})
}

// contextsSection lists what stands in encryption contexts.
func contextsSection(list List[ContextUse], empty string) section {
	s := section{ID: "contexts", Title: "Encryption contexts", Note: "What callers say the data is. Values are untrusted text."}
	columns := []column{
		{Name: "Context key"}, {Name: "Values", Num: true}, {Name: "Calls", Num: true}, {Name: "Share", Num: true}, {Name: "Examples"}, {Name: "Side", Detail: true},
	}
	return put(s, list, empty, columns, func(c ContextUse) []cell {
		key := cell{Text: c.Key, Mono: true}
		if c.Key == "" {
			key = cell{Text: "no context"}
		}
		examples := listCell(c.Examples)
		examples.Mono = true
		return []cell{
			key, numberCell(c.Values), numberCell(c.Calls), {Text: report.Percent(c.Share)}, examples, {Text: c.Side},
		}
	})
}
