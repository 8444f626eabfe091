//go:build duckdb_arrow

package duck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/kmstrail/kmstrail/schema"
)

// BackedUp says what a backup holds.
type BackedUp struct {
	// Path is the backup, Bytes its size.
	Path  string
	Bytes int64
	// Rows is how many rows all tables together have.
	Rows int64
	// Commit is the number of the last commit that is in it.
	Commit int64
	// MadeAt is when the copying began.
	MadeAt time.Time
	// Took is how long it took, the check included.
	Took time.Duration
}

// ErrBackupRuns says that a backup is being written into the same directory.
var ErrBackupRuns = errors.New("another backup is being written there")

// ErrBackupName says that a backup cannot have such a name.
var ErrBackupName = errors.New("not the name of a backup")

// partial ends the name of a backup that is not whole yet.
const partial = ".partial"

// backupAlias is the database that is being written, as DuckDB knows it. No
// file's name has a slash, so no database has this name by accident.
const backupAlias = "/backup"

// Backup copies the database, as it is now, into a new file in
// Options.BackupDir. Commits and queries go on meanwhile, and nothing of what
// they add is in the copy. Until it is whole and checked the file has another
// name; what a killed backup left is removed by the next one. progress, which
// may be nil, is told how many bytes of about how many are written.
func (s *Store) Backup(ctx context.Context, name string, progress func(done, total int64)) (BackedUp, error) {
	start := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.background, func() { cancel(ErrClosed) })()
	done, err := s.backup(ctx, name, progress)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrClosed) {
		err = cause
	}
	if err != nil {
		return BackedUp{}, fmt.Errorf("back up database: %w", err)
	}
	done.Took = time.Since(start)
	return done, nil
}

func (s *Store) backup(ctx context.Context, name string, progress func(done, total int64)) (BackedUp, error) {
	dest, err := s.backupPath(name)
	if err != nil {
		return BackedUp{}, err
	}
	unlock, err := claimBackups(filepath.Dir(dest))
	if err != nil {
		return BackedUp{}, err
	}
	defer unlock()
	if exists(dest) {
		return BackedUp{}, fmt.Errorf("%s: %w", dest, fs.ErrExist)
	}
	// Rows that maintenance takes out would have to be kept for the copy.
	if err := s.holdMaintenance(ctx); err != nil {
		return BackedUp{}, err
	}
	defer s.maintenance.Unlock()
	size, err := s.copySize(ctx)
	if err != nil {
		return BackedUp{}, err
	}
	if err := checkFree(filepath.Dir(dest), size); err != nil {
		return BackedUp{}, err
	}
	unfinished := dest + partial
	defer removeDatabase(unfinished)
	stop := watchSize(unfinished, size, progress)
	mark, err := s.copyTo(ctx, unfinished)
	stop()
	if err != nil {
		return BackedUp{}, fmt.Errorf("write %s: %w", dest, err)
	}
	if err := checkBackup(ctx, unfinished, mark); err != nil {
		return BackedUp{}, fmt.Errorf("check %s: %w", dest, err)
	}
	return mark.finish(unfinished, dest)
}

// backupNames are the names that a backup may have: nothing that leaves the
// directory, hides, or is taken for one of the files beside a database.
var backupNames = regexp.MustCompile(`^[^-./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]{0,199}$`)

// CheckBackupName gives an ErrBackupName for what cannot be the name of one.
func CheckBackupName(name string) error {
	if !backupNames.MatchString(name) {
		return fmt.Errorf("%q is %w: a name without a directory is", name, ErrBackupName)
	}
	for _, end := range []string{partial, ".wal", ".lock", ".tmp"} {
		if strings.HasSuffix(name, end) {
			return fmt.Errorf("%q is %w: %s is for files beside one", name, ErrBackupName, end)
		}
	}
	return nil
}

