package operate

import (
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// IngestRequest says what to ingest. What is left out is as the configuration
// says.
type IngestRequest struct {
	// Source is s3://BUCKET/PREFIX or a directory of the machine that ingests.
	// A server asks for more rights to another one than its own.
	Source string `json:"source,omitempty"`
	// OrganizationID, Accounts and Regions narrow what is read.
	OrganizationID string   `json:"organization_id,omitempty"`
	Accounts       []string `json:"accounts,omitempty"`
	Regions        []string `json:"regions,omitempty"`
	// From and To bound the event time, half-open; Last counts back from To, or
	// from now, and excludes From. A bucket without From and Last is read from
	// where the store begins on, the first time from ingest.first_run ago.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	Last Seconds   `json:"last_seconds,omitempty"`
	// Reconcile also reads again what is in quarantine.
	Reconcile bool `json:"reconcile,omitempty"`
	// DryRun lists and estimates only.
	DryRun bool `json:"dry_run,omitempty"`
	// Concurrency is how many objects are read at once.
	Concurrency   int  `json:"concurrency,omitempty"`
	RequesterPays bool `json:"requester_pays,omitempty"`

	// DeliveredFrom and DeliveredTo are the first and the last day of delivery,
	// LeaveFailed does not try again what could not be read before: for those who
	// look for what is new again and again.
	DeliveredFrom time.Time `json:"delivered_from,omitzero"`
	DeliveredTo   time.Time `json:"delivered_to,omitzero"`
	LeaveFailed   bool      `json:"leave_failed,omitempty"`
	// Except are places of the source that are not listed.
	Except []string `json:"-"`

	// NoWait gives ErrBusy when an ingest runs already.
	NoWait bool `json:"no_wait,omitempty"`
	// NoMaintain leaves the store as it is afterwards, for those who see to that
	// themselves.
	NoMaintain bool `json:"-"`
}

// IngestProgress says how far an ingest is. What is not known yet is nil.
type IngestProgress struct {
	Start *IngestStart     `json:"start,omitempty"`
	Plan  *IngestPlan      `json:"plan,omitempty"`
	Read  *ingest.Progress `json:"read,omitempty"`
}

// IngestStart says where an ingest that named no start begins.
type IngestStart struct {
	// Source is the name in the ledger, without a prefix.
	Source string `json:"source"`
	// From is zero when everything is looked at.
	From time.Time `json:"from,omitzero"`
	// First says that the store has nothing of the source yet.
	First bool `json:"first"`
	// FirstRun is ingest.first_run of the configuration.
	FirstRun Seconds `json:"first_run_seconds"`
	// Chosen says that the request named no start.
	Chosen bool `json:"chosen"`
}

// IngestPlan says what there is to read, before it is read.
type IngestPlan struct {
	ingest.Progress

	Source string `json:"source"`
	Bucket bool   `json:"bucket"`
	// Estimated are the requests that reading takes, listing included, and Cost
	// their price in USD; zero where requests cost nothing.
	Estimated ingest.Requests `json:"estimated_requests"`
	Cost      float64         `json:"cost_usd"`
}

// IngestResult says what an ingest did.
type IngestResult struct {
	// Source is what was read, as the request or the configuration names it.
	Source string       `json:"source"`
	Start  *IngestStart `json:"start,omitempty"`
	// Plan is there for a dry run and for the first run on a bucket. Without
	// Summary nothing was read.
	Plan    *IngestPlan     `json:"plan,omitempty"`
	Summary *ingest.Summary `json:"summary,omitempty"`
	Took    Seconds         `json:"duration_seconds"`
	// Unlisted says why parts of the source could not be listed.
	Unlisted []string `json:"unlisted,omitempty"`
	// Partial is the error that Unlisted tells of, nil when there is none.
	Partial    *ingest.PartialListError `json:"-"`
	Maintained *MaintainResult          `json:"maintained,omitempty"`
}

// Unreadable reports whether some input could not be read, or not whole.
func (r IngestResult) Unreadable() bool {
	return len(r.Unlisted) > 0 || r.Summary != nil && (r.Summary.Failed > 0 || Rejected(*r.Summary) > 0)
}

// Rejected counts what went to quarantine because something is wrong with it.
// An event that CloudTrail itself has corrected is kept there, but is well.
func Rejected(s ingest.Summary) int64 { return s.Quarantined - s.Superseded }
