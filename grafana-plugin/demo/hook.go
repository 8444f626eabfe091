package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// listen takes notifications on loopback and prints their titles, and message when
// something fires.
func listen(ctx context.Context, out io.Writer) (*http.Server, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &http.Server{Addr: l.Addr().String(), Handler: notified(out), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }()
	return s, nil
}

func notified(out io.Writer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n struct{ Title, Message string }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&n); err != nil {
			http.Error(w, "no notification: "+err.Error(), http.StatusBadRequest)
			return
		}
		first, _, _ := strings.Cut(strings.TrimSpace(n.Message), "\n")
		_, _ = fmt.Fprintf(out, "notification: %q: %q\n", n.Title, first)
	})
}
