package report

import "time"

// FormatVersion rises when a member of the JSON report changes its meaning or
// goes away. New members do not change it.
const FormatVersion = 2

// Report is what a report says, before it is written in some format. All times
// are UTC, all windows half-open.
type Report struct {
	FormatVersion int       `json:"format_version"`
	Title         string    `json:"title"`
	Version       string    `json:"kmstrail_version,omitempty"`
	GeneratedAt   time.Time `json:"generated_at"`
	Window        Window    `json:"window"`
	// Empty says why there is nothing to report; NotEmpty otherwise.
	Empty     EmptyReason `json:"empty_reason,omitempty"`
	Scope     Scope       `json:"scope"`
	Coverage  Coverage    `json:"coverage"`
	Findings  Findings    `json:"findings"`
	Verdicts  Verdicts    `json:"verdicts"`
	Detectors []Outcome   `json:"detectors"`
	Activity  Activity    `json:"activity"`
}

// Window is the time that a report is about: start inclusive, end exclusive.
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// EmptyReason says why a report has no KMS call in it.
type EmptyReason string

// The reasons for an empty report.
const (
	NotEmpty        EmptyReason = ""
	NothingIngested EmptyReason = "nothing_ingested" // the store knows no log file
	NoKMSRecords    EmptyReason = "no_kms_records"   // log files, none with a KMS record
	NoneInWindow    EmptyReason = "none_in_window"   // KMS records, none in the window
)

// Scope says what was looked at.
type Scope struct {
	Sources      []string `json:"sources"`
	SourceCount  int64    `json:"source_count"`
	Regions      []string `json:"regions"`
	RegionCount  int64    `json:"region_count"`
	AccountCount int64    `json:"account_count"`
	// Accounts has the accounts with the most KMS records, at most 40.
	Accounts []Account `json:"accounts"`

	// The ledger's sums over the window.
	LogFiles         int64 `json:"log_files"`
	LogBytes         int64 `json:"log_bytes"` // stored, compressed
	FailedObjects    int64 `json:"failed_objects"`
	Records          int64 `json:"records"` // of all services
	KMSRecords       int64 `json:"kms_records"`
	DuplicateRecords int64 `json:"duplicate_records"`
	Quarantined      int64 `json:"quarantined_records"`

	// The calls of the window, each counted once whatever number of records
	// it has.
	Calls     int64      `json:"kms_calls"`
	SelfCalls int64      `json:"self_calls"` // made by kmstrail's own role
	FirstCall *time.Time `json:"first_call"`
	LastCall  *time.Time `json:"last_call"`

	// What the whole store holds, whatever the window.
	StoredRecords int64      `json:"stored_kms_records"`
	StoredFirst   *time.Time `json:"stored_first_event"`
	StoredLast    *time.Time `json:"stored_last_event"`
}

// Account is one account that logs came from.
type Account struct {
	ID         string `json:"account_id"` // "" when no object key named one
	Name       string `json:"account_name,omitempty"`
	Regions    int64  `json:"region_count"`
	LogFiles   int64  `json:"log_files"`
	Records    int64  `json:"records"`
	KMSRecords int64  `json:"kms_records"`
	Findings   int64  `json:"open_findings"`
}

// CoverageState says what is known of a cell of the coverage map.
type CoverageState string

// The states of coverage. A cell of several regions and days has the worst.
const (
	Proven   CoverageState = "proven"                 // a digest says that all log files were read
	Observed CoverageState = "observed"               // log files with KMS records
	Silent   CoverageState = "silent"                 // log files, none with KMS records
	Gap      CoverageState = "gap"                    // no log files although there should be
	Excluded CoverageState = "excluded_or_write_only" // the trail seems to leave KMS events out
	Unseen   CoverageState = ""                       // nothing is known
)

