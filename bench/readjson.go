package main

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"os"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the rival is DuckDB itself, with its own settings

	"github.com/kmstrail/kmstrail/schema"
)

//go:embed read_json.sql
var readJSONSQL string

// readJSON fills the tables of an empty store with DuckDB's own reader.
func readJSON(ctx context.Context, dir string, procs int) (counts, error) {
	store, path, err := newStore(ctx, dir, "read_json")
	if err != nil {
		return counts{}, err
	}
	if err := store.Close(); err != nil { // made the tables
		return counts{}, err
	}
	files, err := logFiles(dir)
	if err != nil {
		return counts{}, err
	}
	db, err := sql.Open("duckdb", path)
	if err != nil {
		return counts{}, err
	}
	defer db.Close()
	list := "['" + strings.Join(files, "','") + "']"
	statements := []string{
		fmt.Sprintf("SET threads = %d", procs),
		"SET GLOBAL checkpoint_threshold = '1GB'",
		"SET preserve_insertion_order = false",
		strings.ReplaceAll(readJSONSQL, "{files}", list),
	}
	for _, stmt := range append(append(statements, derivedSQL()...), "CHECKPOINT") {
		if _, err := db.ExecContext(ctx, stmt); err != nil {
			return counts{}, fmt.Errorf("%.60s: %w", stmt, err)
		}
	}
	var n counts
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM kms_events").Scan(&n.Events); err != nil {
		return counts{}, err
	}
	if err := db.Close(); err != nil {
		return counts{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return counts{}, err
	}
	n.StoreBytes = info.Size()
	return n, nil
}

// derivedSQL fills the derived tables from their definitions, all at once.
func derivedSQL() (out []string) {
	for _, v := range schema.KeptViews() {
		switch v.Kept.Kind {
		case schema.KeptRows:
			out = append(out, "INSERT INTO "+v.Table().Name+" BY NAME "+v.SQL)
		case schema.KeptRollup:
			out = append(out, "INSERT INTO "+v.Parts().Name+" BY NAME SELECT *, 1 AS commit_id FROM ("+v.SQL+")")
		}
	}
	return out
}
