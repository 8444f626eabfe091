package detectors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Find returns what the detector finds in exactly this window, sorted, and
// writes nothing. [Run] does it for whole days and keeps what it finds.
func (d *Detector) Find(ctx context.Context, e Engine, given map[string]string, w Window) ([]Finding, error) {
	st, err := d.Bind(given, w)
	if err != nil {
		return nil, err
	}
	var out []Finding
	seen := map[string]bool{}
	err = runRows(ctx, e, st, func(row map[string]any) error {
		f, err := d.finding(row)
		if err != nil {
			return err
		}
		if seen[f.Fingerprint] {
			return fmt.Errorf("two rows have the same identity (%v) of key %s and principal %s", d.Identity, f.KeyARN, f.PrincipalARN)
		}
		seen[f.Fingerprint] = true
		f.WindowStart, f.WindowEnd = w.Start.UTC(), w.End.UTC()
		out = append(out, f)
		return nil
	})
	Sort(out)
	return out, err
}

// finding turns a row into a finding.
func (d *Detector) finding(row map[string]any) (Finding, error) {
	f := Finding{
		DetectorID: d.ID, DetectorVersion: d.Version, Title: d.Title, Severity: d.Severity,
		AccountID: text(row["account_id"]), Region: text(row["region"]),
		KeyARN: text(row["key_arn"]), PrincipalARN: text(row["principal_arn"]),
		Details: map[string]any{}, Status: "new",
	}
	var ok [3]bool
	f.FirstSeen, ok[0] = row["first_seen"].(time.Time)
	f.LastSeen, ok[1] = row["last_seen"].(time.Time)
	f.EventCount, ok[2] = row["event_count"].(int64)
	if ok != [3]bool{true, true, true} {
		return Finding{}, errors.New("a row has no first_seen, last_seen or event_count of the type it should have")
	}
	ids, _ := row["event_ids"].([]any)
	f.EventIDs = make([]string, 0, min(len(ids), MaxEvidence))
	for _, id := range ids[:min(len(ids), MaxEvidence)] {
		f.EventIDs = append(f.EventIDs, text(id))
	}
	if s, has := row["severity"]; has && s != nil {
		f.Severity = text(s)
	}
	if severityRank(f.Severity) == len(Severities()) {
		return Finding{}, fmt.Errorf("a row has the unknown severity %q", f.Severity)
	}
	for name, v := range row {
		if !isContract(name) {
			f.Details[name] = v
		}
	}
	f.Fingerprint = fingerprint(d.ID, d.Identity, row)
	f.FindingID = findingID(f.Fingerprint)
	var err error
	f.Summary, err = render("summary", d.Summary, f.data())
	return f, err
}

func isContract(name string) bool {
	return name == "severity" || slices.ContainsFunc(contractColumns, func(c Column) bool { return c.Name == name })
}
