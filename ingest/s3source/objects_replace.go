package s3source

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/kmstrail/kmstrail/ingest"
)

// GetVersion reads an object as Get does, and tells its version for Replace.
func (o *Objects) GetVersion(ctx context.Context, key string) (body []byte, version string, err error) {
	obj := ingest.Object{Key: key}
	client, err := o.s.connect(ctx)
	if err != nil {
		return nil, "", err
	}
	for attempt := 1; ; attempt++ {
		body, version, err = o.getOnce(ctx, client, obj)
		if err == nil || !bodyBroke(err) || ctx.Err() != nil || attempt >= o.s.cfg.MaxAttempts {
			return body, version, o.s.readError(ctx, obj, err)
		}
		if err := o.s.wait(ctx, attempt, err); err != nil {
			return nil, "", err
		}
	}
}

func (o *Objects) getOnce(ctx context.Context, client *s3.Client, obj ingest.Object) (body []byte, version string, err error) {
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.s.cfg.Bucket, Key: &obj.Key})
	if err != nil {
		return nil, "", err
	}
	defer out.Body.Close()
	body, err = readToEnd(out.Body, obj, nil, maxObject)
	return body, aws.ToString(out.ETag), err
}

// Replace writes an object if it still has the version that GetVersion told; else
// the error wraps ErrChanged. When the answer to a write is lost and the request
// sent again, it finds its own object and says ErrChanged too.
func (o *Objects) Replace(ctx context.Context, key, version string, body []byte) error {
	client, err := o.s.connect(ctx)
	if err != nil {
		return err
	}
	_, err = client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &o.s.cfg.Bucket, Key: &key, Body: bytes.NewReader(body), IfMatch: &version,
	})
	if err == nil {
		return nil
	}
	_, _, status := apiDetails(err)
	switch url := o.url(key); {
	case ctx.Err() != nil:
		return ctx.Err()
	// A conflict is another write under way: whatever comes of it, it is a change.
	case status == http.StatusPreconditionFailed, status == http.StatusNotFound, status == http.StatusConflict:
		return fmt.Errorf("replace %s: %w", url, ErrChanged)
	case status == http.StatusNotImplemented:
		return &Error{
			Code: "NotImplemented", Err: err, Problem: "the service does not support conditional writes (If-Match) at " + url,
			Hint: "several writers cannot share it: use AWS S3, or a service of its kind that has them",
		}
	default:
		return doing("write", url, o.s.explain(err, where{op: "PutObject", key: key}))
	}
}
