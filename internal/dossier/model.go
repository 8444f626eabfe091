package dossier

import (
	"time"

	"github.com/kmstrail/kmstrail/internal/report"
)

// FormatVersion rises when a member of a JSON page changes its meaning or goes
// away. New members do not change it.
const FormatVersion = 1

// Head is what every page begins with. All times are UTC, all windows
// half-open.
type Head struct {
	FormatVersion int           `json:"format_version"`
	Kind          string        `json:"kind"` // key, principal or resource
	Version       string        `json:"kmstrail_version,omitempty"`
	GeneratedAt   time.Time     `json:"generated_at"`
	Window        report.Window `json:"window"`
	Coverage      Coverage      `json:"coverage"`

	names names
}

// Coverage says how complete the logs are that the page is about.
type Coverage struct {
	// Days counts account-Region days of the window by state.
	Days map[report.CoverageState]int64 `json:"account_region_days"`
	// Gaps are the stretches of days that are not covered.
	Gaps List[Gap] `json:"gaps"`
	// FailedFiles could not be read; they may lie in days that are observed.
	FailedFiles int64 `json:"failed_file_count"`
}

// Gap is a stretch of days that is not covered, both ends inclusive.
type Gap struct {
	Account  Account              `json:"account"`
	Region   string               `json:"region"`
	FirstDay string               `json:"first_day"`
	LastDay  string               `json:"last_day"`
	Days     int64                `json:"days"`
	State    report.CoverageState `json:"state"`
	Reason   string               `json:"reason"`
}

// List is a list that may be cut.
type List[T any] struct {
	Rows []T `json:"rows"`
	// Omitted counts the rows that were cut off.
	Omitted int `json:"omitted"`
	// Command shows all of them.
	Command string `json:"command,omitempty"`
}

// add appends a row unless the list is full.
func (l *List[T]) add(row T) {
	if len(l.Rows) < maxRows {
		l.Rows = append(l.Rows, row)
		return
	}
	l.Omitted++
}

// Account is an account with its name from the configuration.
type Account struct {
	ID   string `json:"account_id"`
	Name string `json:"account_name,omitempty"`
}

// KeyRef names a key.
type KeyRef struct {
	ARN string `json:"key_arn"`
	// Label holds its aliases at the end of the logs, at most three.
	Label string `json:"key_aliases,omitempty"`
	// Account owns the key.
	Account Account `json:"account"`
	Region  string  `json:"region,omitempty"`
}

// Caller is who calls: a principal, a service, or an account of which no more
// is known.
type Caller struct {
	// ID identifies the caller in every copy of a call: the unique id of a
	// principal, or the name of a service.
	ID      string  `json:"caller_id,omitempty"`
	ARN     string  `json:"principal_arn,omitempty"`
	Account Account `json:"account"`
}

// Use counts the calls of the window by day and outcome. Calls that failed are
// among them.
type Use struct {
	Total report.Outcomes `json:"total"`
	// Errors counts failed calls by class, most first.
	Errors []report.Count `json:"errors"`
	// Days has DaysPerBar days in each element, oldest first, none left out.
	Days       []report.DayOutcomes `json:"days"`
	DaysPerBar int                  `json:"days_per_bar"`
	// FirstUsed and LastUsed are successful cryptographic calls in the window.
	FirstUsed *time.Time `json:"first_used"`
	LastUsed  *time.Time `json:"last_used"`
	// FirstSeen and LastSeen are calls of any kind in the window.
	FirstSeen *time.Time `json:"first_seen"`
	LastSeen  *time.Time `json:"last_seen"`
}

// KeyPage is what the store knows about one key.
type KeyPage struct {
	Head
	Key          KeyFacts             `json:"key"`
	Use          Use                  `json:"use"`
	Callers      List[CallerUse]      `json:"callers"`
	Services     List[Dependent]      `json:"services"`
	Resources    List[Dependent]      `json:"resources"`
	Contexts     List[ContextUse]     `json:"encryption_context"`
	CrossAccount List[CrossAccount]   `json:"cross_account"`
	Grants       List[Grant]          `json:"grants"`
	Changes      List[Change]         `json:"changes"`
	Policy       *Policy              `json:"policy"`
	Findings     List[report.Finding] `json:"findings"`
	Rates        List[Rate]           `json:"request_rates"`
	News         News                 `json:"compared_with_the_week_before"`
}

