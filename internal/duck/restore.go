//go:build duckdb_arrow

package duck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/kmstrail/kmstrail/schema"
)

// RestoreOptions say how a backup is put in the place of a database.
type RestoreOptions struct {
	// Replace allows that there is a database; it is kept under another name.
	Replace bool
	// Now is in that name.
	Now time.Time
	// Beside are endings of files beside the database that remember how far it
	// is, such as ".watch.json". They are kept with the old one.
	Beside []string
	// MemoryLimit and Threads are those of Options.
	MemoryLimit string
	Threads     int
	// Progress, which may be nil, is told how many bytes of about how many are
	// written.
	Progress func(done, total int64)
}

// Restored says what is in a database that was made from a backup.
type Restored struct {
	// Path is the database, Bytes its size.
	Path  string
	Bytes int64
	// KeptAs is where the database went that was there before; "" when there
	// was none.
	KeptAs string
	// MadeAt is when the backup was made; zero when kmstrail did not make it.
	MadeAt time.Time
	// Commit is the number of the last commit and CommittedAt its time.
	Commit      int64
	CommittedAt time.Time
	// Events are the rows of kms_events, First and Last the times of the
	// earliest and the latest.
	Events      int64
	First, Last time.Time
	// Rows is how many rows all tables together have.
	Rows int64
	// Took is how long it took.
	Took time.Duration
}

// Restore makes a database file of a backup, or of another database that nobody
// has open. The backup is read whole, with all checksums, and is not changed.
// The file gets its name when it is complete; stopped before that, everything is
// as it was.
//
// It fails with ErrLocked when somebody has the database or the backup open,
// with ErrForeign and ErrNewer as [Open] does for the backup, and with
// fs.ErrExist when there is a database and Replace is not set.
func Restore(ctx context.Context, backup, path string, opts RestoreOptions) (Restored, error) {
	start := time.Now()
	if opts.Now.IsZero() {
		opts.Now = start
	}
	done, err := restore(ctx, backup, path, opts)
	if err != nil {
		return Restored{}, fmt.Errorf("restore %s: %w", backup, err)
	}
	done.Took = time.Since(start)
	return done, nil
}

func restore(ctx context.Context, backup, path string, opts RestoreOptions) (Restored, error) {
	backup, err := resolveBackup(backup)
	if err != nil {
		return Restored{}, err
	}
	if err := checkUnused(backup); err != nil {
		return Restored{}, err
	}
	target, err := resolve(path, false)
	if err != nil {
		return Restored{}, fmt.Errorf("to %s: %w", path, err)
	}
	path = target
	if path == backup {
		return Restored{}, errors.New("the backup and the database are the same file")
	}
	lock, err := lockFile(path, false)
	if err != nil {
		return Restored{}, err
	}
	defer func() { _ = lock.Unlock() }()
	if exists(path) && !opts.Replace {
		return Restored{}, fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	if err := settleOld(path, opts); err != nil {
		return Restored{}, err
	}
	unfinished := path + restoring
	removeDatabase(unfinished) // of one that was killed; the lock is ours
	defer removeDatabase(unfinished)
	r := &restorer{backup: backup, path: path, unfinished: unfinished, opts: opts}
	if err := r.copy(ctx); err != nil {
		return Restored{}, err
	}
	if err := checkCopy(ctx, unfinished, r.copied.Rows, r.copied.Commit); err != nil {
		return Restored{}, fmt.Errorf("check %s: %w", unfinished, err)
	}
	return r.done, r.exchange()
}

// restoring ends the name of a database that is not restored whole yet.
const restoring = ".restoring"

// resolveBackup returns the one name of a backup, without opening it.
func resolveBackup(path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", err
	}
	if strings.HasSuffix(path, partial) {
		return "", errors.New("this is what is left of a backup that was not completed")
	}
	return resolve(path, true)
}

// checkUnused refuses a file that a kmstrail has open for writing. DuckDB's own
// lock says so too, but not to the process that holds it.
func checkUnused(path string) error {
	name := path + ".lock"
	if !exists(name) {
		return nil // nobody ever had it open
	}
	lock := flock.New(name)
	ok, err := lock.TryRLock()
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil // then it is DuckDB's lock that counts
	case err != nil:
		return fmt.Errorf("lock %s: %w", path, err)
	case !ok:
		return &LockedError{Path: path, PID: lockOwner(name)}
	}
	return lock.Unlock()
}

