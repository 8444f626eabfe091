package access

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRedact(t *testing.T) {
	_, secret := newSecret()
	shown := secret[:len(secretPrefix)+idLength+1] + masked
	for in, want := range map[string]string{
		secret:                                 shown,
		"select '" + secret + "' as x":         "select '" + shown + "' as x",
		"Bearer " + secret:                     "Bearer " + shown,
		"https://u:" + secret + "@h/":          "https://u:" + shown + "@h/",
		secret + secret:                        shown,
		secret[:30]:                            shown,
		strings.ToUpper(secret):                strings.ToUpper(shown[:14]) + masked,
		strings.ReplaceAll(secret, "_", "%5F"): strings.ReplaceAll(shown, "_", "%5F"),
		basic("ann", secret):                   "Basic " + masked,
		"authorization: " + basic("a", secret): "authorization: Basic " + masked,
		"":                                     "",
		"kmst_":                                "kmst_",
		"kmstrail_detector_duration_seconds":   "kmstrail_detector_duration_seconds",
		"select basic, bearer from kms_events": "select basic, bearer from kms_events",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// leaky shows a token by every way a value can be printed.
type leaky struct{ Secret string }

func (l leaky) LogValue() slog.Value { return slog.StringValue("value " + l.Secret) }

func TestRedactHandler(t *testing.T) {
	_, secret := newSecret()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			log := slog.New(RedactHandler(handler(&b)))
			log.With(slog.String("with", secret)).WithGroup("g").Info("message "+secret, //nolint:sloglint // the point
				slog.String("string", secret), slog.Any("error", fmt.Errorf("failed: %w", errors.New(secret))),
				slog.Any("slice", []string{secret}), slog.Any("struct", struct{ S string }{secret}), slog.Any("map", map[string]string{secret: secret}),
				slog.Any("url", &url.URL{Scheme: "https", User: url.UserPassword("a", secret), Host: "example.com"}),
				slog.Any("valuer", leaky{secret}), slog.Group("group", slog.Any("x", leaky{secret})),
				slog.Int("int", 7), slog.Duration("duration", time.Second), slog.Any("kept", []int{1, 2}))
			got := b.String()
			if strings.Contains(got, secret[14:]) || strings.Contains(got, secret[14:40]) {
				t.Errorf("log holds the secret: %s", got)
			}
			if n := strings.Count(got, masked); n < 10 {
				t.Errorf("masked only %d times: %s", n, got)
			}
			for _, kept := range []string{"int", "7", "kept", "failed: ", "message ", "duration"} {
				if !strings.Contains(got, kept) {
					t.Errorf("%q is missing: %s", kept, got)
				}
			}
		})
	}
}

// TestLeak: the secret of a token that is made, used, mistyped, refused, listed,
// pasted into SQL and revoked is in no log, error, audit line, list or file.
func TestLeak(t *testing.T) {
	var log lockedBuffer
	c := newClock()
	logger := slog.New(slog.NewTextHandler(&log, nil)) // not even masked
	tokens := newTokens(t, c.now)
	audit, auditPath := openAudit(t, AuditOptions{Log: logger})
	g := NewGuard(GuardOptions{Tokens: tokens, Now: c.now, Log: logger})
	secret, err := tokens.Create("ann", Read, c.now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	note := func(v any) { said = append(said, fmt.Sprintf("%v %+v %#v", v, v, v)) }
	headers := []string{
		"Bearer " + secret, basic("ann", secret), "Bearer " + flip(secret, 30), guess(secret, 3), "Digest " + secret, secret,
		"Bearer " + secret + secret, basic(secret, secret), "Bearer " + secret[:50],
	}
	ask := func() {
		for _, h := range headers {
			p, err := g.Authenticate(h, peer("198.51.100.7"))
			note(p)
			note(err)
			outcome := "ok"
			if err != nil {
				outcome = err.Error()
			}
			audit.Record(t.Context(), Entry{Principal: p, Action: "query " + h, Detail: "select '" + h + "'", Outcome: outcome, Error: h, Peer: h, Protocol: h})
			audit.Record(t.Context(), Entry{Detail: strings.Repeat("x", maxDetail-30) + h})
		}
	}
	ask()
	_, again := tokens.Create("ann", Read, time.Time{})
	_, named := tokens.Create(secret, Read, time.Time{})
	note(again)
	note(Redact(fmt.Sprint(named))) // repeats what the user typed as a name; serve masks it
	c.add(2 * time.Hour)
	ask()
	if err := os.Chmod(tokens.path, 0o644); err != nil {
		t.Fatal(err)
	}
	ask()
	if err := os.Chmod(tokens.path, 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := tokens.List()
	note(list)
	note(err)
	note(g)
	note(tokens)
	for range 20 {
		ask()
	}
	note(tokens.Revoke("ann"))
	note(tokens.Revoke("ann"))
	if err := audit.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{auditPath, tokens.path} {
		text, err := os.ReadFile(path)
		if err != nil || len(text) == 0 {
			t.Fatalf("%s: %d bytes, %v", path, len(text), err)
		}
		said = append(said, string(text))
	}
	said = append(said, log.String())
	// Any dozen characters of the secret are too many; base64 shows it shifted.
	body := secret[len(secretPrefix)+idLength+1:]
	for _, text := range said {
		for i := range len(body) - 12 {
			if strings.Contains(text, body[i:i+12]) {
				at := strings.Index(text, body[i:i+12])
				t.Fatalf("the secret is in %q", text[max(0, at-80):min(len(text), at+80)])
			}
		}
		for _, h := range headers {
			if _, b64, ok := strings.Cut(h, "Basic "); ok && strings.Contains(text, b64[:24]) {
				t.Fatalf("the secret is in base64 in %q", text[:min(len(text), 300)])
			}
		}
	}
}