// KeyFacts says what a key is, at the end of the logs.
type KeyFacts struct {
	KeyRef
	ID      string   `json:"key_id"`
	Aliases []string `json:"aliases"`
	// State is "" where the logs do not tell.
	State      string     `json:"state"`
	StateSince *time.Time `json:"state_since"`
	StateBy    *Caller    `json:"state_by"`
	// Refused is the state that refused calls name where the logs hold no
	// change of it.
	Refused *Refusal `json:"state_of_refused_calls"`
	// DeletionDate and DaysLeft, counted from when the page was made, are set
	// for a key pending deletion.
	DeletionDate  *time.Time `json:"deletion_date"`
	DaysLeft      *int64     `json:"days_left"`
	Spec          string     `json:"key_spec"`
	Usage         string     `json:"key_usage"`
	Origin        string     `json:"key_origin"`
	MultiRegion   bool       `json:"multi_region"`
	Rotation      string     `json:"rotation"`
	RotationSince *time.Time `json:"rotation_since"`
	LastRotated   *time.Time `json:"last_rotated"`
	CreatedAt     *time.Time `json:"created_at"`
	CreatedBy     *Caller    `json:"created_by"`
	Tags          []Tag      `json:"tags"`
	// FirstSeen, LastSeen and LastUsed are of the whole store.
	FirstSeen *time.Time `json:"first_seen"`
	LastSeen  *time.Time `json:"last_seen"`
	LastUsed  *time.Time `json:"last_used"`
	// OtherRegions are the keys of a multi-Region set in other Regions.
	OtherRegions []KeyRef `json:"other_regions"`
}

// Refusal is a state for which calls of a key were refused.
type Refusal struct {
	ErrorClass string    `json:"error_class"` // pending_deletion, disabled or pending_import
	LastSeen   time.Time `json:"last_seen"`
}

// Tag is a tag that something carries at the end of the logs.
type Tag struct {
	Key   string    `json:"tag_key"`
	Value string    `json:"tag_value"`
	Since time.Time `json:"since"`
}

// CallerUse is what one caller did with a key, or with what encrypts a
// resource.
type CallerUse struct {
	Caller     Caller    `json:"caller"`
	Services   []string  `json:"services"` // none when all calls were direct
	Operations []string  `json:"operations"`
	Calls      int64     `json:"call_count"`
	Failed     int64     `json:"error_count"`
	Denied     int64     `json:"denied_count"`
	FirstSeen  time.Time `json:"first_seen"`
	LastSeen   time.Time `json:"last_seen"`
}

// Dependent is what would miss the key: a service or a resource.
type Dependent struct {
	Kind string `json:"kind"` // service or resource
	// Name is untrusted text for a resource.
	Name       string    `json:"name"`
	Account    Account   `json:"account"`
	Operations []string  `json:"operations"`
	Calls      int64     `json:"call_count"`
	FirstUsed  time.Time `json:"first_used"`
	LastUsed   time.Time `json:"last_used"`
}