// settleOld makes sure that no other program has the database open that is to
// be replaced, and brings what is in its log into its file. That it cannot be
// opened for another reason is perhaps why it is to be replaced.
func settleOld(path string, opts RestoreOptions) error {
	if !exists(path) {
		return nil
	}
	old := &Store{path: path, opts: Options{MemoryLimit: opts.MemoryLimit, Threads: opts.Threads}}
	err := old.openDatabase()
	if err != nil && strings.Contains(err.Error(), "Could not set lock") {
		return &LockedError{Path: path}
	}
	return old.release()
}

// restorer does one Restore.
type restorer struct {
	backup, path, unfinished string
	opts                     RestoreOptions

	copied backupMark
	done   Restored
}

// The aliases of the two databases.
const (
	sourceAlias = "/source"
	targetAlias = "/target"
)

// copy checks the backup and makes a new database of it.
func (r *restorer) copy(ctx context.Context) (err error) {
	s, err := openScratch(Options{MemoryLimit: r.opts.MemoryLimit, Threads: r.opts.Threads, TempDir: r.path + ".tmp"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	mark, err := s.attachBackup(ctx, r.backup)
	if err != nil {
		return err
	}
	size, err := s.writer.scalar(ctx, "SELECT (used_blocks * block_size)::BIGINT FROM pragma_database_size() WHERE database_name = "+quote(sourceAlias))
	if err != nil {
		return err
	}
	if err := checkFree(filepath.Dir(r.path), size); err != nil {
		return err
	}
	c := s.writer
	if err := c.exec(ctx, "ATTACH "+quote(r.unfinished)+" AS "+ident(targetAlias)+" (STORAGE_VERSION 'latest')"); err != nil {
		return err
	}
	// The backup may hold a view over something else than tables.
	if err := c.exec(ctx, "SET GLOBAL enable_external_access = false"); err != nil {
		return err
	}
	if err := r.describe(ctx, c, mark); err != nil {
		return err
	}
	stop := watchSize(r.unfinished, size, r.opts.Progress)
	defer stop()
	err = c.copyDatabase(ctx, sourceAlias, targetAlias, &r.copied, func() error {
		old, err := c.scalar(ctx, "DELETE FROM "+ident(targetAlias)+".main."+schema.Meta.Name+" WHERE name = "+quote(metaBackup))
		r.copied.Rows[schema.Meta.Name] -= old
		return err
	})
	if err != nil {
		return err
	}
	for _, n := range r.copied.Rows {
		r.done.Rows += n
	}
	return c.exec(ctx, "DETACH "+ident(targetAlias))
}

// describe says what is in the backup.
func (r *restorer) describe(ctx context.Context, c *conn, mark *backupMark) (err error) {
	r.done.Path = r.path
	if mark != nil {
		r.done.MadeAt = mark.MadeAt
	}
	moments := []int64{0, 0, 0}
	for i, sql := range []string{
		"SELECT epoch_us(max(committed_at))::BIGINT FROM main." + schema.ChangedCells.Name,
		"SELECT epoch_us(min(event_time))::BIGINT FROM main." + schema.KMSEvents.Name,
		"SELECT epoch_us(max(event_time))::BIGINT FROM main." + schema.KMSEvents.Name,
	} {
		if moments[i], err = c.scalar(ctx, sql); err != nil {
			return err
		}
	}
	if r.done.Commit, err = c.scalar(ctx, "SELECT max(commit_id) FROM main."+schema.ChangedCells.Name); err != nil {
		return err
	}
	if r.done.Commit > 0 {
		r.done.CommittedAt = time.UnixMicro(moments[0]).UTC()
	}
	if r.done.Events, err = c.scalar(ctx, "SELECT count(*) FROM main."+schema.KMSEvents.Name); err != nil || r.done.Events == 0 {
		return err
	}
	r.done.First, r.done.Last = time.UnixMicro(moments[1]).UTC(), time.UnixMicro(moments[2]).UTC()
	return nil
}

// exchange puts the new database in the place of the old one, which stays
// beside it. Nothing is lost wherever it is stopped, and between the two names
// nothing is done that takes time: a server that is started when there is no
// file would begin a new store.
func (r *restorer) exchange() (err error) {
	if err := syncFile(r.unfinished, os.O_RDWR); err != nil {
		return err
	}
	var moved [][2]string
	defer func() {
		if err == nil {
			return
		}
		for _, m := range moved {
			err = errors.Join(err, os.Rename(m[1], m[0]))
		}
	}()
	// A log that could not be brought into its file, or whose file is gone, must
	// not be taken for one of the new file.
	for _, what := range append(slices.Clone(r.opts.Beside), "", ".wal") {
		if !exists(r.path + what) {
			continue
		}
		kept, err := r.keepAside(what)
		if err != nil {
			return err
		}
		moved = append(moved, [2]string{r.path + what, kept})
		if what == "" {
			r.done.KeptAs = kept
		}
	}
	if err := publish(r.unfinished, r.path); err != nil {
		return err
	}
	r.done.Bytes = fileSize(r.path)
	return nil
}

// replacedStamp is how the time stands in the name of an old database.
const replacedStamp = "20060102T150405Z"

// keepAside renames the old database, or a file beside it.
func (r *restorer) keepAside(what string) (string, error) {
	kept := r.path + ".replaced-" + r.opts.Now.UTC().Format(replacedStamp) + what
	if exists(kept) {
		return "", fmt.Errorf("keep the old database: %s: %w", kept, fs.ErrExist)
	}
	if err := os.Rename(r.path+what, kept); err != nil {
		return "", fmt.Errorf("keep the old database: %w", err)
	}
	return kept, nil
}

// openScratch opens a DuckDB without a file of its own, to attach others to.
func openScratch(opts Options) (*Store, error) {
	s := &Store{path: Memory, opts: opts, log: slog.New(slog.DiscardHandler)}
	err := s.openDatabase()
	if err == nil {
		s.writer, err = connect(s.db)
	}
	if err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// attachBackup makes a file that nobody has open the current database, and
// checks that it is one of ours and as its mark says, if it has one.
func (s *Store) attachBackup(ctx context.Context, path string) (*backupMark, error) {
	if err := s.attachReadOnly(ctx, path); err != nil {
		return nil, err
	}
	version, _, err := s.layout(ctx)
	switch {
	case err != nil:
		return nil, err
	case version == noLayout:
		return nil, fmt.Errorf("%w: it is empty", ErrForeign)
	case version > schema.Version:
		return nil, &NewerError{Have: version, Known: schema.Version}
	}
	text, err := s.writer.text(ctx, "SELECT value FROM main."+schema.Meta.Name+" WHERE name = "+quote(metaBackup))
	if err != nil || text == "" {
		return nil, err
	}
	mark := &backupMark{}
	if err := json.Unmarshal([]byte(text), mark); err != nil {
		return nil, fmt.Errorf("read what the backup says about itself: %w", err)
	}
	return mark, s.checkRows(ctx, mark.Rows, mark.Commit)
}

func (s *Store) attachReadOnly(ctx context.Context, path string) error {
	err := s.writer.exec(ctx, "ATTACH "+quote(path)+" AS "+ident(sourceAlias)+" (READ_ONLY)")
	switch {
	case err == nil:
		return s.writer.exec(ctx, "USE "+ident(sourceAlias))
	case strings.Contains(err.Error(), "Could not set lock"):
		return &LockedError{Path: path}
	case strings.Contains(err.Error(), "not a valid DuckDB database file"):
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return err
}

// checkBackup opens a backup that is complete as a program would that restores
// it, and compares it with what was copied.
func checkBackup(ctx context.Context, path string, want backupMark) (err error) {
	s, err := openScratch(Options{MemoryLimit: "100MB", Threads: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	have, err := s.attachBackup(ctx, path)
	if err != nil {
		return err
	}
	if have == nil || have.Commit != want.Commit || !maps.Equal(have.Rows, want.Rows) {
		return errors.New("it does not say about itself what was written")
	}
	return nil
}

// checkCopy compares a database that nobody has open with what was copied.
func checkCopy(ctx context.Context, path string, rows map[string]int64, commit int64) (err error) {
	s, err := openScratch(Options{MemoryLimit: "100MB", Threads: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	if err := s.attachReadOnly(ctx, path); err != nil {
		return err
	}
	return s.checkRows(ctx, rows, commit)
}

// checkRows compares the tables of the current database with their numbers of
// rows.
func (s *Store) checkRows(ctx context.Context, rows map[string]int64, commit int64) error {
	columns, err := s.columnsOf(ctx)
	if err != nil {
		return err
	}
	tables := slices.Sorted(maps.Keys(columns))
	if want := slices.Sorted(maps.Keys(rows)); !slices.Equal(tables, want) {
		return fmt.Errorf("it has the tables %s and should have %s", strings.Join(tables, ", "), strings.Join(want, ", "))
	}
	for _, t := range tables {
		have, err := s.writer.scalar(ctx, "SELECT count(*) FROM main."+ident(t))
		if err != nil {
			return err
		}
		if have != rows[t] {
			return fmt.Errorf("it has %d rows of %s and should have %d", have, t, rows[t])
		}
	}
	last, err := s.writer.scalar(ctx, "SELECT max(commit_id) FROM main."+schema.ChangedCells.Name)
	if err == nil && last != commit {
		err = fmt.Errorf("its last commit is %d and should be %d", last, commit)
	}
	return err
}
