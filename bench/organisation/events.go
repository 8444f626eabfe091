package organisation

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/schema"
)

// Of a thousand records in a log file so many are not ordinary uses of keys;
// each call on a foreign key has a copy in the owner's account as well.
const (
	changeShare  = 5
	readShare    = 30
	foreignShare = 10
	errorShare   = 10
	lateShare    = 2 // log files
)

// Source is where log files are said to come from.
const Source = "s3://example-logs"

// LogPrefix is where the log files of an account, Region and day lie.
func LogPrefix(account, region string, day time.Time) string {
	return "AWSLogs/" + account + "/CloudTrail/" + region + "/" + day.Format("2006/01/02") + "/"
}

// Generator makes the records of an organisation as the ingester would hand
// them to the store: log file by log file, in order of delivery. The same
// stream number gives the same records.
type Generator struct {
	org     *Organisation
	random  *random
	stream  uint64
	arrival func(event int64) time.Time // of the event with that number

	next    int64 // number of the next event
	file    int64 // id of the next log file
	rows    *rows
	batch   *ingest.Batch
	waiting [][]occurrence // by cell: owner's copies that are not delivered yet
	grants  [][]openGrant  // by cell
}

// occurrence is one record to be.
type occurrence struct {
	call      *call
	at        time.Time
	requestID [16]byte
	sharedID  [16]byte
	variant   uint64 // what varies between occurrences of a call
	failure   *failure
	grant     uint64
}

type failure struct{ code, message, class string }

var failures = []failure{
	{"ThrottlingException", "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.", "throttled"},
	{"InvalidCiphertextException", "", "bad_ciphertext"},
	{"AccessDenied", "User is not authorized to perform this operation on this resource because no identity-based policy allows it", "denied"},
}

// openGrant can be retired.
type openGrant struct {
	calls grantCalls
	grant uint64
}

// NewGenerator makes the generator of a stream whose first log file has the
// number file; arrival says when events are delivered.
func NewGenerator(org *Organisation, stream uint64, file int64, arrival func(int64) time.Time) *Generator {
	return &Generator{
		org: org, random: newRandom(stream), stream: stream, arrival: arrival, file: file, rows: newRows(),
		waiting: make([][]occurrence, len(org.cells)), grants: make([][]openGrant, len(org.cells)),
	}
}

// Next is the number of the next event.
func (g *Generator) Next() int64 { return g.next }

// NextBatch returns a batch of whole log files with so many events.
func (g *Generator) NextBatch(events int) *ingest.Batch {
	g.batch = &ingest.Batch{EventIDs: make([][16]byte, 0, events), EventTimes: make([]int64, 0, events)}
	for g.rows.n < events {
		g.logFile(events - g.rows.n)
	}
	g.batch.Events = g.rows.record()
	return g.batch
}

// logFile adds a log file of 5 to 500 records, but no more than most.
func (g *Generator) logFile(most int) {
	d := g.draw(most)
	f := ingest.LogFile{
		ID: g.file, Source: Source, Status: ingest.FileIngested, Attempts: 1, Records: int64(3 * d.size), KMS: int64(d.size),
		Object: ingest.Object{
			Key:  d.key,
			ETag: fmt.Sprintf("%032x", g.file), Size: int64(150 * d.size), LastModified: d.delivered.Add(20 * time.Second),
			Location: ingest.Location{AccountID: d.cell.account, Region: d.cell.region, DeliveredAt: d.delivered.Truncate(time.Minute)},
		},
	}
	for i := range d.size {
		o := g.occurrence(d.cell, d.until)
		g.add(&o, i)
		if f.FirstEvent.IsZero() || o.at.Before(f.FirstEvent) {
			f.FirstEvent = o.at
		}
		if o.at.After(f.LastEvent) {
			f.LastEvent = o.at
		}
	}
	g.batch.Files = append(g.batch.Files, f)
	g.file++
}

// drawn is a log file to be: of which cell, of events until when.
type drawn struct {
	cell             *cell
	key              string
	size             int
	delivered, until time.Time
}

