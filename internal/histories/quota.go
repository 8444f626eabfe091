package histories

import (
	"strings"
	"unicode"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// quotaOf names the request quota of an event of this package, as the
// developer guide lists them.
func quotaOf(e *cttest.Event) string {
	switch e.Name {
	case "RotateKey", "DeleteKey", "DeleteExpiredKeyMaterial", "SynchronizeMultiRegionKey":
		return ""
	case "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
		"GenerateMac", "VerifyMac", "GenerateRandom":
		return "cryptographic_symmetric"
	case "Sign", "Verify":
		return "cryptographic_rsa"
	case "DeriveSharedSecret":
		return "cryptographic_ecc"
	case "Encapsulate", "Decapsulate":
		return "cryptographic_ml_kem"
	case "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext":
		return "generate_data_key_pair_rsa_2048"
	}
	return snake(e.Name)
}

// snake turns DescribeKey into describe_key.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// symmetric says whether an operation is one of those whose quota and price
// follow from its name, so that its records may lack the request.
func symmetric(name string) bool {
	switch name {
	case "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext":
		return true
	}
	return false
}

// cryptographic says whether an operation works with key material.
func cryptographic(name string) bool {
	switch name {
	case "GenerateMac", "VerifyMac", "GenerateRandom", "Sign", "Verify", "DeriveSharedSecret",
		"Encapsulate", "Decapsulate", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext":
		return true
	}
	return symmetric(name)
}
