package historysource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/s3source"
)

// What CloudTrail keeps and allows.
const (
	// Kept is how far back the event history goes.
	Kept = 90 * 24 * time.Hour
	// DefaultRequestsPerSecond is the most that AWS allows for an account and
	// Region.
	DefaultRequestsPerSecond = 2
	// Settled is how long after its end an hour is taken for complete.
	Settled = time.Hour

	pageSize       = 50
	maxAttempts    = 8
	attemptTimeout = 30 * time.Second
	eventSource    = "kms.amazonaws.com"
	keyLayout      = "2006-01-02T15"
)

// Config says whose event history to read.
type Config struct {
	// Region to read; "" takes the one of the AWS configuration.
	Region string
	// Profile is a profile of the shared AWS configuration; "" is the default.
	Profile string
	// EndpointURL replaces AWS's endpoints, for tests; "" takes AWS_ENDPOINT_URL.
	EndpointURL string
	// Last is how far back to go; default and maximum Kept.
	Last time.Duration
	// AccountID saves asking STS for it.
	AccountID string
	// Credentials replaces the default search for them.
	Credentials aws.CredentialsProvider
	// RequestsPerSecond bounds the requests; default DefaultRequestsPerSecond.
	// Less leaves room for others who look up events in this account.
	RequestsPerSecond float64
	// MaxBackoff is the longest wait between attempts; default 20 s.
	MaxBackoff time.Duration
	Logger     *slog.Logger
	Now        func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Last <= 0 || c.Last > Kept {
		c.Last = Kept
	}
	if c.RequestsPerSecond <= 0 {
		c.RequestsPerSecond = DefaultRequestsPerSecond
	}
	if c.MaxBackoff <= 0 {
		c.MaxBackoff = s3source.DefaultMaxBackoff
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.EndpointURL = cmp.Or(c.EndpointURL, os.Getenv("AWS_ENDPOINT_URL"))
	return c
}

// Source reads the event history of one account and Region.
type Source struct {
	cfg     Config
	account string
	region  string
	client  *cloudtrail.Client
	pacer   *pacer
	lookups atomic.Int64

	mu   sync.Mutex
	days map[time.Time]*quietDay
}

var _ ingest.Source = (*Source)(nil)

// New reads the AWS configuration and asks STS whose credentials they are.
func New(ctx context.Context, cfg Config) (*Source, error) {
	cfg = cfg.withDefaults()
	opts := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)),
		awsconfig.WithRetryer(func() aws.Retryer { return newRetryer(cfg.MaxBackoff) }),
	}
	if cfg.Profile != "" {
		opts = append(opts, awsconfig.WithSharedConfigProfile(cfg.Profile))
	}
	if cfg.Region != "" {
		opts = append(opts, awsconfig.WithRegion(cfg.Region))
	}
	if cfg.EndpointURL != "" {
		opts = append(opts, awsconfig.WithBaseEndpoint(cfg.EndpointURL))
	}
	if cfg.Credentials != nil {
		opts = append(opts, awsconfig.WithCredentialsProvider(cfg.Credentials))
	}
	ac, err := awsconfig.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("read AWS configuration: %w", s3source.Explain(err))
	}
	if ac.Region == "" {
		return nil, errors.New("open event history: no Region given: set --region or AWS_REGION")
	}
	s := &Source{
		cfg: cfg, account: cfg.AccountID, region: ac.Region,
		pacer: newPacer(cfg.RequestsPerSecond),
		days:  make(map[time.Time]*quietDay),
	}
	s.client = cloudtrail.NewFromConfig(ac, func(o *cloudtrail.Options) {
		o.APIOptions = append(o.APIOptions, s.paceRequests)
	})
	if s.account == "" {
		out, err := sts.NewFromConfig(ac).GetCallerIdentity(ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("open event history: %w", s3source.Explain(err))
		}
		s.account = aws.ToString(out.Account)
	}
	return s, nil
}

func newRetryer(maxBackoff time.Duration) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.Backoff = retry.NewExponentialJitterBackoff(maxBackoff)
		// Throttling is expected here: others look up events too.
		o.RateLimiter = ratelimit.None
	})
}

