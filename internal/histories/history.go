package histories

import (
	"math/rand/v2"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// Options say what a history has besides what all of them have.
type Options struct {
	// Conflicts adds records that have the event id of another one and other
	// content, though not in what is counted.
	Conflicts bool
}

// History is what happened in a few days.
type History struct {
	Calls   []Call
	Records []Record
	// Self is the role that the reader of the logs runs under.
	Self string
}

// Call is a request to KMS, or an event of KMS itself, with what is known of
// it in the end: a corrected one as the correction says.
type Call struct {
	Time   time.Time
	Name   string
	Region string
	// Caller is the caller's unique id without the session, or what stands for
	// it; Account is "" for a service principal.
	Caller, Account string
	// Payer is the account whose quotas the call uses.
	Payer string
	// Keys are the keys it works on, ReEncrypt's source first; none when the
	// record names no key.
	Keys []string
	// Quota is the request quota it counts against; "" for none.
	Quota string
	// Store is the custom key store of its key; "" for none.
	Store  string
	Failed bool
	// Throttled calls are failed ones too.
	Throttled bool

	// Delivered says of which accounts a record exists, for all calls at least
	// one; nobody else's is ever delivered.
	Delivered []string
	// Records is the number of those that stay: all but what was corrected.
	Records int
}

// Record is a CloudTrail record as it is delivered; a repeated one is there
// more than once.
type Record struct {
	// ID is the event id; what belongs to a call has Call >= 0.
	ID   string
	JSON []byte
	// Account, Region and Delivered are those of its log file.
	Account, Region string
	Delivered       time.Time
	// KMS is false for records of other services.
	KMS bool
	// Shadow is a NetworkActivity record.
	Shadow bool
	// Replaced records are corrected by another one.
	Replaced bool
	Time     time.Time
}

// Span is how long a history is at most, without late deliveries.
const Span = 10 * 24 * time.Hour

// Start is the first day of every history.
var Start = time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC)

// maker makes a history.
type maker struct {
	*rand.Rand
	opts Options
	h    *History
	end  time.Time
	// moments are used again and again: starts and ends of seconds, minutes,
	// hours and days.
	moments []time.Time
	seq     int
}

// New makes the history of a seed.
func New(seed uint64, opts Options) *History {
	m := &maker{
		Rand: rand.New(rand.NewPCG(seed, 0x6b6d73)),
		opts: opts,
		h:    &History{Self: cttest.RoleARN("main", "reader")},
	}
	m.end = Start.AddDate(0, 0, 5+m.IntN(6))
	m.pickMoments()
	m.useKeys(80 + m.IntN(200))
	m.crossAccounts(20 + m.IntN(50))
	m.changeKeys(50 + m.IntN(100))
	m.tagResources(10 + m.IntN(20))
	m.otherServices(10 + m.IntN(20))
	m.bareShadows(3)
	if opts.Conflicts {
		m.contradict(4)
	}
	m.repeat()
	return m.h
}

// pickMoments chooses the moments at which much happens.
func (m *maker) pickMoments() {
	span := int(m.end.Sub(Start) / time.Second)
	for range 12 {
		at := Start.Add(time.Duration(m.IntN(span)) * time.Second)
		unit := []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour}[m.IntN(4)]
		at = at.Truncate(unit)
		m.moments = append(m.moments, at, at.Add(time.Second), at.Add(59*time.Second))
		if at.After(Start) {
			m.moments = append(m.moments, at.Add(-time.Second))
		}
	}
}

// when chooses the time of an event.
func (m *maker) when() time.Time {
	if m.chance(0.5) {
		return m.moments[m.IntN(len(m.moments))]
	}
	return Start.Add(time.Duration(m.IntN(int(m.end.Sub(Start)/time.Second))) * time.Second)
}

// chance is true with probability p.
func (m *maker) chance(p float64) bool { return m.Float64() < p }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// arrival chooses when the log file of an event is delivered: mostly soon,
// sometimes hours and now and then days later.
func (m *maker) arrival(at time.Time) time.Time {
	delay := time.Duration(2+m.IntN(14)) * time.Minute
	switch n := m.IntN(20); {
	case n < 3:
		delay = time.Duration(m.IntN(12)) * time.Hour
	case n == 3:
		delay = time.Duration(m.IntN(9*24)) * time.Hour
	}
	// Few different minutes, so that files have several records.
	return at.Add(delay).Truncate(15 * time.Minute).Add(15 * time.Minute)
}
