package s3source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/kmstrail/kmstrail/ingest"
)

// probedStreams bounds how many accounts and Regions are asked for their newest
// log file.
const probedStreams = 40

// probedBytes bounds the object that is read to prove that it can be.
const probedBytes = 64 << 20

// CheckStatus is the outcome of a check.
type CheckStatus string

// The outcomes of a check.
const (
	CheckOK      CheckStatus = "ok"
	CheckWarning CheckStatus = "warning"
	CheckFailed  CheckStatus = "failed"
	// CheckSkipped was not tried, because an earlier check failed or it does
	// not apply.
	CheckSkipped CheckStatus = "skipped"
)

// Check is one answer of Probe.
type Check struct {
	Name   string // identity, bucket, layout, newest_log_file, read
	Status CheckStatus
	// Detail says what was found or what is wrong.
	Detail string
	// Hint says what to do; "" when there is nothing to do.
	Hint string
	Err  error // nil unless failed
}

// Report is what Probe found. Fields of checks that did not succeed are zero.
type Report struct {
	Checks []Check // in the order they were made

	// AccountID and PrincipalARN are who asks.
	AccountID, PrincipalARN string
	Region                  string
	Layout                  Layout
	// Newest is the newest log file of the probed streams, and NewestAge how
	// long ago it was delivered.
	Newest    *ingest.Object
	NewestAge time.Duration
}

// OK reports whether no check failed.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Status == CheckFailed })
}

// Probe tries what ingesting needs, one thing after the other: who asks, whether
// the bucket answers and where it is, what layout it has, how old the newest log
// file is, and whether one can be read. It costs some dozens of requests.
func (s *Source) Probe(ctx context.Context, sel ingest.Selection) Report {
	var r Report
	r.add("identity", func(c *Check) error { return s.probeIdentity(ctx, &r, c) })
	reached := r.add("bucket", func(c *Check) error {
		_, err := s.connect(ctx)
		r.Region = s.Region()
		c.Detail = fmt.Sprintf("%s is in %s", s.Name(), r.Region)
		return err
	})
	if !reached {
		r.skip("layout", "newest_log_file", "read")
		return r
	}
	if !r.add("layout", func(c *Check) error { return s.probeLayout(ctx, &r, c, sel) }) {
		r.skip("newest_log_file", "read")
		return r
	}
	r.add("newest_log_file", func(c *Check) error { return s.probeNewest(ctx, &r, c) })
	if r.Newest == nil {
		r.skip("read")
		return r
	}
	r.add("read", func(c *Check) error {
		body, err := s.Read(ctx, *r.Newest, nil, probedBytes)
		c.Detail = fmt.Sprintf("read %d bytes of %s", len(body), r.Newest.Key)
		return err
	})
	return r
}

// add makes a check and reports whether what follows can be tried.
func (r *Report) add(name string, try func(*Check) error) bool {
	c := Check{Name: name, Status: CheckOK}
	if err := try(&c); err != nil {
		c.Status, c.Detail, c.Err = CheckFailed, err.Error(), err
		if e, ok := errors.AsType[*Error](err); ok {
			c.Detail, c.Hint = e.Problem, e.Hint
		}
	}
	r.Checks = append(r.Checks, c)
	return c.Status != CheckFailed
}

func (r *Report) skip(names ...string) {
	for _, name := range names {
		r.Checks = append(r.Checks, Check{Name: name, Status: CheckSkipped})
	}
}

func (s *Source) probeIdentity(ctx context.Context, r *Report, c *Check) error {
	switch {
	case s.cfg.Anonymous:
		c.Status, c.Detail = CheckSkipped, "requests are not signed"
		return nil
	case s.cfg.EndpointURL != "" && os.Getenv("AWS_ENDPOINT_URL_STS") == "":
		c.Status, c.Detail = CheckSkipped, "only S3 is asked at "+s.cfg.EndpointURL
		return nil
	}
	if err := s.checkCredentials(ctx); err != nil {
		return err
	}
	out, err := sts.NewFromConfig(s.aws, func(o *sts.Options) {
		o.Region = cmp.Or(o.Region, fallbackRegion)
		o.RetryMaxAttempts = min(3, s.cfg.MaxAttempts)
	}).GetCallerIdentity(ctx, nil)
	if err != nil {
		return explain(err, where{op: "GetCallerIdentity", profile: s.cfg.Profile})
	}
	r.AccountID, r.PrincipalARN = aws.ToString(out.Account), aws.ToString(out.Arn)
	c.Detail = r.PrincipalARN
	return nil
}

