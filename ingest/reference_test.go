package ingest

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// This file reads log files a second time, slowly, with encoding/json: the fast
// decoder has to give the same rows. Nothing here calls the decoder. Shared are
// only facts and limits: relatedNames, operations, contextServices and the other
// tables of services.go and operations.go, the patterns of secrets.go, the names
// of members in related.go and storage.go, and the constants of record.go.

// refValue is a JSON value as it stands in a text, and where.
type refValue struct {
	raw []byte
	at  int
}

func (v refValue) isString() bool { return len(v.raw) > 0 && v.raw[0] == '"' }
func (v refValue) isObject() bool { return len(v.raw) > 0 && v.raw[0] == '{' }
func (v refValue) isArray() bool  { return len(v.raw) > 0 && v.raw[0] == '[' }
func (v refValue) isNull() bool   { return string(v.raw) == "null" }

// decoded is the content of a string.
func (v refValue) decoded() (s string) {
	if err := json.Unmarshal(v.raw, &s); err != nil {
		panic(err) // only strings that encoding/json has read come here
	}
	return s
}

type refMember struct {
	name  string
	clean bool // the name is valid UTF-8
	value refValue
}

// refStream reads values of a text, one after the other.
type refStream struct {
	*json.Decoder
	text []byte
	base int
}

func streamAt(text []byte, at int) *refStream {
	return &refStream{json.NewDecoder(bytes.NewReader(text[at:])), text, at}
}

func (s *refStream) offset() int { return s.base + int(s.InputOffset()) }

func (s *refStream) value() (refValue, bool) {
	var raw json.RawMessage
	if s.Decode(&raw) != nil {
		return refValue{}, false
	}
	v, end := refValue{raw, s.offset() - len(raw)}, s.offset()
	if !v.isString() && !v.isObject() && !v.isArray() && end < len(s.text) && !strings.ContainsRune(" \t\r\n,]}", rune(s.text[end])) {
		return refValue{}, false // the Decoder ends -38-4 after its first number
	}
	return v, true
}

// name reads the name of a member and says whether it is valid UTF-8.
func (s *refStream) name() (name string, clean, ok bool) {
	before := s.offset()
	token, err := s.Token()
	name, ok = token.(string)
	if err != nil || !ok {
		return "", false, false
	}
	raw := s.text[before:s.offset()]
	return name, refClean(raw[bytes.IndexByte(raw, '"'):]), true
}

// members of a valid object.
func (v refValue) members() []refMember {
	var out []refMember
	s := streamAt(v.raw, 0)
	_, _ = s.Token()
	for s.More() {
		name, clean, _ := s.name()
		value, ok := s.value()
		if !ok {
			panic("a member of a valid object is not valid")
		}
		value.at += v.at
		out = append(out, refMember{name, clean, value})
	}
	return out
}

// elements of a valid array.
func (v refValue) elements() []refValue {
	var out []refValue
	s := streamAt(v.raw, 0)
	_, _ = s.Token()
	for s.More() {
		value, ok := s.value()
		if !ok {
			panic("an element of a valid array is not valid")
		}
		value.at += v.at
		out = append(out, value)
	}
	return out
}

// depth is how many objects and arrays lie around the innermost value.
func (v refValue) depth() (deepest int) {
	n := 0
	for s := streamAt(v.raw, 0); ; {
		token, err := s.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			n++
			deepest = max(deepest, n)
		case json.Delim('}'), json.Delim(']'):
			n--
		}
	}
}

// escapes finds escape sequences, pairs of surrogates as one; loneSurrogate is
// what is no half of a pair.
var (
	escapes       = regexp.MustCompile(`(?is)\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\u[0-9a-f]{4}|\\.`)
	loneSurrogate = regexp.MustCompile(`(?i)^\\ud[89a-f][0-9a-f]{2}$`)
)

