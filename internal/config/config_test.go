package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// load reads src as a file named kmstrail.yaml in a fresh directory and
// replaces that directory's name in messages.
func load(t *testing.T, src string, env []string, flags ...Flag) (Config, string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "kmstrail.yaml")
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Options{File: file, Environ: env, Flags: flags})
	if err == nil {
		return c, ""
	}
	var list *Error
	if !errors.As(err, &list) {
		t.Fatalf("error is not an *Error: %v", err)
	}
	return c, strings.ReplaceAll(err.Error(), dir+"/", "")
}

func TestLoad_problems(t *testing.T) {
	tests := map[string]struct {
		src  string
		env  []string
		want string
	}{
		"unknown_key":        {src: "db: x\ntrusted_acounts: []\n", want: `kmstrail.yaml:2: unknown key "trusted_acounts"; did you mean trusted_accounts?`},
		"unknown_nested":     {src: "aws:\n  profil: x\n", want: `kmstrail.yaml:2: unknown key "profil" in aws; did you mean profile?`},
		"unknown_in_list":    {src: "trust:\n  - acount: \"111122223333\"\n", want: `kmstrail.yaml:2: unknown key "acount" in trust[0]; did you mean account?`},
		"far_off":            {src: "aws:\n  zzzzzzzz: x\n", want: `kmstrail.yaml:2: unknown key "zzzzzzzz" in aws; known are profile, region, endpoint_url`},
		"twice":              {src: "db: x\naws: {}\ndb: y\n", want: `kmstrail.yaml: not valid YAML: [3:1] mapping key "db" already defined at [1:1]`},
		"short_account":      {src: "trusted_accounts:\n  - 11112222333\n", want: `kmstrail.yaml:2: trusted_accounts[0]: "11112222333" is not an account id; an account id has twelve digits`},
		"account_name_key":   {src: "accounts:\n  prod: x\n", want: `kmstrail.yaml:2: accounts: "prod" is not an account id; an account id has twelve digits`},
		"not_a_list":         {src: "trusted_accounts: \"111122223333\"\n", want: `kmstrail.yaml:1: trusted_accounts must be a list (lines that begin with "- ")`},
		"not_a_mapping":      {src: "- db\n", want: `kmstrail.yaml:1: the file must be a mapping (key: value lines)`},
		"not_a_scalar":       {src: "db: [a]\n", want: `kmstrail.yaml:1: db must be a single value`},
		"bad_number":         {src: "ingest:\n  concurrency: many\n", want: `kmstrail.yaml:2: ingest.concurrency: "many" is not a whole number from 0 up`},
		"bad_duration":       {src: "ingest:\n  first_run: week\n", want: `kmstrail.yaml:2: ingest.first_run: "week" is not a span of time; write 30m, 12h, 7d or 2w`},
		"bad_region":         {src: "aws:\n  region: Frankfurt\n", want: `kmstrail.yaml:2: aws.region: "Frankfurt" is not a Region; a Region looks like eu-central-1`},
		"bad_key_arn":        {src: "trust:\n  - account: \"111122223333\"\n    key: alias/x\n", want: `kmstrail.yaml:3: trust[0].key: "alias/x" is not a key ARN; it looks like arn:aws:kms:REGION:ACCOUNT:key/ID`},
		"trust_everything":   {src: "trust:\n  - account: \"*\"\n", want: `kmstrail.yaml:2: trust[0] trusts every account with every key; add key, alias or tag_key`},
		"comparison":         {src: "context_rules:\n  - context_key: a\n    comparison: equals\n", want: `kmstrail.yaml:3: context_rules[0].comparison: unknown "equals"; did you mean equal?`},
		"queue_bucket":       {src: "queue:\n  buckets: [my-logs]\n", want: `kmstrail.yaml:2: queue.buckets[0]: "my-logs" is not a bucket; write s3://BUCKET or s3://BUCKET/PREFIX`},
		"queue_visibility":   {src: "queue:\n  visibility: 5s\n", want: `kmstrail.yaml:2: queue.visibility is 5s; it must be between 10s and 12h`},
		"queue_receivers":    {src: "queue:\n  receivers: 0\n", want: `kmstrail.yaml:2: queue.receivers is 0; it must be between 1 and 64`},
		"rotation_missing":   {src: "rotation_policy:\n  - data_class: a\n", want: `kmstrail.yaml:2: rotation_policy[0] has no rotation; it is automatic, rollover or none`},
		"rotation_unknown":   {src: "rotation_policy:\n  - rotation: automatc\n", want: `kmstrail.yaml:2: rotation_policy[0].rotation: unknown "automatc"; did you mean automatic?`},
		"rotation_days":      {src: "rotation_policy:\n  - rotation: rollover\n    days: 3000\n", want: `kmstrail.yaml:3: rotation_policy[0].days is 3000; the most is 2560`},
		"rotation_too_often": {src: "rotation_policy:\n  - rotation: automatic\n    days: 30\n", want: `kmstrail.yaml:3: rotation_policy[0].days is 30; the shortest period of automatic rotation is 90`},
		"rotation_none_days": {src: "rotation_policy:\n  - rotation: none\n    days: 90\n", want: `kmstrail.yaml:3: rotation_policy[0]: days has no meaning with rotation none`},
		"rotation_twice":     {src: "rotation_policy:\n  - data_class: Public\n    rotation: none\n  - data_class: public\n    rotation: automatic\n", want: `kmstrail.yaml:4: rotation_policy[1] is for the data class "public", as rotation_policy[0] is; keep one of them`},
		"rotation_defaults":  {src: "rotation_policy:\n  - rotation: none\n  - rotation: automatic\n", want: `kmstrail.yaml:3: rotation_policy[1] is for keys of no class that is named, as rotation_policy[0] is; keep one of them`},
		"redact_key":         {src: "redact_context:\n  - value: x\n", want: `kmstrail.yaml:2: redact_context[0] has no key; name the context key, or * for all of them`},
		"redact_everything":  {src: "redact_context:\n  - key: \"*\"\n", want: `kmstrail.yaml:2: redact_context[0] would take out every encryption context; say by value what to take out`},
		"redact_expression":  {src: "redact_context:\n  - key: a\n    value: (\n", want: "kmstrail.yaml:3: redact_context[0].value is no regular expression: error parsing regexp: missing closing ): `(`"},
		"quota":              {src: "quotas:\n  - quota: cryptographic_rsa\n", want: `kmstrail.yaml:2: quotas[0].per_second must be a number above 0`},
		"alias_node":         {src: "db: &x y\naws:\n  profile: *x\n", want: `kmstrail.yaml:3: aws.profile: YAML aliases and tags are not supported; write the value out`},
		"empty_element":      {src: "trusted_accounts:\n  -\n", want: `kmstrail.yaml:2: trusted_accounts[0] is empty`},
		"two_documents":      {src: "db: x\n---\ndb: y\n", want: `kmstrail.yaml:3: a second YAML document; put everything in one`},
		"unknown_variable":   {env: []string{"KMSTRAIL_AWS_REGOIN=x"}, want: `KMSTRAIL_AWS_REGOIN: unknown variable; did you mean KMSTRAIL_AWS_REGION?`},
		"bad_variable":       {env: []string{"KMSTRAIL_TRUSTED_ACCOUNTS=111122223333,12"}, want: `KMSTRAIL_TRUSTED_ACCOUNTS: trusted_accounts[1]: "12" is not an account id; an account id has twelve digits`},
		"two_problems":       {src: "dbb: x\nawss: {}\n", want: "kmstrail.yaml:1: unknown key \"dbb\"; did you mean db?\nkmstrail.yaml:2: unknown key \"awss\"; did you mean aws?"},
		"broken_yaml":        {src: "db: [\n", want: `kmstrail.yaml: not valid YAML: [1:5] sequence end token ']' not found`},
		"negative_threads":   {src: "limits:\n  threads: -1\n", want: `kmstrail.yaml:2: limits.threads: "-1" is not a whole number from 0 up`},
		"unknown_quota":      {src: "quotas:\n  - quota: cryptographic_symetric\n    per_second: 1\n", want: `kmstrail.yaml:2: quotas[0].quota: unknown "cryptographic_symetric"; did you mean cryptographic_symmetric?`},
		"not_a_number_quota": {src: "quotas:\n  - quota: x\n    per_second: .nan\n", want: `kmstrail.yaml:3: quotas[0].per_second: ".nan" is not a number`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, got := load(t, tc.src, tc.env)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoad_account_ids_keep_leading_zeros(t *testing.T) {
	for _, written := range []string{"012345678901", "'012345678901'", "\"012345678901\"", "000000000000", "012345670123"} {
		c, problems := load(t, "trusted_accounts: ["+written+"]\naccounts:\n  "+written+": zero\n", nil)
		if problems != "" {
			t.Fatal(problems)
		}
		want := strings.Trim(written, `'"`)
		if got := c.TrustedAccounts[0]; got != want {
			t.Errorf("%s was read as %s", written, got)
		}
		if c.Accounts[want] != "zero" {
			t.Errorf("%s as a key was read as %v", written, c.Accounts)
		}
	}
}

// TestLoad_queue: behind a queue polls are rarer, unless they are set.
func TestLoad_queue(t *testing.T) {
	const queue = "queue:\n  url: https://sqs.eu-central-1.amazonaws.com/111122223333/trail\n"
	for src, want := range map[string]time.Duration{"db: x\n": time.Minute, queue: 15 * time.Minute, queue + "server:\n  poll: 1m\n": time.Minute} {
		if c, problems := load(t, src, nil); problems != "" || c.Server.Poll != want {
			t.Errorf("%q: polls every %s, want %s; %s", src, c.Server.Poll, want, problems)
		}
	}
}

func TestLoad_precedence(t *testing.T) {
	src := "aws: {profile: from-file, region: eu-west-1}\ntrusted_accounts: [\"111122223333\", \"444455556666\"]\ningest: {first_run: 12h}\n"
	env := []string{"KMSTRAIL_AWS_REGION=eu-west-2", "KMSTRAIL_TRUSTED_ACCOUNTS=777788889999", "KMSTRAIL_DB=", "HOME=/nowhere"}
	c, problems := load(t, src, env, Flag{"aws.region", "--region", "eu-west-3"})
	if problems != "" {
		t.Fatal(problems)
	}
	got := []string{c.DB, c.AWS.Profile, c.AWS.Region, strings.Join(c.TrustedAccounts, " "), FormatDuration(c.Ingest.FirstRun)}
	want := []string{"kmstrail.duckdb", "from-file", "eu-west-3", "777788889999", "12h"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	origins := []string{c.Origin("db").String(), filepath.Base(c.Origin("aws.profile").String()), c.Origin("aws.region").String(), c.Origin("trusted_accounts[0]").String(), c.Origin("trusted_accounts[1]").String()}
	wantOrigins := []string{"default", "kmstrail.yaml:1", "--region", "KMSTRAIL_TRUSTED_ACCOUNTS", "default"}
	if diff := cmp.Diff(wantOrigins, origins); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}

func TestLoad_paths_are_relative_to_the_file(t *testing.T) {
	c, problems := load(t, "db: data/x.duckdb\ningest: {source: \"s3://bucket/p\"}\n", nil)
	if problems != "" {
		t.Fatal(problems)
	}
	if want := filepath.Join(filepath.Dir(c.File()), "data/x.duckdb"); c.DB != want {
		t.Errorf("db = %s, want %s", c.DB, want)
	}
	if c.Ingest.Source != "s3://bucket/p" {
		t.Errorf("source = %s", c.Ingest.Source)
	}
	c, problems = load(t, "server: {tls_cert: tls.crt, tls_key: ~/tls.key, backups: /var/b}\n", []string{"HOME=/home/example"})
	if want := filepath.Join(filepath.Dir(c.File()), "tls.crt"); problems != "" || c.Server.TLSCert != want || c.Server.TLSKey != "/home/example/tls.key" || c.Server.Backups != "/var/b" {
		t.Errorf("server = %+v, %s", c.Server, problems)
	}
	c, _ = load(t, "db: ~/x.duckdb\n", []string{"HOME=/home/example"})
	if c.DB != "/home/example/x.duckdb" {
		t.Errorf("db = %s", c.DB)
	}
}

func TestLoad_finds_the_file(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	home := filepath.Join(dir, "home")
	write := func(name, src string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string, opts Options) {
		t.Helper()
		opts.Environ = append(opts.Environ, "HOME="+home)
		c, err := Load(opts)
		if err != nil {
			t.Fatal(err)
		}
		if c.AWS.Profile != want {
			t.Errorf("profile = %q, want %q (file %q)", c.AWS.Profile, want, c.File())
		}
	}
	check("", Options{})
	write(filepath.Join(home, ".config/kmstrail/kmstrail.yaml"), "aws: {profile: home}\n")
	check("home", Options{})
	write("xdg/kmstrail/kmstrail.yaml", "aws: {profile: xdg}\n")
	check("xdg", Options{Environ: []string{"XDG_CONFIG_HOME=" + filepath.Join(dir, "xdg")}})
	write("kmstrail.yaml", "aws: {profile: here}\n")
	check("here", Options{})
	write("env.yaml", "aws: {profile: env}\n")
	check("env", Options{Environ: []string{"KMSTRAIL_CONFIG=env.yaml"}})
	write("given.yaml", "aws: {profile: given}\n")
	check("given", Options{File: "given.yaml", Environ: []string{"KMSTRAIL_CONFIG=env.yaml"}})
	if _, err := Load(Options{File: "missing.yaml"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing --config gives %v", err)
	}
}

func TestConfig_Tables(t *testing.T) {
	src := `
trusted_accounts: ["444455556666"]
trust: [{account: "*", alias: alias/shared-*, tag_key: Sharing}]
accounts: {"444455556666": lake, "111122223333": prod}
context_rules: [{context_key: tenant}, {kind: required, context_key: app}]
quotas: [{account: "111122223333", quota: cryptographic_rsa, per_second: 2000}]
rotation_policy: [{data_class: " Confidential", rotation: automatic}, {data_class: public, rotation: none}, {rotation: rollover, days: 730}]
`
	c, problems := load(t, src, nil)
	if problems != "" {
		t.Fatal(problems)
	}
	got := map[string][][]any{}
	for _, table := range c.Tables() {
		got[table.Table.Name] = table.Rows
		for _, row := range table.Rows {
			if len(row) != len(table.Table.Columns) {
				t.Errorf("%s: row has %d values for %d columns", table.Table.Name, len(row), len(table.Table.Columns))
			}
		}
	}
	got["quotas"] = got["quotas"][len(got["quotas"])-1:]
	want := map[string][][]any{
		"quotas":   {{"cryptographic_rsa", "111122223333", nil, 2000.0, "override"}},
		"accounts": {{"111122223333", "prod", nil}, {"444455556666", "lake", nil}},
		"trust_rules": {
			{"444455556666", nil, nil, nil, nil, "trusted_accounts"},
			{"*", nil, "alias/shared-%", "Sharing", nil, nil},
		},
		"context_rules": {
			{int64(1), "match", "tenant", "tenant", "equal", nil, nil},
			{int64(2), "required", "app", nil, "equal", nil, nil},
		},
		"rotation_policy": {{"confidential", "automatic", int64(365)}, {"public", "none", nil}, {nil, "rollover", int64(730)}},
	}
	for name, rows := range want {
		if diff := cmp.Diff(rows, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestExample: the example, uncommented, is valid and holds every key.
func TestExample(t *testing.T) {
	var live strings.Builder
	for line := range strings.Lines(Example()) {
		if s, ok := strings.CutPrefix(line, "#"); ok && (!strings.HasPrefix(s, " ") || strings.HasPrefix(s, "  ")) {
			live.WriteString(s)
		}
	}
	c, problems := load(t, live.String(), nil)
	if problems != "" {
		t.Fatalf("%s\n%s", problems, live.String())
	}
	var missing func(t reflect.Type, path string) []string
	missing = func(typ reflect.Type, path string) (out []string) {
		for _, name := range fieldNames(typ) {
			f, _ := fieldByName(typ, name)
			if !strings.Contains(live.String(), name+":") {
				out = append(out, join(path, name))
			}
			for f.Type.Kind() == reflect.Slice || f.Type.Kind() == reflect.Map {
				f.Type = f.Type.Elem()
			}
			if f.Type.Kind() == reflect.Struct {
				out = append(out, missing(f.Type, join(path, name))...)
			}
		}
		return out
	}
	if m := missing(reflect.TypeFor[Config](), ""); m != nil {
		t.Errorf("example.yaml lacks %v", m)
	}
	if d := c.Ingest.FirstRun; d != 7*24*time.Hour {
		t.Errorf("first_run = %v", d)
	}
}

// TestConfig_Write: what config show prints is a file that means the same.
func TestConfig_Write(t *testing.T) {
	src := "db: /data/x.duckdb\naws: {endpoint_url: \"http://user:secret@localhost:9000\"}\naccounts: {\"012345678901\": \"yes\"}\ndetectors: {request_rate_near_quota: {params: {near_ratio: 0.7}}}\ntrust: [{account: \"*\", alias: alias/x-*}]\n"
	c, problems := load(t, src, []string{"KMSTRAIL_LIMITS_THREADS=3"})
	if problems != "" {
		t.Fatal(problems)
	}
	var out strings.Builder
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "secret") {
		t.Errorf("password shown:\n%s", out.String())
	}
	again, problems := load(t, out.String(), nil)
	if problems != "" {
		t.Fatalf("%s\n%s", problems, out.String())
	}
	var second strings.Builder
	if err := again.Write(&second); err != nil {
		t.Fatal(err)
	}
	if stripComments(out.String()) != stripComments(second.String()) {
		t.Errorf("not the same after reading back:\n%s\n%s", out.String(), second.String())
	}
}

func stripComments(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		text, _, _ := strings.Cut(line, "  #")
		b.WriteString(strings.TrimRight(text, " \n") + "\n")
	}
	return b.String()
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]string{"7d": "7d", "2w": "14d", "36h": "36h", "24h": "1d", "90m": "1h30m", "1.5d": "36h", "45s": "45s"} {
		d, err := ParseDuration(in)
		if err != nil || FormatDuration(d) != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %s", in, d, err, want)
		}
	}
	for _, in := range []string{"", "7", "-7d", "0d", "NaNd", "1e300w", "d", "7x"} {
		if d, err := ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", in, d)
		}
	}
}
