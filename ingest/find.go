package ingest

import (
	"bytes"
	"errors"
	"hash/maphash"
)

// ErrNoRecord says that a log file does not hold the record looked for.
var ErrNoRecord = errors.New("the log file does not have the record; it may have been replaced since it was ingested")

// search is a record looked for in a log file.
type search struct {
	index  int
	id     uuid
	record []byte
}

// FindRecord returns the text of the record with the given event id, as it
// stands in the stored bytes of a log file of any form that Run reads. Where
// several records have the id, the one at index is meant. It returns
// ErrNoRecord when there is none.
func FindRecord(body []byte, index int, id [16]byte) ([]byte, error) {
	f := newFileDecoder(nil, DefaultMaxJSONBytes)
	f.search = &search{index: index, id: id}
	file := f.decode(newAccumulator(maphash.MakeSeed()), LogFile{}, body)
	switch {
	case f.search.record != nil:
		return f.search.record, nil
	case file.Status != FileIngested:
		return nil, errors.New(file.Error)
	default:
		return nil, ErrNoRecord
	}
}

// look compares the record whose brace is b[i] with the one looked for. It
// returns the index after the record, or -1.
func (f *fileDecoder) look(b []byte, i int) int {
	f.a.reset()
	s := f.search
	scan := scanObject(b, i+1)
	match := false
	for scan.next() {
		if scan.value.kind != kindString || string(b[scan.name.start:scan.name.end]) != "eventID" {
			continue
		}
		text, _ := f.a.text(b, scan.value)
		id, ok := parseUUID(text)
		match = ok && id == s.id
	}
	if scan.i < 0 {
		f.reject("bad_json", i, "a record is broken or cut off")
		return -1
	}
	if match && (s.record == nil || f.index == s.index) {
		s.record = bytes.Clone(b[i:scan.i])
	}
	f.index++
	return scan.i
}
