package sampledata

import (
	"fmt"
	"time"
)

// Truth says what a generated bucket holds and what must come of it.
type Truth struct {
	Seed  uint64    `json:"seed"`
	Start time.Time `json:"start"` // of the window to run detectors over, inclusive
	End   time.Time `json:"end"`   // exclusive

	// Objects counts every object in the bucket, LogFiles those that are
	// CloudTrail log files (the unreadable ones included), OtherObjects the
	// rest by folder.
	Objects      int            `json:"objects"`
	LogFiles     int            `json:"log_files"`
	OtherObjects map[string]int `json:"other_objects"`
	Bytes        int64          `json:"bytes"`      // stored bytes of the log files
	JSONBytes    int64          `json:"json_bytes"` // uncompressed, of the readable ones

	// Records counts the records in readable log files, KMSRecords those of
	// KMS, both as delivered: with duplicates and with what is quarantined.
	Records    int `json:"records"`
	KMSRecords int `json:"kms_records"`
	// Duplicates counts KMS records whose event was delivered before.
	Duplicates int `json:"duplicates"`
	// Superseded counts events that a later record takes the place of.
	Superseded int `json:"superseded"`
	// KMSEvents is the number of rows of kms_events: KMSRecords without
	// duplicates, quarantined and superseded ones. KMSCalls is the number of
	// calls behind them: copies in several accounts are one call, and
	// NetworkActivity records are none.
	KMSEvents  int            `json:"kms_events"`
	KMSCalls   int            `json:"kms_calls"`
	KMSByEvent map[string]int `json:"kms_by_event_name"` // rows of kms_events
	// KMSByAccount counts rows of kms_events by recipient account.
	KMSByAccount map[string]int `json:"kms_by_account"`
	// SelfEvents counts KMS events made by kmstrail's own role.
	SelfEvents int `json:"self_events"`

	// RelatedByEvent counts distinct records of other services by
	// "service:event name".
	RelatedByEvent map[string]int `json:"other_by_event_name"`

	// Quarantined counts by reason; bad_gzip and bad_json are whole objects. The
	// record without event id is in KMSRecords, but no reader can be sure of it.
	Quarantined   map[string]int `json:"quarantined"`
	FailedObjects int            `json:"failed_objects"`

	FirstEvent time.Time `json:"first_kms_event"`
	LastEvent  time.Time `json:"last_kms_event"`

	Findings   []Finding  `json:"findings"`
	NearMisses []NearMiss `json:"near_misses"`
}

// Finding is a finding that a detector must report, and no other.
type Finding struct {
	Scenario     string    `json:"scenario"`
	DetectorID   string    `json:"detector_id"`
	AccountID    string    `json:"account_id"`
	Region       string    `json:"region"`
	KeyARN       string    `json:"key_arn"`       // "" when it is not about one key
	PrincipalARN string    `json:"principal_arn"` // "" when no record shows it
	EventCount   int       `json:"event_count"`
	FirstSeen    time.Time `json:"first_seen"`
	LastSeen     time.Time `json:"last_seen"`
	What         string    `json:"what"`
}

// NearMiss is something that looks like an incident and must not be reported:
// no finding of the detector has this account, key and principal.
type NearMiss struct {
	Scenario     string `json:"scenario"`
	DetectorID   string `json:"detector_id"`
	AccountID    string `json:"account_id"`
	Region       string `json:"region"`
	KeyARN       string `json:"key_arn"`
	PrincipalARN string `json:"principal_arn"`
	Why          string `json:"why"`
}

// Compare says how the findings of a run differ from what must be found: what
// is missing, what is there and must not be, what was counted differently.
// The result is empty when they agree. Only the fields that [Finding] and a
// detector's finding share are looked at; What and Scenario are not.
func (t *Truth) Compare(found []Finding) []string {
	var problems []string
	left := map[identity]Finding{}
	for _, f := range found {
		if _, twice := left[f.identity()]; twice {
			problems = append(problems, fmt.Sprintf("found twice: %s", f))
		}
		left[f.identity()] = f
	}
	for _, want := range t.Findings {
		got, ok := left[want.identity()]
		delete(left, want.identity())
		switch {
		case !ok:
			problems = append(problems, fmt.Sprintf("not found: %s (%s: %s)", want, want.Scenario, want.What))
		case got.EventCount != want.EventCount || !got.FirstSeen.Equal(want.FirstSeen) || !got.LastSeen.Equal(want.LastSeen):
			problems = append(problems, fmt.Sprintf("%s: found %s, want %s", want.Scenario, got, want))
		}
	}
	for _, f := range found {
		if _, extra := left[f.identity()]; extra {
			problems = append(problems, fmt.Sprintf("must not be found: %s%s", f, t.whyNot(f)))
			delete(left, f.identity())
		}
	}
	return problems
}

// whyNot explains a finding that is a near-miss.
func (t *Truth) whyNot(f Finding) string {
	for _, m := range t.NearMisses {
		if (identity{m.DetectorID, m.AccountID, m.Region, m.KeyARN, m.PrincipalARN}) == f.identity() {
			return fmt.Sprintf(" (%s: %s)", m.Scenario, m.Why)
		}
	}
	return ""
}

// identity is what tells findings apart.
type identity struct{ detector, account, region, key, principal string }

func (f Finding) identity() identity {
	return identity{f.DetectorID, f.AccountID, f.Region, f.KeyARN, f.PrincipalARN}
}

// String describes a finding in one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s in %s %s, key %q, principal %q, %d calls from %s to %s", f.DetectorID, f.AccountID, f.Region,
		f.KeyARN, f.PrincipalARN, f.EventCount, f.FirstSeen.UTC().Format(time.RFC3339), f.LastSeen.UTC().Format(time.RFC3339))
}
