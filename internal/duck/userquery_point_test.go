//go:build duckdb_arrow

package duck

import (
	"strings"
	"testing"
)

func TestPointAt(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string
		at   int
		want string
	}{
		"first line":  {"select x", 7, "\n\nLINE 1: select x\n               ^"},
		"second line": {"select\n é, x\nfrom y", 12, "\n\nLINE 2:  é, x\n            ^"},
		"at the end":  {"select (", 8, "\n\nLINE 1: select (\n                ^"},
		"long line": {
			strings.Repeat("a", 100) + "x" + strings.Repeat("b", 100), 100,
			"\n\nLINE 1: ..." + strings.Repeat("a", 60) + "x" + strings.Repeat("b", 59) + "...\n" + strings.Repeat(" ", 71) + "^",
		},
		"before": {"select", -1, ""},
		"beyond": {"select", 7, ""},
	} {
		if got := pointAt(c.sql, c.at); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestByteOffset(t *testing.T) {
	for n, want := range []int{0, 1, 3, 6, 7, -1} {
		if got := byteOffset("aé€b", n); got != want {
			t.Errorf("character %d begins at %d, want %d", n, got, want)
		}
	}
}
