package sqlcase

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/tools/txtar"

	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// Case is one case of a file.
type Case struct {
	// File and Name identify it.
	File, Name string
	Window     sqlfile.Window
	Params     map[string]string
	Config     Config
	State      State
	// Header and Rows are what is wanted.
	Header []string
	Rows   [][]string

	events string // event lines
	jsonl  string // exact records
}

// Config is what the configuration would say, in rows of the tables.
type Config struct {
	Accounts       []map[string]any `yaml:"accounts"`
	TrustRules     []map[string]any `yaml:"trust_rules"`
	ContextRules   []map[string]any `yaml:"context_rules"`
	RotationPolicy []map[string]any `yaml:"rotation_policy"`
	Quotas         []map[string]any `yaml:"quotas"`
	KeyStandards   []map[string]any `yaml:"key_standards"`
	ExpectedKeys   []map[string]any `yaml:"expected_keys"`
	Environments   []map[string]any `yaml:"environments"`
	SelfPrincipals []string         `yaml:"self_principals"`
}

// State is what runs of detectors and inventories left in the store, in rows of
// the tables.
// Columns that a row does not name are empty.
type State struct {
	DetectorRuns   []map[string]any `yaml:"detector_runs"`
	Findings       []map[string]any `yaml:"findings"`
	FindingWindows []map[string]any `yaml:"finding_windows"`
	ChangedCells   []map[string]any `yaml:"changed_cells"`
	// What inventories said.
	InventoryScopes    []map[string]any `yaml:"inventory_scopes"`
	InventoryKeys      []map[string]any `yaml:"inventory_keys"`
	InventoryRotations []map[string]any `yaml:"inventory_rotations"`
	InventoryRoles     []map[string]any `yaml:"inventory_roles"`
}

// Fires reports whether rows are wanted, by the case's name.
func (c *Case) Fires() bool { return strings.HasPrefix(c.Name, "fires") }

// Parse reads a file of cases, in the order of their first sections. The error
// names the first mistake.
func Parse(file string, src []byte) ([]Case, error) {
	archive := txtar.Parse(src)
	var defaults Case
	var cases []Case
	for _, part := range archive.Files {
		name, what, named := strings.Cut(part.Name, "/")
		target := &defaults
		if !named {
			what = part.Name
		} else {
			i := slices.IndexFunc(cases, func(c Case) bool { return c.Name == name })
			if i < 0 {
				c := defaults
				c.File, c.Name = file, name
				cases = append(cases, c)
				i = len(cases) - 1
			}
			target = &cases[i]
		}
		if err := target.section(what, string(part.Data)); err != nil {
			return nil, fmt.Errorf("%s: section %s: %w", file, part.Name, err)
		}
	}
	for i := range cases {
		if err := cases[i].check(); err != nil {
			return nil, fmt.Errorf("%s: case %s: %w", file, cases[i].Name, err)
		}
	}
	return cases, nil
}

// section adds one section to a case, or to the defaults.
func (c *Case) section(what, data string) error {
	switch what {
	case "events", "events.jsonl":
		text, err := cttest.Expand(data)
		if err != nil {
			return err
		}
		if what == "events" {
			c.events += text
		} else {
			c.jsonl += text
		}
	case "window":
		return c.setWindow(data)
	case "params":
		text, err := cttest.Expand(data)
		if err != nil {
			return err
		}
		var raw map[string]any
		if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
			return err
		}
		c.Params = map[string]string{}
		for name, v := range raw {
			c.Params[name] = fmt.Sprint(v)
		}
	case "config":
		text, err := cttest.Expand(data)
		if err != nil {
			return err
		}
		return yaml.UnmarshalWithOptions([]byte(text), &c.Config, yaml.Strict())
	case "state":
		text, err := cttest.Expand(data)
		if err != nil {
			return err
		}
		return yaml.UnmarshalWithOptions([]byte(text), &c.State, yaml.Strict())
	case "want.csv":
		return c.setWant(data)
	default:
		return fmt.Errorf("the part %q is unknown; parts are config, events, events.jsonl, params, state, want.csv, window", what)
	}
	return nil
}

func (c *Case) setWindow(data string) error {
	fields := strings.Fields(data)
	if len(fields) != 2 {
		return fmt.Errorf("want a start and an end, got %q", strings.TrimSpace(data))
	}
	for i, dst := range []*time.Time{&c.Window.Start, &c.Window.End} {
		t, err := time.Parse(time.RFC3339, fields[i])
		if err != nil {
			return err
		}
		*dst = t.UTC()
	}
	return c.Window.Validate()
}

