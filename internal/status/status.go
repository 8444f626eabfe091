// Package status says what a store holds and lacks, how fresh it is, and what
// the server that owns it is doing. The command line, the status page and the
// API show the same.
package status

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/schema"
)

// Store is what is asked; *duck.Store is one.
type Store interface {
	// Path is the database file.
	Path() string
	// Size is what the database takes in it, in bytes.
	Size(ctx context.Context) (int64, error)
	// Query streams a result; the caller releases the reader.
	Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error)
}

// Status is what a store holds. Lists are complete. Its JSON is that of
// kmstrail status --format json.
type Status struct {
	DB        string `json:"db"`
	SizeBytes int64  `json:"size_bytes"`

	KMSEvents     int64      `json:"kms_events"`
	RelatedEvents int64      `json:"related_events"`
	FirstEvent    *time.Time `json:"first_event"`
	LastEvent     *time.Time `json:"last_event"`

	LogFiles         int64      `json:"log_files"`
	FailedFiles      int64      `json:"failed_files"`
	QuarantinedFiles int64      `json:"quarantined_files"`
	LogBytes         int64      `json:"log_bytes"`
	Duplicates       int64      `json:"duplicate_records"`
	LastIngest       *time.Time `json:"last_ingest"`
	Sources          []string   `json:"sources"`

	// Expired counts records that were older than what the store keeps.
	Expired int64 `json:"expired_records"`
	// DerivedRows counts the rows of the kept derived tables, about.
	DerivedRows map[string]int64 `json:"derived_rows"`
	Delays      Delays           `json:"delivery"`
	Detectors   Detectors        `json:"detectors"`

	Places     []Place            `json:"places"`
	Gaps       []Gap              `json:"gaps"`
	Quarantine []QuarantineReason `json:"quarantine"`
	Unreadable []UnreadableFile   `json:"unreadable_files"`

	// Server is what the server that owns the store is doing; nil when no server
	// does.
	Server *Server `json:"server,omitempty"`
}

// Delays counts KMS records by how long after the event their log file was
// delivered.
type Delays struct {
	Within15Minutes int64 `json:"within_15_minutes"`
	WithinHour      int64 `json:"within_1_hour"` // and after 15 minutes
	Later           int64 `json:"later"`
	Unknown         int64 `json:"unknown"`
}

// Detectors says what scheduled detectors have to look at.
type Detectors struct {
	LastRun *time.Time `json:"last_run"`
	// DirtyDays are days of which records arrived after a detector last looked
	// at them.
	DirtyDays int64 `json:"dirty_days"`
}

// Place is an account and Region.
type Place struct {
	AccountID   string     `json:"account_id"`
	AccountName string     `json:"account_name,omitempty"`
	Region      string     `json:"region"`
	LogFiles    int64      `json:"log_files"`
	KMSEvents   int64      `json:"kms_events"`
	LastFile    *time.Time `json:"last_delivery"`
	LastEvent   *time.Time `json:"last_event"`
	GapDays     int64      `json:"gap_days"`
}

// Gap is a stretch of days of one account and Region that logs are missing of.
type Gap struct {
	AccountID string    `json:"account_id"`
	Region    string    `json:"region"`
	State     string    `json:"state"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"` // exclusive
	Days      int64     `json:"days"`
	Reason    string    `json:"reason"`
}

// QuarantineReason counts what is in quarantine for one reason.
type QuarantineReason struct {
	Reason  string `json:"reason"`
	Records int64  `json:"records"`
	Files   int64  `json:"files"`
	Key     string `json:"example_key"`
	Index   int64  `json:"example_record_index"`
	Detail  string `json:"example_detail"`
}

// UnreadableFile is a log object that could not be read.
type UnreadableFile struct {
	Source   string `json:"source"`
	Key      string `json:"key"`
	Status   string `json:"status"`
	Attempts int64  `json:"attempts"`
	Error    string `json:"error"`
}

// Read asks the store. What only a server knows is not in it.
func Read(ctx context.Context, store Store) (*Status, error) {
	s := &Status{DB: store.Path()}
	var err error
	if s.SizeBytes, err = store.Size(ctx); err != nil {
		return nil, fmt.Errorf("read status: %w", err)
	}
	for _, part := range []func(context.Context, Store) error{
		s.totals, s.derived, s.delays, s.detectors, s.places, s.gaps, s.quarantine, s.unreadable,
	} {
		if err := part(ctx, store); err != nil {
			return nil, fmt.Errorf("read status: %w", err)
		}
	}
	return s, nil
}

// eachRow calls visit with every row of a result.
func eachRow(ctx context.Context, store Store, sql string, visit func(r rows.Row)) error {
	reader, err := store.Query(ctx, sql)
	if err != nil {
		return err
	}
	return rows.Scan(reader, visit)
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Status) totals(ctx context.Context, store Store) error {
	err := eachRow(ctx, store, `select count(*), min(event_time), max(event_time),
		(select count(*) from related_events) from kms_events`, func(r rows.Row) {
		s.KMSEvents, s.FirstEvent, s.LastEvent, s.RelatedEvents = r.Number(0), orNil(r.Moment(1)), orNil(r.Moment(2)), r.Number(3)
	})
	if err != nil {
		return err
	}
	err = eachRow(ctx, store, `select
			count(*) filter (where status = 'ingested'), count(*) filter (where status = 'failed'),
			count(*) filter (where status = 'quarantined'), sum(size_bytes), sum(duplicate_count), max(ingested_at),
			sum(expired_count)
		from log_files`, func(r rows.Row) {
		s.LogFiles, s.FailedFiles, s.QuarantinedFiles = r.Number(0), r.Number(1), r.Number(2)
		s.LogBytes, s.Duplicates, s.LastIngest = r.Number(3), r.Number(4), orNil(r.Moment(5))
		s.Expired = r.Number(6)
	})
	if err != nil {
		return err
	}
	return eachRow(ctx, store, "select distinct source from log_files order by source", func(r rows.Row) {
		s.Sources = append(s.Sources, r.Text(0))
	})
}

