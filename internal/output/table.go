package output

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/rivo/uniseg"
)

// sampleRows decide the widths of a table's columns; rows after them are
// streamed and may stick out.
const sampleRows = 2000

// typeKey is where the store notes a column's type that Arrow does not tell
// from text.
const typeKey = "ARROW:FLIGHT:SQL:TYPE_NAME"

// maxCell is the longest text a cell of a table holds on a terminal of unknown
// or great width; a key policy would fill screens.
const maxCell = 400

// Table is an aligned table of text for people. Cells are cleaned.
type Table struct {
	Head []string
	// Right says which columns are aligned to the right.
	Right []bool
	Rows  [][]string
	// Width is the greatest width of a line in columns; 0 means no limit.
	Width int
}

// Write prints the table: head, rule, rows, two spaces between columns.
func (t *Table) Write(w io.Writer) error {
	p := newTablePrinter(w, t.Head, t.Right, t.Width)
	for _, row := range t.Rows {
		p.measure(row)
	}
	if err := p.head(); err != nil {
		return err
	}
	for _, row := range t.Rows {
		if err := p.row(row); err != nil {
			return err
		}
	}
	return nil
}

// writePlan prints what EXPLAIN returns: a drawing of many lines in a cell.
func writePlan(w io.Writer, r array.RecordReader) (int64, error) {
	return each(r, func(rec arrow.RecordBatch, i int) error {
		_, err := io.WriteString(w, Indent(textCells(rec, i)[1], "")+"\n")
		return err
	})
}

func writeTable(w io.Writer, r array.RecordReader, width int) (int64, error) {
	if s := r.Schema(); s.NumFields() == 2 && s.Field(0).Name == "explain_key" {
		return writePlan(w, r)
	}
	names := make([]string, r.Schema().NumFields())
	right := make([]bool, len(names))
	for j, f := range r.Schema().Fields() {
		names[j], right[j] = f.Name, isNumber(f.Type)
	}
	p := newTablePrinter(w, names, right, width)
	for j, f := range r.Schema().Fields() {
		kind, _ := f.Metadata.GetValue(typeKey)
		p.fixed[j] = right[j] || isTime(f.Type) || kind == "UUID"
	}
	var sample [][]string
	flush := func() error {
		if err := p.head(); err != nil {
			return err
		}
		for _, row := range sample {
			if err := p.row(row); err != nil {
				return err
			}
		}
		sample = nil
		return nil
	}
	n, err := each(r, func(rec arrow.RecordBatch, i int) error {
		cells := textCells(rec, i)
		if p.printed {
			return p.row(cells)
		}
		p.measure(cells)
		if sample = append(sample, cells); len(sample) == sampleRows {
			return flush()
		}
		return nil
	})
	if !p.printed && (err == nil || len(sample) > 0) {
		if ferr := flush(); err == nil && ferr != nil {
			err = fmt.Errorf("write result: %w", ferr)
		}
	}
	return n, err
}

func textCells(rec arrow.RecordBatch, i int) []string {
	cells := make([]string, rec.NumCols())
	for j, col := range rec.Columns() {
		cells[j] = "NULL"
		if !col.IsNull(i) {
			cells[j] = cutBytes(cellText(col, i))
		}
	}
	return cells
}

// cellText is the value for people: seven digits of a DOUBLE tell enough.
func cellText(col arrow.Array, i int) string {
	if f, ok := col.(*array.Float64); ok && math.Abs(f.Value(i)) < 1e9 && math.Abs(f.Value(i)) > 1e-4 {
		s := strconv.FormatFloat(f.Value(i), 'g', 7, 64)
		if !strings.Contains(s, "e") {
			return s
		}
	}
	return string(appendText(nil, col, i))
}

