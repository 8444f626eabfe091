//go:build moto

package moto

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// The account of moto's credentials, and one that is entered by a role.
const (
	mainAccount  = "123456789012"
	otherAccount = "444455556666"
)

// user runs the program in a folder of his own.
type user struct {
	t            *testing.T
	dir, program string
	endpoint     string
}

// run runs a command and returns its exit code and what it printed.
func (u *user) run(before func(*exec.Cmd), args ...string) (code int, out, log string) {
	u.t.Helper()
	cmd := exec.CommandContext(u.t.Context(), u.program, args...)
	cmd.Dir = u.dir
	cmd.Env = []string{
		"HOME=" + u.dir, "PATH=" + os.Getenv("PATH"), "USER=ann", "AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=x",
		"AWS_EC2_METADATA_DISABLED=true",
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Start()
	if err == nil {
		if before != nil {
			before(cmd)
		}
		err = cmd.Wait()
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), stdout.String(), stderr.String()
	}
	if err != nil {
		u.t.Fatal(err)
	}
	return 0, stdout.String(), stderr.String()
}

func (u *user) sync(before func(*exec.Cmd), more ...string) (int, string) {
	u.t.Helper()
	args := append([]string{
		"--config", "kmstrail.yaml", "inventory", "sync", "--endpoint-url", u.endpoint, "--region", "eu-central-1,eu-west-1", "--account", mainAccount + "," + otherAccount,
	}, more...)
	code, out, log := u.run(before, args...)
	u.t.Logf("exit code %d\n%s%s", code, out, log)
	return code, out + log
}

// rows asks the store.
func rows[T any](u *user, sql string) []T {
	u.t.Helper()
	code, out, log := u.run(nil, "--config", "kmstrail.yaml", "sql", "--format", "json", sql)
	if code != 0 {
		u.t.Fatalf("exit code %d\n%s", code, log)
	}
	var list []T
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		u.t.Fatalf("%v\n%s", err, out)
	}
	return list
}

// newUser has a store whose logs name a role and a bucket of the main account.
func newUser(t *testing.T, endpoint string) *user {
	t.Helper()
	u := &user{t: t, dir: t.TempDir(), program: program(t), endpoint: endpoint}
	// As fast as the program lets one ask: moto has no quotas.
	config := "inventory:\n  rates:\n"
	for call, rate := range map[string]string{
		"kms:GetKeyLastUsage": "2.5", "kms:ListKeys": "50", "kms:ListAliases": "50", "servicequotas:ListServiceQuotas": "5", "organizations:ListAccounts": "4",
		"organizations:ListRoots": "9", "organizations:ListOrganizationalUnitsForParent": "9", "organizations:ListAccountsForParent": "9",
	} {
		config += "    " + call + ": " + rate + "\n"
	}
	records, err := cttest.ParseLines("2026-11-21T06:00:00Z Decrypt key/data@" + mainAccount + ":eu-central-1 role/app@" + mainAccount +
		" region=eu-central-1 ctx.aws:s3:arn=arn:aws:s3:::example-data/a.csv")
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(u.dir, "kmstrail.yaml"), []byte(config), 0o600), os.Mkdir(filepath.Join(u.dir, "logs"), 0o700),
			os.WriteFile(filepath.Join(u.dir, "logs", "a.json.gz"), cttest.LogFile(records...), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	if code, _, log := u.run(nil, "--config", "kmstrail.yaml", "ingest", "logs"); code != 0 {
		t.Fatal(log)
	}
	return u
}

