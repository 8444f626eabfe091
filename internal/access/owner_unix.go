//go:build unix

package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// private refuses a file of secrets that others may read or write, or have put
// there: where everybody may make files, the first to come could make tokens.
func private(path string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("it is no regular file")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("others may read or write it (mode %04o); chmod 600 it, and revoke tokens that may have been seen", mode)
	}
	uid, _, ok := owner(info)
	if !ok || uid == 0 || uid == os.Geteuid() {
		return nil
	}
	// Root looks at the tokens of a server of another user, whose directory it is.
	if dir, err := os.Stat(filepath.Dir(path)); err == nil && os.Geteuid() == 0 {
		if dirUID, _, ok := owner(dir); ok && dirUID == uid {
			return nil
		}
	}
	return fmt.Errorf("it belongs to somebody else (user %d); remove it", uid)
}

// keepOwner gives a file that root writes to whom it would belong had the
// server's own user written it: the owner of what lies at path, else of the
// directory. Else a server of another user could not read it.
func keepOwner(name, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	uid, gid, ok := owner(info)
	if !ok || uid == 0 {
		return nil
	}
	return os.Chown(name, uid, gid)
}

func owner(info fs.FileInfo) (uid, gid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}
