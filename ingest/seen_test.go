package ingest_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
)

// countingSink counts how often the ledger is asked.
type countingSink struct {
	*duck.Store

	asked int
}

func (c *countingSink) Ledger(ctx context.Context, source, first, last string) (map[string]ingest.LedgerEntry, error) {
	c.asked++
	return c.Store.Ledger(ctx, source, first, last)
}

// TestSeen: the ledger is asked for what is new only, and everything new is read:
// another file, one that changed, and one that could not be read before.
func TestSeen(t *testing.T) {
	dir := t.TempDir()
	distinct := writeBucket(t, dir, 20, 10)
	broken := cttest.Key("", "", "111122223333", "us-east-1", start, "broken")
	write(t, dir, broken, []byte("no gzip"))
	sink := &countingSink{Store: openStore(t, duck.Memory)}
	var seen ingest.Seen
	run := func(reconcile bool) ingest.Summary {
		t.Helper()
		sink.asked = 0
		sum, err := ingest.Run(t.Context(), ingest.Options{Source: openDir(t, dir), Sink: sink, Seen: &seen, Reconcile: reconcile})
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if sum := run(false); sum.Inserted != int64(distinct) || sink.asked == 0 {
		t.Fatalf("first run: %d inserted, ledger asked %d times", sum.Inserted, sink.asked)
	}
	run(false) // remembers
	if err := os.Remove(filepath.Join(dir, filepath.FromSlash(broken))); err != nil {
		t.Fatal(err)
	}
	if sum := run(false); sink.asked != 0 || sum.ObjectsKnown != 20 || sum.ObjectsDone != 0 {
		t.Errorf("nothing new: ledger asked %d times, %d known, %d read", sink.asked, sum.ObjectsKnown, sum.ObjectsDone)
	}
	event := func(name string) []byte {
		e := cttest.Sample("Decrypt", "111122223333", start)
		e.ID = cttest.EventID(name)
		return cttest.LogFile(e.JSON())
	}
	write(t, dir, broken, event("mended"))
	if sum := run(true); sum.Inserted != 1 || sink.asked == 0 {
		t.Errorf("a new file: %d inserted, ledger asked %d times", sum.Inserted, sink.asked)
	}
	write(t, dir, broken, event("changed"))
	if sum := run(false); sum.ObjectsDone != 1 || sum.Inserted != 1 {
		t.Errorf("a changed file: %d read, %d inserted", sum.ObjectsDone, sum.Inserted)
	}
}
