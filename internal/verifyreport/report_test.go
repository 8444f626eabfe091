package verifyreport

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/operate"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func result(states ...digest.State) *operate.VerifyResult {
	r := &operate.VerifyResult{Source: "s3://example-trail-logs", From: monday, To: monday.Add(24 * time.Hour), VerifiedAt: monday.Add(72 * time.Hour), Keys: "keys.json", Files: 3, Digests: 25}
	for i, s := range states {
		r.Days = append(r.Days, digest.Day{AccountID: "111122223333", Region: "eu-central-1", Day: monday.AddDate(0, 0, i), State: s, Reason: "why", Digests: 24, Listed: 3, Verified: 3})
	}
	return r
}

func TestAnswer(t *testing.T) {
	partly := result(digest.Verified)
	partly.Unlisted = []string{"AWSLogs/444455556666/: access denied"}
	tests := []struct {
		name string
		r    *operate.VerifyResult
		want string
	}{
		{"all", result(digest.Verified, digest.Verified), "Verified: all 2 days of accounts and Regions are covered by digests that CloudTrail signed, and 6 log files are as CloudTrail delivered them."},
		{"some", result(digest.Verified, digest.Incomplete, digest.Unvalidated), "Not proven: 1 day verified, 1 day incomplete, 1 day without any digest. Nothing was found changed."},
		{"one is enough", result(digest.Verified, digest.Unvalidated, digest.Failed), "Failed: on 1 day log files or digests were changed, or are gone."},
		{"nothing there", result(), "Not proven: there are no log files and no digests of that time."},
		{"not all was listed", partly, "Not proven: 1 day verified, 0 days incomplete, 0 days without any digest, and some places could not be listed. Nothing was found changed."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Answer(tt.r); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestHostile: names of objects come from the bucket.
func TestHostile(t *testing.T) {
	const markup = "<script>alert(1)</script>\x1b[31m\u202e"
	r := result(digest.Failed)
	r.Days[0].Problems = []digest.Problem{{Kind: digest.FileChanged, Object: "AWSLogs/" + markup, Detail: markup}}
	var html, text, object bytes.Buffer
	if err := WriteHTML(&html, r); err != nil {
		t.Fatal(err)
	}
	if err := WriteTerminal(&text, r, 0, false); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(&object, r); err != nil {
		t.Fatal(err)
	}
	for name, page := range map[string]string{"HTML": html.String(), "text": text.String()} {
		for _, bad := range []string{"<script>alert", "\x1b", "\u202e"} {
			if name == "text" && bad == "<script>alert" {
				continue // harmless there
			}
			if strings.Contains(page, bad) {
				t.Errorf("%s holds %q:\n%s", name, bad, page)
			}
		}
		if !strings.Contains(page, "file_changed") {
			t.Errorf("%s does not say what is wrong:\n%s", name, page)
		}
	}
	var back struct {
		State string
		Days  []digest.Day
	}
	if err := json.Unmarshal(object.Bytes(), &back); err != nil || back.State != "failed" || back.Days[0].Problems[0].Detail != markup {
		t.Errorf("%+v, %v", back, err)
	}
}
