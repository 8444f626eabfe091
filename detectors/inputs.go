package detectors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/schema"
)

// inputs are hashes over what findings depend on besides the events: the
// detector, its parameters in force, and what the configuration says in the
// tables that it reads.
type inputs struct{ detector, params, config string }

func (in inputs) String() string { return in.detector + " " + in.params + " " + in.config }

func parseInputs(text string) inputs {
	parts := strings.Fields(text)
	if len(parts) != 3 {
		return inputs{}
	}
	return inputs{parts[0], parts[1], parts[2]}
}

const (
	theDetector   = "the detector"
	itsParameters = "its parameters"
	theConfig     = "the configuration it reads"
)

// changed says which of the inputs differ from those of an earlier run.
func (in inputs) changed(before inputs) []string {
	var out []string
	if in.detector != before.detector {
		out = append(out, theDetector)
	}
	if in.params != before.params {
		out = append(out, itsParameters)
	}
	if in.config != before.config {
		out = append(out, theConfig)
	}
	return out
}

// paramsInForce returns the parameters as a JSON object.
func (d *Detector) paramsInForce(given map[string]string) (string, error) {
	values, err := d.Params.Values(given, Window{})
	if err != nil {
		return "{}", err
	}
	own := make(map[string]any, len(d.Params))
	for name := range d.Params {
		own[name] = values[name]
	}
	encoded, err := json.Marshal(own)
	return string(encoded), err
}

// inputs reads the tables of the configuration and hashes everything.
func (d *Detector) inputs(ctx context.Context, e Engine, params string) (inputs, error) {
	definition, err := json.Marshal([]any{d.Version, d.Severity, d.Summary, d.Identity, d.Merge, d.LookbackDays, d.file.SQL})
	if err != nil {
		return inputs{}, err
	}
	tables := d.reads()
	var config []string
	for _, t := range configTables {
		if !tables[t.Name] {
			continue
		}
		lines, err := tableLines(ctx, e, t)
		if err != nil {
			return inputs{}, err
		}
		config = append(config, t.Name, fmt.Sprintf("%q", lines))
	}
	return inputs{shortHash(definition), shortHash([]byte(params)), shortHash([]byte(strings.Join(config, "\n")))}, nil
}

// tableLines returns the rows of a small table, in an order of their own.
func tableLines(ctx context.Context, e Engine, table *schema.Table) ([]string, error) {
	columns := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		columns[i] = c.Name
	}
	var lines []string
	st := sqlfile.Statement{SQL: "select " + strings.Join(columns, ", ") + " from " + table.Name}
	err := runRows(ctx, e, st, func(row map[string]any) error {
		line, err := json.Marshal(row)
		lines = append(lines, string(line))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table.Name, err)
	}
	slices.Sort(lines)
	return lines, nil
}

func shortHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
