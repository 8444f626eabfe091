package detectors

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"
)

// contractColumns are the columns every detector has, in order, with their
// types.
var contractColumns = []Column{
	{"account_id", "VARCHAR"}, {"region", "VARCHAR"}, {"key_arn", "VARCHAR"}, {"principal_arn", "VARCHAR"},
	{"first_seen", "TIMESTAMP"}, {"last_seen", "TIMESTAMP"}, {"event_count", "BIGINT"}, {"event_ids", "VARCHAR[]"},
}

// templateFuncs are the functions of summary and remedy templates.
var templateFuncs = template.FuncMap{
	// join writes a list with commas, at most n of it.
	"join": func(n int, v any) string {
		list, ok := v.([]any)
		if !ok {
			return text(v)
		}
		parts := make([]string, 0, len(list))
		for i, el := range list {
			if i == n {
				parts = append(parts, fmt.Sprintf("%d more", len(list)-n))
				break
			}
			parts = append(parts, text(el))
		}
		return strings.Join(parts, ", ")
	},
	// name shortens an ARN to what people call the thing: the part after the
	// last colon, of a key with its account.
	"name": func(v any) string {
		s := text(v)
		parts := strings.SplitN(s, ":", 6)
		if len(parts) < 6 || parts[0] != "arn" {
			return s
		}
		return parts[5]
	},
	// count writes "1 call", "2 calls".
	"count": func(v any, noun string) string {
		if s := text(v); s != "1" {
			return s + " " + noun + "s"
		}
		return "1 " + noun
	},
	"or_else": func(otherwise, v any) any {
		if v == nil || v == "" {
			return otherwise
		}
		return v
	},
	// date cuts a time to its day.
	"date": func(v any) string {
		if t, ok := v.(time.Time); ok {
			return t.UTC().Format(time.DateOnly)
		}
		s, _, _ := strings.Cut(text(v), "T")
		return s
	},
	"percent": func(v any) string {
		var x float64
		if _, err := fmt.Sscan(text(v), &x); err != nil {
			return text(v)
		}
		return fmt.Sprintf("%.0f %%", x*100)
	},
	"round": func(v any) string {
		var x float64
		if _, err := fmt.Sscan(text(v), &x); err != nil {
			return text(v)
		}
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.1f", x), "0"), ".")
	},
}

func parseTemplate(name, text string) (*template.Template, error) {
	return template.New(name).Option("missingkey=error").Funcs(templateFuncs).Parse(text)
}

func render(name, source string, data map[string]any) (string, error) {
	t, err := parseTemplate(name, source)
	if err != nil {
		return "", fmt.Errorf("parse %s template: %w", name, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("render %s: %w", name, err)
	}
	return strings.TrimSpace(b.String()), nil
}

// data returns a finding's columns as templates see them. Details read back
// from a store hold times as text; the functions take both.
func (f *Finding) data() map[string]any {
	d := make(map[string]any, len(f.Details)+len(contractColumns)+1)
	for name, v := range f.Details {
		d[name] = plainNumber(v) // to a template a 0 out of JSON would be true
	}
	ids := make([]any, len(f.EventIDs))
	for i, id := range f.EventIDs {
		ids[i] = id
	}
	d["event_ids"] = ids
	d["event_count"] = f.EventCount
	d["first_seen"], d["last_seen"] = f.FirstSeen, f.LastSeen
	d["severity"] = f.Severity
	for name, v := range map[string]string{
		"account_id": f.AccountID, "region": f.Region, "key_arn": f.KeyARN, "principal_arn": f.PrincipalARN,
	} {
		d[name] = any(v)
		if v == "" {
			d[name] = nil
		}
	}
	return d
}

// Remedies renders what to do about a finding: lines of shell, comments and
// AWS CLI commands to copy. Values from the logs are quoted for the shell.
func (d *Detector) Remedies(f Finding) (string, error) {
	return render("remedy", d.Remedy, shellQuoted(f.data()))
}

// TriageCommand renders a step's query as a command line; "" when the step has
// none. The window is the finding's first and last day.
func (d *Detector) TriageCommand(step TriageStep, f Finding) (string, error) {
	if step.Query == "" {
		return "", nil
	}
	b := strings.Builder{}
	b.WriteString("kmstrail query " + step.Query)
	for _, name := range slices.Sorted(maps.Keys(step.Params)) {
		value, err := render("triage parameter "+name, step.Params[name], f.data())
		if err != nil {
			return "", err
		}
		b.WriteString(" --param " + shellQuote(name+"="+value))
	}
	b.WriteString(" --from " + f.FirstSeen.UTC().Truncate(24*time.Hour).Format(time.DateOnly))
	b.WriteString(" --to " + f.LastSeen.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Format(time.DateOnly))
	return b.String(), nil
}

// shellQuoted quotes every text in data, also in lists.
func shellQuoted(data map[string]any) map[string]any {
	out := make(map[string]any, len(data))
	for name, v := range data {
		switch v := v.(type) {
		case string:
			out[name] = shellQuote(v)
		case []any:
			list := make([]any, len(v))
			for i, el := range v {
				if s, ok := el.(string); ok {
					list[i] = shellQuote(s)
				} else {
					list[i] = el
				}
			}
			out[name] = list
		default:
			out[name] = v
		}
	}
	return out
}

// shellQuote makes s one word of a POSIX shell that means itself. Control
// characters, which a terminal could act on when pasted, become question marks.
func shellQuote(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
	plain := s != ""
	for _, r := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,", r) {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
