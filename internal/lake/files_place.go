package lake

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/schema"
)

// sortKey is what the rows of a file are sorted by.
type sortKey [3]int64

func (k sortKey) compare(other sortKey) int {
	return cmp.Or(cmp.Compare(k[0], other[0]), cmp.Compare(k[1], other[1]), cmp.Compare(k[2], other[2]))
}

// placed are rows of a batch, with where they belong.
type placed struct {
	// columns are those of the table's files. They share memory with the batch.
	columns []arrow.Array
	rows    []position
	dirs    []string
	order   []sortKey
}

// splitter finds out where rows belong.
type splitter struct {
	t *Table
	// dirs has the names made so far.
	dirs map[partition]string
}

// partition is a region and a day in days since 1970; whichever the table has.
type partition struct {
	region string
	day    int64
}

func newSplitter(t *Table) *splitter { return &splitter{t: t, dirs: map[partition]string{}} }

// place looks at the rows of a batch in the schema of the store's table.
func (s *splitter) place(rec arrow.RecordBatch, file func(row int) FileTimes) (placed, error) {
	columns, err := columnsOf(s.t.Of, rec)
	if err != nil {
		return placed{}, err
	}
	if file == nil {
		file = func(int) FileTimes { return FileTimes{} }
	}
	p := placed{columns: s.fileColumns(columns, int(rec.NumRows()), file)}
	order := s.orderBy(columns)
	isChange := s.changes(columns)
	for row := range int(rec.NumRows()) {
		if !isChange(row) {
			continue
		}
		p.rows = append(p.rows, position{0, int32(row)})
		p.order = append(p.order, order(row))
		p.dirs = append(p.dirs, s.dir(s.partition(columns, row, file)))
	}
	return p, nil
}

// columnsOf returns the columns of a batch by name, UUIDs as text.
func columnsOf(t *schema.Table, rec arrow.RecordBatch) (map[string]arrow.Array, error) {
	columns := make(map[string]arrow.Array, len(t.Columns))
	for _, c := range t.Columns {
		at := rec.Schema().FieldIndices(c.Name)
		if len(at) != 1 {
			return nil, fmt.Errorf("the rows have %d columns %s", len(at), c.Name)
		}
		col, err := inFileType(c, rec.Column(at[0]))
		if err != nil {
			return nil, err
		}
		columns[c.Name] = col
	}
	return columns, nil
}

// inFileType checks a column's type, and makes text of UUIDs.
func inFileType(c schema.Column, col arrow.Array) (arrow.Array, error) {
	if ext, ok := col.(array.ExtensionArray); ok {
		col = ext.Storage()
	}
	if ids, ok := col.(*array.FixedSizeBinary); ok && c.Type == schema.UUID {
		return uuidText(ids)
	}
	if want := fileType(c.Type); !arrow.TypeEqual(col.DataType(), want) {
		return nil, fmt.Errorf("column %s is %s, not %s", c.Name, col.DataType(), want)
	}
	return col, nil
}

func uuidText(ids *array.FixedSizeBinary) (arrow.Array, error) {
	b := newTextBuilder(ids.Len(), 36*(ids.Len()-ids.NullN()))
	defer b.Release()
	for i := range ids.Len() {
		if ids.IsNull(i) {
			b.AppendNull()
			continue
		}
		id, err := uuid.FromBytes(ids.Value(i))
		if err != nil {
			return nil, err
		}
		b.Append(id.String())
	}
	return b.NewArray(), nil
}

// fileColumns picks the columns of the table's files.
func (s *splitter) fileColumns(columns map[string]arrow.Array, rows int, file func(row int) FileTimes) []arrow.Array {
	var list []arrow.Array
	for _, c := range s.t.Columns() {
		col := columns[c.Name]
		if c.Name == WrittenAt.Name {
			col = writtenColumn(rows, file)
		}
		list = append(list, col)
	}
	return list
}

