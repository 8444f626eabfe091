package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/golden"
)

var testSeed = maphash.MakeSeed()

// decodeFile runs one log file through the decoder.
func decodeFile(body []byte) (*accumulator, LogFile) {
	acc := newAccumulator(testSeed)
	f := newFileDecoder([]string{cttest.RoleARN("111122223333", "kmstrail")}, DefaultMaxJSONBytes)
	file := f.decode(acc, LogFile{ID: 7}, body)
	return acc, file
}

// rows returns the rows of a record batch without their NULLs.
func rows(t testing.TB, rec arrow.RecordBatch) []map[string]any {
	t.Helper()
	if rec == nil {
		return nil
	}
	var b bytes.Buffer
	if err := array.RecordToJSON(rec, &b); err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for dec := json.NewDecoder(&b); dec.More(); {
		var row map[string]any
		if err := dec.Decode(&row); err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(row, func(_ string, v any) bool { return v == nil })
		out = append(out, row)
	}
	return out
}

func oneRow(t testing.TB, record []byte) map[string]any {
	t.Helper()
	acc, file := decodeFile(record)
	got := rows(t, acc.batch().Events)
	if len(got) != 1 || file.Quarantined != 0 {
		t.Fatalf("decoded %d rows, quarantine %+v, want one row; record: %s", len(got), acc.quarantine, record)
	}
	return got[0]
}

// describe renders a row for a golden file, one column a line.
func describe(b *bytes.Buffer, title string, row map[string]any) {
	fmt.Fprintf(b, "== %s\n", title)
	for _, name := range slices.Sorted(maps.Keys(row)) {
		if name == "log_file_id" || name == "record_index" {
			continue
		}
		fmt.Fprintf(b, "%s: %v\n", name, row[name])
	}
	b.WriteByte('\n')
}

func TestDecodeOperations(t *testing.T) {
	var b bytes.Buffer
	at := time.Date(2026, 1, 4, 6, 0, 0, 0, time.UTC)
	for _, name := range append(cttest.Operations(), cttest.ServiceEvents()...) {
		describe(&b, name, oneRow(t, cttest.Sample(name, "111122223333", at).JSON()))
	}
	golden.Equal(t, b.Bytes(), "testdata/operations.golden")
}

func TestDecodeIdentities(t *testing.T) {
	var b bytes.Buffer
	at := time.Date(2026, 1, 4, 6, 0, 0, 0, time.UTC)
	columns := []string{"caller_type", "caller_account_id", "caller_arn", "role_arn", "principal_arn", "principal_id",
		"session_name", "access_key_id", "session_start", "mfa", "console_session", "invoked_by", "service", "actor_kind", "record_copy", "remainder"}
	for _, id := range cttest.Identities("111122223333") {
		e := cttest.Sample("Decrypt", "111122223333", at)
		e.Caller = id
		row := oneRow(t, e.JSON())
		maps.DeleteFunc(row, func(name string, _ any) bool { return !slices.Contains(columns, name) })
		describe(&b, id.Type+" "+id.ARN+id.InvokedBy, row)
	}
	golden.Equal(t, b.Bytes(), "testdata/identities.golden")
}

func TestDecodeFailures(t *testing.T) {
	at := time.Date(2026, 1, 4, 6, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	for _, kind := range cttest.Failures() {
		e := cttest.Sample("Decrypt", "111122223333", at)
		e.Failure = kind
		row := oneRow(t, e.JSON())
		fmt.Fprintf(&b, "%s: class=%v code=%v key=%v by=%v\n", kind, row["error_class"], row["error_code"], row["key_arn"], row["key_resolved_by"])
	}
	golden.Equal(t, b.Bytes(), "testdata/failures.golden")
}

// TestDecodeLosesNothing holds that every value of a record is found again in
// a column or in the remainder.
func TestDecodeLosesNothing(t *testing.T) {
	at := time.Date(2026, 1, 4, 6, 0, 0, 0, time.UTC)
	var events []cttest.Event
	for _, name := range append(cttest.Operations(), cttest.ServiceEvents()...) {
		for _, version := range []string{"1.02", "1.03", "1.04", "1.05", "1.06", "1.07", "1.08", "1.09", "1.10", "1.11"} {
			e := cttest.Sample(name, "111122223333", at)
			e.Version = version
			events = append(events, e)
		}
	}
	for _, id := range cttest.Identities("444455556666") {
		e := cttest.Sample("GenerateDataKey", "111122223333", at)
		e.Caller = id
		events = append(events, e)
	}
	for _, kind := range cttest.Failures() {
		e := cttest.Sample("CreateGrant", "111122223333", at)
		e.Failure = kind
		events = append(events, e)
	}
	for i := range events {
		record := events[i].JSON()
		row := oneRow(t, record)
		var text strings.Builder
		for name, v := range row {
			fmt.Fprintf(&text, "%s=%v\n", name, v)
		}
		have := text.String()
		var doc any
		if err := json.Unmarshal(record, &doc); err != nil {
			t.Fatal(err)
		}
		eachLeaf("", doc, func(path, leaf string) {
			if leaf == "" || implied(path, leaf, row) || strings.Contains(have, leaf) {
				return
			}
			t.Errorf("%s: the value of %s, %q, is in no column and not in the remainder\nrow:\n%s", events[i].Name, path, leaf, have)
		})
	}
}

// implied reports values that follow from others.
func implied(path, leaf string, row map[string]any) bool {
	switch path {
	case ".eventSource", ".managementEvent", ".userIdentity.sessionContext.sessionIssuer.type":
		return true
	case ".tlsDetails.clientProvidedHostHeader":
		return leaf == fmt.Sprintf("kms.%s.amazonaws.com", row["region"])
	case ".requestParameters.policyName":
		return leaf == "default"
	case ".resources.type":
		return leaf == "AWS::KMS::Key"
	case ".eventTime":
		return strings.HasPrefix(leaf, strings.Replace(fmt.Sprint(row["event_time"]), " ", "T", 1)[:19])
	case ".userIdentity.principalId":
		id, _ := row["principal_id"].(string)
		session, _ := row["session_name"].(string)
		return leaf == id+":"+session
	case ".userIdentity.sessionContext.attributes.creationDate", ".requestParameters.validTo", ".responseElements.deletionDate":
		return row["session_start"] != nil || row["material_valid_to"] != nil || row["deletion_date"] != nil
	case ".requestParameters.encryptionAlgorithm":
		return leaf == row["algorithm"]
	}
	return false
}

func eachLeaf(path string, v any, visit func(path, leaf string)) {
	switch v := v.(type) {
	case map[string]any:
		for name, el := range v {
			eachLeaf(path+"."+name, el, visit)
		}
	case []any:
		for _, el := range v {
			eachLeaf(path, el, visit)
		}
	case string:
		quoted, _ := json.Marshal(v)
		if s := string(quoted[1 : len(quoted)-1]); s != v && !strings.HasPrefix(path, ".requestParameters.policy") {
			visit(path, s)
			return
		}
		visit(path, v)
	case nil:
	default:
		visit(path, fmt.Sprint(v))
	}
}
