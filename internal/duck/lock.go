//go:build duckdb_arrow

package duck

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// LockedError says that another process, or another part of this one, has the
// database open.
type LockedError struct {
	// Path is the database file.
	Path string
	// PID is the process that has it, 0 when unknown.
	PID int
}

// ErrLocked matches every *LockedError.
var ErrLocked = errors.New("database is locked")

func (e *LockedError) Error() string {
	who := "another process"
	switch {
	case e.PID == os.Getpid():
		who = "this process"
	case e.PID > 0:
		who = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("open database %s: %s has it open; wait until it ends, or ask it instead: a database belongs to one process at a time", e.Path, who)
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// lockFile takes <path>.lock: shared for readers, else exclusive. It returns
// nil without error for a reader that may not write the directory and finds no
// lock file: then DuckDB's own lock is all there is.
func lockFile(path string, readOnly bool) (*flock.Flock, error) {
	name := path + ".lock"
	l := flock.New(name)
	take := l.TryLock
	if readOnly {
		take = l.TryRLock
	}
	ok, err := take()
	switch {
	case err != nil && readOnly && errors.Is(err, fs.ErrPermission):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("lock database %s: %w", path, err)
	case !ok:
		return nil, &LockedError{Path: path, PID: lockOwner(name)}
	}
	if !readOnly {
		// For people and for the message above; the lock holds without it.
		_ = os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
	}
	return l, nil
}

func lockOwner(name string) int {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}
