//go:build duckdb_arrow

package duck

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// shownAround is how many characters of a line are shown before and after the
// place that is pointed at.
const shownAround = 60

// pointAt shows where in a statement something is wrong, as DuckDB does in its
// own errors: the line, and below it a mark. at is in bytes from 0; there is
// nothing to show where it lies outside.
func pointAt(sql string, at int) string {
	if at < 0 || at > len(sql) {
		return ""
	}
	start := strings.LastIndexByte(sql[:at], '\n') + 1
	end := len(sql)
	if i := strings.IndexByte(sql[at:], '\n'); i >= 0 {
		end = at + i
	}
	before, after := []rune(sql[start:at]), []rune(sql[at:end])
	shown, lead, tail := before, "", ""
	if len(shown) > shownAround {
		shown, lead = shown[len(shown)-shownAround:], "..."
	}
	if len(after) > shownAround {
		after, tail = after[:shownAround], "..."
	}
	head := fmt.Sprintf("LINE %d: %s", strings.Count(sql[:start], "\n")+1, lead)
	return "\n\n" + head + string(shown) + string(after) + tail +
		"\n" + strings.Repeat(" ", utf8.RuneCountInString(head)+len(shown)) + "^"
}

// byteOffset is where the n-th character from 0 begins; DuckDB's parser counts
// characters where its binder counts bytes.
func byteOffset(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	if n == 0 {
		return len(s)
	}
	return -1
}
