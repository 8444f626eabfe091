package sqlcase

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/uuid"
	"golang.org/x/tools/txtar"

	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/schema"
)

// Store is an empty database that a case is loaded into.
type Store interface {
	// Replace deletes all rows of a table and adds new ones.
	Replace(ctx context.Context, t *schema.Table, rec arrow.RecordBatch) error
	// Ingest reads log files, one after the other. selfs are the principals
	// that count as our own.
	Ingest(ctx context.Context, files []LogFile, selfs []string) error
	Close() error
}

// Load puts a case's configuration and log files into an empty store.
func (c *Case) Load(ctx context.Context, s Store, split bool) error {
	for _, t := range []struct {
		table *schema.Table
		rows  []map[string]any
		more  [][]any
	}{
		{&schema.Accounts, c.Config.Accounts, nil},
		{&schema.TrustRules, c.Config.TrustRules, nil},
		{&schema.ContextRules, c.Config.ContextRules, nil},
		{&schema.RotationPolicy, c.Config.RotationPolicy, nil},
		{&schema.Quotas, c.Config.Quotas, schema.DefaultQuotas()},
		{&schema.Prices, nil, schema.DefaultPrices()},
		{&schema.KeyStandards, c.Config.KeyStandards, nil},
		{&schema.ExpectedKeys, c.Config.ExpectedKeys, nil},
		{&schema.Environments, c.Config.Environments, nil},
	} {
		rows, err := tableRows(t.table, t.rows)
		if err != nil {
			return fmt.Errorf("case %s: config: %w", c.Name, err)
		}
		if err := c.replace(ctx, s, t.table, append(rows, t.more...)); err != nil {
			return err
		}
	}
	files, err := c.Files(split)
	if err != nil {
		return err
	}
	if err := s.Ingest(ctx, files, c.Config.SelfPrincipals); err != nil {
		return fmt.Errorf("case %s: ingest: %w", c.Name, err)
	}
	return c.loadState(ctx, s)
}

func (c *Case) loadState(ctx context.Context, s Store) error {
	for _, t := range []struct {
		table *schema.Table
		rows  []map[string]any
	}{
		{&schema.DetectorRuns, c.State.DetectorRuns},
		{&schema.Findings, c.State.Findings},
		{&schema.FindingWindows, c.State.FindingWindows},
		{&schema.ChangedCells, c.State.ChangedCells},
		{&schema.InventoryScopes, c.State.InventoryScopes},
		{&schema.InventoryKeys, c.State.InventoryKeys},
		{&schema.InventoryRotations, c.State.InventoryRotations},
		{&schema.InventoryRoles, c.State.InventoryRoles},
	} {
		if t.rows == nil {
			continue
		}
		rows, err := tableRows(t.table, t.rows)
		if err != nil {
			return fmt.Errorf("case %s: state: %w", c.Name, err)
		}
		fill(t.table, rows)
		if err := c.replace(ctx, s, t.table, rows); err != nil {
			return err
		}
	}
	return nil
}

func (c *Case) replace(ctx context.Context, s Store, t *schema.Table, rows [][]any) error {
	rec, err := schema.Rows(t, rows)
	if err != nil {
		return fmt.Errorf("case %s: %w", c.Name, err)
	}
	defer rec.Release()
	if err := s.Replace(ctx, t, rec); err != nil {
		return fmt.Errorf("case %s: load %s: %w", c.Name, t.Name, err)
	}
	return nil
}

// fill puts empty values where a column must have one.
func fill(t *schema.Table, rows [][]any) {
	for _, row := range rows {
		for i, c := range t.Columns {
			if row[i] == nil && c.NotNull {
				row[i] = empty(c.Type)
			}
		}
	}
}

func empty(t schema.Type) any {
	switch t {
	case schema.Integer, schema.Bigint:
		return 0
	case schema.Timestamp:
		return time.Unix(0, 0).UTC()
	case schema.UUID:
		return uuid.UUID{}
	case schema.StringSet:
		return []string{}
	default:
		return ""
	}
}

// tableRows puts rows by column name into the table's order.
func tableRows(t *schema.Table, rows []map[string]any) ([][]any, error) {
	names := make([]string, len(t.Columns))
	for i, col := range t.Columns {
		names[i] = col.Name
	}
	out := make([][]any, 0, len(rows))
	for _, row := range rows {
		values := make([]any, len(names))
		for name, v := range row {
			i := t.Column(name)
			if i < 0 {
				return nil, fmt.Errorf("%s has no column %q; did you mean %q?", t.Name, name, sqlfile.Nearest(name, names))
			}
			values[i] = convert(v, t.Columns[i].Type)
		}
		if i := t.Column("origin"); i >= 0 && values[i] == nil {
			values[i] = "override"
		}
		out = append(out, values)
	}
	return out, nil
}

