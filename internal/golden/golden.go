// Package golden compares what a test got with a file that holds what it
// should get, and rewrites that file when the test runs with -update.
//
// It is for tests only. A golden file is reviewed like code: after
// "make update", read the difference before committing it.
package golden

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// update is the -update flag of every test binary that imports this package.
var update = flag.Bool("update", false, "rewrite golden files with what the tests got")

// Updating reports whether the test runs with -update. Tests that keep their
// expectations in another form than one file per case may ask for it.
func Updating() bool { return *update }

// Equal fails the test when got differs from the file at path, which is
// relative to the package's folder. With -update it writes got to path, and
// makes the folder, instead. A text that differs is shown line by line, - for
// the file and + for got.
func Equal(t testing.TB, got []byte, path string) {
	t.Helper()
	if *update {
		if err := write(path, got); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("golden file %s does not exist; got %d bytes. Run the test with -update to write it.", path, len(got))
	}
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(want, got) {
		return
	}
	t.Errorf("%s differs (-want +got). Run the test with -update when the change is right.\n%s", path, Diff(want, got))
}

// EqualString is Equal for text.
func EqualString(t testing.TB, got, path string) {
	t.Helper()
	Equal(t, []byte(got), path)
}

// Diff returns the difference of two files for people, - for want and + for
// got. Content that is not UTF-8 is told by length and first difference.
func Diff(want, got []byte) string {
	if !utf8.Valid(want) || !utf8.Valid(got) {
		return fmt.Sprintf("binary: want %d bytes, got %d, first difference at byte %d", len(want), len(got), firstDifference(want, got))
	}
	return cmp.Diff(lines(want), lines(got))
}

// write is atomic, so that an interrupted -update leaves the old file.
func write(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder of golden file: %w", err)
	}
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, content) {
		return nil
	}
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		return fmt.Errorf("write golden file: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("write golden file: %w", err)
	}
	return nil
}

func lines(b []byte) []string {
	return strings.SplitAfter(string(b), "\n")
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
