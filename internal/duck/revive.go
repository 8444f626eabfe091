//go:build duckdb_arrow

package duck

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	bindings "github.com/duckdb/duckdb-go-bindings"
)

// ErrReopening is returned while the database is opened anew.
var ErrReopening = errors.New("the database is being opened anew, since DuckDB had given it up: try again in a moment")

// A database that cannot be opened anew, on a full disk perhaps, is tried again
// after a second, and ever later up to half a minute.
const reopenFirst, reopenMost = time.Second, 30 * time.Second

// invalidated says that DuckDB has given up the database: after an error that
// leaves in doubt what it has in memory, such as a checkpoint that could not
// write its mark to the log, every statement fails until the file is opened
// again. What was committed is in the file and its log. A file that is attached
// to it, as that of a backup, can be given up alone.
func invalidated(message string) bool {
	// Only what is attached has a name with a slash: see backupAlias.
	return strings.Contains(message, "has been invalidated") && !strings.Contains(message, `atabase "/`)
}

// reviveSoon opens the database anew in the background, unless that is being
// done. One in memory is lost; an empty one in its place would answer wrongly.
func (s *Store) reviveSoon(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.reviving || s.path == Memory {
		return
	}
	s.reviving = true
	s.log.Error("DuckDB has given up the database: it is opened anew", "reason", reason)
	go s.revive()
}

// revive opens the database anew, for as long as that takes.
func (s *Store) revive() {
	s.endConnections()
	for wait := reopenFirst; ; wait = min(2*wait, reopenMost) {
		err := s.reopen()
		switch {
		case err == nil:
			s.log.Info("the database was opened anew")
			return
		case errors.Is(err, ErrClosed):
			return
		}
		s.log.Error("the database cannot be opened anew yet", "error", err, "again_in", wait)
		select {
		case <-s.background.Done():
			return
		case <-time.After(wait):
		}
	}
}

// endConnections waits until all connections but the writer are closed; those
// whose user may take a long time it closes itself. There are no new ones
// meanwhile. DuckDB keeps a database for as long as one is left.
func (s *Store) endConnections() {
	s.mu.Lock()
	open, planned := slices.Collect(maps.Keys(s.readers)), slices.Collect(maps.Keys(s.plans))
	s.mu.Unlock()
	for _, p := range planned {
		p.Close()
	}
	for _, r := range open {
		r.abort(ErrReopening)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.conns > 0 && !s.closed {
		s.idle.Wait()
	}
}

// reopen opens the database in place of the one that DuckDB has given up. The
// file stays locked.
func (s *Store) reopen() error {
	s.write.Lock() // a transaction that is open is rolled back before
	defer s.write.Unlock()
	if err := s.unavailable(); errors.Is(err, ErrClosed) {
		return err
	}
	s.closeDatabase()
	s.ingest.loaded, s.ingest.corrections = false, nil
	err := s.openDatabase()
	if err == nil {
		s.writer, err = connect(s.db)
	}
	if err == nil {
		err = s.configure(s.background)
	}
	if err != nil {
		s.closeDatabase()
		return err
	}
	s.writer.lost = s.reviveSoon
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reviving = false
	return nil
}

// closeDatabase closes what openDatabase opened, and the writer.
func (s *Store) closeDatabase() {
	if s.writer != nil {
		s.writer.close()
		s.writer = nil
	}
	if s.db.Ptr != nil {
		bindings.Close(&s.db)
	}
}

// unavailable is why there is nothing to work with: ErrClosed, ErrReopening, or
// nil.
func (s *Store) unavailable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone()
}

// gone is unavailable for those who hold mu.
func (s *Store) gone() error {
	switch {
	case s.closed:
		return ErrClosed
	case s.reviving:
		return ErrReopening
	}
	return nil
}
