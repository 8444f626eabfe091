package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/status"
)

// openStore opens the store of the configuration in this process.
func (a *app) openStore(ctx context.Context, cfg config.Config, opts duck.Options) (*duck.Store, error) {
	opts.MemoryLimit, opts.Threads, opts.Logger = cfg.Limits.Memory, cfg.Limits.Threads, a.log
	if !opts.ReadOnly {
		keepPrivate() // for what is made later, too: the log of what is written
	}
	return duck.Open(ctx, cfg.DB, opts)
}

// openToRead opens the store for questions: through the server that has it open,
// or in this process, which others may do at the same time.
func (a *app) openToRead(ctx context.Context, cfg config.Config) (engine, error) {
	if s, err := a.server(ctx, cfg); err != nil || s != nil {
		return s, err
	}
	return a.openFileToRead(ctx, cfg)
}

// openFileToRead opens the store's file for questions.
func (a *app) openFileToRead(ctx context.Context, cfg config.Config) (*duck.Store, error) {
	if err := mustExist(cfg); err != nil {
		return nil, err
	}
	store, err := a.openStore(ctx, cfg, duck.Options{ReadOnly: true})
	if err == nil || errors.Is(err, duck.ErrLocked) || errors.Is(err, duck.ErrNewer) || errors.Is(err, duck.ErrForeign) {
		return store, err
	}
	// A store of an earlier version is migrated by opening it for writing.
	defer keepPrivate()()
	writable, migrateErr := a.openStore(ctx, cfg, duck.Options{})
	if migrateErr != nil {
		return nil, err
	}
	if err := writable.Close(); err != nil {
		return nil, err
	}
	return a.openStore(ctx, cfg, duck.Options{ReadOnly: true})
}

// readStatus asks the server that has the store open, else the store.
func (a *app) readStatus(ctx context.Context, cfg config.Config) (*status.Status, error) {
	s, err := a.server(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if s != nil {
		defer s.Close()
		return s.Status(ctx)
	}
	store, err := a.openFileToRead(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	return status.Read(ctx, store)
}

// mustExist refuses to create the store.
func mustExist(cfg config.Config) error {
	if cfg.DB == duck.Memory {
		return nil
	}
	if _, err := os.Stat(cfg.DB); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("open database %s: there is no such file; kmstrail ingest creates it, --db names another", cfg.DB)
	}
	return nil
}

// openToWrite opens the store in this process and brings the tables that come
// from the configuration up to date.
func (a *app) openToWrite(ctx context.Context, cfg config.Config, opts openOptions) (*duck.Store, error) {
	var how duck.Options
	if opts.backup {
		how.BackupDir = operate.BackupDir(cfg)
	}
	if opts.ingest && cfg.Limits.Threads == 0 {
		// A second thread would mostly spin beside the decoders, waiting for the
		// first.
		cfg.Limits.Threads = 1
	}
	store, err := a.openStore(ctx, cfg, how)
	if err != nil {
		return nil, err
	}
	if err := operate.Configure(ctx, store, cfg); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// closeStore closes a store that was written to. What it still had to write may
// fail, and then the command has failed, whatever it has printed.
func closeStore(store io.Closer, err *error) {
	closing := store.Close()
	if _, said := errors.AsType[codeError](*err); closing != nil && (*err == nil || said) {
		*err = fmt.Errorf("close database: %w", closing)
	}
}

// operator does what changes a store.
type operator interface {
	Ingest(ctx context.Context, req operate.IngestRequest, onProgress func(operate.IngestProgress)) (operate.IngestResult, error)
	Detect(ctx context.Context, req operate.DetectRequest, onDay func(done, all int64)) (operate.DetectResult, error)
	Maintain(ctx context.Context, req operate.MaintainRequest) (operate.MaintainResult, error)
	Rebuild(ctx context.Context, req operate.RebuildRequest, onProgress func(operate.RebuildProgress)) (operate.RebuildResult, error)
	Backup(ctx context.Context, req operate.BackupRequest) (operate.BackupResult, error)
	Decide(ctx context.Context, req operate.DecideRequest) ([]operate.Decided, error)
	Verify(ctx context.Context, req operate.VerifyRequest, onProgress func(digest.Progress)) (operate.VerifyResult, error)
	StoreInventory(ctx context.Context, b inventory.Batch) (operate.InventoryResult, error)
}

// workplace is a store that can be changed, and asked what came of it: by this
// process, or through the server that has it open.
type workplace struct {
	operator
	engine

	// server is nil when this process does the work.
	server server
}

// openOptions say what a command that changes a store needs of one in this
// process.
type openOptions struct {
	// check says what is wrong before the store is opened.
	check func() error
	// create makes a store where there is none.
	create bool
	// ingest is for a store that takes what is decoded meanwhile.
	ingest bool
	// backup is for a store that is copied.
	backup bool
	// operate are the options of the operator, besides those of every command.
	operate operate.Options
}

// openToChange opens the store to change it.
func (a *app) openToChange(ctx context.Context, cfg config.Config, opts openOptions) (*workplace, error) {
	s, err := a.server(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if s != nil {
		return &workplace{operator: s, engine: s, server: s}, nil
	}
	if opts.check != nil {
		if err := opts.check(); err != nil {
			return nil, err
		}
	}
	if !opts.create {
		if err := mustExist(cfg); err != nil {
			return nil, err
		}
	}
	store, err := a.openToWrite(ctx, cfg, opts)
	if err != nil {
		return nil, err
	}
	return &workplace{operator: operate.New(store, cfg, a.operatorOptions(opts.operate)), engine: store}, nil
}

// operatorOptions adds what every command has.
func (a *app) operatorOptions(opts operate.Options) operate.Options {
	opts.Now, opts.Log, opts.Details, opts.Version = a.now, a.log, a.detailLogger(), version
	return opts
}
