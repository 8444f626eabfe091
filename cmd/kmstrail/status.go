package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/output"
	"github.com/kmstrail/kmstrail/internal/rows"
	"github.com/kmstrail/kmstrail/schema"
)

// storeStatus is what kmstrail status shows. Lists are complete in JSON.
type storeStatus struct {
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
	Delays      delayStatus      `json:"delivery"`
	Detectors   detectorStatus   `json:"detectors"`

	Places     []placeStatus      `json:"places"`
	Gaps       []coverageGap      `json:"gaps"`
	Quarantine []quarantineReason `json:"quarantine"`
	Unreadable []unreadableFile   `json:"unreadable_files"`
}

// delayStatus counts KMS records by how long after the event their log file was
// delivered.
type delayStatus struct {
	Within15Minutes int64 `json:"within_15_minutes"`
	WithinHour      int64 `json:"within_1_hour"` // and after 15 minutes
	Later           int64 `json:"later"`
	Unknown         int64 `json:"unknown"`
}

// detectorStatus says what scheduled detectors have to look at.
type detectorStatus struct {
	LastRun *time.Time `json:"last_run"`
	// DirtyDays are days of which records arrived after a detector last looked
	// at them.
	DirtyDays int64 `json:"dirty_days"`
}

type placeStatus struct {
	AccountID   string     `json:"account_id"`
	AccountName string     `json:"account_name,omitempty"`
	Region      string     `json:"region"`
	LogFiles    int64      `json:"log_files"`
	KMSEvents   int64      `json:"kms_events"`
	LastFile    *time.Time `json:"last_delivery"`
	LastEvent   *time.Time `json:"last_event"`
	GapDays     int64      `json:"gap_days"`
}

type coverageGap struct {
	AccountID string    `json:"account_id"`
	Region    string    `json:"region"`
	State     string    `json:"state"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"` // exclusive
	Days      int64     `json:"days"`
	Reason    string    `json:"reason"`
}

type quarantineReason struct {
	Reason  string `json:"reason"`
	Records int64  `json:"records"`
	Files   int64  `json:"files"`
	Key     string `json:"example_key"`
	Index   int64  `json:"example_record_index"`
	Detail  string `json:"example_detail"`
}

type unreadableFile struct {
	Source   string `json:"source"`
	Key      string `json:"key"`
	Status   string `json:"status"`
	Attempts int64  `json:"attempts"`
	Error    string `json:"error"`
}

func statusCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is ingested, how fresh it is and what is missing",
		Long: `Shows what the store holds: events and log files, the newest event and delivery
of every account and Region, how late records arrive, days without logs, days
that detectors have not looked at since they changed, what is in quarantine and
which objects could not be read.`,
		Example: `  kmstrail status
  kmstrail status --format json | jq .gaps`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--format", format, []string{"text", "json"}); err != nil {
				return err
			}
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			store, err := a.openToRead(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer store.Close()
			s, err := readStatus(cmd.Context(), store)
			if err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(a.safeStdout(), s)
			}
			return a.printStatus(s)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT`: text or json")
	completeValues(cmd, "format", func() []string { return []string{"text", "json"} })
	return cmd
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func readStatus(ctx context.Context, store *duck.Store) (*storeStatus, error) {
	s := &storeStatus{DB: store.Path()}
	var err error
	if s.SizeBytes, err = store.Size(ctx); err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context, *duck.Store) error{s.totals, s.derived, s.delays, s.detectors, s.places, s.gaps, s.quarantine, s.unreadable} {
		if err := part(ctx, store); err != nil {
			return nil, fmt.Errorf("read status: %w", err)
		}
	}
	return s, nil
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *storeStatus) totals(ctx context.Context, store *duck.Store) error {
	err := eachRow(ctx, store, `select count(*), min(event_time), max(event_time),
		(select count(*) from related_events) from kms_events`, nil, func(r rows.Row) {
		s.KMSEvents, s.FirstEvent, s.LastEvent, s.RelatedEvents = r.Number(0), orNil(r.Moment(1)), orNil(r.Moment(2)), r.Number(3)
	})
	if err != nil {
		return err
	}
	err = eachRow(ctx, store, `select
			count(*) filter (where status = 'ingested'), count(*) filter (where status = 'failed'),
			count(*) filter (where status = 'quarantined'), sum(size_bytes), sum(duplicate_count), max(ingested_at),
			sum(expired_count)
		from log_files`, nil, func(r rows.Row) {
		s.LogFiles, s.FailedFiles, s.QuarantinedFiles = r.Number(0), r.Number(1), r.Number(2)
		s.LogBytes, s.Duplicates, s.LastIngest = r.Number(3), r.Number(4), orNil(r.Moment(5))
		s.Expired = r.Number(6)
	})
	if err != nil {
		return err
	}
	return eachRow(ctx, store, "select distinct source from log_files order by source", nil, func(r rows.Row) {
		s.Sources = append(s.Sources, r.Text(0))
	})
}

// derived reads how many rows DuckDB says the kept tables have; it costs
// nothing.
func (s *storeStatus) derived(ctx context.Context, store *duck.Store) error {
	s.DerivedRows = map[string]int64{}
	names := map[string]string{}
	for _, v := range schema.Views() {
		if v.Kept != nil {
			names[v.Table().Name] = v.Name
		}
	}
	return eachRow(ctx, store, "select table_name, estimated_size from duckdb_tables()", nil, func(r rows.Row) {
		if name := names[r.Text(0)]; name != "" {
			s.DerivedRows[name] = r.Number(1)
		}
	})
}

func (s *storeStatus) delays(ctx context.Context, store *duck.Store) error {
	return eachRow(ctx, store, `select
			sum(kms_event_count) filter (where delay_minutes <= 15),
			sum(kms_event_count) filter (where delay_minutes > 15 and delay_minutes <= 60),
			sum(kms_event_count) filter (where delay_minutes > 60),
			sum(kms_event_count) filter (where delay_minutes is null)
		from arrivals`, nil, func(r rows.Row) {
		s.Delays = delayStatus{Within15Minutes: r.Number(0), WithinHour: r.Number(1), Later: r.Number(2), Unknown: r.Number(3)}
	})
}

// detectors counts the days that a detector which ever ran has not looked at
// since they changed; all days while none ever ran.
func (s *storeStatus) detectors(ctx context.Context, store *duck.Store) error {
	return eachRow(ctx, store, `
		with changed as (select cast(hour as date) as day, max(commit_id) as commit_id from changed_cells group by 1),
		ran as (
			select detector_id, cast(window_start as date) as day, max(coalesce(commit_id, 0)) as commit_id
			from detector_runs where error is null group by 1, 2),
		known as (select distinct detector_id from ran)
		select (select max(started_at) from detector_runs), count(distinct changed.day)
		from changed left join known on true
			left join ran on ran.detector_id = known.detector_id and ran.day = changed.day
		where ran.commit_id is null or ran.commit_id < changed.commit_id`, nil, func(r rows.Row) {
		s.Detectors = detectorStatus{LastRun: orNil(r.Moment(0)), DirtyDays: r.Number(1)}
	})
}

func (s *storeStatus) places(ctx context.Context, store *duck.Store) error {
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
		order by c.account_id, c.region`, nil, func(r rows.Row) {
		s.Places = append(s.Places, placeStatus{
			AccountID: r.Text(0), AccountName: r.Text(1), Region: r.Text(2), LogFiles: r.Number(3), KMSEvents: r.Number(4),
			LastFile: orNil(r.Moment(5)), LastEvent: orNil(r.Moment(6)), GapDays: r.Number(7),
		})
	})
}

// gaps joins consecutive days of the same account, Region and state.
func (s *storeStatus) gaps(ctx context.Context, store *duck.Store) error {
	return eachRow(ctx, store, `
		with d as (
			select account_id, region, state, day, reason,
				day - cast(row_number() over (partition by account_id, region, state order by day) as integer) as run
			from coverage where state in ('gap', 'excluded_or_write_only'))
		select account_id, region, state, min(day), max(day), count(*), min(reason)
		from d group by account_id, region, state, run order by account_id, region, min(day)`, nil, func(r rows.Row) {
		s.Gaps = append(s.Gaps, coverageGap{
			AccountID: r.Text(0), Region: r.Text(1), State: r.Text(2), From: r.Moment(3), To: r.Moment(4).AddDate(0, 0, 1),
			Days: r.Number(5), Reason: r.Text(6),
		})
	})
}

