package config

import (
	"reflect"
	"time"
)

// Config is the effective configuration. Load makes it; its zero value lacks
// the defaults.
type Config struct {
	// DB is the path of the store.
	DB string `yaml:"db" kind:"path"`
	// Engine is duckdb, or trino for events in a lake that Trino reads. It runs
	// the queries; what detectors find is kept in the store in any case.
	Engine string `yaml:"engine" kind:"engine"`
	Trino  Trino  `yaml:"trino"`
	// TrustedAccounts may use every key of the organisation.
	TrustedAccounts []string `yaml:"trusted_accounts" kind:"account"`
	// Trust holds finer rules: an account, and for which keys it is trusted.
	Trust []TrustRule `yaml:"trust"`
	// Accounts names accounts for people, by account id.
	Accounts map[string]string `yaml:"accounts" keykind:"account"`
	// Quotas overrides AWS's default request quotas.
	Quotas []Quota `yaml:"quotas"`
	// ContextRules says how encryption contexts and key tags must agree.
	ContextRules []ContextRule `yaml:"context_rules"`
	// RotationPolicy says how keys are to be rotated, by the class of their data.
	RotationPolicy []RotationPolicy `yaml:"rotation_policy"`
	// Standards is what the organisation asks of its keys.
	Standards Standards `yaml:"standards"`
	// RedactContext says what of encryption contexts is not stored.
	RedactContext []RedactContext `yaml:"redact_context"`
	// SelfPrincipals are the ARNs kmstrail itself reads the log bucket with.
	SelfPrincipals []string `yaml:"self_principals" kind:"principal"`
	// Detectors tunes detectors, by detector id.
	Detectors map[string]Detector `yaml:"detectors"`
	AWS       AWS                 `yaml:"aws"`
	Ingest    Ingest              `yaml:"ingest"`
	Queue     Queue               `yaml:"queue"`
	Inventory Inventory           `yaml:"inventory"`
	Verify    Verify              `yaml:"verify"`
	Retention Retention           `yaml:"retention"`
	Limits    Limits              `yaml:"limits"`
	Server    Server              `yaml:"server"`
	Schedule  Schedule            `yaml:"schedule"`
	Client    Client              `yaml:"client"`

	origins map[string]Origin
	file    string
}

// Trino says how to reach the Trino that reads the lake.
type Trino struct {
	URL     string `yaml:"url" kind:"url"`
	Catalog string `yaml:"catalog"`
	Schema  string `yaml:"schema"`
	User    string `yaml:"user"`
	// Password needs https. It is better set by its variable than in a file.
	Password string `yaml:"password" kind:"secret"`
	// CAFile holds certificates to trust besides the system's.
	CAFile string `yaml:"ca_file" kind:"path"`
}

// TrustRule trusts one account for the keys that meet all of its conditions.
type TrustRule struct {
	Account string `yaml:"account" kind:"account_or_any"`
	Key     string `yaml:"key" kind:"key_arn"`
	// Alias is an alias name in which * stands for any text.
	Alias    string `yaml:"alias" kind:"alias"`
	TagKey   string `yaml:"tag_key"`
	TagValue string `yaml:"tag_value"`
	Reason   string `yaml:"reason"`
}

// Quota overrides one request quota. An empty account or region means all.
type Quota struct {
	Account   string  `yaml:"account" kind:"account"`
	Region    string  `yaml:"region" kind:"region"`
	Quota     string  `yaml:"quota"`
	PerSecond float64 `yaml:"per_second"`
}

// ContextRule says how an encryption context must agree with a key's tags.
type ContextRule struct {
	// Kind is match or required.
	Kind       string `yaml:"kind"`
	ContextKey string `yaml:"context_key"`
	TagKey     string `yaml:"tag_key"`
	// Comparison is equal, one_of or pattern.
	Comparison string `yaml:"comparison"`
	Key        string `yaml:"key" kind:"key_arn"`
	Alias      string `yaml:"alias" kind:"alias"`
}

