//go:build moto

package moto

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// TestQueue: real notices of S3, by the queue itself, a topic and EventBridge, are
// followed to rows, each once, and the queue is empty then.
func TestQueue(t *testing.T) {
	t.Parallel()
	bin := python(t)
	endpoint := start(t, bin).String()
	u := &user{t: t, dir: t.TempDir(), program: program(t), endpoint: endpoint}
	logs := filepath.Join(u.dir, "logs")
	at := time.Date(2026, 11, 21, 6, 5, 0, 0, time.UTC)
	write := func(path string, body []byte) {
		t.Helper()
		path = filepath.Join(logs, filepath.FromSlash(path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, body, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var told string
	for i, folder := range []string{"direct", "topic", "bus", "records"} {
		records, err := cttest.ParseLines("2026-11-21T06:00:00Z Decrypt key/data@" + mainAccount + ":eu-central-1 role/" + folder + "@" + mainAccount + " region=eu-central-1 id=" + folder)
		if err != nil {
			t.Fatal(err)
		}
		if folder == "records" {
			write("records/1.json", records[0])
			continue
		}
		key := cttest.Key("a trail+ä", "", mainAccount, "eu-central-1", at.Add(time.Duration(i)*time.Minute), "")
		write(folder+"/"+key, cttest.LogFile(records...))
		write(folder+"/"+strings.ReplaceAll(key, "CloudTrail", "CloudTrail-Digest"), []byte("{}"))
		told = key
	}
	write("told", []byte(told)) // again, as CloudTrail tells it

	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "python"), "testdata/notices.py")
	cmd.Env = append(os.Environ(), "ENDPOINT="+endpoint, "LOGS="+logs, "AWS_EC2_METADATA_DISABLED=true")
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	config := "ingest:\n  source: s3://example-trail-logs\naws:\n  region: eu-central-1\n  endpoint_url: " + endpoint + "\nqueue:\n  url: " + strings.TrimSpace(out.String()) + "\n"
	if err := os.WriteFile(filepath.Join(u.dir, "kmstrail.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ingest := func() (int, string) {
		code, _, said := u.run(nil, "--config", "kmstrail.yaml", "ingest", "--queue", strings.TrimSpace(out.String()))
		t.Logf("exit code %d\n%s", code, said)
		return code, said
	}
	// The message that is no notice is in quarantine.
	if code, said := ingest(); code != 4 || !strings.Contains(said, "1 to quarantine, 0 left") {
		t.Errorf("exit code %d", code)
	}
	type line struct{ Line string }
	want := []line{{"bus"}, {"direct"}, {"records"}, {"topic"}}
	if diff := cmp.Diff(want, rows[line](u, "select split_part(role_arn, '/', 2) as Line from kms_events order by 1")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]line{{"bad_message no notice"}}, rows[line](u, "select reason || ' ' || excerpt as Line from quarantine")); diff != "" {
		t.Error(diff)
	}
	if code, said := ingest(); code != 0 || !strings.Contains(said, "0 messages in") {
		t.Errorf("the queue is not empty: exit code %d", code)
	}
	// What the queue told of is what a listing finds.
	if code, _, said := u.run(nil, "--config", "kmstrail.yaml", "ingest", "--last", "60d"); code != 0 || !strings.Contains(said, "3 log files known already") {
		t.Errorf("listed after the queue: exit code %d\n%s", code, said)
	}
}
