package live

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/dashboards"
	"github.com/kmstrail/kmstrail/sampledata"
)

// finding is one that the generator planted.
func finding(t *testing.T, scenario string) sampledata.Finding {
	t.Helper()
	for _, f := range truth.Findings {
		if f.Scenario == scenario {
			return f
		}
	}
	t.Fatalf("the sample has no finding %s", scenario)
	return sampledata.Finding{}
}

func sql(text string) dashboards.Query {
	return dashboards.Query{RefID: "A", Kind: "sql", Format: "table", SQL: text}
}

// keysThatChanged is a key of which the logs tell most kinds of changes.
func keysThatChanged(t *testing.T) []string {
	return texts(t, ask(t, sql("SELECT key_arn FROM key_timeline GROUP BY key_arn ORDER BY count(DISTINCT kind) DESC, key_arn LIMIT 1"), month, nil), "key_arn")
}

// peopleWhoChangeKeys is somebody who changed keys.
func peopleWhoChangeKeys(t *testing.T) []string {
	return texts(t, ask(t, sql("SELECT principal_arn FROM key_changes WHERE principal_arn IS NOT NULL GROUP BY principal_arn ORDER BY count(*) DESC, principal_arn LIMIT 1"), month, nil), "principal_arn")
}

// shown is the result of a panel, by its title.
func shown(t *testing.T, uid, title string, over span, s selection) *data.Frame {
	t.Helper()
	for _, d := range dashboards.All() {
		if d.UID != uid {
			continue
		}
		all := selection{}
		for _, v := range d.Templating.List {
			if v.IncludeAll {
				all[v.Name] = []string{"$__all"}
			}
		}
		for name, value := range s {
			all[name] = value
		}
		for _, p := range panels(d) {
			if p.Title == title {
				return ask(t, p.Targets[0], over, all)
			}
		}
	}
	t.Fatalf("there is no panel %s on %s", title, uid)
	return nil
}

func numbers(t *testing.T, f *data.Frame, column string) []float64 {
	t.Helper()
	field, _ := f.FieldByName(column)
	if field == nil {
		t.Fatalf("there is no column %s", column)
	}
	out := make([]float64, field.Len())
	for i := range out {
		v, err := field.NullableFloatAt(i)
		if err != nil {
			t.Fatal(err)
		}
		if v != nil {
			out[i] = *v
		}
	}
	return out
}

func texts(t *testing.T, f *data.Frame, column string) []string {
	t.Helper()
	field, _ := f.FieldByName(column)
	if field == nil {
		t.Fatalf("there is no column %s", column)
	}
	out := make([]string, field.Len())
	for i := range out {
		if v, ok := field.ConcreteAt(i); ok {
			out[i] = fmt.Sprint(v)
		}
	}
	return out
}

func one(t *testing.T, f *data.Frame) float64 {
	t.Helper()
	got := numbers(t, f, "value")
	if len(got) != 1 {
		t.Fatalf("%d numbers, want one", len(got))
	}
	return got[0]
}

// total sums the series of a panel by name.
func total(t *testing.T, f *data.Frame) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, field := range f.Fields {
		if field.Type().Time() {
			continue
		}
		name := field.Name
		for _, label := range field.Labels {
			name = label
		}
		for i := range field.Len() {
			v, err := field.NullableFloatAt(i)
			if err != nil {
				t.Fatal(err)
			}
			if v != nil {
				out[name] += *v
			}
		}
	}
	return out
}

func sum(numbers []float64) float64 {
	out := 0.0
	for _, n := range numbers {
		out += n
	}
	return out
}

// findingsOf is the number of findings about a key.
func findingsOf(key string) float64 {
	n := 0
	for _, f := range truth.Findings {
		if f.KeyARN == key {
			n++
		}
	}
	return float64(n)
}

// strangers are the calls that only the key's owner logged: those of accounts
// without logs. No panel of the overview counts them.
func strangers() float64 {
	n := 0
	for _, f := range truth.Findings {
		if f.DetectorID == "cross_account_decrypt" && f.PrincipalARN == "" {
			n += f.EventCount
		}
	}
	return float64(n)
}

