package awsinventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/sqlcase"
	"github.com/kmstrail/kmstrail/schema"
)

var taken = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

// world are two accounts in two Regions.
func world() map[place][]fakeKey {
	w := map[place][]fakeKey{}
	for _, account := range []string{mainAccount, otherAccount} {
		for _, region := range []string{"eu-central-1", "eu-west-1"} {
			w[place{account, region}] = []fakeKey{
				{id: "1", manager: "CUSTOMER", spec: "SYMMETRIC_DEFAULT", state: "Enabled", aliases: []string{"alias/b", "alias/a", "alias/c"}, tags: map[string]string{"A": "1", "B": "2", "C": "3"}, grants: 3, used: true},
				{id: "2", manager: "CUSTOMER", spec: "RSA_2048", state: "Disabled"},
				{id: "3", manager: "AWS", spec: "SYMMETRIC_DEFAULT", state: "Enabled", aliases: []string{"alias/aws/ebs"}},
			}
		}
	}
	return w
}

// target is a store in memory. It checks every batch as the real one does.
type target struct {
	store *duck.Store

	mu      sync.Mutex
	batches int
	fail    func(n int) error
}

func newTarget(t *testing.T) *target {
	t.Helper()
	s, err := duck.Open(t.Context(), duck.Memory, duck.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &target{store: s}
}

func (s *target) put(ctx context.Context, b inventory.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(s.batches); err != nil {
			return err
		}
	}
	s.batches++
	tables, err := b.Rows()
	if err != nil {
		return err
	}
	return s.store.Change(ctx, func(_ duck.ReadFunc, replace duck.ReplaceFunc) error {
		for _, t := range tables {
			rec, err := schema.Rows(t.Table, t.Rows)
			if err != nil {
				return err
			}
			where, args := "", []any(nil)
			if t.Table == &schema.InventoryRuns || t.Table == &schema.InventoryRefusals {
				where, args = "run_id = CAST(? AS UUID)", []any{b.Run.ID}
			}
			err = replace(t.Table, where, args, rec)
			rec.Release()
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *target) Query(ctx context.Context, sql string, args ...any) (array.RecordReader, error) {
	return s.store.Query(ctx, sql, args...)
}

// lines are the rows of a query.
func (s *target) lines(t *testing.T, sql string) []string {
	t.Helper()
	r, err := s.store.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	var out []string
	for r.Next() {
		rec := r.RecordBatch()
		for i := range int(rec.NumRows()) {
			var cells []string
			for c := range int(rec.NumCols()) {
				cells = append(cells, rec.Column(c).ValueStr(i))
			}
			out = append(out, strings.Join(cells, " "))
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// options ask all of the fake, quickly.
func options(f *fakeAWS, s *target) Options {
	rates := map[string]float64{}
	for _, a := range apis {
		rates[a.Name] = 1e6
	}
	return Options{
		Accounts: []string{mainAccount, otherAccount}, Regions: []string{"eu-central-1", "eu-west-1"}, RoleName: "kmstrail-inventory",
		Region: "eu-central-1", EndpointURL: f.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIAMAIN", "secret", ""),
		unbounded: rates, From: s, Store: s.put, MaxBackoff: time.Millisecond, Now: func() time.Time { return taken },
	}
}

// fill puts events into the store that name a role and resources.
func fill(t *testing.T, s *target) {
	t.Helper()
	records, err := cttest.ParseLines(`
2026-11-01T06:00:00Z Decrypt key/data role/app region=eu-central-1 ctx.aws:s3:arn=arn:aws:s3:::tagged-bucket/a.csv
+1m Decrypt key/data role/app region=eu-central-1 ctx.aws:s3:arn=arn:aws:s3:::tagged-bucket/b.csv
+1m Decrypt key/data role/app region=eu-central-1 ctx.aws:s3:arn=arn:aws:s3:::other/b.csv
+1m Decrypt key/data role/elsewhere@foreign owner=main region=eu-central-1
`)
	if err != nil {
		t.Fatal(err)
	}
	file := sqlcase.LogFile{Key: cttest.Key("", "", mainAccount, "eu-central-1", taken, ""), Body: cttest.LogFile(records...)}
	if err := (&casestore.Store{Store: s.store}).Ingest(t.Context(), []sqlcase.LogFile{file}, nil); err != nil {
		t.Fatal(err)
	}
}

// TestRun: all there is, over pages, accounts and Regions, and nothing but what
// the policy allows.
func TestRun(t *testing.T) {
	f, s := newFake(t, world()), newTarget(t)
	fill(t, s)
	var told Progress
	o := options(f, s)
	o.OnProgress = func(p Progress) { told = p }
	result, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if result.Run.Status != inventory.Complete || len(result.Refusals) != 0 || result.Resumed != -1 {
		t.Errorf("%+v", result)
	}
	wantStored := map[string]int64{"keys": 12, "grants": 12, "rotations": 12, "scopes": 4, "quotas": 8, "accounts": 3, "roles": 1, "resources": 1}
	if diff := cmp.Diff(wantStored, result.Stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if told.KeysDone != 12 || told.Keys != 12 || told.ScopesDone != 4 || told.Scopes != 4 || told.Calls == 0 {
		t.Errorf("progress: %+v", told)
	}
	want := []string{
		`1 CUSTOMER Enabled ["alias/a","alias/b","alias/c"] [{"key":"A","value":"1"},{"key":"B","value":"2"},{"key":"C","value":"3"}] true 180 3 used Decrypt ab`,
		`2 CUSTOMER Disabled [] [] (null) (null) 0 never (null) ab`,
		`3 AWS Enabled ["alias/aws/ebs"] (null) (null) (null) (null) (null) (null) ab`,
	}
	got := s.lines(t, `select key_id, key_manager, key_state, aliases, tags, rotation_enabled, rotation_period_days, grant_count, last_usage, last_used_operation, description
		from inventory_keys where account_id = '444455556666' and region = 'eu-west-1' order by key_id`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for sql, want := range map[string]string{
		"select account_id, account_name, account_status, organizational_unit, organizational_unit_id from inventory_accounts where account_id <> '123456789012' order by 1": mainAccount + " main ACTIVE  r-1|" + otherAccount + " other ACTIVE Workloads/Prod ou-2",
		"select role_arn, tags from inventory_roles":                                                                                  `arn:aws:iam::111122223333:role/app [{"key":"Stage","value":"app"},{"key":"Team","value":"app"}]`,
		"select resource_arn, account_id, region, tags from inventory_resources":                                                      `arn:aws:s3:::tagged-bucket 111122223333 eu-central-1 [{"key":"DataClass","value":"confidential"}]`,
		"select distinct service_quota_name, quota_name, value from inventory_quotas order by 1":                                      "DescribeKey request rate describe_key 3000|Grants per key (null) 50000",
		"select key_material_id, material_state, rotation_type from inventory_rotations where rotation_type = 'ON_DEMAND' limit 1":    strings.Repeat("c", 64) + " CURRENT ON_DEMAND",
		"select distinct grantee_principal, context_subset from inventory_grants":                                                     `rds.amazonaws.com [{"key":"aws:rds:db-id","value":"db-1"}]`,
		"select status, len(accounts), len(regions), len(parts), calls['kms:DescribeKey'], calls['kms:ListKeys'] from inventory_runs": "complete 2 2 8 12 8",
		"select distinct key_count from inventory_scopes":                                                                             "3",
	} {
		if got := strings.Join(s.lines(t, sql), "|"); got != want {
			t.Errorf("%s\n got %s\nwant %s", sql, got, want)
		}
	}
	if diff := cmp.Diff(f.made(), result.Run.Calls); diff != "" {
		t.Errorf("calls that came and that were counted:\n%s", diff)
	}
	checkPolicy(t, f.made())
}

// checkPolicy holds the policies to the calls that went over the wire.
func checkPolicy(t *testing.T, made map[string]int64) {
	t.Helper()
	allowed := map[string]bool{apiIdentity: true} // needs no permission
	o := PolicyOptions{Partition: "aws", RoleName: "kmstrail-inventory"}
	role := map[string]bool{}
	for _, s := range RolePolicy(o).Statement {
		for _, a := range s.Action {
			role[a] = true
		}
	}
	for _, s := range Policy(o).Statement {
		for _, a := range s.Action {
			allowed[a] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(allowed)), slices.Sorted(maps.Keys(made))); diff != "" {
		t.Errorf("what is allowed, and what is called:\n%s", diff)
	}
	for a := range role {
		if !allowed[a] {
			t.Errorf("only the role may %s", a)
		}
	}
	for a := range allowed {
		verb := a[strings.IndexByte(a, ':')+1:]
		if a != apiAssumeRole && !slices.ContainsFunc([]string{"List", "Get", "Describe"}, func(p string) bool { return strings.HasPrefix(verb, p) }) {
			t.Errorf("%s is no call that only reads", a)
		}
	}
}

// TestRun_refused: what one key or API refuses is recorded, and all else is there.
func TestRun_refused(t *testing.T) {
	f, s := newFake(t, world()), newTarget(t)
	fill(t, s)
	f.refuse = func(c fakeCall) string {
		switch {
		case c.API == apiPolicy && c.account == mainAccount && strings.HasSuffix(c.Subject, "key/1"):
			return "AccessDeniedException"
		case c.API == apiListAliases && c.region == "eu-west-1" && c.account == mainAccount:
			return "AccessDeniedException"
		case c.API == apiAssumeRole, c.API == apiOrgUnits:
			return "AccessDenied"
		}
		return ""
	}
	result, err := Run(t.Context(), options(f, s))
	if err != nil {
		t.Fatal(err)
	}
	if result.Run.Status != inventory.Incomplete || result.Stored["keys"] != 6 || result.Stored["scopes"] != 2 {
		t.Errorf("%+v", result)
	}
	want := []string{
		mainAccount + " (null) organizations:ListOrganizationalUnitsForParent AccessDenied 1 [\"r-1\"]",
		mainAccount + " eu-central-1 kms:GetKeyPolicy AccessDeniedException 1 [\"arn:aws:kms:eu-central-1:111122223333:key/1\"]",
		mainAccount + " eu-west-1 kms:GetKeyPolicy AccessDeniedException 1 [\"arn:aws:kms:eu-west-1:111122223333:key/1\"]",
		mainAccount + " eu-west-1 kms:ListAliases AccessDeniedException 1 []",
		otherAccount + " (null) sts:AssumeRole AccessDenied 1 [\"arn:aws:iam::444455556666:role/kmstrail-inventory\"]",
	}
	got := s.lines(t, "select account_id, region, api, error_code, refused_count, subjects from inventory_refusals order by account_id, region nulls first, api")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	got = s.lines(t, "select key_id, key_policy is null, aliases, refused from inventory_keys where region = 'eu-west-1' order by key_id")
	want = []string{`1 true (null) ["kms:GetKeyPolicy","kms:ListAliases"]`, `2 false (null) ["kms:ListAliases"]`, `3 true (null) ["kms:ListAliases"]`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// TestRun_hopeless: an API that refuses every key is not asked about all of them,
// and they all say so.
func TestRun_hopeless(t *testing.T) {
	at := place{mainAccount, "eu-west-1"}
	w := map[place][]fakeKey{at: nil}
	for i := range 50 {
		w[at] = append(w[at], fakeKey{id: fmt.Sprint(i), manager: "CUSTOMER", spec: "SYMMETRIC_DEFAULT", state: "Enabled"})
	}
	f, s := newFake(t, w), newTarget(t)
	f.refuse = func(c fakeCall) string {
		if c.API == apiPolicy || c.API == apiGrants && c.N > 0 {
			return "AccessDeniedException"
		}
		return ""
	}
	o := options(f, s)
	o.Accounts, o.Regions, o.Parts = []string{mainAccount}, []string{"eu-west-1"}, []string{PartKeys, PartGrants}
	result, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// Some are under way when it is given up.
	if n := f.made()[apiPolicy]; n < givenUp || n > givenUp+result.Stored["keys"]/5 {
		t.Errorf("%d calls", n)
	}
	if n := f.made()[apiGrants]; n != 50 {
		t.Errorf("an API that answers now and then was given up after %d calls", n)
	}
	got := s.lines(t, "select api, refused_count from inventory_refusals order by 1")
	if diff := cmp.Diff([]string{"kms:GetKeyPolicy 50", "kms:ListGrants 49"}, got); diff != "" {
		t.Error(diff)
	}
	if n := s.lines(t, "select count(*) from inventory_keys where list_contains(refused, 'kms:GetKeyPolicy')"); n[0] != "50" {
		t.Errorf("%s keys say so", n[0])
	}
}

// TestRun_throttled: a throttled call is made again, more slowly, and never lost.
func TestRun_throttled(t *testing.T) {
	f, s := newFake(t, world()), newTarget(t)
	f.refuse = func(c fakeCall) string {
		switch {
		case c.API == apiDescribeKey && c.N%2 == 0:
			return "ThrottlingException"
		case c.API == apiGrants && c.N == 1:
			return "KMSInternalException"
		case c.API == apiQuotas && c.account == mainAccount && c.region == "eu-west-1":
			return "500" // for ever
		case c.API == apiLastUsage && c.account == otherAccount:
			return "ThrottlingException" // for ever
		}
		return ""
	}
	result, err := Run(t.Context(), options(f, s))
	if err != nil {
		t.Fatal(err)
	}
	if result.Stored["keys"] != 12 || len(s.lines(t, "select 1 from inventory_keys where key_state is null")) != 0 {
		t.Errorf("%+v", result.Stored)
	}
	var refused []string
	for _, r := range result.Refusals {
		refused = append(refused, fmt.Sprintln(r.API, r.Code, r.Region, r.Count))
	}
	slices.Sort(refused)
	want := []string{
		fmt.Sprintln(apiLastUsage, "ThrottlingException", "eu-central-1", 2), fmt.Sprintln(apiLastUsage, "ThrottlingException", "eu-west-1", 2),
		fmt.Sprintln(apiQuotas, "HTTP500", "eu-west-1", 1),
	}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(f.made(), result.Run.Calls); diff != "" {
		t.Errorf("calls that came and that were counted:\n%s", diff)
	}
}

// TestRun_interrupted: wherever a run ends, the next goes on, asks nothing twice
// that it knows, and the whole says what one run would have said.
func TestRun_interrupted(t *testing.T) {
	const all = "select key_arn, key_state, aliases, tags, key_policy, rotation_enabled, grant_count, last_usage, refused from inventory_keys order by 1"
	whole := newTarget(t)
	if _, err := Run(t.Context(), options(newFake(t, world()), whole)); err != nil {
		t.Fatal(err)
	}
	want := whole.lines(t, all)
	for _, tt := range []struct {
		name string
		stop func(f *fakeAWS, s *target, cancel context.CancelFunc)
	}{
		{"cancelled", func(f *fakeAWS, _ *target, cancel context.CancelFunc) {
			f.refuse = func(c fakeCall) string {
				if c.API == apiGrants && c.N == 2 {
					cancel()
				}
				return ""
			}
		}},
		{"expired", func(f *fakeAWS, _ *target, _ context.CancelFunc) {
			f.refuse = func(c fakeCall) string {
				if c.API == apiLastUsage && c.N == 1 {
					return "ExpiredTokenException"
				}
				return ""
			}
		}},
		{"store", func(_ *fakeAWS, s *target, _ context.CancelFunc) {
			s.fail = func(n int) error {
				if n == 6 {
					return errors.New("the disk is full")
				}
				return nil
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, s := newFake(t, world()), newTarget(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tt.stop(f, s, cancel)
			o := options(f, s)
			o.KeysAtOnce, o.KeysTogether = 1, 1
			first, err := Run(ctx, o)
			if err == nil {
				t.Fatal("it was not interrupted")
			}
			if status := s.lines(t, "select status from inventory_runs"); !slices.Equal(status, []string{"open"}) {
				t.Errorf("status %v", status)
			}
			known := s.lines(t, "select key_arn from inventory_keys")
			f.mu.Lock()
			f.refuse, f.calls = nil, nil
			f.mu.Unlock()
			s.fail = nil
			second, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if second.Run.ID != first.Run.ID || second.Resumed != len(known) || second.Run.Status != inventory.Complete {
				t.Errorf("first %+v\nsecond %+v", first, second)
			}
			for _, c := range f.calls {
				if c.API == apiDescribeKey && slices.Contains(known, c.Subject) {
					t.Errorf("%s was asked about again", c.Subject)
				}
			}
			if diff := cmp.Diff(want, s.lines(t, all)); diff != "" {
				t.Errorf("other than at once (-want +got):\n%s", diff)
			}
			third, err := Run(t.Context(), o)
			if err != nil || third.Run.ID == first.Run.ID || third.Resumed != -1 {
				t.Errorf("after a whole run another begins: %+v %v", third, err)
			}
		})
	}
}

// TestRun_notResumed: another scope, or a run of yesterday, is not gone on with.
func TestRun_notResumed(t *testing.T) {
	f, s := newFake(t, world()), newTarget(t)
	o := options(f, s)
	s.fail = func(n int) error {
		if n == 3 {
			return errors.New("stop")
		}
		return nil
	}
	if _, err := Run(t.Context(), o); err == nil {
		t.Fatal("it was not interrupted")
	}
	s.fail = nil
	for name, change := range map[string]func(*Options){
		"regions": func(o *Options) { o.Regions = []string{"eu-west-1"} },
		"parts":   func(o *Options) { o.Parts = []string{PartKeys} },
		"age":     func(o *Options) { o.Now = func() time.Time { return taken.Add(25 * time.Hour) } },
		"fresh":   func(o *Options) { o.Fresh = true },
	} {
		other := o
		change(&other)
		if result, err := Run(t.Context(), other); err != nil || result.Resumed != -1 {
			t.Errorf("%s: %+v %v", name, result, err)
		}
	}
}

// TestRun_fails: what is no answer about a key ends the run with a reason.
func TestRun_fails(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(f *fakeAWS, o *Options)
		want   string
	}{
		"unknown credentials": {func(f *fakeAWS, _ *Options) {
			f.refuse = func(c fakeCall) string { return map[string]string{apiIdentity: "InvalidClientTokenId"}[c.API] }
		}, "ask whose credentials these are"},
		"no server": {func(f *fakeAWS, _ *Options) { f.Close() }, "connection refused"},
		"part":      {func(_ *fakeAWS, o *Options) { o.Parts = []string{"key"} }, `inventory.parts: unknown "key"`},
		"rate name": {func(_ *fakeAWS, o *Options) { o.Rates = map[string]float64{"kms:Decrypt": 1} }, `unknown call "kms:Decrypt"`},
		"rate":      {func(_ *fakeAWS, o *Options) { o.Rates = map[string]float64{apiLastUsage: 3} }, "is 3 calls a second"},
		"both":      {func(_ *fakeAWS, o *Options) { o.AllAccounts = true }, "exclude each other"},
		"no role":   {func(_ *fakeAWS, o *Options) { o.RoleName = "" }, "no role to assume"},
		"organisation": {func(f *fakeAWS, o *Options) {
			o.Accounts, o.AllAccounts = nil, true
			f.refuse = func(c fakeCall) string {
				return map[string]string{apiOrgAccounts: "AWSOrganizationsNotInUseException"}[c.API]
			}
		}, "the accounts of the organisation are not known: account 111122223333 is in none"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			f, s := newFake(t, world()), newTarget(t)
			o := options(f, s)
			tt.change(f, &o)
			if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

// TestRun_allAccounts: the active accounts of the organisation are asked.
func TestRun_allAccounts(t *testing.T) {
	f, s := newFake(t, world()), newTarget(t)
	o := options(f, s)
	o.Accounts, o.AllAccounts = nil, true
	result, err := Run(t.Context(), o)
	if err != nil || !slices.Equal(result.Run.Accounts, []string{mainAccount, otherAccount}) || result.Stored["keys"] != 12 {
		t.Errorf("%+v %v", result, err)
	}
}

// TestDryRun: it says what the run then does, and stores nothing.
func TestDryRun(t *testing.T) {
	f, s := newFake(t, world()), newTarget(t)
	fill(t, s)
	o := options(f, s)
	plan, err := DryRun(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.lines(t, "select count(*) from inventory_runs"); n[0] != "0" {
		t.Error("a dry run was stored")
	}
	for api := range f.made() {
		if !slices.Contains([]string{apiIdentity, apiAssumeRole, apiListKeys, apiListAliases}, api) {
			t.Errorf("a dry run calls %s", api)
		}
	}
	planned := map[string]int64{}
	for _, c := range plan.Calls {
		planned[c.API] = c.Count
	}
	// The fake's pages hold two, and RSA keys do not rotate: a plan does not know.
	want := map[string]int64{
		apiIdentity: 1, apiAssumeRole: 1, apiListKeys: 4, apiListAliases: 4, apiDescribeKey: 12, apiTags: 8, apiPolicy: 8, apiRotationStatus: 8,
		apiRotations: 8, apiGrants: 8, apiLastUsage: 8, apiResources: 1, apiRoleTags: 1, apiQuotas: 4,
		apiOrgAccounts: 1, apiOrgRoots: 1, apiOrgUnits: 1, apiOrgAccountsOfUnit: 1,
	}
	if diff := cmp.Diff(want, planned); diff != "" {
		t.Errorf("planned (-want +got):\n%s", diff)
	}
	if plan.Keys != 12 || plan.Managed != 4 || plan.Resumed != -1 {
		t.Errorf("%+v", plan)
	}
}

// TestRates: no bucket is faster than it may be, and all are far below the quotas.
func TestRates(t *testing.T) {
	for _, a := range APIs() {
		if a.Rate <= 0 || a.Quota > 0 && a.Rate > a.Quota/5 {
			t.Errorf("%s: %g a second of %g", a.Name, a.Rate, a.Quota)
		}
	}
	f, s := newFake(t, world()), newTarget(t)
	o := options(f, s)
	o.Accounts, o.Regions = []string{mainAccount}, []string{"eu-central-1"}
	o.unbounded[apiDescribeKey] = 20
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var at []time.Time
	for _, c := range f.calls {
		if c.API == apiDescribeKey {
			at = append(at, c.At)
		}
	}
	// Three calls at 20 a second take two waits of 50 ms; the first may come late.
	if len(at) != 3 || at[2].Sub(at[0]) < 80*time.Millisecond {
		t.Errorf("%d calls within %s", len(at), at[len(at)-1].Sub(at[0]))
	}
}

func TestAPIs_ofParts(t *testing.T) {
	if n := len(APIs()); n != len(apis) {
		t.Errorf("%d of all", n)
	}
	var names []string
	for _, a := range APIs(PartQuotas) {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{apiIdentity, apiAssumeRole, apiQuotas}, names); diff != "" {
		t.Error(diff)
	}
	for _, p := range []string{PartGrants, PartRotations, PartLastUsage} {
		if !slices.ContainsFunc(APIs(p), func(a API) bool { return a.Name == apiListKeys }) {
			t.Errorf("%s without a list of keys", p)
		}
	}
}

func TestResourceARN(t *testing.T) {
	at := place{mainAccount, "eu-west-1"}
	for _, tt := range []struct{ resource, service, want string }{
		{"arn:aws:s3:::bucket/key", "s3", "arn:aws:s3:::bucket"},
		{"arn:aws:s3:::bucket", "s3", "arn:aws:s3:::bucket"},
		{"vol-1", "ec2", "arn:aws:ec2:eu-west-1:111122223333:volume/vol-1"},
		{"snap-1", "ec2", "arn:aws:ec2:eu-west-1:111122223333:snapshot/snap-1"},
		{"fs-1", "elasticfilesystem", "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-1"},
		{"orders", "dynamodb", "arn:aws:dynamodb:eu-west-1:111122223333:table/orders"},
		{"db-ABC", "rds", ""},
		{"arn:aws:lambda:eu-west-1:111122223333:function:f:7", "lambda", "arn:aws:lambda:eu-west-1:111122223333:function:f"},
		{"arn:aws:logs:eu-west-1:111122223333:log-group:g:*", "logs", "arn:aws:logs:eu-west-1:111122223333:log-group:g"},
		{"arn:aws:secretsmanager:eu-west-1:111122223333:secret:s-AbCdEf", "secretsmanager", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:s-AbCdEf"},
		{"arn:aws:s3:::b\nx", "s3", ""},
		{"arn:x", "", ""},
		{"", "", ""},
	} {
		if got := resourceARN(tt.resource, tt.service, at, "aws"); got != tt.want {
			t.Errorf("%q %s: %q, want %q", tt.resource, tt.service, got, tt.want)
		}
	}
}

// TestTags_bad: resources that the service cannot take do not hide the others.
func TestTags_bad(t *testing.T) {
	f, s := newFake(t, nil), newTarget(t)
	r, err := newRun(options(f, s))
	if err == nil {
		err = r.open(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	at := place{mainAccount, "eu-west-1"}
	r.meta = inventory.Run{ID: "6ba7b810-9dad-11d1-80b4-00c04fd430c8", Origin: inventory.Sync, Status: inventory.Open, StartedAt: taken}
	r.known = known{resources: map[place][]string{at: nil}}
	for i := range 7 {
		r.known.resources[at] = append(r.known.resources[at], fmt.Sprintf("arn:aws:s3:::tagged-%d", i))
	}
	r.known.resources[at] = append(r.known.resources[at], "arn:aws:s3:::bad")
	if err := r.askResources(t.Context(), r.session.base, at); err != nil {
		t.Fatal(err)
	}
	if n := s.lines(t, "select count(*) from inventory_resources"); n[0] != "7" {
		t.Errorf("%s resources", n[0])
	}
	if all := r.refused.all(); len(all) != 1 || !slices.Equal(all[0].Subjects, []string{"arn:aws:s3:::bad"}) {
		t.Errorf("%+v", all)
	}
}
