package inventory

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/schema"
)

const key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// read writes files and reads them; names and texts alternate.
func read(t *testing.T, opts Options, files ...string) (Records, []string) {
	t.Helper()
	dir := t.TempDir()
	var names []string
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := os.WriteFile(name, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	opts.Now = now
	records, err := Read(names, opts)
	wrong, ok := errors.AsType[*Error](err)
	if err != nil && !ok {
		t.Fatal(err)
	}
	var problems []string
	if ok {
		if records != nil {
			t.Error("there are records beside problems")
		}
		for _, p := range wrong.Problems {
			p.File = filepath.Base(p.File)
			problems = append(problems, strings.ReplaceAll(p.String(), dir+"/", ""))
		}
	}
	return records, problems
}

// TestExamples: what the program prints can be imported, in both formats alike.
func TestExamples(t *testing.T) {
	records, problems := read(t, Options{}, "all.json", ExampleJSON())
	if problems != nil {
		t.Fatal(problems)
	}
	for _, kind := range FileKinds() {
		fromCSV, problems := read(t, Options{}, kind+".csv", ExampleCSV(kind))
		if problems != nil {
			t.Errorf("%s: %v", kind, problems)
			continue
		}
		want, got := rowOf(t, kind, records), rowOf(t, kind, fromCSV)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: CSV and JSON differ:\n%s", kind, diff)
		}
	}
}

