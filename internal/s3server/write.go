package s3server

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/johannesboyne/gofakes3"
)

// uploading begins the names of files that are being written. Listings do not
// show them.
const uploading = ".uploading-"

// refuseWrite answers a write to a bucket that is read-only.
func (s *Server) refuseWrite(w http.ResponseWriter, r *http.Request) bool {
	if s.cfg.Writable || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return false
	}
	s.writeError(w, r, apiError{Status: http.StatusForbidden, Code: "AccessDenied", Message: "Access Denied"})
	return true
}

// PutObject implements gofakes3.Backend. The object is there whole or not at all,
// and of several conditional puts (If-None-Match: *, or If-Match with one version)
// one succeeds.
func (b *bucket) PutObject(name, key string, _ map[string]string, body io.Reader, size int64, conditions *gofakes3.PutConditions) (gofakes3.PutObjectResult, error) {
	var done gofakes3.PutObjectResult
	if err := b.mayWrite(name, key); err != nil {
		return done, err
	}
	temporary, err := b.upload(body, size)
	if err != nil {
		return done, err
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	if conditions != nil && (conditions.IfNoneMatch != nil && b.has(key) || conditions.IfMatch != nil && !b.isVersion(key, *conditions.IfMatch)) {
		return done, b.discard(temporary, gofakes3.ErrPreconditionFailed)
	}
	if err := b.place(temporary, key); err != nil {
		return done, b.discard(temporary, err)
	}
	return done, nil
}

// DeleteObject implements gofakes3.Backend. That there is no such object is no
// error.
func (b *bucket) DeleteObject(name, key string) (gofakes3.ObjectDeleteResult, error) {
	var done gofakes3.ObjectDeleteResult
	if err := b.mayWrite(name, key); err != nil {
		return done, err
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	if err := b.root.Remove(filepath.FromSlash(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, fmt.Errorf("delete object: %w", err)
	}
	b.forget(key)
	return done, nil
}

// DeleteMulti implements gofakes3.Backend.
func (b *bucket) DeleteMulti(name string, keys ...string) (gofakes3.MultiDeleteResult, error) {
	var done gofakes3.MultiDeleteResult
	for _, key := range keys {
		if _, err := b.DeleteObject(name, key); err != nil {
			return done, err
		}
		done.Deleted = append(done.Deleted, gofakes3.ObjectID{Key: key})
	}
	return done, nil
}

// mayWrite refuses what cannot be an object. Keys that are no path, which S3
// would take, cannot be kept in a directory.
func (b *bucket) mayWrite(name, key string) error {
	switch {
	case name != b.name:
		return gofakes3.BucketNotFound(name)
	case !fs.ValidPath(key) || !filepath.IsLocal(filepath.FromSlash(key)):
		return gofakes3.ResourceError(gofakes3.ErrInvalidURI, key)
	}
	return nil
}

// upload writes the body to a file of its own.
func (b *bucket) upload(body io.Reader, size int64) (string, error) {
	name := uploading + rand.Text()
	f, err := b.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("write object: %w", err)
	}
	n, err := io.Copy(f, body)
	if err == nil && n != size {
		err = gofakes3.ErrIncompleteBody
	}
	if err = cmp.Or(err, f.Close()); err != nil {
		return "", b.discard(name, err)
	}
	return name, nil
}

// discard removes an uploaded file and returns why. gofakes3 knows its errors
// only as they are, so nothing is wrapped around them.
func (b *bucket) discard(temporary string, why error) error {
	if err := b.root.Remove(temporary); err != nil {
		return fmt.Errorf("discard object: %w", err)
	}
	return why
}

// place gives an uploaded file its key.
func (b *bucket) place(temporary, key string) error {
	if err := b.root.MkdirAll(filepath.FromSlash(path.Dir(key)), 0o755); err != nil {
		return fmt.Errorf("write object: %w", err)
	}
	if err := b.root.Rename(temporary, filepath.FromSlash(key)); err != nil {
		return fmt.Errorf("write object: %w", err)
	}
	info, err := b.root.Stat(filepath.FromSlash(key))
	if err != nil {
		return fmt.Errorf("write object: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := entry{key, info.Size(), info.ModTime()}
	if at, found := b.find(key); found {
		b.entries[at] = e
	} else {
		b.entries = slices.Insert(b.entries, at, e)
	}
	return nil
}

// forget takes a key out of listings.
func (b *bucket) forget(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at, found := b.find(key); found {
		b.entries = slices.Delete(b.entries, at, at+1)
	}
}

func (b *bucket) find(key string) (int, bool) {
	return slices.BinarySearchFunc(b.entries, key, func(e entry, key string) int { return strings.Compare(e.key, key) })
}

// has asks the directory, which knows more than the last listing.
func (b *bucket) has(key string) bool {
	info, err := b.root.Stat(filepath.FromSlash(key))
	return err == nil && info.Mode().IsRegular()
}

// isVersion reports whether an object has an ETag.
func (b *bucket) isVersion(key, etag string) bool {
	info, err := b.root.Stat(filepath.FromSlash(key))
	return err == nil && gofakes3.FormatETag(hash(key, info.Size(), info.ModTime())) == `"`+strings.Trim(etag, `"`)+`"`
}
