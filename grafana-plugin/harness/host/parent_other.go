//go:build !linux

package host

import "syscall"

// endWithParent has no equivalent here: a plugin whose host is killed goes on.
func endWithParent() *syscall.SysProcAttr { return nil }
