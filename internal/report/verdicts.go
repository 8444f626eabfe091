package report

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/queries"
)

// Verdicts says of every detector, account and Region whether it passes: the
// named query verdicts over the window.
type Verdicts struct {
	// Detectors have the most failures first.
	Detectors []DetectorVerdicts `json:"detectors"`
	// Places counts accounts and Regions.
	Places int `json:"place_count"`
	// Reasons why any of them is not known, over all detectors.
	Reasons []UnknownReason `json:"unknown_reasons"`
}

// DetectorVerdicts are the verdicts of one detector.
type DetectorVerdicts struct {
	DetectorID string          `json:"detector_id"`
	Title      string          `json:"title"`
	Severity   string          `json:"severity"`
	Pass       int             `json:"pass"`
	Fail       int             `json:"fail"`
	Unknown    int             `json:"unknown"`
	Reasons    []UnknownReason `json:"unknown_reasons"`
	Places     []PlaceVerdict  `json:"places"`
}

// PlaceVerdict is the verdict on one account and Region.
type PlaceVerdict struct {
	AccountID string `json:"account_id"`
	Region    string `json:"region"`
	Verdict   string `json:"verdict"` // PASS, FAIL or UNKNOWN
	Reason    string `json:"reason,omitempty"`
}

// UnknownReason is a reason for UNKNOWN.
type UnknownReason struct {
	Text   string `json:"text"`
	Places int    `json:"place_count"`
	// Sum adds up what the reason counts: days, or log files. 0 when it counts
	// nothing.
	Sum int64 `json:"sum"`
}

// The verdicts of the query.
const (
	pass    = "PASS"
	fail    = "FAIL"
	unknown = "UNKNOWN"
)

// verdictText says what the verdicts mean.
const verdictText = "FAIL: there are open findings. PASS: there are none, the logs of all days are there, and the detector saw all of them. UNKNOWN: anything else."

// verdicts asks the named query.
func (b *builder) verdicts(ctx context.Context, known []Detector) error {
	w := b.r.Window
	if !w.Start.Before(w.End) {
		return nil
	}
	st, err := boundVerdicts(w)
	if err != nil {
		return err
	}
	byID := map[string]*DetectorVerdicts{}
	sql := "select detector_id, account_id, region, verdict, reason from (" + st.SQL + ") as verdicts order by detector_id, account_id, region"
	err = b.each(ctx, query{name: "verdicts", sql: sql, args: st.Args}, func(r rows.Row) {
		d := byID[r.Text(0)]
		if d == nil {
			d = newDetectorVerdicts(r.Text(0), known)
			byID[r.Text(0)] = d
		}
		d.Places = append(d.Places, PlaceVerdict{AccountID: r.Text(1), Region: r.Text(2), Verdict: r.Text(3), Reason: r.Text(4)})
	})
	if err != nil {
		return err
	}
	list := make([]DetectorVerdicts, 0, len(byID))
	for _, d := range byID {
		list = append(list, *d)
	}
	b.r.Verdicts = newVerdicts(list)
	return nil
}

func boundVerdicts(w Window) (sqlfile.Statement, error) {
	list, err := queries.Builtin()
	if err != nil {
		return sqlfile.Statement{}, err
	}
	i := slices.IndexFunc(list, func(q *queries.Query) bool { return q.ID == "verdicts" })
	if i < 0 {
		return sqlfile.Statement{}, errors.New("there is no query named verdicts")
	}
	return list[i].Bind(nil, queries.Window{Start: w.Start, End: w.End})
}

func newDetectorVerdicts(id string, known []Detector) *DetectorVerdicts {
	d := &DetectorVerdicts{DetectorID: id, Title: id}
	if i := slices.IndexFunc(known, func(d Detector) bool { return d.ID == id }); i >= 0 {
		d.Title, d.Severity = known[i].Title, known[i].Severity
	}
	return d
}

// newVerdicts counts the verdicts of the places.
func newVerdicts(list []DetectorVerdicts) Verdicts {
	v := Verdicts{Detectors: list}
	var all []PlaceVerdict
	places := map[[2]string]bool{}
	for i := range list {
		d := &list[i]
		for _, p := range d.Places {
			places[[2]string{p.AccountID, p.Region}] = true
			switch p.Verdict {
			case pass:
				d.Pass++
			case fail:
				d.Fail++
			default:
				d.Unknown++
			}
		}
		d.Reasons = unknownReasons(d.Places)
		all = append(all, d.Places...)
	}
	v.Places, v.Reasons = len(places), unknownReasons(all)
	slices.SortFunc(list, func(a, b DetectorVerdicts) int {
		return cmp.Or(
			cmp.Compare(min(b.Fail, 1), min(a.Fail, 1)), cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)),
			cmp.Compare(b.Fail, a.Fail), cmp.Compare(b.Unknown, a.Unknown), cmp.Compare(a.DetectorID, b.DetectorID))
	})
	return v
}

