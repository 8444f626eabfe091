package ingest

import (
	"slices"
	"strings"
	"time"
)

// Kind says what an object key is by its layout.
type Kind int

// The kinds of objects in a CloudTrail bucket. Only KindLog holds records that
// kmstrail reads; the others are named so that leaving them out is a decision.
const (
	// KindUnknown follows no CloudTrail layout: it may be anything.
	KindUnknown Kind = iota
	// KindLog is a log file of a trail.
	KindLog
	// KindDigest lists the log files of an hour and their hashes.
	KindDigest
	// KindInsight holds Insights events: statistics, not calls.
	KindInsight
	// KindNetworkActivity holds shadows of calls through VPC endpoints.
	KindNetworkActivity
	// KindAggregated holds summed data events.
	KindAggregated
	// KindOther lies in the layout but is none of the above, such as AWS Config
	// snapshots beside CloudTrail logs, or a folder marker.
	KindOther
)

// String returns the folder name of the kind.
func (k Kind) String() string {
	switch k {
	case KindLog:
		return "CloudTrail"
	case KindDigest:
		return "CloudTrail-Digest"
	case KindInsight:
		return "CloudTrail-Insight"
	case KindNetworkActivity:
		return "CloudTrail-NetworkActivity"
	case KindAggregated:
		return "CloudTrail-Aggregated"
	case KindOther:
		return "other"
	}
	return "unknown"
}

// DeliverySlackDays is how many days after the day of Selection.To a file may
// have been delivered and still be listed. CloudTrail delivers within minutes
// as a rule; what arrives later than this, up to 30 days, a reconcile finds.
const DeliverySlackDays = 1

// Includes reports whether an object with this location may hold selected
// events. What the location does not tell does not exclude it. Times are
// compared by whole days: a file is never older than its events, and at most
// DeliverySlackDays younger.
func (s Selection) Includes(loc Location) bool {
	if s.OrganizationID != "" && loc.OrganizationID != "" && loc.OrganizationID != s.OrganizationID {
		return false
	}
	if len(s.Accounts) > 0 && loc.AccountID != "" && !slices.Contains(s.Accounts, loc.AccountID) {
		return false
	}
	if len(s.Regions) > 0 && loc.Region != "" && !slices.Contains(s.Regions, loc.Region) {
		return false
	}
	if loc.DeliveredAt.IsZero() {
		return true
	}
	first, last := s.DeliveryDays()
	day := loc.DeliveredAt.UTC().Truncate(24 * time.Hour)
	return (first.IsZero() || !day.Before(first)) && (last.IsZero() || !day.After(last))
}

// DeliveryDays returns the first and the last day (midnight UTC, inclusive) on
// which files with selected events may have been delivered; zero is unbounded.
func (s Selection) DeliveryDays() (first, last time.Time) {
	if !s.From.IsZero() {
		first = s.From.UTC().Truncate(24 * time.Hour)
	}
	if !s.To.IsZero() {
		// To is exclusive: midnight belongs to the day that has ended.
		last = s.To.Add(-time.Nanosecond).UTC().Truncate(24*time.Hour).AddDate(0, 0, DeliverySlackDays)
	}
	if d := s.DeliveredFrom.UTC().Truncate(24 * time.Hour); !s.DeliveredFrom.IsZero() && d.After(first) {
		first = d
	}
	if d := s.DeliveredTo.UTC().Truncate(24 * time.Hour); !s.DeliveredTo.IsZero() && (last.IsZero() || d.Before(last)) {
		last = d
	}
	return first, last
}

