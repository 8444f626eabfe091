package trinoserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	loopback = "127.0.0.1"
	scheme   = "local:///"

	defaultMemoryMB     = 2048
	defaultStartTimeout = 3 * time.Minute
	// longestLife ends a server that everybody forgot.
	longestLife = 2 * time.Hour
)

var errTooOld = fmt.Errorf("it lived for %s, which is the limit", longestLife)

// Options say what to start. Root and Logger are required.
type Options struct {
	// Root is the directory that the catalog lake sees, in which it keeps what
	// it knows of schemas and tables, in _metastore.
	Root string
	// Dir takes configuration and logs; default a temporary one that Close
	// removes.
	Dir string
	// Workers is the number of worker processes besides the coordinator, which
	// then only coordinates. With 0 one process does everything.
	Workers int
	// MemoryMB is the heap of each process; default 2048.
	MemoryMB int
	// LargeQueries is for measurements: it starts slower, plans small queries
	// slower, and runs large ones faster.
	LargeQueries bool
	// StartTimeout bounds the start, download excluded; default 3 minutes.
	StartTimeout time.Duration
	Logger       *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MemoryMB == 0 {
		o.MemoryMB = defaultMemoryMB
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = defaultStartTimeout
	}
	return o
}

// Server is a running Trino. It has the catalogs lake (Parquet files below
// Root) and memory.
type Server struct {
	// Version is Trino's, such as 476.
	Version string
	// Root is the directory that the catalog lake sees.
	Root string

	port      int
	processes []*process
	end       context.CancelFunc
	remove    string // directory to remove at the end, if any

	closeOnce sync.Once
	closeErr  error
}

// Start fetches Trino unless it is in the cache, and starts it. The server ends
// with ctx, with Close, and on Linux with this process, however that ends. Only
// Close removes what it wrote.
func Start(ctx context.Context, opts Options) (*Server, error) {
	install, err := Fetch(ctx, opts.Logger)
	if err != nil {
		return nil, err
	}
	return start(ctx, install, opts)
}

func start(ctx context.Context, install *Install, opts Options) (*Server, error) {
	opts = opts.withDefaults()
	s := &Server{Version: install.Version}
	var err error
	if s.Root, err = realPath(opts.Root); err != nil {
		return nil, fmt.Errorf("root of the catalog lake: %w", err)
	}
	opts.Root = s.Root
	if opts.Dir == "" {
		if opts.Dir, err = os.MkdirTemp("", "kmstrail-trino-"); err != nil {
			return nil, err
		}
		s.remove = opts.Dir
	}
	if opts.Dir, err = filepath.Abs(opts.Dir); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.launch(ctx, install, opts); err != nil {
		_ = s.Close() // whose error is part of err
		return nil, fmt.Errorf("start Trino %s: %w", install.Version, err)
	}
	opts.Logger.InfoContext(ctx, "Trino is ready", "version", s.Version, "url", s.URL(), "workers", opts.Workers,
		"java", install.Java.Version, "seconds", int(time.Since(began).Seconds()))
	return s, nil
}

// launch starts the processes and waits until they work.
func (s *Server) launch(ctx context.Context, install *Install, opts Options) error {
	// Cancelled by Close; the server lives on after Start has returned.
	life, end := context.WithTimeoutCause(ctx, longestLife, errTooOld)
	s.end = end
	nodes, err := plan(ctx, opts)
	if err != nil {
		return err
	}
	s.port = nodes[0].port
	for _, n := range nodes {
		if err := writeConfig(n, install, opts, s.port); err != nil {
			return fmt.Errorf("write configuration: %w", err)
		}
		p, err := startProcess(life, n.name, n.dir, grace, install.Java.Path, javaArguments(n, install, opts)...)
		if err != nil {
			return err
		}
		s.processes = append(s.processes, p)
	}
	return s.awaitReady(life, opts, len(nodes))
}

