package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"google.golang.org/grpc/codes"

	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// Stage is how far a health check came.
type Stage string

// The stages, in the order in which they are passed.
const (
	StageSettings Stage = "settings" // the settings cannot be used
	StageDNS      Stage = "dns"      // the host has no address
	StageTCP      Stage = "tcp"      // nobody listens there, or nothing gets through
	StageTLS      Stage = "tls"      // certificate, or TLS spoken on one side only
	StageProtocol Stage = "protocol" // what answers is no kmstrail serve
	StageAccess   Stage = "access"   // no token, a wrong one, an expired one, its role
	StageVersion  Stage = "version"  // the server is older than the plugin needs
	StageQuery    Stage = "query"    // connected, but the store does not answer
	StageEmpty    Stage = "empty"    // all is well but there are no events
	StageStale    Stage = "stale"    // all is well but the events are old
	StageOK       Stage = "ok"
)

// Health is the details of a health check.
type Health struct {
	Stage Stage  `json:"stage"`
	Hint  string `json:"hint,omitempty"`
	// Verbose is where Grafana shows more.
	Verbose string `json:"verboseMessage,omitempty"`
	// Warnings are about what works, but should not stay.
	Warnings []string `json:"warnings,omitempty"`

	Version    string `json:"version,omitempty"`
	EventsFrom string `json:"eventsFrom,omitempty"`
	EventsTo   string `json:"eventsTo,omitempty"`
	Delivered  string `json:"delivered,omitempty"`
	Events     int64  `json:"events"`
}

// fault is what a health check found.
type fault struct {
	stage         Stage
	problem, hint string
	cause         error
}

func (f *fault) Error() string { return f.problem }

// healthTime bounds a health check: people wait for it.
const healthTime = 20 * time.Second

// CheckHealth goes the way of a query step by step, and says where it ends and
// what to do.
func (d *Datasource) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	health := Health{}
	status, err := guarded(func() (Status, error) { return d.examine(ctx, &health) })
	if err != nil {
		return unhealthy(health, err), nil
	}
	return d.healthy(health, status), nil
}

// examine takes all steps.
func (d *Datasource) examine(ctx context.Context, h *Health) (Status, error) {
	var settings *SettingsError
	if errors.As(d.broken, &settings) {
		return Status{}, &fault{StageSettings, settings.Problem, settings.Hint, nil}
	}
	warnings, err := reach(ctx, d.settings, d.now())
	h.Warnings = warnings
	if err != nil {
		return Status{}, err
	}
	// A connection of its own: that of the queries may wait before it tries again.
	s, err := d.links.open()
	if err != nil {
		return Status{}, &fault{StageSettings, err.Error(), "Look at the URL.", err}
	}
	defer s.Close() //nolint:errcheck // nothing follows
	return d.interview(ctx, s, h)
}

// interview asks a server that can be reached who it is and what it has.
func (d *Datasource) interview(ctx context.Context, s server, h *Health) (Status, error) {
	info, err := s.Server(ctx)
	if err != nil {
		return Status{}, accessFault(err)
	}
	if info.Name != "kmstrail" {
		return Status{}, &fault{StageProtocol, fmt.Sprintf("What answers is a Flight SQL server, but not kmstrail: it calls itself %q.", info.Name),
			"Give the address of kmstrail serve (server.flight).", nil}
	}
	h.Version = info.Version
	if _, err := s.NamedQueries(ctx); err != nil {
		return Status{}, versionFault(info.Version, err)
	}
	status, err := readFacts(ctx, s, info)
	if err != nil {
		p := problemOf(err)
		return Status{}, &fault{StageQuery, "Connected to kmstrail " + info.Version + ", but its store does not answer: " + p.Message, p.Hint, err}
	}
	return status, nil
}

// accessFault judges the error of the first question.
func accessFault(err error) error {
	var e *flightclient.Error
	if !errors.As(err, &e) {
		if errors.Is(err, context.DeadlineExceeded) {
			return &fault{StageProtocol, "The server accepts connections but does not answer.", "Look at the server's log, and whether a proxy on the way passes HTTP/2 (gRPC).", err}
		}
		return &fault{StageProtocol, "What answers is not a kmstrail server: " + err.Error() + ".", "Give the address of kmstrail serve for Flight SQL (server.flight, port 8815), not that of its web pages.", err}
	}
	switch e.Code {
	case codes.Unauthenticated:
		return tokenFault(e)
	case codes.PermissionDenied:
		return &fault{StageAccess, "The token's role does not suffice: " + said(e.Message) + ".", "Make one with `kmstrail token create grafana --role read`.", err}
	case codes.ResourceExhausted:
		return &fault{StageAccess, "The server puts the datasource off: " + said(e.Message) + ".", "Correct the token; after wrong ones the server waits before it looks at the next.", err}
	case codes.Unimplemented:
		return &fault{StageProtocol, "What answers speaks gRPC but not Flight SQL.", "Give the address of kmstrail serve for Flight SQL (server.flight, port 8815).", err}
	}
	return &fault{StageProtocol, "The server does not answer as kmstrail does: " + said(e.Message) + ".", "Give the address of kmstrail serve for Flight SQL (server.flight, port 8815), and look at the server's log.", err}
}