// IsLogName reports whether the name ends like a file of JSON records: .json,
// .jsonl or .ndjson, plain or with .gz.
func IsLogName(name string) bool {
	name = strings.ToLower(name)
	name = strings.TrimSuffix(name, ".gz")
	for _, ext := range []string{".json", ".jsonl", ".ndjson"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// ParseKey says what a key tells about its object. It knows the layouts
//
//	[prefix/]AWSLogs/ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE
//	[prefix/]AWSLogs/o-ORG/ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE
//	o-ORG/AWSLogs/o-ORG/ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE
//
// and any tail of them, so that a copy of a part of a bucket, or files thrown
// together in one folder, are still recognised by the name
// ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHMMZ_SUFFIX.json.gz. The last AWSLogs
// folder counts, since a prefix may contain one too.
//
// Where folder and file name disagree on account or region the folder wins:
// that is what listings and bucket policies go by. Without a readable file name
// the delivery time is the start of the day in the path.
func ParseKey(key string) (Location, Kind) {
	dir, file := "", key
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		dir, file = key[:i], key[i+1:]
	}
	loc, dirKind := parseDir(dir)
	name, nameKind := parseFileName(file)

	kind := dirKind
	switch {
	case dirKind == KindUnknown:
		kind = nameKind
	case dirKind == KindLog && nameKind != KindUnknown:
		kind = nameKind // a digest that somebody moved is still a digest
	}
	if kind == KindLog && !IsLogName(file) {
		kind = KindOther
	}
	if kind == KindUnknown {
		return Location{}, kind
	}
	if loc.AccountID == "" {
		loc.AccountID = name.AccountID
	}
	if loc.Region == "" {
		loc.Region = name.Region
	}
	if !name.DeliveredAt.IsZero() {
		loc.DeliveredAt = name.DeliveredAt
	}
	return loc, kind
}

// parseDir reads the folders of a key.
func parseDir(dir string) (Location, Kind) {
	segs := strings.Split(dir, "/")
	var loc Location
	var rest []string
	inLayout := false
	if i := lastIndex(segs, "AWSLogs"); i >= 0 {
		inLayout = true
		rest = segs[i+1:]
		if i > 0 && IsOrganizationID(segs[i-1]) { // Control Tower
			loc.OrganizationID = segs[i-1]
		}
	} else if rest = fromFamily(segs); rest == nil {
		return Location{}, KindUnknown
	}
	if len(rest) > 0 && IsOrganizationID(rest[0]) {
		loc.OrganizationID = rest[0]
		rest = rest[1:]
	}
	if len(rest) > 0 && IsAccountID(rest[0]) {
		loc.AccountID = rest[0]
		rest = rest[1:]
	} else if inLayout {
		return Location{}, KindOther
	}
	if len(rest) == 0 {
		return loc, KindOther
	}
	kind := familyKind(rest[0])
	if kind == KindUnknown {
		return loc, KindOther
	}
	rest = rest[1:]
	if len(rest) > 0 && IsRegion(rest[0]) {
		loc.Region = rest[0]
		rest = rest[1:]
	}
	loc.DeliveredAt = parseDay(rest)
	return loc, kind
}

// fromFamily returns the segments from the account before the last CloudTrail
// folder on, or nil when there is no such folder.
func fromFamily(segs []string) []string {
	for i := len(segs) - 1; i >= 0; i-- {
		if familyKind(segs[i]) == KindUnknown {
			continue
		}
		if i > 0 && IsAccountID(segs[i-1]) {
			i--
			if i > 0 && IsOrganizationID(segs[i-1]) {
				i--
			}
		}
		return segs[i:]
	}
	return nil
}

func familyKind(folder string) Kind {
	for k := KindLog; k <= KindAggregated; k++ {
		if folder == k.String() {
			return k
		}
	}
	return KindUnknown
}

// parseFileName reads ACCOUNT_FAMILY_REGION_TIME_SUFFIX.EXT, and a digest's
// ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOMEREGION_TIME.EXT.
func parseFileName(file string) (Location, Kind) {
	stem, _, _ := strings.Cut(file, ".")
	parts := strings.Split(stem, "_")
	if len(parts) < 4 || !IsAccountID(parts[0]) {
		return Location{}, KindUnknown
	}
	kind := familyKind(parts[1])
	if kind == KindUnknown {
		return Location{}, KindUnknown
	}
	loc := Location{AccountID: parts[0]}
	if IsRegion(parts[2]) {
		loc.Region = parts[2]
	}
	loc.DeliveredAt = parseStamp(parts[3])
	if kind == KindDigest {
		loc.DeliveredAt = digestTime(file)
	}
	if kind == KindLog && (loc.Region == "" || loc.DeliveredAt.IsZero()) {
		return Location{}, KindUnknown
	}
	return loc, kind
}

// digestTime finds the end time in a digest's name. The trail's name in the
// middle may hold dots and underscores.
func digestTime(file string) time.Time {
	parts := strings.FieldsFunc(file, func(r rune) bool { return r == '_' || r == '.' })
	for _, p := range slices.Backward(parts) {
		if t, err := time.Parse("20060102T150405Z", p); err == nil && len(p) == 16 {
			return t
		}
	}
	return time.Time{}
}

func parseStamp(s string) time.Time {
	const layout = "20060102T1504Z"
	if len(s) != len(layout) {
		return time.Time{}
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// parseDay reads YYYY/MM/DD at the start of segs.
func parseDay(segs []string) time.Time {
	if len(segs) < 3 || len(segs[0]) != 4 || len(segs[1]) != 2 || len(segs[2]) != 2 {
		return time.Time{}
	}
	t, err := time.Parse("20060102", segs[0]+segs[1]+segs[2])
	if err != nil {
		return time.Time{}
	}
	return t
}

// IsAccountID reports whether s is twelve digits.
func IsAccountID(s string) bool {
	return len(s) == 12 && allBytes(s, isDigit)
}

// IsOrganizationID reports whether s looks like o-exampleorgid.
func IsOrganizationID(s string) bool {
	id, ok := strings.CutPrefix(s, "o-")
	return ok && len(id) >= 10 && len(id) <= 32 &&
		allBytes(id, func(c byte) bool { return isDigit(c) || isLower(c) })
}

// IsRegion reports whether s has the form of a Region's name in any partition:
// us-east-1, us-gov-west-1, cn-north-1, eusc-de-east-1.
func IsRegion(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) < 3 || len(s) > 32 {
		return false
	}
	last := parts[len(parts)-1]
	if len(last) == 0 || len(last) > 2 || !allBytes(last, isDigit) {
		return false
	}
	for _, p := range parts[:len(parts)-1] {
		if p == "" || !allBytes(p, isLower) {
			return false
		}
	}
	return len(parts[0]) >= 2
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

func allBytes(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func lastIndex(segs []string, s string) int {
	for i := len(segs) - 1; i >= 0; i-- {
		if segs[i] == s {
			return i
		}
	}
	return -1
}