// RotationPolicy says how keys of one class of data are to be rotated.
type RotationPolicy struct {
	// DataClass is the value of a tag of the key; empty means every key that no
	// other policy is for.
	DataClass string `yaml:"data_class"`
	// Rotation is automatic, rollover or none.
	Rotation string `yaml:"rotation"`
	// Days is after how many days at the latest; DefaultRotationDays if not given.
	Days int `yaml:"days"`
}

// DefaultRotationDays is KMS's own rotation period.
const DefaultRotationDays = 365

// RedactContext takes secrets out of encryption contexts as records are read.
type RedactContext struct {
	// Key is a context key, in any case; * stands for any text.
	Key string `yaml:"key"`
	// Value is a regular expression for the part of the value to take out;
	// empty means all of it.
	Value string `yaml:"value"`
}

// Detector tunes one detector.
type Detector struct {
	Disabled bool `yaml:"disabled"`
	// Schedule is when kmstrail serve runs it, instead of schedule.detectors.
	Schedule string            `yaml:"schedule" kind:"cron"`
	Params   map[string]string `yaml:"params"`
}

// AWS says how to reach AWS; what is empty comes from the AWS SDK's own
// defaults (AWS_PROFILE, ~/.aws/config, instance role, …).
type AWS struct {
	Profile     string `yaml:"profile"`
	Region      string `yaml:"region" kind:"region"`
	EndpointURL string `yaml:"endpoint_url" kind:"url"`
}

// Ingest holds the defaults of kmstrail ingest.
type Ingest struct {
	// Source is s3://bucket/prefix or a directory.
	Source         string   `yaml:"source" kind:"source"`
	OrganizationID string   `yaml:"organization_id" kind:"organization"`
	Accounts       []string `yaml:"accounts" kind:"account"`
	Regions        []string `yaml:"regions" kind:"region"`
	// Concurrency is the number of objects read at once; 0 lets kmstrail choose.
	Concurrency   int  `yaml:"concurrency"`
	RequesterPays bool `yaml:"requester_pays"`
	// FirstRun is how far back the first run on a bucket goes.
	FirstRun time.Duration `yaml:"first_run"`
}

// Queue says which queue of Amazon SQS tells of new log files.
type Queue struct {
	// URL is the queue's own; "" is none.
	URL string `yaml:"url" kind:"url"`
	// Buckets are those, besides that of ingest.source, whose log files messages
	// may name: s3://bucket/prefix.
	Buckets []string `yaml:"buckets" kind:"bucket"`
	// Receivers take messages at the same time.
	Receivers int `yaml:"receivers"`
	// Visibility is for how long a message is hidden from other receivers, again
	// and again while it is worked on.
	Visibility time.Duration `yaml:"visibility"`
	// Linger is how long the first message waits for others, to be stored with them.
	Linger time.Duration `yaml:"linger"`
}

// Inventory says whom kmstrail inventory sync asks, and how fast.
type Inventory struct {
	// Accounts to ask; none for that of the credentials, unless AllAccounts asks
	// those that Organizations lists.
	Accounts    []string `yaml:"accounts" kind:"account"`
	AllAccounts bool     `yaml:"all_accounts"`
	// Regions to ask; none for that of the AWS configuration.
	Regions []string `yaml:"regions" kind:"region"`
	// RoleName is the role to assume in accounts other than that of the
	// credentials, ExternalID what its trust policy wants.
	RoleName   string `yaml:"role_name" kind:"role_name"`
	ExternalID string `yaml:"external_id"`
	// Parts to ask for; none for all.
	Parts []string `yaml:"parts"`
	// Rates override calls per second, by API: kms:DescribeKey. They hold for one
	// account and Region.
	Rates map[string]float64 `yaml:"rates" keykind:"api"`
	// EndpointURL is another than AWS's, for all services that are asked.
	EndpointURL string `yaml:"endpoint_url" kind:"url"`
}