func (s *Store) backupPath(name string) (string, error) {
	if s.opts.BackupDir == "" {
		return "", errors.New("no backup directory is set")
	}
	if err := CheckBackupName(name); err != nil {
		return "", err
	}
	dir, err := filepath.Abs(s.opts.BackupDir)
	if err != nil {
		return "", err
	}
	// Whoever can read a backup can read the store.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make directory for backups: %w", err)
	}
	return filepath.Join(dir, name), nil
}

// claimBackups makes sure that nobody else writes a backup into dir, and
// removes what killed backups left there.
func claimBackups(dir string) (unlock func(), err error) {
	lock := flock.New(filepath.Join(dir, ".backup.lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock directory for backups: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", dir, ErrBackupRuns)
	}
	unlock = func() { _ = lock.Unlock() }
	left, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+partial))
	if err != nil {
		unlock()
		return nil, err
	}
	for _, path := range left {
		removeDatabase(path)
	}
	return unlock, nil
}

// escapeGlob makes a pattern that only path itself matches.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// removeDatabase removes a database file that nobody has open, and its log. It
// does not matter when it fails: whatever is left does not look whole.
func removeDatabase(path string) {
	_ = os.Remove(path)
	_ = os.Remove(path + ".wal")
}

// holdMaintenance waits until nothing is maintained, and keeps it so.
func (s *Store) holdMaintenance(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !s.maintenance.TryLock() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}

// copySize is about how large a copy gets: as the blocks in use, and what is in
// the log.
func (s *Store) copySize(ctx context.Context) (int64, error) {
	size, err := s.Size(ctx)
	return size + fileSize(s.path+".wal"), err
}

// spareSpace is what must be left besides a copy: the files of two small commits.
const spareSpace = 64 << 20

func checkFree(dir string, size int64) error {
	free, known := freeSpace(dir)
	if need := size + size/20 + spareSpace; known && free < uint64(max(need, 0)) {
		return fmt.Errorf("%s has %d MB free and about %d MB are needed: free space, or choose another directory", dir, free>>20, need>>20)
	}
	return nil
}

// fileSize asks for a file's size without opening it, 0 when it is not there.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// exists reports whether there is something of a name, a link to nowhere too.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// copyTo copies what is committed now into a new file, which is complete and
// closed when it returns.
func (s *Store) copyTo(ctx context.Context, dest string) (mark backupMark, err error) {
	c, err := s.connect()
	if err != nil {
		return mark, err
	}
	defer c.close()
	source, err := c.text(ctx, "SELECT current_database()")
	if err != nil {
		return mark, err
	}
	// Hidden: no list of databases that a user can ask for shows it.
	if err := c.exec(ctx, "ATTACH "+quote(dest)+" AS "+ident(backupAlias)+" (HIDDEN, STORAGE_VERSION 'latest')"); err != nil {
		return mark, err
	}
	defer func() {
		err = errors.Join(err, c.exec(context.WithoutCancel(ctx), "DETACH "+ident(backupAlias)))
	}()
	mark.MadeAt = time.Now().UTC()
	err = c.copyDatabase(ctx, source, backupAlias, &mark, func() error { return c.writeMark(ctx, &mark) })
	return mark, err
}

// copyDatabase copies an attached database into another, which is empty, in one
// transaction: it sees the source as it is at its beginning, whoever commits
// meanwhile. Rows and Commit of mark become what was copied; last, which may be
// nil, is done in the same transaction.
func (c *conn) copyDatabase(ctx context.Context, from, to string, mark *backupMark, last func() error) error {
	mark.Rows = map[string]int64{}
	err := c.transaction(ctx, func() error {
		if err := c.exec(ctx, "COPY FROM DATABASE "+ident(from)+" TO "+ident(to)+" (SCHEMA)"); err != nil {
			return err
		}
		tables, err := c.tablesOf(ctx, from)
		if err != nil {
			return err
		}
		for _, t := range tables {
			// One statement a table: several make small row groups, which the
			// checkpoint below would merge, and so write everything twice.
			if mark.Rows[t], err = c.scalar(ctx, "INSERT INTO "+ident(to)+".main."+ident(t)+" FROM "+ident(from)+".main."+ident(t)); err != nil {
				return fmt.Errorf("copy table %s: %w", t, err)
			}
		}
		if mark.Commit, err = c.scalar(ctx, "SELECT max(commit_id) FROM "+ident(from)+".main."+schema.ChangedCells.Name); err != nil || last == nil {
			return err
		}
		return last()
	})
	if err != nil {
		return err
	}
	// Detaching would do it, and say nothing when it fails.
	return c.exec(ctx, "CHECKPOINT "+ident(to))
}