// Name returns event-history://ACCOUNT/REGION.
func (s *Source) Name() string { return "event-history://" + s.account + "/" + s.region }

// Requests returns zero: looking up events is free of charge.
func (s *Source) Requests() ingest.Requests { return ingest.Requests{} }

// Lookups returns how many LookupEvents requests were made.
func (s *Source) Lookups() int64 { return s.lookups.Load() }

// List visits the hours that sel and the event history have in common, a day at
// a time. It makes no request.
func (s *Source) List(ctx context.Context, sel ingest.Selection, visit func([]ingest.Object) error) error {
	if len(sel.Accounts) > 0 && !slices.Contains(sel.Accounts, s.account) ||
		len(sel.Regions) > 0 && !slices.Contains(sel.Regions, s.region) {
		return ctx.Err()
	}
	now := s.cfg.Now().UTC()
	hour := s.firstHour(now)
	if from := sel.From.UTC().Truncate(time.Hour); from.After(hour) {
		hour = from
	}
	end := now
	if !sel.To.IsZero() && sel.To.Before(end) {
		end = sel.To.UTC()
	}
	var page []ingest.Object
	for ; hour.Before(end); hour = hour.Add(time.Hour) {
		if err := ctx.Err(); err != nil {
			return err
		}
		page = append(page, s.object(hour, now))
		if next := hour.Add(time.Hour); next.Hour() == 0 || !next.Before(end) {
			if err := visit(page); err != nil {
				return err
			}
			page = nil
		}
	}
	return ctx.Err()
}

// firstHour is the first hour that is whole in the history.
func (s *Source) firstHour(now time.Time) time.Time {
	return now.Add(-s.cfg.Last).Truncate(time.Hour).Add(time.Hour)
}

func (s *Source) object(hour, now time.Time) ingest.Object {
	etag, modified := "final", hour.Add(time.Hour+Settled)
	if modified.After(now) {
		modified = now
		etag = "open-" + now.Format(time.RFC3339)
	}
	return ingest.Object{
		Key: s.region + "/" + hour.Format(keyLayout), ETag: etag, LastModified: modified,
		Location: ingest.Location{AccountID: s.account, Region: s.region, DeliveredAt: hour},
	}
}

// Read looks up the events of an hour and appends them to dst, oldest first, as
// {"Events":[{"CloudTrailEvent":"…"},…]}, the form of the AWS CLI's output.
func (s *Source) Read(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	hour, err := s.parseKey(obj.Key)
	if err != nil {
		return dst, err
	}
	events, err := s.eventsOf(ctx, hour, limit)
	if ctx.Err() != nil {
		return dst, ctx.Err()
	}
	if errors.Is(err, errTooLarge) {
		return dst, &ingest.TooLargeError{Key: obj.Key, Size: -1, Limit: limit}
	}
	if err != nil {
		return dst, fmt.Errorf("look up events of %s: %w", obj.Key, s3source.Explain(err))
	}
	start := len(dst)
	if dst, err = appendEvents(dst, events); err != nil {
		return dst[:start], fmt.Errorf("write events of %s: %w", obj.Key, err)
	}
	if size := int64(len(dst) - start); size > limit {
		return dst[:start], &ingest.TooLargeError{Key: obj.Key, Size: size, Limit: limit}
	}
	return dst, nil
}

// parseKey returns the hour of a key.
func (s *Source) parseKey(key string) (time.Time, error) {
	stamp, ok := strings.CutPrefix(key, s.region+"/")
	hour, err := time.Parse(keyLayout, stamp)
	if !ok || err != nil {
		return time.Time{}, fmt.Errorf("look up events of %s: no such hour of %s: %w", key, s.Name(), fs.ErrNotExist)
	}
	if hour.Before(s.cfg.Now().Add(-Kept)) {
		return time.Time{}, fmt.Errorf("look up events of %s: older than 90 days: %w", key, fs.ErrNotExist)
	}
	return hour, nil
}
