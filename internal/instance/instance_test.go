package instance

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	for name, dir := range map[string]string{"short": "a", "long": strings.Repeat("a-long-name/", 12)} {
		t.Run(name, func(t *testing.T) {
			db := filepath.Join(t.TempDir(), dir, "x.duckdb")
			if err := os.MkdirAll(filepath.Dir(db), 0o755); err != nil {
				t.Fatal(err)
			}
			if _, err := Find(db); !errors.Is(err, ErrNone) {
				t.Fatalf("before: %v, want ErrNone", err)
			}
			info, err := Claim(db)
			if err != nil {
				t.Fatal(err)
			}
			// The paths must be short enough to listen on.
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", info.FlightSocket)
			if err != nil {
				t.Fatal(err)
			}
			info.PID, info.StartedAt, info.HTTP = 7, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "http://127.0.0.1:8814"
			if err := Publish(db, info); err != nil {
				t.Fatal(err)
			}
			found, err := Find(db)
			if diff := cmp.Diff(info, found); err != nil || diff != "" {
				t.Errorf("found %v, diff %s", err, diff)
			}
			if mode := stat(t, Dir(db)); mode != 0o700 {
				t.Errorf("directory has mode %o", mode)
			}
			// A server that was killed left its socket: the next one listens all the same.
			again, err := Claim(db)
			if err != nil {
				t.Fatal(err)
			}
			l2, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", again.FlightSocket)
			if err != nil {
				t.Fatalf("listen again: %v", err)
			}
			l.Close()
			l2.Close()
			if err := Withdraw(db, again); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(Dir(db)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("directory is still there: %v", err)
			}
		})
	}
}

// TestClaim_foreign: where everybody may write, somebody else's directory is
// not taken.
func TestClaim_foreign(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	db := filepath.Join(t.TempDir(), strings.Repeat("a-long-name/", 12), "x.duckdb")
	if err := os.MkdirAll(filepath.Dir(db), 0o755); err != nil {
		t.Fatal(err)
	}
	info, err := Claim(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(info.HTTPSocket), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(db); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("claimed a directory that all may write: %v", err)
	}
}

func stat(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// TestFind_strangersSocket: where a killed server had its sockets among
// everybody's files, somebody else's are not taken for them.
func TestFind_strangersSocket(t *testing.T) {
	db := filepath.Join(t.TempDir(), strings.Repeat("a-long-name/", 12), "x.duckdb")
	if err := os.MkdirAll(filepath.Dir(db), 0o755); err != nil {
		t.Fatal(err)
	}
	info, err := Claim(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := Publish(db, info); err != nil {
		t.Fatal(err)
	}
	sockets := filepath.Dir(info.HTTPSocket)
	t.Cleanup(func() { os.Remove(sockets) })
	if err := os.Remove(sockets); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(db); !errors.Is(err, ErrNone) {
		t.Errorf("the directory is gone: %v, want ErrNone", err)
	}
	if err := os.Mkdir(sockets, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(db); err != nil {
		t.Errorf("it is there again: %v", err)
	}
	if err := os.Chmod(sockets, 0o777); err != nil {
		t.Fatal(err)
	}
	if found, err := Find(db); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("everybody may write there: %v, %v", found, err)
	}
	if os.Getuid() != 0 {
		return
	}
	if err := errors.Join(os.Chmod(sockets, 0o700), os.Chown(sockets, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	if found, err := Find(db); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("it is somebody else's: %v, %v", found, err)
	}
}
