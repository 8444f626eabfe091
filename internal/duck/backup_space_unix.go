//go:build duckdb_arrow && (linux || darwin)

package duck

import "syscall"

// freeSpace is how many bytes a directory's disk has left for this user.
func freeSpace(dir string) (free uint64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
