package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

const (
	maxExcerpt = 4096
	// maxQuarantined bounds the rows one hostile file can add.
	maxQuarantined = 1000
)

// fileDecoder decodes whole log files into an accumulator. It is not safe for
// concurrent use.
type fileDecoder struct {
	inflater inflater
	d        decoder
	o        outline
	a        arena // of the outline
	inner    arena // the record inside a LookupEvents wrapper
	acc      *accumulator
	limit    int64   // bytes of decompressed text
	search   *search // set when records are looked for, not decoded

	// Of the file being decoded.
	file      LogFile
	index     int   // of the next record
	textBytes int64 // decompressed
	inWrapper bool  // offsets do not refer to the file
	noted     int   // quarantine rows so far
}

func newFileDecoder(self []string, limit int64) *fileDecoder {
	f := &fileDecoder{limit: limit}
	f.d.self = make(map[string]bool, len(self))
	for _, arn := range self {
		f.d.self[arn] = true
	}
	return f
}

// decode reads the stored bytes of one log file. Rows, quarantine and the
// ledger entry go to acc; the entry is also returned.
func (f *fileDecoder) decode(acc *accumulator, file LogFile, body []byte) LogFile {
	f.acc, f.file, f.index, f.noted, f.textBytes, f.inWrapper = acc, file, 0, 0, 0, false
	f.file.Status = FileIngested
	f.decodeBody(body)
	acc.files = append(acc.files, f.file)
	return f.file
}

// decodeBody never panics: a file that makes the decoder panic is
// quarantined, and the run goes on.
func (f *fileDecoder) decodeBody(body []byte) {
	defer func() {
		if p := recover(); p != nil {
			f.reject("crashed", 0, fmt.Sprintf("the decoder panicked after record %d: %v\n%s", f.index, p, debug.Stack()))
		}
	}()
	if isGzip(body) {
		text, err := f.inflater.inflate(body, f.limit)
		if err != nil {
			reason := "bad_gzip"
			if errors.Is(err, errInflated) {
				reason = "too_large"
			}
			f.reject(reason, -1, err.Error())
			return
		}
		body = text
	}
	if int64(len(body)) > f.limit {
		f.reject("too_large", -1, fmt.Sprintf("the file has %d bytes; the limit is %d", len(body), f.limit))
		return
	}
	f.textBytes = int64(len(body))
	start := 0
	if bytes.HasPrefix(body, []byte("\ufeff")) {
		start = 3
	}
	f.container(body, start)
}

// reject marks the whole file as not (or not wholly) readable.
func (f *fileDecoder) reject(reason string, offset int, detail string) {
	f.file.Status = FileQuarantined
	f.file.Error = reason + ": " + clip([]byte(detail))
	f.quarantine(Quarantined{RecordIndex: -1, Offset: int64(offset), Reason: reason, Detail: detail})
}

func (f *fileDecoder) quarantine(q Quarantined) {
	f.file.Quarantined++
	f.noted++
	if f.noted > maxQuarantined {
		return
	}
	if f.noted == maxQuarantined {
		q.Detail += " (further entries of this file are only counted)"
	}
	q.LogFileID = f.file.ID
	f.acc.quarantine = append(f.acc.quarantine, q)
}

// container finds the records: {"Records": […]} as CloudTrail delivers them,
// a bare array, one object after the other (JSON lines), EventBridge's and
// LookupEvents' wrappers.
func (f *fileDecoder) container(b []byte, start int) {
	i := skipSpace(b, start)
	if i == len(b) {
		f.reject("bad_json", 0, "the file is empty")
		return
	}
	switch b[i] {
	case '[':
		if i = f.array(b, i+1, f.element); i >= 0 {
			if rest := skipSpace(b, i); rest < len(b) {
				f.reject("bad_json", rest, "there is text after the array of records")
			}
		}
	case '{':
		f.objects(b, i)
	default:
		f.reject("bad_json", i, fmt.Sprintf("the file begins with %q, which is no JSON object or array", clip(b[i:min(i+20, len(b))])))
	}
}

