package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/kmstrail/kmstrail/ingest/s3source"
)

// ErrExists says that there is an object of that name.
var ErrExists = fs.ErrExist

// Bucket is where the lake lies: a directory or an S3 prefix. Names are paths
// below it, such as kms_events_parquet/region=eu-west-1/day=2026-01-04/NAME.parquet.
type Bucket interface {
	// Put writes an object, replacing one of that name.
	Put(ctx context.Context, name string, body []byte) error
	// Create writes an object if there is none of that name, whole or not at
	// all; else it returns ErrExists. Several writers may try at once: one wins.
	// ErrExists may mean an object that the same call has written, when the
	// answer to its first attempt was lost.
	Create(ctx context.Context, name string, body []byte) error
	// Get reads an object; fs.ErrNotExist when there is none.
	Get(ctx context.Context, name string) ([]byte, error)
	// GetVersion reads an object as Get does, and tells which version it is.
	GetVersion(ctx context.Context, name string) (body []byte, version string, err error)
	// Replace writes an object if it is still the version that was read; else it
	// returns ErrChanged, which may also mean a version that the same call has
	// written.
	Replace(ctx context.Context, name, version string, body []byte) error
	// List visits the names below a directory (a/b/, or "" for all), in the
	// order of their bytes. An error of visit ends it and is returned.
	List(ctx context.Context, dir string, visit func(name string, size int64) error) error
	// Delete deletes an object; that there is none is no error.
	Delete(ctx context.Context, name string) error
	// String is where it lies: s3://bucket/prefix, or file:///directory.
	String() string
}

// Open opens the lake at a location: DIR, file:///DIR or s3://BUCKET/PREFIX. A
// directory is made when the first object is written. Of the configuration of
// S3, Bucket and Prefix come from the location.
func Open(ctx context.Context, location string, cfg s3source.Config) (Bucket, error) {
	scheme, rest, isURL := strings.Cut(location, "://")
	switch {
	case location == "":
		return nil, errors.New("open lake: no location given")
	case !isURL:
		return openDir(location)
	case scheme == "file":
		return openFileURL(location)
	case scheme != "s3":
		return nil, fmt.Errorf("open lake: %q is neither a directory nor s3://BUCKET/PREFIX", location)
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	if bucket == "" || prefix != "" && !fs.ValidPath(prefix) {
		return nil, fmt.Errorf("open lake: %q does not name a bucket and a prefix: write s3://BUCKET/PREFIX", location)
	}
	cfg.Bucket, cfg.Prefix = bucket, ""
	objects, err := s3source.NewObjects(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return newS3Bucket(objects, bucket, prefix), nil
}

func openFileURL(location string) (Bucket, error) {
	u, err := url.Parse(location)
	if err != nil || u.Host != "" || u.Path == "" {
		return nil, fmt.Errorf("open lake: %q does not name a directory: write file:///DIRECTORY", location)
	}
	return openDir(filepath.FromSlash(u.Path))
}

// createProof is the object by which CheckCreate finds out.
const createProof = "_plans/.create-is-atomic"

// CheckCreate finds out whether the bucket honours Create. There are services
// that answer S3 requests and ignore the condition; two writers would overwrite
// each other there and nobody would notice.
func CheckCreate(ctx context.Context, b Bucket) error {
	for range 2 {
		err := b.Create(ctx, createProof, []byte("This object was created once, by a conditional write.\n"))
		if errors.Is(err, ErrExists) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%s ignores conditional writes (If-None-Match): it created one object twice; several writers cannot share it", b)
}

// checkName refuses names that leave the lake, or that engines would not see.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("%q cannot be the name of an object", name)
	}
	return nil
}

// checkDir accepts "" and what ends in a slash.
func checkDir(dir string) error {
	if dir == "" {
		return nil
	}
	if !strings.HasSuffix(dir, "/") {
		return fmt.Errorf("%q does not end in a slash", dir)
	}
	return checkName(strings.TrimSuffix(dir, "/"))
}
