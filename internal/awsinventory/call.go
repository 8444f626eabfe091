package awsinventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"golang.org/x/time/rate"
)

// place is an account and Region that is asked; the Region is "" for services that
// have none.
type place struct{ account, region string }

func (p place) String() string {
	if p.region == "" {
		return p.account
	}
	return p.account + "/" + p.region
}

const (
	// attempts is how often a call is tried.
	attempts = 8
	// slowest is the least share of its rate that a bucket goes down to, recovery
	// the share by which it rises with each call that works.
	slowest  = 1.0 / 16
	recovery = 1.05
)

// caller makes calls: each in its bucket, counted, and again when that may help.
type caller struct {
	rates   map[string]float64
	backoff time.Duration // at most, between two attempts
	log     *slog.Logger

	mu      sync.Mutex
	buckets map[bucketKey]*rate.Limiter
	calls   map[string]int64
}

type bucketKey struct {
	place

	api string
}

func newCaller(rates map[string]float64, backoff time.Duration, log *slog.Logger) *caller {
	c := &caller{rates: map[string]float64{}, backoff: backoff, log: log, buckets: map[bucketKey]*rate.Limiter{}, calls: map[string]int64{}}
	for _, a := range apis {
		c.rates[a.Name] = a.Rate
	}
	maps.Copy(c.rates, rates)
	return c
}

// add counts calls that were made before.
func (c *caller) add(calls map[string]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for api, n := range calls {
		c.calls[api] += n
	}
}

// counted returns how many calls were made, by API.
func (c *caller) counted() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.calls)
}

func (c *caller) bucket(at place, api string) *rate.Limiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := bucketKey{at, api}
	b := c.buckets[key]
	if b == nil {
		b = rate.NewLimiter(rate.Limit(c.rates[api]), 1)
		c.buckets[key] = b
	}
	return b
}

// do makes a call until it is answered, or trying again is of no use.
func (c *caller) do(ctx context.Context, at place, api string, call func(ctx context.Context) error) error {
	if c.rates[api] == 0 {
		return fmt.Errorf("call %s: it is not among those that are made", api)
	}
	b := c.bucket(at, api)
	var err error
	for attempt := range attempts {
		if attempt > 0 {
			if err := pause(ctx, c.backoff, attempt); err != nil {
				return err
			}
		}
		if err := b.Wait(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		c.calls[api]++
		c.mu.Unlock()
		if err = call(ctx); err == nil {
			c.recover(b, api)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case throttled(err):
			c.slow(b, at, api)
		case !worthAnother(err):
			return err
		}
	}
	return err
}

// slow halves the rate of a bucket.
func (c *caller) slow(b *rate.Limiter, at place, api string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.SetLimit(max(b.Limit()/2, rate.Limit(c.rates[api]*slowest)))
	c.log.Debug("throttled, so slower", "api", api, "place", at.String(), "per_second", float64(b.Limit()))
}

func (c *caller) recover(b *rate.Limiter, api string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if full := rate.Limit(c.rates[api]); b.Limit() < full {
		b.SetLimit(min(full, b.Limit()*recovery))
	}
}

// pause waits longer after each attempt, and never as long as others do.
func pause(ctx context.Context, most time.Duration, attempt int) error {
	d := min(most, 250*time.Millisecond<<attempt)
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var (
	throttles  = retry.IsErrorThrottles(retry.DefaultThrottles)
	retryables = retry.IsErrorRetryables(retry.DefaultRetryables)
)

func throttled(err error) bool { return throttles.IsErrorThrottle(err) == aws.TrueTernary }

func worthAnother(err error) bool {
	return retryables.IsErrorRetryable(err) == aws.TrueTernary || code(err) == "KMSInternalException" || code(err) == "DependencyTimeoutException"
}

// code is the error code that AWS answered with, or its HTTP status where it said
// nothing else; "" when it did not answer.
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() != "" && e.ErrorCode() != "UnknownError" {
		return e.ErrorCode()
	}
	if r, ok := errors.AsType[*awshttp.ResponseError](err); ok && r.HTTPStatusCode() >= http.StatusBadRequest {
		return "HTTP" + strconv.Itoa(r.HTTPStatusCode())
	}
	return ""
}

// expired are answers that every further call would get too.
var expired = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}

// isRefusal reports whether an error is an answer about what was asked, beside
// which everything else can go on.
func isRefusal(err error) bool {
	return code(err) != "" && !slices.Contains(expired, code(err))
}