// refClean reports whether a string, in its quotes, is valid Unicode.
func refClean(raw []byte) bool {
	return utf8.Valid(raw) && !slices.ContainsFunc(escapes.FindAll(raw, -1), loneSurrogate.Match)
}

// refRow has the columns of a row that are not NULL, as text.
type refRow map[string]string

// refQuarantine is a row of the quarantine. Its detail is a sentence for people
// and not told again here.
type refQuarantine struct {
	index, offset            int
	reason, eventID, excerpt string
}

// reference reads one log file.
type reference struct {
	self map[string]bool

	events, repeats, related []refRow
	quarantine               []refQuarantine
	duplicates, kms, records int

	// unread is the index of the first record behind which the text is no JSON
	// any more; -1: there is none. What the fast decoder makes of the rest is not
	// told by encoding/json.
	unread    int
	index     int
	noted     int
	inWrapper bool
	first     map[string]string // event id → text of the record that had it first
	relatedID map[string]bool
}

func readReference(text []byte, self ...string) *reference {
	r := &reference{self: map[string]bool{}, unread: -1, first: map[string]string{}, relatedID: map[string]bool{}}
	for _, arn := range self {
		r.self[arn] = true
	}
	r.file(text)
	return r
}

func (r *reference) stop() {
	if r.unread < 0 {
		r.unread = r.index
	}
}

func (r *reference) note(q refQuarantine) {
	if r.noted++; r.noted <= maxQuarantined && r.unread < 0 {
		r.quarantine = append(r.quarantine, q)
	}
}

func (r *reference) reject(reason string, at int) {
	r.note(refQuarantine{index: -1, offset: at, reason: reason})
}

func (r *reference) quarantineRecord(v refValue, reason, eventID string) {
	offset := v.at
	if r.inWrapper {
		offset = -1
	}
	r.note(refQuarantine{r.index, offset, reason, eventID, strings.ToValidUTF8(string(v.raw[:min(len(v.raw), maxExcerpt)]), "")})
}

func (r *reference) file(text []byte) {
	spaces := func(at int) int { return len(text) - len(bytes.TrimLeft(text[at:], " \t\r\n")) }
	i := 0
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		i = 3
	}
	i = spaces(i)
	switch {
	case i == len(text):
		r.reject("bad_json", 0)
	case text[i] == '[':
		s := streamAt(text, i)
		if !r.list(s, r.element) {
			r.stop()
		} else if rest := spaces(s.offset()); rest < len(text) {
			r.reject("bad_json", rest)
		}
	case text[i] != '{':
		r.reject("bad_json", i)
	default:
		for i < len(text) && r.unread < 0 {
			var end int
			var ok bool
			if text[i] == '{' {
				end, ok = r.object(text, i)
			} else { // the next line is tried
				r.reject("bad_json", i)
				newline := bytes.IndexByte(text[i:], '\n')
				end, ok = i+newline, newline >= 0
				if !ok {
					return
				}
			}
			if !ok {
				r.stop()
				return
			}
			i = spaces(end)
		}
	}
}

// list reads an array.
func (r *reference) list(s *refStream, element func(refValue)) bool {
	if _, err := s.Token(); err != nil {
		return false
	}
	for s.More() {
		v, ok := s.value()
		if !ok {
			return false
		}
		element(v)
	}
	_, err := s.Token()
	return err == nil
}

// object reads a wrapper of records, or a record by itself.
func (r *reference) object(text []byte, at int) (end int, ok bool) {
	s := streamAt(text, at)
	_, _ = s.Token()
	known := false
	for s.More() {
		name, _, ok := s.name()
		if !ok {
			return 0, false
		}
		switch name {
		case "Records", "Events":
			known = true
			element := r.element
			if name == "Events" {
				element = r.lookupEvent
			}
			if !r.wrapped(s, element) {
				return 0, false
			}
		case "eventVersion", "eventID", "eventName", "eventSource", "userIdentity", "eventTime":
			whole := streamAt(text, at)
			v, ok := whole.value()
			if ok {
				r.element(v)
			}
			return whole.offset(), ok
		default:
			v, ok := s.value()
			if !ok {
				return 0, false
			}
			if name == "detail" {
				known = true
				r.element(v)
			}
		}
	}
	if _, err := s.Token(); err != nil {
		return 0, false
	}
	if !known {
		r.reject("not_cloudtrail", at)
	}
	return s.offset(), true
}

