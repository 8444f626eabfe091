package access

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ErrStranger says that somebody else's process is at a unix socket.
var ErrStranger = errors.New("this socket is for the user whose server it is")

// Local returns who is at the other end of a unix socket: this process's own
// user, or root. The kernel says who it was that connected.
func Local(c net.Conn) (Principal, error) {
	sc, ok := c.(syscall.Conn)
	if !ok || c.LocalAddr() == nil || c.LocalAddr().Network() != "unix" {
		return Principal{}, errors.New("ask who is at a socket: not a unix socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return Principal{}, fmt.Errorf("ask who is at a socket: %w", err)
	}
	var cred *syscall.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err = errors.Join(err, credErr); err != nil {
		return Principal{}, fmt.Errorf("ask who is at a socket: %w", err)
	}
	return localPrincipal(int(cred.Uid), os.Geteuid())
}

func localPrincipal(peer, own int) (Principal, error) {
	if peer != own && peer != 0 {
		return Principal{}, ErrStranger
	}
	return Principal{Name: localPrefix + userName(peer), Role: Admin}, nil
}

func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil || u.Username == "" {
		return "uid-" + strconv.Itoa(uid) // a container need not know its users
	}
	return u.Username
}
