package access

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKeepOwner: what root makes in the directory of a server of another user
// belongs to that user, who has to read and change it.
func TestKeepOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const uid, gid = 987654, 987655
	tokens := newTokens(t, time.Now)
	check := func(path string) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if u, g, ok := owner(info); !ok || u != uid || g != gid || info.Mode() != 0o600 {
			t.Errorf("%s belongs to %d:%d with mode %v", path, u, g, info.Mode())
		}
	}
	create(t, tokens, "first", Read)
	if info, err := os.Stat(tokens.path); err != nil {
		t.Fatal(err)
	} else if u, _, _ := owner(info); u != 0 {
		t.Errorf("in root's directory it belongs to %d", u)
	}
	if err := os.Chown(tokens.path, uid, gid); err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.List(); err == nil || !strings.Contains(err.Error(), "belongs to somebody else") {
		t.Errorf("another user has put a file there: %v", err)
	}
	if err := os.Chown(filepath.Dir(tokens.path), uid, gid); err != nil {
		t.Fatal(err)
	}
	create(t, tokens, "second", Read)
	check(tokens.path)
	check(tokens.path + ".lock")
}
