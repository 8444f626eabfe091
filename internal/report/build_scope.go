package report

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/internal/rows"
)

// inWindow selects the log files that say something about the window: those
// with events in it and, among those without, the ones delivered in it or
// within the hour after it. Its parameters are whole, start, end, start, end.
const inWindow = `(
		cast(? as boolean)
		or (last_event_time >= cast(? as timestamp) and first_event_time < cast(? as timestamp))
		or (first_event_time is null
			and coalesce(delivered_at, last_modified, ingested_at) >= cast(? as timestamp)
			and coalesce(delivered_at, last_modified, ingested_at) < cast(? as timestamp))
	)`

func (b *builder) windowArgs() []any {
	w := b.r.Window
	return []any{b.whole, w.Start, w.End, w.Start, w.End.Add(time.Hour)}
}

// ledger sums the log files of the window and lists where they lie.
func (b *builder) ledger(ctx context.Context) error {
	s := &b.r.Scope
	err := b.each(ctx, query{name: "the ledger", args: b.windowArgs(), sql: `
		select
			cast(coalesce(sum(case when status = 'ingested' then 1 else 0 end), 0) as bigint),
			cast(coalesce(sum(case when status = 'ingested' then 0 else 1 end), 0) as bigint),
			cast(coalesce(sum(size_bytes), 0) as bigint),
			cast(coalesce(sum(record_count), 0) as bigint),
			cast(coalesce(sum(inserted_count), 0) as bigint),
			cast(coalesce(sum(duplicate_count), 0) as bigint),
			count(distinct account_id),
			count(distinct region),
			count(distinct source)
		from log_files
		where ` + inWindow},
		func(r rows.Row) {
			s.LogFiles, s.FailedObjects, s.LogBytes = r.Number(0), r.Number(1), r.Number(2)
			s.Records, s.KMSRecords, s.DuplicateRecords = r.Number(3), r.Number(4), r.Number(5)
			s.AccountCount, s.RegionCount, s.SourceCount = r.Number(6), r.Number(7), r.Number(8)
		})
	if err != nil {
		return err
	}
	return b.places(ctx)
}

// places lists sources and regions by their number of log files.
func (b *builder) places(ctx context.Context) error {
	s := &b.r.Scope
	err := b.each(ctx, query{name: "the sources", args: append(b.windowArgs(), int64(maxSources)), sql: `
		select source, count(*) as files
		from log_files
		where ` + inWindow + `
		group by source
		order by files desc, source
		limit ?`},
		func(r rows.Row) { s.Sources = append(s.Sources, r.Text(0)) })
	if err != nil {
		return err
	}
	return b.each(ctx, query{name: "the regions", args: append(b.windowArgs(), int64(maxRegions)), sql: `
		select region
		from log_files
		where region is not null and ` + inWindow + `
		group by region
		order by region
		limit ?`},
		func(r rows.Row) { s.Regions = append(s.Regions, r.Text(0)) })
}

func (b *builder) accounts(ctx context.Context) error {
	s := &b.r.Scope
	return b.each(ctx, query{name: "the accounts", args: append(b.windowArgs(), int64(maxAccounts)), sql: `
		select
			account_id,
			count(distinct region),
			count(*) as files,
			cast(sum(record_count) as bigint),
			cast(sum(inserted_count) as bigint) as kms_records
		from log_files
		where ` + inWindow + `
		group by account_id
		order by kms_records desc, files desc, account_id
		limit ?`},
		func(r rows.Row) {
			id := r.Text(0)
			s.Accounts = append(s.Accounts, Account{
				ID: id, Name: b.names[id], Regions: r.Number(1),
				LogFiles: r.Number(2), Records: r.Number(3), KMSRecords: r.Number(4),
			})
		})
}

// coverage fills the map and the list of gaps.
func (b *builder) coverage(ctx context.Context) error {
	c := &b.r.Coverage
	c.Days, c.DaysPerColumn = b.columns()
	c.AccountRegionDays = map[CoverageState]int64{}
	if len(c.Days) == 0 {
		return nil
	}
	byAccount := map[string]*CoverageRow{}
	w := b.r.Window
	err := b.each(ctx, query{name: "coverage", args: []any{w.Start, w.End}, sql: `
		select
			account_id,
			day,
			state,
			count(*),
			cast(sum(log_file_count) as bigint),
			cast(sum(failed_file_count) as bigint),
			cast(sum(kms_event_count) as bigint),
			cast(sum(quarantined_count) as bigint)
		from coverage
		where day >= cast(cast(? as timestamp) as date) and day < cast(? as timestamp)
		group by account_id, day, state
		order by account_id, day, state`},
		func(r rows.Row) {
			state := CoverageState(r.Text(2))
			c.AccountRegionDays[state] += r.Number(3)
			column := b.dayNumber(r.Moment(1)) / c.DaysPerColumn
			if column < 0 || column >= len(c.Days) {
				return
			}
			id := r.Text(0)
			line := byAccount[id]
			if line == nil {
				line = &CoverageRow{AccountID: id, AccountName: b.names[id], Cells: make([]CoverageCell, len(c.Days))}
				byAccount[id] = line
			}
			cell := &line.Cells[column]
			cell.State = worse(cell.State, state)
			cell.LogFiles += r.Number(4)
			cell.FailedFiles += r.Number(5)
			cell.KMSRecords += r.Number(6)
			cell.Quarantined += r.Number(7)
		})
	if err != nil {
		return err
	}
	c.Rows, c.OmittedRows = mapRows(byAccount)
	return b.gaps(ctx)
}

