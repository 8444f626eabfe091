//go:build duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	bindings "github.com/duckdb/duckdb-go-bindings"
	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/gofrs/flock"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
)

// Memory is the path of a database that lives in memory and ends with the store.
const Memory = ":memory:"

// Options say how a database is opened. The zero value is right for most.
type Options struct {
	// ReadOnly opens an existing file without changing it. Several processes
	// may have a file open like that at the same time.
	ReadOnly bool
	// MemoryLimit bounds DuckDB's buffers, such as "400MB"; "" means
	// DefaultMemoryLimit. It does not bound single strings or results.
	MemoryLimit string
	// Threads bounds DuckDB's worker threads; 0 means one per CPU. Ingest is best
	// with 1: nothing of a commit runs in parallel, and a second thread spins
	// while it waits (a third of a commit's CPU time). Queries want all.
	Threads int
	// TempDir holds what does not fit into memory; "" means <file>.tmp.
	TempDir string
	// BackupDir is the one directory that Backup may write to; "" means none.
	// Queries of users cannot read it.
	BackupDir string
	// Logger gets what an operator may want to know; nil means silence.
	Logger *slog.Logger
}

// DefaultMemoryLimit keeps a whole ingesting process below 1 GB resident.
const DefaultMemoryLimit = "400MB"

// maxTempSize bounds what all queries together may spill to disk. DuckDB's own
// bound is nine tenths of the disk, which would leave ingest nothing.
const maxTempSize = "10GB"

// Store is an open database. Its methods are safe for concurrent use; writes
// happen one after the other.
type Store struct {
	path string
	opts Options
	log  *slog.Logger

	lock *flock.Flock
	db   bindings.Database

	// write is held while writer is used.
	write  sync.Mutex
	writer *conn
	ingest ingestState

	// maintenance is held by Maintain; background ends what runs by itself.
	maintenance sync.Mutex
	background  context.Context //nolint:containedctx // it lives as long as the store
	stop        context.CancelFunc

	users userQueries

	mu     sync.Mutex // guards what follows
	closed bool
	// reviving is true while the database is opened anew.
	reviving bool
	// conns of connect are open; idle is told when one is closed.
	conns   int
	idle    sync.Cond
	readers map[*reader]struct{}
	plans   map[*UserPlan]struct{}
}

// ErrClosed is returned by every method of a closed store.
var ErrClosed = errors.New("database is closed")

// Open opens the database file at path, or creates it, and brings it to the
// current layout. The path ":memory:" gives a database without a file.
//
// It fails with ErrLocked when somebody has the file open, with ErrNewer when
// the file was written by a newer version, with ErrForeign when it is not a
// database of this program.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	s := &Store{path: path, opts: opts, log: opts.Logger, readers: map[*reader]struct{}{}, plans: map[*UserPlan]struct{}{}}
	s.idle.L = &s.mu
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.background, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if s.path != Memory {
		path, err := resolve(s.path, s.opts.ReadOnly)
		if err != nil {
			return fmt.Errorf("open database %s: %w", s.path, err)
		}
		s.path = path
		if s.lock, err = lockFile(path, s.opts.ReadOnly); err != nil {
			return err
		}
	}
	if err := s.openDatabase(); err != nil {
		return fmt.Errorf("open database %s: %w", s.path, err)
	}
	var err error
	if s.writer, err = connect(s.db); err != nil {
		return err
	}
	s.writer.lost = s.reviveSoon
	// Nothing but the version is looked at before the version is known.
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("open database %s: %w", s.path, err)
	}
	if err := s.forgetMark(ctx); err != nil {
		return fmt.Errorf("open database %s: %w", s.path, err)
	}
	return s.configure(ctx)
}

// configure applies the settings and locks them, unless another reader of the
// same file in this process did: they share DuckDB's instance.
func (s *Store) configure(ctx context.Context) error {
	locked, err := s.writer.scalar(ctx, "SELECT count(*) FROM duckdb_settings() WHERE name = 'lock_configuration' AND value = 'true'")
	if err != nil || locked > 0 {
		return err
	}
	for _, set := range s.settings() {
		if err := s.writer.exec(ctx, set); err != nil {
			return fmt.Errorf("configure database %s: %s: %w", s.path, set, err)
		}
	}
	return nil
}

