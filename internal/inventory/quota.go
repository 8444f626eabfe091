package inventory

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/kmstrail/kmstrail/schema"
)

// requestQuotas are the names of quotas that calls are counted against.
var requestQuotas = sync.OnceValue(func() []string {
	var names []string
	for _, row := range schema.DefaultQuotas() {
		names = append(names, row[0].(string))
	}
	slices.Sort(names)
	return slices.Compact(names)
})

var (
	cryptographicQuota = regexp.MustCompile(`^Cryptographic operations \((.+)\) request rate$`)
	keyPairQuota       = regexp.MustCompile(`^GenerateDataKeyPair \((.+)\) request rate$`)
	operationQuota     = regexp.MustCompile(`^([A-Za-z]+) request rate$`)
)

// RequestQuota returns the name by which quotas has a quota of Service Quotas; ""
// for one that is not known or is no request rate.
func RequestQuota(service string) string {
	name := ""
	if m := cryptographicQuota.FindStringSubmatch(service); m != nil {
		switch family := strings.ToLower(m[1]); {
		case strings.HasPrefix(family, "symmetric"):
			name = "cryptographic_symmetric"
		case strings.HasPrefix(family, "rsa"):
			name = "cryptographic_rsa"
		case strings.HasPrefix(family, "ecc"):
			name = "cryptographic_ecc"
		case strings.HasPrefix(family, "ml-dsa"), strings.HasPrefix(family, "ml_dsa"):
			name = "cryptographic_ml_dsa"
		case strings.HasPrefix(family, "ml-kem"), strings.HasPrefix(family, "ml_kem"):
			name = "cryptographic_ml_kem"
		}
	} else if m := keyPairQuota.FindStringSubmatch(service); m != nil {
		name = "generate_data_key_pair_" + strings.ToLower(m[1])
	} else if m := operationQuota.FindStringSubmatch(service); m != nil {
		name = snake(m[1])
	}
	if !slices.Contains(requestQuotas(), name) {
		return ""
	}
	return name
}

// snake writes DescribeKey as describe_key.
func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
