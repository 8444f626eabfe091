//go:build duckdb_arrow

package duck_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/histories"
	"github.com/kmstrail/kmstrail/schema"
)

// copyOf is one record of a call and what it alone counts for.
type copyOf struct {
	// account is in whose trail it is; shadow says that it is a NetworkActivity
	// record.
	account string
	shadow  bool
	// calls of the caller; uses of the key (of ReEncrypt the source) and of the
	// destination; requests by the account they are charged to.
	calls, uses, destination int
	requests                 string
}

// scenario is a call and all records it leaves. The account's name is that of
// cttest; key and destination are the accounts that own the keys.
type scenario struct {
	name              string
	operation, caller string
	key, destination  string
	change            func(*cttest.Event)
	copies            []copyOf
}

// Which copy counts for what. A call counts once, where the caller's account
// tells of it; each key is used once, where its owner's does; the quota is the
// caller's.
var scenarios = []scenario{
	{
		name: "ReEncrypt in three accounts", operation: "ReEncrypt", caller: "partner", key: "main", destination: "second",
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1},
			{account: "second", destination: 1},
		},
	},
	{
		name: "ReEncrypt out of the caller's account", operation: "ReEncrypt", caller: "main", key: "main", destination: "second",
		copies: []copyOf{
			{account: "main", calls: 1, uses: 1, requests: "main"},
			{account: "second", destination: 1},
		},
	},
	{
		name: "ReEncrypt into the caller's account", operation: "ReEncrypt", caller: "second", key: "main", destination: "second",
		copies: []copyOf{
			{account: "second", calls: 1, destination: 1, requests: "second"},
			{account: "main", uses: 1},
		},
	},
	{
		name: "ReEncrypt for another account's two keys", operation: "ReEncrypt", caller: "partner", key: "main", destination: "main",
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1, destination: 1},
		},
	},
	{
		name: "ReEncrypt within an account", operation: "ReEncrypt", caller: "main", key: "main", destination: "main",
		copies: []copyOf{{account: "main", calls: 1, uses: 1, destination: 1, requests: "main"}},
	},
	{
		name: "ReEncrypt under the same key", operation: "ReEncrypt", caller: "main", key: "main",
		change: func(e *cttest.Event) { e.Destination = e.Key },
		copies: []copyOf{{account: "main", calls: 1, uses: 1, requests: "main"}},
	},
	{
		name: "ReEncrypt denied in the caller's account", operation: "ReEncrypt", caller: "partner", key: "main", destination: "second",
		change: func(e *cttest.Event) { e.Failure = "denied" },
		copies: []copyOf{{account: "partner", calls: 1, requests: "partner"}},
	},
	{
		name: "ReEncrypt out of a custom key store", operation: "ReEncrypt", caller: "main", key: "main", destination: "second",
		change: func(e *cttest.Event) { e.Store = "cks-1234567890abcdef0" },
		copies: []copyOf{
			{account: "main", calls: 1, uses: 1, requests: "main main/custom_key_store"},
			{account: "second", destination: 1},
		},
	},
	{
		name: "Decrypt in two accounts", operation: "Decrypt", caller: "partner", key: "main",
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1},
		},
	},
	{
		name: "Decrypt in another account's custom key store", operation: "Decrypt", caller: "partner", key: "main",
		change: func(e *cttest.Event) { e.Store = "cks-1234567890abcdef0" },
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1, requests: "main/custom_key_store"},
		},
	},
	{
		name: "Decrypt denied in the caller's account", operation: "Decrypt", caller: "partner", key: "main",
		change: func(e *cttest.Event) { e.Failure = "denied" },
		copies: []copyOf{{account: "partner", calls: 1, requests: "partner"}},
	},
	{
		name: "Decrypt of a disabled key in two accounts", operation: "Decrypt", caller: "partner", key: "main",
		change: func(e *cttest.Event) { e.Failure = "disabled" },
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1},
		},
	},
	{
		name: "Decrypt by an IAM user of another account", operation: "Decrypt", caller: "partner", key: "main",
		change: func(e *cttest.Event) { e.Caller = cttest.IAMUser("partner", "ann-"+fmt.Sprint(e.Seq)) },
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1},
		},
	},
	{
		name: "Decrypt by a service for a role of another account", operation: "Decrypt", caller: "partner", key: "main",
		change: func(e *cttest.Event) { *e = cttest.Via(*e, "s3", "bucket/object") },
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1},
		},
	},
	{
		name: "Decrypt by EC2 for an instance of another account", operation: "Decrypt", caller: "partner", key: "main",
		change: func(e *cttest.Event) { *e = cttest.Via(*e, "ebs", "volume") },
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1},
		},
	},
	{
		name: "CreateGrant in two accounts", operation: "CreateGrant", caller: "partner", key: "main",
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1},
		},
	},
	{
		name: "RetireGrant in two accounts", operation: "RetireGrant", caller: "partner", key: "main",
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1},
		},
	},
	{
		name: "a service principal", operation: "GenerateDataKey", caller: "main", key: "main",
		change: func(e *cttest.Event) { *e = cttest.ByService(*e, "cloudtrail", "logs") },
		copies: []copyOf{{account: "main", calls: 1, uses: 1, requests: "main"}},
	},
	{
		name: "sharedEventID within an account", operation: "GenerateDataKeyWithoutPlaintext", caller: "main", key: "main",
		change: func(e *cttest.Event) {
			*e = cttest.Via(*e, "ec2", "volume")
			e.SharedID = cttest.UUID("shared", fmt.Sprint(e.Seq))
		},
		copies: []copyOf{{account: "main", calls: 1, uses: 1, requests: "main"}},
	},
	{
		name: "NetworkActivity beside its call", operation: "Decrypt", caller: "main", key: "main",
		copies: []copyOf{
			{account: "main", calls: 1, uses: 1, requests: "main"},
			{account: "main", shadow: true},
		},
	},
	{
		name: "NetworkActivity beside a call in two accounts", operation: "Decrypt", caller: "partner", key: "main",
		copies: []copyOf{
			{account: "partner", calls: 1, requests: "partner"},
			{account: "main", uses: 1},
			{account: "foreign", shadow: true},
		},
	},
}

