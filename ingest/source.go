package ingest

import (
	"context"
	"time"
)

// Object is one log object as a listing shows it.
type Object struct {
	// Key names the object inside its source.
	Key string
	// Size is the stored (compressed) size in bytes.
	Size int64
	// ETag changes when the content does.
	ETag string
	// LastModified is when the object was written, UTC.
	LastModified time.Time
	// Location is what the key says; zero when the key follows no known layout.
	Location Location
}

// Location is what the key of a log object says about it.
type Location struct {
	// OrganizationID is "" unless the key is of an organisation trail.
	OrganizationID string
	AccountID      string
	Region         string
	// DeliveredAt is the delivery time in the file name, to the minute, UTC.
	// It is not the time of the events inside.
	DeliveredAt time.Time
}

// Selection narrows what a listing returns. The zero value selects everything.
type Selection struct {
	// OrganizationID, Accounts and Regions are compared with the object's key.
	OrganizationID string
	Accounts       []string
	Regions        []string
	// From and To bound the event time, half-open; zero means unbounded. A
	// source that can tell delivery dates from keys applies them with slack,
	// because a file may be delivered long after its events happened.
	From, To time.Time
	// DeliveredFrom and DeliveredTo are the first and the last day of delivery,
	// UTC, whatever From and To allow; zero means unbounded. Who lists again
	// and again asks for days of delivery: files come to these folders only.
	DeliveredFrom, DeliveredTo time.Time
	// Except are places, named as by a PlaceError, that are left out.
	Except []string
	// Digests selects the digests, which list log files and their hashes, instead
	// of log files.
	Digests bool
}

// Kind returns the kind of the objects that are selected.
func (s Selection) Kind() Kind {
	if s.Digests {
		return KindDigest
	}
	return KindLog
}

// Source lists and reads log objects. Implementations are safe for concurrent
// use.
type Source interface {
	// Name identifies the source in the ledger, such as s3://bucket. It does
	// not depend on prefix or selection, so that the same object read in
	// another way is the same object.
	Name() string

	// List calls visit with pages of objects, keys ascending within a page.
	// Pages come in order of delivery as far as the layout allows. It returns
	// visit's error as it is. Objects that are not CloudTrail logs (digests
	// unless they are selected, Insights, other folders) are not passed on.
	List(ctx context.Context, sel Selection, visit func([]Object) error) error

	// Read appends the stored bytes of the object to dst and returns the
	// extended slice. An object larger than limit bytes is a *TooLargeError.
	// A gone object is fs.ErrNotExist, wrapped.
	Read(ctx context.Context, obj Object, dst []byte, limit int64) ([]byte, error)

	// Requests returns the API requests made so far; zero for directories.
	Requests() Requests
}

// Requests counts billable API requests. Get has those that cost the same: HEAD
// and the like.
type Requests struct {
	List int64 `json:"list"`
	Get  int64 `json:"get"`
}

// Minus returns the requests made since r was earlier.
func (r Requests) Minus(earlier Requests) Requests {
	return Requests{List: r.List - earlier.List, Get: r.Get - earlier.Get}
}