// worse returns the state that matters more to whoever trusts the map.
func worse(a, b CoverageState) CoverageState {
	order := []CoverageState{Unseen, Proven, Silent, Observed, Excluded, Gap}
	if slices.Index(order, a) >= slices.Index(order, b) {
		return a
	}
	return b
}

// mapRows keeps the accounts with trouble before those with the most records,
// and returns the kept ones by account id.
func mapRows(rows map[string]*CoverageRow) (kept []CoverageRow, omitted int) {
	for _, line := range rows {
		kept = append(kept, *line)
	}
	slices.SortFunc(kept, func(a, b CoverageRow) int {
		badA, kmsA := weight(a)
		badB, kmsB := weight(b)
		return cmp.Or(cmp.Compare(badB, badA), cmp.Compare(kmsB, kmsA), cmp.Compare(a.AccountID, b.AccountID))
	})
	if len(kept) > maxAccounts {
		omitted = len(kept) - maxAccounts
		kept = kept[:maxAccounts]
	}
	slices.SortFunc(kept, func(a, b CoverageRow) int { return cmp.Compare(a.AccountID, b.AccountID) })
	return kept, omitted
}

func weight(line CoverageRow) (bad int, kms int64) {
	for _, c := range line.Cells {
		if c.State == Gap || c.State == Excluded || c.FailedFiles > 0 {
			bad = 1
		}
		kms += c.KMSRecords
	}
	return bad, kms
}

// gaps lists stretches of days of one account and region that are not
// covered: first where KMS seems to be left out, then the longest. Days of the same state that follow each other are
// one stretch: their date minus their number is the same.
func (b *builder) gaps(ctx context.Context) error {
	c := &b.r.Coverage
	w := b.r.Window
	return b.each(ctx, query{name: "gaps", args: []any{w.Start, w.End, int64(maxGaps)}, sql: `
		with bad as (
			select
				account_id, region, state, reason, day,
				row_number() over (partition by account_id, region, state, reason order by day) as n
			from coverage
			where day >= cast(cast(? as timestamp) as date) and day < cast(? as timestamp)
			  and state in ('gap', 'excluded_or_write_only')
		),
		stretches as (
			select account_id, region, state, reason, min(day) as first_day, max(day) as last_day, count(*) as days
			from bad
			group by account_id, region, state, reason, day - n * interval '1' day
		)
		select account_id, region, state, reason, first_day, last_day, days, count(*) over () as total
		from stretches
		order by case state when 'gap' then 1 else 0 end, days desc, first_day, account_id, region, state
		limit ?`},
		func(r rows.Row) {
			id := r.Text(0)
			c.Gaps = append(c.Gaps, CoverageGap{
				AccountID: id, AccountName: b.names[id], Region: r.Text(1), State: CoverageState(r.Text(2)), Reason: r.Text(3),
				FirstDay: day(r.Moment(4)), LastDay: day(r.Moment(5)), Days: r.Number(6),
			})
			c.OmittedGaps = int(r.Number(7)) - len(c.Gaps)
		})
}

// delays counts the KMS records of the window's days by how late they came.
func (b *builder) delays(ctx context.Context) error {
	c := &b.r.Coverage
	w := b.r.Window
	return b.each(ctx, query{name: "delays of delivery", args: []any{w.Start, w.End}, sql: `
		select coalesce(delay_minutes, 0) as up_to, cast(sum(kms_event_count) as bigint)
		from arrivals
		where day >= cast(cast(? as timestamp) as date) and day < cast(? as timestamp)
		group by 1
		having sum(kms_event_count) > 0
		order by min(case when delay_minutes is null then 1 else 0 end), 1`},
		func(r rows.Row) {
			c.Delays = append(c.Delays, Delay{UpToMinutes: r.Number(0), KMSRecords: r.Number(1)})
		})
}

// failures lists log objects that could not be read.
func (b *builder) failures(ctx context.Context) error {
	c := &b.r.Coverage
	return b.each(ctx, query{name: "failed log objects", args: append(b.windowArgs(), int64(maxFailedObjects)), sql: `
		select source, object_key, status, error, attempts
		from log_files
		where status <> 'ingested' and ` + inWindow + `
		order by attempts desc, source, object_key
		limit ?`},
		func(r rows.Row) {
			c.Failed = append(c.Failed, FailedObject{
				Source: r.Text(0), Key: r.Text(1), Status: r.Text(2), Error: r.Text(3), Attempts: r.Number(4),
			})
		})
}

// quarantine counts what was put aside by reason, with one example each. Whole
// objects are among the failed ones already, and a record that CloudTrail
// itself corrected is not missing: neither counts as a lost record.
func (b *builder) quarantine(ctx context.Context) error {
	c := &b.r.Coverage
	return b.each(ctx, query{name: "the quarantine", args: append(b.windowArgs(), int64(maxReasons)), sql: `
		with put_aside as (
			select
				quarantine.reason, quarantine.detail, log_files.object_key,
				count(*) over (partition by quarantine.reason) as total,
				count(case when quarantine.record_index >= 0 and quarantine.reason <> 'superseded' then 1 end) over () as lost,
				row_number() over (
					partition by quarantine.reason
					order by log_files.object_key, quarantine.record_index, quarantine.byte_offset, quarantine.detail
				) as n
			from quarantine
			join log_files on log_files.log_file_id = quarantine.log_file_id
			where ` + inWindow + `
		)
		select reason, total, detail, object_key, lost
		from put_aside
		where n = 1
		order by total desc, reason
		limit ?`},
		func(r rows.Row) {
			c.Quarantine = append(c.Quarantine, QuarantineReason{
				Reason: r.Text(0), Count: r.Number(1), Example: r.Text(2), ExampleKey: r.Text(3),
			})
			b.r.Scope.Quarantined = r.Number(4)
		})
}
