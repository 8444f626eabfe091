package ingest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/golden"
)

// cellText writes a value of a column as the reference does; "" is NULL.
func cellText(t testing.TB, a arrow.Array, i int) string {
	t.Helper()
	if a.IsNull(i) {
		return ""
	}
	switch a := a.(type) {
	case *array.String:
		return quoted(a.Value(i))
	case *array.Boolean:
		return strconv.FormatBool(a.Value(i))
	case *array.Int64:
		return strconv.FormatInt(a.Value(i), 10)
	case *array.Int32:
		return strconv.Itoa(int(a.Value(i)))
	case *array.Timestamp:
		return strconv.FormatInt(int64(a.Value(i)), 10)
	case *array.FixedSizeBinary:
		return guidText(a.Value(i))
	case array.ExtensionArray:
		return cellText(t, a.Storage(), i)
	case *array.Map:
		from, to := a.ValueOffsets(i)
		var pairs []refPair
		for j := int(from); j < int(to); j++ {
			values := a.Items().(*array.String)
			p := refPair{key: a.Keys().(*array.String).Value(j), removed: values.IsNull(j)}
			if !p.removed {
				p.value = values.Value(j)
			}
			pairs = append(pairs, p)
		}
		return refMap(pairs)
	case *array.List:
		from, to := a.ValueOffsets(i)
		var list []string
		for j := int(from); j < int(to); j++ {
			list = append(list, a.ListValues().(*array.String).Value(j))
		}
		return refList(list)
	}
	t.Fatalf("no text for a column of %s", a.DataType())
	return ""
}

