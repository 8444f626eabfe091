package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// unfinished is the directory, below that of the lake, in which files are
// written before they get their name. Listings and engines do not see it.
const unfinished = ".unfinished"

// dirBucket is a lake in a directory.
type dirBucket struct {
	dir string

	mu      sync.Mutex
	root    *os.Root            // nil until something is read or written
	durable map[string]struct{} // directories whose entries above them are on disk
}

func openDir(dir string) (*dirBucket, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open lake: %w", err)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open lake: %s is not a directory", dir)
	}
	return &dirBucket{dir: dir, durable: map[string]struct{}{}}, nil
}

func (b *dirBucket) String() string {
	dir := filepath.ToSlash(b.dir)
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir // a drive letter
	}
	return (&url.URL{Scheme: "file", Path: dir}).String()
}

// open returns the root; fs.ErrNotExist when the directory is not there and
// should not be made.
func (b *dirBucket) open(create bool) (*os.Root, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.root != nil {
		return b.root, nil
	}
	if create {
		if err := os.MkdirAll(b.dir, 0o777); err != nil {
			return nil, fmt.Errorf("make directory of lake: %w", err)
		}
	}
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return nil, fmt.Errorf("open directory of lake: %w", err)
	}
	b.root = root
	return root, nil
}

func (b *dirBucket) Put(ctx context.Context, name string, body []byte) error {
	return b.write(ctx, name, body, func(root *os.Root, from string) error { return root.Rename(from, name) })
}

// Create gives the finished file its name by a hard link, which fails when the
// name is taken.
func (b *dirBucket) Create(ctx context.Context, name string, body []byte) error {
	return b.write(ctx, name, body, func(root *os.Root, from string) error {
		if err := root.Link(from, name); err != nil {
			return err
		}
		return root.Remove(from)
	})
}

// write writes a file whole and gives it its name by place.
func (b *dirBucket) write(ctx context.Context, name string, body []byte, place func(root *os.Root, from string) error) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	root, err := b.open(true)
	if err != nil {
		return err
	}
	if err := b.makeDirs(root, unfinished, path.Dir(name)); err != nil {
		return fmt.Errorf("write %s/%s: %w", b, name, err)
	}
	from := path.Join(unfinished, uuid.NewString())
	err = writeDurably(root, from, body)
	if err == nil {
		err = place(root, from)
	}
	if err != nil {
		return fmt.Errorf("write %s/%s: %w", b, name, errors.Join(err, ignoreMissing(root.Remove(from))))
	}
	return syncDir(root, path.Dir(name))
}

// makeDirs makes directories, and what names them durable once.
func (b *dirBucket) makeDirs(root *os.Root, dirs ...string) error {
	for _, dir := range dirs {
		b.mu.Lock()
		_, known := b.durable[dir]
		b.mu.Unlock()
		if known {
			continue
		}
		if err := root.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		for above := dir; above != "."; {
			above = path.Dir(above)
			if err := syncDir(root, above); err != nil {
				return err
			}
		}
		b.mu.Lock()
		b.durable[dir] = struct{}{}
		b.mu.Unlock()
	}
	return nil
}

func writeDurably(root *os.Root, name string, body []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if _, err := f.Write(body); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncDir makes the entries of a directory durable. Windows cannot and needs not.
func syncDir(root *os.Root, dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (b *dirBucket) Get(ctx context.Context, name string) ([]byte, error) {
	if err := cmp.Or(checkName(name), ctx.Err()); err != nil {
		return nil, err
	}
	root, err := b.open(false)
	if err != nil {
		return nil, err
	}
	body, err := root.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read %s/%s: %w", b, name, err)
	}
	return body, nil
}

func (b *dirBucket) Delete(ctx context.Context, name string) error {
	if err := cmp.Or(checkName(name), ctx.Err()); err != nil {
		return err
	}
	root, err := b.open(false)
	if err != nil {
		return ignoreMissing(err)
	}
	if err := ignoreMissing(root.Remove(name)); err != nil {
		return fmt.Errorf("delete %s/%s: %w", b, name, err)
	}
	return nil
}

func (b *dirBucket) List(ctx context.Context, dir string, visit func(name string, size int64) error) error {
	if err := checkDir(dir); err != nil {
		return err
	}
	root, err := b.open(false)
	if err != nil {
		return ignoreMissing(err)
	}
	return b.list(ctx, root, dir, visit)
}

// list visits what is below dir in the order of the whole names: a-b comes
// before a/b, as S3 has it.
func (b *dirBucket) list(ctx context.Context, root *os.Root, dir string, visit func(name string, size int64) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(root.FS(), cmp.Or(strings.TrimSuffix(dir, "/"), "."))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // S3 has no empty directories either
		}
		return fmt.Errorf("list %s/%s: %w", b, dir, err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortName(a), sortName(b)) })
	for _, e := range entries {
		if err := b.listEntry(ctx, root, dir, e, visit); err != nil {
			return err
		}
	}
	return nil
}

func (b *dirBucket) listEntry(ctx context.Context, root *os.Root, dir string, e fs.DirEntry, visit func(name string, size int64) error) error {
	switch {
	case e.IsDir() && dir == "" && e.Name() == unfinished:
		return nil
	case e.IsDir():
		return b.list(ctx, root, dir+e.Name()+"/", visit)
	case !e.Type().IsRegular():
		return nil
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted since
	}
	if err != nil {
		return fmt.Errorf("list %s/%s: %w", b, dir, err)
	}
	return visit(dir+e.Name(), info.Size())
}

func sortName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}
