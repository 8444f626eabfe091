package access

import (
	"encoding/base64"
	"math/big"
	"net"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scanner is the pattern that docs/access.md gives to those who look for leaked
// secrets.
var scanner = regexp.MustCompile(`kmst_[a-z2-7]{8}_[a-z2-7]{59}`)

// TestDocs: the page for users has the pattern and the bounds of the code.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, want := range []string{
		"\n" + scanner.String() + "\n", "200 at once, then ten a second", "After ten failed attempts", "up to five minutes",
		"up to 8 KiB", "A file of 64 MB", "`.15`", "after a hundred, one a second",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("docs/access.md does not say %q", want)
		}
	}
	got := []any{allBurst, allEvery, freeFailures, longWait, maxDetail, auditMaxBytes, auditKeep, strangersBurst, strangersEvery}
	want := []any{200, 100 * time.Millisecond, 10, 5 * time.Minute, 8 << 10, 64 << 20, 15, 100, time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/access.md and this test say other bounds than the code: %s", diff)
	}
	line := reflect.TypeFor[auditLine]()
	for i := range line.NumField() {
		if name, _, _ := strings.Cut(line.Field(i).Tag.Get("json"), ","); !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/access.md does not explain %s", name)
		}
	}
}

func TestNewSecret(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id, text := newSecret()
		got, ok := splitSecret(text)
		if !ok || got != id || !scanner.MatchString(text) || len(scanner.FindString(text)) != len(text) {
			t.Fatalf("%s has id %q, %v; want %q", text, got, ok, id)
		}
		if seen[id] || seen[text] {
			t.Fatalf("%s comes twice", text)
		}
		seen[id], seen[text] = true, true
	}
	if bits := new(big.Int).Exp(big.NewInt(32), big.NewInt(secretLength), nil).BitLen(); bits < 256 {
		t.Errorf("a secret has only %d bits", bits)
	}
}

// TestSplitSecret_typo: one wrong character anywhere, a swap of neighbours, one
// too many or too few is told from a token.
func TestSplitSecret_typo(t *testing.T) {
	_, text := newSecret()
	for i := range len(text) {
		for _, c := range []byte("aq27Z_ \x00\xff") {
			if c == text[i] {
				continue
			}
			if _, ok := splitSecret(text[:i] + string([]byte{c}) + text[i+1:]); ok {
				t.Errorf("wrong character %q at %d is not noticed", c, i)
			}
		}
		if i > 0 && text[i] != text[i-1] {
			if _, ok := splitSecret(text[:i-1] + text[i:i+1] + text[i-1:i] + text[i+1:]); ok {
				t.Errorf("characters %d and %d swapped is not noticed", i-1, i)
			}
		}
		if _, ok := splitSecret(text[:i] + text[i+1:]); ok {
			t.Errorf("character %d missing is not noticed", i)
		}
		if _, ok := splitSecret(text[:i] + "a" + text[i:]); ok {
			t.Errorf("a character too many at %d is not noticed", i)
		}
	}
}

func FuzzSplitSecret(f *testing.F) {
	_, text := newSecret()
	f.Add(text)
	f.Add("")
	f.Add("kmst_")
	f.Add("kmst_aaaaaaaa_" + strings.Repeat("a", 59))
	f.Add(strings.Repeat("_", textLength))
	f.Fuzz(func(t *testing.T, s string) {
		id, ok := splitSecret(s)
		if !ok {
			if id != "" && !isAlphabet(id) {
				t.Errorf("id %q", id)
			}
			return
		}
		if !scanner.MatchString(s) || s != secretPrefix+id+s[len(secretPrefix)+idLength:] {
			t.Errorf("%q is taken for a token of id %q", s, id)
		}
		if masked := Redact(s); strings.Contains(masked, s[len(secretPrefix)+idLength+1:]) {
			t.Errorf("%q is not masked: %q", s, masked)
		}
	})
}

// FuzzAuthorization: no header lets in but one that holds the token, and no
// error repeats the header.
func FuzzAuthorization(f *testing.F) {
	g, tokens := newGuard(f, false)
	secret := create(f, tokens, "ann", Read)
	for _, s := range []string{
		"Bearer " + secret, "bearer  " + secret + " ", "Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+secret)),
		"Basic !!!!", "Basic", "Bearer", " ", "Basic Og==", "Digest x", "Bearer " + secret[:20], strings.Repeat("B", 5000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		g.failures = newLimiter()
		p, err := g.Authenticate(header, &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 4000})
		if err == nil {
			if !strings.Contains(header+decoded(header), secret) || p.Name != "ann" {
				t.Errorf("%q is let in as %v", header, p)
			}
			return
		}
		if p != (Principal{}) {
			t.Errorf("%q is %v beside the error %v", header, p, err)
		}
		if len(header) > 20 && strings.Contains(err.Error(), header) {
			t.Errorf("error repeats %q: %v", header, err)
		}
	})
}

func decoded(header string) string {
	_, value, _ := strings.Cut(header, " ")
	b, _ := base64.StdEncoding.DecodeString(strings.Trim(value, " "))
	return string(b)
}
