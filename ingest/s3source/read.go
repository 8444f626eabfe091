package s3source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/kmstrail/kmstrail/ingest"
)

// ErrChanged is ingest.ErrChanged: the object was replaced after it was listed.
var ErrChanged = ingest.ErrChanged

// Read appends the stored bytes of an object to dst. With obj.ETag set only that
// version is read, else whatever is there.
func (s *Source) Read(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	dst, _, err := s.ReadMetadata(ctx, obj, dst, limit)
	return dst, err
}

// ReadMetadata is Read that also returns the user metadata of the object, the names
// in lower case and without x-amz-meta-.
func (s *Source) ReadMetadata(ctx context.Context, obj ingest.Object, dst []byte, limit int64) (_ []byte, metadata map[string]string, err error) {
	if obj.Size > limit {
		return dst, nil, &ingest.TooLargeError{Key: obj.Key, Size: obj.Size, Limit: limit}
	}
	client, err := s.connect(ctx)
	if err != nil {
		return dst, nil, err
	}
	start := len(dst)
	for attempt := 1; ; attempt++ {
		dst, metadata, err = s.readOnce(ctx, client, obj, dst[:start], limit)
		if err == nil || !bodyBroke(err) || ctx.Err() != nil || attempt >= s.cfg.MaxAttempts {
			return dst, metadata, s.readError(ctx, obj, err)
		}
		if err := s.wait(ctx, attempt, err); err != nil {
			return dst, nil, err
		}
	}
}

// Stat returns what there is of an object; fs.ErrNotExist, wrapped, when it is
// gone.
func (s *Source) Stat(ctx context.Context, key string) (ingest.Object, error) {
	client, err := s.connect(ctx)
	if err != nil {
		return ingest.Object{}, err
	}
	out, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.cfg.Bucket, Key: &key, RequestPayer: s.payer()})
	if _, _, status := apiDetails(err); status == http.StatusNotFound {
		return ingest.Object{}, fmt.Errorf("look for %s/%s: %w", s.Name(), key, fs.ErrNotExist)
	}
	if err != nil {
		return ingest.Object{}, s.readError(ctx, ingest.Object{Key: key}, err)
	}
	loc, _ := ingest.ParseKey(key)
	return ingest.Object{
		Key: key, Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag),
		LastModified: aws.ToTime(out.LastModified).UTC(), Location: loc,
	}, nil
}

// bodyError is a failure after the headers came, which the SDK does not retry.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

func bodyBroke(err error) bool {
	_, ok := errors.AsType[*bodyError](err)
	return ok
}

func (s *Source) readOnce(ctx context.Context, client *s3.Client, obj ingest.Object, dst []byte, limit int64) ([]byte, map[string]string, error) {
	in := &s3.GetObjectInput{Bucket: &s.cfg.Bucket, Key: &obj.Key, RequestPayer: s.payer()}
	if obj.ETag != "" {
		in.IfMatch = &obj.ETag
	}
	out, err := client.GetObject(ctx, in)
	if err != nil {
		return dst, nil, err
	}
	defer out.Body.Close()
	dst, err = readBody(out, obj, dst, limit)
	return dst, out.Metadata, err
}

func readBody(out *s3.GetObjectOutput, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	if out.ContentLength == nil {
		return readToEnd(out.Body, obj, dst, limit)
	}
	size := *out.ContentLength
	if size > limit {
		return dst, &ingest.TooLargeError{Key: obj.Key, Size: size, Limit: limit}
	}
	start := len(dst)
	dst = slices.Grow(dst, int(size))
	n, err := io.ReadFull(out.Body, dst[start:start+int(size)])
	if err != nil {
		return dst[:start+n], &bodyError{fmt.Errorf("body ended after %d of %d bytes: %w", n, size, err)}
	}
	// The end of the body is where a checksum is compared.
	if _, err := io.Copy(io.Discard, out.Body); err != nil {
		return dst, &bodyError{err}
	}
	return dst[:start+n], nil
}

// readToEnd reads a body of unknown length.
func readToEnd(r io.Reader, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return dst, &bodyError{err}
	}
	if int64(len(body)) > limit {
		return dst, &ingest.TooLargeError{Key: obj.Key, Size: -1, Limit: limit}
	}
	return append(dst, body...), nil
}

// wait waits before the next attempt.
func (s *Source) wait(ctx context.Context, attempt int, cause error) error {
	delay, err := s.backoff.BackoffDelay(attempt, cause)
	if err != nil {
		return err
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (s *Source) readError(ctx context.Context, obj ingest.Object, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := errors.AsType[*ingest.TooLargeError](err); ok {
		return err
	}
	url := s.Name() + "/" + obj.Key
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "NoSuchKey":
			return fmt.Errorf("read %s: %w", url, fs.ErrNotExist)
		case "PreconditionFailed":
			return fmt.Errorf("read %s: %w", url, ErrChanged)
		}
	}
	return doing("read", url, s.explain(err, where{op: "GetObject", key: obj.Key}))
}
