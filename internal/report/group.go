package report

import (
	"cmp"
	"slices"
)

// open reports whether a finding of this status still wants attention.
func open(status string) bool {
	return status == "" || status == "new" || status == "in_progress"
}

// groupFindings counts findings, groups the open ones by detector and cuts
// each group to what is shown. Every group shows at least one finding; the
// worst groups share what is left.
func groupFindings(detectors []Detector, findings []Finding, names map[string]string) Findings {
	out := Findings{BySeverity: map[string]int{}, ByStatus: map[string]int{}, Groups: []Group{}, Withdrawn: []Finding{}}
	for _, s := range severities() {
		out.BySeverity[s] = 0
	}
	byDetector := map[string][]Finding{}
	for _, f := range findings {
		out.Total++
		out.ByStatus[cmp.Or(f.Status, "new")]++
		if f.Status == withdrawn {
			out.Withdrawn = append(out.Withdrawn, f)
		}
		if !open(f.Status) {
			continue
		}
		out.Open++
		out.BySeverity[f.Severity]++
		byDetector[f.DetectorID] = append(byDetector[f.DetectorID], f)
	}
	for id, list := range byDetector {
		d := Detector{ID: id, Title: id}
		if i := slices.IndexFunc(detectors, func(d Detector) bool { return d.ID == id }); i >= 0 {
			d = detectors[i]
		}
		out.Groups = append(out.Groups, newGroup(d, list, names))
	}
	slices.SortFunc(out.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Detector.ID, b.Detector.ID))
	})
	out.cutWithdrawn(names)
	left := maxFindings
	for i := range out.Groups {
		g := &out.Groups[i]
		g.cut(max(1, min(maxPerDetector, left-(len(out.Groups)-1-i))), names)
		left -= len(g.Shown)
	}
	return out
}

// withdrawn is the status of a finding that later data contradicts.
const withdrawn = "withdrawn"

// cutWithdrawn keeps the withdrawn findings that were seen last.
func (f *Findings) cutWithdrawn(names map[string]string) {
	slices.SortFunc(f.Withdrawn, func(a, b Finding) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.DetectorID, b.DetectorID), cmp.Compare(a.ID, b.ID))
	})
	if more := len(f.Withdrawn) - maxWithdrawn; more > 0 {
		f.OmittedWithdrawn = more
		f.Withdrawn = f.Withdrawn[:maxWithdrawn]
	}
	for i := range f.Withdrawn {
		w := &f.Withdrawn[i]
		w.AccountName = cmp.Or(w.AccountName, names[w.AccountID])
		w.cutEvidence()
	}
}

// cutEvidence bounds what a finding names as its evidence.
func (f *Finding) cutEvidence() {
	f.EventIDs = notNil(f.EventIDs[:min(maxSuppliedIDs, len(f.EventIDs))])
	f.LogFiles = notNil(f.LogFiles[:min(maxSuppliedIDs, len(f.LogFiles))])
}

func newGroup(d Detector, list []Finding, names map[string]string) Group {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)),
			cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region),
			cmp.Compare(a.KeyARN, b.KeyARN), cmp.Compare(a.PrincipalARN, b.PrincipalARN), cmp.Compare(a.ID, b.ID))
	})
	g := Group{Detector: d, Severity: list[0].Severity, Count: len(list), BySeverity: map[string]int{}, Shown: list, OmittedByAccount: []Count{}}
	accounts := map[string]bool{}
	for i := range list {
		f := &list[i]
		f.AccountName = cmp.Or(f.AccountName, names[f.AccountID])
		g.BySeverity[f.Severity]++
		g.Calls += f.EventCount
		accounts[f.AccountID] = true
	}
	g.Accounts = len(accounts)
	return g
}

// cut leaves n findings in the group and counts the others.
func (g *Group) cut(n int, names map[string]string) {
	if len(g.Shown) > n {
		perAccount := map[string]int64{}
		for _, f := range g.Shown[n:] {
			perAccount[f.AccountID]++
		}
		for id, count := range perAccount {
			g.OmittedByAccount = append(g.OmittedByAccount, Count{Name: id, Label: names[id], Count: count})
		}
		sortCounts(g.OmittedByAccount)
		g.OmittedByAccount = g.OmittedByAccount[:min(maxTop, len(g.OmittedByAccount))]
		g.Omitted = len(g.Shown) - n
		g.Shown = slices.Clone(g.Shown[:n])
	}
	for i := range g.Shown {
		g.Shown[i].cutEvidence()
	}
}
