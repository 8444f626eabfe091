package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

var testTime = time.Date(2026, 1, 4, 6, 0, 0, 0, time.UTC)

func sample(name, id string) []byte {
	e := cttest.Sample(name, "111122223333", testTime)
	e.ID = cttest.EventID(id)
	return e.JSON()
}

// patch replaces what was by what is in a record, once.
func patch(t testing.TB, record []byte, was, is string) []byte {
	t.Helper()
	if !bytes.Contains(record, []byte(was)) {
		t.Fatalf("record has no %s: %s", was, record)
	}
	return bytes.Replace(record, []byte(was), []byte(is), 1)
}

// outcome is what became of a file, in short.
type outcome struct {
	Status     FileStatus
	Records    int64
	Rows       int
	Duplicates int64
	Repeats    int
	Related    int
	Reasons    []string
}

func outcomeOf(body []byte) (outcome, *accumulator, LogFile) {
	acc, file := decodeFile(body)
	o := outcome{
		Status: file.Status, Records: file.Records, Rows: acc.events.n, Duplicates: file.Duplicates,
		Repeats: acc.repeats.n, Related: acc.related.n,
	}
	for _, q := range acc.quarantine {
		o.Reasons = append(o.Reasons, fmt.Sprintf("%s@%d", q.Reason, q.RecordIndex))
	}
	return o, acc, file
}

func TestContainers(t *testing.T) {
	a, b := string(sample("Decrypt", "a")), string(sample("Encrypt", "b"))
	other := string(cttest.PutObject(testTime, cttest.AssumedRole("111122223333", "app", "s"), "us-east-1", "logs", "o", "").JSON())
	tagging := string(cttest.PutBucketTagging(testTime, cttest.AssumedRole("111122223333", "app", "s"), "us-east-1", "logs", cttest.Pairs("team", "red")).JSON())
	text := func(s string) string { q, _ := json.Marshal(s); return string(q) }
	two := outcome{Status: FileIngested, Records: 2, Rows: 2}
	for name, c := range map[string]struct {
		body string
		want outcome
	}{
		"records":            {`{"Records":[` + a + "," + b + `]}`, two},
		"pretty":             {"\n{ \"Records\" : [ " + a + " ,\n" + b + " ] }\n", two},
		"byte order mark":    {"\ufeff{\"Records\":[" + a + "," + b + `]}`, two},
		"members around":     {`{"x":{"y":[1,"]"]},"Records":[` + a + "," + b + `],"z":null}`, two},
		"bare array":         {"[" + a + "," + b + "]", two},
		"lines":              {a + "\n" + b + "\n", two},
		"concatenated":       {a + b, two},
		"lines of log files": {`{"Records":[` + a + "]}\n{\"Records\":[" + b + "]}", two},
		"event bridge":       {`{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.kms","resources":[],"detail":` + a + "}\n" + `{"detail":` + b + `}`, two},
		"lookup events":      {`{"Events":[{"EventId":"x","CloudTrailEvent":` + text(a) + `},{"CloudTrailEvent":` + text(b) + `,"Username":"u"}],"NextToken":"t"}`, two},
		"others":             {`{"Records":[` + other + "," + a + "," + tagging + "," + b + `]}`, outcome{Status: FileIngested, Records: 4, Rows: 2, Related: 1}},
		"empty records":      {`{"Records":[]}`, outcome{Status: FileIngested}},
		"null records":       {`{"Records":null}`, outcome{Status: FileIngested}},
		"same record twice":  {`{"Records":[` + a + "," + a + "," + b + `]}`, outcome{Status: FileIngested, Records: 3, Rows: 2, Duplicates: 1}},
		"same id, other content": {
			`{"Records":[` + a + "," + strings.Replace(a, "192.0.2.10", "192.0.2.99", 1) + `]}`,
			outcome{Status: FileIngested, Records: 2, Rows: 1, Repeats: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, acc, _ := outcomeOf([]byte(c.body))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s%+v", diff, acc.quarantine)
			}
			agree(t, name, []byte(c.body))
			zipped, _, _ := outcomeOf(cttest.Gzip([]byte(c.body)))
			if diff := cmp.Diff(c.want, zipped); diff != "" {
				t.Errorf("gzipped (-want +got)\n%s", diff)
			}
		})
	}
}