func rowOf(t *testing.T, kind string, records Records) []any {
	t.Helper()
	if len(records[kind]) != 1 {
		t.Fatalf("%d %s", len(records[kind]), kind)
	}
	row, err := KindNamed(kind).Row(uuid.Nil, records[kind][0])
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// TestReads: what may be left out, written otherwise, or look like something else.
func TestReads(t *testing.T) {
	records, problems := read(t, Options{TakenAt: now}, "k.csv", "\ufeffkey_arn,key_state,aliases,tags,description,rotation_enabled\r\n"+
		key+`,Enabled,alias/b;alias/a,"{""Owner"":""=cmd|'/c calc'!A1""}","=HYPERLINK(""http://x"") <b>",`+"\r\n")
	if problems != nil {
		t.Fatal(problems)
	}
	row := rowOf(t, "keys", records)
	at := func(column string) any { return row[schema.InventoryKeys.Column(column)] }
	for column, want := range map[string]any{
		"taken_at": now, "account_id": "111122223333", "region": "eu-central-1", "key_id": "1234abcd-12ab-34cd-56ef-1234567890ab",
		"aliases": []string{"alias/a", "alias/b"}, "tags": map[string]string{"Owner": "=cmd|'/c calc'!A1"},
		"description": `=HYPERLINK("http://x") <b>`, "rotation_enabled": nil, "refused": []string{},
	} {
		if diff := cmp.Diff(want, at(column)); diff != "" {
			t.Errorf("%s:\n%s", column, diff)
		}
	}
	_, problems = read(t, Options{}, "q.json", `{"taken_at":"2026-11-01","quotas":[{"account_id":"111122223333","region":"eu-west-1","service_quota_name":"DescribeKey request rate","value":2000}]}`)
	if problems != nil {
		t.Error(problems)
	}
}

// TestRefuses: every mistake is told with its place, and nothing is taken.
func TestRefuses(t *testing.T) {
	const at = `"taken_at":"2026-11-01T06:00:00Z"`
	for _, tt := range []struct {
		name, file, text string
		want             []string
	}{
		{"empty", "a.json", "", []string{"a.json:1: the document is cut off"}},
		{"empty csv", "a.csv", "", []string{"a.csv:1: is empty; its first line has the names of the columns"}},
		{"nothing in it", "a.json", "{}", []string{"a.json: holds no record; kmstrail inventory example prints what one looks like"}},
		{"neither", "a.txt", "x", []string{"a.txt: is neither .json nor .csv; its name says which it is"}},
		{"not JSON", "a.json", "{\n\"keys\": [\n{x", []string{"a.json:3: is not JSON: invalid character 'x'"}},
		{"cut off", "a.json", "{\n\"keys\": [\n", []string{"a.json:3: the document is cut off"}},
		{"a list", "a.json", "[]", []string{"a.json:1: a document is an object with keys, grants and the like"}},
		{"behind", "a.json", "{\"keys\":[]}\n{}", []string{"a.json:2: something follows the end of the document"}},
		{"unknown kind", "a.json", "{\n\"keyz\": [1]}", []string{`a.json:2: a document has no "keyz"; did you mean keys?`}},
		{"refusals", "a.json", `{"refusals": []}`, []string{`a.json:1: a document has no "refusals"; known are scopes, keys, rotations, grants, resources, roles, accounts, quotas, taken_at`}},
		{"unknown member", "a.json", "{" + at + ",\"keys\": [{\n\"key_arn\": \"" + key + "\",\n\"state\": \"Enabled\"}]}", []string{`a.json:3: keys: state: keys have no such column; did you mean key_state?`}},
		{"run_id", "a.json", "{" + at + `,"keys": [{"run_id": "x"}]}`, []string{"run_id: keys have no such column"}},
		{"twice", "a.json", `{"keys": [{"key_arn": "a", "key_arn": "b"}]}`, []string{`a.json:1: the member "key_arn" is there twice`}},
		{"no time", "a.json", `{"keys": [{"key_arn": "` + key + `"}]}`, []string{"a.json:1: keys: does not say when it was taken: add taken_at, or give --taken-at TIME"}},
		{"late time", "a.json", `{"keys": [],` + at + `}`, []string{"a.json:1: taken_at must come first"}},
		{"future", "a.json", `{"taken_at":"2026-11-21T00:00:00Z","keys": [{"key_arn": "` + key + `"}]}`, []string{"taken_at: 2026-11-21T00:00:00Z is in the future"}},
		{"no key", "a.json", "{" + at + `,"keys": [{"key_state": "Enabled"}]}`, []string{"key_arn: is missing"}},
		{"not a key", "a.json", "{" + at + `,"keys": [{"key_arn": "alias/x"}]}`, []string{`key_arn: "alias/x" is not a key ARN`}},
		{"account", "a.json", "{" + at + `,"keys": [{"key_arn": "` + key + `", "account_id": "444455556666"}]}`, []string{`account_id: is "444455556666", but the ARN says "111122223333"`}},
		{"spelling", "a.json", "{" + at + `,"keys": [{"key_arn": "` + key + `", "key_state": "ENABLED"}]}`, []string{`key_state: "ENABLED" is spelt Enabled`}},
		{"types", "a.json", "{" + at + `,"keys": [{"key_arn": "` + key + `", "tags": ["a"]}, {"key_arn": 1}]}`, []string{
			`tags: is a list, not an object of texts`, "key_arn: is the number 1, not a text",
		}},
		{"number", "a.json", "{" + at + `,"keys": [{"key_arn": "` + key + `", "rotation_period_days": 1e99}]}`, []string{"rotation_period_days: 1e99 is not a whole number"}},
		{"nul", "a.json", "{" + at + `,"keys": [{"key_arn": "` + key + `", "description": "a\u0000b"}]}`, []string{"description: holds a NUL character"}},
		{"long", "a.json", "{" + at + `,"keys": [{"key_arn": "` + key + `", "description": "` + strings.Repeat("x", maxText+1) + `"}]}`, []string{"description: is 8193 bytes long; the most is 8192"}},
		{"same key", "a.json", "{" + at + ",\"keys\": [{\"key_arn\": \"" + key + "\"},\n{\"key_arn\": \"" + key + "\"}]}", []string{"a.json:2: keys: " + key + " is in a.json:1 already"}},
		{"quota", "a.json", "{" + at + `,"quotas": [{"account_id": "111122223333", "region": "eu-west-1", "quota_name": "describe_kee", "value": 1}]}`, []string{`quota_name: unknown "describe_kee"; did you mean describe_key?`}},
		{"bytes", "a.csv", "key_arn\na\nb\xff\n", []string{"a.csv:3: is not valid UTF-8 from here on"}},
		{"column", "a.csv", "key_arn,taken_at,key_stat\n", []string{`a.csv:1: keys have no column "key_stat"; did you mean key_state?`}},
		{"column twice", "a.csv", "key_arn,key_arn\n", []string{`a.csv:1: the column "key_arn" is there twice`}},
		{"no kind", "a.csv", "taken_at,tags\n", []string{"no kind of records has these columns"}},
		{"fields", "a.csv", "key_arn,taken_at\n" + key + ",2026-11-01\n" + key + "\n", []string{"a.csv:3: wrong number of fields"}},
		{"quote", "a.csv", "key_arn,taken_at\n\"x\n", []string{"a.csv:2: extraneous or missing"}},
		{"boolean", "a.csv", "key_arn,taken_at,multi_region\n" + key + ",2026-11-01,maybe\n", []string{`a.csv:2: keys: multi_region: "maybe" is neither true nor false`}},
		{"map", "a.csv", "key_arn,taken_at,tags\n" + key + ",2026-11-01,Team\n", []string{`a.csv:2: keys: tags: "Team" is not Key=Value;Key=Value`}},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			_, got := read(t, Options{}, tt.file, tt.text)
			if len(got) != len(tt.want) {
				t.Fatalf("%q, want %q", got, tt.want)
			}
			for i := range got {
				if !strings.Contains(got[i], tt.want[i]) {
					t.Errorf("%s\nwant %s", got[i], tt.want[i])
				}
			}
		})
	}
}

