package inventory

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/schema"
)

const exampleTime = "2026-11-01T06:00:00Z"

// exampleRecords has a record of each kind, with values for the columns that
// somebody is likely to have.
func exampleRecords() map[string]Record {
	const key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	return map[string]Record{
		"scopes": {"account_id": "111122223333", "region": "eu-central-1", "key_count": 1},
		"keys": {
			"key_arn": key, "key_manager": "CUSTOMER", "key_state": "Enabled", "key_spec": "SYMMETRIC_DEFAULT",
			"key_usage": "ENCRYPT_DECRYPT", "key_origin": "AWS_KMS", "description": "card numbers",
			"created_at": "2024-03-01T09:30:00Z", "multi_region": false, "aliases": []string{"alias/example/payments-confidential"},
			"tags": map[string]string{"DataClass": "confidential", "Team": "payments"}, "rotation_enabled": true, "rotation_period_days": 365,
			"next_rotation_at": "2027-03-01T09:30:00Z", "last_usage": "used", "last_used_at": "2026-10-31T22:15:00Z", "last_used_operation": "Decrypt",
		},
		"rotations": {
			"key_arn": key, "key_material_id": strings.Repeat("0123456789abcdef", 4), "material_state": "CURRENT",
			"rotation_type": "AUTOMATIC", "rotated_at": "2026-03-01T09:30:00Z",
		},
		"grants": {
			"key_arn": key, "grant_id": "0c237476b39f8bc44e45212e08498fbe3151305030726c0590dd8d3e9f3d6a60",
			"grantee_principal": "arn:aws:iam::111122223333:role/payments", "grant_operations": []string{"Decrypt", "Encrypt"},
			"created_at": "2025-05-05T05:05:05Z",
		},
		"resources": {"resource_arn": "arn:aws:s3:::example-payments", "account_id": "111122223333", "region": "eu-central-1", "tags": map[string]string{"DataClass": "confidential"}},
		"roles":     {"role_arn": "arn:aws:iam::111122223333:role/payments", "tags": map[string]string{"Team": "payments"}},
		"accounts":  {"account_id": "111122223333", "account_name": "payments-prod", "account_status": "ACTIVE", "organizational_unit": "Workloads/Prod"},
		"quotas":    {"account_id": "111122223333", "region": "eu-central-1", "quota_name": "cryptographic_symmetric", "value": 30000.0},
	}
}

// ExampleJSON returns a document with a record of each kind.
func ExampleJSON() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n  \"taken_at\": %q", exampleTime)
	for _, name := range FileKinds() {
		fmt.Fprintf(&b, ",\n  %q: [\n    {", name)
		k, rec := KindNamed(name), exampleRecords()[name]
		for i, c := range k.exampleColumns() {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "\n      %q: %s", c.Name, inJSON(rec[c.Name]))
		}
		b.WriteString("\n    }\n  ]")
	}
	b.WriteString("\n}\n")
	return b.String()
}

// ExampleCSV returns a file with one record of a kind.
func ExampleCSV(kind string) string {
	k, rec := KindNamed(kind), exampleRecords()[kind]
	head, fields := []string{"taken_at"}, []string{exampleTime}
	for _, c := range k.exampleColumns() {
		head = append(head, c.Name)
		fields = append(fields, inCell(rec[c.Name]))
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.WriteAll([][]string{head, fields}) // a buffer takes everything
	return b.String()
}

// exampleColumns are those of the example, in the table's order.
func (k *Kind) exampleColumns() []schema.Column {
	rec := exampleRecords()[k.Name]
	return slices.DeleteFunc(k.Columns(), func(c schema.Column) bool { return rec[c.Name] == nil })
}

func inJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the example is part of the program
	}
	return string(text)
}

func inCell(v any) string {
	switch v := v.(type) {
	case []string:
		return strings.Join(v, ";")
	case map[string]string:
		pairs := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, key+"="+v[key])
		}
		return strings.Join(pairs, ";")
	}
	return fmt.Sprint(v)
}

// FormatPage describes the files in Markdown.
func FormatPage() string {
	var b strings.Builder
	b.WriteString(formatIntro)
	fmt.Fprintf(&b, "```json\n%s```\n\nThe same key as CSV, `kmstrail inventory example --kind keys --format csv`:\n\n```csv\n%s```\n", ExampleJSON(), ExampleCSV("keys"))
	for _, name := range FileKinds() {
		k := KindNamed(name)
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| Column | Type | Meaning |\n| --- | --- | --- |\n", name, k.Table.Doc)
		for _, c := range k.Columns() {
			typ := typeNames[c.Type]
			if slices.Contains(k.Required, c.Name) {
				typ += ", always"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, typ, strings.ReplaceAll(c.Doc, "|", `\|`))
		}
	}
	return b.String()
}

var typeNames = map[schema.Type]string{
	schema.Varchar: "text", schema.Timestamp: "time", schema.Integer: "whole number", schema.Bigint: "whole number",
	schema.Double: "number", schema.Boolean: "true or false", schema.StringMap: "object of texts", schema.StringSet: "list of texts",
}

const formatIntro = `# Files of inventories

` + "`kmstrail inventory import FILE…`" + ` reads files that were made elsewhere, from a script or another tool; [inventory.md](inventory.md) says what comes of them. All files of a command are one inventory: every record is checked before the first is stored, and if anything is wrong nothing is.

A JSON file is an object with a list for each kind of records, a CSV file holds one kind and names its columns in the first line. Columns have the names below, which are those of the tables ` + "`inventory_…`" + `. A column or member that is not known is refused by name.

* *When it was taken*: each record's ` + "`taken_at`" + `, else the document's, which comes first, else ` + "`--taken-at`" + `. There is no other default: what an inventory says holds from its own time on.
* *Not known and empty*: what is left out, null or an empty cell is not known; an empty list or object (` + "`[]`, `{}`" + `) is known to be empty.
* *Times* are like ` + "`2026-01-31T12:00:00Z`" + `, UTC where no zone is given; a day alone is its beginning.
* *Lists* in CSV are ` + "`a;b`" + ` or a JSON array, *objects* ` + "`Key=Value;Key=Value`" + ` or a JSON object.
* *Text* is kept as it is, formulas and markup too. One text has at most 8 KiB, a key policy 128 KiB, a file 512 MiB; all is UTF-8.
* Account, Region and key id follow from the ARN and may be left out.
* Without ` + "`scopes`" + ` an import claims nothing about keys that it does not have; with one it says that these are all keys of that account and Region.

` + "`kmstrail inventory example`" + ` prints this:

`