// objects reads one object after the other. Where one is broken, the next
// line is tried.
func (f *fileDecoder) objects(b []byte, i int) {
	for i < len(b) {
		end := -1
		if b[i] == '{' {
			end = f.topObject(b, i)
		} else {
			f.reject("bad_json", i, "there is text between or after the objects of the file")
		}
		if end < 0 {
			newline := bytes.IndexByte(b[i:], '\n')
			if newline < 0 {
				return
			}
			end = i + newline
		}
		i = skipSpace(b, end)
	}
}

// topObject reads an object that is a wrapper or a record. It returns the
// index after it, or -1 when the text is broken, which has been noted.
func (f *fileDecoder) topObject(b []byte, start int) int {
	scan := scanObject(b, start+1)
	known := false
	for scan.nextName() {
		i := scan.i
		switch string(f.a.label(b, scan.name)) {
		case "Records":
			scan.i = f.member(b, i, f.element)
			known = true
		case "Events":
			scan.i = f.member(b, i, f.lookupElement)
			known = true
		case "detail":
			scan.i = f.element(b, i)
			known = true
		case "eventVersion", "eventID", "eventName", "eventSource", "userIdentity", "eventTime":
			return f.element(b, start)
		default:
			_, scan.i, _ = scanValue(b, i)
			if scan.i < 0 {
				f.reject("bad_json", i, "the JSON text ends inside a value")
			}
		}
		if scan.i < 0 {
			return -1
		}
	}
	if scan.i < 0 {
		f.reject("bad_json", start, "the JSON text is broken or cut off")
		return -1
	}
	if !known {
		f.reject("not_cloudtrail", start, "the object is no CloudTrail log file: it has no Records")
	}
	return scan.i
}

// member reads the array of a wrapper.
func (f *fileDecoder) member(b []byte, i int, element func([]byte, int) int) int {
	if i < len(b) && b[i] == '[' {
		return f.array(b, i+1, element)
	}
	v, end, _ := scanValue(b, i)
	if end < 0 || v.kind != kindNull {
		f.reject("wrong_type", i, "Records is not an array")
	}
	return end
}

// array reads an array of elements; -1 when the text is broken, which has
// been noted.
func (f *fileDecoder) array(b []byte, i int, element func([]byte, int) int) int {
	scan := scanArray(b, i)
	for scan.more() {
		end := element(b, scan.i)
		if end < 0 {
			return -1
		}
		scan.i = end
	}
	if scan.i < 0 {
		f.reject("bad_json", i, fmt.Sprintf("the JSON text is broken or cut off after record %d", f.index))
	}
	return scan.i
}

// element reads one record at b[i]; it returns the index after it, or -1.
func (f *fileDecoder) element(b []byte, i int) int {
	if i < len(b) && b[i] == '{' {
		return f.record(b, i)
	}
	_, end, _ := scanValue(b, i)
	if end < 0 {
		f.reject("bad_json", i, fmt.Sprintf("record %d is cut off", f.index))
		return -1
	}
	f.noRecord(b, i, end, "the record is not an object")
	return end
}

// lookupElement reads {"CloudTrailEvent": "…the record as text…"}.
func (f *fileDecoder) lookupElement(b []byte, i int) int {
	if i >= len(b) || b[i] != '{' {
		return f.element(b, i)
	}
	scan := scanObject(b, i+1)
	var event value
	found := false
	f.inner.reset()
	for scan.next() {
		if !found && scan.value.kind == kindString && string(f.inner.label(b, scan.name)) == "CloudTrailEvent" {
			event, found = scan.value, true
		}
	}
	if scan.i < 0 {
		f.reject("bad_json", i, fmt.Sprintf("record %d is cut off", f.index))
		return -1
	}
	text, _ := f.inner.text(b, event)
	start := skipSpace(text, 0)
	if !found || start == len(text) || text[start] != '{' {
		f.noRecord(b, i, scan.i, "the event has no record as its CloudTrailEvent")
		return scan.i
	}
	f.lookedUp(b, i, scan.i, text, start)
	return scan.i
}

