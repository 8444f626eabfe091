package s3server

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
)

// maxKeys is the most entries S3 returns in one page of a listing.
const maxKeys = 1000

// metadataSuffix is what the name of a file ends with that holds the user metadata
// of the object beside it, as "aws s3api head-object" prints it. It is no object.
const metadataSuffix = ".metadata.json"

// bucket is a gofakes3.Backend: the files below a directory, without those whose
// name starts with a dot, and those of metadata.
type bucket struct {
	name    string
	root    *os.Root
	created time.Time

	// writing is held while an object changes, so that the condition of a put
	// still holds when it is done.
	writing sync.Mutex

	mu      sync.RWMutex
	entries []entry // by key
}

type entry struct {
	key      string
	size     int64
	modified time.Time
}

var _ gofakes3.Backend = (*bucket)(nil)

func openBucket(name, dir string) (*bucket, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open bucket directory: %w", err)
	}
	b := &bucket{name: name, root: root, created: time.Now()}
	if err := b.refresh(); err != nil {
		root.Close()
		return nil, err
	}
	return b, nil
}

// refresh reads the tree again.
func (b *bucket) refresh() error {
	var entries []entry
	err := fs.WalkDir(b.root.FS(), ".", func(key string, d fs.DirEntry, err error) error {
		if err != nil || key == "." {
			return err
		}
		if strings.HasPrefix(path.Base(key), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || strings.HasSuffix(key, metadataSuffix) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		entries = append(entries, entry{key, info.Size(), info.ModTime()})
		return nil
	})
	if err != nil {
		return fmt.Errorf("read bucket directory: %w", err)
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	b.mu.Lock()
	b.entries = entries
	b.mu.Unlock()
	return nil
}

// hash stands in for the MD5 of the content, which S3 does not promise either:
// it changes when size or time do, and costs no reading.
func hash(key string, size int64, modified time.Time) []byte {
	buf := binary.BigEndian.AppendUint64(nil, uint64(size))
	buf = binary.BigEndian.AppendUint64(buf, uint64(modified.UnixNano()))
	sum := sha256.Sum256(append(buf, key...))
	return sum[:16]
}

// ListBuckets implements gofakes3.Backend.
func (b *bucket) ListBuckets() ([]gofakes3.BucketInfo, error) {
	return []gofakes3.BucketInfo{{Name: b.name, CreationDate: gofakes3.NewContentTime(b.created)}}, nil
}

// BucketExists implements gofakes3.Backend.
func (b *bucket) BucketExists(name string) (bool, error) { return name == b.name, nil }

// ListBucket implements gofakes3.Backend: keys and common prefixes together in
// the order of their names, at most a page of them.
func (b *bucket) ListBucket(name string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	if name != b.name {
		return nil, gofakes3.BucketNotFound(name)
	}
	var pre, delim string
	if prefix != nil {
		pre, delim = prefix.Prefix, prefix.Delimiter
	}
	limit := int(page.MaxKeys)
	if limit <= 0 || limit > maxKeys {
		limit = maxKeys
	}
	b.mu.RLock()
	defer b.mu.RUnlock()

	list := gofakes3.NewObjectList()
	i := b.search(pre)
	if page.Marker > pre {
		i = b.search(page.Marker)
		// A marker that is a common prefix stands for all keys below it.
		if delim != "" && strings.HasSuffix(page.Marker, delim) {
			i = b.after(page.Marker)
		} else if i < len(b.entries) && b.entries[i].key == page.Marker {
			i++
		}
	}
	last := ""
	for n := 0; i < len(b.entries) && strings.HasPrefix(b.entries[i].key, pre); n++ {
		if n == limit {
			list.IsTruncated = true
			list.NextMarker = last
			break
		}
		e := b.entries[i]
		if end := strings.Index(e.key[len(pre):], delim); delim != "" && end >= 0 {
			last = e.key[:len(pre)+end+len(delim)]
			list.AddPrefix(last)
			i = b.after(last)
			continue
		}
		last = e.key
		list.Add(&gofakes3.Content{
			Key: e.key, Size: e.size, ETag: gofakes3.FormatETag(hash(e.key, e.size, e.modified)),
			LastModified: gofakes3.NewContentTime(e.modified.UTC()), StorageClass: "STANDARD",
		})
		i++
	}
	return list, nil
}

// search returns the index of the first key >= s.
func (b *bucket) search(s string) int {
	return sort.Search(len(b.entries), func(i int) bool { return b.entries[i].key >= s })
}

// after returns the index of the first key behind all that start with prefix.
func (b *bucket) after(prefix string) int {
	return sort.Search(len(b.entries), func(i int) bool {
		k := b.entries[i].key
		return k > prefix && !strings.HasPrefix(k, prefix)
	})
}

// GetObject implements gofakes3.Backend.
func (b *bucket) GetObject(name, key string, rng *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	obj, f, err := b.open(name, key)
	if err != nil {
		return nil, err
	}
	obj.Range, err = rng.Range(obj.Size)
	if err != nil {
		f.Close()
		return nil, err
	}
	obj.Contents = f
	if obj.Range != nil {
		section := io.NewSectionReader(f, obj.Range.Start, obj.Range.Length)
		obj.Contents = struct {
			io.Reader
			io.Closer
		}{section, f}
	}
	return obj, nil
}

// HeadObject implements gofakes3.Backend.
func (b *bucket) HeadObject(name, key string) (*gofakes3.Object, error) {
	obj, f, err := b.open(name, key)
	if err != nil {
		return nil, err
	}
	f.Close()
	obj.Contents = io.NopCloser(strings.NewReader(""))
	return obj, nil
}

func (b *bucket) open(name, key string) (*gofakes3.Object, *os.File, error) {
	if name != b.name {
		return nil, nil, gofakes3.BucketNotFound(name)
	}
	f, err := b.root.Open(filepath.FromSlash(key))
	if err != nil {
		// Also a key that is no local path: no such object either.
		return nil, nil, gofakes3.KeyNotFound(key)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, nil, gofakes3.KeyNotFound(key)
	}
	meta := map[string]string{
		"Last-Modified": info.ModTime().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"),
		"Content-Type":  "application/json",
	}
	if strings.HasSuffix(key, ".gz") {
		meta["Content-Encoding"] = "gzip" // as CloudTrail sets it
	}
	if err := b.addMetadata(meta, key); err != nil {
		f.Close()
		return nil, nil, err
	}
	return &gofakes3.Object{
		Name: key, Size: info.Size(), Metadata: meta,
		Hash: hash(key, info.Size(), info.ModTime()),
	}, f, nil
}

// addMetadata adds the user metadata of an object.
func (b *bucket) addMetadata(meta map[string]string, key string) error {
	text, err := b.root.ReadFile(filepath.FromSlash(key + metadataSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var head struct{ Metadata map[string]string }
	if err == nil {
		err = json.Unmarshal(text, &head)
	}
	if err != nil {
		return fmt.Errorf("read metadata of %s: %w", key, err)
	}
	for name, value := range head.Metadata {
		meta["X-Amz-Meta-"+name] = value
	}
	return nil
}

// There is one bucket, and no copying.

// CreateBucket implements gofakes3.Backend.
func (b *bucket) CreateBucket(string) error { return gofakes3.ErrNotImplemented }

// DeleteBucket implements gofakes3.Backend.
func (b *bucket) DeleteBucket(string) error { return gofakes3.ErrNotImplemented }

// ForceDeleteBucket implements gofakes3.Backend.
func (b *bucket) ForceDeleteBucket(string) error { return gofakes3.ErrNotImplemented }

// CopyObject implements gofakes3.Backend.
func (b *bucket) CopyObject(string, string, string, string, map[string]string) (gofakes3.CopyObjectResult, error) {
	return gofakes3.CopyObjectResult{}, gofakes3.ErrNotImplemented
}
