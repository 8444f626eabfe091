package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// MaxFile is how large a file may be.
const MaxFile = 512 << 20

// maxProblems is how many problems are told of; more would hide the first.
const maxProblems = 20

// Problem says what is wrong with a file, and where.
type Problem struct {
	File string
	// Line counts from 1; 0 when the whole file is meant.
	Line int
	Text string
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// Error says what is wrong with files that were to be imported: nothing was.
type Error struct {
	Problems []Problem
	// More is how many further problems there are.
	More int
}

func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", e.More))
	}
	return strings.Join(lines, "\n")
}

func (e *Error) add(file string, line int, format string, args ...any) {
	if len(e.Problems) == maxProblems {
		e.More++
		return
	}
	e.Problems = append(e.Problems, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// Options say what files leave open.
type Options struct {
	// Kind is what the rows of CSV files are; "" finds it by the columns.
	Kind string
	// TakenAt is the time of records that say none; zero demands that they do.
	TakenAt time.Time
	// Now is the time before which an inventory was taken.
	Now time.Time
}

// Read reads files whole and checks every record. The error is an *Error unless
// a file cannot be read.
func Read(files []string, opts Options) (Records, error) {
	r := reader{opts: opts, errs: &Error{}, records: Records{}, seen: map[string]place{}}
	for _, name := range files {
		text, err := readFile(name)
		if err != nil {
			return nil, err
		}
		r.file = name
		r.read(text)
	}
	if len(r.errs.Problems) > 0 {
		return nil, r.errs
	}
	if r.records.Count() == 0 {
		r.errs.add(strings.Join(files, ", "), 0, "holds no record; kmstrail inventory example prints what one looks like")
		return nil, r.errs
	}
	return r.records, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read inventory %s: %w", name, err)
	}
	if len(text) > MaxFile {
		return nil, fmt.Errorf("read inventory %s: it is larger than %d MB; split it", name, MaxFile>>20)
	}
	return text, nil
}

// reader reads files into records.
type reader struct {
	opts    Options
	file    string
	errs    *Error
	records Records
	// seen are the records that there are, by kind and identity.
	seen map[string]place
}

type place struct {
	file string
	line int
}

func (r *reader) read(text []byte) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		r.errs.add(r.file, lineAt(text, firstInvalid(text)), "is not valid UTF-8 from here on")
		return
	}
	switch strings.ToLower(filepath.Ext(r.file)) {
	case ".json":
		r.readJSON(text)
	case ".csv":
		r.readCSV(text)
	default:
		r.errs.add(r.file, 0, "is neither .json nor .csv; its name says which it is")
	}
}

// lineAt returns the line of an offset.
func lineAt(text []byte, offset int) int {
	return 1 + bytes.Count(text[:min(offset, len(text))], []byte("\n"))
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

// add takes a record; lineOf says where a field stands.
func (r *reader) add(k *Kind, rec Record, line int, lineOf func(field string) int) {
	if rec["taken_at"] == nil && !r.opts.TakenAt.IsZero() {
		rec["taken_at"] = r.opts.TakenAt
	}
	row, err := k.Row(uuid.Nil, rec)
	if wrong, ok := errors.AsType[*FieldError](err); ok {
		text := wrong.Error()
		if wrong.Field == "taken_at" && rec["taken_at"] == nil {
			text = "does not say when it was taken: add taken_at, or give --taken-at TIME"
		}
		at := line
		if l := lineOf(wrong.Field); l > 0 {
			at = l
		}
		r.errs.add(r.file, at, "%s: %s", k.Name, text)
		return
	}
	taken, _ := row[k.Table.Column("taken_at")].(time.Time)
	if !r.opts.Now.IsZero() && taken.After(r.opts.Now.Add(time.Minute)) {
		r.errs.add(r.file, line, "%s: taken_at: %s is in the future", k.Name, taken.Format(time.RFC3339))
		return
	}
	id := k.Name + " " + k.identity(row)
	if first, twice := r.seen[id]; twice {
		r.errs.add(r.file, line, "%s: %s is in %s:%d already", k.Name, k.identity(row), first.file, first.line)
		return
	}
	r.seen[id] = place{r.file, line}
	r.records[k.Name] = append(r.records[k.Name], rec)
}

// kindByColumns finds what the rows of a CSV file are.
func kindByColumns(columns []string) (*Kind, string) {
	var fits []string
	for _, name := range FileKinds() {
		k := KindNamed(name)
		missing := slices.ContainsFunc(k.Required, func(c string) bool { return !slices.Contains(columns, c) })
		unknown := slices.ContainsFunc(columns, func(c string) bool { return k.column(c) == nil })
		if !missing && !unknown {
			fits = append(fits, name)
		}
	}
	switch len(fits) {
	case 1:
		return KindNamed(fits[0]), ""
	case 0:
		return nil, "no kind of records has these columns; --kind says which it is, one of " + strings.Join(FileKinds(), ", ")
	}
	return nil, "the columns fit " + strings.Join(fits, " and ") + "; --kind says which it is"
}