// lookedUp reads the record text[start:] of the element b[i:end]. Where it is
// broken, only that is lost.
func (f *fileDecoder) lookedUp(b []byte, i, end int, text []byte, start int) {
	f.a.reset()
	next := walkRecord(text, start, &f.o, &f.a)
	if next < 0 || skipSpace(text, next) < len(text) {
		f.quarantineRecord(b, i, end, uuid{}, &recordError{"bad_json", "the text of the event is no single record"})
	}
	if next < 0 {
		f.file.Records++
		f.index++
		return
	}
	f.inWrapper = true
	f.record(text, start)
	f.inWrapper = false
}

// noRecord puts an element that is no record into quarantine.
func (f *fileDecoder) noRecord(b []byte, i, end int, detail string) {
	f.quarantineRecord(b, i, end, uuid{}, &recordError{"wrong_type", detail})
	f.file.Records++
	f.index++
}

// record reads the record whose brace is b[i].
func (f *fileDecoder) record(b []byte, i int) int {
	if f.search != nil {
		return f.look(b, i)
	}
	f.a.reset()
	end := walkRecord(b, i, &f.o, &f.a)
	if end < 0 {
		f.reject("bad_json", i, fmt.Sprintf("record %d is broken or cut off; what follows it could not be read", f.index))
		return -1
	}
	f.file.Records++
	switch f.o.source {
	case kmsService:
		f.kmsRecord(b)
	case relatedService:
		f.relatedRecord(b)
	}
	f.index++
	return end
}

func (f *fileDecoder) kmsRecord(b []byte) {
	if err := f.d.decode(b, &f.o); err != nil {
		f.quarantineRecord(b, f.o.start, f.o.end, f.eventID(b), err)
		return
	}
	f.quarantineNotes(b)
	f.file.KMS++
	t := time.UnixMicro(f.d.e.time).UTC()
	if f.file.FirstEvent.IsZero() || t.Before(f.file.FirstEvent) {
		f.file.FirstEvent = t
	}
	if t.After(f.file.LastEvent) {
		f.file.LastEvent = t
	}
	if f.acc.addEvent(&f.d.e, b[f.o.start:f.o.end], f.file.ID, f.index) {
		f.file.Duplicates++
	}
}

func (f *fileDecoder) relatedRecord(b []byte) {
	r, err := f.d.related(b, &f.o)
	if err != nil {
		f.quarantineRecord(b, f.o.start, f.o.end, f.eventID(b), err)
		return
	}
	f.quarantineNotes(b)
	if f.acc.related.add(&f.d.e, &r, f.file.ID, f.index) {
		f.file.Related++
	}
}

func (f *fileDecoder) quarantineRecord(b []byte, start, end int, id uuid, err *recordError) {
	f.quarantine(Quarantined{
		RecordIndex: f.index, Offset: f.offset(start), Reason: err.reason, Detail: err.detail,
		EventID: id, Excerpt: f.excerpt(b[start:end]),
	})
}

// eventID is the id of the record just walked; zero where it cannot be read.
func (f *fileDecoder) eventID(b []byte) (id uuid) {
	if v := f.o.spans[mEventID]; v.kind == kindString {
		text, _ := f.a.text(b, v)
		id, _ = parseUUID(text)
	}
	return id
}

// quarantineNotes puts the oddities of a record that was stored beside it.
func (f *fileDecoder) quarantineNotes(b []byte) {
	for _, n := range f.d.notes {
		f.quarantine(Quarantined{
			RecordIndex: f.index, Offset: f.offset(f.o.start), Reason: n.reason, Detail: n.detail,
			EventID: f.d.e.id, Excerpt: f.excerpt(b[f.o.start:f.o.end]),
		})
	}
}

// excerpt is the part of a record that quarantine shows; none where contexts
// are redacted, since it is the text as it was logged.
func (f *fileDecoder) excerpt(raw []byte) []byte {
	if len(f.d.redact) > 0 {
		return []byte("left out because redact_context is set")
	}
	return excerpt(raw)
}

func (f *fileDecoder) offset(i int) int64 {
	if f.inWrapper {
		return -1
	}
	return int64(i)
}

// excerpt copies the beginning of a record as valid UTF-8.
func excerpt(raw []byte) []byte {
	if len(raw) > maxExcerpt {
		raw = raw[:maxExcerpt]
	}
	return bytes.ToValidUTF8(bytes.Clone(raw), nil)
}
