//go:build clients && !linux

package clients

import "syscall"

// endWithParent has no equivalent here: a server whose test is killed goes on.
func endWithParent() *syscall.SysProcAttr { return nil }