// wrapped reads the value of Records or Events.
func (r *reference) wrapped(s *refStream, element func(refValue)) bool {
	if next := bytes.TrimLeft(s.text[s.offset():], ": \t\r\n"); len(next) > 0 && next[0] == '[' {
		return r.list(s, element)
	}
	v, ok := s.value()
	if ok && !v.isNull() {
		r.reject("wrong_type", v.at)
	}
	return ok
}

func (r *reference) element(v refValue) {
	r.records++
	if v.isObject() {
		r.record(v)
	} else {
		r.quarantineRecord(v, "wrong_type", "")
	}
	r.index++
}

// lookupEvent reads {"CloudTrailEvent": "…the record as text…"}.
func (r *reference) lookupEvent(v refValue) {
	if !v.isObject() {
		r.element(v)
		return
	}
	for _, m := range v.members() {
		if m.name != "CloudTrailEvent" || !m.value.isString() {
			continue
		}
		text := []byte(m.value.decoded())
		if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
			break
		}
		s := streamAt(text, 0)
		inner, ok := s.value()
		if !ok {
			r.stop()
			return
		}
		if len(bytes.TrimLeft(text[s.offset():], " \t\r\n")) > 0 {
			r.quarantineRecord(v, "bad_json", "")
		}
		r.inWrapper = true
		r.element(inner)
		r.inWrapper = false
		return
	}
	r.records++
	r.quarantineRecord(v, "wrong_type", "")
	r.index++
}

// refInterest tells what a record is kept as: kms, related or not at all. The
// first eventSource counts, and for other services the eventName.
func refInterest(members []refMember) string {
	var source, name *refValue
	for i := range members {
		switch members[i].name {
		case "eventSource":
			source = &members[i].value
		case "eventName":
			name = &members[i].value
		default:
			continue
		}
		if source == nil {
			continue
		}
		if !source.isString() {
			return ""
		}
		if source.decoded() == "kms.amazonaws.com" {
			return "kms"
		}
		names := relatedNames[source.decoded()]
		if names == nil {
			return ""
		}
		if name == nil {
			continue
		}
		if name.isString() && names[name.decoded()] {
			return "related"
		}
		return ""
	}
	return ""
}

func (r *reference) record(v refValue) {
	members := v.members()
	interest := refInterest(members)
	if interest == "" || r.unread >= 0 {
		return
	}
	x := newRefRecord(r.self, v, members)
	if interest == "kms" {
		x.kms()
	} else {
		x.related()
	}
	if x.failure != "" {
		id := ""
		if top := x.top["eventID"].value; top.isString() {
			id = refGUID(top.decoded())
		}
		r.quarantineRecord(v, x.failure, id)
		return
	}
	for _, reason := range x.notes {
		r.quarantineRecord(v, reason, x.row["event_id"])
	}
	x.row["log_file_id"], x.row["record_index"] = "7", strconv.Itoa(r.index)
	id := x.row["event_id"]
	if interest == "related" {
		if !r.relatedID[id] {
			r.relatedID[id] = true
			r.related = append(r.related, x.row)
		}
		return
	}
	r.kms++
	switch before, known := r.first[id]; {
	case !known:
		r.first[id] = string(v.raw)
		r.events = append(r.events, x.row)
	case before == string(v.raw):
		r.duplicates++
	default:
		r.repeats = append(r.repeats, x.row)
	}
}