// trial is a scenario of which some records arrive, in some order. It has a key
// of its own, a caller of its own, and a minute of its own.
type trial struct {
	*scenario
	order   []copyOf
	event   cttest.Event
	records [][]byte
}

// trials are all orders of all subsets of a scenario's records.
func trials() []trial {
	var out []trial
	for i := range scenarios {
		for _, order := range arrangements(scenarios[i].copies) {
			out = append(out, newTrial(&scenarios[i], order, len(out)))
		}
	}
	return out
}

// arrangements lists every order of every subset that is not empty.
func arrangements(of []copyOf) [][]copyOf {
	var out [][]copyOf
	for i, first := range of {
		out = append(out, []copyOf{first})
		for _, rest := range arrangements(slices.Delete(slices.Clone(of), i, i+1)) {
			out = append(out, append([]copyOf{first}, rest...))
		}
	}
	return out
}

func newTrial(s *scenario, order []copyOf, n int) trial {
	name := fmt.Sprint("trial", n)
	e := cttest.Sample(s.operation, s.key, histories.Start.Add(time.Duration(n)*time.Minute+59*time.Second))
	e.Seq = n
	e.Caller = cttest.AssumedRole(s.caller, name, "session")
	e.Key = cttest.KeyARN(s.key, "us-east-1", name)
	if s.destination != "" {
		e.Destination = cttest.KeyARN(s.destination, "us-east-1", name+"-destination")
	}
	if strings.HasSuffix(s.operation, "Grant") {
		e.GrantID = cttest.HexID(64, name)
	}
	if s.change != nil {
		s.change(&e)
	}
	t := trial{scenario: s, order: order, event: e}
	for _, c := range order {
		t.records = append(t.records, t.record(c))
	}
	return t
}

// record is the record that a copy stands for.
func (t *trial) record(c copyOf) []byte {
	if c.shadow {
		return cttest.Network(t.event, c.account).JSON()
	}
	for _, e := range cttest.Copies(t.event) {
		if e.Recipient == cttest.Account(c.account) {
			return e.JSON()
		}
	}
	panic(t.name + " leaves no record in account " + c.account)
}

