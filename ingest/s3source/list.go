package s3source

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/kmstrail/kmstrail/ingest"
)

const day = 24 * time.Hour

// List visits the selected log files, the earliest delivery dates first. See the
// package comment for what is listed and in which order.
func (s *Source) List(ctx context.Context, sel ingest.Selection, visit func([]ingest.Object) error) error {
	client, err := s.connect(ctx)
	if err != nil {
		return err
	}
	layout, err := s.knownLayout(ctx, sel)
	if err != nil {
		return err
	}
	if layout.Truncated {
		s.cfg.Logger.Warn("gave up searching the bucket for AWSLogs folders: name a longer prefix",
			"bucket", s.cfg.Bucket, "prefix", layout.Prefix)
	}
	if len(layout.Streams) == 0 && len(layout.Denied) == 0 {
		return s.listFlat(ctx, client, layout.Prefix, sel, visit)
	}
	failed := slices.DeleteFunc(slices.Clone(layout.Denied), func(err error) bool {
		place, ok := errors.AsType[*ingest.PlaceError](err)
		return ok && slices.Contains(sel.Except, place.Place)
	})
	jobs, unplanned, err := s.plan(ctx, client, layout, sel)
	if err != nil {
		return err
	}
	unlisted, err := s.walk(ctx, client, jobs, sel, visit)
	if err != nil {
		return err
	}
	if failed = slices.Concat(failed, unplanned, unlisted); len(failed) == 0 {
		return nil
	}
	if len(layout.Denied) == 0 && len(unplanned)+len(unlisted) == len(layout.Streams) {
		return failed[0] // not one place could be listed
	}
	return &ingest.PartialListError{Errs: failed}
}

// onlyThere reports whether an error is about one place: others may be listed
// nevertheless. Credentials, or the way to AWS, are the same for all.
func onlyThere(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	switch e.Code {
	case errCodeForbidden, "SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded":
		return true
	}
	return false
}

// job is one prefix to list.
type job struct {
	prefix string
	place  string    // what a failure is told of: the prefix of its Region
	start  time.Time // first delivery day below it; zero when not dated
	// direct leaves out what lies in folders below.
	direct bool
}

// plan returns the prefixes to list, in the order of their dates, and the places
// of which they could not be found out.
func (s *Source) plan(ctx context.Context, client *s3.Client, layout Layout, sel ingest.Selection) (jobs []job, failed []error, err error) {
	found := make([][]job, len(layout.Streams))
	errs := make([]error, len(layout.Streams))
	first, last := sel.DeliveryDays()
	if last.IsZero() {
		last = s.cfg.Now().UTC().Truncate(day).AddDate(0, 0, 1) // our clock may be behind
	}
	parallel(len(layout.Streams), s.cfg.Concurrency, func(i int) {
		stream := layout.Streams[i]
		switch {
		case slices.Contains(sel.Except, stream.Prefix):
		case !first.IsZero():
			for _, unit := range dateUnits(first, last) {
				found[i] = append(found[i], job{prefix: stream.Prefix + unit.path, start: unit.start})
			}
		case len(layout.Prefix) > len(stream.Prefix):
			found[i] = []job{{prefix: layout.Prefix}}
		default:
			found[i], errs[i] = s.existingMonths(ctx, client, stream.Prefix)
		}
		for n := range found[i] {
			found[i][n].place = stream.Prefix
		}
	})
	for i, err := range errs {
		switch {
		case err == nil:
		case onlyThere(err):
			failed = append(failed, &ingest.PlaceError{Place: layout.Streams[i].Prefix, Err: err})
		default:
			return nil, nil, err
		}
	}
	for _, j := range slices.Concat(found...) {
		if j.start.After(last) {
			continue
		}
		// The given prefix may end below the Region.
		if strings.HasPrefix(layout.Prefix, j.prefix) {
			j.prefix = layout.Prefix
		}
		if strings.HasPrefix(j.prefix, layout.Prefix) {
			jobs = append(jobs, j)
		}
	}
	slices.SortFunc(jobs, func(a, b job) int {
		if a.start.IsZero() != b.start.IsZero() {
			return cmp.Compare(b.start.Unix(), a.start.Unix()) // undated ones last
		}
		return cmp.Or(a.start.Compare(b.start), cmp.Compare(a.prefix, b.prefix))
	})
	return slices.CompactFunc(jobs, func(a, b job) bool { return a.prefix == b.prefix && a.direct == b.direct }), failed, nil
}

// dateUnit is a month, 2026/01/, or a day, 2026/01/02/.
type dateUnit struct {
	path  string
	start time.Time
}

// dateUnits covers the days from first to last with whole months where they fit
// and single days elsewhere: a quiet Region costs one request a month then.
func dateUnits(first, last time.Time) []dateUnit {
	var units []dateUnit
	for d := first; !d.After(last); {
		next := d.AddDate(0, 1, 0)
		if d.Day() == 1 && !next.AddDate(0, 0, -1).After(last) {
			units = append(units, dateUnit{d.Format("2006/01/"), d})
			d = next
			continue
		}
		units = append(units, dateUnit{d.Format("2006/01/02/"), d})
		d = d.AddDate(0, 0, 1)
	}
	return units
}

