package ingest

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// remainder collects the members of a record that no column holds, as a JSON
// object that mirrors the record's nesting. Parents are written only when
// something is kept below them.
type remainder struct {
	buf     []byte
	parents []string // opened with begin
	written int      // how many of parents are in buf
	comma   bool     // a member precedes in the innermost written object
}

func (r *remainder) reset() {
	r.buf, r.parents, r.written, r.comma = append(r.buf[:0], '{'), r.parents[:0], 0, false
}

func (r *remainder) begin(parent string) { r.parents = append(r.parents, parent) }

func (r *remainder) end() {
	if r.written == len(r.parents) {
		r.buf = append(r.buf, '}')
		r.written--
		r.comma = true
	}
	r.parents = r.parents[:len(r.parents)-1]
}

// member writes `"name":` behind whatever parents are still to be written.
// name is JSON text without the quotes.
func (r *remainder) member(name []byte) {
	for r.written < len(r.parents) {
		parent := r.parents[r.written]
		r.separate()
		r.buf = append(r.buf, '"')
		r.buf = append(r.buf, parent...)
		r.buf = append(r.buf, '"', ':', '{')
		r.written++
		r.comma = false
	}
	r.separate()
	r.buf = append(r.buf, '"')
	r.buf = append(r.buf, name...)
	r.buf = append(r.buf, '"', ':')
}

func (r *remainder) separate() {
	if r.comma {
		r.buf = append(r.buf, ',')
	}
	r.comma = true
}

// keep writes a member as it stands in the file. It reports whether the text
// was valid JSON and whether it was valid UTF-8; invalid JSON is not written,
// invalid UTF-8 is replaced.
func (r *remainder) keep(b []byte, name, v value) (validJSON, clean bool) {
	raw := b[v.start:v.end]
	if v.kind == kindString {
		raw = b[v.start-1 : v.end+1]
	}
	nested := v.kind == kindObject || v.kind == kindArray
	if (nested || v.escaped) && !json.Valid(raw) {
		return false, true
	}
	if !nested && !v.escaped && hasControl(raw) {
		return false, true
	}
	clean = true
	if (nested || v.nonASCII) && !utf8.Valid(raw) {
		raw, clean = bytes.ToValidUTF8(raw, []byte("\uFFFD")), false
	}
	label := b[name.start:name.end]
	if name.escaped || name.nonASCII || hasControl(label) {
		var a arena
		text, ok := a.text(b, name)
		clean = clean && ok
		quoted := appendQuoted(nil, text)
		label = quoted[1 : len(quoted)-1]
	}
	r.member(label)
	r.buf = append(r.buf, raw...)
	return true, clean
}

// hasControl reports a raw control character, which JSON does not allow
// inside a string.
func hasControl(s []byte) bool {
	for _, c := range s {
		if c < 0x20 {
			return true
		}
	}
	return false
}

// bytes closes the object and returns it; nil when it is empty.
func (r *remainder) bytes() []byte {
	if len(r.buf) == 1 {
		return nil
	}
	r.buf = append(r.buf, '}')
	return r.buf
}
