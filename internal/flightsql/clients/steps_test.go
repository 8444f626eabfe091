//go:build clients

package clients

import (
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/schema"
)

// What every client does. The programs in testdata have the same statements.
const (
	sqlMillion = "select range as i, 'x' || range as s from range(1000000)"
	// Rows come from the first moment, and never end.
	sqlEndless = "select range as i from range(1000000000000)"
	// No row ever comes.
	sqlBusy = "select sum(a.range * b.range) as s from range(10000000) a, range(10000000) b"
)

// steps are what a client got at each step, as text.
type steps map[string]string

// wanted is what a client must get. What a client cannot do is taken out, or
// said otherwise, by its own test.
func wanted(s *server) steps {
	crc := crc32.NewIEEE()
	for i := range 1_000_000 {
		fmt.Fprintf(crc, "x%d\n", i)
	}
	var columns []string
	for _, c := range schema.ChangedCells.Columns {
		columns = append(columns, c.Name+" "+c.Type.SQL())
	}
	return steps{
		"events":      s.events,
		"integer":     "-9223372036854775808",
		"text":        "é'\n",
		"timestamp":   "2026-01-02 03:04:05.123456",
		"date":        "2026-01-02",
		"uuid":        "12345678-1234-1234-1234-123456789012",
		"map":         "{k=v}",
		"list":        "[x, y]",
		"decimal":     "-12.34",
		"hugeint":     "170141183460469231731687303715884105727",
		"double":      "0.5",
		"boolean":     "true",
		"null":        "NULL",
		"enum":        "b",
		"param_int":   "42",
		"param_text":  "it's",
		"param_real":  "0.25",
		"param_bool":  "true",
		"param_time":  "2026-01-02 03:04:05.123000",
		"param_null":  "NULL",
		"param_where": s.events,
		"tables":      "kms_calls VIEW, kms_events TABLE",
		"columns":     strings.Join(columns, ", "),
		"million":     fmt.Sprint(1_000_000, 1_000_000*999_999/2, crc.Sum32()),
		"error":       `syntax error at or near "selec"`,
		"refused":     "query refused",
		"too_wide":    "more than the 2 MiB that fit into a message",
		"cancelled":   "yes",
		"bad_token":   "the token is not valid",
	}
}

// check compares. Errors need only hold the text that is wanted.
func check(t *testing.T, want, got steps) {
	t.Helper()
	for _, step := range []string{"error", "refused", "too_wide", "bad_token"} {
		if strings.Contains(got[step], want[step]) {
			got[step] = want[step]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// both runs a test without and with TLS.
func both(t *testing.T, test func(t *testing.T, s *server)) {
	for name, secure := range map[string]bool{"plain": false, "tls": true} {
		t.Run(name, func(t *testing.T) { test(t, serve(t, secure)) })
	}
}
