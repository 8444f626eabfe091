package operate

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/config"
)

const bucketScheme = "s3://"

// IsBucket reports whether a source's name is that of a bucket.
func IsBucket(name string) bool { return strings.HasPrefix(name, bucketScheme) }

// CheckSource says what is wrong with the name of a source, without a request.
func CheckSource(name string) error {
	switch {
	case name == "":
		return Usagef("kmstrail ingest s3://BUCKET or kmstrail ingest DIR; or set ingest.source in kmstrail.yaml", "nothing to ingest: no source given")
	case IsBucket(name):
		if u, err := url.Parse(name); err != nil || u.Host == "" {
			return Usagef("write s3://BUCKET or s3://BUCKET/PREFIX", "%q does not name a bucket", name)
		}
	case strings.Contains(name, "://"):
		return Usagef("a source is s3://BUCKET/PREFIX or a directory", "cannot read from %q", name)
	case !strings.ContainsAny(name, `/\.`):
		if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
			return Usagef("for a bucket write s3://"+name, "there is no directory %q", name)
		}
	}
	return nil
}

// OpenSource opens what name names: s3://BUCKET/PREFIX, as cfg says it is
// reached, or a directory. Whoever opens a directory closes it: it is an
// io.Closer.
func OpenSource(ctx context.Context, cfg config.Config, name string, log *slog.Logger) (ingest.Source, error) {
	if err := CheckSource(name); err != nil {
		return nil, err
	}
	if IsBucket(name) {
		return OpenBucket(ctx, cfg, name, log)
	}
	return dirsource.New(name)
}

// OpenBucket opens s3://BUCKET/PREFIX.
func OpenBucket(ctx context.Context, cfg config.Config, name string, log *slog.Logger) (*s3source.Source, error) {
	if err := CheckSource(name); err != nil {
		return nil, err
	}
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(name, bucketScheme), "/")
	return s3source.New(ctx, s3source.Config{
		Bucket: bucket, Prefix: prefix,
		EndpointURL: cfg.AWS.EndpointURL, Profile: cfg.AWS.Profile, Region: cfg.AWS.Region,
		RequesterPays: cfg.Ingest.RequesterPays, Concurrency: cfg.Ingest.Concurrency,
		Logger: log,
	})
}
