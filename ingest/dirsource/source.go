package dirsource

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// pageSize is the most objects in one page of a listing.
const pageSize = 1000

// Source lists and reads the log files below a directory.
type Source struct {
	dir  string
	name string
	// only is the one file to read; "" for the whole directory.
	only string

	mu      sync.Mutex
	root    *os.Root
	last    folder // read from last
	skipped map[ingest.Kind]int64
}

var _ ingest.Source = (*Source)(nil)

// New returns the source of a directory, or of a single file whatever it is
// called. The caller closes it.
func New(name string) (*Source, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("open log directory: %w", err)
	}
	dir, only := abs, ""
	switch {
	case info.Mode().IsRegular():
		if abs, err = filepath.EvalSymlinks(abs); err != nil {
			return nil, fmt.Errorf("open log file: %w", err)
		}
		dir, only = filepath.Split(abs)
		dir = filepath.Clean(dir)
	case !info.IsDir():
		return nil, fmt.Errorf("open %s: neither a directory nor a regular file", abs)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open log directory: %w", err)
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}
	return &Source{dir: dir, root: root, name: u.String(), only: only}, nil
}

// folder is a directory of the tree that is held open.
type folder struct {
	path string // slashes, below the root
	root *os.Root
}

// Close releases the directory.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.root != nil {
		_ = s.last.root.Close() // it was only read
		s.last = folder{}
	}
	return s.root.Close()
}

func (s *Source) opened() *os.Root {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.root
}

// folder returns the directory of a key, held open for the next one: most keys
// lie beside the one before, and from the root each of the eight directories
// above a log file is opened and closed anew, twice. The one before is closed
// when it is collected: others may be reading from it.
func (s *Source) folder(dir string) (*os.Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.root != nil && s.last.path == dir {
		return s.last.root, nil
	}
	root, err := s.root.OpenRoot(filepath.FromSlash(dir))
	if err != nil {
		return nil, err
	}
	s.last = folder{dir, root}
	return root, nil
}

// place returns where to read a key, and its name there. Links are followed from
// the root, as they may lead anywhere in the tree.
func (s *Source) place(key string) (*os.Root, string, error) {
	dir, name := path.Split(key)
	if dir == "" {
		return s.opened(), name, nil
	}
	root, err := s.folder(path.Clean(dir))
	if err != nil {
		return nil, "", err
	}
	if info, err := root.Lstat(name); err != nil || info.Mode().Type() != fs.ModeSymlink {
		return root, name, err
	}
	return s.opened(), filepath.FromSlash(key), nil
}

// current returns the directory that has the name now. Who keeps a source open
// must see when another one was put in its place, or mounted over it; the one
// before would look as if nothing came any more.
func (s *Source) current() (*os.Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := os.Stat(s.dir)
	if err != nil {
		return nil, fmt.Errorf("open log directory: %w", err)
	}
	s.last = folder{} // may have been replaced as well
	if was, err := s.root.Stat("."); err != nil || os.SameFile(was, now) {
		return s.root, nil // one that was closed says so when it is read
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, fmt.Errorf("open log directory: %w", err)
	}
	// Whoever reads from the one before may go on: it is closed when it is
	// collected.
	s.root = root
	return root, nil
}

// Name returns the directory as a file URL.
func (s *Source) Name() string { return s.name }

// Requests returns zero: a directory costs nothing.
func (s *Source) Requests() ingest.Requests { return ingest.Requests{} }

// Skipped returns how many files the last listing passed over, by what they
// are: digests, Insights and so on; KindUnknown counts names that are not those
// of log files. Files outside the selection are not counted.
func (s *Source) Skipped() map[ingest.Kind]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skipped
}

// List visits the log files directory by directory, those of an earlier day
// first, those without a day in their path last. What cannot be listed does
// not stop the rest: it comes back at the end in an *ingest.PartialListError.
func (s *Source) List(ctx context.Context, sel ingest.Selection, visit func([]ingest.Object) error) error {
	root, err := s.current()
	if err != nil {
		return err
	}
	l := lister{root: root, sel: sel, visit: visit, skipped: make(map[ingest.Kind]int64)}
	defer func() {
		s.mu.Lock()
		s.skipped = l.skipped
		s.mu.Unlock()
	}()
	if s.only != "" {
		return l.listFile(s.only)
	}
	dirs, err := l.directories(ctx)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if err := l.listDir(ctx, d.path); err != nil {
			return err
		}
	}
	if len(l.errs) > 0 {
		return &ingest.PartialListError{Errs: l.errs}
	}
	return nil
}