// Verify says how digests are verified.
type Verify struct {
	// Keys is a file with what "aws cloudtrail list-public-keys" prints; "" asks AWS.
	Keys string `yaml:"keys" kind:"path"`
}

// Retention says after how long rows are deleted, by table and by the time they
// are about. What changed keys is never deleted.
type Retention struct {
	KMSEvents    Keep `yaml:"kms_events"`
	UsageHourly  Keep `yaml:"usage_hourly"`
	UsageDaily   Keep `yaml:"usage_daily"`
	RequestRate  Keep `yaml:"request_rate"`
	Arrivals     Keep `yaml:"arrivals"`
	LogFileDays  Keep `yaml:"log_file_days"`
	Quarantine   Keep `yaml:"quarantine"`
	ChangedCells Keep `yaml:"changed_cells"`
	DetectorRuns Keep `yaml:"detector_runs"`
}

// ByTable returns the retention of the tables that have one.
func (r Retention) ByTable() map[string]time.Duration {
	out := map[string]time.Duration{}
	leaves(reflect.ValueOf(r), "", func(path string, _ reflect.StructField, v reflect.Value) {
		if d := time.Duration(v.Int()); d > 0 {
			out[path] = d
		}
	})
	return out
}

// Keep is how long rows are kept; 0 is for good, which is written forever.
type Keep time.Duration

// String writes k as the configuration does.
func (k Keep) String() string {
	if k == 0 {
		return forever
	}
	return FormatDuration(time.Duration(k))
}

// Limits bounds what the store may use.
type Limits struct {
	// Memory bounds DuckDB, such as 1GB; "" is the store's default.
	Memory string `yaml:"memory" kind:"size"`
	// Threads DuckDB may use; 0 means all cores.
	Threads int `yaml:"threads"`
	// QueryRows and QueryTime bound one user query; 0 means unbounded.
	QueryRows int           `yaml:"query_rows"`
	QueryTime time.Duration `yaml:"query_time"`
}

// Server says how kmstrail serve answers and watches.
type Server struct {
	// HTTP and Flight are the addresses to listen on: status page and API, and
	// Arrow Flight SQL. "off" closes one.
	HTTP   string `yaml:"http" kind:"listen"`
	Flight string `yaml:"flight" kind:"listen"`
	// TLSCert and TLSKey are files in PEM; with them both addresses speak TLS.
	TLSCert string `yaml:"tls_cert" kind:"path"`
	TLSKey  string `yaml:"tls_key" kind:"path"`
	// Anonymous lets everyone on this machine read without a token; it needs
	// loopback addresses.
	Anonymous bool `yaml:"anonymous"`
	// Poll is how often the current day of the source is listed, PollPast how
	// often the days before it are, LookBack how many days those are, and
	// PollAll how often everything of the last 30 days is.
	Poll     time.Duration `yaml:"poll"`
	PollPast time.Duration `yaml:"poll_past"`
	LookBack time.Duration `yaml:"look_back"`
	PollAll  time.Duration `yaml:"poll_all"`
	// MinFree is the free space on the store's disk below which nothing is
	// ingested.
	MinFree string `yaml:"min_free" kind:"size"`
	// Queries and QueriesPerToken bound the queries at work at the same time.
	Queries         int `yaml:"queries"`
	QueriesPerToken int `yaml:"queries_per_token"`
	// QueryRows, QueryBytes and QueryTime bound one query over the network;
	// zero rows mean no bound.
	QueryRows  int           `yaml:"query_rows"`
	QueryBytes string        `yaml:"query_bytes" kind:"size"`
	QueryTime  time.Duration `yaml:"query_time"`
	// QueryMemory is what the whole process may hold before queries are ended.
	QueryMemory string `yaml:"query_memory" kind:"size"`
	// Reports and Backups are directories for what the schedule makes; empty
	// for <db>.reports and <db>.backups.
	Reports string `yaml:"reports" kind:"path"`
	Backups string `yaml:"backups" kind:"path"`
	// AuditLog is the file that says who asked what; empty for <db>.audit.jsonl.
	AuditLog string `yaml:"audit_log" kind:"path"`
}