// Coverage says how complete the logs are.
type Coverage struct {
	// Days names the first day of each column of the map, 2006-01-02.
	Days          []string      `json:"days"`
	DaysPerColumn int           `json:"days_per_column"`
	Rows          []CoverageRow `json:"rows"`
	OmittedRows   int           `json:"omitted_rows"`
	// AccountRegionDays counts the cells of the finest grain by state.
	AccountRegionDays map[CoverageState]int64 `json:"account_region_days"`

	// Delays counts the KMS records of the window by how late they came.
	Delays []Delay `json:"delays"`

	Gaps        []CoverageGap      `json:"gaps"`
	OmittedGaps int                `json:"omitted_gaps"`
	Failed      []FailedObject     `json:"failed_objects"`
	Quarantine  []QuarantineReason `json:"quarantine"`
}

// CoverageRow is one account's row of the map.
type CoverageRow struct {
	AccountID   string         `json:"account_id"`
	AccountName string         `json:"account_name,omitempty"`
	Cells       []CoverageCell `json:"cells"`
}

// CoverageCell sums an account's regions over the days of one column.
type CoverageCell struct {
	State       CoverageState `json:"state"`
	LogFiles    int64         `json:"log_files"`
	FailedFiles int64         `json:"failed_files"`
	KMSRecords  int64         `json:"kms_records"`
	Quarantined int64         `json:"quarantined_records"`
}

// Delay counts KMS records by the time between the event and the delivery of
// its log file.
type Delay struct {
	// UpToMinutes is the upper end; 0 where the file's name does not tell.
	UpToMinutes int64 `json:"up_to_minutes"`
	KMSRecords  int64 `json:"kms_records"`
}

// CoverageGap is a stretch of days that is not covered, both ends inclusive.
type CoverageGap struct {
	AccountID   string        `json:"account_id"`
	AccountName string        `json:"account_name,omitempty"`
	Region      string        `json:"region"`
	FirstDay    string        `json:"first_day"`
	LastDay     string        `json:"last_day"`
	Days        int64         `json:"days"`
	State       CoverageState `json:"state"`
	Reason      string        `json:"reason"`
}

// FailedObject is a log object that could not be read.
type FailedObject struct {
	Source   string `json:"source"`
	Key      string `json:"object_key"`
	Status   string `json:"status"`
	Error    string `json:"error"`
	Attempts int64  `json:"attempts"`
}

// QuarantineReason counts what was put aside for one reason.
type QuarantineReason struct {
	Reason  string `json:"reason"`
	Count   int64  `json:"count"`
	Example string `json:"example"`
	// ExampleKey is the object that holds the example.
	ExampleKey string `json:"example_object_key"`
}

// Findings holds what the detectors found. Open are findings that nobody has
// suppressed or resolved and that no later data contradicts.
type Findings struct {
	Total      int            `json:"total"`
	Open       int            `json:"open"`
	BySeverity map[string]int `json:"open_by_severity"`
	ByStatus   map[string]int `json:"by_status"`
	Groups     []Group        `json:"groups"`
	// Withdrawn are findings that data which came later contradicts, the last
	// ones first.
	Withdrawn        []Finding `json:"withdrawn"`
	OmittedWithdrawn int       `json:"omitted_withdrawn"`
}

// Group holds the open findings of one detector, worst first.
type Group struct {
	Detector   Detector       `json:"detector"`
	Severity   string         `json:"severity"` // the worst of the group
	Count      int            `json:"count"`
	Accounts   int            `json:"account_count"`
	Calls      int64          `json:"event_count"`
	BySeverity map[string]int `json:"by_severity"`
	Shown      []Finding      `json:"findings"`
	Omitted    int            `json:"omitted"`
	// OmittedByAccount counts the omitted ones, largest first, at most 8.
	OmittedByAccount []Count `json:"omitted_by_account"`
}

