//go:build !linux

package access

import (
	"errors"
	"net"
	"os/user"
)

// ErrStranger says that somebody else's process is at a unix socket.
var ErrStranger = errors.New("this socket is for the user whose server it is")

// Local returns who is at the other end of a unix socket. It lies in a
// directory that only this process's user may enter, which is the proof.
func Local(c net.Conn) (Principal, error) {
	if c.LocalAddr() == nil || c.LocalAddr().Network() != "unix" {
		return Principal{}, errors.New("ask who is at a socket: not a unix socket")
	}
	name := "owner"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	return Principal{Name: "local:" + name, Role: Admin}, nil
}