// tablesOf lists the tables of an attached database. One that is hidden is in
// no list.
func (c *conn) tablesOf(ctx context.Context, database string) ([]string, error) {
	list, err := c.text(ctx, "SELECT coalesce(string_agg(table_name, chr(10) ORDER BY table_name), '') FROM duckdb_tables() WHERE NOT internal AND NOT temporary AND schema_name = 'main' AND database_name = ?", database)
	if err != nil || list == "" {
		return nil, err
	}
	return strings.Split(list, "\n"), nil
}

// watchSize tells progress how large the file at path is, until stop is called.
func watchSize(path string, total int64, progress func(done, total int64)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	progress(0, total)
	go func() {
		defer close(ended)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				progress(min(fileSize(path), total), total)
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
		progress(total, total)
	}
}

// backupMark is what a backup says about itself, in its table meta. A file that
// is opened for writing loses it: it is a store then.
type backupMark struct {
	MadeAt time.Time        `json:"made_at"`
	Commit int64            `json:"commit"`
	Rows   map[string]int64 `json:"rows"`
}

const metaBackup = "backup"

func (c *conn) writeMark(ctx context.Context, mark *backupMark) error {
	// A store that is read-only may be a backup itself.
	meta := ident(backupAlias) + ".main." + schema.Meta.Name
	old, err := c.scalar(ctx, "DELETE FROM "+meta+" WHERE name = "+quote(metaBackup))
	if err != nil {
		return err
	}
	mark.Rows[schema.Meta.Name] += 1 - old
	text, err := json.Marshal(mark)
	if err != nil {
		return err
	}
	return c.exec(ctx, "INSERT INTO "+meta+" VALUES ("+quote(metaBackup)+", "+quote(string(text))+")")
}

// forgetMark makes a store of what was a backup.
func (s *Store) forgetMark(ctx context.Context) error {
	if s.opts.ReadOnly {
		return nil
	}
	n, err := s.writer.scalar(ctx, "SELECT count(*) FROM main.meta WHERE name = "+quote(metaBackup))
	if err != nil || n == 0 {
		return err
	}
	return s.writer.exec(ctx, "DELETE FROM main.meta WHERE name = "+quote(metaBackup))
}

// finish gives a backup that is whole its name.
func (m *backupMark) finish(unfinished, dest string) (BackedUp, error) {
	if err := os.Chmod(unfinished, 0o600); err != nil {
		return BackedUp{}, fmt.Errorf("protect backup: %w", err)
	}
	if err := publish(unfinished, dest); err != nil {
		return BackedUp{}, err
	}
	done := BackedUp{Path: dest, Bytes: fileSize(dest), Commit: m.Commit, MadeAt: m.MadeAt}
	for _, n := range m.Rows {
		done.Rows += n
	}
	done.Rows-- // the mark is no row of the store, and a restored one does not have it
	return done, nil
}

// publish makes a database file that nobody has open durable and renames it,
// unless there is a file of that name.
func publish(unfinished, dest string) error {
	if exists(dest) {
		return fmt.Errorf("%s: %w", dest, fs.ErrExist)
	}
	if err := syncFile(unfinished, os.O_RDWR); err != nil {
		return err
	}
	if err := os.Rename(unfinished, dest); err != nil {
		return err
	}
	return syncFile(filepath.Dir(dest), os.O_RDONLY)
}

func syncFile(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
