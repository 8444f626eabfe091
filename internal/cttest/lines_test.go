package cttest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

func TestParseLines(t *testing.T) {
	tests := []struct {
		name, lines string
		want        int
		contains    []string
	}{
		{"plain", "2026-01-04T06:00:00Z Decrypt key/alpha role/app", 1, []string{`"eventTime":"2026-01-04T06:00:00Z"`, `arn:aws:kms:us-east-1:111122223333:key/`}},
		{"repeat", "2026-01-04T06:00:00Z 1m x3 Decrypt key/alpha role/app", 3, []string{"06:00:00Z", "06:01:00Z", "06:02:00Z"}},
		{"within a second", "2026-01-04T06:00:00Z 20ms x50 ListGrants key/alpha", 50, nil},
		{"relative", "2026-01-04T06:00:00Z Decrypt key/a\n# comment\n\n+5m Decrypt key/a", 2, []string{"06:05:00Z"}},
		{"foreign owner", "2026-01-04T06:00:00Z Decrypt key/alpha@foreign role/app", 2, []string{`"AWSAccount"`, `"sharedEventID"`}},
		{"owner's copy", "2026-01-04T06:00:00Z Decrypt key/alpha role/app@foreign owner=main copies=owner", 1, []string{`"AWSAccount"`, `"recipientAccountId":"111122223333"`}},
		{"caller's copy", "2026-01-04T06:00:00Z Decrypt key/alpha@foreign role/app copies=caller", 1, []string{`"AssumedRole"`}},
		{"three copies", "2026-01-04T06:00:00Z ReEncrypt key/alpha@second dest=key/beta@foreign role/app ctx.a=1 destctx.b=2", 3, []string{`"destinationEncryptionContext":{"b":"2"}`}},
		{"region", "2026-01-04T06:00:00Z Decrypt key/alpha@main:eu-west-1 region=eu-west-1", 1, []string{"arn:aws:kms:eu-west-1:111122223333"}},
		{"via", "2026-01-04T06:00:00Z Decrypt key/alpha role/app via=s3:logs/a.txt ctx.x=y", 1, []string{`"AWS Internal"`, `"aws:s3:arn":"arn:aws:s3:::logs/a.txt","x":"y"`}},
		{"service", "2026-01-04T06:00:00Z GenerateDataKey key/alpha service/cloudtrail via=cloudtrail:logs/x.gz", 1, []string{`{"type":"AWSService","invokedBy":"cloudtrail.amazonaws.com"}`, `aws:cloudtrail:arn`}},
		{"error", "2026-01-04T06:00:00Z Decrypt key/alpha user/ann error=pending_deletion", 1, []string{`"KMSInvalidStateException"`, `is pending deletion.`}},
		{"error code", `2026-01-04T06:00:00Z Decrypt key/alpha error=FooException message="no such thing"`, 1, []string{`"errorCode":"FooException","errorMessage":"no such thing"`}},
		{"dry run", "2026-01-04T06:00:00Z Decrypt key/alpha dryrun", 1, []string{`"DryRunOperationException"`, `"dryRun":true`}},
		{"duplicates", "2026-01-04T06:00:00Z Decrypt key/alpha dup=2", 3, nil},
		{"network", "2026-01-04T06:00:00Z Decrypt key/alpha network", 2, []string{`"eventCategory":"NetworkActivity"`}},
		{"tags", "2026-01-04T06:00:00Z TagResource key/alpha tag.tenant=blue tag.team=red", 1, []string{`"tags":[{"tagKey":"tenant","tagValue":"blue"},{"tagKey":"team","tagValue":"red"}]`}},
		{"untag", "2026-01-04T06:00:00Z UntagResource key/alpha untag=tenant", 1, []string{`"tagKeys":["tenant"]`}},
		{"deletion", "2026-01-04T06:00:00Z ScheduleKeyDeletion key/alpha user/ann days=7", 1, []string{`"pendingWindowInDays":7`, `"Jan 11, 2026, 6:00:00 AM"`}},
		{"alias", "2026-01-04T06:00:00Z CreateAlias key/alpha", 1, []string{`"aliasName":"alias/alpha"`}},
		{"bucket tags", "2026-01-04T06:00:00Z s3:PutBucketTagging user/ann bucket=logs tag.team=red", 1, []string{`"bucketName":"logs"`, `"Key":"team","Value":"red"`}},
		{"unknown service event", "2026-01-04T06:00:00Z glue:GetTable role/app", 1, []string{`"eventSource":"glue.amazonaws.com"`}},
		{"raw policy", "2026-01-04T06:00:00Z PutKeyPolicy key/alpha policy=`{\"a\": \"b c\"}`", 1, []string{`"policy":"{\"a\": \"b c\"}"`}},
		{"internal", "2026-01-04T06:00:00Z DeleteKey key/alpha", 1, []string{`"AwsServiceEvent"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			records, err := cttest.ParseLines(tt.lines)
			if err != nil {
				t.Fatal(err)
			}
			var all strings.Builder
			for _, r := range records {
				parse(t, r)
				all.Write(r)
			}
			if len(records) != tt.want {
				t.Errorf("%d records, want %d", len(records), tt.want)
			}
			for _, c := range tt.contains {
				if !strings.Contains(all.String(), c) {
					t.Errorf("%s is not in %s", c, all.String())
				}
			}
		})
	}
}

func TestParseLinesIDs(t *testing.T) {
	records, err := cttest.ParseLines("2026-01-04T06:00:00Z x2 Decrypt key/alpha\n2026-01-04T06:00:00Z x2 Decrypt key/alpha\n2026-01-04T06:00:00Z Decrypt key/alpha id=one")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, r := range records {
		ids[parse(t, r).EventID] = true
	}
	if len(ids) != 5 || !ids[cttest.EventID("one")] {
		t.Errorf("ids %v", ids)
	}
}

func TestParseLinesErrors(t *testing.T) {
	for _, bad := range []string{
		"yesterday Decrypt key/alpha", "+5m Decrypt key/alpha", "2026-01-04T06:00:00Z",
		"2026-01-04T06:00:00Z Decrypt key/alpha colour=red", "2026-01-04T06:00:00Z Decrypt key/alpha thing/x",
		"2026-01-04T06:00:00Z Decrypt key/alpha via=nothing", "2026-01-04T06:00:00Z Decrypt key/alpha role/app@nobody",
		`2026-01-04T06:00:00Z Decrypt message="open`, "2026-01-04T06:00:00Z x0 Decrypt",
	} {
		if _, err := cttest.ParseLines(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestExpand(t *testing.T) {
	got, err := cttest.Expand(`{"key": "{key/alpha@foreign:eu-west-1}", "who": "{role/app}", "a": "{account/main}", "id": "{id/one}", "u": "{user/ann}", "r": "{root@foreign}"}`)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"key": "` + cttest.KeyARN("foreign", "eu-west-1", "alpha") + `", "who": "arn:aws:iam::111122223333:role/app", "a": "111122223333", "id": "` +
		cttest.EventID("one") + `", "u": "arn:aws:iam::111122223333:user/ann", "r": "arn:aws:iam::999999999999:root"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := cttest.Expand("{role/app@nobody}"); err == nil {
		t.Error("no error for an unknown account")
	}
}

func BenchmarkAppend(b *testing.B) {
	e := cttest.Via(cttest.Sample("Decrypt", "main", time.Date(2026, 10, 4, 6, 7, 8, 0, time.UTC)), "s3", "bucket/object")
	e.ID, e.RequestID = cttest.EventID("a"), cttest.EventID("b")
	var buf []byte
	for b.Loop() {
		buf = e.Append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}
