package output

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Formats lists the formats Write knows.
func Formats() []string { return []string{"table", "csv", "json", "jsonl", "parquet"} }

// Options say how results are written.
type Options struct {
	// Format is one of Formats.
	Format string
	// Width is the terminal's width in columns; a table is cut to it. 0 means
	// no limit.
	Width int
	// RawCSV writes text cells as they are, also those a spreadsheet would
	// take for a formula.
	RawCSV bool
}

// Write streams what r holds to w and returns the number of rows. The caller
// keeps r and releases it.
func Write(w io.Writer, r array.RecordReader, opts Options) (int64, error) {
	if opts.Format == "parquet" {
		return writeParquet(w, r)
	}
	b := bufio.NewWriterSize(w, 64<<10)
	var n int64
	var err error
	switch opts.Format {
	case "table":
		n, err = writeTable(b, r, opts.Width)
	case "csv":
		n, err = writeCSV(b, r, opts.RawCSV)
	case "json", "jsonl":
		n, err = writeJSON(b, r, opts.Format == "json")
	default:
		return 0, fmt.Errorf("unknown output format %q", opts.Format)
	}
	// What was computed before an error is still shown.
	if ferr := b.Flush(); err == nil && ferr != nil {
		err = fmt.Errorf("write result: %w", ferr)
	}
	return n, err
}

// each calls row for every row, with the batch and the row's position in it.
func each(r array.RecordReader, row func(rec arrow.RecordBatch, i int) error) (int64, error) {
	var n int64
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			if err := row(rec, i); err != nil {
				return n, fmt.Errorf("write result: %w", err)
			}
			n++
		}
	}
	return n, r.Err()
}

// columnNames makes names unique, because an object cannot have one twice.
func columnNames(s *arrow.Schema) []string {
	names := make([]string, s.NumFields())
	seen := map[string]bool{}
	for i, f := range s.Fields() {
		name := f.Name
		for k := 2; seen[name]; k++ {
			name = f.Name + "_" + strconv.Itoa(k)
		}
		seen[name] = true
		names[i] = name
	}
	return names
}

func writeCSV(w io.Writer, r array.RecordReader, raw bool) (int64, error) {
	c := csv.NewWriter(w)
	if err := c.Write(columnNames(r.Schema())); err != nil {
		return 0, fmt.Errorf("write result: %w", err)
	}
	cells := make([]string, r.Schema().NumFields())
	var buf []byte
	n, err := each(r, func(rec arrow.RecordBatch, i int) error {
		for j, col := range rec.Columns() {
			cells[j] = ""
			if col.IsNull(i) {
				continue
			}
			buf = appendText(buf[:0], col, i)
			cells[j] = string(buf)
			if !raw && isText(col.DataType()) {
				cells[j] = guard(cells[j])
			}
		}
		return c.Write(cells)
	})
	c.Flush()
	if err == nil && c.Error() != nil {
		err = fmt.Errorf("write result: %w", c.Error())
	}
	return n, err
}

// guard keeps a spreadsheet from taking text for a formula.
func guard(s string) string {
	if s == "" {
		return s
	}
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r':
		return "'" + s
	}
	return s
}

// writeJSON writes an array with an object per line, or JSON lines.
func writeJSON(w io.Writer, r array.RecordReader, asArray bool) (int64, error) {
	keys := make([][]byte, r.Schema().NumFields())
	for j, name := range columnNames(r.Schema()) {
		if j > 0 {
			keys[j] = append(keys[j], ',')
		}
		keys[j] = append(appendString(keys[j], name), ':')
	}
	open, between, end := "", "\n", "\n"
	if asArray {
		open, between, end = "[\n", ",\n", "\n]\n"
	}
	var buf []byte
	separator := open
	n, err := each(r, func(rec arrow.RecordBatch, i int) error {
		buf = append(append(buf[:0], separator...), '{')
		separator = between
		for j, col := range rec.Columns() {
			buf = append(buf, keys[j]...)
			buf = appendJSON(buf, col, i)
		}
		_, err := w.Write(append(buf, '}'))
		return err
	})
	if err != nil {
		return n, err
	}
	if n == 0 && !asArray {
		return 0, nil
	}
	if n == 0 {
		end = "[]\n"
	}
	if _, err := io.WriteString(w, end); err != nil {
		return n, fmt.Errorf("write result: %w", err)
	}
	return n, nil
}

// Record returns the names of the columns that have a value in row i of rec,
// and the values as text, or as JSON.
func Record(rec arrow.RecordBatch, i int, asJSON bool) (names, values []string) {
	all := columnNames(rec.Schema())
	for j, col := range rec.Columns() {
		if col.IsNull(i) {
			continue
		}
		names = append(names, all[j])
		if asJSON {
			values = append(values, string(appendJSON(nil, col, i)))
		} else {
			values = append(values, string(appendText(nil, col, i)))
		}
	}
	return names, values
}
