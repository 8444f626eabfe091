package access

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func verifyError(tokens *Tokens, secret string) error {
	id, _ := splitSecret(secret)
	_, err := tokens.verify(id, secret)
	return err
}

func TestTokens(t *testing.T) {
	c := newClock()
	tokens := newTokens(t, c.now)
	if list, err := tokens.List(); err != nil || len(list) != 0 {
		t.Errorf("without a file: %v, %v", list, err)
	}
	end := c.now().Add(time.Hour)
	secret, err := tokens.Create("bob", Operate, end)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		createError(tokens.Create("bob", Read, time.Time{})),
		createError(tokens.Create("Bob", Read, time.Time{})),
		createError(tokens.Create("local:root", Admin, time.Time{})),
		createError(tokens.Create(AnonymousName, Read, time.Time{})),
		createError(tokens.Create("", Read, time.Time{})),
		createError(tokens.Create(strings.Repeat("a", 64), Read, time.Time{})),
		createError(tokens.Create("eve", "root", time.Time{})),
		createError(tokens.Create("eve", "", time.Time{})),
		createError(tokens.Create("eve", Read, c.now())),
		createError(tokens.Create("eve", Read, c.now().Add(-time.Hour))),
		tokens.Revoke("eve"),
	} {
		if err == nil {
			t.Error("no error")
		}
	}
	create(t, tokens, "ann", Read)
	list, err := tokens.List()
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if len(list[i].ID) != idLength {
			t.Errorf("token %s has id %q", list[i].Name, list[i].ID)
		}
		list[i].ID = ""
	}
	want := []Token{
		{Name: "ann", Role: Read, CreatedAt: c.now()},
		{Name: "bob", Role: Operate, CreatedAt: c.now(), ExpiresAt: &end},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	if err := tokens.Revoke("bob"); err != nil {
		t.Fatal(err)
	}
	if err := verifyError(tokens, secret); !errors.Is(err, ErrBadToken) {
		t.Errorf("revoked: %v", err)
	}
	// The name is free again; the old secret stays worthless.
	create(t, tokens, "bob", Admin)
	if err := verifyError(tokens, secret); !errors.Is(err, ErrBadToken) {
		t.Errorf("revoked, and another made of that name: %v", err)
	}
}

func createError(secret string, err error) error {
	if secret != "" {
		return nil
	}
	return err
}

