package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/schema"
)

// Settling
//
// Engines read the tables of events as they are: to drop repeats at each reading
// would shuffle all rows of the lake through all workers, for every use of a
// view. So a plan is done only when the directories that it wrote into are free
// of repeats, its own and those of other plans.
//
// Of rows with the same event id and time the first stays, by the time that its
// object was written, then by log file, position and name of the file: a total
// order, so the row that stays in the end is never removed on the way, whoever
// settles first. A worker writes its files, and only then lists the directory;
// of two workers with repeats of each other the one whose files came last sees
// both. Events that CloudTrail has corrected go as well; a plan's corrections are
// written before its events.
//
// A file with rows too many is replaced by one without them, under the condition
// that it is still the version that was read; else everything is looked at again.
// It is never deleted, even when no row is left: its name must stay taken, so
// that a slow worker cannot bring its rows back.
//
// Names of files of events end in the times of their first and last event, so
// that only files are opened that can have repeats. Rows whose event id is the
// same and whose Region or day is not lie in different directories and both stay.

// settleTries bounds how often a directory is looked at again because another
// worker changes it at the same time.
const settleTries = 50

// eventFileName adds the times of the first and the last event, in seconds since
// 1970, to the name of a file.
func eventFileName(name string, first, last time.Time) string {
	return fmt.Sprintf("%s-%d-%d%s", strings.TrimSuffix(name, parquetSuffix), max(0, first.Unix()), max(0, last.Unix()), parquetSuffix)
}

// nameOf returns a file's name, with times where it has events.
func (f *File) nameOf(name string) string {
	if f.First.IsZero() {
		return name
	}
	return eventFileName(name, f.First, f.Last)
}

// timesInName is the inverse of eventFileName; a name without times may have any.
func timesInName(name string) (first, last int64) {
	parts := strings.Split(strings.TrimSuffix(path.Base(name), parquetSuffix), "-")
	if n := len(parts); n > 2 {
		from, errFrom := strconv.ParseInt(parts[n-2], 10, 64)
		to, errTo := strconv.ParseInt(parts[n-1], 10, 64)
		if errFrom == nil && errTo == nil {
			return from, to
		}
	}
	return 0, math.MaxInt64
}

// settler settles the directories of one plan.
type settler struct {
	b Bucket
	p *plan
	// corrected has the event ids of the files of corrections read so far.
	corrected map[string]bool
	read      map[string]bool
}

// settle frees the directories that files were written to from repeats.
func (s *settler) settle(ctx context.Context, files []File) error {
	for _, f := range files {
		t := TableNamed(f.Dir[:strings.IndexByte(f.Dir, '/')])
		if !t.hasEvents() {
			continue
		}
		if err := s.settleDir(ctx, t, f); err != nil {
			return fmt.Errorf("drop repeats in %s/%s: %w", s.b, f.Dir, err)
		}
	}
	return nil
}

func (s *settler) settleDir(ctx context.Context, t *Table, own File) error {
	for range settleTries {
		err := s.settleOnce(ctx, t, own)
		if !errors.Is(err, ErrChanged) {
			return err
		}
	}
	return errors.New("other workers kept changing it")
}