// Finding is one finding, with what a reader needs beside it.
type Finding struct {
	ID           string    `json:"finding_id"`
	DetectorID   string    `json:"detector_id"`
	Status       string    `json:"status"`
	StatusReason string    `json:"status_reason,omitempty"`
	Severity     string    `json:"severity"`
	AccountID    string    `json:"account_id"`
	AccountName  string    `json:"account_name,omitempty"`
	Region       string    `json:"region"`
	KeyARN       string    `json:"key_arn"`
	KeyAliases   string    `json:"key_aliases,omitempty"`
	PrincipalARN string    `json:"principal_arn"`
	FirstSeen    time.Time `json:"first_seen"`
	LastSeen     time.Time `json:"last_seen"`
	EventCount   int64     `json:"event_count"`
	EventIDs     []string  `json:"event_ids"`
	// LogFiles say where the records of EventIDs lie, in the same order:
	// source/object key#record index; "" where it is not known.
	LogFiles []string `json:"log_files"`
	// Proof says what CloudTrail's digests prove of these log files.
	Proof   Proof          `json:"evidence_validation,omitempty"`
	Summary string         `json:"summary"`
	Details map[string]any `json:"details"`
	// TriageCommands are kmstrail commands that look closer.
	TriageCommands []string `json:"triage_commands,omitempty"`
	// Remedy is AWS CLI text to copy, "" when there is none.
	Remedy string `json:"remedy,omitempty"`
}

// Detector is what a report says about a detector.
type Detector struct {
	ID             string   `json:"id"`
	Title          string   `json:"title"`
	Severity       string   `json:"severity"`
	Version        int      `json:"version"`
	Description    string   `json:"description"`
	Why            string   `json:"why"`
	Source         string   `json:"source"` // of the why: an address or a title
	BlindSpots     []string `json:"blind_spots"`
	FalsePositives []string `json:"false_positives"`
	Triage         []string `json:"triage"`
	Mappings       []string `json:"mappings"` // ATT&CK, CIS, Security Hub, …
	// Columns says what the details of its findings mean.
	Columns map[string]string `json:"columns,omitempty"`
}

// Verdict is what a detector's run means.
type Verdict string

// The verdicts. Clear needs whole logs; without them silence is Unknown.
const (
	Found   Verdict = "findings"
	Clear   Verdict = "clear"
	Unknown Verdict = "unknown"
)

// Outcome says how the last run of one detector ended.
type Outcome struct {
	Detector   Detector   `json:"detector"`
	Verdict    Verdict    `json:"verdict"`
	Reason     string     `json:"reason"` // of Unknown
	Findings   int        `json:"open_findings"`
	RanAt      *time.Time `json:"ran_at"` // nil: it did not run
	Window     Window     `json:"window"`
	DurationMS int64      `json:"duration_ms"`
	Params     string     `json:"params"` // JSON object
	Error      string     `json:"error,omitempty"`

	partial bool // some days with events were not looked at
}

// Activity counts the calls of the window.
type Activity struct {
	Total Outcomes `json:"total"`
	// Days has DaysPerBar days in each element, oldest first, none left out.
	Days       []DayOutcomes `json:"days"`
	DaysPerBar int           `json:"days_per_bar"`

	Keys       []Count `json:"keys"`
	Callers    []Count `json:"callers"`
	Services   []Count `json:"services"`
	Operations []Count `json:"operations"`

	KeyCount       int64 `json:"key_count"`
	CallerCount    int64 `json:"caller_count"`
	ServiceCount   int64 `json:"service_count"`
	OperationCount int64 `json:"operation_count"`

	Rates        []Rate `json:"request_rates"`
	OmittedRates int    `json:"omitted_request_rates"`
	// KeyStates counts the keys known to the store by their last state.
	KeyStates []Count `json:"key_states"`
}

// Outcomes counts calls by how they ended.
type Outcomes struct {
	OK        int64 `json:"ok"`
	Denied    int64 `json:"denied"`
	Throttled int64 `json:"throttled"`
	Failed    int64 `json:"failed"` // any other error
	DryRun    int64 `json:"dry_run"`
}

// Sum is the number of all calls.
func (o Outcomes) Sum() int64 { return o.OK + o.Denied + o.Throttled + o.Failed + o.DryRun }

