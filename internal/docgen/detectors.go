package docgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// Detectors describes what each detector finds, why it matters, what it cannot
// see, and what to do with a finding.
func Detectors(list []*detectors.Detector) string {
	var b strings.Builder
	b.WriteString("# Detectors\n\nRun with `kmstrail detect`. Each is one file in `detectors/sql`, with its test cases beside it; `kmstrail detectors show ID` prints it.\n\n")
	b.WriteString("| Detector | Severity | Status | Finds |\n| --- | --- | --- | --- |\n")
	for _, d := range list {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", d.ID, d.ID, d.Severity, d.Status, cell(d.Title))
	}
	for _, d := range list {
		writeDetector(&b, d)
	}
	return b.String()
}

func writeDetector(b *strings.Builder, d *detectors.Detector) {
	fmt.Fprintf(b, "\n## %s\n\n**%s.** Severity %s, %s, version %d.\n\n", d.ID, strings.TrimSuffix(d.Title, "."), d.Severity, d.Status, d.Version)
	fmt.Fprintf(b, "%s\n", paragraphs(d.Description))
	fmt.Fprintf(b, "\nWhy it matters: %s\n", paragraphs(d.Why.Text))
	if d.Why.Source != "" {
		fmt.Fprintf(b, "\nSource: %s\n", oneLine(d.Why.Source))
	}
	writeList(b, "What it cannot see", d.BlindSpots)
	writeList(b, "What it may report that is right", d.FalsePositives)
	writeParams(b, d.Params)
	if len(d.Columns) > 0 {
		b.WriteString("\nDetails of a finding:\n\n| Field | |\n| --- | --- |\n")
		for _, name := range slices.Sorted(maps.Keys(d.Columns)) {
			fmt.Fprintf(b, "| `%s` | %s |\n", name, cell(d.Columns[name]))
		}
	}
	steps := make([]string, len(d.Triage))
	for i, step := range d.Triage {
		steps[i] = step.Text
		if step.Query != "" {
			steps[i] += fmt.Sprintf(" (query [%s](queries.md#%s))", step.Query, step.Query)
		}
	}
	writeList(b, "What to look at", steps)
	if d.Remedy != "" {
		fmt.Fprintf(b, "\nWhat to do; a finding fills in the names:\n\n```text\n%s\n```\n", strings.TrimSpace(d.Remedy))
	}
	writeMappings(b, d)
}

func writeMappings(b *strings.Builder, d *detectors.Detector) {
	var attack []string
	for _, a := range d.Attack {
		attack = append(attack, fmt.Sprintf("%s %s", a.Technique, a.Name))
	}
	for _, m := range []struct {
		name     string
		controls []string
	}{
		{"MITRE ATT&CK", attack},
		{"CIS AWS Foundations", d.Mappings.CIS},
		{"Security Hub", d.Mappings.SecurityHub},
		{"Well-Architected", d.Mappings.WellArchitected},
	} {
		if len(m.controls) > 0 {
			fmt.Fprintf(b, "\n%s: %s\n", m.name, strings.Join(m.controls, ", "))
		}
	}
}

func writeList(b *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n\n", title)
	for _, item := range items {
		fmt.Fprintf(b, "* %s\n", oneLine(item))
	}
}

func writeParams(b *strings.Builder, params sqlfile.Params) {
	if len(params) == 0 {
		return
	}
	b.WriteString("\n| Parameter | Type | Default | |\n| --- | --- | --- | --- |\n")
	for _, name := range params.Names() {
		p := params[name]
		value := "none"
		switch {
		case p.Required:
			value = "required"
		case p.Default != nil:
			value = fmt.Sprintf("`%v`", p.Default)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, p.Type, value, cell(p.Doc))
	}
}

// paragraphs joins the lines of each paragraph.
func paragraphs(s string) string {
	parts := strings.Split(strings.TrimSpace(s), "\n\n")
	for i, part := range parts {
		parts[i] = oneLine(part)
	}
	return strings.Join(parts, "\n\n")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