func (g *Generator) draw(most int) drawn {
	r := g.random
	d := drawn{cell: g.org.cells[pick(r, g.org.tickets)], delivered: g.arrival(g.next)}
	c := d.cell
	d.size = min(most, int(5*math.Pow(100, r.share())))
	d.until = d.delivered.Add(-time.Duration(30+r.below(120)) * time.Second)
	if r.below(1000) < lateShare {
		d.until = d.until.Add(-time.Duration(10+r.below(350)) * time.Minute)
	}
	d.key = fmt.Sprintf("%s%s_CloudTrail_%s_%s_%016X.json.gz", LogPrefix(c.account, c.region, d.delivered), c.account, c.region,
		d.delivered.Format("20060102T1504Z"), mix(g.stream<<40|uint64(g.file)))
	return d
}

// occurrence draws a record of a cell from the five minutes before a time.
func (g *Generator) occurrence(c *cell, until time.Time) occurrence {
	if waiting := g.waiting[c.index]; len(waiting) > 0 {
		g.waiting[c.index] = waiting[1:]
		return waiting[0]
	}
	r := g.random
	o := occurrence{at: until.Add(-time.Duration(r.below(300)) * time.Second).Truncate(time.Second), requestID: g.guid(1), variant: r.next()}
	switch n := r.below(1000); {
	case n < changeShare:
		g.change(c, &o)
	case n < changeShare+readShare:
		o.call = pick(r, c.reads)
	case n < changeShare+readShare+foreignShare:
		o.call, o.sharedID = pick(r, c.foreign), g.guid(2)
		owner := o
		owner.call = o.call.owner
		home := owner.call.key.home.index
		g.waiting[home] = append(g.waiting[home], owner)
	default:
		o.call = c.calls[pick(r, c.tickets)]
		if r.below(1000) < errorShare {
			o.failure = &failures[min(r.below(10), 2)]
		}
	}
	return o
}

// change draws a change to a key; four in five are of grants.
func (g *Generator) change(c *cell, o *occurrence) {
	r := g.random
	open := g.grants[c.index]
	switch n := r.below(10); {
	case n < 2:
		o.call = pick(r, c.changes)
	case n < 6 && len(open) > 8:
		i := r.below(len(open))
		o.call, o.grant = open[i].calls.retire, open[i].grant
		open[i] = open[len(open)-1]
		g.grants[c.index] = open[:len(open)-1]
	default:
		calls := pick(r, c.grants)
		o.call, o.grant = calls.create, r.next()
		g.grants[c.index] = append(open, openGrant{calls, o.grant})
	}
}

// add writes a record as the next row.
func (g *Generator) add(o *occurrence, index int) {
	id := g.guid(0)
	g.next++
	g.batch.EventIDs = append(g.batch.EventIDs, id)
	g.batch.EventTimes = append(g.batch.EventTimes, o.at.UnixMicro())
	g.rows.add(o, id, g.file, index)
}

