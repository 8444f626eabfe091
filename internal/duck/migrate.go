//go:build duckdb_arrow

package duck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kmstrail/kmstrail/schema"
)

// NewerError says that a newer version of the program wrote the file.
type NewerError struct {
	// Have is the layout of the file, Known the newest this program knows.
	Have, Known int
}

// ErrNewer matches every *NewerError.
var ErrNewer = errors.New("database is of a newer version")

// ErrForeign says that a file is not a database of this program.
var ErrForeign = errors.New("not a kmstrail database")

func (e *NewerError) Error() string {
	return fmt.Sprintf("a newer kmstrail wrote this database (layout %d, this program knows up to %d); use the newer program, or ingest into a new file; nothing was changed", e.Have, e.Known)
}

// Is makes errors.Is(err, ErrNewer) true.
func (e *NewerError) Is(target error) bool { return target == ErrNewer }

// migrate brings the file to the current layout. It reads before it writes: a
// file that is newer, or not ours, is left as it is.
func (s *Store) migrate(ctx context.Context) error {
	have, hash, err := s.layout(ctx)
	if err != nil {
		return err
	}
	current := have == schema.Version && hash == schema.LayoutHash()
	switch {
	case have > schema.Version:
		return &NewerError{Have: have, Known: schema.Version}
	case current && s.opts.ReadOnly:
		stale, err := s.staleTables(ctx)
		if err == nil && len(stale) > 0 {
			err = fmt.Errorf("the derived tables %s must be rebuilt; open the database once for writing, which does it", strings.Join(stale, ", "))
		}
		return err
	case current:
		return s.rebuildStale(ctx)
	case s.opts.ReadOnly:
		return fmt.Errorf("the database has layout %d and needs %d; open it once for writing, which migrates it", have, schema.Version)
	}
	switch {
	case have == schema.Version:
		s.log.Info("updating views and derived tables of the database", "path", s.path)
	case have != noLayout:
		s.log.Info("migrating database", "path", s.path, "from", have, "to", schema.Version)
	}
	if err := s.writer.transaction(ctx, func() error { return s.migrateFrom(ctx, have) }); err != nil {
		return err
	}
	return s.rebuildStale(ctx)
}

// noLayout is the version of an empty file.
const noLayout = -1

// layout reads the version and hash of the file.
func (s *Store) layout(ctx context.Context) (version int, hash string, err error) {
	tables, err := s.columnsOf(ctx)
	if err != nil {
		return 0, "", err
	}
	if len(tables) == 0 {
		return noLayout, "", nil
	}
	if _, ok := tables[schema.Meta.Name]; !ok {
		return 0, "", fmt.Errorf("%w: it holds tables of another program; name another file", ErrForeign)
	}
	meta := map[string]string{}
	err = s.writer.each(ctx, func(rec arrow.RecordBatch) error {
		for i := range int(rec.NumRows()) {
			meta[rec.Column(0).ValueStr(i)] = rec.Column(1).ValueStr(i)
		}
		return nil
	}, "SELECT name, value FROM main.meta")
	if err != nil {
		return 0, "", fmt.Errorf("%w: its table meta is another: %w", ErrForeign, err)
	}
	version, err = strconv.Atoi(meta["schema_version"])
	if err != nil {
		return 0, "", fmt.Errorf("%w: its table meta names no schema_version", ErrForeign)
	}
	return version, meta["layout_hash"], nil
}

// columnsOf returns the columns of every table in the file.
func (s *Store) columnsOf(ctx context.Context) (map[string]map[string]bool, error) {
	out := map[string]map[string]bool{}
	err := s.writer.each(ctx, func(rec arrow.RecordBatch) error {
		for i := range int(rec.NumRows()) {
			table := rec.Column(0).ValueStr(i)
			if out[table] == nil {
				out[table] = map[string]bool{}
			}
			out[table][rec.Column(1).ValueStr(i)] = true
		}
		return nil
	}, "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND database_name = current_database() AND schema_name = 'main' AND table_name IN (SELECT table_name FROM duckdb_tables())")
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	return out, nil
}

func (s *Store) migrateFrom(ctx context.Context, have int) error {
	var columns map[string]map[string]bool
	var steps []string
	if have != noLayout { // to read an empty catalog takes as long as to create all tables
		var err error
		if columns, err = s.columnsOf(ctx); err != nil {
			return err
		}
		// Views go first: a table that a view uses could not be altered else.
		if steps, err = s.dropSteps(ctx); err != nil {
			return err
		}
	}
	steps = append(steps, tableSteps(columns)...)
	for _, m := range schema.Migrations() {
		if have != noLayout && m.To > have {
			steps = append(steps, m.SQL...)
		}
	}
	steps = append(steps, schema.Macros()...)
	for _, v := range schema.Views() {
		if read := cmp.Or(v.PlainSQL(), v.ReadSQL()); read != "" {
			steps = append(steps, "CREATE VIEW main."+ident(v.Name)+" AS "+read)
		}
	}
	steps = append(steps,
		"DELETE FROM main.meta WHERE name IN ('schema_version', 'layout_hash')",
		fmt.Sprintf("INSERT INTO main.meta VALUES ('schema_version', '%d'), ('layout_hash', '%s')", schema.Version, schema.LayoutHash()))
	for _, sql := range steps {
		if err := s.writer.exec(ctx, sql); err != nil {
			return fmt.Errorf("migrate to layout %d: %w\nin: %s", schema.Version, err, sql)
		}
	}
	return s.mergeInventories(ctx)
}

// tableSteps creates missing tables and adds missing columns, as NULL in old
// rows; a NOT NULL column therefore stays without its constraint in an old file.
func tableSteps(have map[string]map[string]bool) []string {
	var steps []string
	tables := append([]*schema.Table{&schema.Meta}, schema.Tables()...)
	for _, v := range schema.KeptViews() {
		for _, t := range v.KeptTables() {
			tables = append(tables, &t)
		}
	}
	for _, t := range tables {
		columns, ok := have[t.Name]
		if !ok {
			steps = append(steps, t.CreateSQL())
			continue
		}
		for _, c := range t.Columns {
			if !columns[c.Name] {
				steps = append(steps, fmt.Sprintf("ALTER TABLE main.%s ADD COLUMN %s %s", ident(t.Name), ident(c.Name), c.Type.SQL()))
			}
		}
	}
	return steps
}

// dropSteps drops every view and macro in the file.
func (s *Store) dropSteps(ctx context.Context) ([]string, error) {
	var steps []string
	err := s.writer.each(ctx, func(rec arrow.RecordBatch) error {
		kinds := rec.Column(0).(*array.String)
		for i := range int(rec.NumRows()) {
			steps = append(steps, "DROP "+kinds.Value(i)+" IF EXISTS main."+ident(rec.Column(1).ValueStr(i)))
		}
		return nil
	}, `SELECT DISTINCT 'VIEW' AS kind, view_name AS name FROM duckdb_views() WHERE NOT internal AND database_name = current_database()
		UNION ALL
		SELECT DISTINCT CASE function_type WHEN 'table_macro' THEN 'MACRO TABLE' ELSE 'MACRO' END, function_name
		FROM duckdb_functions() WHERE NOT internal AND function_type IN ('macro', 'table_macro') AND database_name = current_database()`)
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	return steps, nil
}
