package config

import (
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/schema"
)

// validate checks what reading alone cannot: the form of every value, and
// that rules are complete. A message names the place the value comes from.
func validate(c *Config, errs *Error) {
	checkKinds(c, reflect.ValueOf(*c), "", "", errs)
	validateTrust(c, errs)
	validateQuotas(c, errs)
	validateContextRules(c, errs)
	validateRotationPolicy(c, errs)
	validateRedactContext(c, errs)
	validateStandards(c, errs)
	if c.Engine == "trino" && c.Trino.URL == "" {
		errs.add(c.place("engine"), "engine is trino and trino.url is empty; give Trino's address, such as https://trino.example.com")
	}
	validateServer(c, errs)
	validateQueue(c, errs)
	if c.DB == "" {
		errs.add(c.place("db"), "db is empty; name the file of the store")
	}
	if c.Ingest.Concurrency > 1024 {
		errs.add(c.place("ingest.concurrency"), "ingest.concurrency is %d; the most is 1024", c.Ingest.Concurrency)
	}
}

// place is where the value at path was set, or where the nearest value around
// it was.
func (c *Config) place(path string) string {
	for p := path; p != ""; {
		if o, ok := c.origins[p]; ok && o.Where != "" {
			return o.Where
		}
		i := max(strings.LastIndexByte(p, '.'), strings.LastIndexByte(p, '['))
		p = p[:max(i, 0)]
	}
	return "configuration"
}

// checkKinds walks all values and checks each non-empty string by the kind
// its field names.
func checkKinds(c *Config, v reflect.Value, path, kind string, errs *Error) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if name := f.Tag.Get("yaml"); name != "" {
				p := join(path, name)
				if f.Type.Kind() == reflect.Map {
					checkMapKeys(c, v.Field(i), p, f.Tag.Get("keykind"), errs)
				}
				checkKinds(c, v.Field(i), p, f.Tag.Get("kind"), errs)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			p := fmt.Sprintf("%s[%d]", path, i)
			if e := v.Index(i); e.Kind() == reflect.String && e.String() == "" {
				errs.add(c.place(p), "%s is empty", p)
				continue
			}
			checkKinds(c, v.Index(i), p, kind, errs)
		}
	case reflect.Map:
		for _, k := range sortedKeys(v) {
			checkKinds(c, v.MapIndex(k), join(path, k.String()), kind, errs)
		}
	case reflect.String:
		if s := v.String(); s != "" {
			if err := CheckValue(kind, s); err != nil {
				errs.add(c.place(path), "%s: %v", path, err)
			}
		}
	}
}

