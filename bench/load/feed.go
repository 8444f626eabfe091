package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/bench/organisation"
)

// logFile is a log file that waits to be put into the bucket.
type logFile struct {
	path, key string
	due       time.Duration // after the load begins
	kms       int64
}

// feed is all log files of a run, made beforehand: to make them takes more than
// to read them.
type feed struct {
	files []logFile
	total int64
	put   atomic.Int64 // events
	late  atomic.Int64 // nanoseconds that the last file was put too late
}

// makeFeed writes log files with rate events a second into dir.
func (t *trial) makeFeed(ctx context.Context, dir string) (*feed, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	g := organisation.NewGenerator(organisation.New(), t.state.Stream, 1, func(n int64) time.Time {
		return t.base.Add(time.Duration(float64(n) / t.rate * float64(time.Second)))
	})
	all := int64(t.rate * t.duration.Seconds())
	f := &feed{}
	workers, working := errgroup.WithContext(ctx)
	workers.SetLimit(2)
	start, printed := time.Now(), time.Now()
	for g.Next() < all && working.Err() == nil {
		lf := g.NextLogFile()
		path := filepath.Join(dir, fmt.Sprintf("%06d.json.gz", len(f.files)))
		f.files = append(f.files, logFile{path: path, key: lf.Key, due: lf.Delivered.Sub(t.base), kms: int64(lf.KMS)})
		workers.Go(func() error { return writeGzip(path, lf.Body) })
		if time.Since(printed) > 15*time.Second {
			printed = time.Now()
			fmt.Fprintf(t.progress, "log files with %d of %d events made, %s\n", g.Next(), all, time.Since(start).Round(time.Second))
		}
	}
	f.total = g.Next()
	if err := workers.Wait(); err != nil {
		return nil, fmt.Errorf("make log files: %w", err)
	}
	return f, ctx.Err()
}

func writeGzip(path string, body []byte) error {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := z.Write(body); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, buf.Bytes(), 0o644)
}

// run puts each file when it is due.
func (f *feed) run(ctx context.Context, env []string, start time.Time) error {
	client, err := s3Client(ctx, env)
	if err != nil {
		return err
	}
	for _, file := range f.files {
		if err := wait(ctx, start.Add(file.due)); err != nil {
			return err
		}
		body, err := os.ReadFile(file.path)
		if err != nil {
			return err
		}
		_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucketName), Key: aws.String(file.key), Body: bytes.NewReader(body)})
		if err != nil {
			return fmt.Errorf("put log file: %w", err)
		}
		f.put.Add(file.kms)
		f.late.Store(int64(time.Since(start) - file.due))
	}
	return nil
}

// s3Client is a client for the environment that the S3 server names.
func s3Client(ctx context.Context, env []string) (*s3.Client, error) {
	value := map[string]string{}
	for _, e := range env {
		name, v, _ := strings.Cut(e, "=")
		value[name] = v
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(value["AWS_REGION"]),
		config.WithBaseEndpoint(value["AWS_ENDPOINT_URL"]),
		config.WithCredentialsProvider(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: value["AWS_ACCESS_KEY_ID"], SecretAccessKey: value["AWS_SECRET_ACCESS_KEY"]}, nil
		})))
	if err != nil {
		return nil, err
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), nil
}

// wait waits until a time.
func wait(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
