package detectors_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/internal/sqlcase"
)

// fixedLines are in every generated history: what must come out of them is
// known.
const fixedLines = `
2026-01-05T09:00:00Z ScheduleKeyDeletion key/cancelled user/ann days=30
2026-01-06T09:00:00Z CancelKeyDeletion key/cancelled user/ann
2026-01-06T10:00:00Z Decrypt key/cancelled role/batch
2026-01-05T08:00:00Z ScheduleKeyDeletion key/going user/ann days=7
2026-01-05T10:00:00Z Decrypt key/going role/batch
2026-01-06T10:00:00Z Encrypt key/going role/batch
2026-01-07T10:00:00Z Decrypt key/going role/batch error=pending_deletion
2026-01-06T11:00:00Z 1h x2 Decrypt key/shared@second role/reader
2026-01-05T11:00:00Z 1h x2 Decrypt key/shared@main role/thief@foreign copies=both
`

// history generates calls of four days, and changes of keys and tags that bear
// on them.
func history(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	lines := []string{fixedLines}
	for range 60 {
		at := time.Date(2026, 1, 4+r.IntN(4), r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC).Format(time.RFC3339)
		key := pick("key/a", "key/b", "key/c@second", "key/d")
		who := pick("role/app", "role/batch", "user/ann", "role/thief@foreign", "role/reader@second")
		var line string
		switch r.IntN(10) {
		case 0:
			line = "ScheduleKeyDeletion " + key + " user/ann days=" + pick("7", "30")
		case 1:
			line = "CancelKeyDeletion " + key + " user/ann"
		case 2:
			line = "TagResource " + key + " user/ann tag.tenant=" + pick("blue", "red")
		case 3:
			line = "s3:PutBucketTagging user/ann bucket=data tag.tenant=" + pick("blue", "red")
		case 4:
			line = "10ms x" + pick("3", "8", "12") + " Decrypt " + key + " role/app"
		case 5:
			line = "Decrypt " + key + " role/app error=throttled"
		case 6:
			line = "Decrypt " + key + " " + who + " via=s3:data/x.csv"
		default:
			line = pick("Decrypt ", "Encrypt ", "GenerateDataKey ") + key + " " + who + " ctx.tenant=" + pick("blue", "red")
		}
		lines = append(lines, at+" "+line)
	}
	return strings.Join(lines, "\n")
}

// delivered is a log file with when its first event happened and whether it
// holds lifecycle events.
type delivered struct {
	file    sqlcase.LogFile
	at      string
	changes bool
	cancels bool
}

// deal puts the records of a history into log files; the copies of a call come
// in different ones.
func deal(t *testing.T, lines string, seed uint64) []delivered {
	t.Helper()
	records, err := cttest.ParseLines(lines)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 2))
	bodies := map[string][][]byte{}
	for _, rec := range records {
		text := string(rec)
		kind := "use"
		switch {
		case strings.Contains(text, `"CancelKeyDeletion"`):
			kind = "cancel"
		case strings.Contains(text, `"ScheduleKeyDeletion"`), strings.Contains(text, `Tag`):
			kind = "change"
		}
		_, at, _ := strings.Cut(text, `"eventTime":"`)
		name := fmt.Sprintf("%s %s %d", at[:10], kind, r.IntN(2))
		bodies[name] = append(bodies[name], rec)
	}
	var out []delivered
	for i, name := range sortedKeys(bodies) {
		day, kind, _ := strings.Cut(name, " ")
		key := cttest.Key("", "", "111122223333", "us-east-1", at(0), fmt.Sprintf("order%011d", i))
		out = append(out, delivered{
			file: sqlcase.LogFile{Key: key, Body: cttest.LogFile(bodies[name]...)}, at: day,
			changes: !strings.HasPrefix(kind, "use"), cancels: strings.HasPrefix(kind, "cancel"),
		})
	}
	return out
}

func sortedKeys(m map[string][][]byte) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestFindings_doNotDependOnTheOrder delivers the same log files in several
// orders, with detectors run in between: in the end findings and their windows
// are those of one run over everything.
func TestFindings_doNotDependOnTheOrder(t *testing.T) {
	const seed = 1
	files := deal(t, history(seed), seed)
	all, _ := deliver(t, files, len(files))
	if len(all.findings) < 8 {
		t.Fatalf("only %d findings to compare", len(all.findings))
	}
	withdrawn := 0
	for name, order := range orders(files, seed) {
		t.Run(name, func(t *testing.T) {
			got, n := deliver(t, order, 5)
			withdrawn += n
			if diff := cmp.Diff(all, got, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	if withdrawn == 0 {
		t.Error("no order withdrew a finding")
	}
}

// orders returns the files in the orders in which they may arrive.
func orders(files []delivered, seed uint64) map[string][]delivered {
	reverse, shuffled, late := slices.Clone(files), slices.Clone(files), slices.Clone(files)
	slices.Reverse(reverse)
	r := rand.New(rand.NewPCG(seed, 3))
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	rank := func(d delivered) int {
		switch {
		case d.cancels:
			return 2
		case d.changes:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(late, func(a, b delivered) int { return rank(a) - rank(b) })
	return map[string][]delivered{"by time": files, "reverse": reverse, "shuffled": shuffled, "changes late": late}
}

// outcome is what must be the same, as text.
type outcome struct{ findings, windows []string }

// deliver ingests files and runs the detectors after every few of them. It
// counts the findings that were withdrawn on the way.
func deliver(t *testing.T, files []delivered, every int) (outcome, int) {
	t.Helper()
	s := newScene(t, "cross_account_decrypt", "encryption_context_tag_mismatch", "pending_deletion_key_use", "request_rate_near_quota")
	tenPerSecond(t, s.store)
	withdrawn := 0
	for i, f := range files {
		if err := s.store.Ingest(t.Context(), []sqlcase.LogFile{f.file}, nil); err != nil {
			t.Fatal(err)
		}
		if (i+1)%every == 0 || i == len(files)-1 {
			withdrawn += len(s.scheduled().Withdrawn)
		}
	}
	var out outcome
	list, err := detectors.ReadFindings(t.Context(), s.store, detectors.FindingFilter{Statuses: []string{"new"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		f.RunID, f.CreatedAt, f.UpdatedAt = "", time.Time{}, time.Time{}
		out.findings = append(out.findings, jsonOf(t, f))
	}
	r, err := s.store.Query(t.Context(), "select * exclude (run_id) from finding_windows order by detector_id, finding_id, window_start")
	if err != nil {
		t.Fatal(err)
	}
	err = rows.Each(r, func(row map[string]any) error {
		out.windows = append(out.windows, jsonOf(t, row))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, withdrawn
}
