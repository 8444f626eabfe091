package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/kmstrail/kmstrail/ingest"
)

// ErrChanged says that an object has another version than the one that was read,
// or is gone.
var ErrChanged = ingest.ErrChanged

// replaceLock is held while an object of a directory is replaced. The operating
// system lets go of it when its process ends, however that happens.
const replaceLock = unfinished + "/.lock"

// lockPoll is how often a lock that another process has is tried again.
const lockPoll = 5 * time.Millisecond

// GetVersion reads a file; its version is a hash over the content.
func (b *dirBucket) GetVersion(ctx context.Context, name string) (body []byte, version string, err error) {
	body, err = b.Get(ctx, name)
	return body, contentHash(body), err
}

func contentHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Replace replaces a file that has still the version that was read.
func (b *dirBucket) Replace(ctx context.Context, name, version string, body []byte) (err error) {
	root, err := b.open(true)
	if err != nil {
		return err
	}
	if err := b.makeDirs(root, unfinished); err != nil {
		return fmt.Errorf("replace %s/%s: %w", b, name, err)
	}
	lock := flock.New(filepath.Join(b.dir, filepath.FromSlash(replaceLock)))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return fmt.Errorf("lock %s: %w", b, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return b.write(ctx, name, body, func(root *os.Root, from string) error {
		there, err := root.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && contentHash(there) != version {
			return ErrChanged
		}
		if err != nil {
			return err
		}
		return root.Rename(from, name)
	})
}

// GetVersion reads an object; its version is the ETag.
func (b *s3Bucket) GetVersion(ctx context.Context, name string) (body []byte, version string, err error) {
	if err := checkName(name); err != nil {
		return nil, "", err
	}
	return b.objects.GetVersion(ctx, b.prefix+name)
}

// Replace replaces an object that has still the ETag that was read.
func (b *s3Bucket) Replace(ctx context.Context, name, version string, body []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	return b.objects.Replace(ctx, b.prefix+name, version, body)
}