// guid makes an id of the next event that no other event of any stream has: mix
// is a bijection, and fixed bits take away only a few.
func (g *Generator) guid(kind uint64) (id [16]byte) {
	n := (g.stream<<2|kind)<<40 | uint64(g.next)
	binary.LittleEndian.PutUint64(id[:], mix(n))
	binary.LittleEndian.PutUint64(id[8:], mix(^n))
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

// share draws a number in [0, 1).
func (r *random) share() float64 { return float64(r.next()>>11) / (1 << 53) }

// rows builds a record batch of kms_events. Columns that a row leaves out
// become NULL when the next value or the end comes.
type rows struct {
	n       int
	builder *array.RecordBuilder
	texts   []*array.StringBuilder // by column; nil for other types

	logFile, sessionStart, deletion, eventTime, eventID, requestID, sharedID int
	index, pendingDays, rotationDays, readOnly, isSelf, mfa, multiRegion     int
	callerARN, session, accessKey, errorCode, errorMessage, errorClass       int
	grantID, grantee, alias, policy, state, usage, origin                    int
	context, tags, grantOperations                                           int
}

func newRows() *rows {
	w := &rows{builder: array.NewRecordBuilder(memory.DefaultAllocator, schema.KMSEvents.Arrow())}
	for _, b := range w.builder.Fields() {
		s, _ := b.(*array.StringBuilder)
		w.texts = append(w.texts, s)
	}
	for name, column := range map[string]*int{
		"log_file_id": &w.logFile, "record_index": &w.index, "event_id": &w.eventID, "event_time": &w.eventTime, "request_id": &w.requestID,
		"shared_event_id": &w.sharedID, "read_only": &w.readOnly, "is_self": &w.isSelf, "mfa": &w.mfa, "multi_region": &w.multiRegion,
		"session_start": &w.sessionStart, "caller_arn": &w.callerARN, "session_name": &w.session, "access_key_id": &w.accessKey,
		"error_code": &w.errorCode, "error_message": &w.errorMessage, "error_class": &w.errorClass,
		"grant_id": &w.grantID, "grantee_principal": &w.grantee, "alias_name": &w.alias, "key_policy": &w.policy, "key_state": &w.state,
		"key_usage": &w.usage, "key_origin": &w.origin, "encryption_context": &w.context, "tags": &w.tags,
		"grant_operations": &w.grantOperations, "pending_window_days": &w.pendingDays, "rotation_period_days": &w.rotationDays,
		"deletion_date": &w.deletion,
	} {
		if *column = schema.KMSEvents.Column(name); *column < 0 {
			panic("kms_events has no column " + name)
		}
	}
	return w
}

// field returns the builder of a column, filled up to the row being written.
func field[B array.Builder](w *rows, column int) B {
	b := w.builder.Field(column)
	if missing := w.n - b.Len(); missing > 0 {
		b.AppendNulls(missing)
	}
	return b.(B)
}

func (w *rows) text(column int, s string) {
	b := w.texts[column]
	if missing := w.n - b.Len(); missing > 0 {
		b.AppendNulls(missing)
	}
	b.Append(s)
}

func (w *rows) bool(column int, v bool) { field[*array.BooleanBuilder](w, column).Append(v) }

func (w *rows) time(column int, at time.Time) {
	field[*array.TimestampBuilder](w, column).Append(arrow.Timestamp(at.UnixMicro()))
}

func (w *rows) days(column, n int) { field[*array.Int32Builder](w, column).Append(int32(n)) }

func (w *rows) guid(column int, id [16]byte) {
	field[*extensions.UUIDBuilder](w, column).AppendBytes(id)
}

func (w *rows) add(o *occurrence, id [16]byte, file int64, index int) {
	field[*array.Int64Builder](w, w.logFile).Append(file)
	w.days(w.index, index)
	w.guid(w.eventID, id)
	w.guid(w.requestID, o.requestID)
	if o.sharedID != ([16]byte{}) {
		w.guid(w.sharedID, o.sharedID)
	}
	w.time(w.eventTime, o.at)
	w.bool(w.readOnly, o.call.readOnly)
	w.bool(w.isSelf, false)
	for _, t := range o.call.texts {
		w.text(t.column, t.value)
	}
	if by := o.call.caller; by != nil && by.typ == "AssumedRole" {
		w.addSession(o, by)
	}
	w.addContext(o)
	if f := o.failure; f != nil {
		w.text(w.errorCode, f.code)
		w.text(w.errorClass, f.class)
		if f.message != "" {
			w.text(w.errorMessage, f.message)
		}
	}
	if !o.call.readOnly {
		w.addChange(o)
	}
	w.n++
}

const sessionLasts = 6 * time.Hour

// sessionOf is the name and number of the session in which a role calls.
func sessionOf(by *caller, at time.Time, variant uint64) (name string, number uint64) {
	number = mix(by.seed + uint64(at.Truncate(sessionLasts).Unix())<<2 + variant&3)
	return string(appendHex([]byte("task-"), number, 16)), number
}

// addSession gives a role four sessions at a time, new ones every six hours.
func (w *rows) addSession(o *occurrence, by *caller) {
	session, number := sessionOf(by, o.at, o.variant)
	start := o.at.Truncate(sessionLasts)
	b := make([]byte, 0, 128)
	b = append(append(append(append(b, "arn:aws:sts::"...), by.account...), ":assumed-role/"...), by.name...)
	b = append(append(b, '/'), session...)
	name := len(b) - len(session)
	access := len(b)
	b = appendHex(append(b, "ASIA"...), mix(number), 16)
	w.text(w.callerARN, string(b[:access]))
	w.text(w.session, string(b[name:access]))
	w.text(w.accessKey, strings.ToUpper(string(b[access:])))
	w.time(w.sessionStart, start.Add(time.Duration(number%3600)*time.Second-time.Hour))
	w.bool(w.mfa, false)
}

func (w *rows) addContext(o *occurrence) {
	if o.call.context == nil {
		return
	}
	b := field[*array.MapBuilder](w, w.context)
	b.Append(true)
	for _, p := range o.call.context {
		b.KeyBuilder().(*array.StringBuilder).Append(p.key)
		b.ItemBuilder().(*array.StringBuilder).Append(o.valueOf(p))
	}
}

// valueOf is the value of a pair in an occurrence.
func (o *occurrence) valueOf(p pair) string {
	if p.variants == 0 {
		return p.value
	}
	return string(appendHex([]byte(p.value), mix(o.variant%uint64(p.variants)), 8))
}

// addChange fills what calls that change keys have besides.
func (w *rows) addChange(o *occurrence) {
	switch o.call.name {
	case "CreateGrant":
		w.text(w.grantID, grantID(o.grant))
		w.text(w.grantee, o.call.caller.principal)
		b := field[*array.ListBuilder](w, w.grantOperations)
		b.Append(true)
		for _, op := range []string{"Decrypt", "GenerateDataKeyWithoutPlaintext", "RetireGrant"} {
			b.ValueBuilder().(*array.StringBuilder).Append(op)
		}
	case "RetireGrant":
		w.text(w.grantID, grantID(o.grant))
	case "CreateAlias", "UpdateAlias", "DeleteAlias":
		w.text(w.alias, o.call.key.alias)
	case "TagResource":
		b := field[*array.MapBuilder](w, w.tags)
		b.Append(true)
		b.KeyBuilder().(*array.StringBuilder).Append("department")
		b.ItemBuilder().(*array.StringBuilder).Append([]string{"finance", "research", "sales"}[o.variant%3])
	case "PutKeyPolicy":
		w.text(w.policy, keyPolicy(o.call.key))
	case "EnableKeyRotation":
		w.days(w.rotationDays, 365)
	case "ScheduleKeyDeletion":
		w.days(w.pendingDays, 30)
		w.time(w.deletion, o.at.Add(30*24*time.Hour))
		w.text(w.state, "PendingDeletion")
	case "CreateKey":
		w.text(w.policy, keyPolicy(o.call.key))
		w.text(w.state, "Enabled")
		w.text(w.usage, "ENCRYPT_DECRYPT")
		w.text(w.origin, "AWS_KMS")
		w.bool(w.multiRegion, false)
	}
}

// grantID makes the 64 digits of a grant.
func grantID(n uint64) string {
	var b []byte
	for i := range uint64(4) {
		b = appendHex(b, mix(n+i), 16)
	}
	return string(b)
}

func keyPolicy(k *kmsKey) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"Enable IAM policies","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + k.home.account +
		`:root"},"Action":"kms:*","Resource":"*"},{"Sid":"Use","Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:Decrypt","kms:GenerateDataKey"],` +
		`"Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"` + k.home.account + `"}}}]}`
}

// record returns the rows and begins anew, with room for as many.
func (w *rows) record() arrow.RecordBatch {
	text := make([]int, len(w.texts))
	for i, b := range w.builder.Fields() {
		if missing := w.n - b.Len(); missing > 0 {
			b.AppendNulls(missing)
		}
		if s := w.texts[i]; s != nil {
			text[i] = s.DataLen()
		}
	}
	rec := w.builder.NewRecordBatch()
	w.builder.Reserve(w.n)
	for i, n := range text {
		if n > 0 {
			w.texts[i].ReserveData(n + n/8)
		}
	}
	w.n = 0
	return rec
}
