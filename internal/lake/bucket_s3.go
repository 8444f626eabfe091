package lake

import (
	"context"

	"github.com/kmstrail/kmstrail/ingest/s3source"
)

// s3Bucket is a lake below a prefix of an S3 bucket.
type s3Bucket struct {
	objects *s3source.Objects
	name    string
	prefix  string // "" or ends in a slash
}

func newS3Bucket(objects *s3source.Objects, bucket, prefix string) *s3Bucket {
	b := &s3Bucket{objects: objects, name: "s3://" + bucket}
	if prefix != "" {
		b.name += "/" + prefix
		b.prefix = prefix + "/"
	}
	return b
}

func (b *s3Bucket) String() string { return b.name }

func (b *s3Bucket) Put(ctx context.Context, name string, body []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	return b.objects.Put(ctx, b.prefix+name, body)
}

func (b *s3Bucket) Create(ctx context.Context, name string, body []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	return b.objects.Create(ctx, b.prefix+name, body)
}

func (b *s3Bucket) Get(ctx context.Context, name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return b.objects.Get(ctx, b.prefix+name)
}

func (b *s3Bucket) List(ctx context.Context, dir string, visit func(name string, size int64) error) error {
	if err := checkDir(dir); err != nil {
		return err
	}
	return b.objects.List(ctx, b.prefix+dir, func(key string, size int64) error {
		return visit(key[len(b.prefix):], size)
	})
}

func (b *s3Bucket) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return b.objects.Delete(ctx, b.prefix+name)
}
