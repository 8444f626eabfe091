package access

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// tokenPattern finds tokens, also ones that were cut, mistyped or escaped for a
// URL. The id stays: it tells which token to revoke.
var tokenPattern = regexp.MustCompile(`(?i)(kmst(?:_|%5f)[a-z0-9]{1,16}(?:_|%5f))(?:[a-z0-9_]|%5f){8,}`)

// headerPattern finds what stands in an Authorization header; Basic hides a
// token in base64.
var headerPattern = regexp.MustCompile(`(?i)(basic|bearer)(\s+)[a-z0-9+/=_.~-]{16,}`)

const masked = "***"

// Redact masks everything in s that looks like a token.
func Redact(s string) string {
	if len(s) < 16 { // most texts that are looked at are short
		return s
	}
	if lower := strings.ToLower(s); !strings.Contains(lower, "kmst") && !strings.Contains(lower, "basic") && !strings.Contains(lower, "bearer") {
		return s
	}
	s = tokenPattern.ReplaceAllString(s, "${1}"+masked)
	return headerPattern.ReplaceAllString(s, "${1}${2}"+masked)
}

// RedactHandler returns a handler that masks tokens in messages and attributes
// before h sees them.
func RedactHandler(h slog.Handler) slog.Handler { return redactHandler{h} }

type redactHandler struct{ slog.Handler }

func (h redactHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, Redact(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(redactAttr(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h redactHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = redactAttr(a)
	}
	return redactHandler{h.Handler.WithAttrs(clean)}
}

func (h redactHandler) WithGroup(name string) slog.Handler {
	return redactHandler{h.Handler.WithGroup(name)}
}

// redactAttr masks an attribute. A value of any other type stays what it is, so
// that handlers print it as they do, unless it would show a token.
func redactAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(Redact(v.String()))
	case slog.KindGroup:
		clean := make([]slog.Attr, len(v.Group()))
		for i, member := range v.Group() {
			clean[i] = redactAttr(member)
		}
		v = slog.GroupValue(clean...)
	case slog.KindAny:
		text := fmt.Sprintf("%+v", v.Any())
		if clean := Redact(text); clean != text {
			v = slog.StringValue(clean)
		}
	}
	return slog.Attr{Key: a.Key, Value: v}
}
