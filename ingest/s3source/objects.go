package s3source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/kmstrail/kmstrail/ingest"
)

// maxObject bounds what Get reads.
const maxObject = 1 << 30

// Objects reads and writes objects of a bucket by key, whatever they hold. It
// reaches the bucket as a [Source] does: same credentials, Region and patience.
type Objects struct{ s *Source }

// NewObjects reads the AWS configuration. It makes no request. Config.Prefix is
// not applied: keys are whole.
func NewObjects(ctx context.Context, cfg Config) (*Objects, error) {
	s, err := New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Objects{s}, nil
}

// Requests returns the attempts made so far; writes count as reads do.
func (o *Objects) Requests() ingest.Requests { return o.s.Requests() }

// Get reads an object; fs.ErrNotExist when there is none.
func (o *Objects) Get(ctx context.Context, key string) ([]byte, error) {
	return o.s.Read(ctx, ingest.Object{Key: key}, nil, maxObject)
}

// Put writes an object, replacing one of that key.
func (o *Objects) Put(ctx context.Context, key string, body []byte) error {
	return o.put(ctx, key, body, nil)
}

// Create writes an object if there is none of that key, else it returns
// fs.ErrExist. When the answer to a write is lost and the request sent again, it
// finds its own object and says fs.ErrExist too.
func (o *Objects) Create(ctx context.Context, key string, body []byte) error {
	for attempt := 1; ; attempt++ {
		err := o.put(ctx, key, body, aws.String("*"))
		// Another write of the same key is under way; how it ends is not known.
		if errorCode(err) != "ConditionalRequestConflict" || attempt >= o.s.cfg.MaxAttempts {
			return err
		}
		if err := o.s.wait(ctx, attempt, err); err != nil {
			return err
		}
	}
}

func (o *Objects) put(ctx context.Context, key string, body []byte, ifNoneMatch *string) error {
	client, err := o.s.connect(ctx)
	if err != nil {
		return err
	}
	_, err = client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &o.s.cfg.Bucket, Key: &key, Body: bytes.NewReader(body), IfNoneMatch: ifNoneMatch,
	})
	if err == nil {
		return nil
	}
	_, _, status := apiDetails(err)
	switch url := o.url(key); {
	case ctx.Err() != nil:
		return ctx.Err()
	case ifNoneMatch != nil && status == http.StatusPreconditionFailed:
		return fmt.Errorf("create %s: %w", url, fs.ErrExist)
	case ifNoneMatch != nil && status == http.StatusNotImplemented:
		return &Error{
			Code: "NotImplemented", Err: err, Problem: "the service does not support conditional writes (If-None-Match) at " + url,
			Hint: "several writers cannot share it: use AWS S3, or a service of its kind that has them",
		}
	default:
		return doing("write", url, o.s.explain(err, where{op: "PutObject", key: key}))
	}
}

// List visits the keys that begin with prefix, in order, page by page.
func (o *Objects) List(ctx context.Context, prefix string, visit func(key string, size int64) error) error {
	client, err := o.s.connect(ctx)
	if err != nil {
		return err
	}
	var stopped error
	err = o.s.eachPage(ctx, client, job{prefix: prefix}, func(contents []types.Object) bool {
		for _, obj := range contents {
			if stopped = visit(aws.ToString(obj.Key), aws.ToInt64(obj.Size)); stopped != nil {
				return false
			}
		}
		return true
	})
	if stopped != nil {
		return stopped
	}
	return err
}

// Delete deletes an object; that there is none is no error.
func (o *Objects) Delete(ctx context.Context, key string) error {
	client, err := o.s.connect(ctx)
	if err != nil {
		return err
	}
	_, err = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &o.s.cfg.Bucket, Key: &key})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return doing("delete", o.url(key), o.s.explain(err, where{op: "DeleteObject", key: key}))
	}
	return nil
}

func (o *Objects) url(key string) string { return o.s.Name() + "/" + key }

// errorCode returns AWS's error code, "" when err has none.
func errorCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}
