package child

import "syscall"

// Attributes are of a program that this one ends: the terminal's Ctrl-C goes to this
// one alone, and the kernel kills the other when this one is killed, which leaves it
// no time to do so.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// EndRest kills what a program that was started with Attributes, and has ended, has
// left behind.
func EndRest(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
