package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/bench/organisation"
	"github.com/kmstrail/kmstrail/internal/client"
	"github.com/kmstrail/kmstrail/internal/instance"
)

// trial is one run against a served store.
type trial struct {
	*settings
	state    *state
	base     time.Time // of the server's clock
	progress io.Writer

	bucketEnv []string
	server    *process
	served    time.Time // when its clock started
	clients   []*client.Client
	grafana   *grafana
	feed      *feed
	lag       lag
}

// lag is how far the store is behind the bucket.
type lag struct {
	// most events that were put and not stored, and how long the last took.
	most  int64
	drain time.Duration
}

func (t *trial) run(ctx context.Context) (_ *report, err error) {
	feedDir, bucketDir := filepath.Join(t.dir, "feed"), filepath.Join(t.dir, "bucket")
	clean := func() error { return errors.Join(os.RemoveAll(feedDir), os.RemoveAll(bucketDir)) }
	if err := clean(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clean()) }()
	if err := t.prepareBucket(bucketDir); err != nil {
		return nil, err
	}
	if t.feed, err = t.makeFeed(ctx, feedDir); err != nil {
		return nil, err
	}
	t.state.Stream++
	if err := t.state.save(); err != nil {
		return nil, err
	}
	bucket, err := start(ctx, t.dir, "s3", nil, &t.bucketEnv, "-bucket", bucketDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bucket.stop()) }()
	if err := t.startServer(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.server.stop()) }()
	return t.judge(ctx)
}

