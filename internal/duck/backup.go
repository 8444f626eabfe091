//go:build duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Backup copies the database, as it is now, into a new file in
// Options.BackupDir. Reading goes on meanwhile; commits wait.
func (s *Store) Backup(ctx context.Context, name string) error {
	if s.opts.BackupDir == "" {
		return errors.New("back up database: no backup directory is set")
	}
	if name == "" || name != filepath.Base(name) {
		return fmt.Errorf("back up database: %q is not the name of a file", name)
	}
	dir, err := filepath.Abs(s.opts.BackupDir)
	if err != nil {
		return fmt.Errorf("back up database: %w", err)
	}
	dest := filepath.Join(dir, name)
	if _, err := os.Lstat(dest); err == nil {
		return fmt.Errorf("back up database: %s exists", dest)
	}
	s.write.Lock()
	defer s.write.Unlock()
	if s.writer == nil {
		return ErrClosed
	}
	if err := s.copyTo(ctx, dest); err != nil {
		return fmt.Errorf("back up database to %s: %w", dest, err)
	}
	return nil
}

func (s *Store) copyTo(ctx context.Context, dest string) (err error) {
	var current string
	if current, err = s.writer.text(ctx, "SELECT current_database()"); err != nil {
		return err
	}
	if err := s.writer.exec(ctx, "ATTACH "+quote(dest)+" AS backup_copy (STORAGE_VERSION 'latest')"); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.writer.exec(context.WithoutCancel(ctx), "DETACH backup_copy"))
	}()
	return s.writer.exec(ctx, "COPY FROM DATABASE "+ident(current)+" TO backup_copy")
}
