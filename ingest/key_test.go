package ingest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

func TestParseKey(t *testing.T) {
	const file = "111122223333_CloudTrail_us-east-1_20260102T0304Z_AbCdEf0123456789.json.gz"
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	plain := ingest.Location{AccountID: "111122223333", Region: "us-east-1", DeliveredAt: at}
	org := plain
	org.OrganizationID = "o-exampleorgid"
	other := ingest.Location{AccountID: "444455556666", Region: "eu-west-1", DeliveredAt: at}

	tests := []struct {
		name string
		key  string
		loc  ingest.Location
		kind ingest.Kind
	}{
		{"plain", "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02/" + file, plain, ingest.KindLog},
		{"prefix", "a/b c/AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02/" + file, plain, ingest.KindLog},
		{"prefix with AWSLogs", "AWSLogs/444455556666/AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02/" + file, plain, ingest.KindLog},
		{"organisation", "AWSLogs/o-exampleorgid/111122223333/CloudTrail/us-east-1/2026/01/02/" + file, org, ingest.KindLog},
		{"control tower", "o-exampleorgid/AWSLogs/o-exampleorgid/111122223333/CloudTrail/us-east-1/2026/01/02/" + file, org, ingest.KindLog},
		{"control tower before organisation trails", "o-exampleorgid/AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02/" + file, org, ingest.KindLog},
		{"below AWSLogs", "o-exampleorgid/111122223333/CloudTrail/us-east-1/2026/01/02/" + file, org, ingest.KindLog},
		{"below the account", "CloudTrail/us-east-1/2026/01/02/" + file, plain, ingest.KindLog},
		{"below the Region", "2026/01/02/" + file, plain, ingest.KindLog},
		{"file alone", file, plain, ingest.KindLog},
		{"unpacked", strings.TrimSuffix(file, ".gz"), plain, ingest.KindLog},
		{"folder wins over file name", "AWSLogs/444455556666/CloudTrail/eu-west-1/2026/01/02/" + file, other, ingest.KindLog},
		{"file time wins over folder day", "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/03/" + file, plain, ingest.KindLog},
		{
			"another file name", "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02/merged.json.gz",
			ingest.Location{AccountID: "111122223333", Region: "us-east-1", DeliveredAt: day}, ingest.KindLog,
		},
		{
			"china", "AWSLogs/111122223333/CloudTrail/cn-north-1/2026/01/02/111122223333_CloudTrail_cn-north-1_20260102T0304Z_AbCdEf0123456789.json.gz",
			ingest.Location{AccountID: "111122223333", Region: "cn-north-1", DeliveredAt: at}, ingest.KindLog,
		},
		{
			"us-gov", "AWSLogs/111122223333/CloudTrail/us-gov-west-1/2026/01/02/111122223333_CloudTrail_us-gov-west-1_20260102T0304Z_AbCdEf0123456789.json.gz",
			ingest.Location{AccountID: "111122223333", Region: "us-gov-west-1", DeliveredAt: at}, ingest.KindLog,
		},
		{
			"european sovereign cloud", "111122223333_CloudTrail_eusc-de-east-1_20260102T0304Z_AbCdEf0123456789.json.gz",
			ingest.Location{AccountID: "111122223333", Region: "eusc-de-east-1", DeliveredAt: at}, ingest.KindLog,
		},
		{
			"digest", "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/01/02/111122223333_CloudTrail-Digest_us-east-1_my_trail.x_us-east-1_20260102T030405Z.json.gz",
			ingest.Location{AccountID: "111122223333", Region: "us-east-1", DeliveredAt: at.Add(5 * time.Second)}, ingest.KindDigest,
		},
		{
			"back-filled digest among logs", "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02/111122223333_CloudTrail-Digest_us-east-1_trail_us-east-1_20260102T030405Z_backfill.json.gz",
			ingest.Location{AccountID: "111122223333", Region: "us-east-1", DeliveredAt: at.Add(5 * time.Second)}, ingest.KindDigest,
		},
		{"insight", "AWSLogs/111122223333/CloudTrail-Insight/us-east-1/2026/01/02/111122223333_CloudTrail-Insight_us-east-1_20260102T0304Z_AbCdEf0123456789.json.gz", plain, ingest.KindInsight},
		{"network activity", "AWSLogs/o-exampleorgid/111122223333/CloudTrail-NetworkActivity/us-east-1/2026/01/02/111122223333_CloudTrail-NetworkActivity_us-east-1_20260102T0304Z_AbCdEf0123456789.json.gz", org, ingest.KindNetworkActivity},
		{"aggregated", "AWSLogs/111122223333/CloudTrail-Aggregated/us-east-1/2026/01/02/x.json.gz", ingest.Location{AccountID: "111122223333", Region: "us-east-1", DeliveredAt: day}, ingest.KindAggregated},
		{"config beside", "AWSLogs/111122223333/Config/us-east-1/2026/1/2/ConfigHistory/111122223333_Config_us-east-1_x_20260102T030405Z.json.gz", ingest.Location{AccountID: "111122223333"}, ingest.KindOther},
		{"folder marker", "AWSLogs/111122223333/CloudTrail/us-east-1/", ingest.Location{AccountID: "111122223333", Region: "us-east-1"}, ingest.KindOther},
		{"not json", "AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02/notes.txt", ingest.Location{AccountID: "111122223333", Region: "us-east-1", DeliveredAt: day}, ingest.KindOther},
		{"test object", "AWSLogs/aws-account-id=111122223333/x.json", ingest.Location{}, ingest.KindOther},
		{"no such month", "111122223333_CloudTrail_us-east-1_20261302T0304Z_AbCdEf0123456789.json.gz", ingest.Location{}, ingest.KindUnknown},
		{"no layout", "exports/events.json", ingest.Location{}, ingest.KindUnknown},
		{"empty", "", ingest.Location{}, ingest.KindUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			loc, kind := ingest.ParseKey(tt.key)
			if loc != tt.loc || kind != tt.kind {
				t.Errorf("ParseKey(%q)\n got %+v %v\nwant %+v %v", tt.key, loc, kind, tt.loc, tt.kind)
			}
		})
	}
}

