package organisation

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
)

// TestLogFilesHoldTheSameEvents: what a store gets by log files is what it is
// filled with.
func TestLogFilesHoldTheSameEvents(t *testing.T) {
	const events = 6000
	direct := openStore(t)
	if err := Add(t.Context(), direct, NewGenerator(New(), 3, 1, hourArrival(0)).NextBatch(events)); err != nil {
		t.Fatal(err)
	}
	if err := direct.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	g := NewGenerator(New(), 3, 1, hourArrival(0))
	for g.Next() < events {
		f := g.NextLogFile()
		path := filepath.Join(dir, filepath.FromSlash(f.Key))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, cttest.Gzip(f.Body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	source, err := dirsource.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	byFiles := openStore(t)
	sum, err := ingest.Run(t.Context(), ingest.Options{Source: source, Sink: byFiles})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Inserted != g.Next() || sum.Quarantined != 0 {
		t.Errorf("%d of %d events stored, %d records in quarantine", sum.Inserted, g.Next(), sum.Quarantined)
	}
	// By event id, because the last file is cut off in the batch. What owners of
	// keys see of foreign calls has more in log files.
	const columns = `event_id, event_time, event_name, region, recipient_account_id, record_copy, key_arn, key_account_id, principal_arn, principal_id,
		caller_account_id, actor_kind, service, operation_class, error_class, quota_name, price_tier, grant_id, grantee_principal, alias_name,
		session_name, access_key_id, list_sort(map_entries(encryption_context)), key_state, CASE WHEN caller_type <> 'AWSService' THEN shared_event_id END`
	in := func(s *duck.Store) []string {
		return lines(t, s, "SELECT "+columns+" FROM kms_events WHERE record_copy <> 'owner' ORDER BY event_id")
	}
	want := in(direct)
	known := map[string]bool{}
	for _, l := range want {
		known[l[:36]] = true
	}
	var got []string
	for _, l := range in(byFiles) {
		if known[l[:36]] {
			got = append(got, l)
		}
	}
	wrong := 0
	for i := range want {
		if i < len(got) && got[i] == want[i] {
			continue
		}
		if wrong++; wrong <= 3 {
			t.Error(cmp.Diff(strings.Split(want[i], "|"), strings.Split(got[min(i, len(got)-1)], "|")))
		}
	}
	if wrong > 0 || len(got) != len(want) {
		t.Errorf("%d of %d events differ, %d are there", wrong, len(want), len(got))
	}
}

func openStore(t *testing.T) *duck.Store {
	t.Helper()
	s, err := duck.Open(t.Context(), duck.Memory, duck.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func lines(t *testing.T, s *duck.Store, sql string) []string {
	t.Helper()
	r, err := s.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	var out []string
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			values := make([]string, rec.NumCols())
			for c := range values {
				values[c] = rec.Column(c).ValueStr(i)
			}
			out = append(out, strings.Join(values, "|"))
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
