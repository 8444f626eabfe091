package report

import (
	"fmt"
	"strings"
	"testing"
)

func TestDelayText(t *testing.T) {
	tests := []struct {
		delays []Delay
		want   string
	}{
		{nil, ""},
		{[]Delay{{0, 9}}, ""},
		{[]Delay{{5, 8}, {15, 2}, {0, 9}}, "100% of the KMS records were delivered within 15 minutes."},
		{[]Delay{{5, 999}, {60, 1}}, "99.9% of the KMS records were delivered within 15 minutes, 0.1% within the hour."},
		{[]Delay{{10, 99_999}, {525_600, 1}}, "99.9% of the KMS records were delivered within 15 minutes, 1 later (more than a week)."},
		{[]Delay{{30, 1}, {180, 1}}, "0% of the KMS records were delivered within 15 minutes, 50% within the hour, 1 later (up to 3 hours)."},
	}
	for _, tt := range tests {
		if got := (Coverage{Delays: tt.delays}).DelayText(); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	tests := []struct{ name, got, want string }{
		{"grouped_zero", grouped(0), "0"},
		{"grouped_three", grouped(999), "999"},
		{"grouped_four", grouped(1000), "1,000"},
		{"grouped_millions", grouped(1234567), "1,234,567"},
		{"grouped_negative", grouped(-1234), "-1,234"},
		{"counted_one", counted(1, "key", "keys"), "1 key"},
		{"counted_none", counted(0, "key", "keys"), "0 keys"},
		{"bytes_one", byteSize(1), "1 byte"},
		{"bytes_kilo", byteSize(1500), "1.5 kB"},
		{"bytes_rounds_up", byteSize(999_600), "1.0 MB"},
		{"bytes_mega", byteSize(48_211_904), "48 MB"},
		{"percent_zero", percent(0), "0%"},
		{"percent_tiny", percent(0.0002), "<0.1%"},
		{"percent_small", percent(0.0069), "0.7%"},
		{"percent_over", percent(1.02), "102%"},
		{"decimal_year", decimal(2026), "2026"},
		{"decimal_large", decimal(12345), "12,345"},
		{"decimal_fraction", decimal(0.5), "0.5"},
		{"decimal_long", decimal(1.0 / 3), "0.333"},
		{"span_point", span(at(1, 2, 3), at(1, 2, 3)), "2026-09-01 02:03:00 UTC"},
		{"span_day", span(at(1, 2, 3), at(1, 4, 0)), "2026-09-01 02:03:00 to 04:00:00 UTC"},
		{"span_days", span(at(1, 2, 3), at(2, 4, 0)), "2026-09-01 02:03:00 to 2026-09-02 04:00:00 UTC"},
		{"window_day", Window{at(1, 0, 0), at(2, 0, 0)}.String(), "2026-09-01 (1 day, UTC)"},
		{"window_week", Window{at(1, 0, 0), at(8, 0, 0)}.String(), "2026-09-01 to 2026-09-07 (7 days, UTC)"},
		{"window_hours", Window{at(1, 6, 0), at(1, 18, 30)}.String(), "2026-09-01 06:00 to 2026-09-01 18:30 UTC"},
		{"window_none", Window{}.String(), "no period"},
		{"top_small", grouped(niceTop(3)), "3"},
		{"top_exact", grouped(niceTop(5000)), "5,000"},
		{"top_next", grouped(niceTop(5001)), "8,000"},
		{"top_nothing", grouped(niceTop(0)), "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "aws-cli/2.15.0", "aws-cli/2.15.0"},
		{"escape", "\x1b[31mred\x1b[0m", "\uFFFD[31mred\uFFFD[0m"},
		{"c1", "a\u009bb", "a\uFFFDb"},
		{"lines", "a\nb\r\tc\u2028d", "a b  c d"},
		{"direction", "a\u202Eb\u2066c\u200Fd", "a\uFFFDb\uFFFDc\uFFFDd"},
		{"zero_width", "pay\u200Bpal", "pay\uFFFDpal"},
		{"tag_characters", "a\U000E0041b", "a\uFFFDb"},
		{"broken", "a\xffb", "a\uFFFDb"},
		{"other_scripts", "שלום 日本語 café", "שלום 日本語 café"},
		{"long", strings.Repeat("a", 500) + "z", strings.Repeat("a", 266) + "…" + strings.Repeat("a", 132) + "z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clean(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestValue(t *testing.T) {
	many := make([]any, 12)
	for i := range many {
		many[i] = int64(i)
	}
	tests := []struct {
		name string
		in   any
		want string
	}{
		{"null", nil, "not known"},
		{"text", "a\x00b", "a\uFFFDb"},
		{"yes", true, "yes"},
		{"integer", int64(41000), "41,000"},
		{"float", 0.85, "0.85"},
		{"time", at(1, 2, 3), "2026-09-01 02:03:00 UTC"},
		{"empty", []any{}, "none"},
		{"list", []any{"Decrypt", nil}, "Decrypt, not known"},
		{"long_list", many, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, and 2 more"},
		{"map", map[string]any{"b": 1, "a": "x"}, "a = x, b = 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := value(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEscape(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "role/service/orders-worker (3 calls)", "role/service/orders-worker (3 calls)"},
		{"link", "[a](http://example.com)", `\[a\](http&#58;//example.com)`},
		{"www", "www.example.com", "www&#46;example.com"},
		{"mention", "@everyone #12", "&#64;everyone &#35;12"},
		{"html", "<b>&amp;", "&#60;b&#62;&#38;amp;"},
		{"list", "- a", `\- a`},
		{"numbered", "1. a", `1\. a`},
		{"cell", "a|b", `a\|b`},
		{"marks", "*a* _b_ `c` ~d~ $e$", "\\*a\\* \\_b\\_ \\`c\\` \\~d\\~ \\$e\\$"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := escape(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCode(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "a", "`a`"},
		{"empty", " ", ""},
		{"backquote", "a`b", "``a`b``"},
		{"at_the_end", "a`", "`` a` ``"},
		{"cell", "a|b", "`a\\|b`"},
		{"lines", "a\nb", "`a b`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := code(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPieces(t *testing.T) {
	tests := []struct {
		name, in string
		want     []piece
	}{
		{"text", "a  b\n c", []piece{{"a b c", false}}},
		{"code", "run `x` now", []piece{{"run ", false}, {"x", true}, {" now", false}}},
		{"only_code", "`x`", []piece{{"x", true}}},
		{"lone", "a ` b", []piece{{"a ` b", false}}},
		{"lone_after_code", "`a` b ` c", []piece{{"a", true}, {" b ` c", false}}},
		{"nothing", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := pieces(tt.in); fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		name, in string
		width    int
		want     []string
	}{
		{"fits", "one two", 10, []string{"one two"}},
		{"breaks", "one two three", 8, []string{"one two", "three"}},
		{"long_word", "abcdefgh i", 3, []string{"abc", "def", "gh", "i"}},
		{"wide", "日本語", 4, []string{"日本", "語"}},
		{"too_narrow", "日本", 1, []string{"日", "本"}},
		{"nothing", "  ", 5, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := wrap(tt.in, tt.width); fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFit(t *testing.T) {
	tests := []struct {
		name, in string
		width    int
		want     string
	}{
		{"fills", "ab", 4, "ab  "},
		{"cuts", "abcdefgh", 5, "ab…gh"},
		{"wide", "日本語日本語", 5, "日…語"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fit(tt.in, tt.width); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