// Schedule says in cron expressions (UTC) when kmstrail serve does what.
type Schedule struct {
	Detectors string `yaml:"detectors" kind:"cron"`
	Maintain  string `yaml:"maintain" kind:"cron"`
	// Verify compares log files of the last 2 days with CloudTrail's digests.
	Verify string `yaml:"verify" kind:"cron"`
	// Report is written for the last ReportWindow; Backup keeps BackupKeep files.
	Report       string        `yaml:"report" kind:"cron"`
	ReportWindow time.Duration `yaml:"report_window"`
	Backup       string        `yaml:"backup" kind:"cron"`
	BackupKeep   int           `yaml:"backup_keep"`
}

// Client says how the other commands reach a server. One that runs on this
// machine for this store is found without it.
type Client struct {
	URL string `yaml:"url" kind:"url"`
	// Token is better set by its variable than in a file.
	Token string `yaml:"token" kind:"secret"`
	// CAFile holds certificates to trust besides the system's.
	CAFile string `yaml:"ca_file" kind:"path"`
}

// pollBehindQueue is server.poll where a queue tells of new log files: polls find
// what it did not tell of.
const pollBehindQueue = 15 * time.Minute

// Off is the address of a server that does not listen, and the schedule of
// what is not done.
const Off = "off"

// Defaults returns the configuration of a user who has configured nothing.
func Defaults() Config {
	return Config{
		DB:     "kmstrail.duckdb",
		Engine: "duckdb",
		Trino:  Trino{Catalog: "hive", Schema: "kmstrail", User: "kmstrail"},
		Ingest: Ingest{FirstRun: 7 * 24 * time.Hour}, Inventory: Inventory{RoleName: "kmstrail-inventory"},
		Queue: Queue{Receivers: 4, Visibility: time.Minute, Linger: time.Second},
		// Where work has been done and what is left of it: nobody asks after a year.
		Retention: Retention{ChangedCells: Keep(400 * 24 * time.Hour), DetectorRuns: Keep(400 * 24 * time.Hour)},
		Limits:    Limits{QueryTime: 10 * time.Minute},
		Server: Server{
			HTTP: "127.0.0.1:8814", Flight: "127.0.0.1:8815",
			Poll: time.Minute, PollPast: time.Hour, LookBack: 3 * 24 * time.Hour, PollAll: 24 * time.Hour,
			MinFree: "1GB", Queries: 16, QueriesPerToken: 8, QueryBytes: "4GB", QueryTime: 5 * time.Minute, QueryMemory: "2GB",
		},
		Schedule: Schedule{
			Detectors: "*/5 * * * *", Maintain: "17 3 * * *", Report: "0 6 * * *", ReportWindow: 7 * 24 * time.Hour,
			Verify: Off, Backup: Off, BackupKeep: 7,
		},
		origins: map[string]Origin{},
	}
}

// File returns the configuration file that was read, or "".
func (c Config) File() string { return c.file }

// Origin says where a value comes from.
type Origin struct {
	// Kind is default, file, env or flag.
	Kind string
	// Where is file:line, the variable or the flag; "" for a default.
	Where string
}

// Origin returns where the value at path (such as aws.region) comes from.
func (c Config) Origin(path string) Origin {
	if o, ok := c.origins[path]; ok {
		return o
	}
	return Origin{Kind: "default"}
}

// IsSet reports whether the operator has set the value at path.
func (c Config) IsSet(path string) bool {
	_, ok := c.origins[path]
	return ok
}

// String is the origin for people.
func (o Origin) String() string {
	if o.Where == "" {
		return o.Kind
	}
	return o.Where
}
