// Command demo shows the dashboards on the sample data: it makes the data as
// "kmstrail demo" does, serves it on loopback, and sets up a Grafana with the data
// source, the dashboards, the alert rules, the contact point and the notification
// template of deploy/grafana. Where no Grafana is at hand it is the page of
// grafana-plugin/harness, with the same dashboards. It runs until it is interrupted,
// ends all that it started, and leaves nothing but the sample.
//
//	make demo-grafana
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/kmstrail/kmstrail/grafana-plugin/harness/server"
	"github.com/kmstrail/kmstrail/internal/instance"
	"github.com/kmstrail/kmstrail/sampledata"
)

// pluginID is the plugin's; Grafana reads it from plugin.json.
const pluginID = "kmstrail-kms-datasource"

// options are the flags. Paths are relative to the root of the repository.
type options struct {
	sample   string
	kmstrail string
	dist     string
	deploy   string
	harness  string
	port     int
}

func main() {
	var o options
	flag.StringVar(&o.sample, "dir", "demo", "`DIR` of the sample data; made when it is not there")
	flag.StringVar(&o.kmstrail, "kmstrail", "bin/kmstrail", "`PROGRAM` that makes the data and serves it")
	flag.StringVar(&o.dist, "dist", "grafana-plugin/dist", "`DIR` of the built plugin")
	flag.StringVar(&o.deploy, "deploy", "deploy/grafana", "`DIR` of what Grafana provisions")
	flag.StringVar(&o.harness, "harness", "bin/harness/harness", "`PROGRAM` of the page without Grafana")
	flag.IntVar(&o.port, "port", 3000, "`PORT` of Grafana on loopback")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stopped := ctx.Err() != nil
	stop()
	if err != nil && !(stopped && errors.Is(err, context.Canceled)) {
		fmt.Fprintln(os.Stderr, "demo-grafana:", err)
		os.Exit(1)
	}
}

// demo is what runs of one.
type demo struct {
	options
	surroundings
	// tmp holds all that is thrown away.
	tmp    string
	server *server.Server
	truth  sampledata.Truth
	// hook is where notifications go.
	hook string
	out  io.Writer
}

// page is what people look at.
type page struct {
	url, login string
	// process serves it; nil when that is not ours.
	process *process
	close   func() error
}

func run(ctx context.Context, o options) (err error) {
	tmp, err := os.MkdirTemp("", "kmstrail-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	d := &demo{options: o, surroundings: machine(), tmp: tmp, out: os.Stdout}
	w, why, err := d.choose(ctx)
	for _, reason := range why {
		d.say("%s", reason)
	}
	if err != nil {
		return err
	}
	if w.serves {
		if err := free(ctx, o.port); err != nil {
			return err
		}
	}
	if err := d.store(ctx); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(tmp, "kmstrail.log"))
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // it is removed
	if d.server, err = server.Start(ctx, server.Options{
		Program: o.kmstrail, Dir: filepath.Join(tmp, "store"), Sample: o.sample, Filled: true, HTTP: "127.0.0.1:0", Log: log,
	}); err != nil {
		return errors.Join(err, tail(log.Name()))
	}
	defer func() { err = errors.Join(err, d.server.Close()) }()
	hook, err := listen(ctx, d.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hook.Close()) }()
	d.hook = "http://" + hook.Addr + "/"
	p, err := w.show(ctx, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	d.tell(w, p)
	if err := p.wait(ctx); err != nil {
		return fmt.Errorf("%s ended by itself: %w", w.name, err)
	}
	d.say("ending")
	return nil
}

// wait returns when the demo is interrupted, or with why what serves the page ended.
func (p page) wait(ctx context.Context) error {
	if p.process == nil {
		<-ctx.Done()
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-p.process.ended:
		return p.process.err
	}
}

func (d *demo) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, "demo-grafana: "+format+"\n", args...)
}

func (d *demo) tell(w way, p page) {
	_, _ = fmt.Fprintf(d.out, `
  %-10s %s%s
  kmstrail   %s, status page %s (any name, password %s)

The sample is of %s to %s: dashboards begin with that range. Ctrl-C ends all of it; %s stays.

`, w.name, p.url, p.login, d.server.Address, d.server.HTTP+"/", d.server.Token, d.truth.Start.Format("2 January"), d.truth.End.Add(-time.Second).Format("2 January 2006"), d.sample)
}

// store copies the sample's store, so that what the demo does to it goes with it.
func (d *demo) store(ctx context.Context) error {
	if err := d.make(ctx); err != nil {
		return err
	}
	to := filepath.Join(d.tmp, "store")
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	_, err := d.run(ctx, []string{"KMSTRAIL_SERVER_BACKUPS=" + to}, d.kmstrail, "backup", "kmstrail.duckdb", "--quiet",
		"--config", filepath.Join(d.sample, "kmstrail.yaml"), "--db", filepath.Join(d.sample, "kmstrail.duckdb"))
	return err
}

// make makes the sample where there is none yet.
func (d *demo) make(ctx context.Context) error {
	db := filepath.Join(d.sample, "kmstrail.duckdb")
	if _, err := os.Stat(db); err == nil {
		if _, err := instance.Find(db); err == nil {
			d.say("a server has %s open; a copy is shown", db)
		}
	} else {
		d.say("making the sample data in %s", d.sample)
		made, err := d.run(ctx, nil, d.kmstrail, "demo", "--dir", d.sample)
		if err != nil {
			return err
		}
		_, _ = io.WriteString(d.out, made)
	}
	text, err := os.ReadFile(filepath.Join(d.sample, "truth.json"))
	if err != nil {
		return fmt.Errorf("read what the sample is of: %w; %s is no demo: name another directory", err, d.sample)
	}
	return json.Unmarshal(text, &d.truth)
}

// machine is what this one has.
func machine() surroundings {
	return surroundings{getenv: os.Getenv, goos: runtime.GOOS, find: look, run: command}
}