// TestSync: all of two accounts and two Regions, through throttling, interrupted
// and gone on with, one key's policy denied.
func TestSync(t *testing.T) {
	t.Parallel()
	bin := python(t)
	moto := start(t, bin)
	made := seed(t, bin, moto.String())
	p := newProxy(t, moto)
	u := newUser(t, p.URL)

	code, said := u.sync(nil, "--dry-run")
	if code != 0 || !strings.Contains(said, "16 keys in 2 accounts and 2 Regions") || p.seen["DescribeKey"] != 0 {
		t.Errorf("dry run: %d calls of DescribeKey", p.seen["DescribeKey"])
	}
	for arn := range made.Keys {
		if p.denied == "" || arn < p.denied {
			p.denied = arn
		}
	}
	p.every, p.n = 7, 0
	interrupt := func(cmd *exec.Cmd) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.onCall = func(call string, _ int) {
			if call == "ListGrants" && p.seen[call] > 5 {
				p.onCall = nil
				_ = cmd.Process.Signal(os.Interrupt)
			}
		}
	}
	if code, said := u.sync(interrupt); code != 130 || !strings.Contains(said, "Run the same command again") {
		t.Errorf("interrupted: exit code %d", code)
	}
	known := rows[struct{ N int }](u, "select count(*)::integer as N from inventory_keys")[0].N
	code, said = u.sync(nil)
	// Twice, when the interrupted one had asked for it too.
	refused := regexp.MustCompile(`kms:GetKeyPolicy was refused (\d+ times )?with AccessDeniedException in`)
	if code != 4 || !strings.Contains(said, "went on with the sync of") || !refused.MatchString(said) {
		t.Errorf("exit code %d", code)
	}
	t.Logf("%d keys were known when it was interrupted", known)
	checkKeys(t, u, made, p.denied)
	checkRest(t, u, made)

	// Another one begins anew and, nothing denied, is complete.
	p.denied, p.every = "", 0
	if code, _ := u.sync(nil, "--part", "keys,grants"); code != 0 {
		t.Errorf("second inventory: exit code %d", code)
	}
	type run struct{ Origin, Status string }
	if diff := cmp.Diff([]run{{"sync", "incomplete"}, {"sync", "complete"}}, rows[run](u, "select origin as Origin, status as Status from inventory_runs order by started_at")); diff != "" {
		t.Error(diff)
	}
}

func checkKeys(t *testing.T, u *user, made truth, denied string) {
	t.Helper()
	type row struct {
		ARN, State, Spec, Description string
		Aliases                       []string
		Tags                          map[string]string
		Rotation                      *bool
		Grants                        int64
		Policy                        bool
		Used                          string
		Refused                       []string
	}
	got := rows[row](u, `select key_arn as ARN, key_state as State, key_spec as Spec, description as Description, aliases as Aliases, tags as Tags,
		rotation_enabled as Rotation, grant_count as Grants, key_policy is not null as Policy, last_usage as Used, refused as Refused
		from inventory_keys order by key_arn`)
	var want []row
	for arn, k := range made.Keys {
		r := row{
			ARN: arn, State: k.State, Spec: k.Spec, Description: k.Description, Aliases: k.Aliases, Tags: k.Tags, Rotation: k.Rotation,
			Grants: k.Grants, Policy: true, Used: "used", Refused: []string{},
		}
		if arn == denied {
			r.Policy, r.Refused = false, []string{"kms:GetKeyPolicy"}
		}
		want = append(want, r)
	}
	slices.SortFunc(want, func(a, b row) int { return strings.Compare(a.ARN, b.ARN) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func checkRest(t *testing.T, u *user, made truth) {
	t.Helper()
	type line struct{ Line string }
	for sql, want := range map[string][]line{
		"select account_id || ' ' || account_name || ' ' || organizational_unit as Line from inventory_accounts where account_id <> '" + mainAccount + "'": {{made.Lake + " lake Workloads/Prod"}},
		"select role_arn || ' ' || tags['Team'] as Line from inventory_roles":                                                                              {{"arn:aws:iam::" + mainAccount + ":role/app payments"}},
		"select resource_arn || ' ' || tags['DataClass'] as Line from inventory_resources":                                                                 {{"arn:aws:s3:::example-data confidential"}},
		"select quota_name || ' ' || count(*) as Line from quotas where origin = 'inventory' group by quota_name order by 1":                               {{"cryptographic_symmetric 4"}, {"describe_key 4"}},
		"select account_id || ' ' || region || ' ' || key_count as Line from inventory_scopes order by 1":                                                  {{mainAccount + " eu-central-1 4"}, {mainAccount + " eu-west-1 4"}, {otherAccount + " eu-central-1 4"}, {otherAccount + " eu-west-1 4"}},
		"select count(*) || ' ' || count(distinct grant_id) || ' ' || min(grantee_principal) as Line from inventory_grants":                                {{"8 8 arn:aws:iam::" + otherAccount + ":role/a"}},
		"select api || ' ' || error_code as Line from inventory_refusals":                                                                                  {{"kms:GetKeyPolicy AccessDeniedException"}},
	} {
		if diff := cmp.Diff(want, rows[line](u, sql)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sql, diff)
		}
	}
}
