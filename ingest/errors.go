package ingest

import (
	"errors"
	"fmt"
)

// ErrChanged is wrapped by Source.Read when the object is no longer the one that
// was listed. The next listing shows the new one.
var ErrChanged = errors.New("changed since it was listed")

// TooLargeError says that an object has more bytes than may be read.
type TooLargeError struct {
	Key string
	// Size in bytes; -1 when only known to be above Limit.
	Size  int64
	Limit int64
}

func (e *TooLargeError) Error() string {
	if e.Size < 0 {
		return fmt.Sprintf("object %s has more than the limit of %d bytes", e.Key, e.Limit)
	}
	return fmt.Sprintf("object %s has %d bytes, more than the limit of %d", e.Key, e.Size, e.Limit)
}

// RejectedError is returned by Source.Read for an object that was read, and is
// not what it should be. It goes to quarantine like one that cannot be decoded.
type RejectedError struct {
	// Reason is short and made of the letters of quarantine's other reasons.
	Reason, Detail string
	// Text is what was read.
	Text []byte
}

func (e *RejectedError) Error() string { return e.Reason + ": " + e.Detail }

// PlaceError says that one place of a source could not be listed.
type PlaceError struct {
	// Place is the same for the same place at each listing: the prefix of an
	// account or of its Region in a bucket.
	Place string
	Err   error
}

func (e *PlaceError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *PlaceError) Unwrap() error { return e.Err }

// PartialListError is returned by Source.List after everything that could be
// listed was visited: some parts of the source could not be. Those that a later
// listing can leave out are *PlaceError.
type PartialListError struct {
	Errs []error
}

func (e *PartialListError) Error() string {
	return fmt.Sprintf("%d places could not be listed: %v", len(e.Errs), errors.Join(e.Errs...))
}

// Unwrap returns the single errors.
func (e *PartialListError) Unwrap() []error { return e.Errs }