// Read appends the bytes of a file to dst.
func (s *Source) Read(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	root, name, err := s.place(obj.Key)
	if err != nil {
		return dst, fmt.Errorf("read log file %s: %w", obj.Key, err)
	}
	// Look before opening: opening a pipe would wait for its other end.
	info, err := root.Stat(name)
	if err != nil {
		return dst, fmt.Errorf("read log file %s: %w", obj.Key, err)
	}
	if !info.Mode().IsRegular() {
		return dst, fmt.Errorf("read log file %s: not a regular file", obj.Key)
	}
	if info.Size() > limit {
		return dst, &ingest.TooLargeError{Key: obj.Key, Size: info.Size(), Limit: limit}
	}
	if obj.ETag != "" && obj.ETag != etag(info) {
		return dst, fmt.Errorf("read log file %s: %w", obj.Key, ingest.ErrChanged)
	}
	f, err := root.Open(name)
	if err != nil {
		return dst, fmt.Errorf("read log file %s: %w", obj.Key, err)
	}
	defer f.Close()
	return readExactly(f, obj.Key, dst, info.Size())
}

// MetadataSuffix is what the name of a file ends with that holds the metadata which
// an object had in S3, as "aws s3api head-object" prints it. A copy loses it else.
const MetadataSuffix = ".metadata.json"

// maxMetadata is more than S3 keeps for an object.
const maxMetadata = 64 << 10

// ReadMetadata is Read that also returns the user metadata which the object had in
// S3, where there is a file of it; see [MetadataSuffix].
func (s *Source) ReadMetadata(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, map[string]string, error) {
	dst, err := s.Read(ctx, obj, dst, limit)
	if err != nil {
		return dst, nil, err
	}
	text, err := s.Read(ctx, ingest.Object{Key: obj.Key + MetadataSuffix}, nil, maxMetadata)
	if errors.Is(err, fs.ErrNotExist) {
		return dst, nil, nil
	}
	if err != nil {
		return dst, nil, err
	}
	var head struct{ Metadata map[string]string }
	if err := json.Unmarshal(text, &head); err != nil {
		return dst, nil, fmt.Errorf("read the metadata of %s: %s%s is not what aws s3api head-object prints: %w", obj.Key, obj.Key, MetadataSuffix, err)
	}
	return dst, head.Metadata, nil
}

// readExactly appends size bytes of r to dst; a file that has become shorter or
// longer since is one that has changed.
func readExactly(r io.Reader, key string, dst []byte, size int64) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, int(size)+1)
	buf := dst[start : start+int(size)+1]
	n, err := io.ReadFull(r, buf)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		if int64(n) != size {
			return dst, fmt.Errorf("read log file %s: %w", key, ingest.ErrChanged)
		}
		return dst[:start+n], nil
	case err != nil:
		return dst, fmt.Errorf("read log file %s: %w", key, err)
	}
	return dst, fmt.Errorf("read log file %s: %w", key, ingest.ErrChanged)
}

// etag changes with the size and the time of the last change.
func etag(info fs.FileInfo) string {
	return strconv.FormatInt(info.Size(), 16) + "-" + strconv.FormatInt(info.ModTime().UnixNano(), 16)
}

func day(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }

// byDay orders by day, unknown days last, then by name.
func byDay(aDay, bDay time.Time, aName, bName string) int {
	if aDay.IsZero() != bDay.IsZero() {
		if aDay.IsZero() {
			return 1
		}
		return -1
	}
	return cmp.Or(aDay.Compare(bDay), cmp.Compare(aName, bName))
}

// dayOfDir returns the day that a directory's path tells, or zero.
func dayOfDir(dir string) time.Time {
	loc, _ := ingest.ParseKey(path.Join(dir, "x.json"))
	return day(loc.DeliveredAt)
}
