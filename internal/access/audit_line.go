package access

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxDetail and maxField bound a line; the whole SQL of a long query is
	// nobody's reading.
	maxDetail = 8 << 10
	maxField  = 512
)

// auditLine is a line of the log. Names are a contract with who reads it.
type auditLine struct {
	Time       string  `json:"time"`
	Principal  string  `json:"principal"`
	Role       Role    `json:"role,omitempty"`
	Peer       string  `json:"peer,omitempty"`
	Protocol   string  `json:"protocol,omitempty"`
	Action     string  `json:"action"`
	Detail     string  `json:"detail,omitempty"`
	DetailCut  bool    `json:"detail_cut,omitempty"`
	Outcome    string  `json:"outcome"`
	Error      string  `json:"error,omitempty"`
	DurationMS float64 `json:"duration_ms"`
	Rows       int64   `json:"rows"`
	Bytes      int64   `json:"bytes"`
	Skipped    int64   `json:"skipped,omitempty"`
	Lost       int64   `json:"lost,omitempty"`
}

func appendLine(text []byte, l line) []byte {
	detail, cut := bounded(l.Detail, maxDetail)
	field := func(s string) string {
		s, _ = bounded(s, maxField)
		return s
	}
	return appendJSON(text, auditLine{
		Time: l.time.UTC().Format(time.RFC3339Nano), Principal: field(l.Principal.Name), Role: l.Principal.Role,
		Peer: field(l.Peer), Protocol: field(l.Protocol), Action: field(l.Action), Detail: detail, DetailCut: cut,
		Outcome: field(l.Outcome), Error: field(l.Error),
		DurationMS: float64(l.Duration.Microseconds()) / 1000, Rows: l.Rows, Bytes: l.Bytes, Skipped: l.skipped,
	})
}

// appendLost says that entries are missing before this line.
func appendLost(text []byte, now time.Time, n int64) []byte {
	return appendJSON(text, auditLine{
		Time: now.UTC().Format(time.RFC3339Nano), Principal: "kmstrail", Action: "audit.lost", Outcome: "failed", Lost: n,
	})
}

func appendJSON(text []byte, l auditLine) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil {
		// Strings and numbers always encode; a role of a test's making as well.
		return text
	}
	return append(escapeInvisible(text, bytes.TrimSuffix(b.Bytes(), []byte("\n"))), '\n')
}

// escapeInvisible appends JSON with all that is not printed (control
// characters, escapes of terminals, what turns the direction of text) escaped:
// who reads the log on a terminal sees what was sent.
func escapeInvisible(dst, src []byte) []byte {
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if unicode.IsPrint(r) {
			dst = append(dst, src[:n]...)
		} else {
			for _, unit := range utf16.Encode([]rune{r}) {
				const hex = "0123456789abcdef"
				dst = append(dst, '\\', 'u', hex[unit>>12], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
			}
		}
		src = src[n:]
	}
	return dst
}

// margin is how much is kept behind a cut: a token across it is masked before it
// is cut.
const margin = 256

// held returns what a line needs of s, in memory of its own: thousands of entries
// may wait, and what they are about may have megabytes each.
func held(s string, most int) string {
	if len(s) <= most+margin {
		return s
	}
	return strings.Clone(s[:most+margin])
}

// bounded masks tokens in s and cuts it to most bytes.
func bounded(s string, most int) (text string, cut bool) {
	if cut = len(s) > most; cut {
		s = s[:min(len(s), most+margin)]
	}
	s = Redact(s)
	if len(s) > most {
		s = s[:most]
		cut = true
	}
	return strings.ToValidUTF8(s, "\uFFFD"), cut
}
