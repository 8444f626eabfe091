package inventory

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
)

// readCSV reads a file whose first line has the names of columns.
func (r *reader) readCSV(text []byte) {
	in := csv.NewReader(bytes.NewReader(text))
	in.ReuseRecord = true
	head, err := in.Read()
	if errors.Is(err, io.EOF) {
		r.errs.add(r.file, 1, "is empty; its first line has the names of the columns")
		return
	}
	if err != nil {
		r.csvError(err)
		return
	}
	columns := slices.Clone(head)
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	k := r.csvKind(columns)
	if k == nil {
		return
	}
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			// A broken quote shifts everything behind it.
			r.csvError(err)
			return
		}
		r.csvRecord(in, k, columns, fields)
	}
}

func (r *reader) csvError(err error) {
	if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
		r.errs.add(r.file, wrong.Line, "%v", wrong.Err)
		return
	}
	r.errs.add(r.file, 0, "%v", err)
}

// csvKind finds the kind of the rows, and says which columns it does not have.
func (r *reader) csvKind(columns []string) *Kind {
	for i, c := range columns {
		if slices.Contains(columns[:i], c) {
			r.errs.add(r.file, 1, "the column %q is there twice", cut(c))
			return nil
		}
	}
	if r.opts.Kind == "" {
		k, problem := kindByColumns(columns)
		if k == nil {
			if likely := likelyKind(columns); likely != nil {
				return r.knows(likely, columns)
			}
			r.errs.add(r.file, 1, "%s", problem)
		}
		return k
	}
	return r.knows(KindNamed(r.opts.Kind), columns)
}

// likelyKind is the kind whose required columns are all there, if it is one.
func likelyKind(columns []string) *Kind {
	var found []*Kind
	for _, name := range FileKinds() {
		k := KindNamed(name)
		if !slices.ContainsFunc(k.Required, func(c string) bool { return !slices.Contains(columns, c) }) {
			found = append(found, k)
		}
	}
	slices.SortStableFunc(found, func(a, b *Kind) int { return b.known(columns) - a.known(columns) })
	if len(found) == 0 || len(found) > 1 && found[0].known(columns) == found[1].known(columns) {
		return nil
	}
	return found[0]
}

// known counts the columns that the kind has.
func (k *Kind) known(columns []string) int {
	n := 0
	for _, c := range columns {
		if k.column(c) != nil {
			n++
		}
	}
	return n
}

// knows complains about columns that the kind does not have or that it lacks.
func (r *reader) knows(k *Kind, columns []string) *Kind {
	ok := true
	for _, c := range columns {
		if k.column(c) == nil {
			ok = false
			r.errs.add(r.file, 1, "%s have no column %q%s", k.Name, cut(c), didYouMean(c, k.columnNames()))
		}
	}
	for _, c := range k.Required {
		if !slices.Contains(columns, c) {
			ok = false
			r.errs.add(r.file, 1, "the column %s is missing", c)
		}
	}
	if !ok {
		return nil
	}
	return k
}

func (r *reader) csvRecord(in *csv.Reader, k *Kind, columns, fields []string) {
	line, _ := in.FieldPos(0)
	lines := map[string]int{}
	rec := Record{}
	for i, name := range columns {
		lines[name], _ = in.FieldPos(i)
		v, err := cell(k.column(name).Type, fields[i])
		if err != nil {
			r.errs.add(r.file, lines[name], "%s: %s: %v", k.Name, name, err)
			return
		}
		if s, ok := v.(string); ok {
			v = strings.Clone(s)
		}
		rec[name] = v
	}
	r.add(k, rec, line, func(field string) int { return lines[field] })
}