// refNode is a member of the remainder: a value, or an object of further ones.
type refNode struct {
	name     string
	leaf     string
	children []*refNode
}

// text writes a node so that the order of members does not count.
func (n *refNode) text() string {
	if n.leaf != "" {
		return strconv.Quote(n.name) + ":" + n.leaf
	}
	var parts []string
	for _, c := range n.children {
		parts = append(parts, c.text())
	}
	slices.Sort(parts)
	return strconv.Quote(n.name) + ":{" + strings.Join(parts, ",") + "}"
}

// runs of replaced bytes are replaced by one U+FFFD or by several.
var replacedRuns = regexp.MustCompile("\uFFFD+")

// refCanonical writes a value so that the order of members, spaces and the way
// in which letters are escaped do not count.
func refCanonical(v refValue) string {
	switch {
	case v.isObject():
		var parts []string
		for _, m := range v.members() {
			parts = append(parts, strconv.Quote(replacedRuns.ReplaceAllString(m.name, "\uFFFD"))+":"+refCanonical(m.value))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case v.isArray():
		var parts []string
		for _, e := range v.elements() {
			parts = append(parts, refCanonical(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case v.isString():
		return strconv.Quote(replacedRuns.ReplaceAllString(v.decoded(), "\uFFFD"))
	}
	return string(v.raw)
}

var refGUIDForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// refGUID is a GUID as a column shows it, "" for anything else.
func refGUID(s string) string {
	if !refGUIDForm.MatchString(s) || strings.Trim(s, "0-") == "" {
		return ""
	}
	return strings.ToLower(s)
}

// refTime reads an RFC 3339 time, as microseconds since 1970.
func refTime(s string) (int64, bool) {
	// A leap second, which time.Parse does not know, is the second after it.
	leap := len(s) == 20 && s[16:] == ":60Z"
	if leap {
		s = s[:16] + ":59Z"
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return 0, false
	}
	if leap {
		t = t.Add(time.Second)
	}
	return t.UnixMicro(), true
}

// refDate reads the forms in which KMS logs dates: Java's, with 12 or 24 hours,
// with a second comma or without, RFC 3339, and seconds since 1970.
func refDate(s string) (int64, bool) {
	s = strings.NewReplacer("\u202f", " ", "\u00a0", " ").Replace(strings.TrimSpace(s))
	noHalf := strings.TrimSuffix(strings.TrimSuffix(s, " PM"), " AM") // a clock of 24 hours may say PM all the same
	for _, form := range []struct{ layout, text string }{
		{"Jan 2, 2006, 3:04:05 PM", s},
		{"Jan 2, 2006 3:04:05 PM", s},
		{"Jan 2, 2006, 15:04:05", noHalf},
		{"Jan 2, 2006 15:04:05", noHalf},
		{time.RFC3339Nano, s},
	} {
		if t, err := time.Parse(form.layout, form.text); err == nil {
			return t.UnixMicro(), t.Year() >= 1970 && t.Year() <= 9999
		}
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f > 0 && f < 253402300800 {
		return int64(math.Round(f * 1e6)), true
	}
	return 0, false
}

func quoted(s string) string { return strconv.Quote(s) }

// refPair is an entry of a map; a removed tag has no value.
type refPair struct {
	key, value string
	removed    bool
}

func refMap(pairs []refPair) string {
	var parts []string
	for _, p := range pairs {
		if p.removed {
			parts = append(parts, quoted(p.key)+"=NULL")
		} else {
			parts = append(parts, quoted(p.key)+"="+quoted(p.value))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func refHas(pairs []refPair, key string) bool {
	return slices.ContainsFunc(pairs, func(p refPair) bool { return p.key == key })
}

func refList(list []string) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, quoted(s))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// refARN returns a field of an ARN.
func refARN(arn string, n int) string {
	fields := strings.Split(arn, ":")
	if n >= len(fields) {
		return ""
	}
	return fields[n]
}
