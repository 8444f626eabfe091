//go:build duckdb_arrow

package duck

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/kmstrail/kmstrail/schema"
)

// stage puts rows into a temporary table of the connection, made anew.
func (c *conn) stage(ctx context.Context, t *schema.Table, rec arrow.RecordBatch, keep []bool) error {
	sql := strings.Replace(t.CreateSQL(), "CREATE TABLE "+t.Name, "CREATE OR REPLACE TEMP TABLE "+t.Name, 1)
	if err := c.exec(ctx, sql); err != nil {
		return fmt.Errorf("stage %s: %w", t.Name, err)
	}
	return c.append(ctx, "temp", t.Name, rec, keep)
}

// batchRow is the column that a staged row's position in its batch stands in.
// A row id would not do: within a transaction they start elsewhere.
var batchRow = schema.Column{Name: "batch_row", Type: schema.Integer}

var batchIDs = schema.Table{Name: "batch_ids", Columns: []schema.Column{batchRow, {Name: "event_id", Type: schema.UUID}}}

// findKnown reports for each row whether the table holds its event id.
func (c *conn) findKnown(ctx context.Context, table string, r *rows) ([]bool, error) {
	known := make([]bool, len(r.ids))
	rec := numbered(batchIDs.Arrow(), []arrow.Array{column(r.rec, "event_id")}, len(r.ids))
	defer rec.Release()
	if err := c.stage(ctx, &batchIDs, rec, nil); err != nil {
		return nil, err
	}
	hits, err := c.int64s(ctx, `SELECT b.batch_row::BIGINT FROM `+
		inSpans(table, "event_id", "event_time", r.spans, false)+` e
		JOIN temp.batch_ids b ON b.event_id = e.event_id`)
	if err != nil {
		return nil, fmt.Errorf("look for known events: %w", err)
	}
	for _, i := range hits {
		known[i] = true
	}
	return known, nil
}

// numbered puts the column batch_row before others.
func numbered(s *arrow.Schema, columns []arrow.Array, n int) arrow.RecordBatch {
	b := array.NewInt32Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(n)
	for i := range n {
		b.UnsafeAppend(int32(i))
	}
	numbers := b.NewArray()
	defer numbers.Release()
	return array.NewRecordBatch(s, append([]arrow.Array{numbers}, columns...), int64(n))
}

// int64s returns the first column of a query, which must be BIGINT.
func (c *conn) int64s(ctx context.Context, sql string) ([]int64, error) {
	var out []int64
	err := c.each(ctx, func(rec arrow.RecordBatch) error {
		out = append(out, rec.Column(0).(*array.Int64).Int64Values()...)
		return nil
	}, sql)
	return out, err
}

// batchEvents is kms_events with the position in the batch.
func batchEvents() *schema.Table {
	t := &schema.Table{Name: "batch_events", Columns: []schema.Column{batchRow}}
	t.Columns = append(t.Columns, schema.KMSEvents.Columns...)
	return t
}

// difference is a row whose stored twin has other content.
type difference struct {
	row             int
	storedFile      int64
	storedIndex     int32
	columns         string // comma-separated
	arrived, stored string // remainders
	excerpt         string // the row that arrived, as JSON
	storedExcerpt   string
}

// judge compares rows with those stored under the same event id: equal ones are
// duplicates, others go to quarantine.
func (t *commit) judge(ctx context.Context, r *rows, compare []bool) error {
	staged := batchEvents()
	rec := numbered(staged.Arrow(), r.rec.Columns(), len(r.ids))
	defer rec.Release()
	if err := t.conn.stage(ctx, staged, rec, compare); err != nil {
		return err
	}
	var differences []difference
	err := t.conn.each(ctx, func(rec arrow.RecordBatch) error {
		differences = append(differences, readDifferences(rec)...)
		return nil
	}, compareSQL(r.spans))
	if err != nil {
		return fmt.Errorf("compare duplicates: %w", err)
	}
	conflicts, err := t.settle(ctx, r, differences)
	if err != nil {
		return err
	}
	for i, c := range compare {
		if c && !conflicts[i] {
			t.countIn(r, i, fileCounts{duplicates: 1})
			t.result.Duplicates++
		}
	}
	return nil
}

