//go:build !windows

package watch

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// freeSpace returns what this user may still write to the disk of path.
func freeSpace(path string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("read free space of %s: %w", path, err)
	}
	return uint64(s.Bavail) * uint64(s.Bsize), nil //nolint:unconvert // the types differ between systems
}