func checkMapKeys(c *Config, m reflect.Value, path, kind string, errs *Error) {
	for _, k := range sortedKeys(m) {
		if err := CheckValue(kind, k.String()); err != nil {
			errs.add(c.place(join(path, k.String())), "%s: %v", path, err)
		}
	}
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func validateTrust(c *Config, errs *Error) {
	for i, t := range c.Trust {
		p := fmt.Sprintf("trust[%d]", i)
		switch {
		case t.Account == "":
			errs.add(c.place(p), "%s has no account; give twelve digits, or \"*\" for any", p)
		case t.TagValue != "" && t.TagKey == "":
			errs.add(c.place(p), "%s has tag_value without tag_key", p)
		case t.Account == "*" && t.Key == "" && t.Alias == "" && t.TagKey == "":
			errs.add(c.place(p), "%s trusts every account with every key; add key, alias or tag_key", p)
		}
	}
}

func validateQuotas(c *Config, errs *Error) {
	for i, q := range c.Quotas {
		p := fmt.Sprintf("quotas[%d]", i)
		known := quotaNames()
		switch {
		case q.Quota == "":
			errs.add(c.place(p), "%s has no quota; name one, such as cryptographic_symmetric", p)
		case !slices.Contains(known, q.Quota):
			hint := Nearest(q.Quota, known)
			if hint == "" {
				hint = "cryptographic_symmetric"
			}
			errs.add(c.place(p+".quota"), "%s.quota: unknown %q; did you mean %s?", p, q.Quota, hint)
		}
		if q.PerSecond <= 0 {
			errs.add(c.place(p+".per_second"), "%s.per_second must be a number above 0", p)
		}
	}
}

var (
	contextKinds       = []string{"match", "required"}
	contextComparisons = []string{"equal", "one_of", "pattern"}
)

func validateContextRules(c *Config, errs *Error) {
	for i := range c.ContextRules {
		r := &c.ContextRules[i]
		p := fmt.Sprintf("context_rules[%d]", i)
		if r.Kind == "" {
			r.Kind = "match"
		}
		if r.Comparison == "" {
			r.Comparison = "equal"
		}
		if r.ContextKey == "" {
			errs.add(c.place(p), "%s has no context_key", p)
		}
		if !slices.Contains(contextKinds, r.Kind) {
			errs.add(c.place(p+".kind"), "%s.kind: unknown %q%s", p, r.Kind, didYouMean(r.Kind, contextKinds))
		}
		if !slices.Contains(contextComparisons, r.Comparison) {
			errs.add(c.place(p+".comparison"), "%s.comparison: unknown %q%s", p, r.Comparison, didYouMean(r.Comparison, contextComparisons))
		}
		switch {
		case r.Kind == "match" && r.TagKey == "":
			r.TagKey = r.ContextKey
		case r.Kind == "required" && r.TagKey != "":
			errs.add(c.place(p+".tag_key"), "%s: tag_key has no meaning with kind required", p)
		}
	}
}

const rotationNone = "none"

var rotations = []string{"automatic", "rollover", rotationNone}

// KMS has rotation periods from minRotationDays to maxRotationDays.
const minRotationDays, maxRotationDays = 90, 2560

func validateRotationPolicy(c *Config, errs *Error) {
	first := map[string]int{}
	for i := range c.RotationPolicy {
		r := &c.RotationPolicy[i]
		p := fmt.Sprintf("rotation_policy[%d]", i)
		r.DataClass = strings.ToLower(strings.TrimSpace(r.DataClass))
		if before, twice := first[r.DataClass]; twice {
			class := "keys of no class that is named"
			if r.DataClass != "" {
				class = fmt.Sprintf("the data class %q", r.DataClass)
			}
			errs.add(c.place(p), "%s is for %s, as rotation_policy[%d] is; keep one of them", p, class, before)
			continue
		}
		first[r.DataClass] = i
		switch {
		case r.Rotation == "":
			errs.add(c.place(p), "%s has no rotation; it is automatic, rollover or none", p)
		case !slices.Contains(rotations, r.Rotation):
			errs.add(c.place(p+".rotation"), "%s.rotation: unknown %q%s", p, r.Rotation, didYouMean(r.Rotation, rotations))
		case r.Rotation == rotationNone && r.Days != 0:
			errs.add(c.place(p+".days"), "%s: days has no meaning with rotation none", p)
		case r.Days > maxRotationDays:
			errs.add(c.place(p+".days"), "%s.days is %d; the most is %d", p, r.Days, maxRotationDays)
		case r.Rotation == "automatic" && r.Days > 0 && r.Days < minRotationDays:
			errs.add(c.place(p+".days"), "%s.days is %d; the shortest period of automatic rotation is %d", p, r.Days, minRotationDays)
		case r.Rotation != rotationNone && r.Days == 0:
			r.Days = DefaultRotationDays
		}
	}
}

func validateRedactContext(c *Config, errs *Error) {
	for i, r := range c.RedactContext {
		p := fmt.Sprintf("redact_context[%d]", i)
		if r.Key == "" {
			errs.add(c.place(p), "%s has no key; name the context key, or * for all of them", p)
		}
		if r.Key == "*" && r.Value == "" {
			errs.add(c.place(p), "%s would take out every encryption context; say by value what to take out", p)
		}
		if _, err := regexp.Compile(r.Value); err != nil {
			errs.add(c.place(p+".value"), "%s.value is no regular expression: %v", p, err)
		}
	}
}

// quotaNames lists the quotas that AWS has.
func quotaNames() []string {
	var names []string
	for _, row := range schema.DefaultQuotas() {
		if name, ok := row[0].(string); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// validateServer refuses a server that would show data to strangers.
func validateServer(c *Config, errs *Error) {
	s := c.Server
	if (s.TLSCert == "") != (s.TLSKey == "") {
		errs.add(c.place("server"), "server.tls_cert and server.tls_key belong together; set both or none")
	}
	for path, address := range map[string]string{"server.http": s.HTTP, "server.flight": s.Flight} {
		switch {
		case address == Off || IsLoopback(address):
		case s.Anonymous:
			errs.add(c.place(path), "%s is %s and server.anonymous is true: without tokens only a loopback address such as 127.0.0.1 is allowed", path, address)
		case s.TLSCert == "":
			errs.add(c.place(path), "%s is %s: tokens and data would cross the network in clear; set server.tls_cert and server.tls_key, or listen on 127.0.0.1 behind a proxy", path, address)
		}
	}
	if s.Queries < 1 || s.QueriesPerToken < 1 {
		errs.add(c.place("server.queries"), "server.queries and server.queries_per_token must be at least 1")
	}
	if c.Client.Token != "" && strings.HasPrefix(c.Client.URL, "http://") && !IsLoopback(strings.TrimPrefix(c.Client.URL, "http://")) {
		errs.add(c.place("client.token"), "client.token needs https, and client.url is %s", c.Client.URL)
	}
}

func validateQueue(c *Config, errs *Error) {
	q := c.Queue
	if q.Receivers < 1 || q.Receivers > 64 {
		errs.add(c.place("queue.receivers"), "queue.receivers is %d; it must be between 1 and 64", q.Receivers)
	}
	if q.Visibility < 10*time.Second || q.Visibility > 12*time.Hour {
		errs.add(c.place("queue.visibility"), "queue.visibility is %s; it must be between 10s and 12h", FormatDuration(q.Visibility))
	}
	if q.Linger > time.Minute {
		errs.add(c.place("queue.linger"), "queue.linger is %s; the most is 1m", FormatDuration(q.Linger))
	}
}

// IsLoopback reports whether only this machine can reach an address.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.TrimSuffix(address, "/")
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// ParseSize returns the bytes of a size such as 1GB or 512MiB.
func ParseSize(text string) (int64, error) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size; it looks like 512MB or 1GiB", text)
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, m[2])), 64)
	if err != nil {
		return 0, fmt.Errorf("read size %q: %w", text, err)
	}
	units := map[string]float64{"MB": 1e6, "GB": 1e9, "TB": 1e12, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
	return int64(n * units[m[2]]), nil
}