func guidText(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// refRows writes the rows of a batch as the reference does.
func refRows(t testing.TB, rec arrow.RecordBatch) []refRow {
	t.Helper()
	if rec == nil {
		return nil
	}
	out := make([]refRow, rec.NumRows())
	for i := range out {
		out[i] = refRow{}
		for c, col := range rec.Columns() {
			if s := cellText(t, col, i); s != "" {
				out[i][rec.ColumnName(c)] = s
			}
		}
		if rest := out[i]["remainder"]; rest != "" {
			text, err := strconv.Unquote(rest)
			if err != nil || !json.Valid([]byte(text)) {
				t.Fatalf("the remainder is not valid JSON: %s", rest)
			}
			out[i]["remainder"] = refCanonical(refValue{[]byte(text), 0})
		}
	}
	return out
}

// upTo leaves out the rows from a record on; all are left where it is negative.
func upTo(rows []refRow, record int) []refRow {
	return slices.DeleteFunc(rows, func(r refRow) bool {
		n, _ := strconv.Atoi(r["record_index"])
		return record >= 0 && n >= record
	})
}

// disagreements compares what the two decoders make of a log file.
func disagreements(t testing.TB, text []byte) (out []string, rows int) {
	t.Helper()
	want := readReference(text, cttest.RoleARN("111122223333", "kmstrail"))
	acc, file := decodeFile(text)
	b := acc.batch()
	for _, table := range []struct {
		name string
		want []refRow
		got  arrow.RecordBatch
	}{{"kms_events", want.events, b.Events}, {"repeats of kms_events", want.repeats, b.Repeats}, {"related_events", want.related, b.Related}} {
		got := upTo(refRows(t, table.got), want.unread)
		expected := upTo(table.want, want.unread)
		rows += len(expected)
		if len(got) != len(expected) {
			out = append(out, fmt.Sprintf("%s: %d rows, the reference has %d", table.name, len(got), len(expected)))
			continue
		}
		for i := range got {
			columns := maps.Clone(got[i])
			maps.Copy(columns, expected[i])
			for _, c := range slices.Sorted(maps.Keys(columns)) {
				if got[i][c] != expected[i][c] {
					out = append(out, fmt.Sprintf("%s: record %s: %s is %s, the reference has %s", table.name, expected[i]["record_index"], c, got[i][c], expected[i][c]))
				}
			}
		}
	}
	out = append(out, quarantineDisagrees(t, want, b.Quarantine)...)
	if counts, expected := [3]int64{file.Records, file.KMS, file.Duplicates}, [3]int64{int64(want.records), int64(want.kms), int64(want.duplicates)}; want.unread < 0 && counts != expected {
		out = append(out, fmt.Sprintf("records, KMS records, duplicates: %d, the reference has %d", counts, expected))
	}
	return out, rows
}

// quarantineDisagrees compares the entries of each record, in any order. Of a
// broken file only those of the records before the break count.
func quarantineDisagrees(t testing.TB, want *reference, got []Quarantined) []string {
	t.Helper()
	text := func(q refQuarantine) string { return fmt.Sprintf("%+v", q) }
	var a, b []string
	for _, q := range got {
		id := ""
		if q.EventID != (uuid{}) {
			id = guidText(q.EventID[:])
		}
		if q.Reason == "crashed" || q.Detail == "" || q.LogFileID != 7 {
			return []string{fmt.Sprintf("quarantine: %+v", q)}
		}
		if want.unread < 0 || q.RecordIndex >= 0 && q.RecordIndex < want.unread {
			a = append(a, text(refQuarantine{q.RecordIndex, int(q.Offset), q.Reason, id, string(q.Excerpt)}))
		}
	}
	for _, q := range want.quarantine {
		if want.unread < 0 || q.index >= 0 && q.index < want.unread {
			b = append(b, text(q))
		}
	}
	slices.Sort(a)
	slices.Sort(b)
	if slices.Equal(a, b) {
		return nil
	}
	return []string{fmt.Sprintf("quarantine:\n%s\nthe reference has:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))}
}

// agree fails the test for each column in which the two decoders disagree.
func agree(t testing.TB, name string, text []byte) (rows int) {
	t.Helper()
	out, rows := disagreements(t, text)
	for _, d := range out {
		t.Errorf("%s: %s", name, d)
	}
	return rows
}

// gunzipped is the text of a log file; nil when it has none.
func gunzipped(body []byte) []byte {
	if !isGzip(body) {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil
	}
	return text
}

// TestReferenceBucket compares the decoders on the sample bucket.
func TestReferenceBucket(t *testing.T) {
	files, rows := 0, 0
	err := filepath.WalkDir("../sampledata/bucket", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !IsLogName(path) {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if text := gunzipped(body); text != nil {
			files++
			rows += agree(t, path, text)
		}
		return nil
	})
	if err != nil || rows < 600 {
		t.Fatalf("%d rows compared: %v", rows, err)
	}
	t.Logf("%d files, %d rows", files, rows)
}

// referenceOddities are records in which the decoders once disagreed, or could.
// Each is a member put into a record, before its eventID.
var referenceOddities = map[string]string{
	"name escaped":                   `"requestParameters":{"key\u0049d":"alias/a","encryptionConte\u0078t":{"a":"b"}}`,
	"nulls are absent":               `"requestParameters":{"operations":null,"tags":null,"tagKeys":null,"encryptionContext":null,"dryRun":null,"validTo":null,"pendingWindowInDays":null}`,
	"null session":                   `"userIdentity":{"type":"IAMUser","sessionContext":null}`,
	"null issuer":                    `"userIdentity":{"type":"IAMUser","sessionContext":{"sessionIssuer":null,"attributes":null}}`,
	"context, then null":             `"requestParameters":{"encryptionContext":{"a":"b"},"encryptionContext":null}`,
	"context, then text":             `"requestParameters":{"encryptionContext":{},"encryptionContext":"x"}`,
	"context twice":                  `"requestParameters":{"encryptionContext":{},"sourceEncryptionContext":{"a":"b"}}`,
	"tag says more":                  `"requestParameters":{"tags":[{"tagKey":"a","tagValue":"b","tagOwner":"c"},{"tagKey":"d","tagValue":"e"}]}`,
	"tag twice in one":               `"requestParameters":{"tags":[{"tagKey":"a","key":"b","tagValue":"c"}]}`,
	"tag without a value":            `"requestParameters":{"tags":[{"tagKey":"a"},{"tagKey":"b","tagValue":7},7]}`,
	"metadata of something else":     `"responseElements":{"keyId":"alias/lost","list":[{"keyMetadata":1}]}`,
	"null metadata":                  `"responseElements":{"keyId":"alias/lost","keyMetadata":null}`,
	"key and metadata":               `"responseElements":{"keyId":"1234abcd-12ab-34cd-56ef-000000000001","keyMetadata":{"arn":"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-000000000002"}}`,
	"metadata and key":               `"responseElements":{"keyMetadata":{"arn":"arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-000000000002"},"keyId":"1234abcd-12ab-34cd-56ef-000000000001"}`,
	"ids escaped":                    `"requestID":"\u0031234abcd-12ab-34cd-56ef-000000000001","addendum":{"reason":"UPDATED\u005fDATA","originalEventID":"\u0031234abcd-12ab-34cd-56ef-000000000001"}`,
	"implied, escaped":               `"requestParameters":{"policyName":"def\u0061ult","encryptionAlgorithm":"A","destinationEncryptionAlgorithm":"\u0041"},"tlsDetails":{"clientProvidedHostHeader":"kms.us\u002deast-1.amazonaws.com"}`,
	"depth 64":                       `"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63),
	"depth 65":                       `"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64),
	"grant of request and response":  `"requestParameters":{"grantId":"a"},"responseElements":{"grantId":"b"}`,
	"grant of the request only":      `"requestParameters":{"grantId":"a"},"responseElements":{"grantId":null}`,
	"store of request and answer":    `"requestParameters":{"customKeyStoreId":"cks-a"},"additionalEventData":{"customKeyStoreId":"cks-b"}`,
	"parts of ARNs empty":            `"recipientAccountId":"111122223333","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:","arn":"arn:aws:sts::111122223333:assumed-role/app/","accountId":"111122223333"},"resources":[{"ARN":"arn:aws:kms:::key/","type":"AWS::KMS::Key"}]`,
	"two keys":                       `"requestParameters":{"keyId":"alias/a","targetKeyId":"alias/b"}`,
	"flags, numbers and dates twice": `"requestParameters":{"dryRun":true,"dryRun":false,"multiRegion":true,"multiRegion":"true","rotationPeriodInDays":90,"rotationPeriodInDays":91,"validTo":1767506400,"validTo":1767506401}`,
	"zeros":                          `"requestParameters":{"pendingWindowInDays":0,"validTo":"1970-01-01T00:00:00Z"}`,
	"days of request and response":   `"requestParameters":{"pendingWindowInDays":7},"responseElements":{"pendingWindowInDays":7}`,
	"service event of another key":   `"serviceEventDetails":{"keyId":"1234abcd-12ab-34cd-56ef-000000000001"}`,
	"surrogates":                     `"userAgent":"\ud83d\ude00 \ud800 \ud800\u0041","new":{"\ud800":"\udc00"}`,
	"dates":                          `"requestParameters":{"validTo":"Jan 2, 2026, 15:04:05 PM"},"responseElements":{"deletionDate":1767506400.5}`,
	"dates of other years":           `"requestParameters":{"validTo":"Jan 2, 1969 3:04:05 PM"},"responseElements":{"deletionDate":-5}`,
	"card numbers":                   `"requestParameters":{"encryptionContext":{"a":"4111 1111-1111 1111","b":"378282246310005","c":"x4111111111111111","d":"4111111111111111x"}}`,
	"days as long or odd numbers":    `"requestParameters":{"pendingWindowInDays":1234567890,"rotationPeriodInDays":9.0}`,
	"resources of several kinds":     `"resources":[{"ARN":"arn:aws:kms:us-east-1:111122223333:alias/a","accountId":"111122223333","type":"AWS::KMS::Key"},{"ARN":"arn:aws:kms:us-east-1:111122223333:key/k"},7]`,
	"number of every form":           `"new":[0,-0,1e3,1.50,-2.5E-3,12345678901234567890]`,
	"text of the key's own metadata": `"responseElements":{"keyId":"alias/lost","note":"\"keyMetadata\""}`,
}

// TestReferenceOddities compares the decoders on odd records, and holds that
// they are read as they should be, not only alike.
func TestReferenceOddities(t *testing.T) {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(referenceOddities)) {
		text := []byte(`{"Records":[{"eventSource":"kms.amazonaws.com","eventTime":"2026-01-04T06:00:00Z","eventName":"Decrypt","awsRegion":"us-east-1",` +
			referenceOddities[name] + `,"eventID":"` + cttest.EventID(name) + `"}]}`)
		agree(t, name, text)
		acc, _ := decodeFile(text)
		for _, row := range rows(t, acc.batch().Events) {
			maps.DeleteFunc(row, func(c string, _ any) bool {
				return slices.Contains([]string{"event_id", "event_time", "event_name", "region", "is_self", "record_copy", "actor_kind", "quota_name", "price_tier", "operation_class"}, c)
			})
			describe(&b, name, row)
		}
		for _, q := range acc.quarantine {
			fmt.Fprintf(&b, "quarantine of %s: %s: %s\n\n", name, q.Reason, q.Detail)
		}
	}
	golden.Equal(t, b.Bytes(), "testdata/oddities.golden")
}

// referenceContainers are files in which the decoders once disagreed, or could.
func referenceContainers() map[string][]byte {
	a, b := string(sample("Decrypt", "a")), string(sample("Encrypt", "b"))
	lookup := func(texts ...string) string {
		var events []string
		for _, s := range texts {
			q, _ := json.Marshal(s)
			events = append(events, `{"CloudTrailEvent":`+string(q)+`}`)
		}
		return `{"Events":[` + strings.Join(events, ",") + `]}`
	}
	files := map[string]string{
		"byte order mark":          "\ufeff {\"Records\":[17," + a + "]}",
		"looked up, empty":         lookup("", a, " 17 ", b, "[]"),
		"looked up, cut off":       lookup(a[:100], b),
		"looked up, two in one":    lookup(a+b, b),
		"looked up, not text":      `{"Events":[{"CloudTrailEvent":7},17,{}]}`,
		"looked up, name escaped":  strings.Replace(lookup(a), "Cloud", `\u0043loud`, 1),
		"broken line, then lookup": "{\"x\":7} 17\n" + lookup("", a),
		"names escaped":            `{"\u0052ecords":[` + a + `]}`,
		"Records and a record":     `{"Records":[` + a + `],"eventName":"x"}`,
		"text between":             a + " 17 " + b + "\n" + b,
		"source twice":             `[{"eventSource":"s3.amazonaws.com","eventSource":"kms.amazonaws.com"},{"eventSource":"ec2.amazonaws.com","eventSource":"kms.amazonaws.com","eventName":"CreateTags"}]`,
	}
	out := map[string][]byte{}
	for name, text := range files {
		out[name] = []byte(text)
	}
	return out
}

func TestReferenceContainers(t *testing.T) {
	var b bytes.Buffer
	files := referenceContainers()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		agree(t, name, files[name])
		o, acc, _ := outcomeOf(files[name])
		fmt.Fprintf(&b, "%s: %+v", name, o)
		for _, q := range acc.quarantine {
			fmt.Fprintf(&b, " @%d", q.Offset)
		}
		b.WriteByte('\n')
	}
	golden.Equal(t, b.Bytes(), "testdata/containers.golden")
}

// TestReferenceSamples compares the decoders on every operation, record version,
// identity, failure and kind of related call.
func TestReferenceSamples(t *testing.T) {
	for _, text := range referenceSamples() {
		agree(t, string(text[:min(len(text), 200)]), text)
	}
}

// referenceSamples are log files with one record of each kind.
func referenceSamples() [][]byte {
	var out [][]byte
	turn := 0
	add := func(change func(e *cttest.Event)) {
		turn++
		for i, name := range append(cttest.Operations(), cttest.ServiceEvents()...) {
			if turn > 4 && i%5 != turn%5 {
				continue // of callers and failures a fifth of the operations each
			}
			e := cttest.Sample(name, "111122223333", testTime)
			change(&e)
			out = append(out, cttest.Body(e.JSON()))
		}
	}
	for _, version := range []string{"1.02", "1.05", "1.08", "1.11"} {
		add(func(e *cttest.Event) { e.Version = version })
	}
	for _, id := range append(cttest.Identities("111122223333"), cttest.Identities("444455556666")...) {
		add(func(e *cttest.Event) { e.Caller = id })
	}
	for _, kind := range cttest.Failures() {
		add(func(e *cttest.Event) { e.Failure = kind })
	}
	return out
}

// FuzzReference compares the decoders on texts that are like log files.
func FuzzReference(f *testing.F) {
	for i, text := range referenceSamples() {
		if i%7 == 0 {
			f.Add(text)
		}
	}
	for _, text := range referenceContainers() {
		f.Add(text)
	}
	for name, member := range referenceOddities {
		f.Add(patch(f, cttest.Body(sample("ReEncrypt", name)), `"eventSource":`, `"odd":{},`+member+`,"eventSource":`))
		f.Add([]byte(`[{"eventSource":"kms.amazonaws.com","eventTime":"2026-01-04T06:00:00Z","eventName":"CreateKey","awsRegion":"cn-north-1","eventID":"1234abcd-12ab-34cd-56ef-000000000009",` + member + `}]`))
	}
	for _, s := range [][4]string{
		{"cloudtrail", "PutEventSelectors", `{"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Management"]},{"field":"eventSource","notEquals":["kms.amazonaws.com"]}]}]}`, ""},
		{"cloudtrail", "CreateTrail", `{"name":"org"}`, `{"logFileValidationEnabled":false}`},
		{"s3", "PutBucketEncryption", `{"bucketName":"b","ServerSideEncryptionConfiguration":{"Rule":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms"}}]}}`, ""},
		{"s3", "PutBucketTagging", `{"bucketName":"b","Tagging":{"TagSet":{"Tag":[{"Key":"a","Value":"b"}]}}}`, ""},
		{"dynamodb", "CreateTable", `{"tableName":"t","sSESpecification":{"enabled":true}}`, `{"tableDescription":{"tableArn":"x","sSEDescription":{"kMSMasterKeyArn":"y"}}}`},
		{"ec2", "CreateVolume", `{"encrypted":false,"tagSpecificationSet":{"items":[{"resourceType":"volume","tags":[{"key":"a","value":"b"}]}]}}`, `{"volumeId":"vol-01","encrypted":true}`},
	} {
		f.Add(cttest.Body(relatedSample(s[0], s[1], s[2], s[3])))
	}
	corpus, err := filepath.Glob("testdata/fuzz/FuzzFile/*")
	if err != nil || len(corpus) == 0 {
		f.Fatal("no corpus of FuzzFile", err)
	}
	for _, path := range corpus {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		_, value, _ := strings.Cut(strings.TrimSpace(string(text)), "[]byte(")
		body, err := strconv.Unquote(strings.TrimSuffix(value, ")"))
		if err != nil {
			f.Fatal(path, err)
		}
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !isGzip(text) && len(text) < 64<<10 {
			agree(t, "fuzzed", text)
		}
	})
}