// TestReadsNothingBesideAMistake: one file with a mistake spoils all.
func TestReadsNothingBesideAMistake(t *testing.T) {
	_, problems := read(t, Options{}, "good.json", ExampleJSON(), "bad.csv", "key_arn,taken_at\nx,2026-11-01\n"+key+",2026-11-01\n")
	if len(problems) != 2 || !strings.HasPrefix(problems[1], "bad.csv:3: keys: "+key+" is in good.json:") {
		t.Error(problems)
	}
}

func TestRequestQuota(t *testing.T) {
	for name, want := range map[string]string{
		"Cryptographic operations (symmetric) request rate":   "cryptographic_symmetric",
		"Cryptographic operations (RSA) request rate":         "cryptographic_rsa",
		"Cryptographic operations (ECC and SM2) request rate": "cryptographic_ecc",
		"GenerateDataKeyPair (RSA_2048) request rate":         "generate_data_key_pair_rsa_2048",
		"GenerateDataKeyPair (ECC_NIST_P256) request rate":    "generate_data_key_pair_ecc_nist_p256",
		"DescribeKey request rate":                            "describe_key",
		"GetKeyLastUsage request rate":                        "get_key_last_usage",
		"Customer Master Keys (CMKs)":                         "",
		"Grants per CMK":                                      "",
		"NoSuchOperation request rate":                        "",
		"":                                                    "",
	} {
		if got := RequestQuota(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestKinds: every kind has what files and rows rely on.
func TestKinds(t *testing.T) {
	tables := schema.InventoryTables()[1:] // without the runs
	if len(kinds) != len(tables) {
		t.Fatalf("%d kinds for %d tables", len(kinds), len(tables))
	}
	for i, k := range kinds {
		if k.Table != tables[i] {
			t.Errorf("%s is of %s, want %s", k.Name, k.Table.Name, tables[i].Name)
		}
		for _, c := range slices.Concat(k.Identity, k.Required) {
			if k.column(c) == nil {
				t.Errorf("%s has no column %s", k.Name, c)
			}
		}
	}
}

func TestBatch_refuses(t *testing.T) {
	good := NewImport(Records{"keys": {{"key_arn": key, "taken_at": now}}}, []string{"x"}, uuid.New(), now)
	if rows, err := good.Rows(); err != nil || len(rows) != 2 {
		t.Fatalf("%v %v", rows, err)
	}
	if !slices.Equal(good.Run.Accounts, []string{"111122223333"}) || !slices.Equal(good.Run.Regions, []string{"eu-central-1"}) {
		t.Errorf("%+v", good.Run)
	}
	for want, spoil := range map[string]func(*Batch){
		"which is no UUID":   func(b *Batch) { b.Run.ID = "x" },
		"origin is":          func(b *Batch) { b.Run.Origin = "guess" },
		"status is":          func(b *Batch) { b.Run.Status = "done" },
		"which cannot be":    func(b *Batch) { b.Run.StartedAt = time.Time{} },
		"before it began":    func(b *Batch) { b.Run.EndedAt = now.Add(-time.Hour) },
		"unknown kind":       func(b *Batch) { b.Records["keyz"] = nil },
		"keys[0]: key_arn: ": func(b *Batch) { b.Records["keys"] = []Record{{"key_arn": "x", "taken_at": now}} },
		"NUL":                func(b *Batch) { b.Run.Files = []string{"a\x00"} },
		"keys[0]: created_at": func(b *Batch) {
			b.Records["keys"] = []Record{{"key_arn": key, "taken_at": now, "created_at": time.Time{}}}
		},
	} {
		b := NewImport(Records{"keys": {{"key_arn": key, "taken_at": now}}}, []string{"x"}, uuid.New(), now)
		spoil(&b)
		if _, err := b.Rows(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
