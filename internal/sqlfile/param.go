package sqlfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of the parameters that every file may use.
const (
	WindowStart = "window_start"
	WindowEnd   = "window_end"
)

// Param is a parameter as the header declares it.
type Param struct {
	// Type is integer, double, varchar, boolean, timestamp (UTC) or days.
	Type string `yaml:"type" json:"type"`
	// Default is the value where none is given: text as on the command line,
	// or nil for NULL.
	Default any `yaml:"default" json:"default"`
	// Doc says what the parameter means.
	Doc string `yaml:"doc" json:"doc"`
	// Required parameters have no default; the user must give one.
	Required bool `yaml:"required" json:"required,omitempty"`
}

// Params are the parameters of a file by name.
type Params map[string]Param

// timestampType has the precision that times have in Go; Trino's timestamp alone
// has milliseconds.
const timestampType = "timestamp(6)"

// sqlTypes maps parameter types to SQL.
var sqlTypes = map[string]string{
	"integer": "bigint", "days": "bigint", "double": "double",
	"varchar": "varchar", "boolean": "boolean", "timestamp": timestampType,
}

// Window is the half-open time range [Start, End) that a query looks at, UTC.
type Window struct{ Start, End time.Time }

// Validate reports what is wrong with a window.
func (w Window) Validate() error {
	switch {
	case w.Start.IsZero() || w.End.IsZero():
		return errors.New("the window has no start or no end")
	case !w.Start.Before(w.End):
		return fmt.Errorf("the window is empty: it starts at %s and ends at %s",
			w.Start.Format(time.RFC3339), w.End.Format(time.RFC3339))
	}
	return nil
}

// Names returns the parameters' names, sorted.
func (p Params) Names() []string {
	names := make([]string, 0, len(p))
	for n := range p {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Validate reports the first mistake in the declarations.
func (p Params) Validate() error {
	for _, name := range p.Names() {
		def := p[name]
		switch {
		case !isParamName(name):
			return fmt.Errorf("parameter %q is not snake_case", name)
		case name == WindowStart || name == WindowEnd:
			return fmt.Errorf("parameter %q exists everywhere and must not be declared", name)
		case sqlTypes[def.Type] == "":
			return fmt.Errorf("parameter %q has the unknown type %q; types are boolean, days, double, integer, timestamp, varchar", name, def.Type)
		case def.Type == "days" && !strings.HasSuffix(name, "_days"):
			return fmt.Errorf("parameter %q of type days must be called %s_days", name, name)
		case def.Doc == "":
			return fmt.Errorf("parameter %q has no doc", name)
		case def.Required && def.Default != nil:
			return fmt.Errorf("parameter %q is required and has a default", name)
		}
		if _, err := parseValue(def.Type, def.Default); err != nil {
			return fmt.Errorf("default of parameter %q: %w", name, err)
		}
	}
	return nil
}

func isParamName(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '_' && !isDigit(c) && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Values gives every parameter its value: what the user gave, as text, else
// the default. It includes the window and the derived starts.
func (p Params) Values(given map[string]string, w Window) (map[string]any, error) {
	for name := range given {
		if _, ok := p[name]; !ok {
			text := fmt.Sprintf("there is no parameter %q", name)
			if near := Nearest(name, p.Names()); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			} else if len(p) > 0 {
				text += "; there are: " + strings.Join(p.Names(), ", ")
			}
			return nil, errors.New(text)
		}
	}
	values := map[string]any{WindowStart: w.Start.UTC(), WindowEnd: w.End.UTC()}
	for name, def := range p {
		raw := def.Default
		if s, ok := given[name]; ok {
			raw = s
		} else if def.Required {
			return nil, fmt.Errorf("parameter %q is required: %s", name, def.Doc)
		}
		v, err := parseValue(def.Type, raw)
		if err != nil {
			return nil, fmt.Errorf("parameter %q: %w", name, err)
		}
		values[name] = v
		if days, ok := v.(int64); ok && def.Type == "days" {
			values[startOf(name)] = w.Start.UTC().AddDate(0, 0, -int(days))
		}
	}
	return values, nil
}

// startOf names the time derived from a parameter of type days.
func startOf(name string) string { return strings.TrimSuffix(name, "_days") + "_start" }

// maxDays keeps derived times within what a timestamp can hold.
const maxDays = 36_500

// parseValue turns a default or a user's text into string, int64, float64,
// bool, time.Time or nil.
func parseValue(typ string, raw any) (any, error) {
	if raw == nil {
		return nil, nil
	}
	s := strings.TrimSpace(fmt.Sprint(raw))
	switch typ {
	case "varchar":
		return fmt.Sprint(raw), nil
	case "integer":
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", s)
		}
		return n, nil
	case "days":
		n, err := strconv.ParseInt(strings.TrimSuffix(s, "d"), 10, 64)
		if err != nil || n < 0 || n > maxDays {
			return nil, fmt.Errorf("%q is not a number of days from 0 to %d", s, maxDays)
		}
		return n, nil
	case "double":
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || x != x || x > 1e300 || x < -1e300 {
			return nil, fmt.Errorf("%q is not a number", s)
		}
		return x, nil
	case "boolean":
		switch strings.ToLower(s) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, fmt.Errorf("%q is neither true nor false", s)
	case "timestamp":
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
			if t, err := time.Parse(layout, s); err == nil {
				return t.UTC(), nil
			}
		}
		return nil, fmt.Errorf("%q is not a time such as 2026-01-31T12:00:00Z", s)
	}
	return nil, fmt.Errorf("the type %q is unknown", typ)
}