// resolve returns the one name of a file, so that two names of it have one
// lock. It never opens it.
func resolve(path string, mustExist bool) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	target, err := filepath.EvalSymlinks(path)
	if err == nil {
		info, err := os.Stat(target)
		if err == nil && !info.Mode().IsRegular() {
			return "", errors.New("is not a regular file")
		}
		return target, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if mustExist {
		return "", errors.New("there is no such file; the ingest command creates it")
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", fmt.Errorf("the directory %s does not exist; create it or name another", filepath.Dir(path))
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}

func (s *Store) openDatabase() error {
	var cfg bindings.Config
	bindings.CreateConfig(&cfg)
	defer bindings.DestroyConfig(&cfg)
	for _, o := range s.config() {
		if bindings.SetConfig(cfg, o[0], o[1]) == bindings.StateError {
			return fmt.Errorf("setting %s=%q is refused", o[0], o[1])
		}
	}
	var message string
	var state bindings.State
	if s.path == Memory {
		state = bindings.OpenExt("", &s.db, cfg, &message)
	} else {
		// The cache makes one instance of a file opened twice in a process,
		// should a caller ever get round our own lock.
		state = bindings.GetOrCreateFromCache(duckdb.GetInstanceCache(), s.path, &s.db, cfg, &message)
	}
	if state == bindings.StateError {
		bindings.Close(&s.db)
		return openFailure(message)
	}
	return nil
}

func openFailure(message string) error {
	err := reported(message)
	if strings.Contains(message, "not a valid DuckDB database file") {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return err
}

// config lists what must be set before a file is opened.
func (s *Store) config() [][2]string {
	c := [][2]string{
		// The newest storage format: 12 % smaller and a third less CPU.
		{"storage_compatibility_version", "latest"},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
		{"memory_limit", s.memoryLimit()},
		{"max_temp_directory_size", maxTempSize},
		{"checkpoint_threshold", checkpointThreshold},
		// Keep the order of arrival, which is nearly that of time.
		{"preserve_insertion_order", "true"},
	}
	if s.opts.Threads > 0 {
		c = append(c, [2]string{"threads", strconv.Itoa(s.opts.Threads)})
	}
	if s.opts.ReadOnly {
		c = append(c, [2]string{"access_mode", "READ_ONLY"})
	}
	if dir := s.tempDir(); dir != "" {
		c = append(c, [2]string{"temp_directory", dir})
	}
	return c
}

func (s *Store) memoryLimit() string {
	if s.opts.MemoryLimit == "" {
		return DefaultMemoryLimit
	}
	return s.opts.MemoryLimit
}

func (s *Store) tempDir() string {
	if s.opts.TempDir != "" || s.path == Memory {
		return s.opts.TempDir
	}
	return s.path + ".tmp"
}

// settings lists what is set once the layout is right. Nothing can be set after.
func (s *Store) settings() []string {
	list := []string{"SET GLOBAL TimeZone = 'UTC'"}
	if dir, err := filepath.Abs(s.opts.BackupDir); s.opts.BackupDir != "" && err == nil {
		list = append(list, "SET GLOBAL allowed_directories = ["+quote(dir+string(filepath.Separator))+"]")
	}
	return append(list,
		"SET GLOBAL enable_external_access = false",
		"SET GLOBAL lock_configuration = true")
}

// Path returns the database file, with links resolved.
func (s *Store) Path() string { return s.path }

// Close writes what is in the log to the file and closes it. Readers that are
// still open are ended and report ErrClosed. A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.idle.Broadcast()
	s.stop()
	open := make([]*reader, 0, len(s.readers))
	for r := range s.readers {
		open = append(open, r)
	}
	planned := slices.Collect(maps.Keys(s.plans))
	s.mu.Unlock()
	for _, p := range planned {
		p.Close()
	}
	for _, r := range open {
		s.log.Warn("query result was still open when the database was closed")
		r.abort(ErrClosed)
	}
	//nolint:forbidigo // closing must not depend on a context
	if err := s.Rollback(context.Background()); err != nil {
		s.log.Warn("an open transaction could not be rolled back", "error", err)
	}
	s.maintenance.Lock()
	defer s.maintenance.Unlock()
	s.write.Lock()
	defer s.write.Unlock()
	return s.release()
}

// release frees whatever is held. DuckDB checkpoints when the last connection
// and the database are gone; a connection that stayed would make the next Open
// of the same file wait for ever.
func (s *Store) release() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.closeDatabase()
	if s.lock == nil {
		return nil
	}
	err := s.lock.Unlock()
	s.lock = nil
	if err != nil {
		return fmt.Errorf("unlock database %s: %w", s.path, err)
	}
	return nil
}

// Query runs one statement of ours and streams its result; parameters are ?
// or $1. The query ends with ctx, and with the reader's Release, which the
// caller owes in any case. Every query sees the database as it is when it
// starts.
func (s *Store) Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	r, err := c.stream(ctx, sql, args)
	if err != nil {
		c.close()
		return nil, fmt.Errorf("query database: %w", err)
	}
	return s.track(r)
}

