package report

import (
	"fmt"

	"github.com/kmstrail/kmstrail/detectors"
)

// fromDetectors takes over what the report says about detectors.
func fromDetectors(list []*detectors.Detector) []Detector {
	out := make([]Detector, 0, len(list))
	for _, d := range list {
		r := Detector{
			ID: d.ID, Title: d.Title, Severity: d.Severity, Version: d.Version,
			Description: d.Description, Why: d.Why.Text, Source: d.Why.Source,
			BlindSpots: d.BlindSpots, FalsePositives: d.FalsePositives, Columns: d.Columns,
		}
		for _, step := range d.Triage {
			text := step.Text
			if step.Query != "" {
				text += " (`" + step.Query + "`)"
			}
			r.Triage = append(r.Triage, text)
		}
		for _, a := range d.Attack {
			r.Mappings = append(r.Mappings, "ATT&CK "+a.Technique+" "+a.Name)
		}
		for _, m := range []struct {
			name string
			ids  []string
		}{{"CIS", d.Mappings.CIS}, {"Security Hub", d.Mappings.SecurityHub}, {"Well-Architected", d.Mappings.WellArchitected}} {
			for _, id := range m.ids {
				r.Mappings = append(r.Mappings, m.name+" "+id)
			}
		}
		out = append(out, r)
	}
	return out
}

// fromFindings takes over findings, without the texts that cost templates.
func fromFindings(list []detectors.Finding, proofs Proofs) []Finding {
	out := make([]Finding, 0, len(list))
	for _, f := range list {
		out = append(out, Finding{
			ID: f.FindingID, DetectorID: f.DetectorID, Status: f.Status, Severity: f.Severity,
			AccountID: f.AccountID, Region: f.Region, KeyARN: f.KeyARN, PrincipalARN: f.PrincipalARN,
			FirstSeen: f.FirstSeen.UTC(), LastSeen: f.LastSeen.UTC(), EventCount: f.EventCount, EventIDs: f.EventIDs,
			LogFiles: f.LogFiles, Proof: proofs.Of(f.LogFiles), StatusReason: f.StatusReason, Summary: f.Summary, Details: f.Details,
		})
	}
	return out
}

// fromRuns takes over the record of runs, the last of each detector.
func fromRuns(list []detectors.DetectorRun) map[string]Outcome {
	out := map[string]Outcome{}
	for _, run := range list {
		started := run.StartedAt.UTC()
		if before, ok := out[run.DetectorID]; ok && before.RanAt.After(started) {
			continue
		}
		out[run.DetectorID] = Outcome{
			RanAt: &started, Window: Window{Start: run.Window.Start.UTC(), End: run.Window.End.UTC()},
			DurationMS: run.Duration.Milliseconds(), Params: run.Params, Error: run.Error,
		}
	}
	return out
}

// advise renders remedies and triage commands of the findings that are shown.
func (r *Report) advise(list []*detectors.Detector, findings []detectors.Finding) {
	known := make(map[string]*detectors.Detector, len(list))
	for _, d := range list {
		known[d.ID] = d
	}
	original := make(map[string]*detectors.Finding, len(findings))
	for i := range findings {
		original[findings[i].FindingID] = &findings[i]
	}
	for _, g := range r.Findings.Groups {
		d := known[g.Detector.ID]
		if d == nil {
			continue
		}
		for i := range g.Shown {
			if f := original[g.Shown[i].ID]; f != nil {
				g.Shown[i].Remedy, g.Shown[i].TriageCommands = advice(d, f)
			}
		}
	}
}

// advice says what to do about a finding. A text that cannot be rendered, as
// may happen to a finding of an older version of its detector, says so in a
// comment of the shell.
func advice(d *detectors.Detector, f *detectors.Finding) (remedy string, commands []string) {
	remedy, err := d.Remedies(*f)
	if err != nil {
		remedy = fmt.Sprintf("# The remedy cannot be shown: %s", visible(err.Error()))
	}
	for _, step := range d.Triage {
		text, err := d.TriageCommand(step, *f)
		if err != nil {
			text = fmt.Sprintf("# The command cannot be shown: %s", visible(err.Error()))
		}
		if text != "" {
			commands = append(commands, text)
		}
	}
	return remedy, commands
}
