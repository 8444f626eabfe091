//go:build duckdb_arrow && !linux && !darwin

package duck

// freeSpace does not know how much room a disk has on this system.
func freeSpace(string) (free uint64, known bool) { return 0, false }