// Run is [Store.Query] for a bound file. DuckDB finds by itself which rows it
// need not read.
func (s *Store) Run(ctx context.Context, st sqlfile.Statement) (array.RecordReader, error) {
	return s.Query(ctx, st.SQL, st.Args...)
}

// connect opens a connection for one request.
func (s *Store) connect() (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.gone(); err != nil {
		return nil, err
	}
	c, err := connect(s.db)
	if err != nil {
		return nil, err
	}
	s.conns++
	c.lost, c.onClose = s.reviveSoon, s.disconnected
	return c, nil
}

func (s *Store) disconnected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns--
	s.idle.Broadcast()
}

// track makes the reader close its connection in the end, and Close end it.
func (s *Store) track(r *reader) (array.RecordReader, error) {
	s.mu.Lock()
	gone := s.gone()
	if gone == nil {
		s.readers[r] = struct{}{}
	}
	s.mu.Unlock()
	before := r.onClose
	r.onClose = func() {
		if before != nil {
			before()
		}
		r.conn.close()
		s.mu.Lock()
		delete(s.readers, r)
		s.mu.Unlock()
	}
	if gone != nil {
		r.Release()
		return nil, gone
	}
	return r, nil
}

// Describe returns the columns that a statement would give, without running
// it. Parameters need no values.
func (s *Store) Describe(ctx context.Context, sql string) ([]ColumnInfo, error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	defer c.close()
	stmt, err := c.prepare(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("describe query: %w", err)
	}
	defer bindings.DestroyPrepare(&stmt)
	return c.describe(stmt)
}

func (c *conn) describe(stmt bindings.PreparedStatement) ([]ColumnInfo, error) {
	names, types := columns(stmt)
	defer destroyTypes(types)
	var options bindings.ArrowOptions
	bindings.ConnectionGetArrowOptions(c.ptr, &options)
	defer bindings.DestroyArrowOptions(&options)
	schema, err := arrowSchema(options, names, types)
	if err != nil {
		return nil, err
	}
	out := make([]ColumnInfo, len(names))
	for i, f := range schema.Fields() {
		out[i] = ColumnInfo{Name: f.Name, Type: typeName(types[i]), Arrow: f.Type}
	}
	return out, nil
}

// writing runs work on the writer connection in one transaction.
func (s *Store) writing(ctx context.Context, work func(c *conn) error) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.unavailable(); err != nil {
		return err
	}
	return s.writer.transaction(ctx, func() error { return work(s.writer) })
}

// Checkpoint writes the log into the database file.
func (s *Store) Checkpoint(ctx context.Context) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.unavailable(); err != nil {
		return err
	}
	if err := s.writer.exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("checkpoint database: %w", err)
	}
	return nil
}

// Size returns the bytes that the database's blocks in use take in the file,
// without the log. It asks DuckDB; nobody else may open the file.
func (s *Store) Size(ctx context.Context) (int64, error) {
	return s.scalar(ctx, "SELECT (used_blocks * block_size)::BIGINT FROM pragma_database_size()")
}

// scalar returns the BIGINT that a query of one row gives; NULL and no row are 0.
func (s *Store) scalar(ctx context.Context, sql string) (int64, error) {
	c, err := s.connect()
	if err != nil {
		return 0, err
	}
	defer c.close()
	return c.scalar(ctx, sql)
}

func (c *conn) scalar(ctx context.Context, sql string) (n int64, err error) {
	err = c.each(ctx, func(rec arrow.RecordBatch) error {
		col, ok := rec.Column(0).(*array.Int64)
		if !ok {
			return fmt.Errorf("want a BIGINT, have %s", rec.Column(0).DataType())
		}
		if rec.NumRows() > 0 && col.IsValid(0) {
			n = col.Value(0)
		}
		return nil
	}, sql)
	return n, err
}

// text returns the VARCHAR that a query of one row gives.
func (c *conn) text(ctx context.Context, sql string, args ...any) (out string, err error) {
	err = c.each(ctx, func(rec arrow.RecordBatch) error {
		if rec.NumRows() > 0 {
			out = rec.Column(0).ValueStr(0)
		}
		return nil
	}, sql, args...)
	return out, err
}

// quote makes a SQL string literal.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// ident makes a SQL identifier.
func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// checkpointThreshold is the size of the log at which DuckDB writes it to the
// file. A commit that would bring the log there by itself skips the log and
// writes its rows to the file at once, which halves what a large batch costs;
// small ones gather in the log, so that they do not each become a row group.
//
// When it checkpoints alone (see Store.pin), DuckDB merges neighbouring row
// groups where three fit into two. Commits of 92,160 to 122,880 rows make row
// groups that never do.
const checkpointThreshold = "32MB"
