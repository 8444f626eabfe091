package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// jsonReader reads a document: an object with taken_at and an array of records
// for each kind.
type jsonReader struct {
	*reader

	text []byte
	dec  *json.Decoder
	// counted lines end before offset: a document is only read forwards.
	counted, offset int
}

// syntaxError is a mistake in the JSON itself; nothing behind it can be read.
type syntaxError struct {
	offset int
	text   string
}

func (e *syntaxError) Error() string { return e.text }

func (r *reader) readJSON(text []byte) {
	j := &jsonReader{reader: r, text: text, dec: json.NewDecoder(bytes.NewReader(text))}
	j.dec.UseNumber()
	taken := r.opts.TakenAt
	err := j.document()
	r.opts.TakenAt = taken
	if wrong, ok := errors.AsType[*syntaxError](err); ok {
		r.errs.add(r.file, lineAt(text, wrong.offset), "%s", wrong.text)
	}
}

func (j *jsonReader) document() error {
	if err := j.expect('{', "a document is an object with keys, grants and the like"); err != nil {
		return err
	}
	seen := map[string]bool{}
	known := append(FileKinds(), "taken_at")
	for j.dec.More() {
		name, err := j.name(seen)
		if err != nil {
			return err
		}
		switch {
		case name == "taken_at":
			if err := j.takenAt(len(seen) > 1); err != nil {
				return err
			}
		case slices.Contains(known, name):
			if err := j.list(KindNamed(name)); err != nil {
				return err
			}
		default:
			j.errs.add(j.file, j.line(), "a document has no %q%s", cut(name), didYouMean(name, known))
			if _, err := j.value(); err != nil {
				return err
			}
		}
	}
	if _, err := j.token(); err != nil {
		return err
	}
	if _, err := j.dec.Token(); !errors.Is(err, io.EOF) {
		return &syntaxError{int(j.dec.InputOffset()), "something follows the end of the document"}
	}
	return nil
}

// takenAt reads the time of all records of the document.
func (j *jsonReader) takenAt(late bool) error {
	line := j.line()
	v, err := j.value()
	if err != nil {
		return err
	}
	if late {
		j.errs.add(j.file, line, "taken_at must come first, before the records that it holds for")
		return nil
	}
	at, err := toTime(v)
	if err != nil {
		j.errs.add(j.file, line, "taken_at: %v", err)
		return nil
	}
	j.opts.TakenAt = at.(time.Time)
	return nil
}

// list reads the records of one kind.
func (j *jsonReader) list(k *Kind) error {
	if err := j.expect('[', k.Name+" is an array of objects"); err != nil {
		return err
	}
	for j.dec.More() {
		if err := j.record(k); err != nil {
			return err
		}
	}
	_, err := j.token()
	return err
}

func (j *jsonReader) record(k *Kind) error {
	if err := j.expect('{', "each of "+k.Name+" is an object"); err != nil {
		return err
	}
	line := j.line()
	rec, lines := Record{}, map[string]int{}
	seen := map[string]bool{}
	for j.dec.More() {
		name, err := j.name(seen)
		if err != nil {
			return err
		}
		lines[name] = j.line()
		if rec[name], err = j.value(); err != nil {
			return err
		}
	}
	if _, err := j.token(); err != nil {
		return err
	}
	j.add(k, rec, line, func(field string) int { return lines[field] })
	return nil
}

// name reads the name of a member.
func (j *jsonReader) name(seen map[string]bool) (string, error) {
	t, err := j.token()
	if err != nil {
		return "", err
	}
	name, _ := t.(string) // the decoder takes nothing else
	if seen[name] {
		return "", &syntaxError{int(j.dec.InputOffset()), fmt.Sprintf("the member %q is there twice", cut(name))}
	}
	seen[name] = true
	return name, nil
}

func (j *jsonReader) expect(open json.Delim, otherwise string) error {
	t, err := j.token()
	if err != nil {
		return err
	}
	if t != open {
		return &syntaxError{int(j.dec.InputOffset()), otherwise}
	}
	return nil
}

func (j *jsonReader) token() (json.Token, error) {
	t, err := j.dec.Token()
	return t, j.located(err)
}

func (j *jsonReader) value() (any, error) {
	var v any
	err := j.dec.Decode(&v)
	return v, j.located(err)
}

// located says where JSON is broken.
func (j *jsonReader) located(err error) error {
	if err == nil {
		return nil
	}
	offset := int(j.dec.InputOffset())
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = max(offset, int(s.Offset))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &syntaxError{len(j.text), "the document is cut off"}
	}
	return &syntaxError{offset, "is not JSON: " + strings.TrimPrefix(err.Error(), "json: ")}
}

// line is where the decoder stands.
func (j *jsonReader) line() int {
	now := int(j.dec.InputOffset())
	j.counted += bytes.Count(j.text[j.offset:now], []byte("\n"))
	j.offset = now
	return j.counted + 1
}
