package frames

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"arn:aws:kms:eu-west-1":      "arn:aws:kms:eu-west-1",
		"größer 💡 日本語":               "größer 💡 日本語",
		"a\tb\nc\rd":                 "a\tb\nc\rd",
		"\x00\x1b[31m\x7f":           "␀␛[31m␡",
		"\u0085x":                    "\ufffdx",
		"user\u202egpj.exe":          "user\ufffdgpj.exe",
		"\u2066isolate\u2069":        "\ufffdisolate\ufffd",
		"cut \xe2\x82 off \xff here": "cut \ufffd\ufffd off \ufffd here",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		out := clean(s)
		if !utf8.ValidString(out) || clean(out) != out {
			t.Errorf("%q became %q", s, out)
		}
		for _, r := range out {
			if unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' {
				t.Errorf("%q has %U", out, r)
			}
		}
		short, _ := cut(out, 10)
		if len(short) > 10 || !utf8.ValidString(short) {
			t.Errorf("%q cut to %q", out, short)
		}
	})
}

// Invalid UTF-8 and a megabyte do not reach Grafana, whatever the shape.
func TestRead_hostileText(t *testing.T) {
	name := "\x00<script>\u202e" + strings.Repeat("é", 600_000)
	for _, format := range []Format{FormatTable, FormatTimeSeries, FormatLogs, FormatAnnotations} {
		columns := []arrow.Field{col("time", stamp), col("event_name", text), col("tags", arrow.ListOf(text)), col("n", integer)}
		quoted := string(appendQuoted(nil, strings.ReplaceAll(name, "\x00", "")))
		r := result(t, columns, `[{"time":"2026-01-01T00:00:00","event_name":`+quoted+`,"tags":[`+quoted+`],"n":1}]`)
		got := read(t, r, Options{Format: format, Legend: "{{event_name}}"})
		for _, f := range got.Frames[0].Fields {
			for _, v := range values(f) {
				if len(v) > 3*MaxText || !utf8.ValidString(v) || strings.ContainsRune(v, '\u202e') {
					t.Errorf("%s %s: %d bytes", format, f.Name, len(v))
				}
			}
			for name, v := range f.Labels {
				if len(v) > maxLabel+20 {
					t.Errorf("label %s: %d bytes", name, len(v))
				}
			}
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