// writtenColumn is object_written_at: the time of delivery where the object's
// own is not known.
func writtenColumn(rows int, file func(row int) FileTimes) arrow.Array {
	b := newTimestampBuilder(rows)
	defer b.Release()
	for row := range rows {
		times := file(row)
		if at := firstTime(times.Written, times.Delivered); !at.IsZero() {
			b.Append(arrow.Timestamp(at.UnixMicro()))
		} else {
			b.AppendNull()
		}
	}
	return b.NewArray()
}

func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// changes tells which rows the table takes.
func (s *splitter) changes(columns map[string]arrow.Array) func(row int) bool {
	if s.t.Name != ChangeEvents {
		return func(int) bool { return true }
	}
	names := columns["event_name"].(*array.String)
	return func(row int) bool { return IsChangeEvent(names.Value(row)) }
}

// orderBy returns what a row is sorted by: events by time, and everything in an
// order that follows from its content alone.
func (s *splitter) orderBy(columns map[string]arrow.Array) func(row int) sortKey {
	number := func(name string) func(row int) int64 {
		switch col := columns[name].(type) {
		case *array.Int64:
			return col.Value
		case *array.Int32:
			return func(row int) int64 { return int64(col.Value(row)) }
		case *array.Timestamp:
			return func(row int) int64 { return int64(col.Value(row)) }
		}
		return func(int) int64 { return 0 }
	}
	switch s.t.Of {
	case &schema.KMSEvents, &schema.RelatedEvents:
		at, file, index := number("event_time"), number("log_file_id"), number("record_index")
		return func(row int) sortKey { return sortKey{at(row), file(row), index(row)} }
	case &schema.LogFiles, &schema.Quarantine:
		file, index, offset := number("log_file_id"), number("record_index"), number("byte_offset")
		return func(row int) sortKey { return sortKey{file(row), index(row), offset(row)} }
	case &schema.Corrections:
		ids := columns["event_id"].(*array.String)
		return func(row int) sortKey { return uuidKey(ids.Value(row)) }
	}
	return func(int) sortKey { return sortKey{} }
}

func uuidKey(text string) sortKey {
	id, err := uuid.Parse(text)
	if err != nil {
		return sortKey{}
	}
	return sortKey{int64(binary.BigEndian.Uint64(id[:8])), int64(binary.BigEndian.Uint64(id[8:]))}
}

// partition returns that of a row.
func (s *splitter) partition(columns map[string]arrow.Array, row int, file func(row int) FileTimes) partition {
	var p partition
	for _, c := range s.t.Partitions {
		switch c.Name {
		case regionColumn.Name:
			p.region = PartitionRegion(columns["region"].(*array.String).Value(row))
		case dayColumn.Name:
			event := moment(columns["event_time"], row)
			times := file(row)
			p.day = days(PartitionDay(event, firstTime(times.Delivered, times.Written, event)))
		case deliveryDayColumn.Name:
			times := file(row)
			p.day = days(firstTime(times.Delivered, times.Written, moment(columns["ingested_at"], row)))
		}
	}
	return p
}

func moment(col arrow.Array, row int) time.Time {
	times := col.(*array.Timestamp)
	if times.IsNull(row) {
		return time.Time{}
	}
	return time.UnixMicro(int64(times.Value(row))).UTC()
}

func days(t time.Time) int64 { return t.Truncate(24*time.Hour).Unix() / 86400 }

// dir returns the directory of a partition, with the table's and a slash.
func (s *splitter) dir(p partition) string {
	if dir, ok := s.dirs[p]; ok {
		return dir
	}
	dir := s.t.Name + "/"
	for _, c := range s.t.Partitions {
		value := time.Unix(p.day*86400, 0).UTC().Format(time.DateOnly)
		if c.Name == regionColumn.Name {
			value = p.region
		}
		dir += c.Name + "=" + value + "/"
	}
	p.region = strings.Clone(p.region) // it lies in a batch
	s.dirs[p] = dir
	return dir
}
