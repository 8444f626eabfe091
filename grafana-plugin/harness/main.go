// Command harness is Grafana without Grafana, for tests of the plugin in a
// browser and for trying it by hand: it fills a store with the sample bucket,
// starts kmstrail serve on it and the built plugin as Grafana does, and serves a
// page that loads the plugin's shipped module.js, and the API that it asks.
//
//	make plugin harness && bin/harness/harness
//
// With -server it shows one that runs already, whose token is in KMSTRAIL_TOKEN.
//
// It prints one line of JSON with the page's address and all that a test must
// know, and runs until its standard input ends or it is interrupted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/kmstrail/kmstrail/grafana-plugin/harness/bridge"
	"github.com/kmstrail/kmstrail/grafana-plugin/harness/host"
	"github.com/kmstrail/kmstrail/grafana-plugin/harness/server"
)

// pluginID is the plugin's; Grafana reads it from plugin.json.
const pluginID = "kmstrail-kms-datasource"

// options are the flags. Paths are relative to the root of the repository.
type options struct {
	kmstrail, sample string
	server           string
	dist, program    string
	page, modules    string
	address          string
}

// ready is what is printed when all runs.
type ready struct {
	// URL is the page's.
	URL string `json:"url"`
	// Server and Token are what a person types into the editor of settings.
	Server string `json:"server"`
	Token  string `json:"token"`
	// UIDs of datasources: Datasource works, Refused has a token that the server
	// does not know.
	Datasource string `json:"datasource"`
	Refused    string `json:"refused"`
}

func main() {
	var o options
	flag.StringVar(&o.kmstrail, "kmstrail", "bin/kmstrail", "`PROGRAM` that serves")
	flag.StringVar(&o.sample, "sample", "sampledata", "`DIR` of the sample data")
	flag.StringVar(&o.server, "server", "", "`URL` of a kmstrail serve that runs, instead of starting one")
	flag.StringVar(&o.dist, "dist", "grafana-plugin/dist", "`DIR` of the built plugin")
	flag.StringVar(&o.program, "plugin", "", "`PROGRAM` of the plugin (default the one in -dist for this machine)")
	flag.StringVar(&o.page, "page", "bin/harness/page", "`DIR` of the built page")
	flag.StringVar(&o.modules, "node-modules", "grafana-plugin/node_modules", "`DIR` of the packages, which have Grafana's icons")
	flag.StringVar(&o.address, "address", "127.0.0.1:0", "loopback `ADDRESS` to serve on")
	flag.Parse()
	if o.program == "" {
		o.program = filepath.Join(o.dist, fmt.Sprintf("gpx_kmstrail_%s_%s", runtime.GOOS, runtime.GOARCH))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// The test that started this may be killed: then nobody interrupts it.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	s := &server.Server{Address: o.server, Token: os.Getenv("KMSTRAIL_TOKEN")}
	if o.server == "" {
		var dir string
		if dir, err = os.MkdirTemp("", "kmstrail-harness-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		if s, err = server.Start(ctx, server.Options{Program: o.kmstrail, Dir: dir, Sample: o.sample, Log: os.Stderr}); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
	}
	p, err := host.Start(host.Options{Program: o.program, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer p.Close()
	return serve(ctx, o, s, p)
}

func serve(ctx context.Context, o options, s *server.Server, p *host.Plugin) error {
	listener, err := listen(ctx, o.address)
	if err != nil {
		return err
	}
	out := ready{
		URL: "http://" + listener.Addr().String() + "/", Server: s.Address, Token: s.Token,
		Datasource: "kmstrail", Refused: "kmstrail-refused",
	}
	settings := bridge.Datasource{UID: out.Datasource, Name: "kmstrail", Type: pluginID, URL: s.Address, Secure: map[string]string{"token": s.Token}}
	refused := settings
	refused.UID, refused.Name, refused.Secure = out.Refused, "kmstrail refused", map[string]string{"token": "kmst_wrong"}
	web := &http.Server{
		Handler:           pages(o, bridge.New(p, settings, refused)),
		ReadHeaderTimeout: 10 * time.Second,
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		return errors.Join(err, web.Close())
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return web.Close()
	}
}

// listen refuses addresses that others reach: there is no login.
func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%s is not a loopback address", address), listener.Close())
	}
	return listener, nil
}

// pages has files where Grafana has them, and the page in the place of its own.
func pages(o options, api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", api)
	for prefix, dir := range map[string]string{
		"/":                                 o.page,
		"/public/plugins/" + pluginID + "/": o.dist,
		"/public/build/img/":                filepath.Join(o.modules, "@grafana/ui/dist/public/img"),
	} {
		mux.Handle(prefix, http.StripPrefix(prefix, http.FileServer(http.Dir(dir))))
	}
	// Links lead to dashboards and to Explore where Grafana has them.
	for _, path := range []string{"/d/{uid}", "/explore"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, filepath.Join(o.page, "index.html"))
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}