// typeOf returns the SQL type of a parameter that the SQL may use; "" when
// there is none of that name.
func (p Params) typeOf(name string) string {
	if name == WindowStart || name == WindowEnd {
		return timestampType
	}
	if def, ok := p[name]; ok {
		return sqlTypes[def.Type]
	}
	for n, def := range p {
		if def.Type == "days" && startOf(n) == name {
			return timestampType
		}
	}
	return ""
}

// Used returns the names of the parameters in the query, sorted.
func (f *File) Used() []string {
	var names []string
	for _, t := range f.tokens {
		if t.Kind == Reference && !slices.Contains(names, t.Text) {
			names = append(names, t.Text)
		}
	}
	slices.Sort(names)
	return names
}

// Prepare returns the query with every $name replaced by a placeholder of the
// parameter's type, and the names in the order of the placeholders.
func (f *File) Prepare(p Params) (sql string, order []string, err error) {
	sql, err = f.replace(p, func(name string) string {
		order = append(order, name)
		return "?"
	})
	return sql, order, err
}

// replace returns the query with every $name replaced by what value gives for
// it. The cast gives NULL and numbers their type in every engine.
func (f *File) replace(p Params, value func(name string) string) (string, error) {
	var b strings.Builder
	at := f.sqlStart
	for _, t := range f.tokens {
		if t.Kind != Reference {
			continue
		}
		typ := p.typeOf(t.Text)
		if typ == "" {
			return "", &Error{f.Name, f.Line(t), fmt.Sprintf("the header declares no parameter for $%s", t.Text)}
		}
		b.WriteString(f.src[at:t.Start])
		b.WriteString("cast(" + value(t.Text) + " as " + typ + ")")
		at = t.End
	}
	b.WriteString(f.src[at : f.sqlStart+len(f.SQL)])
	return b.String(), nil
}

// Bind is Prepare with the arguments.
func (f *File) Bind(p Params, given map[string]string, w Window) (Statement, error) {
	values, err := p.Values(given, w)
	if err != nil {
		return Statement{}, err
	}
	sql, order, err := f.Prepare(p)
	if err != nil {
		return Statement{}, err
	}
	args := make([]any, len(order))
	for i, name := range order {
		args[i] = values[name]
	}
	return Statement{SQL: sql, Args: args, Events: f.events(values, p, w)}, nil
}

// Text returns the query with the parameters written into it.
func (f *File) Text(p Params, given map[string]string, w Window) (string, error) {
	values, err := p.Values(given, w)
	if err != nil {
		return "", err
	}
	return f.replace(p, func(name string) string { return literal(values[name]) })
}

// literal writes the value of a parameter for a cast to its type. Nothing but
// the quote has a meaning in a string of SQL.
func literal(value any) string {
	switch v := value.(type) {
	case nil:
		return "NULL"
	case time.Time:
		return "'" + v.Format("2006-01-02 15:04:05.999999") + "'"
	case float64:
		return strconv.FormatFloat(v, 'e', -1, 64)
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	}
	return fmt.Sprint(value) // a whole number, true or false
}

// CheckUse reports parameters that the header declares and the query does not
// use, or the other way round.
func (f *File) CheckUse(p Params) []string {
	used := f.Used()
	var problems []string
	for _, name := range used {
		if p.typeOf(name) == "" {
			problems = append(problems, fmt.Sprintf("the query uses $%s, which the header does not declare", name))
		}
	}
	for _, name := range p.Names() {
		derived := p[name].Type == "days" && slices.Contains(used, startOf(name))
		if !slices.Contains(used, name) && !derived {
			problems = append(problems, fmt.Sprintf("the header declares parameter %q, which the query does not use", name))
		}
	}
	return problems
}
