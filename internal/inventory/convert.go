package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/schema"
)

// convert returns v as schema.Rows takes it for a type: what JSON has, what a
// program sets, or nil.
func convert(t schema.Type, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch t {
	case schema.Timestamp:
		return toTime(v)
	case schema.Integer, schema.Bigint:
		return toInt(t, v)
	case schema.Double:
		return toFloat(v)
	case schema.Boolean:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return nil, fmt.Errorf("is %s, not true or false", describe(v))
	case schema.StringMap:
		return toMap(v)
	case schema.StringSet:
		return toList(v)
	default:
		if s, ok := v.(string); ok {
			return s, nil
		}
		return nil, fmt.Errorf("is %s, not a text", describe(v))
	}
}

// timeLayouts are ways to write a time, UTC where none is said.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", time.DateOnly}

func toTime(v any) (any, error) {
	switch v := v.(type) {
	case time.Time:
		return v.UTC(), nil
	case string:
		for _, layout := range timeLayouts {
			if at, err := time.Parse(layout, v); err == nil {
				return at.UTC(), nil
			}
		}
		return nil, fmt.Errorf("%q is not a time; write 2026-01-31T12:00:00Z", v)
	}
	return nil, fmt.Errorf("is %s, not a time such as \"2026-01-31T12:00:00Z\"", describe(v))
}

func toInt(t schema.Type, v any) (any, error) {
	var n int64
	switch v := v.(type) {
	case int:
		n = int64(v)
	case int32:
		n = int64(v)
	case int64:
		n = v
	case float64: // of a request over the network
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return nil, fmt.Errorf("%v is not a whole number", v)
		}
		n = int64(v)
	case json.Number:
		var err error
		if n, err = v.Int64(); err != nil {
			return nil, fmt.Errorf("%s is not a whole number", v)
		}
	default:
		return nil, fmt.Errorf("is %s, not a whole number", describe(v))
	}
	if n < 0 || t == schema.Integer && n > math.MaxInt32 {
		return nil, fmt.Errorf("%d is out of range", n)
	}
	return n, nil
}

func toFloat(v any) (any, error) {
	var f float64
	switch v := v.(type) {
	case float64:
		f = v
	case json.Number:
		var err error
		if f, err = v.Float64(); err != nil {
			return nil, fmt.Errorf("%s is not a number", v)
		}
	default:
		return nil, fmt.Errorf("is %s, not a number", describe(v))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
		return nil, fmt.Errorf("%v is out of range", f)
	}
	return f, nil
}

func toList(v any) (any, error) {
	var list []string
	switch v := v.(type) {
	case []string:
		list = slices.Clone(v)
	case []any:
		for i, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil, fmt.Errorf("its entry %d is %s, not a text", i, describe(x))
			}
			list = append(list, s)
		}
	default:
		return nil, fmt.Errorf("is %s, not a list of texts", describe(v))
	}
	slices.Sort(list)
	if list = slices.Compact(list); list == nil {
		list = []string{}
	}
	return list, nil
}

func toMap(v any) (any, error) {
	out := map[string]string{}
	switch v := v.(type) {
	case map[string]string:
		return v, nil
	case map[string]any:
		for key, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil, fmt.Errorf("its entry %q is %s, not a text", key, describe(x))
			}
			out[key] = s
		}
	default:
		return nil, fmt.Errorf("is %s, not an object of texts such as {\"Team\": \"payments\"}", describe(v))
	}
	return out, nil
}

// describe names the kind of a value.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "the text " + strconv.Quote(cut(v))
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return "the number " + cut(v.String())
	case float64:
		return "the number " + strconv.FormatFloat(v, 'g', -1, 64)
	case []any, []string:
		return "a list"
	case map[string]any, map[string]string:
		return "an object"
	}
	return fmt.Sprintf("a %T", v)
}

// cut shortens text of a file for a message.
func cut(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// cell reads a field of a CSV file. What is empty is not known.
func cell(t schema.Type, text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	switch t {
	case schema.Integer, schema.Bigint, schema.Double:
		return json.Number(text), nil
	case schema.Boolean:
		switch strings.ToLower(text) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, fmt.Errorf("%q is neither true nor false", cut(text))
	case schema.StringSet:
		return cellList(text)
	case schema.StringMap:
		return cellMap(text)
	default:
		return text, nil
	}
}

// cellList reads ["a","b"], or a;b.
func cellList(text string) (any, error) {
	if !strings.HasPrefix(text, "[") {
		return strings.Split(text, ";"), nil
	}
	var list []string
	if err := strict(text, &list); err != nil {
		return nil, fmt.Errorf("%q is not a JSON array of texts: %w", cut(text), err)
	}
	return list, nil
}

// cellMap reads {"a":"b"}, or a=b;c=d.
func cellMap(text string) (any, error) {
	out := map[string]string{}
	if strings.HasPrefix(text, "{") {
		if err := strict(text, &out); err != nil {
			return nil, fmt.Errorf("%q is not a JSON object of texts: %w", cut(text), err)
		}
		return out, nil
	}
	for _, pair := range strings.Split(text, ";") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not Key=Value;Key=Value", cut(text))
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("has %q twice", cut(key))
		}
		out[key] = value
	}
	return out, nil
}

func strict(text string, v any) error {
	err := json.Unmarshal([]byte(text), v)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("it holds a %s", wrong.Value)
	}
	return err
}
