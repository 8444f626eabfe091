package report

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestPages writes the pages of all fixtures to a folder, to look at them in a
// browser: REPORT_PAGES=/some/folder go test -run TestPages.
func TestPages(t *testing.T) {
	folder := os.Getenv("REPORT_PAGES")
	if folder == "" {
		t.Skip("REPORT_PAGES names no folder")
	}
	for name, r := range map[string]*Report{
		"full": fixture(), "hostile": hostileFixture(), "many": manyFixture(),
		"empty": emptyFixture(NothingIngested), "no_kms": emptyFixture(NoKMSRecords), "none": emptyFixture(NoneInWindow),
	} {
		if err := os.WriteFile(filepath.Join(folder, name+".html"), write(t, r.WriteHTML), 0o600); err != nil {
			t.Fatal(err)
		}
		for suffix, to := range map[string]func(io.Writer) error{
			".md":        r.WriteMarkdown,
			".txt":       func(w io.Writer) error { return r.WriteTerminal(w, TerminalOptions{Width: 100}) },
			".color.txt": func(w io.Writer) error { return r.WriteTerminal(w, TerminalOptions{Width: 60, Color: true}) },
		} {
			if err := os.WriteFile(filepath.Join(folder, name+suffix), write(t, to), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func write(t *testing.T, to func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := to(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