// ContextUse is one key of the encryption contexts that a key was used with.
type ContextUse struct {
	Side      string    `json:"side"`
	Key       string    `json:"context_key"`
	Values    int64     `json:"value_count"`
	Examples  []string  `json:"examples"`
	Calls     int64     `json:"call_count"`
	Share     float64   `json:"share"` // of the calls that can have a context
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// CrossAccount is the use of a key by a foreign account.
type CrossAccount struct {
	Key   KeyRef  `json:"key"`
	Owner Account `json:"owner"`
	// Caller is the account that calls.
	Caller Account `json:"caller"`
	// KnownFrom says in whose logs the calls are: both, caller or owner.
	KnownFrom  string    `json:"known_from"`
	Callers    int64     `json:"caller_count"`
	Operations []string  `json:"operations"`
	Calls      int64     `json:"call_count"`
	Denied     int64     `json:"denied_count"`
	FirstSeen  time.Time `json:"first_seen"`
	LastSeen   time.Time `json:"last_seen"`
}

// Grant lets somebody use a key.
type Grant struct {
	ID         string     `json:"grant_id"`
	Key        KeyRef     `json:"key"`
	Grantee    Caller     `json:"grantee"`
	Retiring   *Caller    `json:"retiring"`
	Operations []string   `json:"operations"`
	Service    string     `json:"service"` // "" when it was created directly
	CreatedBy  *Caller    `json:"created_by"`
	CreatedAt  *time.Time `json:"created_at"` // nil: before the logs
	EndedAt    *time.Time `json:"ended_at"`   // nil: the logs hold no end
	EndedBy    *Caller    `json:"ended_by"`
}

// Change is a change of a key, an alias or a grant.
type Change struct {
	At      time.Time `json:"event_time"`
	Event   string    `json:"event_name"`
	What    string    `json:"what"` // what was set, in words
	Key     KeyRef    `json:"key"`
	By      *Caller   `json:"by"` // nil: KMS itself, or not known
	EventID string    `json:"event_id"`
}

// Policy is the key policy that holds at the end of the logs.
type Policy struct {
	SetAt   time.Time `json:"set_at"`
	SetBy   *Caller   `json:"set_by"`
	EventID string    `json:"event_id"`
	Text    string    `json:"text"`
}

// Rate is a peak of requests against a request quota.
type Rate struct {
	Payer  Account `json:"payer"`
	Region string  `json:"region"`
	Quota  string  `json:"quota_name"`
	// Store is set for the quota of one custom key store.
	Store  string    `json:"custom_key_store_id,omitempty"`
	Peak   int64     `json:"peak_per_second"` // of this key or principal alone
	PeakAt time.Time `json:"peak_at"`
	// Limit is what the quota allows per second; 0 when it is not known.
	Limit float64 `json:"quota_per_second"`
	// AllPeak is the payer's busiest second in the window, whatever the key.
	AllPeak   int64     `json:"payer_peak_per_second"`
	AllPeakAt time.Time `json:"payer_peak_at"`
	Throttled int64     `json:"throttled_count"`
}

// News is what was otherwise in the last days of the window than in the same
// number of days before.
type News struct {
	Window report.Window `json:"window"`
	Before report.Window `json:"before"`
	// LogsBegin is the first day with logs, 2006-01-02, where the time before
	// begins earlier; else "".
	LogsBegin string         `json:"logs_begin,omitempty"`
	Items     List[NewsItem] `json:"items"`
}

// NewsItem is one difference.
type NewsItem struct {
	// Kind is lifecycle, volume, caller, account, service, operation, error,
	// context or resource.
	Kind string `json:"kind"`
	// Name is untrusted text for contexts and resources.
	Name string `json:"name"`
	// Change is new, gone, more, less, or done for what was done to the key.
	Change    string    `json:"change"`
	By        *Caller   `json:"done_by"`
	Calls     int64     `json:"call_count"`
	Before    int64     `json:"call_count_before"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// PrincipalPage is what the store knows about one principal.
type PrincipalPage struct {
	Head
	Principal PrincipalFacts       `json:"principal"`
	Access    Access               `json:"access"`
	Use       Use                  `json:"use"`
	Keys      List[KeyUse]         `json:"keys"`
	Denied    List[DeniedUse]      `json:"denied"`
	Changes   List[Change]         `json:"changes"`
	GrantsFor List[Grant]          `json:"grants_for_it"`
	GrantsBy  List[Grant]          `json:"grants_by_it"`
	Findings  List[report.Finding] `json:"findings"`
	Rates     List[Rate]           `json:"request_rates"`
}

// PrincipalFacts says who a principal is.
type PrincipalFacts struct {
	Caller
	// UniqueIDs has more than one where a role or user was deleted and made
	// again under its name.
	UniqueIDs []string `json:"unique_ids"`
	// Kinds are human, workload, aws_service or unknown.
	Kinds []string `json:"actor_kinds"`
	// FirstSeen and LastSeen are calls of the whole store.
	FirstSeen *time.Time `json:"first_seen"`
	LastSeen  *time.Time `json:"last_seen"`
	// OwnerSideOnly: only records of key owners name it, none of its own account.
	OwnerSideOnly bool `json:"owner_side_only"`
}

// Access says how a principal came in, in the window.
type Access struct {
	Calls      int64 `json:"call_count"`
	Sessions   int64 `json:"session_count"`
	AccessKeys int64 `json:"access_key_count"`
	// LongLived counts calls with an access key that does not expire.
	LongLived int64 `json:"long_lived_key_call_count"`
	Console   int64 `json:"console_call_count"`
	// WithMFA and WithoutMFA count the calls whose record says so.
	WithMFA    int64 `json:"mfa_call_count"`
	WithoutMFA int64 `json:"no_mfa_call_count"`
	// Through counts calls that an AWS service made for it.
	Through    int64      `json:"through_service_call_count"`
	Types      List[Seen] `json:"caller_types"`
	Addresses  List[Seen] `json:"source_ip_addresses"`
	UserAgents List[Seen] `json:"user_agents"`
	Endpoints  List[Seen] `json:"vpc_endpoints"`
}

// Seen is a value that calls have, with their number.
type Seen struct {
	Value     string    `json:"value"`
	Calls     int64     `json:"call_count"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// KeyUse is what was done with one key.
type KeyUse struct {
	Key        KeyRef    `json:"key"` // without ARN: calls that name no key
	Services   []string  `json:"services"`
	Operations []string  `json:"operations"`
	Calls      int64     `json:"call_count"`
	Failed     int64     `json:"error_count"`
	Denied     int64     `json:"denied_count"`
	Callers    int64     `json:"caller_count,omitempty"`
	FirstSeen  time.Time `json:"first_seen"`
	LastSeen   time.Time `json:"last_seen"`
}

// DeniedUse is an operation that was refused.
type DeniedUse struct {
	Key       KeyRef    `json:"key"`
	Operation string    `json:"operation"`
	Service   string    `json:"service"`
	Calls     int64     `json:"call_count"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// ResourcePage is what the store knows about one resource that keys encrypt.
type ResourcePage struct {
	Head
	Resource ResourceFacts        `json:"resource"`
	Use      Use                  `json:"use"`
	Keys     List[KeyUse]         `json:"keys"`
	Callers  List[CallerUse]      `json:"callers"`
	Contexts List[ContextUse]     `json:"encryption_context"`
	Tags     List[TagInterval]    `json:"tags"`
	KeyTags  List[TagPair]        `json:"key_tag_agreement"`
	Findings List[report.Finding] `json:"findings"`
}

// ResourceFacts says what a resource is.
type ResourceFacts struct {
	// Resource is how encryption contexts name it, or an ARN that means it.
	Resource string  `json:"resource"`
	Service  string  `json:"service"`
	Account  Account `json:"account"`
	Name     string  `json:"name"`
	// Parts counts what is known under it, such as the objects of a bucket.
	Parts int64 `json:"part_count"`
}

// TagInterval is a time in which a resource carried a tag.
type TagInterval struct {
	Key   string     `json:"tag_key"`
	Value *string    `json:"tag_value"` // nil: known to be gone
	From  time.Time  `json:"valid_from"`
	To    *time.Time `json:"valid_to"`
}

// TagPair compares a tag of a resource with the same tag of a key.
type TagPair struct {
	TagKey        string `json:"tag_key"`
	ResourceValue string `json:"resource_value"`
	Key           KeyRef `json:"key"`
	KeyValue      string `json:"key_value"`
	Agrees        bool   `json:"agrees"`
}
