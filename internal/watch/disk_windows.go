package watch

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// freeSpace returns what this user may still write to the disk of path.
func freeSpace(path string) (uint64, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, fmt.Errorf("read free space of %s: %w", path, err)
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, fmt.Errorf("read free space of %s: %w", path, err)
	}
	return free, nil
}
