package live

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/dashboards"
)

// repository is the root of this one.
var repository = filepath.Join("..", "..", "..")

// alertRule is a rule of deploy/grafana/alerting/rules.yaml, as far as it is looked
// at here.
type alertRule struct {
	UID, Title, Condition string
	Data                  []struct {
		RefID             string                   `yaml:"refId"`
		RelativeTimeRange struct{ From, To int64 } `yaml:"relativeTimeRange"`
		DatasourceUID     string                   `yaml:"datasourceUid"`
		Model             map[string]any           `yaml:"model"`
	}
	NoDataState  string                    `yaml:"noDataState"`
	ExecErrState string                    `yaml:"execErrState"`
	For          string                    `yaml:"for"`
	Labels       map[string]string         `yaml:"labels"`
	Annotations  map[string]string         `yaml:"annotations"`
	Notify       struct{ Receiver string } `yaml:"notification_settings"`
}

func alerting(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "deploy", "grafana", "alerting", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func alertRules(t *testing.T) map[string]alertRule {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alertRule } }
	alerting(t, "rules.yaml", &file)
	out := map[string]alertRule{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if _, twice := out[r.UID]; twice {
				t.Errorf("two rules have the uid %s", r.UID)
			}
			out[r.UID] = r
		}
	}
	return out
}

// instance is one row of a rule's result: what Grafana makes an alert of.
type instance struct {
	labels map[string]string
	firing bool
}

