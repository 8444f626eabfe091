package plugin

import "testing"

// closing counts how often it is closed.
type closing struct {
	server

	closed int
}

func (c *closing) Close() error {
	c.closed++
	return nil
}

func TestLinks(t *testing.T) {
	var opened []*closing
	l := links{open: func() (server, error) {
		c := &closing{}
		opened = append(opened, c)
		return c, nil
	}}
	take := func() *link {
		t.Helper()
		c, err := l.take()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	check := func(when string, closed ...int) {
		t.Helper()
		if len(opened) != len(closed) {
			t.Fatalf("%s: %d were opened", when, len(opened))
		}
		for i, n := range closed {
			if opened[i].closed != n {
				t.Errorf("%s: number %d was closed %d times, want %d", when, i, opened[i].closed, n)
			}
		}
	}
	a, b := take(), take()
	check("shared", 0)
	l.put(a)
	check("idle", 0)
	l.renew(b)
	check("renewed while in use", 0)
	c := take()
	l.renew(b)
	check("renewed by who has an old one", 0, 0)
	l.put(b)
	check("the old one given back", 1, 0)
	l.dispose()
	check("disposed while in use", 1, 0)
	d := take()
	check("taken after that", 1, 0, 0)
	l.put(d)
	check("given back after that", 1, 0, 1)
	l.put(c)
	check("all given back", 1, 1, 1)
	l.dispose()
	check("disposed again", 1, 1, 1)
}