// TestBadInput holds what becomes of every kind of input that is not as it
// should be: which records are stored, and what the quarantine says.
func TestBadInput(t *testing.T) {
	good := string(sample("Decrypt", "good"))
	bad := func(was, is string) string { return string(patch(t, sample("Decrypt", "bad"), was, is)) }
	id := `"eventID":"` + cttest.EventID("bad") + `"`
	when := `"eventTime":"2026-01-04T06:00:00Z"`
	file := func(records ...string) []byte { return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`) }
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	huge := strings.Repeat("x", maxStringBytes+1)
	ok := func(rows int, records int64, reasons ...string) outcome {
		return outcome{Status: FileIngested, Records: records, Rows: rows, Reasons: reasons}
	}
	broken := func(rows int, records int64, reasons ...string) outcome {
		return outcome{Status: FileQuarantined, Records: records, Rows: rows, Reasons: reasons}
	}
	gz := cttest.Gzip(file(good, good))
	for name, c := range map[string]struct {
		body []byte
		want outcome
	}{
		"empty file":             {nil, broken(0, 0, "bad_json@-1")},
		"spaces":                 {[]byte(" \n"), broken(0, 0, "bad_json@-1")},
		"not JSON":               {[]byte("<html>"), broken(0, 0, "bad_json@-1")},
		"other JSON":             {[]byte(`{"hello":"world"}`), broken(0, 0, "not_cloudtrail@-1")},
		"digest":                 {[]byte(`{"awsAccountId":"111122223333","logFiles":[]}`), broken(0, 0, "not_cloudtrail@-1")},
		"truncated gzip":         {gz[:len(gz)-12], broken(0, 0, "bad_gzip@-1")},
		"corrupt gzip":           {append(bytes.Clone(gz[:40]), bytes.Repeat([]byte{0xaa}, 60)...), broken(0, 0, "bad_gzip@-1")},
		"gzip header only":       {gz[:10], broken(0, 0, "bad_gzip@-1")},
		"Records is no array":    {[]byte(`{"Records":{"a":1}}`), broken(0, 0, "wrong_type@-1")},
		"text after the array":   {[]byte("[" + good + "] x"), broken(1, 1, "bad_json@-1")},
		"cut off":                {file(good, good[:200])[:len(good)+200], broken(1, 1, "bad_json@-1")},
		"one bad line":           {[]byte(good + "\n{\"eventVersion\":tru\n" + bad("192.0.2.10", "192.0.2.11")), broken(2, 2, "bad_json@-1")},
		"records of other types": {file(good, `"text"`, `17`, `[1]`, `null`), ok(1, 5, "wrong_type@1", "wrong_type@2", "wrong_type@3", "wrong_type@4")},
		"no eventID":             {file(good, bad(id+",", "")), ok(1, 2, "no_event_id@1")},
		"empty eventID":          {file(good, bad(id, `"eventID":""`)), ok(1, 2, "no_event_id@1")},
		"odd eventID":            {file(good, bad(id, `"eventID":"17"`)), ok(1, 2, "bad_event_id@1")},
		"eventID is a number":    {file(good, bad(id, `"eventID":17`)), ok(1, 2, "wrong_type@1")},
		"eventTime is a number":  {file(good, bad(when, `"eventTime":1767506400`)), ok(1, 2, "wrong_type@1")},
		"odd eventTime":          {file(good, bad(when, `"eventTime":"yesterday"`)), ok(1, 2, "bad_event_time@1")},
		"31 February":            {file(good, bad(when, `"eventTime":"2026-02-31T00:00:00Z"`)), ok(1, 2, "bad_event_time@1")},
		"no region":              {file(good, bad(`"awsRegion":"us-east-1",`, "")), ok(1, 2, "wrong_type@1")},
		"member twice":           {file(good, bad(id, id+`,"userAgent":"second"`)), ok(1, 2, "duplicate_member@1")},
		"context key twice":      {file(good, bad(`"tenant":"blue"`, `"tenant":"blue","tenant":"red"`)), ok(2, 2, "duplicate_context_key@1")},
		"nested member twice":    {file(good, bad(`"encryptionAlgorithm":"SYMMETRIC_DEFAULT"`, `"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionAlgorithm":"X"`)), ok(2, 2, "duplicate_member@1")},
		"context is a string":    {file(good, bad(`"encryptionContext":{`, `"encryptionContext":"x","old":{`)), ok(2, 2, "wrong_type@1")},
		"context value a number": {file(good, bad(`"tenant":"blue"`, `"tenant":1`)), ok(2, 2, "wrong_type@1")},
		"userAgent a number":     {file(good, bad(`"userAgent":"`, `"userAgent":1,"ua":"`)), ok(2, 2, "wrong_type@1")},
		"userIdentity a string":  {file(good, bad(`"userIdentity":{`, `"userIdentity":"x","ui":{`)), ok(2, 2)},
		"resources an object":    {file(good, bad(`"resources":[{`, `"resources":{"a":1},"r":[{`)), ok(2, 2, "wrong_type@1")},
		"invalid UTF-8":          {file(good, bad("192.0.2.10", "192\xff\xfe")), ok(2, 2, "invalid_utf8@1")},
		"lone surrogate":         {file(good, bad("192.0.2.10", `\ud800`)), ok(2, 2, "invalid_utf8@1")},
		"invalid escape":         {file(good, bad("192.0.2.10", `\q`)), ok(2, 2, "invalid_utf8@1")},
		"NUL":                    {file(good, bad("192.0.2.10", `a\u0000b`)), ok(2, 2)},
		"invalid unknown member": {file(good, bad(id, id+`,"new":{"a":tru}`)), ok(1, 2, "bad_json@1")},
		"deep":                   {file(good, bad(id, id+`,"new":`+deep)), ok(1, 2, "too_deep@1")},
		"deep, not KMS":          {file(good, `{"eventSource":"s3.amazonaws.com","a":`+deep+`}`), ok(1, 2)},
		"deep records":           {[]byte(`{"Records":[` + deep + `,` + good + `]}`), ok(1, 2, "wrong_type@0")},
		"long string":            {file(good, bad("192.0.2.10", huge)), ok(1, 2, "string_too_long@1")},
		"long record":            {file(good, bad(id, id+`,"new":"`+strings.Repeat("x", maxRecordBytes)+`"`)), ok(1, 2, "too_large@1")},
		"100 MB string":          {file(good, bad("192.0.2.10", strings.Repeat("y", 100<<20))), ok(1, 2, "too_large@1")},
		"unknown member kept":    {file(good, bad(id, id+`,"new":{"a":[1,2.5e3,true,null,"x"]}`)), ok(2, 2)},
		"hidden source":          {file(good, bad(`"eventSource":"kms.amazonaws.com"`, `"eventSource":"\u006bms.amazonaws.com"`)), ok(2, 2)},
		"hidden member name":     {file(good, bad(`"eventSource"`, `"event\u0053ource"`)), ok(2, 2)},
		"nested record":          {file(strings.Replace(string(cttest.PutObject(testTime, cttest.Root("111122223333"), "us-east-1", "b", "o", "").JSON()), `"requestParameters":{`, `"requestParameters":{"list":[{"a":1},`+good+`],`, 1)), ok(0, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			got, acc, file := outcomeOf(c.body)
			if text := gunzipped(c.body); text != nil && len(text) < 2*maxRecordBytes {
				agree(t, name, text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s%+v", diff, acc.quarantine)
			}
			if file.Quarantined != int64(len(c.want.Reasons)) {
				t.Errorf("the ledger counts %d quarantine rows, want %d", file.Quarantined, len(c.want.Reasons))
			}
			for _, q := range acc.quarantine {
				if q.Detail == "" || q.LogFileID != 7 || len(q.Excerpt) > maxExcerpt {
					t.Errorf("quarantine row is not complete: %+v", q)
				}
			}
			if rec := acc.batch().Events; rec != nil {
				rows(t, rec) // the rows can be read at all
			}
		})
	}
}

func TestFindRecord(t *testing.T) {
	id := func(name string) uuid { v, _ := parseUUID([]byte(cttest.EventID(name))); return v }
	a, b := sample("Decrypt", "a"), sample("Encrypt", "b")
	again := patch(t, a, "192.0.2.10", "192.0.2.99")
	other := cttest.PutObject(testTime, cttest.Root("111122223333"), "us-east-1", "b", "o", "")
	other.ID = cttest.EventID("other")
	wrapped, _ := json.Marshal(string(b))
	for name, c := range map[string]struct {
		body  []byte
		index int
		id    string
		want  []byte
	}{
		"log file":       {cttest.LogFile(a, b), 1, "b", b},
		"moved":          {cttest.LogFile(other.JSON(), a, b), 0, "b", b},
		"other service":  {cttest.LogFile(a, other.JSON()), 1, "other", other.JSON()},
		"twice, first":   {cttest.LogFile(a, again), 0, "a", a},
		"twice, second":  {cttest.LogFile(a, again), 1, "a", again},
		"lookup events":  {[]byte(`{"Events":[{"CloudTrailEvent":` + string(wrapped) + `}]}`), 0, "b", b},
		"before a break": {[]byte(`{"Records":[` + string(a) + `,{"x":`), 0, "a", a},
		"not there":      {cttest.LogFile(a), 0, "b", nil},
		"not a log file": {[]byte("<html>"), 0, "a", nil},
		"behind a break": {[]byte(`{"Records":[{"x":` + string(a)), 0, "a", nil},
		"lines":          {append(append(bytes.Clone(a), '\n'), b...), 1, "b", b},
	} {
		got, err := FindRecord(c.body, c.index, id(c.id))
		if !bytes.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%s: %s, %v, want %s", name, got, err, c.want)
		}
	}
}

func TestGzipBomb(t *testing.T) {
	bomb := cttest.Gzip(append([]byte(`{"Records":[`), bytes.Repeat([]byte(" "), 64<<20)...))
	acc := newAccumulator(testSeed)
	f := newFileDecoder(nil, 1<<20)
	file := f.decode(acc, LogFile{}, bomb)
	if file.Status != FileQuarantined || len(acc.quarantine) != 1 || acc.quarantine[0].Reason != "too_large" {
		t.Errorf("a bomb of %d bytes ended as %+v with %+v", len(bomb), file, acc.quarantine)
	}
	if got := cap(f.inflater.buf); got > 4<<20 {
		t.Errorf("the decompressor holds %d bytes at a limit of 1 MiB", got)
	}
}

func TestGzipMembers(t *testing.T) {
	body := []byte(`{"Records":[` + string(sample("Decrypt", "a")) + `]}`)
	two := append(cttest.Gzip(body[:100]), cttest.Gzip(body[100:])...)
	if got, _, _ := outcomeOf(two); got.Rows != 1 {
		t.Errorf("a file of two gzip members gave %+v", got)
	}
}

func TestQuarantineIsBounded(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`{"Records":[1`)
	for range 5000 {
		b.WriteString(",1")
	}
	b.WriteString("]}")
	acc, file := decodeFile(b.Bytes())
	if len(acc.quarantine) != maxQuarantined || file.Quarantined != 5001 {
		t.Errorf("%d quarantine rows and a count of %d", len(acc.quarantine), file.Quarantined)
	}
}

// FuzzFile holds that no input makes the decoder panic or loop, and that what
// it makes of it can be stored.
func FuzzFile(f *testing.F) {
	for _, name := range cttest.Operations() {
		f.Add(cttest.Body(sample(name, name)))
	}
	f.Add([]byte(`{"Records":[{"eventSource":"kms.amazonaws.com","eventID":"\ud800"}]}`))
	f.Add(cttest.Body(relatedSample("cloudtrail", "PutEventSelectors", `{"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventSource","notEquals":["kms.amazonaws.com"]}]}]}`, "")))
	f.Add(cttest.Body(relatedSample("s3", "PutBucketEncryption", `{"ServerSideEncryptionConfiguration":{"Rule":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms"}}]}}`, "")))
	f.Add(cttest.Body(relatedSample("dynamodb", "CreateTable", `{"sSESpecification":{"enabled":true}}`, `{"tableDescription":{"sSEDescription":{}}}`)))
	f.Add([]byte(`{"Records":[{"eventSource":"kms.amazonaws.com","requestParameters":{"encryptionContext":{"a":"4111 1111-1111 1111","eyJ":"-----BEGIN PRIVATE KEY-----"}}}]}`))
	f.Add([]byte(`{"Events":[{"CloudTrailEvent":"{\"eventSource\":\"kms.amazonaws.com\"}"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		acc, file := decodeFile(body)
		if int64(acc.events.n+acc.repeats.n)+file.Duplicates != file.KMS || file.KMS > file.Records {
			t.Errorf("%d rows, %d repeats and %d duplicates of %d KMS records in %d", acc.events.n, acc.repeats.n, file.Duplicates, file.KMS, file.Records)
		}
		for _, q := range acc.quarantine {
			if q.Reason == "crashed" {
				t.Error(q.Detail)
			}
		}
		b := acc.batch()
		if b.Events == nil {
			return
		}
		for _, row := range rows(t, b.Events) {
			if rest, ok := row["remainder"].(string); ok && !json.Valid([]byte(rest)) {
				t.Errorf("the remainder is not valid JSON: %s", rest)
			}
		}
	})
}
