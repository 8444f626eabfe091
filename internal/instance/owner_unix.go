//go:build unix

package instance

import (
	"errors"
	"os"
	"syscall"
)

// ours reports an error unless path is a directory that only this user may
// enter.
func ours(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != os.Getuid() || info.Mode().Perm() != 0o700 {
		return errors.New(path + " belongs to somebody else; remove it")
	}
	return nil
}
