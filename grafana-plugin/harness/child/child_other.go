//go:build !linux

package child

import "syscall"

// Attributes has no equivalent here: a program whose starter is killed goes on.
func Attributes() *syscall.SysProcAttr { return nil }

// EndRest does nothing here.
func EndRest(int) {}