func TestSelectionIncludes(t *testing.T) {
	loc := ingest.Location{
		OrganizationID: "o-exampleorgid", AccountID: "111122223333", Region: "us-east-1",
		DeliveredAt: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC),
	}
	date := func(d, h int) time.Time { return time.Date(2026, 1, d, h, 0, 0, 0, time.UTC) }
	tests := []struct {
		name string
		sel  ingest.Selection
		loc  ingest.Location
		want bool
	}{
		{"everything", ingest.Selection{}, loc, true},
		{"account", ingest.Selection{Accounts: []string{"444455556666", "111122223333"}}, loc, true},
		{"other account", ingest.Selection{Accounts: []string{"444455556666"}}, loc, false},
		{"region", ingest.Selection{Regions: []string{"us-east-1"}}, loc, true},
		{"other region", ingest.Selection{Regions: []string{"eu-west-1"}}, loc, false},
		{"other organisation", ingest.Selection{OrganizationID: "o-otherorg123"}, loc, false},
		{"nothing known", ingest.Selection{Accounts: []string{"444455556666"}, From: date(9, 0)}, ingest.Location{}, true},
		{"from later the same day", ingest.Selection{From: date(2, 12)}, loc, true},
		{"from the next day", ingest.Selection{From: date(3, 0)}, loc, false},
		{"to before, within slack", ingest.Selection{To: date(1, 12)}, loc, true},
		{"to midnight ends the day before", ingest.Selection{To: date(1, 0)}, loc, false},
		{"to beyond slack", ingest.Selection{To: date(1, 0).Add(-time.Hour)}, loc, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.sel.Includes(tt.loc); got != tt.want {
				t.Errorf("Includes = %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("a/AWSLogs", uint64(111122223333), "us-east-1", int64(1767323040), "AbCdEf0123456789", true)
	f.Add("", uint64(0), "us-gov-west-1", int64(0), "_/_", false)
	f.Add("AWSLogs/o-exampleorgid/1_CloudTrail_x", uint64(7), "x", int64(-1), ".json.gz", true)
	f.Fuzz(func(t *testing.T, prefix string, account uint64, region string, unix int64, suffix string, org bool) {
		ingest.ParseKey(prefix)                // no panic on anything
		ingest.ParseKey(prefix + "/" + suffix) // nor on this
		want := ingest.Location{
			AccountID:   fmt.Sprintf("%012d", account%1e12),
			Region:      region,
			DeliveredAt: time.Unix(unix%253402300800, 0).UTC().Truncate(time.Minute),
		}
		if !ingest.IsRegion(region) || want.DeliveredAt.Year() < 0 || strings.ContainsAny(suffix, "/.") {
			return
		}
		key := "AWSLogs/"
		if prefix != "" {
			key = prefix + "/" + key
		}
		if org {
			want.OrganizationID = "o-exampleorgid"
			key += "o-exampleorgid/"
		} else if before := prefix[strings.LastIndexByte(prefix, '/')+1:]; ingest.IsOrganizationID(before) {
			want.OrganizationID = before
		}
		key += want.AccountID + "/CloudTrail/" + region + want.DeliveredAt.Format("/2006/01/02/") +
			want.AccountID + "_CloudTrail_" + region + want.DeliveredAt.Format("_20060102T1504Z_") + suffix + ".json.gz"
		loc, kind := ingest.ParseKey(key)
		if kind != ingest.KindLog || loc != want {
			t.Errorf("ParseKey(%q)\n got %+v %v\nwant %+v", key, loc, kind, want)
		}
	})
}
