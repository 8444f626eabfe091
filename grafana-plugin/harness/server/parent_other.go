//go:build !linux

package server

import "syscall"

// endWithParent has no equivalent here: a server whose starter is killed goes on.
func endWithParent() *syscall.SysProcAttr { return nil }