// evaluate does what Grafana does at a time: asks over the range before it and
// compares each number with the threshold.
func (r alertRule) evaluate(t *testing.T, at time.Time) []instance {
	t.Helper()
	q := r.Data[0]
	raw, err := json.Marshal(q.Model)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer, err := plugin.QueryData(ctx, &backend.QueryDataRequest{
		PluginContext: pluginContext(), Headers: map[string]string{"FromAlert": "true"},
		Queries: []backend.DataQuery{{
			RefID: "A", JSON: raw, Interval: time.Minute, MaxDataPoints: 100,
			TimeRange: backend.TimeRange{
				From: at.Add(-time.Duration(q.RelativeTimeRange.From) * time.Second), To: at.Add(-time.Duration(q.RelativeTimeRange.To) * time.Second),
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	res := answer.Responses["A"]
	if res.Error != nil {
		t.Fatal(res.Error)
	}
	if len(res.Frames) == 0 {
		return nil
	}
	if len(res.Frames) != 1 {
		t.Fatalf("%d frames, want one", len(res.Frames))
	}
	return r.instances(t, res.Frames[0])
}

// instances reads a frame as Grafana does: one number for each row, its texts are
// labels.
func (r alertRule) instances(t *testing.T, f *data.Frame) []instance {
	t.Helper()
	fires := r.threshold(t)
	out := make([]instance, f.Rows())
	seen := map[string]bool{}
	for i := range out {
		out[i].labels = map[string]string{}
		for _, field := range f.Fields {
			if field.Type().Numeric() {
				v, err := field.NullableFloatAt(i)
				if err != nil || v == nil || field.Name != "value" {
					t.Fatalf("row %d has no number in %s: %v", i, field.Name, err)
				}
				out[i].firing = fires(*v)
				continue
			}
			label, ok := field.ConcreteAt(i)
			text, isText := label.(string)
			if !ok || !isText || text == "" {
				t.Fatalf("row %d: %s is no label: %v", i, field.Name, label)
			}
			out[i].labels[field.Name] = text
		}
		if key := fmt.Sprint(out[i].labels); seen[key] {
			t.Errorf("two alerts have the labels %s", key)
		} else {
			seen[key] = true
		}
	}
	return out
}

// threshold is the condition of the rule.
func (r alertRule) threshold(t *testing.T) func(float64) bool {
	t.Helper()
	raw, err := json.Marshal(r.Data[1].Model)
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		RefID, Type, Expression string
		Conditions              []struct {
			Evaluator struct {
				Type   string
				Params []float64
			}
		}
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	if m.Type != "threshold" || m.Expression != "A" || m.RefID != r.Condition || len(m.Conditions) != 1 || len(m.Conditions[0].Evaluator.Params) != 1 {
		t.Fatalf("its condition is no threshold of A: %s", raw)
	}
	limit := m.Conditions[0].Evaluator.Params[0]
	switch m.Conditions[0].Evaluator.Type {
	case "gt":
		return func(v float64) bool { return v > limit }
	case "gte":
		return func(v float64) bool { return v >= limit }
	}
	t.Fatalf("unknown evaluator %s", m.Conditions[0].Evaluator.Type)
	return nil
}

// alertCase says when a rule must fire in the sample data, for whom, and when not.
type alertCase struct {
	quiet, fires time.Time
	labels       map[string]string
	panel        string // that the alert leads to
}

func alertCases(t *testing.T) map[string]alertCase {
	around := func(scenario string, labels map[string]string, panel string) alertCase {
		f := finding(t, scenario)
		return alertCase{quiet: f.FirstSeen, fires: f.LastSeen.Add(10 * time.Minute), labels: labels, panel: panel}
	}
	now := time.Now()
	return map[string]alertCase{
		"kmstrail-pending-deletion": around("pending-orders-batch", map[string]string{"account": "payments-prod", "region": "us-east-1"}, "Dying keys"),
		// The first of all.
		"kmstrail-new-finding": around("pending-replica", map[string]string{"detector": "pending_deletion_key_use", "account": "data-platform"}, "Findings"),
		"kmstrail-denied":      around("cross-denied", map[string]string{"account": "sandbox", "caller": "role/curious"}, "Denied"),
		"kmstrail-untrusted":   around("cross-exporter", map[string]string{"caller_account": "sandbox", "owner": "payments-prod"}, "Pairs of accounts"),
		"kmstrail-quota": around("rate-key-pairs", map[string]string{"account": "backup", "region": "us-west-2", "quota": "generate_data_key_pair_rsa_2048"},
			"Busiest second as share of the quota"),
		// On the seventeenth day nothing of analytics was delivered in us-west-2.
		"kmstrail-coverage-gap": {
			quiet: october(18).Add(6 * time.Hour), fires: october(19).Add(6 * time.Hour),
			labels: map[string]string{"account": "analytics", "region": "us-west-2"}, panel: "Coverage by account and Region",
		},
		"kmstrail-events-stale": {quiet: truth.LastEvent.Add(20 * time.Minute), fires: truth.LastEvent.Add(2 * time.Hour), panel: "Freshness"},
		// The sample has no detector that fails; in two days these have not run for one.
		"kmstrail-detector": {
			quiet: now, fires: now.Add(48 * time.Hour), labels: map[string]string{"detector": "cross_account_decrypt"}, panel: "Detectors",
		},
	}
}

// Every rule fires on its incident, and not before.
func TestAlerts(t *testing.T) {
	rules, cases := alertRules(t), alertCases(t)
	for uid := range cases {
		if _, ok := rules[uid]; !ok {
			t.Errorf("there is no rule %s", uid)
		}
	}
	for uid, r := range rules {
		t.Run(uid, func(t *testing.T) {
			c, ok := cases[uid]
			if !ok {
				t.Fatal("nothing says when it must fire")
			}
			lintAlert(t, r, c)
			for _, i := range r.evaluate(t, c.quiet) {
				if i.firing {
					t.Errorf("at %s it fires already: %v", c.quiet, i.labels)
				}
			}
			found := r.evaluate(t, c.fires)
			if !slices.ContainsFunc(found, func(i instance) bool { return i.firing && holds(i.labels, c.labels) }) {
				t.Errorf("at %s it does not fire for %v: %v", c.fires, c.labels, found)
			}
		})
	}
}

// holds tells whether labels have all of the wanted ones.
func holds(labels, want map[string]string) bool {
	for name, value := range want {
		if labels[name] != value {
			return false
		}
	}
	return true
}

func lintAlert(t *testing.T, r alertRule, c alertCase) {
	t.Helper()
	if len(r.UID) > 40 || len(r.Data) != 2 || r.Data[0].DatasourceUID != "kmstrail" || r.Data[1].DatasourceUID != "__expr__" {
		t.Fatalf("it is not one query of the data source and one condition: %+v", r)
	}
	for _, want := range []string{r.Labels["severity"], r.Annotations["summary"], r.Annotations["description"], r.NoDataState, r.ExecErrState, r.For, r.Notify.Receiver} {
		if want == "" {
			t.Errorf("severity, summary, description, noDataState, execErrState, for or receiver is missing: %+v", r)
		}
	}
	sql, _ := r.Data[0].Model["sql"].(string)
	for _, macro := range []string{"$__accountFilter", "$__regionFilter", "$__keyFilter", "$__principalFilter", "$__filter", "$__adhocFilters", "${"} {
		if strings.Contains(sql, macro) {
			t.Errorf("rules have no variables, and it uses %s", macro)
		}
	}
	page, err := os.ReadFile(filepath.Join(repository, "docs", "grafana-alerts.md"))
	if err != nil {
		t.Fatal(err)
	}
	anchor := "#" + strings.ReplaceAll(strings.ToLower(r.Title), " ", "-")
	if !strings.Contains(string(page), "\n## "+r.Title+"\n") || !strings.HasSuffix(r.Annotations["runbook_url"], "/docs/grafana-alerts.md"+anchor) {
		t.Errorf("docs/grafana-alerts.md has no heading %q that the runbook %s leads to", r.Title, r.Annotations["runbook_url"])
	}
	for _, d := range dashboards.All() {
		if d.UID != r.Annotations["__dashboardUid__"] {
			continue
		}
		for _, p := range panels(d) {
			if p.Title == c.panel && p.Type != "row" && strconv.Itoa(p.ID) == r.Annotations["__panelId__"] {
				return
			}
		}
		for _, p := range panels(d) {
			if p.Title == c.panel {
				t.Errorf("__panelId__ is %s, the panel %q has %d", r.Annotations["__panelId__"], c.panel, p.ID)
			}
		}
		return
	}
	t.Errorf("there is no dashboard %s", r.Annotations["__dashboardUid__"])
}

// The receiver and the templates that rules and contact points name are there.
func TestNotifications(t *testing.T) {
	var points struct {
		ContactPoints []struct {
			Name      string
			Receivers []struct {
				Type     string
				Settings map[string]string
			}
		} `yaml:"contactPoints"`
	}
	alerting(t, "contact-points.yaml", &points)
	var templates struct {
		Templates []struct{ Name, Template string }
	}
	alerting(t, "templates.yaml", &templates)
	names := map[string]bool{}
	for _, p := range points.ContactPoints {
		names[p.Name] = true
		for _, r := range p.Receivers {
			for _, use := range []string{r.Settings["title"], r.Settings["message"]} {
				name := strings.Split(use, `"`)
				if len(name) != 3 || !strings.Contains(templates.Templates[0].Template, `{{ define "`+name[1]+`" -}}`) {
					t.Errorf("%s: %q is no template of ours", p.Name, use)
				}
			}
			if !strings.HasPrefix(r.Settings["url"], "https://example.com/") {
				t.Errorf("%s: the sample sends to %s", p.Name, r.Settings["url"])
			}
		}
	}
	for uid, r := range alertRules(t) {
		if !names[r.Notify.Receiver] {
			t.Errorf("%s: there is no contact point %s", uid, r.Notify.Receiver)
		}
	}
}