// unknownReasons groups the reasons for UNKNOWN, the most frequent first. A
// place has several, joined by semicolons, and may have the same ones for many
// detectors. A reason may end with what it counts, after a colon.
func unknownReasons(places []PlaceVerdict) []UnknownReason {
	type reason struct{ account, region, text string }
	counts := map[reason]int64{}
	for _, p := range places {
		if p.Verdict != unknown {
			continue
		}
		for _, part := range strings.Split(p.Reason, "; ") {
			text, n := part, int64(0)
			if i := strings.LastIndex(part, ": "); i >= 0 {
				if v, err := strconv.ParseInt(part[i+2:], 10, 64); err == nil {
					text, n = part[:i], v
				}
			}
			k := reason{p.AccountID, p.Region, text}
			counts[k] = max(counts[k], n)
		}
	}
	found := map[string]UnknownReason{}
	for k, n := range counts {
		found[k.text] = UnknownReason{Text: k.text, Places: found[k.text].Places + 1, Sum: found[k.text].Sum + n}
	}
	out := make([]UnknownReason, 0, len(found))
	for _, r := range found {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b UnknownReason) int {
		return cmp.Or(cmp.Compare(b.Places, a.Places), cmp.Compare(a.Text, b.Text))
	})
	return out
}

// String says how often the reason holds.
func (u UnknownReason) String() string {
	text := clean(u.Text)
	if u.Sum > 0 {
		text += ": " + grouped(u.Sum)
	}
	return text + " (in " + counted(int64(u.Places), "Region", "Regions") + ")"
}

// reasonText joins the first reasons.
func reasonText(list []UnknownReason) string {
	parts := make([]string, 0, len(list))
	for _, r := range list[:min(maxUnknownReasons, len(list))] {
		parts = append(parts, r.String())
	}
	if more := len(list) - maxUnknownReasons; more > 0 {
		parts = append(parts, "and "+counted(int64(more), "other reason", "other reasons"))
	}
	return strings.Join(parts, "; ")
}

// verdictMap is the matrix of detectors and accounts.
type verdictMap struct {
	Accounts []string
	Rows     []verdictRow
	// Omitted counts accounts left out, those where every detector passes
	// first.
	Omitted int
}

type verdictRow struct {
	Title string
	Cells []mapCell
}

// newVerdictMap puts the Regions of an account into one cell.
func newVerdictMap(v *Verdicts, names map[string]string) verdictMap {
	counts := map[[2]string]*DetectorVerdicts{} // by detector and account
	bad := map[string]int{}
	for _, d := range v.Detectors {
		for _, p := range d.Places {
			k := [2]string{d.DetectorID, p.AccountID}
			if counts[k] == nil {
				counts[k] = &DetectorVerdicts{}
			}
			c := counts[k]
			c.Places = append(c.Places, p)
			bad[p.AccountID] += map[string]int{fail: 1000, unknown: 1}[p.Verdict]
		}
	}
	accounts := make([]string, 0, len(bad))
	for id := range bad {
		accounts = append(accounts, id)
	}
	slices.SortFunc(accounts, func(a, b string) int { return cmp.Or(cmp.Compare(bad[b], bad[a]), cmp.Compare(a, b)) })
	m := verdictMap{Omitted: max(0, len(accounts)-maxAccounts)}
	accounts = accounts[:len(accounts)-m.Omitted]
	slices.Sort(accounts)
	for _, id := range accounts {
		m.Accounts = append(m.Accounts, cmp.Or(short(names[id]), short(id), "not known"))
	}
	for _, d := range v.Detectors {
		row := verdictRow{Title: clean(d.Title)}
		for i, id := range accounts {
			row.Cells = append(row.Cells, newVerdictCell(m.Accounts[i], counts[[2]string{d.DetectorID, id}]))
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// newVerdictCell shows the worst verdict of an account's Regions.
func newVerdictCell(account string, c *DetectorVerdicts) mapCell {
	if c == nil {
		return mapCell{"u", "", account + ": no logs"}
	}
	at := map[string][]string{}
	for _, p := range c.Places {
		at[p.Verdict] = append(at[p.Verdict], cmp.Or(short(p.Region), "no Region"))
	}
	var parts []string
	for _, verdict := range []string{fail, unknown, pass} {
		if len(at[verdict]) > 0 {
			parts = append(parts, verdict+" "+list(len(at[verdict]), func(i int) string { return at[verdict][i] }))
		}
	}
	cell := mapCell{"yes", "✓", cut(account+": "+strings.Join(parts, "; "), 120)}
	switch {
	case len(at[fail]) > 0:
		cell.Class, cell.Mark = "no", "✗"
	case len(at[unknown]) > 0:
		cell.Class, cell.Mark = "q", "?"
	}
	return cell
}
