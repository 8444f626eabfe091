package access

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Token is what is known about a token; its secret is not.
type Token struct {
	// ID is the part of the token's text that is no secret.
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is nil for a token without end.
	ExpiresAt *time.Time `json:"expires_at"`
	// LastUsedAt is when the token was used; later use within an hour is not noted.
	LastUsedAt *time.Time `json:"last_used_at"`
}

// Expired reports whether the token's time is over.
func (t Token) Expired(now time.Time) bool { return t.ExpiresAt != nil && !now.Before(*t.ExpiresAt) }

// noteUseEvery is how exact LastUsedAt is: the file is not written for every
// request.
const noteUseEvery = time.Hour

// settled is the age from which a file's time tells it from any later one; until
// then two changes may bear the same time.
const settled = 2 * time.Second

// Tokens is the file with the tokens of a store. Its methods may be called
// concurrently, and by several processes; each sees at once what the others
// have changed.
type Tokens struct {
	path string
	now  func() time.Time

	mu     sync.Mutex
	seen   os.FileInfo // of the file that byID was read from, nil for none
	readAt time.Time
	byID   map[string]stored
	noted  map[string]time.Time // last use by id, as far as written or tried
	// changes are those of this process that Watch has not come upon.
	changes map[ownChange]bool
}

// TokensPath is the file with the tokens of the store at db, which may be a
// link to it.
func TokensPath(db string) string {
	if target, err := filepath.EvalSymlinks(db); err == nil {
		db = target
	}
	return db + ".tokens"
}

// OpenTokens returns the tokens in a file, which need not exist yet.
func OpenTokens(path string, now func() time.Time) *Tokens {
	return &Tokens{path: path, now: now, noted: map[string]time.Time{}, changes: map[ownChange]bool{}}
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,62}$`)

// CheckName says what is wrong with the name of a token.
func CheckName(name string) error {
	if !namePattern.MatchString(name) || name == AnonymousName {
		return fmt.Errorf("%q is not a name for a token; it has up to 63 of a to z, 0 to 9, and . _ @ - after the first, and is not %s", name, AnonymousName)
	}
	return nil
}

var (
	// ErrNameTaken says that a token of that name exists, expired or not.
	ErrNameTaken = errors.New("there is a token of that name already")
	// ErrUnknownToken says that there is no token of that name.
	ErrUnknownToken = errors.New("there is no token of that name")
)

// maxTokens bounds the file, and what reading it costs.
const maxTokens = 10_000

// Create makes a token and returns its text, which nothing can tell again. A
// zero time of expiry is a token without end.
func (t *Tokens) Create(name string, role Role, expires time.Time) (secret string, err error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return "", err
	}
	now := t.now().UTC().Truncate(time.Second)
	entry := stored{Token: Token{Name: name, Role: role, CreatedAt: now}}
	if !expires.IsZero() {
		expires = expires.UTC().Truncate(time.Second)
		if !expires.After(now) {
			return "", fmt.Errorf("create token %s: it would expire at %s, which is not in the future", name, expires.Format(time.RFC3339))
		}
		entry.ExpiresAt = &expires
	}
	err = t.change(func(all []stored) ([]stored, error) {
		if len(all) >= maxTokens {
			return nil, fmt.Errorf("there are %d tokens; revoke some", len(all))
		}
		if slices.ContainsFunc(all, func(s stored) bool { return s.Name == name }) {
			return nil, ErrNameTaken
		}
		for entry.ID == "" || slices.ContainsFunc(all, func(s stored) bool { return s.ID == entry.ID }) {
			entry.ID, secret = newSecret()
		}
		entry.Hash = hashSecret(secret)
		t.own(entry.ID, false)
		return append(all, entry), nil
	})
	if err != nil {
		return "", fmt.Errorf("create token %s: %w", name, err)
	}
	return secret, nil
}

// List returns the tokens by name, expired ones as well.
func (t *Tokens) List() ([]Token, error) {
	all, _, err := readTokens(t.path)
	if err != nil {
		return nil, err
	}
	list := make([]Token, 0, len(all))
	for _, s := range all {
		list = append(list, s.Token)
	}
	slices.SortFunc(list, func(a, b Token) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Revoke ends a token at once, for running servers too.
func (t *Tokens) Revoke(name string) error {
	err := t.change(func(all []stored) ([]stored, error) {
		i := slices.IndexFunc(all, func(s stored) bool { return s.Name == name })
		if i < 0 {
			return nil, ErrUnknownToken
		}
		t.own(all[i].ID, true)
		return slices.Delete(all, i, i+1), nil
	})
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", name, err)
	}
	return nil
}

// verify returns the token with that id if text is its text. Errors beside
// ErrBadToken and ErrExpired are about the file.
func (t *Tokens) verify(id, text string) (Token, error) {
	entry, err := t.find(id)
	if err != nil {
		return Token{}, err
	}
	// Without such an id this compares with a hash of zeros, in the same time.
	sum := hashSecret(text)
	if subtle.ConstantTimeCompare(sum[:], entry.Hash[:]) != 1 {
		return Token{}, ErrBadToken
	}
	now := t.now()
	if entry.Expired(now) {
		return Token{}, ErrExpired
	}
	t.noteUse(entry, now)
	return entry.Token, nil
}

// find looks a token up, in memory unless the file has changed.
func (t *Tokens) find(id string) (stored, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		t.seen, t.byID = nil, nil
		return stored{}, nil
	case err != nil:
		return stored{}, fmt.Errorf("read tokens: %w", err)
	}
	if t.unchanged(info) {
		return t.byID[id], nil
	}
	now := t.now()
	all, read, err := readTokens(t.path)
	if err != nil {
		t.seen, t.byID = nil, nil
		return stored{}, err
	}
	t.seen, t.readAt, t.byID = read, now, make(map[string]stored, len(all))
	for _, s := range all {
		t.byID[s.ID] = s
	}
	return t.byID[id], nil
}

// unchanged reports whether the file is the one that was read.
func (t *Tokens) unchanged(info os.FileInfo) bool {
	return sameFile(t.seen, info, t.readAt)
}

// sameFile reports whether a file is the one that was read at that time.
func sameFile(seen, info os.FileInfo, readAt time.Time) bool {
	return seen != nil && os.SameFile(seen, info) && seen.Size() == info.Size() && seen.Mode() == info.Mode() &&
		seen.ModTime().Equal(info.ModTime()) && readAt.Sub(info.ModTime()) > settled
}

// noteUse writes down that a token was used, rarely, and only when that needs no
// waiting: who asks must not wait for it, and does not care when it fails.
func (t *Tokens) noteUse(entry stored, now time.Time) {
	t.mu.Lock()
	last := t.noted[entry.ID]
	if entry.LastUsedAt != nil && entry.LastUsedAt.After(last) {
		last = *entry.LastUsedAt
	}
	due := now.Sub(last) >= noteUseEvery
	if due {
		t.noted[entry.ID] = now
	}
	t.mu.Unlock()
	if !due {
		return
	}
	at := now.UTC().Truncate(time.Second)
	_ = t.tryChange(func(all []stored) ([]stored, error) {
		for i := range all {
			if all[i].ID == entry.ID {
				all[i].LastUsedAt = &at
			}
		}
		return all, nil
	})
}