// existingMonths returns what is below a Region: its months, and anything that
// does not lie in a month.
func (s *Source) existingMonths(ctx context.Context, client *s3.Client, region string) ([]job, error) {
	years, jobs, err := s.children(ctx, client, region)
	if err != nil {
		return nil, err
	}
	for _, year := range years {
		y := strings.TrimSuffix(year[len(region):], delimiter)
		if _, err := time.Parse("2006", y); err != nil || len(y) != 4 {
			jobs = append(jobs, job{prefix: year})
			continue
		}
		months, loose, err := s.children(ctx, client, year)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, loose...)
		for _, month := range months {
			start, _ := time.Parse("2006/01/", month[len(region):]) // zero when it is no month
			jobs = append(jobs, job{prefix: month, start: start})
		}
	}
	return jobs, nil
}

// children returns the folders below prefix, and a job for the objects between
// them when there are any.
func (s *Source) children(ctx context.Context, client *s3.Client, prefix string) (folders []string, loose []job, err error) {
	in := &s3.ListObjectsV2Input{Prefix: &prefix, Delimiter: aws.String(delimiter)}
	for {
		out, err := s.listPage(ctx, client, in)
		if err != nil {
			return nil, nil, err
		}
		for _, p := range out.CommonPrefixes {
			folders = append(folders, aws.ToString(p.Prefix))
		}
		if len(out.Contents) > 0 && loose == nil {
			loose = []job{{prefix: prefix, direct: true}}
		}
		if !aws.ToBool(out.IsTruncated) {
			return folders, loose, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// page is one page of a listing, or why there is none.
type page struct {
	objects []ingest.Object
	err     error
}

// walk lists the jobs, several at once, and visits their pages in order. A place
// that cannot be listed does not stop the others; each is told of once.
func (s *Source) walk(ctx context.Context, client *s3.Client, jobs []job, sel ingest.Selection, visit func([]ingest.Object) error) (failed []error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	// A channel of channels keeps the order; its room bounds what is under way,
	// and the room of each bounds how far a listing runs ahead.
	type listing struct {
		place string
		pages chan page
	}
	ordered := make(chan listing, s.cfg.Concurrency)
	wg.Go(func() {
		defer close(ordered)
		for _, j := range jobs {
			pages := make(chan page, 2)
			select {
			case ordered <- listing{j.place, pages}:
			case <-ctx.Done():
				return
			}
			wg.Go(func() { s.listJob(ctx, client, j, sel, pages) })
		}
	})
	told := map[string]bool{}
	for l := range ordered {
		for p := range l.pages {
			switch {
			case p.err == nil:
				if err := visit(p.objects); err != nil {
					return nil, err
				}
			case !onlyThere(p.err):
				return nil, p.err
			case !told[l.place]:
				told[l.place] = true
				failed = append(failed, &ingest.PlaceError{Place: l.place, Err: p.err})
			}
		}
	}
	return failed, ctx.Err()
}

// listJob sends the pages of one prefix and closes the channel.
func (s *Source) listJob(ctx context.Context, client *s3.Client, j job, sel ingest.Selection, pages chan<- page) {
	defer close(pages)
	send := func(p page) bool {
		select {
		case pages <- p:
			return p.err == nil
		case <-ctx.Done():
			return false
		}
	}
	err := s.eachPage(ctx, client, j, func(contents []types.Object) bool {
		objects := selected(contents, sel, false)
		return len(objects) == 0 || send(page{objects: objects})
	})
	if err != nil {
		send(page{err: err})
	}
}

// eachPage calls f with the objects below a prefix until it returns false.
func (s *Source) eachPage(ctx context.Context, client *s3.Client, j job, f func([]types.Object) bool) error {
	in := &s3.ListObjectsV2Input{Prefix: &j.prefix, MaxKeys: aws.Int32(listPageMaximum)}
	if j.direct {
		in.Delimiter = aws.String(delimiter)
	}
	for {
		out, err := s.listPage(ctx, client, in)
		if err != nil {
			return err
		}
		if !f(out.Contents) || !aws.ToBool(out.IsTruncated) {
			return nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// listFlat lists everything below a prefix without a layout: the log files
// among it by their names, or else all files of JSON records.
func (s *Source) listFlat(ctx context.Context, client *s3.Client, prefix string, sel ingest.Selection, visit func([]ingest.Object) error) error {
	anyNamed := false
	for _, unnamed := range []bool{false, true} {
		var visitErr error
		err := s.eachPage(ctx, client, job{prefix: prefix}, func(contents []types.Object) bool {
			anyNamed = anyNamed || slices.ContainsFunc(contents, func(o types.Object) bool { return isOf(o, sel.Kind()) })
			if objects := selected(contents, sel, unnamed); len(objects) > 0 {
				visitErr = visit(objects)
			}
			return visitErr == nil
		})
		if err != nil || visitErr != nil {
			return cmp.Or(visitErr, err)
		}
		if anyNamed || sel.Digests {
			return nil
		}
	}
	return nil
}

func isOf(o types.Object, kind ingest.Kind) bool {
	_, is := ingest.ParseKey(aws.ToString(o.Key))
	return is == kind
}

// selected returns the selected objects; with unnamed also those that only end
// like files of JSON records.
func selected(contents []types.Object, sel ingest.Selection, unnamed bool) []ingest.Object {
	var all []ingest.Object
	for _, o := range contents {
		key := aws.ToString(o.Key)
		loc, kind := ingest.ParseKey(key)
		switch {
		case kind == sel.Kind() && sel.Includes(loc):
		case kind == ingest.KindUnknown && unnamed && ingest.IsLogName(key):
		default:
			continue
		}
		all = append(all, ingest.Object{
			Key: key, Size: aws.ToInt64(o.Size), ETag: aws.ToString(o.ETag),
			LastModified: aws.ToTime(o.LastModified).UTC(), Location: loc,
		})
	}
	return all
}
