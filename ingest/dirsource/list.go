package dirsource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/kmstrail/kmstrail/ingest"
)

// lister is the state of one listing.
type lister struct {
	root    *os.Root
	sel     ingest.Selection
	visit   func([]ingest.Object) error
	skipped map[ingest.Kind]int64
	errs    []error // what could not be listed
}

type directory struct {
	path string // slashes; "." is the root
	day  time.Time
}

// directories returns every directory of the tree in the order of their days.
// Only directories are kept: a tree of a million files is listed in the memory
// of its largest directory.
func (l *lister) directories(ctx context.Context) ([]directory, error) {
	var all []directory
	todo := []string{"."}
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		entries, err := fs.ReadDir(l.root.FS(), dir)
		if err != nil {
			l.fail("list directory", err)
			if len(entries) == 0 {
				continue
			}
		}
		all = append(all, directory{path: dir, day: dayOfDir(dir)})
		for _, e := range entries {
			if e.IsDir() {
				todo = append(todo, path.Join(dir, e.Name()))
			}
		}
	}
	slices.SortFunc(all, func(a, b directory) int { return byDay(a.day, b.day, a.path, b.path) })
	return all, nil
}

// listDir visits the log files of one directory, without those below it.
func (l *lister) listDir(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(l.root.FS(), dir)
	if err != nil && len(entries) == 0 {
		return nil // reported when the tree was walked
	}
	var objs []ingest.Object
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if obj, ok := l.object(path.Join(dir, e.Name()), e); ok {
			objs = append(objs, obj)
		}
	}
	return l.visitPages(objs)
}

// listFile visits one file, whatever its name.
func (l *lister) listFile(name string) error {
	info, err := l.root.Stat(name)
	if err != nil {
		return fmt.Errorf("list log file: %w", err)
	}
	loc, _ := ingest.ParseKey(name)
	return l.visit([]ingest.Object{newObject(name, loc, info)})
}

// visitPages visits objects in pages of one day each.
func (l *lister) visitPages(objs []ingest.Object) error {
	slices.SortFunc(objs, func(a, b ingest.Object) int {
		return byDay(day(a.Location.DeliveredAt), day(b.Location.DeliveredAt), a.Key, b.Key)
	})
	for len(objs) > 0 {
		n, first := 1, day(objs[0].Location.DeliveredAt)
		for n < len(objs) && n < pageSize && day(objs[n].Location.DeliveredAt).Equal(first) {
			n++
		}
		if err := l.visit(objs[:n:n]); err != nil {
			return err
		}
		objs = objs[n:]
	}
	return nil
}

// object returns what a directory entry shows; false when it is not listed.
func (l *lister) object(key string, e fs.DirEntry) (ingest.Object, bool) {
	loc, kind := ingest.ParseKey(key)
	switch {
	case kind == l.sel.Kind() && !l.sel.Includes(loc):
		return ingest.Object{}, false
	case kind == l.sel.Kind(), kind == ingest.KindUnknown && !l.sel.Digests && ingest.IsLogName(key):
	default:
		l.skip(key, kind, e)
		return ingest.Object{}, false
	}
	if !utf8.ValidString(key) {
		l.fail("list log file", fmt.Errorf("%q: the name is not valid UTF-8: rename the file", key))
		return ingest.Object{}, false
	}
	info, err := l.stat(key, e)
	switch {
	case errors.Is(err, fs.ErrNotExist) && e.Type()&fs.ModeSymlink == 0:
		return ingest.Object{}, false // removed meanwhile
	case err != nil:
		l.fail("list log file", err)
		return ingest.Object{}, false
	case info.IsDir():
		return ingest.Object{}, false // a link; the directory itself is walked
	case !info.Mode().IsRegular():
		l.fail("list log file", fmt.Errorf("%s: not a regular file", key))
		return ingest.Object{}, false
	}
	return newObject(key, loc, info), true
}

// skip counts an entry that is no log file. A link to a directory elsewhere is
// more than that: whoever put it there expects its files to be read.
func (l *lister) skip(key string, kind ingest.Kind, e fs.DirEntry) {
	if e.Type()&fs.ModeSymlink == 0 {
		l.skipped[kind]++
		return
	}
	target, err := os.Stat(filepath.Join(l.root.Name(), filepath.FromSlash(key)))
	if err != nil || !target.IsDir() {
		l.skipped[kind]++
		return
	}
	if _, err := l.stat(key, e); err != nil {
		l.fail("list directory", err)
	}
}

// stat follows links inside the tree only.
func (l *lister) stat(key string, e fs.DirEntry) (fs.FileInfo, error) {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Info()
	}
	info, err := l.root.Stat(filepath.FromSlash(key))
	if err != nil {
		return nil, fmt.Errorf("follow the symbolic link %s: %w", key, err)
	}
	return info, nil
}

func newObject(key string, loc ingest.Location, info fs.FileInfo) ingest.Object {
	return ingest.Object{
		Key: key, Size: info.Size(), ETag: etag(info),
		LastModified: info.ModTime().UTC(), Location: loc,
	}
}

func (l *lister) fail(doing string, err error) {
	l.errs = append(l.errs, fmt.Errorf("%s: %w", doing, err))
}
