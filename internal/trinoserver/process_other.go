//go:build !linux

package trinoserver

import "syscall"

// endWithParent has no equivalent here: a server whose starter is killed by
// SIGKILL goes on, and must be ended by its process id.
func endWithParent() *syscall.SysProcAttr { return nil }
