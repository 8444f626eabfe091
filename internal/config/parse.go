package config

import (
	"fmt"
	"math"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// ParseDuration reads a positive span of time: Go's notation (90m, 12h) and
// whole days or weeks (7d, 2w).
func ParseDuration(s string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		n, err := strconv.ParseFloat(strings.TrimSuffix(s, suffix), 64)
		if !strings.HasSuffix(s, suffix) || err != nil {
			continue
		}
		if !(n > 0) || n*float64(unit) > math.MaxInt64 {
			return 0, fmt.Errorf("%q is not a positive span of time", s)
		}
		return time.Duration(n * float64(unit)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a span of time; write 30m, 12h, 7d or 2w", s)
	}
	if d <= 0 {
		return 0, fmt.Errorf("%q is not a positive span of time", s)
	}
	return d, nil
}

// FormatDuration writes d as ParseDuration reads it, whole days as days.
func FormatDuration(d time.Duration) string {
	if day := 24 * time.Hour; d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	keepType     = reflect.TypeFor[Keep]()
)

// forever is how a Keep without end is written.
const forever = "forever"

// setScalar parses text into v, whose kind is a scalar's.
func setScalar(v reflect.Value, text string) error {
	switch {
	case v.Type() == keepType && text == forever:
		v.SetInt(0)
	case v.Type() == durationType || v.Type() == keepType:
		d, err := ParseDuration(text)
		if err != nil {
			return err
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
	case v.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a whole number from 0 up", text)
		}
		v.SetInt(int64(n))
	case v.Kind() == reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("cannot be given as text")
	}
	return nil
}

// formatScalar is the inverse of setScalar.
func formatScalar(v reflect.Value) string {
	switch {
	case v.Type() == durationType:
		return FormatDuration(time.Duration(v.Int()))
	case v.Kind() == reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	default:
		return fmt.Sprint(v.Interface())
	}
}

var (
	accountPattern   = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern    = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}$`)
	keyARNPattern    = regexp.MustCompile(`^arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$`)
	principalPattern = regexp.MustCompile(`^arn:aws[a-z0-9-]*:(iam|sts)::[0-9]{12}:[a-z-]+/.+$|^arn:aws[a-z0-9-]*:iam::[0-9]{12}:root$`)
	orgPattern       = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
	roleNamePattern  = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{1,64}$`)
	apiPattern       = regexp.MustCompile(`^[a-z]+:[A-Za-z]+$`)
	bucketPattern    = regexp.MustCompile(`^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$`)
	sizePattern      = regexp.MustCompile(`^[1-9][0-9]*(\.[0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)$`)
)

// Engines lists the engines that run queries.
func Engines() []string { return []string{"duckdb", "trino"} }

// CheckValue says what is wrong with value as a kind: account, region,
// key_arn, principal, organization and the other kinds the fields of Config
// name.
func CheckValue(kind, value string) error {
	switch kind {
	case "account", "account_or_any":
		if !accountPattern.MatchString(value) && (kind != "account_or_any" || value != "*") {
			return fmt.Errorf("%q is not an account id; an account id has twelve digits", value)
		}
	case "region":
		if !regionPattern.MatchString(value) {
			return fmt.Errorf("%q is not a Region; a Region looks like eu-central-1", value)
		}
	case "key_arn":
		if !keyARNPattern.MatchString(value) {
			return fmt.Errorf("%q is not a key ARN; it looks like arn:aws:kms:REGION:ACCOUNT:key/ID", value)
		}
	case "listen":
		if _, port, err := net.SplitHostPort(value); value != Off && (err != nil || port == "") {
			return fmt.Errorf("%q is not an address to listen on; it looks like 127.0.0.1:8814, or off", value)
		}
	case "cron":
		if value != Off && !gronx.IsValid(value) {
			return fmt.Errorf("%q is not a cron expression; it has five fields like */5 * * * * (UTC), or is off", value)
		}
	case "principal":
		if !principalPattern.MatchString(value) {
			return fmt.Errorf("%q is not the ARN of a role or user; it looks like arn:aws:iam::ACCOUNT:role/NAME", value)
		}
	case "organization":
		if !orgPattern.MatchString(value) {
			return fmt.Errorf("%q is not an organization id; it looks like o-exampleorgid", value)
		}
	case "alias":
		if !strings.HasPrefix(value, "alias/") {
			return fmt.Errorf("%q is not an alias pattern; it begins with alias/, and * stands for any text", value)
		}
	case "role_name":
		if !roleNamePattern.MatchString(value) {
			return fmt.Errorf("%q is not the name of a role; it is the part behind the last / of its ARN", value)
		}
	case "api":
		if !apiPattern.MatchString(value) {
			return fmt.Errorf("%q is not a call; it looks like kms:DescribeKey", value)
		}
	case "size":
		if !sizePattern.MatchString(value) {
			return fmt.Errorf("%q is not a size; write 512MB or 2GB", value)
		}
	case "url":
		if !strings.HasPrefix(value, "http://") && !strings.HasPrefix(value, "https://") {
			return fmt.Errorf("%q is not a URL; it begins with http:// or https://", value)
		}
	case "bucket":
		if !bucketPattern.MatchString(value) {
			return fmt.Errorf("%q is not a bucket; write s3://BUCKET or s3://BUCKET/PREFIX", value)
		}
	case "engine":
		if !slices.Contains(Engines(), value) {
			return fmt.Errorf("unknown engine %q%s; there are %s", value, didYouMean(value, Engines()), strings.Join(Engines(), " and "))
		}
	case "path", "source":
		if strings.ContainsRune(value, 0) {
			return fmt.Errorf("%q is not a path", value)
		}
	default:
		return checkStandardsValue(kind, value)
	}
	return nil
}
