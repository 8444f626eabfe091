package s3source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"

	"github.com/kmstrail/kmstrail/ingest"
)

// The defaults of Config.
const (
	DefaultMaxAttempts    = 8
	DefaultMaxBackoff     = 20 * time.Second
	DefaultAttemptTimeout = time.Minute
	DefaultConcurrency    = 16
	// fallbackRegion signs the request that finds out the bucket's Region.
	fallbackRegion = "us-east-1"
	// credentialsTimeout bounds the search for credentials, which on a machine
	// outside AWS waits for a metadata service that does not exist.
	credentialsTimeout = 15 * time.Second
)

// Config says which bucket to read and how. Bucket is required.
type Config struct {
	Bucket string
	// Prefix is where the logs are; "" searches the bucket for them.
	Prefix string
	// EndpointURL is another S3 than AWS's; "" takes AWS_ENDPOINT_URL_S3 or
	// AWS_ENDPOINT_URL. With an endpoint, buckets are addressed by path.
	EndpointURL string
	// Profile is a profile of the shared AWS configuration; "" is the default.
	Profile string
	// Region of the bucket; "" finds out.
	Region string
	// RequesterPays agrees to pay for requests to somebody else's bucket.
	RequesterPays bool
	// Anonymous reads a public bucket without credentials.
	Anonymous bool
	// Credentials replaces the default search for them.
	Credentials aws.CredentialsProvider

	// MaxAttempts is how often a request is tried; default 8.
	MaxAttempts int
	// MaxBackoff is the longest wait between attempts; default 20 s.
	MaxBackoff time.Duration
	// AttemptTimeout bounds one attempt, the body included; default 1 min.
	AttemptTimeout time.Duration
	// Concurrency is how many prefixes are listed at once; default 16.
	Concurrency int

	Logger *slog.Logger
	Now    func() time.Time
}

func (c Config) withDefaults() Config {
	if c.MaxAttempts <= 0 {
		c.MaxAttempts = DefaultMaxAttempts
	}
	if c.MaxBackoff <= 0 {
		c.MaxBackoff = DefaultMaxBackoff
	}
	if c.AttemptTimeout <= 0 {
		c.AttemptTimeout = DefaultAttemptTimeout
	}
	if c.Concurrency <= 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
		if c.EndpointURL == "" {
			c.EndpointURL = os.Getenv(name)
		}
	}
	c.Prefix = strings.TrimPrefix(c.Prefix, "/")
	return c
}

// Source reads one bucket.
type Source struct {
	cfg         Config
	aws         aws.Config
	backoff     retry.BackoffDelayer
	lists, gets atomic.Int64

	mu     sync.Mutex
	client *s3.Client // nil until connected
	region string
	// rememberFor is how long what is remembered is used; 0 is not at all.
	rememberFor time.Duration
	remembered  map[string]remembered // by selection
}

var _ ingest.Source = (*Source)(nil)

// New reads the AWS configuration. It makes no request: the first use does, so
// that what is wrong with the bucket can be probed.
func New(ctx context.Context, cfg Config) (*Source, error) {
	cfg = cfg.withDefaults()
	if cfg.Bucket == "" {
		return nil, errors.New("open S3 source: no bucket given")
	}
	s := &Source{cfg: cfg, backoff: retry.NewExponentialJitterBackoff(cfg.MaxBackoff)}
	client := awshttp.NewBuildableClient().WithTimeout(cfg.AttemptTimeout).
		WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
		})
	opts := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithHTTPClient(client),
		awsconfig.WithRetryer(s.retryer),
		awsconfig.WithLogger(logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) {
			cfg.Logger.Debug("AWS SDK", "message", fmt.Sprintf(format, v...))
		})),
	}
	if cfg.Profile != "" {
		opts = append(opts, awsconfig.WithSharedConfigProfile(cfg.Profile))
	}
	if cfg.Region != "" {
		opts = append(opts, awsconfig.WithRegion(cfg.Region))
	}
	switch {
	case cfg.Credentials != nil:
		opts = append(opts, awsconfig.WithCredentialsProvider(cfg.Credentials))
	case cfg.Anonymous:
		opts = append(opts, awsconfig.WithCredentialsProvider(aws.AnonymousCredentials{}))
	}
	var err error
	if s.aws, err = awsconfig.LoadDefaultConfig(ctx, opts...); err != nil {
		return nil, fmt.Errorf("read AWS configuration: %w", Explain(err))
	}
	return s, nil
}

// retryer returns the SDK's standard one with more patience. The client-wide
// allowance of retries is off: under a storm of SlowDown it would fail objects
// that a later attempt reads.
func (s *Source) retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = s.cfg.MaxAttempts
		o.MaxBackoff = s.cfg.MaxBackoff
		o.Backoff = s.backoff
		o.RateLimiter = ratelimit.None
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(brokenOff)}, o.Retryables...)
	})
}

// Name returns s3://bucket.
func (s *Source) Name() string { return "s3://" + s.cfg.Bucket }

// Requests returns the attempts made so far.
func (s *Source) Requests() ingest.Requests {
	return ingest.Requests{List: s.lists.Load(), Get: s.gets.Load()}
}

// Region returns the bucket's Region; "" before the first request.
func (s *Source) Region() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.region
}

// connect returns the client for the bucket's Region, found at first use.
func (s *Source) connect(ctx context.Context) (*s3.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		return s.client, nil
	}
	if err := s.checkCredentials(ctx); err != nil {
		return nil, err
	}
	region := s.aws.Region
	if region == "" {
		region = fallbackRegion
	}
	client := s.newClient(region)
	found, err := s.bucketRegion(ctx, client)
	if err != nil {
		return nil, err
	}
	if found != "" && found != region {
		s.cfg.Logger.Info("bucket is in another Region", "bucket", s.cfg.Bucket, "region", found, "configured", region)
		region = found
		client = s.newClient(region)
	}
	s.client, s.region = client, region
	return client, nil
}

func (s *Source) checkCredentials(ctx context.Context) error {
	if s.cfg.Anonymous || s.aws.Credentials == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	if _, err := s.aws.Credentials.Retrieve(limited); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.explain(fmt.Errorf("get credentials: %w", err), where{op: "GetCredentials"})
	}
	return nil
}

// bucketRegion asks where the bucket is; "" when the answer does not say. Only
// what no Region would cure is an error.
func (s *Source) bucketRegion(ctx context.Context, client *s3.Client) (string, error) {
	out, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.cfg.Bucket}, func(o *s3.Options) {
		o.RetryMaxAttempts = min(3, s.cfg.MaxAttempts)
	})
	if err == nil {
		return aws.ToString(out.BucketRegion), nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || response.Response == nil || response.HTTPStatusCode() == 0 || response.HTTPStatusCode() == http.StatusNotFound {
		return "", s.explain(err, where{op: "HeadBucket"})
	}
	return response.Response.Header.Get("X-Amz-Bucket-Region"), nil
}

func (s *Source) newClient(region string) *s3.Client {
	return s3.NewFromConfig(s.aws, func(o *s3.Options) {
		o.Region = region
		o.DisableLogOutputChecksumValidationSkipped = true
		if s.cfg.EndpointURL != "" {
			o.BaseEndpoint = &s.cfg.EndpointURL
			o.UsePathStyle = true
		}
		o.APIOptions = append(o.APIOptions, s.countRequests)
	})
}

func (s *Source) payer() types.RequestPayer {
	if s.cfg.RequesterPays {
		return types.RequestPayerRequester
	}
	return ""
}
