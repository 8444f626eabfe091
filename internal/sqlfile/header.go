package sqlfile

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// Header decodes the YAML header into the struct that v points to. Unknown
// keys, repeated keys and values of another type are errors of type *Error.
func (f *File) Header(v any) error {
	err := yaml.UnmarshalWithOptions([]byte(f.header), v, yaml.Strict(), yaml.DisallowUnknownField())
	if err == nil {
		return nil
	}
	text, line := err.Error(), 0
	var unknown *yaml.UnknownFieldError
	var duplicate *yaml.DuplicateKeyError
	var wrongType *yaml.TypeError
	var yamlErr yaml.Error
	switch {
	case errors.As(err, &unknown):
		key := unknown.Token.Value
		text, line = fmt.Sprintf("the header has the unknown key %q", key), unknown.Token.Position.Line
		if near := Nearest(key, yamlKeys(reflect.TypeOf(v), nil)); strings.Contains(key, " ") {
			text += "; a text with a comma or a colon must be quoted"
		} else if near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
	case errors.As(err, &duplicate):
		text, line = fmt.Sprintf("the header has the key %q twice", duplicate.Token.Value), duplicate.Token.Position.Line
	case errors.As(err, &wrongType):
		text, line = fmt.Sprintf("the header has a value that should be of type %s", wrongType.DstType), wrongType.Token.Position.Line
	case errors.As(err, &yamlErr):
		// The message may end with a position in the header alone.
		message, _, _ := strings.Cut(yamlErr.GetMessage(), " at [")
		text = "the header is not right: " + message
		if t := yamlErr.GetToken(); t != nil {
			line = t.Position.Line
		}
	}
	if line > 0 {
		line += f.headerLine - 1
	} else {
		line = f.headerLine
	}
	return &Error{f.Name, line, text}
}

// yamlKeys collects the keys that a type's header may have, at any depth.
func yamlKeys(t reflect.Type, seen []string) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return yamlKeys(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			field := t.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if name != "" && name != "-" {
				seen = append(seen, name)
			}
			seen = yamlKeys(field.Type, seen)
		}
	}
	return seen
}

// Nearest returns the candidate with the fewest edits from s, "" when none is
// near enough to be meant.
func Nearest(s string, candidates []string) string {
	best, bestDistance := "", len(s)/2+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(s), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost++
			}
			previous = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
