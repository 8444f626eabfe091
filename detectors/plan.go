package detectors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// day is a UTC day, counted from 1970. Whole days are the windows that findings
// are put together from, so that they do not depend on when a run was made.
type day int64

const secondsPerDay = 24 * 60 * 60

func dayOf(t time.Time) day {
	s := t.Unix()
	d := s / secondsPerDay
	if s%secondsPerDay < 0 {
		d--
	}
	return day(d)
}

func (d day) start() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

func (d day) window() Window { return Window{Start: d.start(), End: (d + 1).start()} }

// wholeDays rounds a window outwards to whole days.
func wholeDays(w Window) Window {
	end := dayOf(w.End)
	if end.start().Before(w.End) {
		end++
	}
	return Window{Start: dayOf(w.Start).start(), End: end.start()}
}

// cell says which commits last changed the events of a day: any of them, and
// those that change keys, grants or tags. Commits count from 1.
type cell struct{ commit, change int64 }

// lastRun is the last run of a detector over a day that succeeded.
type lastRun struct {
	commit  int64
	inputs  inputs
	version int
	params  string
}

// plan is what a run must know to choose the days of its detectors.
type plan struct {
	// commit is the last commit before the run; what commits before the oldest
	// changed is not known any more.
	commit, oldest int64
	// events are the days with events, or with some once.
	events map[day]bool
	cells  map[day]cell
	runs   map[string]map[day]lastRun
	// found are the days on which a detector found something.
	found map[string]map[day]bool
	// from is the first day of which all events are kept.
	from day
}

func readPlan(ctx context.Context, s Store, opts *RunOptions) (*plan, error) {
	p := &plan{events: map[day]bool{}, cells: map[day]cell{}, runs: map[string]map[day]lastRun{}, found: map[string]map[day]bool{}, from: -1 << 62}
	reads := []func(context.Context, Store) error{p.readRuns, p.readFound}
	if opts.Engine == nil {
		opts.Engine = s
		reads = append(reads, p.readCells, p.readEvents, p.readExpired)
	} else if err := p.everyDay(opts); err != nil {
		return nil, err
	}
	for _, read := range reads {
		if err := read(ctx, s); err != nil {
			return nil, fmt.Errorf("plan the run: %w", err)
		}
	}
	return p, nil
}

// everyDay plans for events that lie elsewhere: what arrived when is not known.
func (p *plan) everyDay(opts *RunOptions) error {
	if opts.Scheduled {
		return errors.New("only the store knows what has changed since the last run: name a window")
	}
	for d := dayOf(opts.Window.Start); d.start().Before(opts.Window.End); d++ {
		p.events[d] = true
	}
	return nil
}

func (p *plan) readCells(ctx context.Context, s Store) error {
	const sql = `select date_trunc('day', hour) as day, min(commit_id) as oldest_id, max(commit_id) as commit_id,
	max(case when change_count > 0 then commit_id end) as change_id
from changed_cells
group by 1`
	return readRows(ctx, s, sql, nil, func(row map[string]any) error {
		at, _ := row["day"].(time.Time)
		c := cell{}
		c.commit, _ = row["commit_id"].(int64)
		c.change, _ = row["change_id"].(int64)
		p.cells[dayOf(at)] = c
		p.events[dayOf(at)] = true
		p.commit = max(p.commit, c.commit)
		if oldest, _ := row["oldest_id"].(int64); p.oldest == 0 || oldest < p.oldest {
			p.oldest = oldest
		}
		return nil
	})
}

// readEvents reads the days with events from before commits were counted.
func (p *plan) readEvents(ctx context.Context, s Store) error {
	return readRows(ctx, s, "select distinct cast(day as timestamp) as day from arrivals", nil, func(row map[string]any) error {
		at, _ := row["day"].(time.Time)
		p.events[dayOf(at)] = true
		return nil
	})
}

func (p *plan) readRuns(ctx context.Context, s Store) error {
	const sql = `select detector_id, detector_version, window_start, params, commit_id, inputs
from (
	select *, row_number() over (partition by detector_id, window_start order by started_at desc, commit_id desc) as n
	from detector_runs
	where error is null and inputs is not null
) as runs
where n = 1`
	return readRows(ctx, s, sql, nil, func(row map[string]any) error {
		id := text(row["detector_id"])
		if p.runs[id] == nil {
			p.runs[id] = map[day]lastRun{}
		}
		r := lastRun{inputs: parseInputs(text(row["inputs"])), params: text(row["params"])}
		r.commit, _ = row["commit_id"].(int64)
		version, _ := row["detector_version"].(int64)
		r.version = int(version)
		at, _ := row["window_start"].(time.Time)
		p.runs[id][dayOf(at)] = r
		return nil
	})
}

func (p *plan) readFound(ctx context.Context, s Store) error {
	const sql = "select distinct detector_id, window_start from finding_windows"
	return readRows(ctx, s, sql, nil, func(row map[string]any) error {
		id := text(row["detector_id"])
		if p.found[id] == nil {
			p.found[id] = map[day]bool{}
		}
		at, _ := row["window_start"].(time.Time)
		p.found[id][dayOf(at)] = true
		return nil
	})
}

// readExpired reads from when on all events are kept. What was found on days
// before stays as it is: a run would not see all of their events any more.
func (p *plan) readExpired(ctx context.Context, s Store) error {
	return readRows(ctx, s, "select value from meta where name = 'events_from'", nil, func(row map[string]any) error {
		at, err := time.Parse(time.RFC3339, text(row["value"]))
		if err != nil {
			return fmt.Errorf("read when events begin: %w", err)
		}
		if p.from = dayOf(at); p.from.start().Before(at) {
			p.from++
		}
		return nil
	})
}

// inRange returns the days of a window on which there is something to look at.
func (p *plan) inRange(id string, w Window) []day {
	var out []day
	for _, d := range p.known(id) {
		if at := d.start(); d >= p.from && !at.Before(w.Start) && at.Before(w.End) {
			out = append(out, d)
		}
	}
	return out
}

// dirty returns the days on which a detector could find something else than
// what its last run over them found.
func (p *plan) dirty(id string, in inputs, r reach) []day {
	var out []day
	var changed int64 // last commit of a change on this day or before
	for _, d := range p.known(id) {
		changed = max(changed, p.cells[d].change)
		var newest int64
		for back := range day(r.days + 1) {
			newest = max(newest, p.cells[d-back].commit)
		}
		if r.later {
			newest = max(newest, changed)
		}
		if r.always {
			newest = p.commit
		}
		last, ran := p.runs[id][d]
		known := ran && last.inputs == in && last.commit >= p.oldest-1
		if d >= p.from && (!known || newest > last.commit) {
			out = append(out, d)
		}
	}
	return out
}

// known returns the days on which there are events, or something was found
// when there were, in order.
func (p *plan) known(id string) []day {
	var out []day
	for d := range p.events {
		out = append(out, d)
	}
	for d := range p.found[id] {
		if !p.events[d] {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return out
}
