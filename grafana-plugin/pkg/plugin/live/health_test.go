package live

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"google.golang.org/grpc"
)

// withHost puts a host in the place of that of a URL.
func withHost(t *testing.T, raw, host string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = net.JoinHostPort(host, u.Port())
	return u.String()
}

func withScheme(raw, scheme string) string {
	_, rest, _ := strings.Cut(raw, "://")
	return scheme + "://" + rest
}

// TestHealth: each way in which a datasource does not work is told apart, and
// the message says what to do.
func TestHealth(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	plain := newStore(t)
	token, short := plain.token(t, "grafana"), plain.token(t, "short", "--expires", "1s")
	expires := time.Now().Add(time.Second)
	server := plain.serve(t)
	secured := newStore(t)
	secureToken := secured.token(t, "grafana")
	secure := secured.serve(t, ca.sign(t, "localhost", year)...)
	expired := emptyStore(t).serve(t, ca.sign(t, "localhost", -time.Hour)...)
	empty := emptyStore(t)
	emptyToken := empty.token(t, "grafana")
	emptyServer := empty.serve(t)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	web2 := httptest.NewTLSServer(http.NotFoundHandler())
	defer web2.Close()
	silent := silentServer(t)
	closed := closedAddress(t)
	otherServer := foreignServer(t, "another")
	oldServer := foreignServer(t, "kmstrail")
	<-time.After(time.Until(expires)) // the token's life is real time

	trusted := options{"tlsAuthWithCACert": true}
	g := startPlugin(t)
	for _, test := range []struct {
		name, url, token string
		options          options
		ca               string
		stage            string
		message          []string
	}{
		{"no URL", "", token, nil, "", "settings", []string{"no URL", "grpc+tls://"}},
		{"malformed URL", "grpc://", token, nil, "", "settings", []string{"scheme and a host"}},
		{"URL of the web pages", "http://localhost:8814", token, nil, "", "settings", []string{"HTTP", "grpc://localhost:8815"}},
		{"plain text to another machine", "grpc://kmstrail.example.com:8815", token, nil, "", "settings", []string{"clear", "grpc+tls://"}},
		{"wrong CA certificate", "grpc+tls://localhost:1", token, trusted, "no PEM", "settings", []string{"CA certificate", "PEM"}},
		{"wrong number", server.url, token, options{"maxRows": "many"}, "", "settings", []string{"maxRows"}},
		{"DNS", "grpc+tls://kmstrail.invalid:8815", token, nil, "", "dns", []string{"kmstrail.invalid", "typing error"}},
		{"TCP refused", "grpc://" + closed, token, nil, "", "tcp", []string{"refused", "kmstrail serve"}},
		{"TLS, unknown authority", secure.url, secureToken, nil, "", "tls", []string{"authority", "Paste the CA"}},
		{"TLS, other authority", secure.url, secureToken, trusted, other.pem, "tls", []string{"another one"}},
		{"TLS, other name", secure.url, secureToken, options{"tlsAuthWithCACert": true, "serverName": "kmstrail.example.com"}, ca.pem, "tls", []string{"another name", "kmstrail.example.com"}},
		{"TLS, expired", expired.url, token, trusted, ca.pem, "tls", []string{"expired"}},
		{"TLS to plain text", withScheme(server.url, "grpc+tls"), token, nil, "", "tls", []string{"does not speak TLS"}},
		{"plain text to TLS", withScheme(secure.url, "grpc"), secureToken, nil, "", "tls", []string{"grpc+tls://"}},
		{"web server", withScheme(web.URL, "grpc"), token, nil, "", "protocol", []string{"8815"}},
		{"web server with TLS", withScheme(web2.URL, "grpc+tls"), token, options{"tlsSkipVerify": true}, "", "protocol", []string{"HTTP/2"}},
		{"server that says nothing", "grpc://" + silent, token, nil, "", "protocol", []string{"does not answer"}},
		{"another Flight SQL server", otherServer, token, nil, "", "protocol", []string{"kmstrail"}},
		{"no token", server.url, "", nil, "", "access", []string{"wants a token", "kmstrail token create"}},
		{"wrong token", server.url, "kmst_wrong", nil, "", "access", []string{"refuses the token", "kmstrail token create"}},
		{"expired token", server.url, short, nil, "", "access", []string{"has expired"}},
		{"old server", oldServer, token, nil, "", "version", []string{"older", "Update"}},
		{"empty store", emptyServer.url, emptyToken, nil, "", "empty", []string{"empty", "kmstrail serve s3://"}},
		{"stale store", server.url, token, nil, "", "stale", []string{"Connected to kmstrail", "old", "2026-10-31"}},
		{"well", server.url, token, options{"staleMinutes": 0}, "", "ok", []string{"events of", "accounts", "2026-10-02", "Newest log file"}},
		{"TLS, well", secure.url, secureToken, options{"tlsAuthWithCACert": true, "staleMinutes": 0}, ca.pem, "ok", []string{"Connected"}},
		{"TLS by name", withHost(t, secure.url, "localhost"), secureToken, options{"tlsAuthWithCACert": true, "staleMinutes": 0}, ca.pem, "ok", []string{"Connected"}},
		{"TLS, not verified", secure.url, secureToken, options{"tlsSkipVerify": true, "staleMinutes": 0}, "", "ok", []string{"Connected", "not verified"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := g.add(t, test.url, test.token, test.options, test.ca)
			r, details := s.health(t)
			if details["stage"] != test.stage {
				t.Errorf("stage %v, want %s: %s", details["stage"], test.stage, r.Message)
			}
			good := test.stage == "ok" || test.stage == "stale" || test.stage == "empty"
			if (r.Status == backend.HealthStatusOk) != good {
				t.Errorf("status %s: %s", r.Status, r.Message)
			}
			for _, want := range test.message {
				if !strings.Contains(r.Message, want) {
					t.Errorf("message: %s\nwant %s in it", r.Message, want)
				}
			}
			if test.token != "" && (strings.Contains(r.Message, test.token) || strings.Contains(string(r.JSONDetails), test.token)) {
				t.Errorf("the token is in the message: %s", r.Message)
			}
			t.Log(r.Message)
		})
	}
	if strings.Contains(g.log.String(), token) {
		t.Error("a token is in the plugin's log")
	}
}

// silentServer accepts connections and says nothing.
func silentServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close() // ends the goroutine
		<-done
		for _, c := range conns {
			_ = c.Close() // nobody uses it
		}
	})
	return l.Addr().String()
}

// closedAddress is one at which nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it was only for its port
	return l.Addr().String()
}

// foreignServer is a Flight SQL server that says who it is and nothing else, as
// one of before named queries.
func foreignServer(t *testing.T, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := &flightsql.BaseServer{}
	for id, value := range map[flightsql.SqlInfo]string{flightsql.SqlInfoFlightSqlServerName: name, flightsql.SqlInfoFlightSqlServerVersion: "0.1"} {
		if err := base.RegisterSqlInfo(id, value); err != nil {
			t.Fatal(err)
		}
	}
	s := grpc.NewServer()
	flight.RegisterFlightServiceServer(s, flightsql.NewFlightServer(base))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // stopped below
	}()
	t.Cleanup(func() { s.Stop(); <-done })
	return "grpc://" + l.Addr().String()
}
