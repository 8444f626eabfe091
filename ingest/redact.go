package ingest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// ContextPattern says what of an encryption context is not stored: in the
// values of the keys that match Key, all that Value matches.
type ContextPattern struct {
	// Key is a context key, in any case; * stands for any text.
	Key string `json:"key"`
	// Value is a regular expression (RE2) for what is taken out; when empty
	// that is the whole value.
	Value string `json:"value,omitempty"`
}

// contextRedaction is a ContextPattern to work with.
type contextRedaction struct {
	key   string
	value *regexp.Regexp // nil is the whole value
}

func compilePatterns(patterns []ContextPattern) ([]contextRedaction, error) {
	out := make([]contextRedaction, 0, len(patterns))
	for _, p := range patterns {
		r := contextRedaction{key: p.Key}
		if p.Value != "" {
			var err error
			if r.value, err = regexp.Compile(p.Value); err != nil {
				return nil, fmt.Errorf("pattern for context key %s: %w", p.Key, err)
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// redacted stands where something was taken out.
var redacted = []byte("[redacted]")

// redactContext takes out of the record's contexts what the configuration does
// not want stored. What was found to be a secret there is still noted, but
// nothing is shown of it.
func (d *decoder) redactContext() {
	e := &d.e
	for _, pairs := range [][]pair{e.context, e.destContext} {
		for i := range pairs {
			d.redactPair(&pairs[i])
		}
	}
}

func (d *decoder) redactPair(p *pair) {
	for i := range d.redact {
		pattern := &d.redact[i]
		if p.val == nil || !matchesGlob(pattern.key, p.key) {
			continue
		}
		switch {
		case pattern.value == nil:
			p.val = redacted
		case pattern.value.Match(p.val):
			p.val = pattern.value.ReplaceAllLiteral(p.val, redacted)
		default:
			continue
		}
		for j := range d.e.secrets {
			if s := &d.e.secrets[j]; bytes.Equal(s.key, p.key) {
				kind, _, _ := bytes.Cut(s.val, []byte(" "))
				s.val = append(append(bytes.Clone(kind), ' '), redacted...)
			}
		}
	}
}

// matchesGlob reports whether s matches pattern, in which * stands for any
// text; case does not count.
func matchesGlob(pattern string, s []byte) bool {
	text := strings.ToLower(string(s))
	parts := strings.Split(strings.ToLower(pattern), "*")
	if len(parts) == 1 {
		return text == parts[0]
	}
	last := len(parts) - 1
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for _, part := range parts[1:last] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, parts[last])
}
