package serve

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/watch"
)

// only switches off all other detectors.
func only(t *testing.T, c *config.Config, id string) {
	t.Helper()
	list, err := detectors.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	c.Detectors = map[string]config.Detector{}
	for _, d := range list {
		if d.ID != id {
			c.Detectors[d.ID] = config.Detector{Disabled: true}
		}
	}
}

// TestReportsAndBackups makes both by a schedule, of the sample bucket.
func TestReportsAndBackups(t *testing.T) {
	var cfg config.Config
	r := start(t, func(c *config.Config) {
		c.Schedule.Report, c.Schedule.ReportWindow = "* * * * * *", 20*365*24*time.Hour
		c.Schedule.Backup, c.Schedule.BackupKeep = "* * * * * *", 2
		only(t, c, "cross_account_decrypt") // every tick runs them over all days
		cfg = *c
	})
	files := func(pattern string) []string {
		list, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	backups := filepath.Join(operate.BackupDir(cfg), "k-*.duckdb")
	c := r.local(t)
	eventually(t, "there are reports and backups", func() bool {
		n, err := count(t.Context(), c, "select count(*) from findings")
		return err == nil && n > 0 && len(files(filepath.Join(watch.ReportsDir(r.db, ""), "report-*.json"))) > 0 && len(files(backups)) == 2
	})
	first := files(backups)
	eventually(t, "backups replace each other", func() bool {
		now := files(backups)
		return len(now) == 2 && now[0] > first[1]
	})
	r.end(t)
	for ext, want := range map[string]string{"html": "<html", "md": "# AWS KMS key usage report", "json": `"findings"`} {
		list := files(filepath.Join(watch.ReportsDir(r.db, ""), "report-*."+ext))
		if len(list) == 0 {
			t.Fatalf("there is no report in %s", ext)
		}
		text, err := os.ReadFile(list[len(list)-1])
		if err != nil || !strings.Contains(string(text), want) || !strings.Contains(string(text), "cross_account_decrypt") {
			t.Errorf("%s: %v, %.200s", list[len(list)-1], err, text)
		}
	}
	list := files(backups)
	s, err := duck.Open(t.Context(), list[len(list)-1], duck.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := numbers(t, s, consistent); n[0] != sampleEvents(t) || !equal(n) {
		t.Errorf("the backup has %v events", n)
	}
}
