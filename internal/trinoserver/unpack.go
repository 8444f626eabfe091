package trinoserver

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// neededPart reports whether the server needs a file of the archive, named
// without the archive's top directory: a tenth of the plugins, and not the
// older file systems of Hadoop.
func neededPart(name string) bool {
	switch {
	case strings.HasPrefix(name, "plugin/hive/hdfs/"):
		return false
	case strings.HasPrefix(name, "lib/"), strings.HasPrefix(name, "plugin/hive/"), strings.HasPrefix(name, "plugin/memory/"):
		return true
	}
	return false
}

// unpack writes the needed files of a server's archive to a new directory.
//
// A library that several plugins have is in the archive once, with links to it,
// and that once may be in a plugin not needed. So it is read twice: first for
// which contents are needed under which names, then for these contents.
func unpack(ctx context.Context, archive, dir string) error {
	names := make(map[string][]string) // by the entry that has the content
	err := eachEntry(ctx, archive, func(h *tar.Header, _ io.Reader) error {
		_, name, _ := strings.Cut(h.Name, "/")
		switch {
		case !neededPart(name):
		case h.Typeflag == tar.TypeReg:
			names[h.Name] = append(names[h.Name], name)
		case h.Typeflag == tar.TypeLink:
			names[h.Linkname] = append(names[h.Linkname], name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errors.New("it has no file that a server needs")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return eachEntry(ctx, archive, func(h *tar.Header, content io.Reader) error {
		if wanted := names[h.Name]; h.Typeflag == tar.TypeReg && len(wanted) > 0 {
			return writeAs(root, wanted, content)
		}
		return nil
	})
}

// writeAs writes a content once, with links for its other names.
func writeAs(root *os.Root, names []string, content io.Reader) error {
	for _, name := range names {
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
	}
	f, err := root.Create(names[0])
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, name := range names[1:] {
		if err := root.Link(names[0], name); err != nil {
			return err
		}
	}
	return nil
}

func eachEntry(ctx context.Context, archive string, visit func(*tar.Header, io.Reader) error) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for entries := tar.NewReader(z); ; {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errors.Join(ctx.Err(), visit(h, entries))
		}
		if err != nil {
			return err
		}
	}
}
