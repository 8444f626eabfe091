package schema

import (
	"slices"
	"strings"
)

// Sources of the figures below: KMS Developer Guide, "Request quotas" (2026;
// the values of July 2024 and later), and the KMS price list for US regions.
// Quotas for ML-KEM are not published yet: that of the other asymmetric
// operations is assumed.

// symmetricQuotas has the symmetric cryptographic quota of the regions that
// differ from the rest.
var symmetricQuotas = map[string]float64{
	"us-east-1": 100_000, "us-west-2": 100_000, "eu-west-1": 100_000,
	"us-east-2": 20_000, "ap-southeast-1": 20_000, "ap-southeast-2": 20_000,
	"ap-northeast-1": 20_000, "eu-central-1": 20_000, "eu-west-2": 20_000,
}

const symmetricQuotaElsewhere = 10_000

// everywhereQuotas has the quotas that are the same in every commercial region.
var everywhereQuotas = map[string]float64{
	"cryptographic_rsa":    1000,
	"cryptographic_ecc":    1000,
	"cryptographic_ml_dsa": 1000,
	"cryptographic_ml_kem": 1000,
	"custom_key_store":     1800,

	"generate_data_key_pair_ecc_nist_p256":         100,
	"generate_data_key_pair_ecc_nist_p384":         100,
	"generate_data_key_pair_ecc_nist_p521":         100,
	"generate_data_key_pair_ecc_secg_p256k1":       100,
	"generate_data_key_pair_ecc_nist_edwards25519": 100,
	"generate_data_key_pair_rsa_2048":              20,
	"generate_data_key_pair_rsa_3072":              4,
	"generate_data_key_pair_rsa_4096":              1,
	"generate_data_key_pair_sm2":                   25,

	"describe_key":                 2000,
	"get_public_key":               2000,
	"list_resource_tags":           2000,
	"get_key_policy":               1000,
	"get_key_rotation_status":      1000,
	"list_aliases":                 500,
	"list_keys":                    500,
	"list_grants":                  100,
	"list_key_policies":            100,
	"list_key_rotations":           100,
	"list_retirable_grants":        100,
	"create_grant":                 50,
	"retire_grant":                 50,
	"revoke_grant":                 50,
	"delete_alias":                 15,
	"delete_imported_key_material": 15,
	"import_key_material":          15,
	"enable_key_rotation":          15,
	"put_key_policy":               15,
	"schedule_key_deletion":        15,
	"tag_resource":                 10,
	"get_parameters_for_import":    1,
	"cancel_key_deletion":          5,
	"connect_custom_key_store":     5,
	"create_alias":                 5,
	"create_custom_key_store":      5,
	"create_key":                   5,
	"delete_custom_key_store":      5,
	"describe_custom_key_stores":   5,
	"disable_key":                  5,
	"disable_key_rotation":         5,
	"disconnect_custom_key_store":  5,
	"enable_key":                   5,
	"get_key_last_usage":           5,
	"replicate_key":                5,
	"rotate_key_on_demand":         5,
	"untag_resource":               5,
	"update_alias":                 5,
	"update_custom_key_store":      5,
	"update_key_description":       5,
	"update_primary_region":        5,
}

// chinaKeyPairQuotas has the key pair quotas that are lower in China.
var chinaKeyPairQuotas = map[string]float64{
	"generate_data_key_pair_rsa_2048": 1,
	"generate_data_key_pair_rsa_3072": 0.5,
	"generate_data_key_pair_rsa_4096": 0.1,
}

// DefaultQuotas returns AWS's published request quotas as rows of [Quotas],
// ordered by quota name, those for every region before those for one. A quota
// of one region goes before one of every region.
func DefaultQuotas() [][]any {
	var rows [][]any
	add := func(name string, region any, perSecond float64) {
		rows = append(rows, []any{name, nil, region, perSecond, "default"})
	}
	add("cryptographic_symmetric", nil, symmetricQuotaElsewhere)
	for region, n := range symmetricQuotas {
		add("cryptographic_symmetric", region, n)
	}
	for name, n := range everywhereQuotas {
		add(name, nil, n)
	}
	for _, region := range []string{"cn-north-1", "cn-northwest-1"} {
		for name, n := range chinaKeyPairQuotas {
			add(name, region, n)
		}
	}
	slices.SortFunc(rows, func(a, b []any) int {
		key := func(r []any) string { region, _ := r[2].(string); return r[0].(string) + "\x00" + region }
		return strings.Compare(key(a), key(b))
	})
	return rows
}

// DefaultPrices returns the request prices of US regions as rows of [Prices].
func DefaultPrices() [][]any {
	const asOf = "2026-10"
	return [][]any{
		{"asymmetric", 0.15, asOf},
		{"ecc_key_pair", 0.10, asOf},
		{"rsa_key_pair", 12.00, asOf},
		{"standard", 0.03, asOf},
	}
}
