package config

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// Write prints the effective configuration as YAML that Load accepts, each
// value with a comment that says where it comes from. Passwords are hidden.
func (c Config) Write(w io.Writer) error {
	var lines []shownLine
	showStruct(&c, reflect.ValueOf(c), "", 0, &lines)
	width := 0
	for _, l := range lines {
		if n := utf8.RuneCountInString(l.text); l.from != "" && n <= 60 {
			width = max(width, n)
		}
	}
	var b strings.Builder
	for _, l := range lines {
		if l.from == "" {
			b.WriteString(l.text + "\n")
			continue
		}
		pad := max(width-utf8.RuneCountInString(l.text), 0) + 2
		fmt.Fprintf(&b, "%s%s# %s\n", l.text, strings.Repeat(" ", pad), l.from)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type shownLine struct{ text, from string }

func showStruct(c *Config, v reflect.Value, path string, depth int, lines *[]shownLine) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if name == "" {
			continue
		}
		value := v.Field(i)
		if v.Type().Field(i).Tag.Get("kind") == "secret" && !value.IsZero() {
			value = reflect.ValueOf("********")
		}
		showValue(c, value, name, join(path, name), depth, lines)
	}
}

func showValue(c *Config, v reflect.Value, name, path string, depth int, lines *[]shownLine) {
	indent := strings.Repeat("  ", depth)
	head := indent + quote(name) + ":"
	origin := c.Origin(path).String()
	switch v.Kind() {
	case reflect.Struct:
		*lines = append(*lines, shownLine{head, ""})
		showStruct(c, v, path, depth+1, lines)
	case reflect.Map:
		if v.Len() == 0 {
			*lines = append(*lines, shownLine{head + " {}", origin})
			return
		}
		*lines = append(*lines, shownLine{head, ""})
		for _, k := range sortedKeys(v) {
			showValue(c, v.MapIndex(k), k.String(), join(path, k.String()), depth+1, lines)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			*lines = append(*lines, shownLine{head + " []", origin})
			return
		}
		*lines = append(*lines, shownLine{head, ""})
		for i := range v.Len() {
			showElement(c, v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1, lines)
		}
	default:
		*lines = append(*lines, shownLine{head + " " + scalarYAML(v), origin})
	}
}

// showElement prints one list element; a structure's empty members are left
// out because they mean "any".
func showElement(c *Config, v reflect.Value, path string, depth int, lines *[]shownLine) {
	indent := strings.Repeat("  ", depth)
	if v.Kind() != reflect.Struct {
		*lines = append(*lines, shownLine{indent + "- " + scalarYAML(v), c.Origin(path).String()})
		return
	}
	mark := "- "
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if v.Field(i).IsZero() {
			continue
		}
		p := join(path, name)
		*lines = append(*lines, shownLine{indent + mark + name + ": " + scalarYAML(v.Field(i)), c.Origin(p).String()})
		mark = "  "
	}
}

func scalarYAML(v reflect.Value) string {
	s := formatScalar(v)
	if v.Kind() == reflect.String {
		return quote(hidePassword(s))
	}
	return s
}

// quote writes s as a YAML scalar that reads back as the same text.
func quote(s string) string {
	if accountPattern.MatchString(s) {
		return `"` + s + `"`
	}
	out, err := yaml.Marshal(s)
	if err != nil || strings.Count(string(out), "\n") > 1 {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// hidePassword replaces the password of a URL.
func hidePassword(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.User == nil {
		return s
	}
	if _, has := u.User.Password(); !has {
		return s
	}
	return u.Redacted()
}