func equal(t *testing.T, what string, got, want float64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestOverviewTellsTheTruth(t *testing.T) {
	const uid = "kmstrail-overview"
	calls := one(t, shown(t, uid, "Calls", month, nil))
	recorded := one(t, ask(t, sql(`SELECT count(*) AS value FROM kms_calls JOIN kms_events USING (event_id) WHERE record_copy IN ('single', 'caller')`), month, nil))
	equal(t, "Calls, against the records", calls, recorded)
	equal(t, "Calls with those of strangers", calls+one(t, ask(t, sql(`SELECT count(*) AS value FROM kms_calls JOIN kms_events USING (event_id) WHERE record_copy NOT IN ('single', 'caller')`), month, nil)), float64(truth.KMSCalls))
	if owners := float64(truth.KMSCalls) - calls; owners < strangers() {
		t.Errorf("%v calls that only owners logged, and %v of them are findings", owners, strangers())
	}
	for _, over := range []span{month, week, oneDay} {
		equal(t, "Calls by operation", sum(slicesOf(total(t, shown(t, uid, "Calls by operation", over, nil)))), one(t, shown(t, uid, "Calls", over, nil)))
	}
	equal(t, "Accounts", sum(numbers(t, shown(t, uid, "Accounts", month, nil), "call_count")), calls)
	equal(t, "AWS services", sum(numbers(t, shown(t, uid, "AWS services behind the calls", month, nil), "call_count")), calls)
	equal(t, "Denied", one(t, shown(t, uid, "Denied", month, nil)), one(t, ask(t, sql(`SELECT count(*) AS value FROM kms_events WHERE error_class = 'denied' AND record_copy IN ('single', 'caller')`), month, nil)))
	open := one(t, shown(t, uid, "Findings", month, nil))
	severe := one(t, shown(t, "kmstrail-findings", "Critical", month, nil)) + one(t, shown(t, "kmstrail-findings", "High", month, nil))
	equal(t, "Open findings", open, severe)
	refused := one(t, shown(t, uid, "Dying keys", month, nil))
	equal(t, "Dying keys", refused, one(t, ask(t, sql("SELECT count(DISTINCT key_arn) AS value FROM kms_calls WHERE error_class IN ('pending_deletion', 'disabled')"), month, nil)))
	if refused < keysOf("pending_deletion_key_use") {
		t.Errorf("%v keys refused calls, and findings are about %v", refused, keysOf("pending_deletion_key_use"))
	}
	byOperation := total(t, shown(t, uid, "Calls by operation", month, nil))
	for _, operation := range []string{"Sign", "GenerateDataKeyWithoutPlaintext", "Encrypt"} {
		if got, ok := byOperation[operation]; ok {
			equal(t, "Calls of "+operation, got, float64(truth.KMSByEvent[operation]))
		}
	}
}

// keysOf counts the keys that findings of a detector are about.
func keysOf(detector string) float64 {
	keys := map[string]bool{}
	for _, f := range truth.Findings {
		if f.DetectorID == detector {
			keys[f.KeyARN] = true
		}
	}
	return float64(len(keys))
}

func slicesOf(m map[string]float64) []float64 {
	var out []float64
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

func TestFindingsTellTheTruth(t *testing.T) {
	const uid = "kmstrail-findings"
	f := shown(t, uid, "Findings", month, nil)
	equal(t, "Findings", float64(f.Rows()), float64(len(truth.Findings)))
	key := func(detector, account, region, key, principal string, events float64) string {
		return strings.Join([]string{detector, account, region, key, principal, fmt.Sprint(events)}, " ")
	}
	got := map[string]int{}
	columns := map[string][]string{}
	for _, c := range []string{"detector_id", "account_id", "region", "key_arn", "caller"} {
		columns[c] = texts(t, f, c)
	}
	for i, n := range numbers(t, f, "event_count") {
		got[key(columns["detector_id"][i], columns["account_id"][i], columns["region"][i], columns["key_arn"][i], columns["caller"][i], n)]++
	}
	for _, w := range truth.Findings {
		k := key(w.DetectorID, w.AccountID, w.Region, w.KeyARN, w.PrincipalARN, float64(w.EventCount))
		if got[k]--; got[k] < 0 {
			t.Errorf("the finding %s is not shown: %s", w.Scenario, k)
		}
	}
	tiles := 0.0
	for _, title := range []string{"Critical", "High", "Lower"} {
		tiles += one(t, shown(t, uid, title, month, nil))
	}
	equal(t, "the tiles of open findings", tiles, float64(len(truth.Findings)))
	equal(t, "New", one(t, shown(t, uid, "New", month, nil)), float64(len(truth.Findings)))
	equal(t, "Open by detector", sum(numbers(t, shown(t, uid, "Open by detector", month, nil), "finding_count")), float64(len(truth.Findings)))
	one := finding(t, "pending-orders-batch")
	id := texts(t, ask(t, sql("SELECT CAST(finding_id AS VARCHAR) AS id FROM findings WHERE key_arn = '"+one.KeyARN+"' AND principal_arn = '"+one.PrincipalARN+"'"), month, nil), "id")
	equal(t, "evidence of "+one.Scenario, float64(shown(t, uid, "Evidence", month, selection{"finding": id}).Rows()), float64(one.EventCount))
}

func TestKeyTellsTheTruth(t *testing.T) {
	const uid = "kmstrail-key"
	batch, legacy := finding(t, "pending-orders-batch"), finding(t, "pending-orders-legacy")
	orders := selection{"key": {batch.KeyARN}}
	soak := func(over span) (verdict string, tried, callers float64) {
		f := shown(t, uid, "Deletion soak", over, orders)
		return texts(t, f, "Verdict")[0], numbers(t, f, "Attempts since")[0], numbers(t, f, "By callers")[0]
	}
	verdict, tried, callers := soak(span{october(8), october(13), 6 * time.Hour})
	if verdict != "Still needed" || tried != float64(batch.EventCount+legacy.EventCount) || callers != 2 {
		t.Errorf("the soak of the key orders while it is pending deletion: %s, %v attempts by %v", verdict, tried, callers)
	}
	if verdict, _, _ := soak(month); verdict != "Deleted while needed" {
		t.Errorf("the soak of the key orders after its deletion: %s", verdict)
	}
	if state := texts(t, shown(t, uid, "State", month, orders), "value"); state[0] != "Deleted" {
		t.Errorf("the key orders is %s", state)
	}
	if f := shown(t, uid, "Deletion soak", month, selection{"key": {finding(t, "cross-exporter").KeyARN}}); f.Rows() != 0 {
		t.Error("a key that nobody disabled has a deletion soak")
	}
	calls := one(t, shown(t, uid, "Calls", month, orders))
	recorded := one(t, ask(t, sql("SELECT count(*) AS value FROM kms_calls WHERE key_arn = '"+batch.KeyARN+"'"), month, nil))
	equal(t, "Calls on the key orders", calls, recorded)
	equal(t, "Use by operation", sum(slicesOf(total(t, shown(t, uid, "Use by operation", month, orders)))), calls)
	exporter := finding(t, "cross-exporter")
	f := shown(t, uid, "Cross-account use", month, selection{"key": {exporter.KeyARN}})
	used := 0.0
	for i, n := range numbers(t, f, "call_count") {
		if texts(t, f, "event_name")[i] != "DescribeKey" && texts(t, f, "caller_account_id")[i] == strings.Split(exporter.PrincipalARN, ":")[4] {
			used += n
		}
	}
	// One call is in the owner's logs alone and one in the caller's: from sums, which the
	// ledger reads, that looks like one.
	// A second before the deletion was scheduled it was used for the last time.
	ends := span{october(9), october(9).Add(10*time.Hour + 30*time.Minute), time.Hour}
	equal(t, "Last used", one(t, shown(t, uid, "Last used", ends, orders)), 30*60+1)
	equal(t, "Cross-account use of "+exporter.Scenario, used, float64(exporter.EventCount-1))
	equal(t, "Findings of the key orders", float64(shown(t, uid, "All findings", month, orders).Rows()), findingsOf(finding(t, "pending-orders-batch").KeyARN))
}

func TestPrincipalTellsTheTruth(t *testing.T) {
	const uid = "kmstrail-principal"
	denied := finding(t, "cross-denied")
	curious := selection{"principal": {denied.PrincipalARN}}
	equal(t, "Denied calls", one(t, shown(t, uid, "Denied calls", month, curious)), float64(denied.EventCount))
	equal(t, "New keys", one(t, shown(t, uid, "New keys", span{october(20), october(27), 6 * time.Hour}, curious)), 1)
	equal(t, "Findings", float64(shown(t, uid, "Findings", month, curious).Rows()), 1)
	calls := one(t, shown(t, uid, "Calls", month, curious))
	equal(t, "Calls by operation", sum(slicesOf(total(t, shown(t, uid, "Calls by operation", month, curious)))), calls)
	for _, title := range []string{"Operations", "AWS services", "Outcomes"} {
		equal(t, title, sum(numbers(t, shown(t, uid, title, month, curious), "call_count")), calls)
	}
	equal(t, "Calls", calls, one(t, ask(t, sql("SELECT count(*) AS value FROM kms_calls WHERE principal_arn = '"+denied.PrincipalARN+"'"), month, nil)))
}

// TestMonthsCountAsTheirDays: sums take whole months by the month; the days around
// them are neither left out nor counted twice.
func TestMonthsCountAsTheirDays(t *testing.T) {
	day := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC) }
	for _, over := range []span{
		{day(10, 1), day(11, 1), 24 * time.Hour},                        // a month
		{day(9, 17), day(11, 20), 60 * time.Hour},                       // one in the middle
		{day(10, 1), day(10, 31).Add(time.Hour), 24 * time.Hour},        // touched to its last day
		{day(10, 2), day(11, 1), 24 * time.Hour},                        // all but the first
		{day(10, 1), day(10, 31), 24 * time.Hour},                       // all but the last
		{day(10, 5), day(10, 20), 24 * time.Hour},                       // within one
		{day(9, 1), day(10, 12).Add(time.Minute), 48 * time.Hour},       // the months before, and some days
		{day(10, 30).Add(time.Minute), day(12, 1), 36 * time.Hour},      // some days, and the months after
		{day(10, 1).Add(time.Hour), day(12, 31), 100 * time.Hour},       // begun on the first
		{day(1, 1).AddDate(-1, 0, 0), day(12, 31), 15 * 24 * time.Hour}, // all there is
	} {
		want := one(t, ask(t, sql("SELECT sum(call_count) AS value FROM usage_daily WHERE $__dateFilter(day)"), over, nil))
		if want == 0 {
			t.Fatalf("no calls from %s to %s", over.from, over.to)
		}
		equal(t, fmt.Sprintf("calls from %s to %s", over.from, over.to), one(t, shown(t, "kmstrail-overview", "Calls", over, nil)), want)
	}
}