// TestTokens_expiry: the last moment of a token is the one before its end, and
// only who has the secret learns that it was one.
func TestTokens_expiry(t *testing.T) {
	c := newClock()
	tokens := newTokens(t, c.now)
	secret, err := tokens.Create("ann", Read, c.now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	endless := create(t, tokens, "bob", Read)
	for _, step := range []struct {
		add  time.Duration
		want error
	}{{0, nil}, {time.Hour - 1, nil}, {1, ErrExpired}, {1, ErrExpired}, {100 * 365 * 24 * time.Hour, ErrExpired}} {
		c.add(step.add)
		if err := verifyError(tokens, secret); !errors.Is(err, step.want) {
			t.Errorf("at %v: %v, want %v", c.now(), err, step.want)
		}
		if err := verifyError(tokens, endless); err != nil {
			t.Errorf("without end, at %v: %v", c.now(), err)
		}
	}
	if err := verifyError(tokens, guess(secret, 1)[len("Bearer "):]); !errors.Is(err, ErrBadToken) {
		t.Errorf("wrong secret of an expired token: %v, want ErrBadToken", err)
	}
	if err := tokens.Revoke("ann"); err != nil {
		t.Error(err)
	}
}

// TestTokens_elsewhere: what another process changes holds at the next request,
// even when the file looks the same from outside.
func TestTokens_elsewhere(t *testing.T) {
	server := newTokens(t, time.Now)
	other := OpenTokens(server.path, time.Now)
	stamp := time.Now().Add(-time.Minute)
	for i := range 20 {
		secret := create(t, other, "ann", Read)
		if err := verifyError(server, secret); err != nil {
			t.Fatalf("round %d: made: %v", i, err)
		}
		// From here on the server may trust what it has in memory.
		if err := os.Chtimes(server.path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := verifyError(server, secret); err != nil {
				t.Fatalf("round %d: again: %v", i, err)
			}
		}
		if err := other.Revoke("ann"); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(server.path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		if err := verifyError(server, secret); !errors.Is(err, ErrBadToken) {
			t.Fatalf("round %d: revoked: %v", i, err)
		}
	}
}

// TestTokens_concurrent: writers in disorder lose nothing of each other, and no
// reader ever sees half a file.
func TestTokens_concurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tokens")
	kept := create(t, OpenTokens(path, time.Now), "kept", Admin)
	const writers, rounds = 6, 10
	var wg, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			tokens := OpenTokens(path, time.Now) // as another process has it
			for {
				if err := verifyError(tokens, kept); err != nil {
					t.Errorf("while others write: %v", err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for w := range writers {
		wg.Go(func() {
			tokens := OpenTokens(path, time.Now)
			for i := range rounds {
				name := fmt.Sprintf("w%d.%d", w, i)
				secret, err := tokens.Create(name, Read, time.Time{})
				if err == nil {
					err = verifyError(tokens, secret)
				}
				if err == nil && i%2 == 1 {
					err = tokens.Revoke(name)
				}
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	readers.Wait()
	list, err := OpenTokens(path, time.Now).List()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"kept"}
	for w := range writers {
		for i := 0; i < rounds; i += 2 {
			want = append(want, fmt.Sprintf("w%d.%d", w, i))
		}
	}
	var got []string
	for _, token := range list {
		got = append(got, token.Name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestTokens_lastUsed: the use of a token is written down, and not each time.
func TestTokens_lastUsed(t *testing.T) {
	c := newClock()
	tokens := newTokens(t, c.now)
	secret := create(t, tokens, "ann", Read)
	lastUsed := func() string {
		list, err := OpenTokens(tokens.path, c.now).List()
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if list[0].LastUsedAt == nil {
			return "never"
		}
		return list[0].LastUsedAt.Format(time.TimeOnly)
	}
	if got := lastUsed(); got != "never" {
		t.Errorf("before: %s", got)
	}
	if err := verifyError(tokens, guess(secret, 1)[len("Bearer "):]); err == nil || lastUsed() != "never" {
		t.Errorf("a wrong secret counts as use: %v", err)
	}
	for _, step := range []struct {
		add    time.Duration
		want   string
		writes bool
	}{{0, "12:00:00", true}, {time.Minute, "12:00:00", false}, {58 * time.Minute, "12:00:00", false}, {time.Minute, "13:00:00", true}, {90 * time.Minute, "14:30:00", true}} {
		c.add(step.add)
		before, err := os.Stat(tokens.path)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := verifyError(tokens, secret); err != nil {
				t.Fatal(err)
			}
		}
		after, err := os.Stat(tokens.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := lastUsed(); got != step.want || os.SameFile(before, after) == step.writes {
			t.Errorf("at %s: last used %s, want %s; written: %v, want %v", c.now().Format(time.TimeOnly), got, step.want, !os.SameFile(before, after), step.writes)
		}
	}
	// Another process is about to change the file: nobody waits for that.
	c.add(2 * time.Hour)
	lock := tokens.lock()
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := verifyError(tokens, secret); err != nil {
		t.Error(err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if got := lastUsed(); got != "14:30:00" {
		t.Errorf("last used %s", got)
	}
}

func TestTokens_file(t *testing.T) {
	tokens := newTokens(t, time.Now)
	secret := create(t, tokens, "ann", Read)
	for _, path := range []string{tokens.path, tokens.path + ".lock"} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
	text, err := os.ReadFile(tokens.path)
	if err != nil {
		t.Fatal(err)
	}
	sum := hashSecret(secret)
	if s := string(text); strings.Contains(s, secretPrefix) || strings.Contains(s, secret[15:40]) || !strings.Contains(s, hex.EncodeToString(sum[:])) {
		t.Errorf("the file holds %s", text)
	}
	for _, mode := range []os.FileMode{0o601, 0o604, 0o620, 0o640, 0o666} {
		if err := os.Chmod(tokens.path, mode); err != nil {
			t.Fatal(err)
		}
		_, listErr := tokens.List()
		_, createErr := tokens.Create("bob", Read, time.Time{})
		for _, err := range []error{listErr, createErr, tokens.Revoke("ann"), verifyError(tokens, secret)} {
			if err == nil || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("mode %o: %v", mode, err)
			}
		}
	}
	now, err := os.ReadFile(tokens.path)
	if err != nil || !bytes.Equal(now, text) {
		t.Errorf("refused, and yet changed: %s, %v", now, err)
	}
	if err := os.Chmod(tokens.path, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := OpenTokens(t.TempDir(), time.Now)
	if _, err := dir.List(); err == nil {
		t.Error("a directory is a file of tokens")
	}
}

// TestTokens_damaged: what is not understood lets nobody in and is not written
// over.
func TestTokens_damaged(t *testing.T) {
	tokens := newTokens(t, time.Now)
	secret := create(t, tokens, "ann", Read)
	good, err := os.ReadFile(tokens.path)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, with string) string { return strings.Replace(string(good), old, with, 1) }
	var file tokensFile
	if err := json.Unmarshal(good, &file); err != nil {
		t.Fatal(err)
	}
	file.Tokens = append(file.Tokens, file.Tokens[0])
	twice, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":          "",
		"cut":            string(good[:len(good)/2]),
		"newer":          replace(`"version": 1`, `"version": 2`),
		"no version":     replace(`"version": 1,`, ``),
		"unknown role":   replace(`"read"`, `"root"`),
		"no role":        replace(`"read"`, `""`),
		"short hash":     replace(`"sha256": "`, `"sha256": "00`),
		"no hash":        replace(`"sha256"`, `"sha257"`),
		"bad name":       replace(`"ann"`, `"local:root"`),
		"bad time":       replace(`"expires_at": null`, `"expires_at": "soon"`),
		"the same twice": string(twice),
		"too long":       string(good) + strings.Repeat(" ", maxTokensFile),
	} {
		t.Run(name, func(t *testing.T) {
			if text == string(good) {
				t.Fatal("nothing is damaged")
			}
			if err := os.WriteFile(tokens.path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := verifyError(tokens, secret); err == nil {
				t.Error("let in")
			}
			if s, err := tokens.Create("bob", Read, time.Time{}); err == nil {
				t.Errorf("made %s", s)
			}
			now, err := os.ReadFile(tokens.path)
			if err != nil || string(now) != text {
				t.Errorf("written over: %v", err)
			}
		})
	}
}

func TestTokensPath(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	db, link := filepath.Join(dir, "x.duckdb"), filepath.Join(dir, "link")
	if got := TokensPath(db); got != db+".tokens" {
		t.Error(got)
	}
	if err := os.WriteFile(db, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(db, link); err != nil {
		t.Fatal(err)
	}
	if got := TokensPath(link); got != db+".tokens" {
		t.Error(got)
	}
}