// prepareBucket puts a log file of the day before for each account and Region:
// the server looks for new ones once an hour.
func (t *trial) prepareBucket(dir string) error {
	for _, p := range organisation.New().Places() {
		key := organisation.LogPrefix(p.Account, p.Region, t.base.AddDate(0, 0, -1)) +
			fmt.Sprintf("%s_CloudTrail_%s_%s_%016X.json.gz", p.Account, p.Region, t.base.AddDate(0, 0, -1).Format("20060102T1504Z"), t.state.Stream)
		path := filepath.Join(dir, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := writeGzip(path, []byte(`{"Records":[]}`)); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) startServer(ctx context.Context) (err error) {
	var info instance.Info
	opening := time.Now()
	t.server, err = start(ctx, t.dir, "serve", t.bucketEnv, &info, "-store", t.state.path, "-base", t.base.Format(time.RFC3339),
		"-poll", t.poll.String(), "-detectors", t.detect, "-threads", strconv.Itoa(t.threads))
	if err != nil {
		return err
	}
	t.served = time.Now()
	fmt.Fprintf(t.progress, "serving after %s\n", time.Since(opening).Round(time.Millisecond))
	for range connections {
		c, err := client.Open(ctx, client.Target{URL: info.HTTP})
		if err != nil {
			return errors.Join(err, t.server.stop())
		}
		t.clients = append(t.clients, c)
	}
	t.grafana, err = openGrafana(ctx, info.Flight, func() time.Time { return t.now(time.Time{}) })
	if err != nil {
		return errors.Join(err, t.server.stop())
	}
	return nil
}

// now is the server's time.
func (t *trial) now(time.Time) time.Time { return t.base.Add(time.Since(t.served)) }

// judge loads the server and then asks it alone.
func (t *trial) judge(ctx context.Context) (*report, error) {
	defer func() {
		for _, c := range t.clients {
			_ = c.Close() // the server ends
		}
		t.grafana.source.Dispose()
	}()
	choices, err := choose(ctx, t.clients[0])
	if err != nil {
		return nil, err
	}
	r := &report{settings: t.settings}
	if r.before, err = countEvents(ctx, t.clients[0]); err != nil {
		return nil, err
	}
	if err := t.load(ctx, choices, r); err != nil {
		return nil, err
	}
	if r.after, err = t.drained(ctx, r.before); err != nil {
		return nil, err
	}
	r.put, r.lag = t.feed.put.Load(), t.lag
	if err := t.askAlone(ctx, choices, r); err != nil {
		return nil, err
	}
	r.peakMB = t.server.peakMB()
	return r, nil
}

// load is the open load.
func (t *trial) load(ctx context.Context, choices []choice, r *report) error {
	begin, used := time.Now(), t.server.cpu()
	g, working := errgroup.WithContext(ctx)
	watching, stop := context.WithCancel(working)
	g.Go(func() error { return t.feed.run(working, t.bucketEnv, begin) })
	g.Go(func() error {
		defer stop()
		return t.look(working, newViewers(t.clients, choices, t.refresh()), begin, &r.loaded)
	})
	g.Go(func() error { return t.watch(watching, begin, r) })
	g.Go(func() error { return t.lookAtDashboards(watching, choices, r) })
	err := g.Wait()
	stop()
	if took := time.Since(begin).Seconds(); took > 1 {
		r.cores = (t.server.cpu() - used).Seconds() / took
	}
	return err
}

// lookAtDashboards asks the panels of the plugin's dashboards one after another
// until the load ends.
func (t *trial) lookAtDashboards(ctx context.Context, choices []choice, r *report) error {
	for i := 0; ctx.Err() == nil; i++ {
		if err := t.grafana.round(ctx, choices[i%len(choices)], dashboardEvery, &r.dashboards); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// watch prints how it goes and measures how far behind the store is.
func (t *trial) watch(ctx context.Context, begin time.Time, r *report) error {
	for n := 1; ; n++ {
		if wait(ctx, begin.Add(time.Duration(n)*5*time.Second)) != nil {
			return nil //nolint:nilerr // the load has ended
		}
		stored, err := countEvents(ctx, t.clients[0])
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the same
		case err != nil:
			return fmt.Errorf("count events: %w", err)
		}
		behind := t.feed.put.Load() - (stored - r.before)
		t.lag.most = max(t.lag.most, behind)
		if n%3 == 0 {
			rollups, raw := r.loaded.of(fromRollups), r.loaded.of(fromRawDay)
			fmt.Fprintf(t.progress, "%4.0f s: %d queries, p95 %s from rollups, %s over a raw day, %d failed; %d events put, %d behind; server %.2f cores, %.0f MB\n",
				time.Since(begin).Seconds(), len(rollups)+len(raw), ms(percentile(rollups, 0.95)), ms(percentile(raw, 0.95)), len(r.loaded.errors),
				t.feed.put.Load(), behind, t.server.cpu().Seconds()/time.Since(t.served).Seconds(), t.server.peakMB())
		}
	}
}

// drained waits until the store has all that was put, and a little more: what
// comes twice comes later.
func (t *trial) drained(ctx context.Context, before int64) (stored int64, err error) {
	begin := time.Now()
	for time.Since(begin) < 5*time.Minute {
		if stored, err = countEvents(ctx, t.clients[0]); err != nil {
			return stored, err
		}
		if stored >= before+t.feed.put.Load() {
			break
		}
		if err := wait(ctx, time.Now().Add(200*time.Millisecond)); err != nil {
			return stored, err
		}
	}
	t.lag.drain = time.Since(begin)
	if t.feed.total > 0 {
		if err := wait(ctx, time.Now().Add(2*t.poll)); err != nil {
			return stored, err
		}
	}
	return countEvents(ctx, t.clients[0])
}

// askAlone asks each panel by itself, for several keys.
func (t *trial) askAlone(ctx context.Context, choices []choice, r *report) error {
	const times = 20
	panels := allPanels()
	r.alone.cpu = map[string]time.Duration{}
	for i := range dashboardRounds {
		if err := t.grafana.round(ctx, choices[i%len(choices)], 0, &r.dashboardsAlone); err != nil {
			return err
		}
	}
	for i := range times + 1 {
		for n := range panels {
			p := &panels[n]
			begin, used := time.Now(), t.server.cpu()
			err := drain(ctx, t.clients[0], p.place(choices[i%len(choices)], t.now(begin)))
			if i == 0 && err == nil {
				continue // the first is of a cold cache
			}
			r.alone.add(p.name, time.Since(begin), err)
			r.alone.cpu[p.name] += (t.server.cpu() - used) / times
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 0, 64) + " ms"
}