func (s *storeStatus) quarantine(ctx context.Context, store *duck.Store) error {
	return eachRow(ctx, store, `
		select q.reason, count(*), count(distinct q.log_file_id), arg_min(l.object_key, q.log_file_id),
			arg_min(q.record_index, q.log_file_id), arg_min(q.detail, q.log_file_id)
		from quarantine q left join log_files l on l.log_file_id = q.log_file_id
		group by q.reason order by count(*) desc, q.reason`, nil, func(r rows.Row) {
		s.Quarantine = append(s.Quarantine, quarantineReason{
			Reason: r.Text(0), Records: r.Number(1), Files: r.Number(2), Key: r.Text(3), Index: r.Number(4), Detail: r.Text(5),
		})
	})
}

func (s *storeStatus) unreadable(ctx context.Context, store *duck.Store) error {
	return eachRow(ctx, store, `select source, object_key, status, attempts, error from log_files
		where status <> 'ingested' order by source, object_key`, nil, func(r rows.Row) {
		s.Unreadable = append(s.Unreadable, unreadableFile{
			Source: r.Text(0), Key: r.Text(1), Status: r.Text(2), Attempts: r.Number(3), Error: r.Text(4),
		})
	})
}

// printStatus prints the status for people.
func (a *app) printStatus(s *storeStatus) error {
	p := statusPrinter{a: a}
	p.head(s)
	p.list("accounts and Regions", p.placesTable(s), 60)
	p.list("days without logs, or without KMS reads", gapsTable(s), 20)
	p.list("quarantine", quarantineTable(s), 20)
	p.list("log files that could not be read", unreadableTable(s), 20)
	if s.KMSEvents == 0 {
		p.b.WriteString("\nThere are no KMS events yet: kmstrail ingest s3://BUCKET or kmstrail ingest DIR reads some.\n")
	}
	_, err := io.WriteString(a.safeStdout(), p.b.String())
	return err
}

type statusPrinter struct {
	a *app
	b strings.Builder
}

func (p *statusPrinter) line(name, format string, args ...any) {
	fmt.Fprintf(&p.b, "%-12s %s\n", name, output.Clean(fmt.Sprintf(format, args...)))
}

func (p *statusPrinter) head(s *storeStatus) {
	p.line("store", "%s, %s in use", s.DB, output.Bytes(s.SizeBytes))
	p.line("KMS events", "%s", output.Count(s.KMSEvents))
	if s.FirstEvent != nil {
		p.line("", "from %s to %s", output.Time(*s.FirstEvent), output.Time(*s.LastEvent))
		p.line("newest", "%s ago", output.Span(p.a.now().Sub(*s.LastEvent)))
	}
	if s.RelatedEvents > 0 {
		p.line("related", "%s of other services", output.Plural(s.RelatedEvents, "event"))
	}
	files := fmt.Sprintf("%s ingested (%s)", output.Count(s.LogFiles), output.Bytes(s.LogBytes))
	if s.FailedFiles > 0 {
		files += fmt.Sprintf(", %s failed and tried again by the next run", output.Count(s.FailedFiles))
	}
	if s.QuarantinedFiles > 0 {
		files += fmt.Sprintf(", %s unreadable", output.Count(s.QuarantinedFiles))
	}
	p.line("log files", "%s", files)
	if s.Duplicates > 0 {
		p.line("", "%s delivered more than once, kept once", output.Plural(s.Duplicates, "record"))
	}
	if s.Expired > 0 {
		p.line("", "%s too old to be kept", output.Plural(s.Expired, "record"))
	}
	if text := s.Delays.String(); text != "" {
		p.line("delivery", "%s", text)
	}
	for i, source := range s.Sources {
		p.line(map[bool]string{true: "source"}[i == 0], "%s", source)
	}
	if s.LastIngest != nil {
		p.line("last ingest", "%s ago", output.Span(max(p.a.now().Sub(*s.LastIngest), 0)))
	}
	p.line("derived", "%s", derivedText(s.DerivedRows))
	p.line("detectors", "%s", p.detectorsText(s.Detectors))
}

