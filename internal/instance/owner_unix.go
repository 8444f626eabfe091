//go:build unix

package instance

import (
	"errors"
	"os"
	"syscall"
)

// ofOwner reports an error unless path is a directory that only the owner of dir
// may enter.
func ofOwner(path, dir string) error {
	if path == dir {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("it is not known whose " + dir + " is")
	}
	return only(path, int(stat.Uid))
}

// ours reports an error unless path is a directory that only this user may
// enter.
func ours(path string) error { return only(path, os.Getuid()) }

func only(path string, uid int) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != uid || info.Mode().Perm() != 0o700 {
		return errors.New(path + " belongs to somebody else; remove it")
	}
	return nil
}
