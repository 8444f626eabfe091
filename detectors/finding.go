package detectors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// MaxEvidence is how many event ids a finding carries.
const MaxEvidence = 20

// Finding is something a detector found. Texts are "" and JSON null where
// there is none.
type Finding struct {
	FindingID       string    `json:"finding_id"`
	DetectorID      string    `json:"detector_id"`
	DetectorVersion int       `json:"detector_version"`
	Title           string    `json:"title"`
	Status          string    `json:"status"`
	StatusReason    string    `json:"status_reason"`
	Severity        string    `json:"severity"`
	AccountID       string    `json:"account_id"`
	Region          string    `json:"region"`
	KeyARN          string    `json:"key_arn"`
	PrincipalARN    string    `json:"principal_arn"`
	FirstSeen       time.Time `json:"first_seen"`
	LastSeen        time.Time `json:"last_seen"`
	EventCount      int64     `json:"event_count"`
	EventIDs        []string  `json:"event_ids"`
	// LogFiles say where the records of EventIDs lie, in the same order:
	// source/object key#record index; "" where it is not known.
	LogFiles    []string       `json:"log_files"`
	Summary     string         `json:"summary"`
	Details     map[string]any `json:"details"`
	Fingerprint string         `json:"fingerprint"`
	WindowStart time.Time      `json:"window_start"`
	WindowEnd   time.Time      `json:"window_end"`
	CreatedAt   time.Time      `json:"created_at"`
	UpdatedAt   time.Time      `json:"updated_at"`
	RunID       string         `json:"run_id"`
}

// MarshalJSON writes the texts that may be absent as null.
func (f Finding) MarshalJSON() ([]byte, error) {
	type plain Finding
	orNull := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	return json.Marshal(struct {
		plain
		StatusReason *string `json:"status_reason"`
		AccountID    *string `json:"account_id"`
		Region       *string `json:"region"`
		KeyARN       *string `json:"key_arn"`
		PrincipalARN *string `json:"principal_arn"`
	}{plain(f), orNull(f.StatusReason), orNull(f.AccountID), orNull(f.Region), orNull(f.KeyARN), orNull(f.PrincipalARN)})
}

// UnmarshalJSON reads what MarshalJSON writes. Numbers in details become
// json.Number, as ReadFindings has them.
func (f *Finding) UnmarshalJSON(document []byte) error {
	type plain Finding
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	return d.Decode((*plain)(f))
}

// logFile returns where the record of EventIDs[i] lies.
func (f *Finding) logFile(i int) string {
	if i < len(f.LogFiles) {
		return f.LogFiles[i]
	}
	return ""
}

// severityRank orders severities, worst first.
func severityRank(s string) int {
	if i := slices.Index(Severities(), s); i >= 0 {
		return i
	}
	return len(Severities())
}

// Sort orders findings: worst first, then by detector, account, Region, key,
// principal, and time.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if d := severityRank(a.Severity) - severityRank(b.Severity); d != 0 {
			return d
		}
		for _, pair := range [][2]string{
			{a.DetectorID, b.DetectorID}, {a.AccountID, b.AccountID}, {a.Region, b.Region},
			{a.KeyARN, b.KeyARN}, {a.PrincipalARN, b.PrincipalARN},
		} {
			if d := strings.Compare(pair[0], pair[1]); d != 0 {
				return d
			}
		}
		if d := a.FirstSeen.Compare(b.FirstSeen); d != 0 {
			return d
		}
		return strings.Compare(a.Fingerprint, b.Fingerprint)
	})
}

// fingerprint hashes detector and identity columns. Each part goes with its
// length and whether it is NULL, so that no two lists of parts look the same.
func fingerprint(detector string, identity []string, row map[string]any) string {
	h := sha256.New()
	add := func(tag byte, s string) {
		h.Write([]byte{tag})
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	add('d', detector)
	for _, name := range identity {
		add('n', name)
		if v := row[name]; v == nil {
			add('0', "")
		} else {
			add('v', text(v))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// findingID derives the UUID of a finding from its fingerprint (RFC 9562,
// version 8: bytes of one's own).
func findingID(fingerprint string) string {
	raw, err := hex.DecodeString(fingerprint)
	if err != nil || len(raw) < 16 {
		sum := sha256.Sum256([]byte(fingerprint))
		raw = sum[:]
	}
	id := uuid.UUID(raw[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// text renders a column's value for people, and for the fingerprint.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []any:
		parts := make([]string, len(v))
		for i, el := range v {
			parts[i] = text(el)
		}
		return strings.Join(parts, ", ")
	default:
		return fmt.Sprint(v)
	}
}
