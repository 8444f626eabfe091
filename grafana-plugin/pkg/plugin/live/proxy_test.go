package live

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fault is what a proxy does to what the server sends, after some bytes of it.
type fault int

const (
	none    fault = iota
	cut           // closes the connection
	stall         // passes nothing more
	drop          // leaves out a byte
	corrupt       // changes a byte
	slow          // waits before each piece
)

// proxy stands between plugin and server.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	fault fault
	after int64 // bytes until it happens
	conns map[net.Conn]bool

	opened atomic.Int64
	pipes  sync.WaitGroup
}

// newProxy passes connections on to the server of an address like grpc://HOST:PORT.
func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: u.Host, conns: map[net.Conn]bool{}}
	p.pipes.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close() // ends accept
		p.closeAll()
		p.pipes.Wait()
	})
	return p
}

func (p *proxy) url(scheme string) string { return scheme + "://" + p.listener.Addr().String() }

// set has something happen to what is sent from now on.
func (p *proxy) set(f fault, after int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.after = f, after
}

// open is how many connections there are.
func (p *proxy) open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns) / 2
}

func (p *proxy) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close() // its pipe sees it
	}
}

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = in.Close() // nobody is there
			continue
		}
		p.opened.Add(1)
		p.mu.Lock()
		p.conns[in], p.conns[out] = true, true
		p.mu.Unlock()
		var both sync.WaitGroup
		both.Go(func() { p.pipe(out, in, false) })
		both.Go(func() { p.pipe(in, out, true) })
		p.pipes.Go(func() {
			both.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.conns, in)
			delete(p.conns, out)
		})
	}
}

// pipe passes bytes until one of the two ends.
func (p *proxy) pipe(to, from net.Conn, hurt bool) {
	defer to.Close()   // both end together
	defer from.Close() // both end together
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		piece, ok := buf[:n], true
		if hurt {
			piece, ok = p.hurt(piece)
		}
		if len(piece) > 0 {
			if _, err := to.Write(piece); err != nil {
				return
			}
		}
		if err != nil || !ok {
			return
		}
	}
}

// hurt does to a piece what was set; false ends the connection.
func (p *proxy) hurt(piece []byte) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == none {
		return piece, true
	}
	if p.fault == slow {
		<-time.After(20 * time.Millisecond)
		return piece, true
	}
	if p.after -= int64(len(piece)); p.after > 0 {
		return piece, true
	}
	switch p.fault {
	case cut:
		p.fault = none // it happens once
		return nil, false
	case stall:
		return nil, true
	case drop:
		p.fault = none
		if len(piece) > 0 {
			piece = piece[1:]
		}
	case corrupt:
		p.fault = none
		if len(piece) > 0 {
			piece[len(piece)/2] ^= 0xff
		}
	}
	return piece, true
}
