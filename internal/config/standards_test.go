package config

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const standards = `
standards:
  aliases:
    patterns: [org-service-dataclass, alias/<org>/x_<use>]
    values:
      org: [acme, acme_labs]
      dataclass: [public, top-secret]
    exempt: [alias/legacy_*]
  require_alias: true
  require_description: true
  origins: [AWS_KMS]
  specs: [SM2, RSA_4096]
  regions: [eu-central-1]
  accounts: ["111122223333"]
  forbid_multi_region: true
  expected_keys:
    - alias: alias/Acme/<service>-<dataclass>
    - {service: s3, data_class: Secret, account: "111122223333", key: "arn:aws:kms:eu-central-1:111122223333:key/1"}
  environments:
    prod:
      accounts: ["111122223333"]
      callers: ["arn:aws:iam::*:role/prod-*"]
      aliases: [alias/prod-*]
      tags: {Stage: [Production]}
    test: {accounts: ["444455556666"]}
`

func TestStandards_Tables(t *testing.T) {
	c, problems := load(t, standards, nil)
	if problems != "" {
		t.Fatal(problems)
	}
	got := map[string][][]any{}
	for _, table := range c.Tables() {
		got[table.Table.Name] = table.Rows
	}
	preset, own := "alias/<org>/<service>-<dataclass>", "alias/<org>/x_<use>"
	want := map[string][][]any{
		"key_standards": {
			{"alias", `alias/acme/_%-public`, preset}, {"alias", `alias/acme/_%-top-secret`, preset},
			{"alias", `alias/acme\_labs/_%-public`, preset}, {"alias", `alias/acme\_labs/_%-top-secret`, preset},
			{"alias", `alias/acme/x\__%`, own}, {"alias", `alias/acme\_labs/x\__%`, own},
			{"exempt_alias", `alias/legacy\_%`, "alias/legacy_*"},
			{"required", "alias", nil}, {"required", "description", nil},
			{"origin", "AWS_KMS", nil}, {"spec", "SM2", nil}, {"spec", "RSA_4096", nil},
			{"region", "eu-central-1", nil}, {"account", "111122223333", nil}, {"multi_region", "forbidden", nil},
		},
		"expected_keys": {
			{int64(1), nil, nil, nil, nil, "alias/acme/<service>-<dataclass>"},
			{int64(2), "s3", "secret", "111122223333", "arn:aws:kms:eu-central-1:111122223333:key/1", nil},
		},
		"environments": {
			{"prod", "account", "111122223333", nil}, {"prod", "caller", "arn:aws:iam::%:role/prod-%", nil},
			{"prod", "alias", "alias/prod-%", nil}, {"prod", "tag", "production", "stage"},
			{"test", "account", "444455556666", nil},
		},
	}
	for name, rows := range want {
		if diff := cmp.Diff(rows, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	var out strings.Builder
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	if again, problems := load(t, out.String(), nil); problems != "" || cmp.Diff(c.Standards, again.Standards, cmpopts.EquateEmpty()) != "" {
		t.Errorf("what is shown does not read back: %s\n%s", problems, out.String())
	}
}

func TestStandards_Refuses(t *testing.T) {
	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprintf("v%d", i)
	}
	values := "[" + strings.Join(many, ", ") + "]"
	for src, want := range map[string]string{
		"aliases: {patterns: [org-service-dataclas]}":                                              `did you mean org-service-dataclass?`,
		"aliases: {patterns: [alias/<org>/<Service>]}":                                             `a part looks like <service>`,
		"aliases: {patterns: [\"alias/<org>/a b\"]}":                                               `aliases have letters, digits`,
		"aliases: {patterns: [\"alias/<org\"]}":                                                    `a part looks like <service>`,
		"aliases: {patterns: [alias/<org>], values: {orgs: [a]}}":                                  `no pattern has a part <orgs>; did you mean org?`,
		"aliases: {patterns: [alias/<org>], values: {org: [\"a%\"]}}":                              `"a%" cannot be part of an alias`,
		"aliases: {patterns: [\"alias/<a>-<b>\"], values: {a: " + values + ", b: " + values + "}}": `make more than 2000 names`,
		"origins: [AWS]":                                                       `unknown origin "AWS"`,
		"specs: [rsa_2048]":                                                    `"rsa_2048" is not a key spec`,
		"regions: [frankfurt]":                                                 `"frankfurt" is not a Region`,
		"expected_keys: [{service: s3}]":                                       `needs either alias or key`,
		"expected_keys: [{alias: alias/one}]":                                  `expects one key for everything`,
		"expected_keys: [{alias: \"alias/<team>\", service: s3}]":              `neither <service> nor <dataclass>`,
		"expected_keys: [{alias: alias/x, service: \"Amazon S3\"}]":            `"Amazon S3" is not a service`,
		"environments: {prod: {}, test: {accounts: [\"444455556666\"]}}":       `standards.environments.prod is empty`,
		"environments: {prod: {accounts: [\"444455556666\"]}}":                 `has one environment`,
		"environments: {prod: {callers: [admin]}, test: {aliases: [alias/x]}}": `"admin" is not a pattern for the ARN`,
	} {
		_, problems := load(t, "standards:\n  "+src+"\n", nil)
		if !strings.Contains(problems, want) || !regexp.MustCompile(`^.*kmstrail.yaml:[0-9]+: `).MatchString(problems) {
			t.Errorf("%s: %q, want %q with its line", src, problems, want)
		}
	}
}