func (s *Source) probeLayout(ctx context.Context, r *Report, c *Check, sel ingest.Selection) error {
	layout, err := s.Layout(ctx, sel)
	if err != nil {
		return err
	}
	r.Layout = layout
	accounts, regions, orgs := layout.Accounts(), layout.Regions(), layout.Organizations()
	c.Detail = fmt.Sprintf("%d accounts, %d Regions", len(accounts), len(regions))
	if len(orgs) > 0 {
		c.Detail += ", organisation " + strings.Join(orgs, ", ")
	}
	switch {
	case len(layout.Denied) > 0:
		c.Status, c.Hint = CheckWarning, errors.Join(layout.Denied...).Error()
	case layout.Truncated:
		c.Status, c.Hint = CheckWarning, "the bucket has many other folders and not all were searched: name a prefix"
	case len(layout.Streams) == 0:
		c.Status = CheckWarning
		c.Detail = "no AWSLogs/ACCOUNT/CloudTrail/REGION folders below " + s.Name() + "/" + layout.Prefix
		c.Hint = "check the prefix and the selected accounts and Regions; without this layout every JSON file below the prefix is read"
	}
	return nil
}

func (s *Source) probeNewest(ctx context.Context, r *Report, c *Check) error {
	client, err := s.connect(ctx)
	if err != nil {
		return err
	}
	newest, err := s.newest(ctx, client, r.Layout)
	if err != nil {
		return err
	}
	if newest == nil {
		c.Status, c.Detail = CheckWarning, "no log file found"
		c.Hint = "check that the trail is on and delivers to this bucket"
		return nil
	}
	at := newest.Location.DeliveredAt
	if at.IsZero() {
		at = newest.LastModified
	}
	r.Newest, r.NewestAge = newest, s.cfg.Now().Sub(at)
	c.Detail = fmt.Sprintf("%s, delivered %s", newest.Key, at.Format(time.RFC3339))
	if r.NewestAge > day {
		c.Status, c.Hint = CheckWarning, "nothing was delivered for more than a day: check that the trail is on"
	}
	return nil
}

// newest returns the log file delivered last, nil when there is none.
func (s *Source) newest(ctx context.Context, client *s3.Client, layout Layout) (*ingest.Object, error) {
	streams := layout.Streams
	if len(streams) == 0 {
		return s.newestBelow(ctx, client, layout.Prefix)
	}
	streams = streams[:min(len(streams), probedStreams)]
	days := make([]string, len(streams)) // the newest day's folder of each
	errs := make([]error, len(streams))
	parallel(len(streams), s.cfg.Concurrency, func(i int) {
		prefix := streams[i].Prefix
		if strings.HasPrefix(layout.Prefix, prefix) {
			prefix = layout.Prefix
		}
		days[i], errs[i] = s.newestDay(ctx, client, prefix)
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	date := func(i int) string { return strings.TrimPrefix(days[i], streams[i].Prefix) }
	best := 0
	for i := range days {
		if date(i) > date(best) {
			best = i
		}
	}
	return s.newestBelow(ctx, client, days[best])
}

// newestDay descends into the last folder as long as there is one: the last year,
// its last month, its last day.
func (s *Source) newestDay(ctx context.Context, client *s3.Client, prefix string) (string, error) {
	for {
		folders, err := s.listFolders(ctx, client, prefix, maxFolderPages)
		if err != nil || len(folders) == 0 {
			return prefix, err
		}
		prefix = folders[len(folders)-1]
	}
}

// newestBelow returns the object delivered last among those below a prefix,
// looking at no more than maxFolderPages pages.
func (s *Source) newestBelow(ctx context.Context, client *s3.Client, prefix string) (*ingest.Object, error) {
	var newest *ingest.Object
	pages := 0
	err := s.eachPage(ctx, client, job{prefix: prefix}, func(contents []types.Object) bool {
		for _, o := range selected(contents, ingest.Selection{}, true) {
			if newest == nil || later(o, *newest) {
				newest = &o
			}
		}
		pages++
		return pages < maxFolderPages
	})
	return newest, err
}

func later(a, b ingest.Object) bool {
	return cmp.Or(a.Location.DeliveredAt.Compare(b.Location.DeliveredAt), a.LastModified.Compare(b.LastModified)) > 0
}
