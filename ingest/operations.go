package ingest

import "bytes"

// operation is what kmstrail knows of a KMS operation. The list is that of
// the KMS API model (AWS SDK for Go v2, service/kms) and of the internal
// events in the KMS Developer Guide's page on CloudTrail.
type operation struct {
	name  string
	class string
	quota string // "": depends on the algorithm, see quotaAndPrice
	free  bool   // an event, not a request: no quota, no price
}

var operations = func() map[string]*operation {
	m := make(map[string]*operation)
	add := func(class string, names ...string) {
		for _, n := range names {
			m[n] = &operation{name: n, class: class, quota: snake(n)}
		}
	}
	add("cryptographic", "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey",
		"GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
		"GenerateRandom", "GenerateMac", "VerifyMac", "Sign", "Verify", "DeriveSharedSecret",
		"Encapsulate", "Decapsulate")
	for _, op := range m {
		op.quota = ""
	}
	add("management", "CreateKey", "ReplicateKey", "UpdatePrimaryRegion", "EnableKey", "DisableKey",
		"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "ScheduleKeyDeletion",
		"CancelKeyDeletion", "UpdateKeyDescription")
	add("policy", "PutKeyPolicy")
	add("import", "GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial")
	add("grant", "CreateGrant", "RevokeGrant", "RetireGrant")
	add("alias", "CreateAlias", "UpdateAlias", "DeleteAlias")
	add("tag", "TagResource", "UntagResource")
	add("store", "CreateCustomKeyStore", "UpdateCustomKeyStore", "DeleteCustomKeyStore",
		"ConnectCustomKeyStore", "DisconnectCustomKeyStore")
	add("read", "DescribeKey", "GetPublicKey", "GetKeyPolicy", "ListKeyPolicies", "ListGrants",
		"ListRetirableGrants", "ListAliases", "ListResourceTags", "ListKeys", "GetKeyRotationStatus",
		"ListKeyRotations", "GetKeyLastUsage", "DescribeCustomKeyStores")
	add("service_event", "RotateKey", "DeleteKey", "DeleteExpiredKeyMaterial", "SynchronizeMultiRegionKey")
	for _, n := range []string{"RotateKey", "DeleteKey", "DeleteExpiredKeyMaterial", "SynchronizeMultiRegionKey"} {
		m[n].quota, m[n].free = "", true
	}
	return m
}()

// snake turns an operation name into its quota name: DescribeKey → describe_key.
func snake(name string) string {
	var b []byte
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b = append(b, '_')
			}
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return string(b)
}

var keyPairQuotas = map[string]string{
	"RSA_2048": "generate_data_key_pair_rsa_2048", "RSA_3072": "generate_data_key_pair_rsa_3072",
	"RSA_4096": "generate_data_key_pair_rsa_4096", "SM2": "generate_data_key_pair_sm2",
	"ECC_NIST_P256": "generate_data_key_pair_ecc_nist_p256", "ECC_NIST_P384": "generate_data_key_pair_ecc_nist_p384",
	"ECC_NIST_P521": "generate_data_key_pair_ecc_nist_p521", "ECC_SECG_P256K1": "generate_data_key_pair_ecc_secg_p256k1",
	"ECC_NIST_EDWARDS25519": "generate_data_key_pair_ecc_nist_edwards25519",
}

// quotaAndPrice maps a request to the quota it counts against and the price
// class it is billed in. AWS documents the quotas by operation and key type
// (KMS Developer Guide, "Request quotas"); the key type is inferred from the
// algorithm, since the record does not name it.
func quotaAndPrice(op *operation, algorithm, keySpec []byte) (quota, tier string) {
	switch {
	case op.free:
		return "", ""
	case op.name == "GetPublicKey":
		return op.quota, "asymmetric"
	case op.class != "cryptographic":
		return op.quota, "standard"
	case op.name == "GenerateDataKeyPair" || op.name == "GenerateDataKeyPairWithoutPlaintext":
		tier = "ecc_key_pair"
		if bytes.HasPrefix(keySpec, []byte("RSA")) {
			tier = "rsa_key_pair"
		}
		return keyPairQuotas[string(keySpec)], tier
	default:
		return cryptographicQuota(algorithm)
	}
}

func cryptographicQuota(algorithm []byte) (quota, tier string) {
	prefix := func(p string) bool { return bytes.HasPrefix(algorithm, []byte(p)) }
	switch {
	case prefix("RSA"):
		return "cryptographic_rsa", "asymmetric"
	case prefix("ECDSA"), prefix("ECDH"), prefix("ED25519"), prefix("SM2"):
		return "cryptographic_ecc", "asymmetric"
	case prefix("ML_DSA"):
		return "cryptographic_ml_dsa", "asymmetric"
	case prefix("ML_KEM"):
		return "cryptographic_ml_kem", "asymmetric"
	default:
		return "cryptographic_symmetric", "standard"
	}
}

// errorClass sorts errors into the classes of kms_events.error_class. Key
// states are told by the message: pending deletion comes as DisabledException
// or KMSInvalidStateException, depending on the operation.
func errorClass(code, message []byte) string {
	has := func(s string) bool { return bytes.Contains(message, []byte(s)) }
	switch string(code) {
	case "":
		return ""
	case "DryRunOperationException", "DryRunOperation":
		return "dry_run"
	case "AccessDenied", "AccessDeniedException", "VpceAccessDenied":
		return "denied"
	case "ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException":
		return "throttled"
	case "InvalidCiphertextException":
		return "bad_ciphertext"
	case "IncorrectKeyException":
		return "wrong_key"
	case "NotFoundException":
		return "not_found"
	case "DisabledException", "KMSInvalidStateException":
		switch {
		case has(" is pending deletion"), has(" is pending replica deletion"):
			return "pending_deletion"
		case has(" is pending import"):
			return "pending_import"
		case has(" is disabled"), string(code) == "DisabledException":
			return "disabled"
		}
	}
	return "other"
}
