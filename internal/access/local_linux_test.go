package access

import (
	"errors"
	"testing"
)

func TestLocalPrincipal(t *testing.T) {
	for _, c := range []struct {
		peer, own int
		name      string
	}{
		{0, 0, "local:root"},
		{0, 4242, "local:root"},
		{987654, 987654, "local:uid-987654"},
		{4242, 0, ""},
		{4242, 4243, ""},
	} {
		p, err := localPrincipal(c.peer, c.own)
		switch {
		case c.name == "" && (!errors.Is(err, ErrStranger) || p != (Principal{})):
			t.Errorf("user %d at the socket of %d: %v, %v", c.peer, c.own, p, err)
		case c.name != "" && (err != nil || p != Principal{Name: c.name, Role: Admin}):
			t.Errorf("user %d at the socket of %d: %v, %v; want %s", c.peer, c.own, p, err, c.name)
		}
	}
}
