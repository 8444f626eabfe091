package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder stands in for the test that calls Equal.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// Fatalf ends the calling test in testing.T; Equal does nothing after it that
// matters here.
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

func equal(t *testing.T, got, path string) (failures []string) {
	t.Helper()
	r := &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
		failures = r.failures
	}()
	Equal(r, []byte(got), path)
	return r.failures
}

func setUpdate(t *testing.T, value bool) {
	t.Helper()
	old := *update
	*update = value
	t.Cleanup(func() { *update = old })
}

func TestEqual(t *testing.T) {
	setUpdate(t, false)
	path := filepath.Join(t.TempDir(), "want.txt")
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, got, path string
		mentions        []string // of the one failure; none: no failure
	}{
		{name: "same", got: "one\ntwo\n", path: path},
		{name: "line_differs", got: "one\n2\n", path: path, mentions: []string{"want.txt", "two", `"2\n"`, "-update"}},
		{name: "end_of_line_missing", got: "one\ntwo", path: path, mentions: []string{"two"}},
		{name: "binary_differs", got: "one\xff", path: path, mentions: []string{"binary", "byte 3"}},
		{name: "no_such_file", got: "x", path: path + ".absent", mentions: []string{"does not exist", "-update"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			failures := equal(t, tt.got, tt.path)
			if len(tt.mentions) == 0 {
				if len(failures) > 0 {
					t.Fatalf("failed: %s", failures)
				}
				return
			}
			if len(failures) != 1 {
				t.Fatalf("got %d failures, want 1: %s", len(failures), failures)
			}
			for _, want := range tt.mentions {
				if !strings.Contains(failures[0], want) {
					t.Errorf("message does not mention %q:\n%s", want, failures[0])
				}
			}
		})
	}
}

func TestEqual_update(t *testing.T) {
	setUpdate(t, true)
	path := filepath.Join(t.TempDir(), "new", "want.txt")
	for _, content := range []string{"first", "second"} {
		if failures := equal(t, content, path); len(failures) > 0 {
			t.Fatal(failures)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != content {
			t.Errorf("file holds %q, want %q", got, content)
		}
	}
}
