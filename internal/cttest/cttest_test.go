package cttest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

var at = time.Date(2026, 10, 4, 6, 7, 8, 0, time.UTC)

type record struct {
	EventVersion, EventName, EventSource, EventTime, EventID, RequestID string
	EventType, EventCategory, AWSRegion, RecipientAccountID             string
	SharedEventID, ErrorCode, ErrorMessage                              string
	ReadOnly                                                            bool
	UserIdentity                                                        struct{ Type, ARN, AccountID, PrincipalID, InvokedBy string }
	RequestParameters, ResponseElements, AdditionalEventData            map[string]any
	Resources                                                           []struct{ ARN, AccountID, Type string }
}

func parse(t *testing.T, b []byte) record {
	t.Helper()
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return r
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestSamples(t *testing.T) {
	if n := len(cttest.Operations()); n != 56 {
		t.Errorf("%d operations, want 56", n)
	}
	seen := map[string]string{}
	for _, name := range append(cttest.Operations(), cttest.ServiceEvents()...) {
		for _, version := range []string{"1.02", "1.05", "1.08", "1.09", "1.10", "1.11"} {
			e := cttest.Sample(name, "main", at)
			e.Version = version
			b := e.JSON()
			r := parse(t, b)
			if r.EventName != name || r.EventSource != "kms.amazonaws.com" || r.EventTime != "2026-10-04T06:07:08Z" {
				t.Errorf("%s: head is wrong: %s", name, b)
			}
			if !uuid.MatchString(r.EventID) {
				t.Errorf("%s: event id %q is no UUID", name, r.EventID)
			}
			if r.RecipientAccountID != "111122223333" {
				t.Errorf("%s: recipient %q", name, r.RecipientAccountID)
			}
			if other, ok := seen[r.EventID]; ok && other != name {
				t.Errorf("%s and %s have the same id", name, other)
			}
			seen[r.EventID] = name
			if !bytes.Equal(b, e.JSON()) {
				t.Errorf("%s: not deterministic", name)
			}
		}
	}
}

func TestShapes(t *testing.T) {
	decrypt := parse(t, cttest.Sample("Decrypt", "main", at).JSON())
	if _, ok := decrypt.RequestParameters["keyId"]; ok {
		t.Error("Decrypt names the key although the caller did not")
	}
	if decrypt.AdditionalEventData["keyMaterialId"] == nil || !decrypt.ReadOnly {
		t.Errorf("Decrypt lacks key material or readOnly: %+v", decrypt)
	}
	update := parse(t, cttest.Sample("UpdateAlias", "main", at).JSON())
	if len(update.Resources) != 2 || !strings.Contains(update.Resources[0].ARN, ":alias/") {
		t.Errorf("UpdateAlias resources: %+v", update.Resources)
	}
	create := parse(t, cttest.Sample("CreateAlias", "main", at).JSON())
	if len(create.Resources) != 2 || !strings.Contains(create.Resources[0].ARN, ":key/") {
		t.Errorf("CreateAlias resources: %+v", create.Resources)
	}
	schedule := parse(t, cttest.Sample("ScheduleKeyDeletion", "main", at).JSON())
	if got := schedule.ResponseElements["deletionDate"]; got != "Oct 11, 2026, 6:07:08 AM" {
		t.Errorf("deletionDate %v", got)
	}
	rotate := cttest.Sample("RotateKey", "main", at).JSON()
	if r := parse(t, rotate); r.UserIdentity.Type != "" || r.EventType != "AwsServiceEvent" || r.RequestID != "" {
		t.Errorf("RotateKey: %s", rotate)
	}
	if !strings.Contains(string(rotate), `"userIdentity":{"accountId":"111122223333","invokedBy":"AWS Internal"}`) {
		t.Errorf("RotateKey identity: %s", rotate)
	}
	for _, id := range cttest.Identities("main") {
		e := cttest.Sample("Decrypt", "main", at)
		e.Caller = id
		if r := parse(t, e.JSON()); r.UserIdentity.Type != id.Type || r.RecipientAccountID == "" {
			t.Errorf("%s: %+v", id.Type, r)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, name := range cttest.Failures() {
		e := cttest.Sample("Decrypt", "main", at)
		e.Failure = name
		r := parse(t, e.JSON())
		if r.ErrorCode == "" || strings.ContainsAny(r.ErrorMessage, "{}") || r.ResponseElements != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	e := cttest.Sample("Decrypt", "main", at)
	e.Failure = "denied"
	r := parse(t, e.JSON())
	want := "User: arn:aws:sts::111122223333:assumed-role/app/session is not authorized to perform: kms:Decrypt on resource: " + e.Key + " because no identity-based policy allows the kms:Decrypt action"
	if r.ErrorCode != "AccessDenied" || r.ErrorMessage != want || r.RequestParameters != nil || r.Resources != nil {
		t.Errorf("denied: %+v", r)
	}
}

func TestCopies(t *testing.T) {
	e := cttest.Sample("ReEncrypt", "foreign", at)
	e.Key = cttest.KeyARN("main", "us-east-1", "alpha")
	e.Destination = cttest.KeyARN("second", "us-east-1", "beta")
	copies := cttest.Copies(e)
	if len(copies) != 3 {
		t.Fatalf("%d copies", len(copies))
	}
	ids := map[string]bool{}
	for i, recipient := range []string{"999999999999", "111122223333", "444455556666"} {
		r := parse(t, copies[i].JSON())
		ids[r.EventID] = true
		if r.RecipientAccountID != recipient || r.SharedEventID == "" || r.SharedEventID != copies[0].SharedID {
			t.Errorf("copy %d: %+v", i, r)
		}
		if (r.UserIdentity.ARN == "") != (i > 0) || r.UserIdentity.AccountID != "999999999999" {
			t.Errorf("copy %d: identity %+v", i, r.UserIdentity)
		}
	}
	if len(ids) != 3 {
		t.Errorf("event ids are shared: %v", ids)
	}
	e.Failure = "denied"
	if n := len(cttest.Copies(e)); n != 1 {
		t.Errorf("a denied call left %d records", n)
	}
	if n := len(cttest.Copies(cttest.Sample("Decrypt", "main", at))); n != 1 {
		t.Errorf("a call within an account left %d records", n)
	}
}

func TestServices(t *testing.T) {
	for _, name := range cttest.Services() {
		via := parse(t, cttest.Via(cttest.Sample("Decrypt", "main", at), name, "thing").JSON())
		if via.UserIdentity.InvokedBy == "" || via.UserIdentity.Type == "AWSService" {
			t.Errorf("%s: %+v", name, via)
		}
		by := parse(t, cttest.ByService(cttest.Sample("GenerateDataKey", "main", at), name, "thing").JSON())
		if by.UserIdentity.Type != "AWSService" || by.SharedEventID == "" || by.RecipientAccountID != "111122223333" {
			t.Errorf("%s: %+v", name, by)
		}
	}
}

func TestLogFile(t *testing.T) {
	file := cttest.LogFile(cttest.Sample("Decrypt", "main", at).JSON(), cttest.Sample("Encrypt", "main", at).JSON())
	r, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Records []record }
	if err := json.Unmarshal(body, &f); err != nil || len(f.Records) != 2 {
		t.Fatalf("%v, %d records", err, len(f.Records))
	}
	key := cttest.Key("trail/", "o-exampleorgid", "main", "us-east-1", at, "AbCdEfGhIjKlMnOp")
	want := "trail/AWSLogs/o-exampleorgid/111122223333/CloudTrail/us-east-1/2026/10/04/111122223333_CloudTrail_us-east-1_20261004T0607Z_AbCdEfGhIjKlMnOp.json.gz"
	if key != want {
		t.Errorf("key %s", key)
	}
}
