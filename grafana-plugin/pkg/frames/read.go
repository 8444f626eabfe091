package frames

import (
	"cmp"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// A table is a result as it came, in memory.
type table struct {
	columns   []*column
	byName    map[string]*column
	rows      int
	truncated bool
	// seriesLeft is how many series are not shown.
	seriesLeft int64
	notices    []data.Notice
	dress      dresser
	options    Options
}

// Read makes frames of what r still has. It does not release r, and leaves rows
// in it when a limit ends the result.
//
// It fails when the stream does, whatever came before; when a column has a type
// that it does not know; and when the columns do not make the format.
func Read(r array.RecordReader, o Options) (Result, error) {
	o.MaxRows = cmp.Or(max(o.MaxRows, 0), DefaultMaxRows)
	o.MaxSeries = cmp.Or(max(o.MaxSeries, 0), DefaultMaxSeries)
	o.MaxBytes = cmp.Or(max(o.MaxBytes, 0), DefaultMaxBytes)
	if err := checkFill(o.Fill); err != nil {
		return Result{}, err
	}
	columns, err := newColumns(r.Schema())
	if err != nil {
		return Result{}, err
	}
	t := newTable(columns, o)
	makeFrame, err := t.shape()
	if err != nil {
		return Result{}, err
	}
	if err := t.take(r); err != nil {
		return Result{}, fmt.Errorf("read result: %w", err)
	}
	result := Result{Rows: int64(t.rows)}
	if t.rows > 0 {
		if frame := makeFrame(); rowsOf(frame) > 0 {
			frame.RefID = o.RefID
			frame.Meta.Notices = t.notices
			result.Frames = data.Frames{frame}
		}
	}
	// Making the frame may itself have left something out.
	result.Truncated, result.SeriesLeft, result.Notices = t.truncated, t.seriesLeft, t.notices
	return result, nil
}

func newTable(columns []*column, o Options) *table {
	t := &table{columns: columns, byName: map[string]*column{}, dress: newDresser(o), options: o}
	for _, c := range columns {
		if t.byName[c.source] == nil {
			t.byName[c.source] = c
		}
	}
	return t
}

// take reads the rows of r, as many as the limits allow.
func (t *table) take(r array.RecordReader) error {
	defer t.tellFaults()
	for r.Next() {
		batch := r.RecordBatch()
		n := int(min(batch.NumRows(), t.options.MaxRows-int64(t.rows)))
		var bytes int64
		for i, c := range t.columns {
			c.append(c, batch.Column(i), n)
			bytes += c.bytes
		}
		t.rows += n
		switch {
		case int64(n) < batch.NumRows():
			t.truncate(fmt.Sprintf("Only the first %s rows are shown, which is the limit. Narrow the time range, group more, or raise the limit.", grouped(int64(t.rows))))
			return nil
		case bytes >= t.options.MaxBytes:
			t.truncate(fmt.Sprintf("Only the first %s rows are shown: together they have reached the limit of %s MiB. Select fewer columns or rows.", grouped(int64(t.rows)), grouped(t.options.MaxBytes>>20)))
			return nil
		}
	}
	return r.Err()
}

// truncate notes that there are more rows than are shown, first of all.
func (t *table) truncate(text string) {
	t.truncated = true
	t.notices = append([]data.Notice{{Severity: data.NoticeSeverityWarning, Text: text}}, t.notices...)
}

func (t *table) notice(severity data.NoticeSeverity, format string, args ...any) {
	t.notices = append(t.notices, data.Notice{Severity: severity, Text: fmt.Sprintf(format, args...)})
}

// tellFaults says which columns have values that are not shown as they are.
func (t *table) tellFaults() {
	for _, kind := range []struct {
		count    func(f faults) int64
		severity data.NoticeSeverity
		text     string
	}{
		{func(f faults) int64 { return f.inexact }, data.NoticeSeverityWarning, "Numbers with more digits than a browser computes with, so the last ones may be wrong: %s. Cast to VARCHAR to see all digits."},
		{func(f faults) int64 { return f.outside }, data.NoticeSeverityWarning, "Times before 1678 or after 2261, which Grafana cannot show, are left empty: %s. Cast to VARCHAR to see them."},
		{func(f faults) int64 { return f.cut }, data.NoticeSeverityWarning, "Values longer than " + grouped(MaxText) + " bytes are cut: %s."},
		{func(f faults) int64 { return f.months }, data.NoticeSeverityInfo, "Months in intervals count as 30 days: %s."},
	} {
		var where []string
		for _, c := range t.columns {
			if n := kind.count(c.faults); n > 0 {
				where = append(where, fmt.Sprintf("%s (%s)", c.field.Name, grouped(n)))
			}
		}
		if len(where) > 0 {
			t.notice(kind.severity, kind.text, few(where))
		}
	}
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}

// shape returns what makes the frame, once the rows are there. The error says
// which column the format lacks.
func (t *table) shape() (func() *data.Frame, error) {
	times, numbers := t.find(isTime), t.find(isNumber)
	switch t.options.Format {
	case FormatTable:
		return t.tableFrame, nil
	case FormatTimeSeries:
		if len(times) == 0 {
			return nil, t.lacks("time series", "times")
		}
		if len(numbers) == 0 {
			return nil, t.lacks("time series", "numbers")
		}
		return t.seriesFrame, nil
	case FormatLogs:
		if len(times) == 0 {
			return nil, t.lacks("logs", "times")
		}
		return t.logsFrame, nil
	case FormatAnnotations:
		if len(times) == 0 {
			return nil, t.lacks("annotations", "times")
		}
		return t.annotationsFrame, nil
	case FormatAuto, "":
		if t.options.Bucket > 0 && len(times) > 0 && len(numbers) > 0 {
			return t.seriesFrame, nil
		}
		return t.tableFrame, nil
	}
	return nil, fmt.Errorf("the format %q is not known: it is auto, time_series, table, logs or annotations", t.options.Format)
}

func (t *table) lacks(format, what string) error {
	has := ""
	for i, c := range t.columns {
		if i > 0 {
			has += ", "
		}
		has += c.field.Name + " " + c.typeName
	}
	return fmt.Errorf("the format %s needs a column of %s, and the result has none: %s", format, what, has)
}

// find returns the columns whose field has a type.
func (t *table) find(is func(data.FieldType) bool) []*column {
	var out []*column
	for _, c := range t.columns {
		if is(c.field.Type()) {
			out = append(out, c)
		}
	}
	return out
}

func isTime(t data.FieldType) bool   { return t.Time() }
func isNumber(t data.FieldType) bool { return t.Numeric() }

// named returns the column that has the first of the names that one has; nil
// if there is none.
func (t *table) named(names ...string) *column {
	for _, name := range names {
		if c := t.byName[name]; c != nil {
			return c
		}
	}
	return nil
}

// timeColumn returns the column whose times count: the one that is called so, else
// the first.
func (t *table) timeColumn(names ...string) *column {
	for _, name := range names {
		if c := t.byName[name]; c != nil && c.field.Type().Time() {
			return c
		}
	}
	return t.find(isTime)[0]
}

// tableFrame is the rows as they came.
func (t *table) tableFrame() *data.Frame {
	frame := data.NewFrame("")
	for _, c := range t.columns {
		frame.Fields = append(frame.Fields, c.field)
		c.field.Config = t.dress.cell(c)
	}
	frame.Meta = &data.FrameMeta{Type: t.tableType(), PreferredVisualization: data.VisTypeTable}
	if frame.Meta.Type == data.FrameTypeNumericLong {
		frame.Meta.TypeVersion = data.FrameTypeVersion{0, 1}
	}
	return frame
}

// tableType tells tables that alert rules can judge row by row, by their
// numbers, with the texts as labels.
func (t *table) tableType() data.FrameType {
	numbers := 0
	for _, c := range t.columns {
		switch kind := c.field.Type(); {
		case kind.Numeric():
			numbers++
		case kind != data.FieldTypeNullableString && kind != data.FieldTypeNullableBool:
			return data.FrameTypeTable
		}
	}
	if numbers == 0 {
		return data.FrameTypeTable
	}
	return data.FrameTypeNumericLong
}

// label returns value i as a text, and whether there is one.
func (c *column) label(i int) (string, bool) {
	if text, ok := c.field.At(i).(*string); ok { // without an allocation
		if text == nil {
			return "", false
		}
		return *text, true
	}
	v, ok := c.field.ConcreteAt(i)
	if !ok {
		return "", false
	}
	return textOf(v), true
}

// timeAt returns the time of row i, and whether it has one.
func (c *column) timeAt(i int) (time.Time, bool) {
	if t, ok := c.field.At(i).(*time.Time); ok && t != nil {
		return *t, true
	}
	return time.Time{}, false
}

func rowsOf(f *data.Frame) int { return f.Fields[0].Len() }
