//go:build clients

package clients

import "syscall"

// endWithParent has the kernel kill a child when this process ends.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
