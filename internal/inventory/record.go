package inventory

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/schema"
)

// Record is one record: values by column. A column that is missing, or nil, is
// not known.
type Record map[string]any

// FieldError says what is wrong with a record.
type FieldError struct {
	// Field is the column; "" when the record as a whole is meant.
	Field string
	Text  string
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Text
	}
	return e.Field + ": " + e.Text
}

func fieldErrorf(field, format string, args ...any) error {
	return &FieldError{Field: field, Text: fmt.Sprintf(format, args...)}
}

// Row returns the row of a record, as schema.Rows takes it, with what follows
// from the record filled in. Errors are *FieldErrors.
func (k *Kind) Row(run uuid.UUID, r Record) ([]any, error) {
	for name := range r {
		if k.column(name) == nil {
			return nil, fieldErrorf(name, "%s have no such column%s", k.Name, didYouMean(name, k.columnNames()))
		}
	}
	clean := Record{}
	for _, c := range k.Columns() {
		v, err := convert(c.Type, r[c.Name])
		if err == nil && v != nil {
			err = checkValue(c, v)
		}
		if err != nil {
			return nil, &FieldError{Field: c.Name, Text: err.Error()}
		}
		clean[c.Name] = v
	}
	if err := k.complete(clean); err != nil {
		return nil, err
	}
	row := make([]any, len(k.Table.Columns))
	for i, c := range k.Table.Columns {
		row[i] = clean[c.Name]
		if c.Name == "run_id" {
			row[i] = run
		}
		if c.NotNull && row[i] == nil {
			return nil, fieldErrorf(c.Name, "is missing")
		}
	}
	return row, nil
}

// complete fills in what follows from ARNs and what may be left out.
func (k *Kind) complete(r Record) error {
	var derived map[string]string
	switch k.Name {
	case "keys":
		arn, _ := r["key_arn"].(string)
		parts := strings.SplitN(arn, ":", 6)
		if len(parts) == 6 {
			derived = map[string]string{"account_id": parts[4], "region": parts[3], "key_id": strings.TrimPrefix(parts[5], "key/")}
		}
		setDefault(r, "refused", []string{})
	case "roles":
		arn, _ := r["role_arn"].(string)
		if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
			derived = map[string]string{"account_id": parts[4]}
		}
		setDefault(r, "tags", map[string]string{})
	case "resources":
		arn, _ := r["resource_arn"].(string)
		if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
			derived = map[string]string{"account_id": parts[4], "region": parts[3]}
		}
		setDefault(r, "tags", map[string]string{})
	case "quotas":
		completeQuota(r)
	case "scopes":
		setDefault(r, "key_count", int64(0))
	case "refusals":
		setDefault(r, "subjects", []string{})
	}
	for _, column := range []string{"account_id", "region", "key_id"} {
		value := derived[column]
		switch {
		case value == "":
		case r[column] == nil:
			r[column] = value
		case r[column] != value:
			return fieldErrorf(column, "is %q, but the ARN says %q", r[column], value)
		}
	}
	return nil
}

// didYouMean is the end of a message about an unknown word.
func didYouMean(word string, known []string) string {
	for _, k := range known { // the API's own name is shorter
		if strings.HasSuffix(k, "_"+strings.ToLower(word)) {
			return "; did you mean " + k + "?"
		}
	}
	if n := config.Nearest(word, known); n != "" {
		return "; did you mean " + n + "?"
	}
	return "; known are " + strings.Join(known, ", ")
}

func setDefault(r Record, column string, value any) {
	if r[column] == nil {
		r[column] = value
	}
}

// completeQuota finds which request quota a name of Service Quotas means.
func completeQuota(r Record) {
	name, _ := r["service_quota_name"].(string)
	if r["quota_name"] == nil {
		if known := RequestQuota(name); known != "" {
			r["quota_name"] = known
		}
	}
	if name == "" {
		r["service_quota_name"] = r["quota_name"]
	}
}

const (
	// maxText is how long a text may be; maxPolicy is for key policies, which KMS
	// limits to 32 KiB.
	maxText   = 8 << 10
	maxPolicy = 128 << 10
	// maxEntries bounds lists and maps.
	maxEntries = 10_000
)

var (
	roleARNPattern = regexp.MustCompile(`^arn:aws[a-z0-9-]*:iam::[0-9]{12}:role/.+$`)
	arnPattern     = regexp.MustCompile(`^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:.+$`)
)

// spellings are values that others are compared with: one that differs only in
// its letters' case is a mistake. AWS adds values, so unknown ones are taken.
var spellings = map[string][]string{
	"key_manager": {"CUSTOMER", "AWS"},
	"key_state":   {"Enabled", "Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable", "Creating", "Updating"},
	"key_origin":  {"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"},
	"last_usage":  {"used", "never", "unknown"},
	"key_usage":   {"ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"},
	"key_spec":    {"SYMMETRIC_DEFAULT"},
}

// checkValue says what is wrong with a value beyond its type.
func checkValue(c schema.Column, v any) error {
	limit := maxText
	if c.Name == "key_policy" {
		limit = maxPolicy
	}
	if err := checkSize(v, limit); err != nil {
		return err
	}
	text, ok := v.(string)
	if !ok {
		if at, isTime := v.(time.Time); isTime && (at.Year() < 1970 || at.Year() > 9999) {
			return fmt.Errorf("the year %d cannot be right", at.Year())
		}
		return nil
	}
	if err := checkForm(c.Name, text); err != nil {
		return err
	}
	for _, known := range spellings[c.Name] {
		if text != known && strings.EqualFold(text, known) {
			return fmt.Errorf("%q is spelt %s", text, known)
		}
	}
	if c.Name == "last_usage" && !slices.Contains(spellings[c.Name], text) {
		return fmt.Errorf("%q is none of used, never, unknown", text)
	}
	return nil
}

// checkForm checks ids and ARNs, which other tables are joined with.
func checkForm(column, text string) error {
	switch column {
	case "account_id":
		return config.CheckValue("account", text)
	case "region":
		return config.CheckValue("region", text)
	case "key_arn", "primary_key_arn":
		return config.CheckValue("key_arn", text)
	case "role_arn":
		if !roleARNPattern.MatchString(text) {
			return fmt.Errorf("%q is not the ARN of a role; it looks like arn:aws:iam::ACCOUNT:role/NAME", text)
		}
	case "resource_arn":
		if !arnPattern.MatchString(text) {
			return fmt.Errorf("%q is not an ARN", text)
		}
	case "quota_name":
		if !slices.Contains(requestQuotas(), text) {
			return fmt.Errorf("unknown %q%s", text, didYouMean(text, requestQuotas()))
		}
	}
	return nil
}

func checkSize(v any, limit int) error {
	switch v := v.(type) {
	case string:
		return checkText(v, limit)
	case []string:
		if len(v) > maxEntries {
			return fmt.Errorf("has %d entries; the most is %d", len(v), maxEntries)
		}
		for _, s := range v {
			if err := checkText(s, limit); err != nil {
				return err
			}
		}
	case map[string]string:
		if len(v) > maxEntries {
			return fmt.Errorf("has %d entries; the most is %d", len(v), maxEntries)
		}
		for key, value := range v {
			if err := checkText(key+value, limit); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkText(s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("is %d bytes long; the most is %d", len(s), limit)
	}
	if strings.ContainsRune(s, 0) {
		return errors.New("holds a NUL character")
	}
	if !utf8.ValidString(s) {
		return errors.New("is not valid UTF-8")
	}
	return nil
}
