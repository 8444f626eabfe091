package access

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTokensWatch: a server learns what other processes do to its tokens, and
// not what it does itself.
func TestTokensWatch(t *testing.T) {
	server := newTokens(t, time.Now)
	create(t, server, "old", Read)
	command := OpenTokens(server.path, time.Now)
	var told []string
	w := &tokensWatch{tokens: server, tell: func(c TokenChange) {
		e := c.Entry()
		told = append(told, e.Action+" "+e.Detail)
	}}
	check := func(when string, want ...string) {
		t.Helper()
		told = nil
		w.look()
		w.look()
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("at the start")
	secret := create(t, command, "ann", Operate)
	check("made by a command", "tokens.create token ann role operate")
	create(t, server, "bob", Read)
	check("made by the server")
	if err := server.Revoke("bob"); err != nil {
		t.Fatal(err)
	}
	check("revoked by the server")
	if err := command.Revoke("ann"); err != nil {
		t.Fatal(err)
	}
	create(t, command, "ann", Read)
	check("made anew", "tokens.create token ann role read", "tokens.revoke token ann")

	text, err := os.ReadFile(server.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(server.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("damaged")
	if err := os.WriteFile(server.path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	check("mended")
	if err := os.Remove(server.path); err != nil {
		t.Fatal(err)
	}
	told = nil
	w.look()
	if got := strings.Join(told, ";"); len(told) != 2 || !strings.Contains(got, "tokens.revoke token old") || strings.Contains(got, secret) {
		t.Errorf("removed: told %q", told)
	}
}

func TestPrincipal_IsLocal(t *testing.T) {
	for name, want := range map[string]bool{"local:ann": true, "local": false, "ann": false, AnonymousName: false} {
		if got := (Principal{Name: name}).IsLocal(); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