// settleOnce looks at a directory once. It ends with ErrChanged when another
// worker has changed it meanwhile.
func (s *settler) settleOnce(ctx context.Context, t *Table, own File) error {
	var files []*eventFile
	first, last := max(0, own.First.Unix()), max(0, own.Last.Unix())
	err := s.b.List(ctx, own.Dir, func(name string, _ int64) error {
		if from, to := timesInName(name); strings.HasSuffix(name, parquetSuffix) && from <= last && to >= first {
			files = append(files, &eventFile{t: t, name: name})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := f.open(ctx, s.b); err != nil {
			return err
		}
	}
	// Read after the rows: the corrections of a plan were there before them.
	if t.Of == &schema.KMSEvents {
		if err := s.readCorrections(ctx); err != nil {
			return err
		}
	}
	for _, f := range s.losers(files) {
		if err := s.drop(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// loser is a row that goes, and why.
type loser struct {
	row int
	// winner is the row that stays; file is nil for an event that was corrected.
	winner struct {
		file *eventFile
		row  int
	}
}

// losers finds the rows that go, and returns the files that have some.
func (s *settler) losers(files []*eventFile) []*eventFile {
	type event struct {
		id string
		at int64
	}
	type place struct {
		file *eventFile
		row  int
	}
	best := map[event]place{}
	for _, f := range files {
		for row := range f.rows {
			r := &f.rows[row]
			if s.corrected[r.id] && !r.correctsItself {
				f.losers = append(f.losers, loser{row: row})
				continue
			}
			e := event{r.id, r.at}
			if other, ok := best[e]; !ok || r.compare(f.name, row, &other.file.rows[other.row], other.file.name, other.row) < 0 {
				best[e] = place{f, row}
			}
		}
	}
	var out []*eventFile
	for _, f := range files {
		for row := range f.rows {
			r := &f.rows[row]
			w := best[event{r.id, r.at}]
			if w.file == f && w.row == row || s.corrected[r.id] && !r.correctsItself {
				continue
			}
			l := loser{row: row}
			l.winner.file, l.winner.row = w.file, w.row
			f.losers = append(f.losers, l)
		}
		if len(f.losers) > 0 {
			slices.SortFunc(f.losers, func(a, b loser) int { return cmp.Compare(a.row, b.row) })
			out = append(out, f)
		}
	}
	return out
}

// drop takes the losers out of a file. What they say is noted first, where it is
// not what the winner says.
func (s *settler) drop(ctx context.Context, f *eventFile) error {
	if f.t.Name == Events {
		for _, l := range f.losers {
			if err := s.quarantine(ctx, f, l); err != nil {
				return err
			}
		}
	}
	body, err := f.without(ctx)
	if err != nil {
		return err
	}
	return s.b.Replace(ctx, f.name, f.version, body)
}

// quarantine notes a row that goes although nothing says the same. Its file is
// named by the row, so that it is noted once, whoever finds it.
func (s *settler) quarantine(ctx context.Context, f *eventFile, l loser) error {
	r := &f.rows[l.row]
	reason, detail := "superseded", "CloudTrail corrected this event"
	if w := l.winner; w.file != nil {
		if other := &w.file.rows[w.row]; r.file == other.file && r.index == other.index {
			return nil // the same record, read by two versions of the program
		}
		columns, err := differing(ctx, f, l.row, w.file, w.row)
		if err != nil || len(columns) == 0 {
			return err
		}
		other := &w.file.rows[w.row]
		reason = "conflicting_duplicate"
		detail = fmt.Sprintf("record %d of log file %d has the event id of record %d of log file %d, which was written first, but differs in: %s",
			r.index, r.file, other.index, other.file, strings.Join(columns, ", "))
	}
	id, err := parseUUID(r.id)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	rows := NewRows(TableNamed(Quarantine))
	err = addRows(rows, &schema.Quarantine, [][]any{{r.file, int(r.index), int64(-1), reason, detail, id, nil, s.p.PlannedAt}})
	if err != nil {
		return err
	}
	files, err := rows.Files(ctx)
	if err != nil {
		return err
	}
	for _, q := range files {
		name := fmt.Sprintf("%s%s-%016x-%d-%s%s", q.Dir, reason, r.file, r.index, r.id, parquetSuffix)
		if err := s.b.Create(ctx, name, q.Body); err != nil && !errors.Is(err, ErrExists) {
			return err
		}
	}
	return nil
}

// readCorrections reads the files of corrections that were not read yet.
func (s *settler) readCorrections(ctx context.Context) error {
	var names []string
	err := s.b.List(ctx, Corrections+"/", func(name string, _ int64) error {
		if !s.read[name] {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		body, err := s.b.Get(ctx, name)
		if err != nil {
			return err
		}
		ids, err := readTexts(ctx, body, "event_id")
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		for _, id := range ids {
			s.corrected[id] = true
		}
		s.read[name] = true
	}
	return nil
}
