package dashboards_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/grafana-plugin/dashboards"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/plugin"
)

const files = "../src/dashboards"

// panels returns the panels of a dashboard, those in rows too.
func panels(d dashboards.Dashboard) []dashboards.Panel {
	var out []dashboards.Panel
	for _, p := range d.Panels {
		out = append(out, p)
		out = append(out, p.Panels...)
	}
	return out
}

// The files are what the code writes.
func TestFiles(t *testing.T) {
	want := map[string]bool{}
	for _, d := range dashboards.All() {
		want[d.File()] = true
		raw, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(filepath.Join(files, d.File()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw, file) {
			t.Errorf("%s is not what the code writes: run make generate", d.File())
		}
	}
	found, err := filepath.Glob(filepath.Join(files, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !want[filepath.Base(f)] {
			t.Errorf("nothing writes %s", f)
		}
	}
}

// plugin.json includes each dashboard, or Grafana does not offer it.
func TestIncludes(t *testing.T) {
	raw, err := os.ReadFile("../src/plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		ID       string
		Includes []struct{ Type, Name, Path string }
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, i := range manifest.Includes {
		if i.Type == "dashboard" {
			got[i.Path] = i.Name
		}
	}
	for _, d := range dashboards.All() {
		if name := got["dashboards/"+d.File()]; name != d.Title {
			t.Errorf("plugin.json includes dashboards/%s as %q, want %q", d.File(), name, d.Title)
		}
		delete(got, "dashboards/"+d.File())
	}
	if len(got) > 0 {
		t.Errorf("plugin.json includes dashboards that there are not: %v", got)
	}
}

func TestDashboards(t *testing.T) {
	uids := map[string]dashboards.Dashboard{}
	for _, d := range dashboards.All() {
		if uids[d.UID].UID != "" {
			t.Errorf("two dashboards have the uid %s", d.UID)
		}
		uids[d.UID] = d
	}
	for _, d := range dashboards.All() {
		t.Run(d.UID, func(t *testing.T) { lint(t, d, uids) })
	}
}

func lint(t *testing.T, d dashboards.Dashboard, all map[string]dashboards.Dashboard) {
	if !strings.HasPrefix(d.UID, "kmstrail-") || !slices.Contains(d.Tags, "kmstrail") || d.SchemaVersion != 42 {
		t.Error("uid, tag or schema version are not those of the others")
	}
	if d.Description == "" {
		t.Error("it has no description")
	}
	if len(d.Templating.List) == 0 || d.Templating.List[0].Name != "ds" || d.Templating.List[0].Query != "kmstrail-kms-datasource" {
		t.Error("its first variable is not ds, the data source")
	}
	for _, v := range d.Templating.List {
		if v.Label == "" {
			t.Errorf("variable %s has no label", v.Name)
		}
		if v.Type != "datasource" && (v.Datasource == nil || v.Datasource.UID != "${ds}") {
			t.Errorf("variable %s is not of the data source ${ds}", v.Name)
		}
	}
	for _, a := range d.Annotations.List {
		if a.Datasource.UID != "${ds}" {
			t.Errorf("annotation %s is not of the data source ${ds}", a.Name)
		}
		lintQuery(t, a.Name, a.Target)
	}
	ids := map[int]bool{}
	for _, p := range panels(d) {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q: its id %d is not its own", p.Title, p.ID)
		}
		ids[p.ID] = true
		lintPanel(t, p)
	}
	lintPlaces(t, d)
	lintText(t, d, all)
}

func lintPanel(t *testing.T, p dashboards.Panel) {
	name := fmt.Sprintf("panel %q", p.Title)
	switch {
	case p.Title == "":
		t.Errorf("panel %d has no title", p.ID)
	case p.Type == "row":
		if p.Collapsed != (len(p.Panels) > 0) {
			t.Errorf("%s: panels are in rows that are shut, and only there", name)
		}
		return
	case p.Description == "" || !strings.HasSuffix(p.Description, "."):
		t.Errorf("%s: what it says, and what to do about it, is not in its description", name)
	case p.FieldConfig == nil || p.FieldConfig.Defaults.NoValue == "":
		t.Errorf("%s does not say why it is empty when it is", name)
	case p.FieldConfig.Defaults.Unit == "" && !slices.Contains([]string{"table", "logs", "state-timeline"}, p.Type):
		t.Errorf("%s has no unit", name)
	case len(p.Targets) == 0:
		t.Errorf("%s asks nothing", name)
	}
	for _, q := range p.Targets {
		lintQuery(t, name, q)
	}
}

func lintQuery(t *testing.T, name string, q dashboards.Query) {
	if q.Datasource.UID != "${ds}" || q.RefID == "" {
		t.Errorf("%s: a query is not of the data source ${ds}, or has no refId", name)
	}
	raw, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plugin.ParseQuery(raw); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	for _, m := range append(filterMacro.FindAllStringSubmatch(q.SQL, -1), otherFilter.FindAllStringSubmatch(q.SQL, -1)...) {
		if !slices.Contains(q.Uses, "${"+m[1]+"}") {
			t.Errorf("%s: Grafana does not know that it uses the variable %s", name, m[1])
		}
	}
	if m := regexp.MustCompile(`\b(kms_events|kms_calls|related_events|encryption_context|context_resources|quota_calls)\b`).FindString(q.SQL); m != "" {
		if !strings.Contains(strings.ToLower(name), "raw") {
			t.Errorf("%s reads %s: it is not called raw", name, m)
		}
		if !strings.Contains(q.SQL, "LIMIT") || !strings.Contains(q.SQL, "$__timeFilter") {
			t.Errorf("%s reads %s without range and limit", name, m)
		}
	}
}

// lintPlaces finds panels on top of each other. Those in shut rows lie where they
// are when theirs is the only one that is open.
func lintPlaces(t *testing.T, d dashboards.Dashboard) {
	check := func(list []dashboards.Panel) {
		for i, p := range list {
			a := p.GridPos
			if a.X < 0 || a.X+a.W > 24 || a.W < 1 || a.H < 1 {
				t.Errorf("panel %q does not lie in the grid: %+v", p.Title, a)
			}
			for _, o := range list[:i] {
				b := o.GridPos
				if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
					t.Errorf("panels %q and %q lie on each other", o.Title, p.Title)
				}
			}
		}
	}
	check(d.Panels)
	for _, p := range d.Panels {
		check(p.Panels)
	}
}

var (
	variableUse = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(?:[:.}])|"\$([a-z_]+)"|\$__filter\([^,()]+, *([a-z_]+)`)
	filterMacro = regexp.MustCompile(`\$__(account|region|key|principal)Filter\([^,()]+\)`)
	otherFilter = regexp.MustCompile(`\$__filter\(.*?, *([a-z_]+)(?:, *'[^']*')?\)`)
	accountID   = regexp.MustCompile(`\b\d{12}\b`)
	link        = regexp.MustCompile(`^/d/([a-z-]+)\?(.*)$`)
)

// lintText looks at the file as a whole: variables that there are not, links that
// lead nowhere, ids of accounts.
func lintText(t *testing.T, d dashboards.Dashboard, all map[string]dashboards.Dashboard) {
	raw, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	has := func(d dashboards.Dashboard, name string) bool {
		return slices.ContainsFunc(d.Templating.List, func(v dashboards.Variable) bool { return v.Name == name })
	}
	for _, m := range variableUse.FindAllStringSubmatch(string(raw), -1) {
		name := m[1] + m[2] + m[3]
		if !strings.HasPrefix(name, "__") && !has(d, name) {
			t.Errorf("it uses the variable %s, which it does not have: %s", name, m[0])
		}
	}
	for _, m := range filterMacro.FindAllStringSubmatch(string(raw), -1) {
		if !has(d, m[1]) {
			t.Errorf("%s: it has no variable %s", m[0], m[1])
		}
	}
	if id := accountID.FindString(string(raw)); id != "" {
		t.Errorf("it has the account id %s in it", id)
	}
	for _, u := range urls(d) {
		m := link.FindStringSubmatch(u)
		if m == nil {
			if !strings.HasPrefix(u, "/explore?schemaVersion=1&panes=") {
				t.Errorf("the link %s leads neither to a dashboard nor to Explore", u)
			}
			continue
		}
		target, ok := all[m[1]]
		if !ok {
			t.Errorf("the link %s leads to no dashboard of ours", u)
			continue
		}
		if !strings.Contains(m[2], "${__url_time_range}") || !strings.Contains(m[2], "${ds:queryparam}") {
			t.Errorf("the link %s does not keep the range and the data source", u)
		}
		for _, part := range strings.Split(m[2], "&") {
			name := strings.TrimPrefix(strings.SplitN(part, "=", 2)[0], "var-")
			if strings.HasPrefix(part, "${") {
				name = strings.Trim(strings.SplitN(part, ":", 2)[0], "${}")
			}
			if _, err := url.QueryUnescape(name); err != nil || !strings.HasPrefix(name, "__") && !has(target, name) {
				t.Errorf("the link %s sets the variable %s, which %s does not have", u, name, target.UID)
			}
		}
	}
}

// urls are the links of a dashboard's panels and columns.
func urls(d dashboards.Dashboard) []string {
	var out []string
	add := func(links []dashboards.Link) {
		for _, l := range links {
			out = append(out, l.URL)
		}
	}
	for _, p := range panels(d) {
		add(p.Links)
		if p.FieldConfig == nil {
			continue
		}
		add(p.FieldConfig.Defaults.Links)
		for _, o := range p.FieldConfig.Overrides {
			for _, property := range o.Properties {
				if links, ok := property.Value.([]dashboards.Link); ok {
					add(links)
				}
			}
		}
	}
	return out
}
