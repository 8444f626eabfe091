package check

import (
	"encoding/json"
	"io/fs"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// metadata is plugin.json. It has all properties that Grafana's schema knows and
// that a datasource of ours may have: any other is a mistake.
type metadata struct {
	Schema                   string `json:"$schema"`
	Type, Name, ID, Category string
	Executable               string
	Metrics, Logs            bool
	Annotations, Alerting    bool
	Backend                  bool
	Streaming, Tracing       bool
	MultiValueFilterOperator bool            `json:"multiValueFilterOperators"`
	QueryOptions             map[string]bool `json:"queryOptions"`
	Includes                 []include
	// BuildMode is written by the build: a plugin for development is slow and large.
	BuildMode    string
	Info         info
	Dependencies struct {
		GrafanaDependency string
		Plugins           []json.RawMessage
	}
}

type include struct{ Type, Name, Path, Role, UID string }

type info struct {
	Description      string
	Author           struct{ Name, URL, Email string }
	Keywords         []string
	Logos            struct{ Small, Large string }
	Links            []struct{ Name, URL string }
	Screenshots      []struct{ Name, Path string }
	Version, Updated string
}

var (
	idPattern      = regexp.MustCompile(`^[0-9a-z]+-([0-9a-z]+-)?datasource$`)
	versionPattern = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9a-z.]+)?$`)
	// From one version on: the plugin is written for what there will be too.
	rangePattern = regexp.MustCompile(`^>=\d+\.\d+\.\d+(-0)?$`)
	placeholder  = regexp.MustCompile(`%[A-Z_]+%`)
	// categories are those of Grafana's list of new datasources.
	categories = map[string]bool{"tsdb": true, "logging": true, "cloud": true, "tracing": true, "profiling": true, "sql": true, "enterprise": true, "iot": true, "other": true}
)

// readMetadata reads plugin.json, with what is wrong with it.
func readMetadata(dist fs.FS, o Options, p *problems) metadata {
	var m metadata
	text := readFile(dist, "plugin.json", p)
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		p.add("plugin.json: %v", err)
		return m
	}
	if found := placeholder.FindString(text); found != "" {
		p.add("plugin.json: %s was not filled in", found)
	}
	m.check(p)
	m.Info.check(o, p)
	return m
}

func (m metadata) check(p *problems) {
	if m.Type != "datasource" || !idPattern.MatchString(m.ID) {
		p.add("plugin.json: the id %q must end with the type, %q", m.ID, m.Type)
	}
	if m.Name == "" || m.Name == m.ID {
		p.add("plugin.json: %q is no name for people", m.Name)
	}
	if m.Backend != (m.Executable != "") || m.Alerting && !m.Backend {
		p.add("plugin.json: a backend needs an executable, alerting a backend")
	}
	if !m.Metrics {
		p.add("plugin.json: metrics is not set: panels would not offer the datasource")
	}
	if m.BuildMode != "production" {
		p.add("plugin.json: the frontend was built for %q", m.BuildMode)
	}
	if m.Category != "" && !categories[m.Category] {
		p.add("plugin.json: Grafana has no category %q", m.Category)
	}
	if !rangePattern.MatchString(m.Dependencies.GrafanaDependency) {
		p.add("plugin.json: grafanaDependency %q should be a version and all after it", m.Dependencies.GrafanaDependency)
	}
	for _, i := range m.Includes {
		if i.Type != "dashboard" || i.Name == "" || !strings.HasSuffix(i.Path, ".json") {
			p.add("plugin.json: include %+v is no dashboard", i)
		}
	}
}

func (i info) check(o Options, p *problems) {
	if n := len(i.Description); n < 20 || n > 250 || strings.Count(i.Description, ". ") > 1 {
		p.add("plugin.json: the description should have one or two sentences")
	}
	if i.Author.Name == "" || len(i.Keywords) < 3 || len(i.Links) == 0 {
		p.add("plugin.json: author, keywords and links are what it is found by")
	}
	for _, l := range i.Links {
		if u, err := url.Parse(l.URL); err != nil || u.Scheme != "https" || u.Host == "" || l.Name == "" {
			p.add("plugin.json: link %q leads to %q", l.Name, l.URL)
		}
	}
	if !versionPattern.MatchString(i.Version) || i.Version != o.Version {
		p.add("plugin.json: the version is %q, in package.json %q", i.Version, o.Version)
	}
	if _, err := time.Parse(time.DateOnly, i.Updated); err != nil {
		p.add("plugin.json: updated %q is no date", i.Updated)
	}
}
