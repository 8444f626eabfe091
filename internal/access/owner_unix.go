//go:build unix

package access

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// private refuses a file of secrets that others may read or write.
func private(info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("it is no regular file")
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("others may read or write it (mode %04o); chmod 600 it, and revoke tokens that may have been seen", mode)
	}
	return nil
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
