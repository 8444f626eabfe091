package check_test

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kmstrail/kmstrail/grafana-plugin/check"
)

const pluginJSON = `{
  "type": "datasource", "name": "kmstrail", "id": "kmstrail-kms-datasource", "category": "cloud",
  "metrics": true, "backend": true, "alerting": true, "executable": "gpx_kmstrail", "buildMode": "production",
  "info": {
    "description": "Who uses which key, and from where.", "author": {"name": "The authors"}, "keywords": ["a", "b", "c"],
    "logos": {"small": "img/logo.svg", "large": "img/logo.svg"}, "links": [{"name": "Source", "url": "https://example.com/x"}],
    "screenshots": [], "version": "0.1.0", "updated": "2026-11-22"
  },
  "dependencies": {"grafanaDependency": ">=12.4.0", "plugins": []}
}`

// built is a plugin with nothing wrong but that it has no programs.
func built(t *testing.T) fstest.MapFS {
	t.Helper()
	license, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	dist := fstest.MapFS{}
	for name, text := range map[string]string{
		"plugin.json":   pluginJSON,
		"module.js":     `/* x */define(["react","@grafana/data"],(function(a,b){}))`,
		"module.js.map": `{"sources":["webpack://x/./module.ts"],"sourcesContent":["1"]}`,
		"README.md":     "# kmstrail\n\n[Docs](https://example.com/docs)\n", "CHANGELOG.md": "# Changelog\n\n## 0.1.0\n\nFirst.\n", "LICENSE": string(license),
		"go_plugin_build_manifest": "sum:pkg/main.go\n",
		"img/logo.svg":             `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0"/></svg>`,
	} {
		dist[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return dist
}

var options = check.Options{Version: "0.1.0", Manifest: "sum:pkg/main.go\n"}

func TestDist(t *testing.T) {
	if got := check.Dist(built(t), options); len(got) > 0 {
		t.Errorf("nothing is wrong with it, but: %q", got)
	}
}

// TestDist_wrong: each mistake is found, and nothing else is complained about.
func TestDist_wrong(t *testing.T) {
	for name, c := range map[string]struct {
		file, old, new string
		want           string
	}{
		"no plugin.json":   {"plugin.json", pluginJSON, "", "plugin.json: EOF"},
		"unknown property": {"plugin.json", `"metrics"`, `"metricz"`, `unknown field "metricz"`},
		"id":               {"plugin.json", "kms-datasource", "kms-panel", "must end with the type"},
		"placeholder":      {"plugin.json", "2026-11-22", "%TODAY%", "%TODAY% was not filled in"},
		"date":             {"plugin.json", "2026-11-22", "22.11.2026", "is no date"},
		"version":          {"plugin.json", "0.1.0", "0.2.0", `the version is "0.2.0", in package.json "0.1.0"`},
		"name":             {"plugin.json", `"name": "kmstrail"`, `"name": "kmstrail-kms-datasource"`, "no name for people"},
		"category":         {"plugin.json", "cloud", "clouds", "no category"},
		"development":      {"plugin.json", "production", "development", "was built for"},
		"no metrics":       {"plugin.json", `"metrics": true`, `"metrics": false`, "metrics is not set"},
		"no executable":    {"plugin.json", `"executable": "gpx_kmstrail",`, `"executable": "",`, "needs an executable"},
		"grafana":          {"plugin.json", ">=12.4.0", "12.x.x", "grafanaDependency"},
		"keywords":         {"plugin.json", `["a", "b", "c"]`, "[]", "found by"},
		"link":             {"plugin.json", "https://example.com/x", "http://example.com/x", "leads to"},
		"logo outside":     {"plugin.json", `"small": "img/logo.svg"`, `"small": "../logo.svg"`, "no path below the plugin"},
		"logo missing":     {"plugin.json", `"small": "img/logo.svg"`, `"small": "img/other.svg"`, "img/other.svg: is missing"},
		"screenshot":       {"plugin.json", `"screenshots": []`, `"screenshots": [{"name": "x", "path": "img/x.png"}]`, "img/x.png: is missing"},
		"dashboard":        {"plugin.json", `"metrics": true`, `"metrics": true, "includes": [{"type": "dashboard", "name": "x", "path": "dashboards/x.json"}]`, "is no JSON"},
		"page":             {"plugin.json", `"metrics": true`, `"metrics": true, "includes": [{"type": "page", "name": "x", "path": "plugin.json"}]`, "is no dashboard"},
		"not AMD":          {"module.js", "define(", "system(", "no AMD module"},
		"own library":      {"module.js", `"react"`, `"leftpad"`, "wants leftpad"},
		"Angular":          {"module.js", "function(a,b){}", "function(a,b){a.QueryCtrl}", "before React"},
		"tracking":         {"module.js", "/* x */", "'https://www.google-analytics.com/a'", "calls google-analytics.com"},
		"no map":           {"module.js.map", `{"sources":["webpack://x/./module.ts"],"sourcesContent":["1"]}`, "", "module.js.map"},
		"map without":      {"module.js.map", `["1"]`, `[]`, "names 1 sources and has 0"},
		"map of machine":   {"module.js.map", "webpack://x/./module.ts", "/somewhere/module.ts", "path of the machine"},
		"template":         {"README.md", "# kmstrail", "# x\n\nThis template is a starting point", "of a template"},
		"jargon":           {"README.md", "# kmstrail", "Run npm install", "for developers"},
		"relative link":    {"README.md", "https://example.com/docs", "docs/x.md", "leads nowhere"},
		"changelog":        {"CHANGELOG.md", "0.1.0", "0.0.9", "does not have 0.1.0"},
		"license":          {"LICENSE", "Apache License", "My License", "not the text of Apache-2.0"},
		"manifest":         {"go_plugin_build_manifest", "sum", "other", "of other sources"},
		"script":           {"img/logo.svg", "<path", "<script/><path", "element script"},
		"handler":          {"img/logo.svg", "<path", `<path onload="x()"`, "attribute onload"},
		"link in picture":  {"img/logo.svg", "<path", `<path fill="url(https://example.com)"`, "attribute fill"},
	} {
		t.Run(name, func(t *testing.T) {
			dist := built(t)
			old := string(dist[c.file].Data)
			if !strings.Contains(old, c.old) {
				t.Fatalf("%s does not have %q", c.file, c.old)
			}
			dist[c.file].Data = []byte(strings.Replace(old, c.old, c.new, 1))
			got := check.Dist(dist, options)
			if !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, c.want) }) {
				t.Errorf("got %q, want one with %q", got, c.want)
			}
		})
	}
}

