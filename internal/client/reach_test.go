package client

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/flightclient"
	"github.com/kmstrail/kmstrail/internal/operate"
)

// TestReach: what keeps a server from being reached is said of the server, and
// with what to do.
func TestReach(t *testing.T) {
	quiet := func(s *httptest.Server) { s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) }
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	quiet(secure)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	closes := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	quiet(closes)
	t.Cleanup(closes.Close)
	secureHost, plainHost := strings.TrimPrefix(secure.URL, "https://"), strings.TrimPrefix(plain.URL, "http://")

	for _, tt := range []struct{ url, want string }{
		{secure.URL, "the certificate of " + secure.URL + " is not trusted: name its signer in client.ca_file"},
		{"http://" + secureHost, "http://" + secureHost + " wants TLS: write https://" + secureHost},
		{"https://" + plainHost, "https://" + plainHost + " has no certificate: write http://, or give it one (server.tls_cert)"},
		{closes.URL, closes.URL + " closed the connection without an answer"},
	} {
		c, err := Open(t.Context(), Target{URL: tt.url})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Status(t.Context())
		if err == nil || s3source.Explain(err).Error() != tt.want {
			t.Errorf("%s: got  %v\nwant %s", tt.url, err, tt.want)
		}
		_ = c.Close()
	}
}

func TestUnreachable(t *testing.T) {
	err := Unreachable("https://none.example.com", &net.OpError{Op: "dial", Err: &net.DNSError{Name: "none.example.com", Err: "no such host", IsNotFound: true}})
	if got, want := s3source.Explain(err).Error(), "no server answers at https://none.example.com: there is no host none.example.com"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestEnded: a server that ends while it works is not said to be missing.
func TestEnded(t *testing.T) {
	var server *httptest.Server
	s := &fakeServer{}
	gone := false
	s.other = func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"id":"j1","state":"queued","version":1}`)
		case gone:
			panic(http.ErrAbortHandler)
		default:
			gone = true
			_, _ = io.WriteString(w, `{"id":"j1","state":"cancelled","version":9,"problem":{"kind":"interrupted","detail":"context canceled"}}`)
		}
	}
	server = httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	c, err := Open(t.Context(), Target{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for _, state := range []string{"cancelled by it", "away"} {
		if _, err := c.Maintain(t.Context(), operate.MaintainRequest{}); !errors.Is(err, errEnded) {
			t.Errorf("%s: got %v, want %v", state, err, errEnded)
		}
	}
}

func TestFailure_unavailable(t *testing.T) {
	for text, want := range map[string]error{
		"the server is shutting down; try again later":             errEnded,
		"error reading from server: EOF":                           errEnded,
		`connection error: desc = "transport: Error while dialing`: errNoAnswer,
	} {
		q := &flightQueries{}
		err := error(&flightclient.Error{Code: codes.Unavailable, Message: text})
		if got := q.notStarted(t.Context(), err); !errors.Is(got, want) {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
		q.worked.Store(true)
		if got := q.notStarted(t.Context(), err); !errors.Is(got, errEnded) {
			t.Errorf("%s, after an answer: got %v, want %v", text, got, errEnded)
		}
	}
}
