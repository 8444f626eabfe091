package check

import (
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

var (
	// shared are the libraries that Grafana gives to plugins, from 12.3 on.
	shared = map[string]bool{
		"@emotion/css": true, "@grafana/data": true, "@grafana/runtime": true, "@grafana/ui": true,
		"lodash": true, "moment": true, "react": true, "react-dom": true, "react/jsx-runtime": true, "rxjs": true, "module": true,
	}
	dependencies = regexp.MustCompile(`define\(\[([^\]]*)\]`)
	// legacy are marks of plugins for versions with Angular.
	legacy = regexp.MustCompile(`['"]app/(core|plugins|features)/|QueryCtrl\b|\bng-(repeat|model|if)=`)
	// tracking are services that plugins must not call.
	tracking = regexp.MustCompile(`google-analytics\.com|googletagmanager\.com|hotjar\.com|segment\.(io|com)/|mixpanel\.com|fullstory\.com`)
)

// checkModule looks at the code for browsers.
func checkModule(dist fs.FS, p *problems) {
	names, err := fs.Glob(dist, "*.js")
	if err != nil {
		p.add("%v", err)
	}
	for _, name := range names {
		code := readFile(dist, name, p)
		if found := legacy.FindString(code); found != "" {
			p.add("%s: %q is of the platform before React", name, found)
		}
		if found := tracking.FindString(code); found != "" {
			p.add("%s: calls %s", name, found)
		}
		checkMap(dist, name, p)
	}
	list := dependencies.FindStringSubmatch(readFile(dist, "module.js", p))
	if list == nil {
		p.add("module.js: is no AMD module")
		return
	}
	for _, name := range strings.Split(list[1], ",") {
		if name = strings.Trim(name, `'" `); name != "" && !shared[name] {
			p.add("module.js: wants %s, which Grafana does not share", name)
		}
	}
}

// checkMap looks for the sources of code, which reviewers read.
func checkMap(dist fs.FS, name string, p *problems) {
	var m struct {
		Sources        []string
		SourcesContent []string
	}
	if err := json.Unmarshal([]byte(readFile(dist, name+".map", p)), &m); err != nil {
		p.add("%s.map: %v", name, err)
		return
	}
	if len(m.Sources) == 0 || len(m.Sources) != len(m.SourcesContent) {
		p.add("%s.map: names %d sources and has %d", name, len(m.Sources), len(m.SourcesContent))
	}
	for _, s := range m.Sources {
		if path.IsAbs(s) || strings.HasPrefix(s, "file:") {
			p.add("%s.map: %s is a path of the machine that built it", name, s)
		}
	}
}
