package watch

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// State is what a watch is doing, for people.
type State struct {
	StartedAt time.Time `json:"started_at"`
	Draining  bool      `json:"draining"`
	Poll      *Poll     `json:"poll"`            // nil when there is nothing to poll
	Queue     *Queue    `json:"queue,omitempty"` // nil when there is none
	Tasks     []Task    `json:"tasks"`
	Disk      Disk      `json:"disk"`
	// Requests are those to the source by day, the newest day first.
	Requests []DayRequests `json:"requests"`
}

// Poll says how polling fares.
type Poll struct {
	Source string `json:"source"`
	// Running is the kind of the poll at work, Progress how far it is.
	Running  string    `json:"running,omitempty"`
	Progress *Progress `json:"progress"`
	// Polls counts those that ended since the server started.
	Polls int64 `json:"polls"`
	// Last is when the last poll began, Took how long it took, Kind what it was.
	Last *time.Time `json:"last"`
	Kind string     `json:"last_kind,omitempty"`
	Took float64    `json:"took_seconds"`
	Read *Progress  `json:"last_read"`
	Next *time.Time `json:"next"`
	// Complete is up to when all that was delivered, to places that can be
	// listed, was seen.
	Complete *time.Time `json:"complete_until"`
	// Succeeded is when the last poll of each kind succeeded.
	Succeeded map[string]time.Time `json:"succeeded"`
	// Error is why the last poll failed, FailingSince when that began, Failures
	// how often.
	Error        string     `json:"error,omitempty"`
	FailingSince *time.Time `json:"failing_since"`
	Failures     int        `json:"failures"`
	// Places are those that cannot be listed.
	Places []Place `json:"places"`
}

// Queue says how the reading of a queue fares.
type Queue struct {
	URL string `json:"url"`
	// Stored, Skipped, Quarantined and Left count messages since the server started
	// by what became of them; those that are left come again.
	Stored      int64 `json:"stored"`
	Skipped     int64 `json:"skipped"`
	Quarantined int64 `json:"quarantined"`
	Left        int64 `json:"left"`
	// Held messages are received and not done with; Oldest is when the oldest of
	// them was sent, Last when some were done with.
	Held   int        `json:"held"`
	Oldest *time.Time `json:"oldest"`
	Last   *time.Time `json:"last"`
	// Problem is why one of the last messages was left. Error is why the queue
	// cannot be read, FailingSince when that began.
	Problem      string     `json:"problem,omitempty"`
	Error        string     `json:"error,omitempty"`
	FailingSince *time.Time `json:"failing_since"`
}

// Progress says what a poll has done so far.
type Progress struct {
	Listed   int64 `json:"listed"`
	ToRead   int64 `json:"to_read"`
	Done     int64 `json:"done"`
	Inserted int64 `json:"inserted"`
	Failed   int64 `json:"failed"`
}

func progressOf(p *ingest.Progress) *Progress {
	return &Progress{Listed: p.ObjectsListed, ToRead: p.ObjectsToRead, Done: p.ObjectsDone, Inserted: p.Inserted, Failed: p.Failed}
}

// Place is a place of the source that cannot be listed.
type Place struct {
	Place string `json:"place"`
	Error string `json:"error"`
	// Since is the first day of delivery that was not seen for it, First when
	// that was noticed, Retry when it is tried again.
	Since    time.Time `json:"since"`
	First    time.Time `json:"first_failure"`
	Retry    time.Time `json:"retry"`
	Failures int       `json:"failures"`
	// Recovered places can be listed again, and what they have since is about to
	// be read.
	Recovered bool `json:"recovered,omitempty"`
}

// Task says how something on the schedule fares.
type Task struct {
	Name string `json:"name"`
	// Cron is the expression, UTC; Next is when it is due.
	Cron    string     `json:"cron"`
	Next    *time.Time `json:"next"`
	Running bool       `json:"running"`
	// Runs and Failed count since the server started, Skipped the ticks that
	// passed while it ran or could not.
	Runs    int64 `json:"runs"`
	Failed  int64 `json:"failed"`
	Skipped int64 `json:"skipped"`
	// CaughtUp says that the last run made up for one that was missed.
	CaughtUp    bool       `json:"caught_up"`
	LastStart   *time.Time `json:"last_start"`
	LastSuccess *time.Time `json:"last_success"`
	Took        float64    `json:"took_seconds"`
	// Error is why the last run failed; "" when it succeeded.
	Error string `json:"error,omitempty"`
}

// DayRequests counts the requests of one day, UTC.
type DayRequests struct {
	Day  string `json:"day"`
	List int64  `json:"list"`
	// Get has HEAD and the like too.
	Get int64 `json:"get"`
}