// cutBytes bounds the work on one cell; what is cut would not be shown.
func cutBytes(s string) string {
	const limit = 8 * maxCell
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

type tablePrinter struct {
	w       io.Writer
	names   []string
	right   []bool
	fixed   []bool // never cut: half a number is a wrong number
	width   int
	widths  []int
	printed bool
	// records are printed one cell a line, because the columns do not fit.
	records bool
	count   int
}

func newTablePrinter(w io.Writer, names []string, right []bool, width int) *tablePrinter {
	p := &tablePrinter{w: w, right: right, width: width, widths: make([]int, len(names)), fixed: make([]bool, len(names))}
	for _, n := range names {
		p.names = append(p.names, Clean(n))
	}
	if p.right == nil {
		p.right = make([]bool, len(names))
	}
	p.measure(p.names)
	return p
}

// measure cleans the cells and widens columns to hold them.
func (p *tablePrinter) measure(cells []string) {
	for j, c := range cells {
		cells[j] = Clean(c)
		p.widths[j] = max(p.widths[j], min(uniseg.StringWidth(cells[j]), maxCell))
	}
}

// fit narrows the widest columns until the line fits the terminal, and reports
// whether that went.
func (p *tablePrinter) fit() bool {
	const narrowest = 8
	for p.width > 0 && len(p.widths) > 1 {
		total, widest := 2*(len(p.widths)-1), -1
		for j, w := range p.widths {
			total += w
			if !p.fixed[j] && (widest < 0 || w > p.widths[widest]) {
				widest = j
			}
		}
		if total <= p.width {
			return true
		}
		if widest < 0 || p.widths[widest] <= narrowest {
			return false
		}
		p.widths[widest]--
	}
	return true
}

func (p *tablePrinter) head() error {
	p.printed = true
	if p.records = !p.fit(); p.records {
		return nil
	}
	if err := p.row(p.names); err != nil {
		return err
	}
	rule := make([]string, len(p.widths))
	for j, w := range p.widths {
		rule[j] = strings.Repeat("─", w)
	}
	return p.row(rule)
}

// record prints a row as a block with a line per cell.
func (p *tablePrinter) record(cells []string) error {
	p.count++
	widest := 0
	for _, n := range p.names {
		widest = max(widest, uniseg.StringWidth(n))
	}
	var b strings.Builder
	title := "── row " + Count(int64(p.count)) + " "
	b.WriteString(title + strings.Repeat("─", max(widest+20-uniseg.StringWidth(title), 2)) + "\n")
	for j, c := range cells {
		pad := strings.Repeat(" ", widest-uniseg.StringWidth(p.names[j]))
		b.WriteString(p.names[j] + pad + "  " + Cut(Clean(c), max(p.width-widest-2, maxCell/10)) + "\n")
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

func (p *tablePrinter) row(cells []string) error {
	if p.records {
		return p.record(cells)
	}
	var b strings.Builder
	for j, c := range cells {
		if j > 0 {
			b.WriteString("  ")
		}
		c = shorten(Clean(c), p.widths[j])
		pad := strings.Repeat(" ", max(p.widths[j]-uniseg.StringWidth(c), 0))
		if p.right[j] {
			b.WriteString(pad + c)
		} else {
			b.WriteString(c + pad)
		}
	}
	_, err := io.WriteString(p.w, strings.TrimRight(b.String(), " ")+"\n")
	return err
}

// shorten cuts a cell to width columns. ARNs differ at the end.
func shorten(s string, width int) string {
	if !strings.HasPrefix(s, "arn:") || len(s) <= width || width < 8 || !isASCII(s) {
		return Cut(s, width)
	}
	head := width / 3
	return s[:head] + "…" + s[len(s)-(width-1-head):]
}

// Cut shortens s to width columns, with an ellipsis when something is left out.
func Cut(s string, width int) string {
	if uniseg.StringWidth(s) <= width {
		return s
	}
	var b strings.Builder
	used := 0
	g := uniseg.NewGraphemes(s)
	for g.Next() {
		if used+g.Width() > width-1 {
			break
		}
		used += g.Width()
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}

// Drop removes a column.
func (t *Table) Drop(column int) {
	t.Head = slices.Delete(t.Head, column, column+1)
	if t.Right != nil {
		t.Right = slices.Delete(t.Right, column, column+1)
	}
	for i := range t.Rows {
		t.Rows[i] = slices.Delete(t.Rows[i], column, column+1)
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
