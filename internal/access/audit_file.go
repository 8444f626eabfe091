package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// auditFile is a file that is appended to, and begun anew when it is long
// enough: name, name.1 (the one before), name.2 and so on. The usual library for
// that has had no release since 2023 and leaves a goroutine behind.
type auditFile struct {
	path     string
	maxBytes int64
	keep     int
	f        *os.File
	size     int64
}

func openAuditFile(path string, maxBytes int64, keep int) (*auditFile, error) {
	a := &auditFile{path: path, maxBytes: maxBytes, keep: keep}
	if err := a.open(0o600); err != nil {
		return nil, err
	}
	return a, nil
}

// open opens the current file. A line that a crash left half is ended, so that
// the next one is whole.
func (a *auditFile) open(mode fs.FileMode) error {
	f, err := os.OpenFile(a.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, mode)
	if err != nil {
		return err
	}
	half, err := a.use(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if half {
		return a.append([]byte{'\n'})
	}
	return nil
}

// use makes f the current file, and reports whether it ends amid a line.
func (a *auditFile) use(f *os.File) (half bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	// A group may read it when the operator said so; all others may not.
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		if err := f.Chmod(mode &^ 0o007); err != nil {
			return false, err
		}
	}
	last := []byte{'\n'}
	if info.Size() > 0 {
		if _, err := f.ReadAt(last, info.Size()-1); err != nil {
			return false, err
		}
	}
	a.f, a.size = f, info.Size()
	return last[0] != '\n', nil
}

// append writes whole lines, or none of them.
func (a *auditFile) append(text []byte) error {
	if a.size > 0 && a.size+int64(len(text)) > a.maxBytes {
		if err := a.rotate(); err != nil {
			return err
		}
	}
	n, err := a.f.Write(text)
	if err == nil {
		a.size += int64(n)
		return nil
	}
	if n > 0 {
		err = errors.Join(err, a.f.Truncate(a.size))
	}
	return err
}

// rotate begins a new file; the oldest goes. The new one has the mode of the
// one before. It is made before anything is moved: when that fails, all stays.
func (a *auditFile) rotate() error {
	full := a.f
	info, err := full.Stat()
	if err != nil {
		return fmt.Errorf("begin new audit log: %w", err)
	}
	next, err := os.OpenFile(a.path+".new", os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return fmt.Errorf("begin new audit log: %w", err)
	}
	for i := a.keep; i > 0 && err == nil; i-- {
		if err = os.Rename(a.older(i-1), a.older(i)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Rename(next.Name(), a.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("begin new audit log: %w", err), next.Close())
	}
	if _, err := a.use(next); err != nil {
		return errors.Join(fmt.Errorf("begin new audit log: %w", err), next.Close())
	}
	return errors.Join(full.Sync(), full.Close())
}

func (a *auditFile) older(i int) string {
	if i == 0 {
		return a.path
	}
	return a.path + "." + strconv.Itoa(i)
}

func (a *auditFile) close() error { return errors.Join(a.f.Sync(), a.f.Close()) }
