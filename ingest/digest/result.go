package digest

import (
	"fmt"
	"time"
)

// State says what digests prove of an account, Region and day.
type State string

// The states, the best first.
const (
	// Verified: digests cover the whole day, and every log file is there and as
	// they say.
	Verified State = "verified"
	// Incomplete: nothing is wrong with what digests cover, but they do not cover
	// everything, or could not be verified themselves.
	Incomplete State = "incomplete"
	// Unvalidated: there is no digest of the day.
	Unvalidated State = "unvalidated"
	// Failed: log files or digests were changed, or are gone.
	Failed State = "failed"
)

// ProblemKind says what is wrong.
type ProblemKind string

// The kinds of problems. Those that begin with Digest and the first two of files
// are signs of tampering, except where the comment says that something is only not
// known.
const (
	DigestForged     ProblemKind = "digest_forged"      // its signature, or its hash in the next one, is another
	DigestMalformed  ProblemKind = "digest_malformed"   // it cannot be read as a digest
	DigestMoved      ProblemKind = "digest_moved"       // it says that it lies elsewhere
	DigestMissing    ProblemKind = "digest_missing"     // the next one names it, and it is gone
	DigestUnsigned   ProblemKind = "digest_unsigned"    // not known: its signature was not kept
	DigestUnknownKey ProblemKind = "digest_unknown_key" // not known: nobody has its public key
	DigestUnreadable ProblemKind = "digest_unreadable"  // not known: reading failed

	FileChanged    ProblemKind = "file_changed"    // its hash is another
	FileMissing    ProblemKind = "file_missing"    // a digest lists it, and it is gone
	FileUnlisted   ProblemKind = "file_unlisted"   // not known: no digest lists it
	FileUnreadable ProblemKind = "file_unreadable" // not known: reading failed
	NotCovered     ProblemKind = "not_covered"     // not known: no digest is about this time
)

// Tampering reports whether a problem says that somebody changed something.
func (k ProblemKind) Tampering() bool {
	switch k {
	case DigestForged, DigestMalformed, DigestMoved, DigestMissing, FileChanged, FileMissing:
		return true
	}
	return false
}

// Problem is one thing that is wrong or not known.
type Problem struct {
	Kind ProblemKind `json:"kind"`
	// Object is the key of the digest or log file; "" of time that is not covered.
	Object string `json:"object,omitempty"`
	Detail string `json:"detail"`
}

// MaxProblems is how many problems of a kind a [Day] names; it counts all.
const MaxProblems = 100

// Day says what was verified of an account, Region and day of delivery.
type Day struct {
	AccountID string    `json:"account_id"`
	Region    string    `json:"region"`
	Day       time.Time `json:"day"` // midnight, UTC
	State     State     `json:"state"`
	// Reason says why the state is not verified.
	Reason string `json:"reason,omitempty"`

	// Digests are those about the day that are valid, Backfills those of them that
	// list late log files, Invalid those that are not valid or could not be
	// verified, Missing those that are gone.
	Digests   int64 `json:"digest_count"`
	Backfills int64 `json:"backfill_count"`
	Invalid   int64 `json:"invalid_digest_count"`
	Missing   int64 `json:"missing_digest_count"`
	// Uncovered is how much of the day no valid digest is about.
	Uncovered time.Duration `json:"-"`

	// Listed are log files that valid digests list, Verified those of them that
	// are as listed. Changed and FilesMissing are not, Unreadable could not be
	// looked at, Unlisted are in no digest.
	Listed       int64 `json:"listed_file_count"`
	Verified     int64 `json:"verified_file_count"`
	Changed      int64 `json:"changed_file_count"`
	FilesMissing int64 `json:"missing_file_count"`
	Unreadable   int64 `json:"unreadable_file_count"`
	Unlisted     int64 `json:"unlisted_file_count"`
	// Unread are verified log files that the ledger does not have in the version
	// that was verified; 0 without a ledger.
	Unread int64 `json:"unread_file_count"`

	Problems []Problem `json:"problems,omitempty"`

	counts map[ProblemKind]int64
}

// Count is how many problems of a kind there are, named or not.
func (d *Day) Count(k ProblemKind) int64 { return d.counts[k] }

func (d *Day) problem(kind ProblemKind, object, format string, args ...any) {
	if d.counts == nil {
		d.counts = map[ProblemKind]int64{}
	}
	d.counts[kind]++
	if d.counts[kind] <= MaxProblems {
		d.Problems = append(d.Problems, Problem{kind, object, fmt.Sprintf(format, args...)})
	}
}

// judge sets the state by what was found.
func (d *Day) judge() {
	d.State, d.Reason = Verified, ""
	if d.Digests+d.Invalid+d.Missing == 0 {
		d.State, d.Reason = Unvalidated, "There is no digest of the day: log file validation was off, or digests are not where the log files are."
		return
	}
	for _, p := range d.Problems {
		state := Incomplete
		if p.Kind.Tampering() {
			state = Failed
		}
		if d.State == Verified || state == Failed && d.State == Incomplete {
			d.State, d.Reason = state, reasons[p.Kind]
		}
	}
}

var reasons = map[ProblemKind]string{
	DigestForged:     "A digest is not the one that CloudTrail signed.",
	DigestMalformed:  "A digest cannot be read: CloudTrail did not write it so.",
	DigestMoved:      "A digest says that it lies elsewhere.",
	DigestMissing:    "Digests are gone that later ones name.",
	DigestUnsigned:   "The signature of a digest was not kept with it.",
	DigestUnknownKey: "The public key of a digest is not known.",
	DigestUnreadable: "A digest could not be read.",
	FileChanged:      "A log file is not the one that CloudTrail delivered.",
	FileMissing:      "Log files are gone that CloudTrail delivered.",
	FileUnlisted:     "Some log files are in no digest: somebody else put them there, or a later digest will list them.",
	FileUnreadable:   "Some log files could not be read.",
	NotCovered:       "Digests do not cover the whole day.",
}