func TestDist_files(t *testing.T) {
	for _, name := range []string{"standalone.txt", "pid.txt", ".env", "node_modules/x.js", "module.ts", "nested/plugin.json", "img/x.exe"} {
		dist := built(t)
		dist[name] = &fstest.MapFile{Data: []byte("x")}
		if got := check.Dist(dist, options); len(got) == 0 || got[0] != name+": does not belong into a plugin" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	for name := range built(t) {
		dist := built(t)
		delete(dist, name)
		if got := check.Dist(dist, options); len(got) == 0 {
			t.Errorf("%s is not missed", name)
		}
	}
}

func TestDist_programs(t *testing.T) {
	dist := built(t)
	o := options
	o.Platforms = []string{"linux/amd64", "windows/arm64"}
	if got := check.Dist(dist, o); !slices.Equal(got, []string{"gpx_kmstrail_linux_amd64: is missing", "gpx_kmstrail_windows_arm64.exe: is missing"}) {
		t.Errorf("without programs: %q", got)
	}
	// This test's own program is one, but not the plugin's.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dist["gpx_kmstrail_windows_arm64.exe"] = &fstest.MapFile{Data: raw}
	dist["gpx_kmstrail_linux_amd64"] = &fstest.MapFile{Data: []byte("#!/bin/sh\n")}
	dist["gpx_kmstrail_darwin_arm64"] = &fstest.MapFile{Data: raw}
	got := strings.Join(check.Dist(dist, o), "\n")
	for _, want := range []string{
		"gpx_kmstrail_darwin_arm64: is not of the platforms", "gpx_kmstrail_linux_amd64: unrecognized file format",
		"gpx_kmstrail_windows_arm64.exe: was built for", "gpx_kmstrail_windows_arm64.exe: was built without github.com/grafana/grafana-plugin-sdk-go",
		"gpx_kmstrail_windows_arm64.exe: is the program",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

// archive packs files, with the modes they have.
func archive(t *testing.T, top string, files fstest.MapFS) *zip.Reader {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &zip.FileHeader{Name: top + name}
		h.SetMode(files[name].Mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name].Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestZip(t *testing.T) {
	const name, top = "kmstrail-kms-datasource-0.1.0.zip", "kmstrail-kms-datasource/"
	if got := check.Zip(archive(t, top, built(t)), name, options); len(got) > 0 {
		t.Errorf("nothing is wrong with it, but: %q", got)
	}
	for _, c := range []struct {
		name, top, want string
		change          func(fstest.MapFS)
	}{
		{"plugin.zip", top, "should be called " + name, nil},
		{name, "dist/", "the folder in it is dist", nil},
		{name, "", "must stand there alone", nil},
		{name, "../" + top, "is no path below it", nil},
		{name, top, "module.js has the mode -rwxr-xr-x", func(f fstest.MapFS) { f["module.js"].Mode = 0o755 }},
		{name, top, "is not a file", func(f fstest.MapFS) { f["module.js"].Mode = fs.ModeSymlink | 0o777 }},
		{name, top, "gpx_kmstrail_linux_amd64 has the mode -rw-r--r--", func(f fstest.MapFS) {
			f["gpx_kmstrail_linux_amd64"] = &fstest.MapFile{Mode: 0o644}
		}},
	} {
		files := built(t)
		if c.change != nil {
			c.change(files)
		}
		if got := strings.Join(check.Zip(archive(t, c.top, files), c.name, options), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s in %s: got %q, want %q", c.top, c.name, got, c.want)
		}
	}
}

func TestManifest(t *testing.T) {
	got, err := check.Manifest(fstest.MapFS{
		"pkg/main.go": {Data: []byte("a")}, "pkg/a/b.go": {Data: []byte("")}, "node_modules/x.go": {}, "dist/y.go": {}, "src/module.ts": {},
	})
	want := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855:pkg/a/b.go\n" +
		"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb:pkg/main.go\n"
	if err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
}