func (c *Case) setWant(data string) error {
	text, err := cttest.Expand(data)
	if err != nil {
		return err
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	all, err := r.ReadAll()
	if err != nil {
		return err
	}
	c.Header, c.Rows = nil, nil
	if len(all) > 0 {
		c.Header, c.Rows = all[0], all[1:]
	}
	return nil
}

func (c *Case) check() error {
	switch {
	case !strings.HasPrefix(c.Name, "fires") && !strings.HasPrefix(c.Name, "quiet"):
		return fmt.Errorf("the name begins neither with fires nor with quiet")
	case c.Window.Start.IsZero():
		return fmt.Errorf("there is no window")
	case c.events == "" && c.jsonl == "":
		return fmt.Errorf("there are no events")
	case c.Fires() && len(c.Rows) == 0:
		return fmt.Errorf("it should fire, and want.csv has no row")
	case !c.Fires() && len(c.Rows) > 0:
		return fmt.Errorf("it should be quiet, and want.csv has rows")
	}
	return nil
}

// Records returns the case's CloudTrail records.
func (c *Case) Records() ([][]byte, error) {
	records, err := cttest.ParseLines(c.events)
	if err != nil {
		return nil, fmt.Errorf("case %s: %w", c.Name, err)
	}
	scan := bufio.NewScanner(strings.NewReader(c.jsonl))
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		line := bytes.TrimSpace(scan.Bytes())
		if len(line) == 0 {
			continue
		}
		if !json.Valid(line) {
			return nil, fmt.Errorf("case %s: a line of events.jsonl is not JSON", c.Name)
		}
		records = append(records, bytes.Clone(line))
	}
	return records, scan.Err()
}

// Merge puts the events of cases together that have the same configuration and no
// state: one case for each configuration, which wants nothing. Who compares engines
// needs no more, and loads a few stores instead of many.
func Merge(cases []Case) []Case {
	var out []Case
	for _, c := range cases {
		i := slices.IndexFunc(out, func(m Case) bool {
			return reflect.DeepEqual(m.Config, c.Config) && reflect.DeepEqual(m.State, c.State) && reflect.DeepEqual(c.State, State{})
		})
		if i < 0 {
			out = append(out, Case{File: c.File, Name: c.Name, Window: c.Window, Config: c.Config, State: c.State, events: c.events, jsonl: c.jsonl})
			continue
		}
		out[i].events += "\n" + c.events
		out[i].jsonl += "\n" + c.jsonl
	}
	return out
}

// Times returns the times of the case's records.
func (c *Case) Times() ([]time.Time, error) {
	records, err := c.Records()
	if err != nil {
		return nil, err
	}
	times := make([]time.Time, 0, len(records))
	for _, r := range records {
		times = append(times, headOf(r).Time)
	}
	return times, nil
}

// LogFile is a gzipped log file with the key of its object.
type LogFile struct {
	Key  string
	Body []byte
}

// Files returns the case's log files: as CloudTrail delivers them, one for each
// account, Region and day, five minutes after the first event in it; or with
// split several, and the records in reverse.
func (c *Case) Files(split bool) ([]LogFile, error) {
	records, err := c.Records()
	if err != nil {
		return nil, err
	}
	const files = 5
	var order []string
	parts := map[string][][]byte{}
	if split {
		slices.Reverse(records)
	}
	for i, r := range records {
		h := headOf(r)
		name := h.Account + h.Region + h.Time.Format(time.DateOnly)
		if split {
			name = fmt.Sprint(i % files)
		}
		if parts[name] == nil {
			order = append(order, name)
		}
		parts[name] = append(parts[name], r)
	}
	out := make([]LogFile, 0, len(order))
	for _, name := range order {
		h := headOf(parts[name][0])
		if h.Time.IsZero() {
			h.Time = c.Window.Start
		}
		key := cttest.Key("", "", h.Account, h.Region, h.Time.Add(5*time.Minute), cttest.Suffix(c.Name, name))
		out = append(out, LogFile{key, cttest.LogFile(parts[name]...)})
	}
	return out, nil
}

// head is what a log file's key needs of a record.
type head struct {
	Time    time.Time
	Account string
	Region  string
}

// headOf reads a record that may lack anything.
func headOf(record []byte) head {
	var raw struct {
		Time    string `json:"eventTime"`
		Account string `json:"recipientAccountId"`
		Region  string `json:"awsRegion"`
	}
	h := head{Account: cttest.Account("main"), Region: "us-east-1"}
	if json.Unmarshal(record, &raw) != nil {
		return h
	}
	if t, err := time.Parse(time.RFC3339, raw.Time); err == nil {
		h.Time = t
	}
	if raw.Account != "" {
		h.Account = raw.Account
	}
	if raw.Region != "" {
		h.Region = raw.Region
	}
	return h
}