// derived reads how many rows DuckDB says the kept tables have; it costs
// nothing.
func (s *Status) derived(ctx context.Context, store Store) error {
	s.DerivedRows = map[string]int64{}
	names := map[string]string{}
	for _, v := range schema.Views() {
		if v.Kept == nil {
			continue
		}
		for _, t := range v.KeptTables() {
			names[t.Name] = v.Name
		}
	}
	return eachRow(ctx, store, "select table_name, estimated_size from duckdb_tables()", func(r rows.Row) {
		if name := names[r.Text(0)]; name != "" {
			s.DerivedRows[name] += r.Number(1)
		}
	})
}

func (s *Status) delays(ctx context.Context, store Store) error {
	return eachRow(ctx, store, `select
			sum(kms_event_count) filter (where delay_minutes <= 15),
			sum(kms_event_count) filter (where delay_minutes > 15 and delay_minutes <= 60),
			sum(kms_event_count) filter (where delay_minutes > 60),
			sum(kms_event_count) filter (where delay_minutes is null)
		from arrivals`, func(r rows.Row) {
		s.Delays = Delays{Within15Minutes: r.Number(0), WithinHour: r.Number(1), Later: r.Number(2), Unknown: r.Number(3)}
	})
}

// detectors counts the days that a detector which ever ran has not looked at
// since they changed; all days while none ever ran.
func (s *Status) detectors(ctx context.Context, store Store) error {
	return eachRow(ctx, store, `
		with changed as (select cast(hour as date) as day, max(commit_id) as commit_id from changed_cells group by 1),
		ran as (
			select detector_id, cast(window_start as date) as day, max(coalesce(commit_id, 0)) as commit_id
			from detector_runs where error is null group by 1, 2),
		known as (select distinct detector_id from ran)
		select (select max(started_at) from detector_runs), count(distinct changed.day)
		from changed left join known on true
			left join ran on ran.detector_id = known.detector_id and ran.day = changed.day
		where ran.commit_id is null or ran.commit_id < changed.commit_id`, func(r rows.Row) {
		s.Detectors = Detectors{LastRun: orNil(r.Moment(0)), DirtyDays: r.Number(1)}
	})
}

func (s *Status) places(ctx context.Context, store Store) error {
	return eachRow(ctx, store, `
		with c as (
			select account_id, region, sum(log_file_count) as files, count(*) filter (where state = 'gap') as gap_days
			from coverage group by account_id, region),
		e as (
			select account_id, region, sum(kms_event_count) as events, max(last_event_time) as last_event
			from arrivals group by account_id, region),
		f as (select account_id, region, max(delivered_at) as last_file from log_files group by account_id, region)
		select c.account_id, a.account_name, c.region, c.files, e.events, f.last_file, e.last_event, c.gap_days
		from c left join e on e.account_id = c.account_id and e.region = c.region
			left join f on f.account_id = c.account_id and f.region = c.region
			left join accounts a on a.account_id = c.account_id
		order by c.account_id, c.region`, func(r rows.Row) {
		s.Places = append(s.Places, Place{
			AccountID: r.Text(0), AccountName: r.Text(1), Region: r.Text(2), LogFiles: r.Number(3), KMSEvents: r.Number(4),
			LastFile: orNil(r.Moment(5)), LastEvent: orNil(r.Moment(6)), GapDays: r.Number(7),
		})
	})
}

// gaps joins consecutive days of the same account, Region and state.
func (s *Status) gaps(ctx context.Context, store Store) error {
	return eachRow(ctx, store, `
		with d as (
			select account_id, region, state, day, reason,
				day - cast(row_number() over (partition by account_id, region, state order by day) as integer) as run
			from coverage where state in ('gap', 'excluded_or_write_only'))
		select account_id, region, state, min(day), max(day), count(*), min(reason)
		from d group by account_id, region, state, run order by account_id, region, min(day)`, func(r rows.Row) {
		s.Gaps = append(s.Gaps, Gap{
			AccountID: r.Text(0), Region: r.Text(1), State: r.Text(2), From: r.Moment(3), To: r.Moment(4).AddDate(0, 0, 1),
			Days: r.Number(5), Reason: r.Text(6),
		})
	})
}

func (s *Status) quarantine(ctx context.Context, store Store) error {
	return eachRow(ctx, store, `
		select q.reason, count(*), count(distinct q.log_file_id), arg_min(l.object_key, q.log_file_id),
			arg_min(q.record_index, q.log_file_id), arg_min(q.detail, q.log_file_id)
		from quarantine q left join log_files l on l.log_file_id = q.log_file_id
		group by q.reason order by count(*) desc, q.reason`, func(r rows.Row) {
		s.Quarantine = append(s.Quarantine, QuarantineReason{
			Reason: r.Text(0), Records: r.Number(1), Files: r.Number(2), Key: r.Text(3), Index: r.Number(4), Detail: r.Text(5),
		})
	})
}

func (s *Status) unreadable(ctx context.Context, store Store) error {
	return eachRow(ctx, store, `select source, object_key, status, attempts, error from log_files
		where status <> 'ingested' order by source, object_key`, func(r rows.Row) {
		s.Unreadable = append(s.Unreadable, UnreadableFile{
			Source: r.Text(0), Key: r.Text(1), Status: r.Text(2), Attempts: r.Number(3), Error: r.Text(4),
		})
	})
}