// State returns what the watch is doing.
func (w *Watch) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := State{StartedAt: w.started, Draining: w.draining, Disk: w.disk.state, Requests: slices.Clone(w.kept.Requests)}
	slices.Reverse(s.Requests)
	if w.poll != nil {
		p := w.poll.state
		p.Complete = orNil(w.kept.Complete)
		p.Succeeded = maps.Clone(w.kept.Polls)
		for _, place := range w.kept.Places {
			p.Places = append(p.Places, *place)
		}
		slices.SortFunc(p.Places, func(a, b Place) int { return cmp.Compare(a.Place, b.Place) })
		s.Poll = &p
	}
	if w.queue != nil {
		q := w.queue.state
		s.Queue = &q
	}
	for _, t := range w.tasks {
		state := t.state
		if k := w.kept.Tasks[t.name]; k != nil {
			state.LastStart, state.LastSuccess = orNil(k.LastStart), orNil(k.LastSuccess)
			state.Took, state.Error = k.Took.Seconds(), k.Error
		}
		s.Tasks = append(s.Tasks, state)
	}
	return s
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// kept is what must outlive the server.
type kept struct {
	Source string `json:"source"`
	// Begin is the first day of delivery that polls look at.
	Begin time.Time `json:"begin"`
	// Complete is when the last poll began that listed all it should.
	Complete time.Time            `json:"complete"`
	Polls    map[string]time.Time `json:"polls"` // last success by kind
	Places   map[string]*Place    `json:"places"`
	Tasks    map[string]*keptTask `json:"tasks"`
	Requests []DayRequests        `json:"requests"` // the oldest day first
}

type keptTask struct {
	LastStart   time.Time     `json:"last_start"`
	LastSuccess time.Time     `json:"last_success"`
	Took        time.Duration `json:"took_ns"`
	Error       string        `json:"error,omitempty"`
}

// maxDays is for how many days requests are kept.
const maxDays = 92

// File is where the watch of a store keeps what must outlive the server.
func File(db string) string { return db + ".watch.json" }

// load reads what an earlier server kept. Without it nothing is lost: polls
// begin at the newest delivery in the ledger.
func (w *Watch) load() {
	var k kept
	if !w.memory() {
		if err := readJSON(File(w.opts.DB), &k); err != nil {
			w.log.Warn("what the watch remembers cannot be read; it begins anew", "error", err)
			k = kept{}
		}
	}
	if source := w.opts.Config.Ingest.Source; k.Source != source {
		k.Source, k.Begin, k.Complete, k.Polls, k.Places = source, time.Time{}, time.Time{}, nil, nil
	}
	k.Polls, k.Places, k.Tasks = orMade(k.Polls), orMade(k.Places), orMade(k.Tasks)
	k.forgetFuture(w.now())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = k
}

// forgetFuture drops times that lie ahead: the clock was wrong when they were
// written, and nothing would be done until they are over.
func (k *kept) forgetFuture(now time.Time) {
	if k.Complete.After(now) {
		k.Complete = time.Time{}
	}
	maps.DeleteFunc(k.Polls, func(_ string, at time.Time) bool { return at.After(now) })
	maps.DeleteFunc(k.Tasks, func(_ string, t *keptTask) bool { return t.LastStart.After(now) || t.LastSuccess.After(now) })
	for _, place := range k.Places {
		place.Retry = earlier(place.Retry, now)
	}
}

func orMade[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// save keeps what must outlive the server. A failure is only told: it costs
// some requests after the next start, nothing else.
func (w *Watch) save() {
	if w.memory() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	text, err := json.MarshalIndent(&w.kept, "", "  ")
	if err == nil {
		err = replaceFile(File(w.opts.DB), append(text, '\n'))
	}
	if err != nil {
		w.log.Warn("what the watch must remember cannot be written", "error", err)
	}
}

// replaceFile writes a file so that there is always a whole one.
func replaceFile(path string, body []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, body, 0o600); err != nil {
		_ = os.Remove(temporary) // half a file on a full disk
		return err
	}
	return os.Rename(temporary, path)
}

// count adds requests to the day that it is. The caller holds w.mu.
func (k *kept) count(now time.Time, r ingest.Requests) {
	day := now.Format(time.DateOnly)
	if n := len(k.Requests); n == 0 || k.Requests[n-1].Day < day {
		k.Requests = append(k.Requests, DayRequests{Day: day})
		k.Requests = k.Requests[max(0, len(k.Requests)-maxDays):]
	}
	last := &k.Requests[len(k.Requests)-1]
	last.List += r.List
	last.Get += r.Get
}
