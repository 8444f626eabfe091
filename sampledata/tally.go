package sampledata

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// tally counts what was written.
type tally struct {
	files, records, kmsRecords int
	bytes, jsonBytes           int64
	duplicates, superseded     int
	kmsEvents, kmsCalls, self  int
	first, last                int64
	shared                     map[string]bool // calls with copies in several accounts
	byEvent, byAccount, others map[string]int
	related, quarantined       map[string]int
}

func (t *tally) init() {
	t.shared = map[string]bool{}
	for _, m := range []*map[string]int{&t.byEvent, &t.byAccount, &t.others, &t.related, &t.quarantined} {
		*m = map[string]int{}
	}
}

// count counts a record as delivered.
func (t *tally) count(c *cell, it *item) {
	t.records++
	if !it.kms {
		if !it.dup {
			t.related[it.name]++
		}
		return
	}
	t.kmsRecords++
	switch {
	case it.quarantine != "":
		t.quarantined[it.quarantine]++
		return
	case it.dup:
		t.duplicates++
		return
	}
	if t.first == 0 || it.at < t.first {
		t.first = it.at
	}
	t.last = max(t.last, it.at)
	if it.superseded {
		t.superseded++
		t.quarantined["superseded"]++
		return
	}
	t.kmsEvents++
	t.byEvent[it.name]++
	account := c.id
	if it.anonymous {
		account = ""
	}
	t.byAccount[account]++
	if it.self {
		t.self++
	}
	switch {
	case it.network:
	case it.call == "":
		t.kmsCalls++
	case !t.shared[it.call]:
		t.shared[it.call] = true
	}
}

func mergeTallies(list []tally) tally {
	var sum tally
	sum.init()
	for i := range list {
		t := &list[i]
		sum.files += t.files
		sum.records += t.records
		sum.kmsRecords += t.kmsRecords
		sum.bytes += t.bytes
		sum.jsonBytes += t.jsonBytes
		sum.duplicates += t.duplicates
		sum.superseded += t.superseded
		sum.kmsEvents += t.kmsEvents
		sum.kmsCalls += t.kmsCalls
		sum.self += t.self
		if t.first != 0 && (sum.first == 0 || t.first < sum.first) {
			sum.first = t.first
		}
		sum.last = max(sum.last, t.last)
		maps.Copy(sum.shared, t.shared)
		for _, m := range [][2]map[string]int{
			{sum.byEvent, t.byEvent}, {sum.byAccount, t.byAccount}, {sum.others, t.others},
			{sum.related, t.related}, {sum.quarantined, t.quarantined},
		} {
			for name, n := range m[1] {
				m[0][name] += n
			}
		}
	}
	sum.kmsCalls += len(sum.shared)
	return sum
}

func (p *plan) truth(t *tally) Truth {
	truth := Truth{
		Seed: p.cfg.Seed, Start: p.start, End: p.cfg.End,
		Objects: t.files, LogFiles: t.files, OtherObjects: t.others, Bytes: t.bytes, JSONBytes: t.jsonBytes,
		Records: t.records, KMSRecords: t.kmsRecords, Duplicates: t.duplicates, Superseded: t.superseded,
		KMSEvents: t.kmsEvents, KMSCalls: t.kmsCalls, KMSByEvent: t.byEvent, KMSByAccount: t.byAccount,
		SelfEvents: t.self, RelatedByEvent: t.related, Quarantined: t.quarantined,
		FirstEvent: time.Unix(t.first, 0).UTC(), LastEvent: time.Unix(t.last, 0).UTC(),
		NearMisses: p.misses,
	}
	for _, n := range t.others {
		truth.Objects += n
	}
	for _, f := range p.findings {
		truth.Findings = append(truth.Findings, *f)
	}
	slices.SortStableFunc(truth.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.DetectorID, b.DetectorID), cmp.Compare(a.Scenario, b.Scenario))
	})
	return truth
}