// add sums two counts.
func (o Outcomes) add(p Outcomes) Outcomes {
	return Outcomes{
		OK: o.OK + p.OK, Denied: o.Denied + p.Denied, Throttled: o.Throttled + p.Throttled,
		Failed: o.Failed + p.Failed, DryRun: o.DryRun + p.DryRun,
	}
}

// DayOutcomes counts the calls from Day on, for Activity.DaysPerBar days.
type DayOutcomes struct {
	Day string `json:"day"`
	Outcomes
}

// Count is a name with a number of calls or of findings. Name is "" where the
// records do not say.
type Count struct {
	Name  string `json:"name"`
	Label string `json:"label,omitempty"` // alias of a key, name of an account
	Count int64  `json:"count"`
	// Failures counts the calls that ended with an error, dry runs left out.
	Failures int64 `json:"failures"`
}

// Rate is the highest request rate of one quota.
type Rate struct {
	AccountID   string `json:"account_id"`
	AccountName string `json:"account_name,omitempty"`
	Region      string `json:"region"`
	QuotaName   string `json:"quota_name"`
	// CustomKeyStoreID is set for the quota of one custom key store.
	CustomKeyStoreID string `json:"custom_key_store_id,omitempty"`
	// Quota is in requests per second; 0 when unknown.
	Quota  float64   `json:"quota_per_second"`
	Peak   int64     `json:"peak_per_second"`
	PeakAt time.Time `json:"peak_at"`
	// SecondsNear counts seconds with at least 80 % of the quota.
	SecondsNear int64 `json:"seconds_near_quota"`
	Throttled   int64 `json:"throttled"`
}

// Used is the share of the quota that the peak reached; 0 when unknown.
func (r Rate) Used() float64 {
	if r.Quota <= 0 {
		return 0
	}
	return float64(r.Peak) / r.Quota
}

// Problems says in sentences why the answer is over incomplete logs; none when
// the logs are whole as far as they tell.
func (r *Report) Problems() []string {
	var out []string
	if n := r.Coverage.AccountRegionDays[Gap]; n > 0 {
		out = append(out, counted(n, "account-region day has", "account-region days have")+" no log files: either nothing happened there, or logs are missing.")
	}
	if n := r.Coverage.AccountRegionDays[Excluded]; n > 0 {
		out = append(out, counted(n, "account-region day has", "account-region days have")+" logs from which KMS use seems to be left out (trail excludes KMS, or logs only writes).")
	}
	if n := r.Scope.FailedObjects; n > 0 {
		out = append(out, counted(n, "log object", "log objects")+" could not be read.")
	}
	if n := r.Scope.Quarantined; n > 0 {
		out = append(out, counted(n, "record", "records")+" could not be taken as written and "+plural(n, "is", "are")+" in quarantine.")
	}
	return out
}

// Headline is the report's answer in one sentence.
func (r *Report) Headline() string {
	switch r.Empty {
	case NothingIngested:
		return "Nothing to report: no log file has been ingested yet."
	case NoKMSRecords:
		return "Nothing to report: the logs that were read hold no KMS record."
	case NoneInWindow:
		return "Nothing to report: no KMS call was logged in this period."
	}
	if r.Findings.Open == 0 {
		return r.silence()
	}
	s := counted(int64(r.Findings.Open), "open finding", "open findings")
	if bad := r.Findings.BySeverity["critical"] + r.Findings.BySeverity["high"]; bad > 0 {
		s += ", " + grouped(int64(bad)) + " of them critical or high"
	}
	return s + "."
}

// silence is the headline when nothing is open.
func (r *Report) silence() string {
	var ran, not int64
	for _, o := range r.Detectors {
		if o.RanAt != nil && o.Error == "" {
			ran++
		} else {
			not++
		}
	}
	if ran == 0 {
		return "No detector has run over this period yet."
	}
	s := "No open findings in this window: " + counted(ran, "detector ran and found", "detectors ran and found") + " nothing"
	if not > 0 {
		s += ", " + counted(not, "other did", "others did") + " not run to the end"
	}
	return s + "."
}