// want is what has to come out when the first n records are there.
func (t *trial) want(n int) string {
	var calls, uses, destination, seen int
	var requests []string
	for _, c := range t.order[:min(n, len(t.order))] {
		calls, uses, destination = calls+c.calls, uses+c.uses, destination+c.destination
		requests = append(requests, strings.Fields(c.requests)...)
		if !c.shadow {
			seen = 1
		}
	}
	slices.Sort(requests)
	return fmt.Sprintf("%d calls, key used %d, destination used %d, in kms_calls %d, requests %v, key_use %d",
		calls, uses, destination, seen, requests, max(calls, uses))
}

// TestCopiesCountOnce lets every record of every scenario arrive or not, in any
// order, each in a commit of its own: after each the counts are those of the
// records that are there, so nothing is ever taken back. Then all comes again.
func TestCopiesCountOnce(t *testing.T) {
	all := trials()
	s := openHistory(t, duck.Memory, 1)
	for round := range 4 {
		var records [][]byte
		for i := range all {
			if round < len(all[i].records) {
				records = append(records, all[i].records[round])
			}
		}
		if round == 3 {
			for i := range all {
				records = append(records, all[i].records...)
			}
		}
		readRecords(t, s, round, records)
		got := observe(t, s)
		for i := range all {
			if g, w := got.of(&all[i]), all[i].want(round+1); g != w {
				t.Errorf("%s, records of %v, %d of them there:\n got %s\nwant %s", all[i].name, all[i].order, round+1, g, w)
			}
		}
	}
	before := dumpAll(t, s, &histories.History{})
	if err := s.Rebuild(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	compareDumps(t, &tally{}, "rebuilt", before, dumpAll(t, s, &histories.History{}))
	t.Logf("%d scenarios, %d orders of arrival", len(scenarios), len(all))
}

// readRecords ingests records as one log file.
func readRecords(t *testing.T, s *duck.Store, n int, records [][]byte) {
	t.Helper()
	run(t, s, &histories.History{}, histories.Step{CommitRows: 1 << 20, Batches: 1, Files: []histories.File{{
		Key:  cttest.Key("", "", "main", "us-east-1", histories.Start.AddDate(0, 0, 1), cttest.Suffix(fmt.Sprint(n))),
		ETag: "1", Body: cttest.Body(records...),
	}}}, func() {})
}

// observed is what the derived tables say, by key and by minute.
type observed struct {
	calls, uses, seen, keyUse map[string]string
	requests                  map[string][]string // by minute
}

func observe(t *testing.T, s *duck.Store) observed {
	t.Helper()
	o := observed{
		calls:  pairs(t, s, "SELECT key_arn, sum(call_count) FROM usage_daily GROUP BY 1"),
		uses:   pairs(t, s, "SELECT key_arn, sum(use_count) FROM usage_hourly GROUP BY 1"),
		seen:   pairs(t, s, "SELECT date_trunc('minute', event_time), count(*) FROM kms_calls GROUP BY 1"),
		keyUse: pairs(t, s, "SELECT key_arn, call_count FROM key_use"),

		requests: map[string][]string{},
	}
	short := map[string]string{}
	for _, name := range []string{"main", "second", "partner", "foreign"} {
		short[cttest.Account(name)] = name
	}
	for _, row := range rowsOf(t, s, "SELECT concat_ws(chr(9), minute::VARCHAR, account_id, quota_name, request_count::VARCHAR) FROM request_rate") {
		f := strings.Split(row, "\t")
		who := short[f[1]]
		if f[2] == "custom_key_store" {
			who += "/" + f[2]
		}
		if f[3] != "1" {
			who += " x" + f[3]
		}
		o.requests[f[0]] = append(o.requests[f[0]], who)
	}
	return o
}

// of is what was observed of a trial, in the words of want.
func (o *observed) of(t *trial) string {
	minute := t.event.Time.Truncate(time.Minute).Format(time.DateTime)
	requests := append([]string{}, o.requests[minute]...)
	slices.Sort(requests)
	destination := "0"
	if t.destination != "" {
		destination = number(o.uses[t.event.Destination])
	}
	calls := number(o.calls[t.event.Key])
	if n := number(o.calls[t.event.Destination]); t.destination != "" && n != "0" {
		calls += " and at the destination " + n
	}
	return fmt.Sprintf("%s calls, key used %s, destination used %s, in kms_calls %s, requests %v, key_use %s",
		calls, number(o.uses[t.event.Key]), destination, number(o.seen[minute]), requests, number(o.keyUse[t.event.Key]))
}

func number(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// pairs reads a query of names and values; a name that is there twice has both.
func pairs(t *testing.T, s *duck.Store, sql string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, row := range rowsOf(t, s, "SELECT concat_ws(chr(9), q.name::VARCHAR, q.n::VARCHAR) FROM ("+sql+") q (name, n)") {
		name, n, _ := strings.Cut(row, "\t")
		if was, ok := out[name]; ok {
			n = was + "+" + n
		}
		out[name] = n
	}
	return out
}

// What is known of a call from one copy is known, and from several together
// more: the caller's knows who it was, the owner's does not.
func TestCopiesAreOneCall(t *testing.T) {
	all := trials()
	s := openHistory(t, duck.Memory, 1)
	var records [][]byte
	for i := range all {
		records = append(records, all[i].records...)
	}
	readRecords(t, s, 0, records)
	calls := pairs(t, s, `SELECT date_trunc('minute', event_time), concat_ws(' ', copy_count, coalesce(principal_arn, '-'), coalesce(key_arn, '-')) FROM kms_calls`)
	for i := range all {
		tr := &all[i]
		copies, known := 0, "-"
		for _, c := range tr.order {
			if !c.shadow {
				copies++
			}
			if c.calls > 0 && tr.event.Caller.ARN != "" {
				known = principalOf(&tr.event.Caller)
			}
		}
		want := fmt.Sprintf("%d %s %s", copies, known, tr.event.Key)
		if copies == 0 {
			want = ""
		}
		if got := calls[tr.event.Time.Truncate(time.Minute).Format(time.DateTime)]; got != want {
			t.Errorf("%s, records of %v: kms_calls says %q, want %q", tr.name, tr.order, got, want)
		}
	}
	// A grant is one grant, whoever told of it.
	grants := pairs(t, s, "SELECT key_arn, coalesce(created_by, ended_by, '-') FROM grants")
	for i := range all {
		tr := &all[i]
		if !strings.HasSuffix(tr.operation, "Grant") {
			continue
		}
		want := "-"
		if slices.ContainsFunc(tr.order, func(c copyOf) bool { return c.calls > 0 }) {
			want = principalOf(&tr.event.Caller)
		}
		if got := grants[tr.event.Key]; got != want {
			t.Errorf("%s, records of %v: grants says %q, want %q", tr.name, tr.order, got, want)
		}
	}
}

func principalOf(c *cttest.Identity) string {
	if c.Issuer != nil {
		return c.Issuer.ARN
	}
	return c.ARN
}

// NetworkActivity records alone are in no derived table but those about files.
func TestShadowsAreNowhere(t *testing.T) {
	s := openHistory(t, duck.Memory, 1)
	var records [][]byte
	for i, name := range []string{"Decrypt", "ReEncrypt", "CreateGrant", "DisableKey", "CreateAlias", "TagResource"} {
		e := cttest.Sample(name, "main", histories.Start)
		records = append(records, cttest.Network(e, []string{"main", "second"}[i%2]).JSON())
	}
	readRecords(t, s, 0, records)
	if diff := cmp.Diff([]string{fmt.Sprint(len(records))}, rowsOf(t, s, "SELECT count(*) FROM kms_events WHERE record_copy = 'network'")); diff != "" {
		t.Fatal(diff)
	}
	for _, v := range schema.Views() {
		if v.Name == "log_file_days" || v.Name == "coverage" {
			continue
		}
		if rows := rowsOf(t, s, "SELECT '1' FROM "+v.Name); len(rows) > 0 {
			t.Errorf("%s has %d rows of NetworkActivity records", v.Name, len(rows))
		}
	}
	if diff := cmp.Diff([]string{"0"}, rowsOf(t, s, "SELECT sum(kms_event_count) FROM coverage")); diff != "" {
		t.Error(diff)
	}
}

// A correction may have the id of what it corrects. It counts, and the other
// does not, whether they come in one file, in one transaction or in two.
func TestCorrectionsInPlace(t *testing.T) {
	old := cttest.Sample("EnableKey", "main", histories.Start.Add(time.Hour))
	old.ID = cttest.EventID("corrected")
	corrected := old
	corrected.Caller = cttest.AssumedRole("main", "admin", "session")
	corrected.Extra = `"addendum":{"reason":"UPDATED_DATA","originalEventID":"` + old.ID + `"}`
	later := old
	later.ID, later.Time = cttest.EventID("later"), old.Time.Add(time.Minute)
	for name, commits := range map[string][][]cttest.Event{
		"one file":                         {{old, corrected}},
		"one file, the wrong way round":    {{corrected, old}},
		"two commits":                      {{old}, {corrected}},
		"two commits, the wrong way round": {{corrected}, {old}},
		"with something other":             {{old, later}, {later, corrected}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openHistory(t, duck.Memory, 1)
			for i, events := range commits {
				readRecords(t, s, i, cttest.Records(events...))
			}
			for _, table := range []string{"key_change_records", "key_changes", "kms_calls", "key_timeline"} {
				at := map[bool]string{true: "valid_from", false: "event_time"}[table == "key_timeline"]
				sql := fmt.Sprintf("SELECT principal_arn FROM %s WHERE %s = TIMESTAMP '%s'", table, at, old.Time.Format(time.DateTime))
				if diff := cmp.Diff([]string{cttest.RoleARN("main", "admin")}, rowsOf(t, s, sql)); diff != "" {
					t.Errorf("%s: %s", table, diff)
				}
			}
			if diff := cmp.Diff([]string{"superseded"}, rowsOf(t, s, "SELECT DISTINCT reason FROM quarantine")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A commit says which hours it changed: also the one that an event was moved
// out of, and none for what was known already.
func TestCommitsSayWhatTheyChange(t *testing.T) {
	s := openHistory(t, duck.Memory, 1)
	old := cttest.Sample("Decrypt", "main", histories.Start.Add(59*time.Minute+59*time.Second))
	old.ID = cttest.EventID("old")
	moved := old
	moved.ID, moved.Time = cttest.EventID("moved"), old.Time.Add(25*time.Hour)
	moved.Extra = `"addendum":{"reason":"UPDATED_DATA","originalEventID":"` + old.ID + `"}`
	tagged := cttest.PutBucketTagging(histories.Start.Add(5*time.Hour), cttest.AssumedRole("second", "admin", "s"), "eu-central-1", "bucket", nil)
	enabled := cttest.Sample("EnableKey", "second", histories.Start.Add(6*time.Hour))
	for i, step := range []struct {
		events []cttest.Event
		want   []string // account, Region, hour, events, changes
	}{
		{[]cttest.Event{old}, []string{"111122223333 us-east-1 2026-03-27 00:00:00 1 0"}},
		{[]cttest.Event{old}, nil},
		{[]cttest.Event{moved}, []string{"111122223333 us-east-1 2026-03-27 00:00:00 1 0", "111122223333 us-east-1 2026-03-28 01:00:00 1 0"}},
		{[]cttest.Event{old, moved}, nil},
		{[]cttest.Event{tagged, enabled}, []string{"444455556666 eu-central-1 2026-03-27 05:00:00 1 1", "444455556666 us-east-1 2026-03-27 06:00:00 1 1"}},
	} {
		before := lastCommit(t, s)
		readRecords(t, s, i, cttest.Records(step.events...))
		got := rowsOf(t, s, fmt.Sprintf(`SELECT concat_ws(' ', account_id, region, hour::VARCHAR, event_count, change_count) AS cell
			FROM changed_cells WHERE commit_id > %d ORDER BY cell`, before))
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
	}
}
