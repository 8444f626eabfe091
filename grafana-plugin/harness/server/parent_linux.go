package server

import "syscall"

// endWithParent has the kernel kill the server when this process is killed, which
// leaves it no time to do so.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
