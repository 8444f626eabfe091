package live

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/dashboards"
)

// choices are what each dashboard is looked at with besides what it shows first. Each of its
// panels has rows with one of them.
func choices(t *testing.T, d dashboards.Dashboard) []selection {
	t.Helper()
	first := selection{}
	for _, v := range d.Templating.List {
		switch {
		case v.IncludeAll:
			first[v.Name] = []string{"$__all"}
		case v.Type == "query":
			offered := offers(t, v)
			if len(offered) == 0 {
				t.Fatalf("the variable %s offers nothing", v.Name)
			}
			first[v.Name] = offered[:1]
		}
	}
	out := []selection{first}
	with := func(name string, value ...string) {
		s := maps.Clone(first)
		s[name] = value
		out = append(out, s)
	}
	switch d.UID {
	case "kmstrail-overview":
		with("account", "111122223333", "777788889999")
		with("region", "us-east-1")
	case "kmstrail-key":
		for _, scenario := range []string{"pending-orders-batch", "cross-exporter", "rate-grants", "context-retagged", "pending-replica"} {
			with("key", finding(t, scenario).KeyARN)
		}
		with("key", keysThatChanged(t)...)
	case "kmstrail-principal":
		with("principal", finding(t, "cross-denied").PrincipalARN)
		with("principal", finding(t, "pending-orders-batch").PrincipalARN)
		with("principal", peopleWhoChangeKeys(t)...)
	case "kmstrail-findings":
		with("account", "111122223333", "444444444444")
		with("detector", "cross_account_decrypt")
		with("severity", "critical", "high")
	default:
		with("account", "111122223333", "777788889999")
	}
	return out
}

// offers lists what a variable offers for the month.
func offers(t *testing.T, v dashboards.Variable) []string {
	t.Helper()
	if q, ok := v.Query.(dashboards.VariableQuery); ok && q.Variable == "sql" {
		return texts(t, ask(t, sql(q.SQL), month, nil), "__value")
	}
	return values(t, v.Name, month)
}

// Every query of every dashboard runs, says nothing unexpected, has the shape that
// its panel shows, and rows with one of the choices at least.
func TestPanels(t *testing.T) {
	for _, d := range dashboards.All() {
		t.Run(d.UID, func(t *testing.T) {
			chosen := choices(t, d)
			for _, p := range panels(d) {
				t.Run(fmt.Sprintf("%d %s", p.ID, p.Title), func(t *testing.T) { panel(t, p, chosen) })
			}
			for _, a := range d.Annotations.List {
				t.Run("annotation "+a.Name, func(t *testing.T) {
					some(t, chosen, func(s selection) int { return annotation(t, a, s) })
				})
			}
			for _, v := range d.Templating.List {
				if v.Type == "query" {
					t.Run("variable "+v.Name, func(t *testing.T) { variable(t, v, chosen[0]) })
				}
			}
		})
	}
}

func panels(d dashboards.Dashboard) []dashboards.Panel {
	var out []dashboards.Panel
	for _, p := range d.Panels {
		if p.Type != "row" {
			out = append(out, p)
		}
		out = append(out, p.Panels...)
	}
	return out
}

func panel(t *testing.T, p dashboards.Panel, chosen []selection) {
	spans := []span{week, oneDay, month} // the first only with what the dashboard shows first
	some(t, chosen, func(s selection) int {
		rows := 0
		defer func() { spans = []span{month} }()
		for _, q := range p.Targets {
			for _, over := range spans {
				begin := time.Now()
				f := ask(t, q, over, s)
				t.Logf("%d rows in %d ms over %s", f.Rows(), time.Since(begin).Milliseconds(), over.to.Sub(over.from))
				expected(t, f)
				if f.Rows() > 0 {
					shape(t, p, f)
					columns(t, p, f)
				}
				rows += f.Rows()
			}
		}
		return rows
	})
}

// some wants rows with one of the choices at least.
func some(t *testing.T, chosen []selection, rows func(selection) int) {
	t.Helper()
	sum := 0
	for _, s := range chosen {
		sum += rows(s)
	}
	if sum == 0 {
		t.Error("no rows, whatever is chosen")
	}
}

// expected refuses all notices but those that are true of the sample: it has gaps,
// and begins a minute after midnight.
func expected(t *testing.T, f *data.Frame) {
	t.Helper()
	if f.Meta == nil {
		return
	}
	for _, n := range f.Meta.Notices {
		if !strings.HasPrefix(n.Text, "The logs are not complete in this range: ") && !strings.HasPrefix(n.Text, "The range starts before the first event, ") {
			t.Errorf("it has the notice %q", n.Text)
		}
	}
}

// shape is what the panel can show.
func shape(t *testing.T, p dashboards.Panel, f *data.Frame) {
	t.Helper()
	kinds := map[string]int{}
	for _, field := range f.Fields {
		switch {
		case field.Type().Time():
			kinds["time"]++
		case field.Type().Numeric():
			kinds["number"]++
		default:
			kinds["text"]++
		}
	}
	wrong := false
	switch p.Type {
	case "stat":
		wrong = len(p.Transformations) == 0 && f.Rows() != 1
	case "timeseries":
		wrong = kinds["time"] != 1 || kinds["number"] == 0 || kinds["text"] > 0 || f.Meta.Type != data.FrameTypeTimeSeriesWide && f.Meta.Type != data.FrameTypeTimeSeriesMulti
	case "state-timeline":
		wrong = kinds["time"] != 1 || kinds["text"]+kinds["number"] == 0
	}
	if wrong {
		t.Errorf("a panel of the type %s cannot show %d rows with columns of %v", p.Type, f.Rows(), kinds)
	}
}

// columns are named in overrides and links only when the result has them.
func columns(t *testing.T, p dashboards.Panel, f *data.Frame) {
	t.Helper()
	if p.Type != "table" {
		return
	}
	has := map[string]bool{}
	for _, field := range f.Fields {
		has[field.Name] = true
	}
	for _, o := range p.FieldConfig.Overrides {
		if name, ok := o.Matcher.Options.(string); ok && o.Matcher.ID == "byName" && !has[name] {
			t.Errorf("it says how to show the column %s, which the result does not have: %v", name, slices.Sorted(maps.Keys(has)))
		}
		for _, property := range o.Properties {
			links, ok := property.Value.([]dashboards.Link)
			if !ok {
				continue
			}
			for _, l := range links {
				for _, part := range strings.Split(l.URL, "${__data.fields.")[1:] {
					if name, _, _ := strings.Cut(part, ":"); !has[name] {
						t.Errorf("the link %q uses the column %s, which the result does not have", l.Title, name)
					}
				}
			}
		}
	}
}

func annotation(t *testing.T, a dashboards.Annotation, s selection) int {
	f := ask(t, a.Target, month, s)
	expected(t, f)
	if f.Rows() == 0 {
		return 0
	}
	for _, name := range []string{"time", "title"} {
		if field, _ := f.FieldByName(name); field == nil {
			t.Errorf("it has no column %s", name)
		}
	}
	return f.Rows()
}

func variable(t *testing.T, v dashboards.Variable, _ selection) {
	if len(offers(t, v)) == 0 {
		t.Error("it offers nothing")
	}
}