// compareSQL finds the staged rows that differ from their stored twin. Maps
// and lists are compared without regard to order.
func compareSQL(spans []span) string {
	var parts []string
	for _, c := range schema.KMSEvents.Columns {
		if c.Judged || c.Name == "log_file_id" || c.Name == "record_index" || c.Name == "event_id" {
			continue
		}
		parts = append(parts, fmt.Sprintf("CASE WHEN %s IS DISTINCT FROM %s THEN '%s' END", comparison("s", c), comparison("e", c), c.Name))
	}
	return `SELECT batch_row, log_file_id, record_index, differing, arrived, stored, to_json(twin)::VARCHAR, to_json(other)::VARCHAR FROM (
		SELECT s.batch_row, e.log_file_id, e.record_index, s.remainder AS arrived, e.remainder AS stored, s AS twin, e AS other,
			concat_ws(',', ` + strings.Join(parts, ",\n") + `) AS differing
		FROM temp.batch_events s JOIN ` + inSpans(schema.KMSEvents.Name, "*", "event_time", spans, false) + ` e
			ON e.event_id = s.event_id) WHERE differing <> ''`
}

func comparison(table string, c schema.Column) string {
	name := table + "." + ident(c.Name)
	switch c.Type {
	case schema.StringMap:
		return "list_sort(map_entries(" + name + "))"
	case schema.StringSet:
		return "list_sort(" + name + ")"
	}
	return name
}

func readDifferences(rec arrow.RecordBatch) []difference {
	out := make([]difference, rec.NumRows())
	text := func(col, i int) string { return rec.Column(col).(*array.String).Value(i) }
	for i := range out {
		out[i] = difference{
			row:         int(rec.Column(0).(*array.Int32).Value(i)),
			storedFile:  rec.Column(1).(*array.Int64).Value(i),
			storedIndex: rec.Column(2).(*array.Int32).Value(i),
			columns:     text(3, i), arrived: text(4, i), stored: text(5, i), excerpt: text(6, i), storedExcerpt: text(7, i),
		}
	}
	return out
}

// differing returns the columns that really differ: JSON may be written in more
// than one way.
func (d *difference) differing() string {
	columns := strings.Split(d.columns, ",")
	columns = slices.DeleteFunc(columns, func(c string) bool {
		return c == "remainder" && sameJSON(d.arrived, d.stored)
	})
	return strings.Join(columns, ", ")
}

// sameJSON reports whether two texts are the same JSON value. Numbers are
// compared as they are written.
func sameJSON(a, b string) bool {
	x, err := canonical(a)
	if err != nil {
		return false
	}
	y, err := canonical(b)
	return err == nil && x == y
}

func canonical(text string) (string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	out, err := json.Marshal(v)
	return string(out), err
}

// maxExcerpt is the most bytes of a record that go to quarantine.
const maxExcerpt = 4096

func excerpt(s string) []byte {
	if len(s) <= maxExcerpt {
		return []byte(s)
	}
	end := maxExcerpt
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return []byte(s[:end])
}

// idSet finds ids that occur twice. It hashes by eight bytes of the id, which
// are random in a UUID, and looks at the rest only when they agree.
type idSet struct {
	first map[uint64]eventID
	more  map[eventID]bool
}

func newIDSet(n int) *idSet {
	return &idSet{first: make(map[uint64]eventID, n), more: map[eventID]bool{}}
}

// add reports whether id is new.
func (s *idSet) add(id eventID) bool {
	key := binary.LittleEndian.Uint64(id[8:])
	other, taken := s.first[key]
	switch {
	case !taken:
		s.first[key] = id
		return true
	case other == id || s.more[id]:
		return false
	}
	s.more[id] = true
	return true
}
