package operate

import (
	"context"
	"path/filepath"
	"time"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
)

// MaintainRequest says how much to put together.
type MaintainRequest struct {
	// All puts together every rollup, and not only what has many parts.
	All bool `json:"all,omitempty"`
}

// MaintainResult says what maintaining a store did.
type MaintainResult struct {
	// Merged parts of sums became Rows rows.
	Merged int64 `json:"merged"`
	Rows   int64 `json:"rows"`
	// Folded seconds became minutes.
	Folded int64 `json:"folded"`
	// Expired counts rows deleted by age, by table.
	Expired map[string]int64 `json:"expired"`
	// Held is the longest time that writing had to wait.
	Held Seconds `json:"held_seconds"`
}

// Maintain puts sums together and deletes what is older than the retention.
func (o *Operator) Maintain(ctx context.Context, req MaintainRequest) (MaintainResult, error) {
	done, err := o.store.Maintain(ctx, duck.Maintenance{Now: o.opts.Now(), All: req.All, Retention: o.cfg.Retention.ByTable()})
	return MaintainResult{Merged: done.Merged, Rows: done.Rows, Folded: done.Folded, Expired: done.Expired, Held: Seconds(done.Held)}, err
}

// RebuildRequest names derived tables; none means all.
type RebuildRequest struct {
	Tables []string `json:"tables,omitempty"`
}

// RebuildProgress says how far a rebuild is.
type RebuildProgress struct {
	Table string `json:"table"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

// RebuildResult says what was rebuilt.
type RebuildResult struct {
	Tables []string `json:"tables"`
	Took   Seconds  `json:"duration_seconds"`
}

// Rebuild computes derived tables anew. onProgress may be nil.
func (o *Operator) Rebuild(ctx context.Context, req RebuildRequest, onProgress func(RebuildProgress)) (RebuildResult, error) {
	if err := CheckTables(req.Tables); err != nil {
		return RebuildResult{}, err
	}
	tell := func(table string, done, total int) {
		if onProgress != nil {
			onProgress(RebuildProgress{Table: table, Done: done, Total: total})
		}
	}
	start := o.opts.Now()
	err := o.store.Rebuild(ctx, req.Tables, tell)
	done := req.Tables
	if len(done) == 0 {
		done = duck.KeptTables()
	}
	return RebuildResult{Tables: done, Took: Seconds(o.opts.Now().Sub(start))}, err
}

// CheckTables says which name is not that of a derived table.
func CheckTables(names []string) error {
	for _, name := range names {
		if err := OneOf("derived table", name, duck.KeptTables()); err != nil {
			return err
		}
	}
	return nil
}

// BackupRequest says how the copy is to be called.
type BackupRequest struct {
	// Name is the file's; "" is made of the store's name and the time.
	Name string `json:"name,omitempty"`
}

// Check says what is wrong with the request.
func (r *BackupRequest) Check() error {
	if r.Name == "" {
		return nil
	}
	if err := duck.CheckBackupName(r.Name); err != nil {
		return Usagef("backups go to the directory that server.backups names", "%s", err)
	}
	return nil
}

// BackupResult says where the copy is.
type BackupResult struct {
	Path string `json:"path"`
	Size int64  `json:"size_bytes"`
	// Rows is how many rows all tables together have, Commit the last commit
	// that is in it.
	Rows   int64   `json:"rows"`
	Commit int64   `json:"last_commit"`
	Took   Seconds `json:"duration_seconds"`
}

// BackupDir is the directory that backups go to. The store must have been
// opened with it.
func BackupDir(cfg config.Config) string {
	if cfg.Server.Backups != "" {
		return cfg.Server.Backups
	}
	return cfg.DB + ".backups"
}

// backupTime is how the names of backups have the time.
const backupTime = "20060102T150405Z"

// BackupName is the name of a backup that is made at this time.
func BackupName(db string, at time.Time) string {
	base := filepath.Base(db)
	ext := filepath.Ext(base)
	return base[:len(base)-len(ext)] + "-" + at.UTC().Format(backupTime) + ext
}

// Backup copies the store, as it is now, into a file of BackupDir. Reading and
// writing go on meanwhile.
func (o *Operator) Backup(ctx context.Context, req BackupRequest) (BackupResult, error) {
	if err := req.Check(); err != nil {
		return BackupResult{}, err
	}
	if req.Name == "" {
		req.Name = BackupName(o.cfg.DB, o.now())
	}
	done, err := o.store.Backup(ctx, req.Name, nil)
	if err != nil {
		return BackupResult{}, err
	}
	return BackupResult{Path: done.Path, Size: done.Bytes, Rows: done.Rows, Commit: done.Commit, Took: Seconds(done.Took)}, nil
}
