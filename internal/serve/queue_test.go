package serve

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/s3server"
	"github.com/kmstrail/kmstrail/internal/sqsserver"
)

// TestServe_queue: a log file that a message tells of can be asked for soon,
// though nothing lists; metrics and status tell of the queue.
func TestServe_queue(t *testing.T) {
	dir := t.TempDir()
	bucket, err := s3server.Start(t.Context(), s3server.Config{Dir: dir, Bucket: "logs"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bucket.Close() })
	for _, e := range append(bucket.Env(), "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true") {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	queue := sqsserver.Start()
	t.Cleanup(queue.Close)
	r := start(t, func(c *config.Config) {
		c.Ingest.Source, c.Queue.URL, c.Queue.Linger = "s3://logs", queue.URL(), 10*time.Millisecond
		c.Server.Poll = time.Hour
	})
	c := r.local(t)
	eventually(t, "the first poll", func() bool {
		s, err := c.Status(t.Context())
		return err == nil && s.Server.Watching.Polls == 1
	})
	records, err := cttest.ParseLines("2026-11-01T08:00:00Z Decrypt key/alpha role/app")
	if err != nil {
		t.Fatal(err)
	}
	key := cttest.Key("", "", "111122223333", "us-east-1", time.Date(2026, 11, 1, 8, 5, 0, 0, time.UTC), "")
	path := filepath.Join(dir, filepath.FromSlash(key))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, cttest.LogFile(records...), 0o600), bucket.Refresh()); err != nil {
		t.Fatal(err)
	}
	queue.Send(fmt.Sprintf(`{"s3Bucket":"logs","s3ObjectKey":[%q]}`, key))
	queue.Send("poison")
	eventually(t, "the event", func() bool {
		n, err := count(t.Context(), c, "select count(*) from kms_events")
		return err == nil && n == 1
	})
	eventually(t, "an empty queue", func() bool { return queue.Len() == 0 })
	// Messages are counted once SQS has answered that they are deleted.
	eventually(t, "both messages in the status", func() bool {
		s, err := c.Status(t.Context())
		return err == nil && s.Server.Queue != nil && s.Server.Queue.Stored == 1 && s.Server.Queue.Quarantined == 1 && s.Server.Queue.Error == ""
	})
	_, text := get(t, http.DefaultClient, r.HTTP+"/metrics", "Bearer "+r.token(t, access.Read))
	for _, want := range []string{
		`kmstrail_queue_messages_total{outcome="stored"} 1`, `kmstrail_queue_messages_total{outcome="quarantined"} 1`, "kmstrail_queue_messages_deleted_total 2",
		"kmstrail_queue_up 1", "kmstrail_queue_delay_seconds_count 1", `kmstrail_log_files_total{outcome="ingested"} 1`,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}
