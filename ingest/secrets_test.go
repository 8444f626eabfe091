package ingest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// TestFindSecret has numbers that card networks publish for tests and keys that
// documentation shows; none opens anything.
func TestFindSecret(t *testing.T) {
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	for _, tt := range []struct{ text, want string }{
		{"4111111111111111", "card_number …1111"},
		{"4111 1111 1111 1111", "card_number …1111"},
		{"card 5555-5555-5555-4444, gold", "card_number …4444"},
		{"378282246310005", "card_number …0005"},
		{"30569309025904", "card_number …5904"},
		{"4111111111111112", ""},     // check digit
		{"1700000000000001", ""},     // of no network
		{"41111111111111111111", ""}, // too long
		{"4444444444444444", ""},     // one digit over and over
		{"x4111111111111111", ""},    // part of a word
		{"0-4111111111111111", ""},
		{"20261004060000", ""}, // a time
		{"alice@example.com", "email a…@example.com"},
		{"mail to: bob.b+x@mail.example.org please", "email b…@mail.example.org"},
		{"git@host", ""},
		{"user@", ""},
		{jwt, "jwt eyJ…, " + fmt.Sprint(len(jwt)) + " characters"},
		{"eyJhbGciOiJIUzI1NiJ9", ""},
		{"AKIAIOSFODNN7EXAMPLE", "access_key_id AKIA…MPLE"},
		{"AKIAIOSFODNN7EXAMPL", ""},
		{"-----BEGIN RSA PRIVATE KEY-----\nMIIE", "private_key -----BEGIN … PRIVATE KEY-----"},
		{"-----BEGIN PUBLIC KEY-----\nMIIE", ""},
		{"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "high_entropy 40 characters"},
		{"1234abcd-12ab-34cd-56ef-1234567890ab", ""},
		{"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", ""}, // SHA-256
		{"arn:aws:s3:::bucket/alice@example.com/4111111111111111", ""},
		{"department-of-payments-and-invoices-in-europe", ""},
		{"com.example.payments.InvoiceRepositoryImplementation2", ""},
		{"", ""},
		{"\xff\xfe4111111111111111", "card_number …1111"},
	} {
		s, ok := findSecret([]byte(tt.text), true)
		got := ""
		if ok {
			got = s.kind + " " + s.shown
		}
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
		if ok && len(tt.text) > 12 && strings.Contains(got, tt.text) {
			t.Errorf("%q is shown: %q", tt.text, got)
		}
	}
	if s, ok := findSecret([]byte("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), false); ok {
		t.Errorf("a token that a service put there is taken for a secret: %v", s)
	}
}

func TestContextSecrets(t *testing.T) {
	e := cttest.Sample("Encrypt", "main", testTime)
	e.Context = cttest.Pairs("card", "4111111111111111", "tenant", "blue", "alice@example.com", "x", "aws:s3:arn", "4111111111111111")
	row := oneRow(t, e.JSON())
	if got, want := fmt.Sprint(row["context_secrets"]), "[map[key:card value:card_number …1111] map[key:* value:email a…@example.com]]"; got != want {
		t.Errorf("context_secrets %s, want %s", got, want)
	}
	e.Context = cttest.Pairs("tenant", "blue")
	if row := oneRow(t, e.JSON()); row["context_secrets"] != nil {
		t.Errorf("context_secrets %v, want none", row["context_secrets"])
	}
}

// TestRedactContext holds that what is redacted is in no column and in no
// excerpt, also not of records that are quarantined.
func TestRedactContext(t *testing.T) {
	redact, err := compilePatterns([]ContextPattern{{Key: "E-Mail"}, {Key: "*note*", Value: `\b[0-9]{13,19}\b`}})
	if err != nil {
		t.Fatal(err)
	}
	e := cttest.Sample("ReEncrypt", "main", testTime)
	e.Context = cttest.Pairs("e-mail", "alice@example.com", "my-notes", "card 4111111111111111 of alice", "tenant", "blue")
	e.DestinationContext = cttest.Pairs("e-mail", "alice@example.com")
	good := e.JSON()
	odd := bytes.Replace(bytes.Replace(good, []byte(`"tenant":"blue"`), []byte(`"e-mail":"alice@example.com","n":7`), 1),
		[]byte(`"eventID":"`), []byte(`"eventID":"0`), 1)
	e.ID = cttest.EventID("two contexts")
	two := patch(t, e.JSON(), `"requestParameters":{`, `"requestParameters":{"encryptionContext":{"tenant":"blue"},`)

	acc := newAccumulator(testSeed)
	f := newFileDecoder(nil, DefaultMaxJSONBytes)
	f.d.redact = redact
	f.decode(acc, LogFile{ID: 7}, cttest.Body(good, two, odd, bytes.Replace(good, []byte(`"eventVersion":"`), []byte(`"eventTime":"x","eventVersion":"`), 1)))
	if len(acc.quarantine) == 0 || acc.events.n != 2 {
		t.Fatalf("%d rows, quarantine %+v", acc.events.n, acc.quarantine)
	}
	all := fmt.Sprint(rows(t, acc.batch().Events), acc.quarantine)
	for _, secret := range []string{"alice@", "41111111"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is in %s", secret, all)
		}
	}
	row := rows(t, acc.batch().Events)[0]
	want := "[map[key:e-mail value:[redacted]] map[key:my-notes value:card [redacted] of alice] map[key:tenant value:blue]]"
	if got := fmt.Sprint(row["encryption_context"]); got != want {
		t.Errorf("encryption_context\n got %s\nwant %s", got, want)
	}
	want = "[map[key:e-mail value:email [redacted]] map[key:my-notes value:card_number [redacted]]]"
	if got := fmt.Sprint(row["context_secrets"]); got != want {
		t.Errorf("context_secrets\n got %s\nwant %s", got, want)
	}
	if _, err := compilePatterns([]ContextPattern{{Key: "a", Value: "("}}); err == nil {
		t.Error("a broken expression is no error")
	}
}

func TestMatchesGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"email", "EMail", true}, {"email", "emails", false}, {"*", "", true}, {"e*l", "email", true}, {"e*l", "el", true},
		{"*mail*", "my-mailbox", true}, {"a*a", "a", false}, {"a*b*c", "a-b-c", true}, {"a*b*c", "acb", false}, {"", "x", false},
	} {
		if got := matchesGlob(tt.pattern, []byte(tt.text)); got != tt.want {
			t.Errorf("%q on %q: %v", tt.pattern, tt.text, got)
		}
	}
}
