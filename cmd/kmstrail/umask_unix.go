//go:build unix

package main

import "syscall"

// keepPrivate lets nobody else read the files that this process makes, until
// undo is called.
func keepPrivate() (undo func()) {
	before := syscall.Umask(0o077)
	return func() { syscall.Umask(before) }
}