// convert brings what YAML gives to the column's type.
func convert(v any, t schema.Type) any {
	switch t {
	case schema.Varchar:
		if v != nil {
			return fmt.Sprint(v)
		}
	case schema.Double:
		if x, err := strconv.ParseFloat(fmt.Sprint(v), 64); err == nil {
			return x
		}
	case schema.Integer, schema.Bigint:
		if n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64); err == nil {
			return n
		}
	case schema.Timestamp:
		if at, err := time.Parse(time.RFC3339, fmt.Sprint(v)); err == nil {
			return at.UTC()
		}
	case schema.StringSet:
		if list, ok := v.([]any); ok {
			texts := make([]string, len(list))
			for i, x := range list {
				texts[i] = fmt.Sprint(x)
			}
			return texts
		}
	case schema.StringMap:
		if m, ok := v.(map[string]any); ok {
			texts := map[string]string{}
			for key, x := range m {
				texts[key] = fmt.Sprint(x)
			}
			return texts
		}
	case schema.UUID:
		if v != nil {
			return uuid.MustParse(cttest.UUID(fmt.Sprint(v)))
		}
	}
	return v
}

// Cell renders a value as want.csv writes it: NULL is empty, times are RFC
// 3339, lists have blanks between their elements.
func Cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(time.RFC3339Nano)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, el := range v {
			parts[i] = Cell(el)
		}
		return strings.Join(parts, " ")
	case []string:
		return strings.Join(v, " ")
	default:
		return fmt.Sprint(v)
	}
}

// Compare renders the wanted columns of the rows that came and compares them
// with what is wanted. It returns what came, and "" or the difference.
func (c *Case) Compare(columns []string, rows []map[string]any) (got [][]string, diff string) {
	header := c.Header
	if len(header) == 0 {
		header = columns
	}
	for _, name := range header {
		if !slices.Contains(columns, name) {
			return nil, fmt.Sprintf("want.csv has the column %q, which the result has not; it has %s", name, strings.Join(columns, ", "))
		}
	}
	for _, row := range rows {
		cells := make([]string, len(header))
		for i, name := range header {
			cells[i] = Cell(row[name])
		}
		got = append(got, cells)
	}
	if slices.EqualFunc(got, c.Rows, slices.Equal) {
		return got, ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "   %s\n", strings.Join(header, ","))
	for i := range max(len(got), len(c.Rows)) {
		switch {
		case i >= len(got):
			fmt.Fprintf(&b, "want %s\n", strings.Join(c.Rows[i], ","))
		case i >= len(c.Rows):
			fmt.Fprintf(&b, "got  %s\n", strings.Join(got[i], ","))
		case !slices.Equal(got[i], c.Rows[i]):
			fmt.Fprintf(&b, "want %s\ngot  %s\n", strings.Join(c.Rows[i], ","), strings.Join(got[i], ","))
		}
	}
	return got, b.String()
}

var shorthand = regexp.MustCompile(`\b(?:key|role|user)/[A-Za-z0-9_./@:-]+`)

// Rewrite returns the file with the rows that came in place of those wanted,
// for the cases in got. ARNs are written as the short names in the events.
func Rewrite(src []byte, got map[string][][]string) ([]byte, error) {
	var short []string // pairs for a Replacer
	for _, name := range shorthand.FindAllString(string(src), -1) {
		arn, err := cttest.Expand("{" + name + "}")
		if err == nil && arn != "{"+name+"}" {
			short = append(short, arn, "{"+name+"}")
		}
	}
	replacer := strings.NewReplacer(short...)
	archive := txtar.Parse(src)
	for i, part := range archive.Files {
		name, what, _ := strings.Cut(part.Name, "/")
		rows, ok := got[name]
		if !ok || what != "want.csv" {
			continue
		}
		header, _, _ := bytes.Cut(part.Data, []byte("\n"))
		var b bytes.Buffer
		b.Write(header)
		b.WriteByte('\n')
		w := csv.NewWriter(&b)
		for _, row := range rows {
			cells := make([]string, len(row))
			for j, cell := range row {
				cells[j] = replacer.Replace(cell)
			}
			if err := w.Write(cells); err != nil {
				return nil, err
			}
		}
		w.Flush()
		archive.Files[i].Data = b.Bytes()
	}
	return txtar.Format(archive), nil
}