// tokenFault tells the ways apart in which a token is not right, by the words of
// the server.
func tokenFault(e *flightclient.Error) error {
	const how = "Make one on the server's machine with `kmstrail token create grafana --role read` and paste it into the token field."
	switch text := said(e.Message); {
	case strings.Contains(text, "a token is needed"):
		return &fault{StageAccess, "The server wants a token, and the datasource has none.", how, e}
	case strings.Contains(text, "has expired"):
		return &fault{StageAccess, "The token has expired.", how + " `--expires` says how long it lasts.", e}
	default:
		return &fault{StageAccess, "The server refuses the token: " + text + ".", how + " `kmstrail token list` shows the ones there are.", e}
	}
}

func versionFault(version string, err error) error {
	var e *flightclient.Error
	if errors.As(err, &e) && (e.Code == codes.Unimplemented || e.Code == codes.InvalidArgument) {
		return &fault{StageVersion, "The server, kmstrail " + version + ", is older than this plugin needs: it cannot tell its named queries.",
			"Update kmstrail on the server, or install an older version of the plugin.", err}
	}
	return accessFault(err)
}

func unhealthy(h Health, err error) *backend.CheckHealthResult {
	var f *fault
	if !errors.As(err, &f) {
		p := problemOf(err)
		f = &fault{StageQuery, p.Message, p.Hint, err}
	}
	h.Stage, h.Hint = f.stage, f.hint
	if f.cause != nil && !strings.Contains(f.problem, f.cause.Error()) {
		h.Verbose = f.cause.Error()
	}
	return result(backend.HealthStatusError, f.problem+" "+f.hint, h)
}

// healthy says what there is.
func (d *Datasource) healthy(h Health, s Status) *backend.CheckHealthResult {
	h.Stage, h.Version, h.Events = StageOK, s.Version, s.Events
	h.EventsFrom, h.EventsTo, h.Delivered = timestamp(s.EventsFrom), timestamp(s.EventsTo), timestamp(s.Delivered)
	text := "Connected to kmstrail " + s.Version + "."
	switch {
	case s.Events == 0:
		h.Stage = StageEmpty
		h.Hint = "Have the server read logs: `kmstrail serve s3://BUCKET/PREFIX`, or ingest.source in its configuration; `kmstrail doctor s3://BUCKET/PREFIX` says what is missing."
		text = "Connected to kmstrail " + s.Version + ", but its store is empty: there is no KMS event in it. " + h.Hint
	default:
		text += fmt.Sprintf(" %s events of %s in %s, from %s to %s.", thousands(s.Events), count(s.Accounts, "account"), count(s.Regions, "Region"), moment(s.EventsFrom), moment(s.EventsTo))
		if !s.Delivered.IsZero() {
			text += " Newest log file: " + moment(s.Delivered) + "."
		}
		if d.stale(s) {
			h.Stage = StageStale
			h.Hint = "Look at the status page of the server, or `kmstrail status`: whether it still reads its source, and whether the trail still delivers."
			text += " That is old: nothing newer than " + age(d.now().Sub(s.EventsTo)) + ". " + h.Hint
		}
	}
	for _, w := range h.Warnings {
		text += " " + w
	}
	return result(backend.HealthStatusOk, text, h)
}

func result(status backend.HealthStatus, text string, h Health) *backend.CheckHealthResult {
	details, err := json.Marshal(h)
	if err != nil { // of texts and numbers it cannot be
		details = nil
	}
	return &backend.CheckHealthResult{Status: status, Message: text, JSONDetails: details}
}

// timestamp is "" for the zero time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

// thousands writes 1,234,567.
func thousands(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// age is a span for people.
func age(d time.Duration) string {
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", int(d/day))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d/time.Hour))
	}
	return fmt.Sprintf("%d minutes", int(d/time.Minute))
}