// plan names the nodes, the coordinator first, and gives them ports.
func plan(ctx context.Context, opts Options) ([]node, error) {
	nodes := []node{{name: "coordinator", coordinator: true}}
	for i := range opts.Workers {
		nodes = append(nodes, node{name: fmt.Sprintf("worker-%d", i+1)})
	}
	ports, err := freePorts(ctx, len(nodes))
	if err != nil {
		return nil, err
	}
	for i := range nodes {
		nodes[i].dir = filepath.Join(opts.Dir, nodes[i].name)
		nodes[i].port = ports[i]
	}
	return nodes, nil
}

// freePorts finds ports that nobody listens on. Trino takes them seconds later,
// so they are of a range that no system hands out for connections, and chosen
// at random because of others who do the same.
func freePorts(ctx context.Context, n int) ([]int, error) {
	const first, count, tries = 20000, 12000, 1000
	var ports []int
	var listeners []net.Listener // kept until all are found, so that none is found twice
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	var lc net.ListenConfig
	for range tries {
		port := first + rand.IntN(count)
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		listeners = append(listeners, l)
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("found no %d free ports on %s", n, loopback)
}

// awaitReady waits until all nodes take part in queries.
func (s *Server) awaitReady(ctx context.Context, opts Options, nodes int) error {
	ctx, cancel := context.WithTimeout(ctx, opts.StartTimeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready in time: %w; the end of its log:\n%s", errors.Join(context.Cause(ctx), last), tail(s.processes[0].log))
		case <-tick.C:
		}
		if p := s.ended(); p != nil {
			return p.ownEnd()
		}
		if last = ready(ctx, s.URL(), nodes); last == nil {
			return nil
		}
	}
}

// ready asks the coordinator how many nodes it has.
func ready(ctx context.Context, url string, nodes int) error {
	rows, err := statement(ctx, url, "SELECT count(*) FROM system.runtime.nodes WHERE state = 'active'")
	if err != nil {
		return err
	}
	if len(rows) != 1 || len(rows[0]) != 1 || rows[0][0] != float64(nodes) {
		return fmt.Errorf("%v of %d nodes are active", rows, nodes)
	}
	return nil
}

// ended returns a process that is no longer there.
func (s *Server) ended() *process {
	for _, p := range s.processes {
		select {
		case <-p.ended:
			return p
		default:
		}
	}
	return nil
}

// URL is the coordinator's.
func (s *Server) URL() string { return baseURL(s.port) }

func baseURL(port int) string {
	return "http://" + net.JoinHostPort(loopback, strconv.Itoa(port))
}

// Location names a directory below Root as external_location does.
func (s *Server) Location(dir string) (string, error) { return Location(s.Root, dir) }

// Location names a directory below the root of the catalog lake as
// external_location does.
func Location(root, dir string) (string, error) {
	root, err := realPath(root)
	if err != nil {
		return "", err
	}
	if dir, err = realPath(dir); err != nil {
		return "", err
	}
	rel, err := filepath.Rel(root, dir)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%s is not below %s, which is all that Trino sees", dir, root)
	}
	if strings.ContainsAny(rel, "#?") {
		return "", fmt.Errorf("%s has a # or ?, which Trino takes for more than a name", dir)
	}
	if rel == "." {
		return scheme, nil
	}
	return scheme + filepath.ToSlash(rel), nil
}

func realPath(dir string) (string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// Wait blocks until ctx ends, or one of the processes, which is an error.
func (s *Server) Wait(ctx context.Context) error {
	one := make(chan *process, len(s.processes))
	for _, p := range s.processes {
		go func() {
			select {
			case <-p.ended:
				one <- p
			case <-ctx.Done():
			}
		}()
	}
	select {
	case <-ctx.Done():
		return nil
	case p := <-one:
		return p.ownEnd()
	}
}

// Close ends the processes and waits for their end. If one has ended before, by
// itself, that is the error.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		if p := s.ended(); p != nil && !p.asked {
			s.closeErr = p.ownEnd()
		}
		s.end()
		for _, p := range s.processes {
			<-p.ended
		}
		if s.remove != "" {
			s.closeErr = errors.Join(s.closeErr, os.RemoveAll(s.remove))
		}
	})
	return s.closeErr
}