// String says how late records came; "" when it is not known of any.
func (d delayStatus) String() string {
	all := d.Within15Minutes + d.WithinHour + d.Later
	if all == 0 {
		return ""
	}
	share := func(n int64) string { return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(all)) }
	text := fmt.Sprintf("%s of the KMS events within 15 min, %s within 1 h, %s later", share(d.Within15Minutes), share(d.WithinHour), share(d.Later))
	if d.Unknown > 0 {
		text += fmt.Sprintf("; not known of %s", output.Count(d.Unknown))
	}
	return text
}

// derivedText names the largest of the derived tables.
func derivedText(tables map[string]int64) string {
	var sum int64
	names := slices.SortedFunc(maps.Keys(tables), func(a, b string) int {
		return cmp.Or(cmp.Compare(tables[b], tables[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, name := range names {
		sum += tables[name]
		if len(parts) < 3 && tables[name] > 0 {
			parts = append(parts, name+" "+output.Count(tables[name]))
		}
	}
	text := output.Plural(sum, "row")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}

func (p *statusPrinter) detectorsText(d detectorStatus) string {
	days := output.Plural(d.DirtyDays, "day") + " to look at"
	switch {
	case d.LastRun == nil:
		return "never ran, " + days
	case d.DirtyDays == 0:
		return "ran " + output.Span(max(p.a.now().Sub(*d.LastRun), 0)) + " ago over all there is"
	default:
		return "ran " + output.Span(max(p.a.now().Sub(*d.LastRun), 0)) + " ago, " + days + " since then"
	}
}

// list prints the first rows of a table under its title, or nothing when it is
// empty.
func (p *statusPrinter) list(title string, t output.Table, most int) {
	n := len(t.Rows)
	if n == 0 {
		return
	}
	fmt.Fprintf(&p.b, "\n%s\n", title)
	t.Rows = t.Rows[:min(n, most)]
	t.Width, _ = terminal(p.a.stdout)
	if err := t.Write(&p.b); err != nil {
		fmt.Fprintln(&p.b, err)
	}
	if n > most {
		fmt.Fprintf(&p.b, "… and %s more; --format json has all\n", output.Count(int64(n-most)))
	}
}

func (p *statusPrinter) placesTable(s *storeStatus) output.Table {
	t := output.Table{
		Head:  []string{"account", "name", "Region", "log files", "KMS events", "newest event", "newest file", "days missing"},
		Right: []bool{false, false, false, true, true, true, true, true},
	}
	named := false
	ago := func(at *time.Time) string {
		if at == nil {
			return "none"
		}
		return output.Span(p.a.now().Sub(*at)) + " ago"
	}
	for _, x := range s.Places {
		named = named || x.AccountName != ""
		t.Rows = append(t.Rows, []string{
			x.AccountID, x.AccountName, x.Region, output.Count(x.LogFiles), output.Count(x.KMSEvents), ago(x.LastEvent), ago(x.LastFile), output.Count(x.GapDays),
		})
	}
	if !named {
		t.Drop(1)
	}
	return t
}

func gapsTable(s *storeStatus) output.Table {
	t := output.Table{Head: []string{"account", "Region", "from", "to", "days", "what"}, Right: []bool{false, false, false, false, true, false}}
	for _, g := range s.Gaps {
		t.Rows = append(t.Rows, []string{
			g.AccountID, g.Region, g.From.Format(time.DateOnly), g.To.AddDate(0, 0, -1).Format(time.DateOnly), output.Count(g.Days), g.Reason,
		})
	}
	return t
}

func quarantineTable(s *storeStatus) output.Table {
	t := output.Table{Head: []string{"reason", "records", "files", "for example", "what"}, Right: []bool{false, true, true, false, false}}
	for _, q := range s.Quarantine {
		where := path.Base(q.Key)
		if q.Index >= 0 {
			where += fmt.Sprintf(" record %d", q.Index)
		}
		t.Rows = append(t.Rows, []string{q.Reason, output.Count(q.Records), output.Count(q.Files), where, output.Cut(q.Detail, 90)})
	}
	return t
}

func unreadableTable(s *storeStatus) output.Table {
	t := output.Table{Head: []string{"status", "tries", "object", "why"}, Right: []bool{false, true, false, false}}
	for _, f := range s.Unreadable {
		t.Rows = append(t.Rows, []string{f.Status, output.Count(f.Attempts), path.Base(f.Key), output.Cut(f.Error, 90)})
	}
	return t
}
