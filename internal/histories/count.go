package histories

import (
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// Counts is what has to come out of a history, from what is known of its calls
// and of the accounts whose records arrive. A call counts for its caller when
// the record of the caller's account arrives, and for a key when that of the
// key's owner does; NetworkActivity records count nowhere.
type Counts struct {
	// Calls counts by caller, Uses by key.
	Calls, Uses map[string]int64
	// KeyUse counts by key and caller what is known from either side: at least
	// as many as the side that has more.
	KeyUse map[KeyCaller]int64
	// Seen counts calls by operation of which any record arrives, Records the
	// records of these.
	Seen    map[string]int64
	Records int64
	Minutes map[Minute]Rate
	Arrived map[Day]int64
}

// KeyCaller is a key and who used it.
type KeyCaller struct{ Key, Caller, Account string }

// Minute is a minute of a request quota.
type Minute struct {
	Account, Region, Quota, Store string
	Start                         time.Time
}

// Rate is how often a quota was used in a minute, and in its busiest second.
type Rate struct {
	Requests, Throttled, Peak int64
	PeakSecond                time.Time
}

// Day is a day of the records in an account's trail.
type Day struct {
	Account, Region string
	Start           time.Time
}

// Count counts.
func (h *History) Count() *Counts {
	c := &Counts{
		Calls: map[string]int64{}, Uses: map[string]int64{}, KeyUse: map[KeyCaller]int64{},
		Seen: map[string]int64{}, Arrived: map[Day]int64{},
	}
	called, used := map[KeyCaller]int64{}, map[KeyCaller]int64{}
	for i := range h.Calls {
		c.countCall(&h.Calls[i], called, used)
	}
	for _, side := range []map[KeyCaller]int64{called, used} {
		for k, n := range side {
			c.KeyUse[k] = max(c.KeyUse[k], n)
		}
	}
	c.Minutes = h.minutes()
	stored := map[string]bool{}
	for _, r := range h.Records {
		if r.KMS && !r.Shadow && !r.Replaced && !stored[r.ID] {
			stored[r.ID] = true
			c.Arrived[Day{r.Account, r.Region, r.Time.Truncate(24 * time.Hour)}]++
		}
	}
	return c
}

func (c *Counts) countCall(call *Call, called, used map[KeyCaller]int64) {
	c.Seen[call.Name]++
	c.Records += int64(call.Records)
	if call.atCaller() {
		c.Calls[call.Caller]++
	}
	for _, key := range call.Keys {
		k := KeyCaller{key, call.Caller, call.Account}
		used[k] += 0 // a key that was named is there, however seldom it is used
		if call.atCaller() {
			called[k]++
		}
		if call.atOwner(key) {
			used[k]++
			c.Uses[key]++
		}
	}
}

// atCaller says whether the record of the caller's account arrives.
func (c *Call) atCaller() bool { return slices.Contains(c.Delivered, c.Payer) }

// atOwner says whether the record of the account that owns a key arrives.
func (c *Call) atOwner(key string) bool {
	return slices.Contains(c.Delivered, cttest.KeyAccount(key))
}

// minutes counts requests by quota.
func (h *History) minutes() map[Minute]Rate {
	seconds, throttled := map[Minute]int64{}, map[Minute]int64{}
	count := func(m Minute, refused bool) {
		seconds[m]++
		if refused {
			throttled[m]++
		}
	}
	for i := range h.Calls {
		c := &h.Calls[i]
		if c.Quota != "" && c.atCaller() {
			count(Minute{c.Payer, c.Region, c.Quota, "", c.Time}, c.Throttled)
		}
		if c.Store != "" && c.atOwner(c.Keys[0]) {
			count(Minute{cttest.KeyAccount(c.Keys[0]), c.Region, "custom_key_store", c.Store, c.Time}, c.Throttled)
		}
	}
	out := map[Minute]Rate{}
	for second, n := range seconds {
		m := second
		m.Start = second.Start.Truncate(time.Minute)
		r := out[m]
		r.Requests += n
		r.Throttled += throttled[second]
		if n > r.Peak || n == r.Peak && second.Start.Before(r.PeakSecond) {
			r.Peak, r.PeakSecond = n, second.Start
		}
		out[m] = r
	}
	return out
}
