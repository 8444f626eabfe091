// Package check holds a built plugin to what Grafana's plugin validator asks of
// it, as far as that can be told without a network: the layout, plugin.json, the
// module, the programs, texts and images. What the validator asks the catalog or
// others for (signature, organisation, links that answer, virus and vulnerability
// scans) is not looked at.
package check

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Options say what a plugin must have.
type Options struct {
	// Platforms are those that it must have programs for, and no others, such as
	// linux/amd64.
	Platforms []string
	// Version is that of package.json.
	Version string
	// Manifest is what go_plugin_build_manifest must say; "" when that is unknown.
	Manifest string
}

// AllPlatforms are those that a release has.
var AllPlatforms = []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}

// problems are collected in sentences, each naming the file.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// Dist returns what is wrong with a plugin's files, as Grafana reads them.
func Dist(dist fs.FS, o Options) []string {
	var p problems
	plugin := readMetadata(dist, o, &p)
	checkFiles(dist, plugin, o, &p)
	checkModule(dist, &p)
	checkPrograms(dist, plugin, o, &p)
	checkTexts(dist, o, &p)
	checkImages(dist, plugin, &p)
	return p
}

// Zip returns what is wrong with the archive of a plugin, which is called name,
// and with what is in it.
func Zip(archive *zip.Reader, name string, o Options) []string {
	var p problems
	var top []string
	for _, f := range archive.File {
		dir, _, _ := strings.Cut(f.Name, "/")
		top = append(top, dir)
		executable := strings.HasPrefix(path.Base(f.Name), "gpx_")
		switch {
		case !fs.ValidPath(strings.TrimSuffix(f.Name, "/")):
			p.add("%s: %q is no path below it", name, f.Name)
		case f.Mode().IsDir():
		case !f.Mode().IsRegular():
			p.add("%s: %s is not a file", name, f.Name)
		case executable && f.Mode().Perm() != 0o755, !executable && f.Mode().Perm() != 0o644:
			p.add("%s: %s has the mode %v", name, f.Name, f.Mode().Perm())
		}
	}
	if top = slices.Compact(slices.Sorted(slices.Values(top))); len(top) != 1 {
		p.add("%s: has %q at the top; the plugin's id must stand there alone", name, top)
		return p
	}
	dist, err := fs.Sub(archive, top[0])
	if err != nil {
		p.add("%s: %v", name, err)
		return p
	}
	plugin := readMetadata(dist, o, new(problems))
	if top[0] != plugin.ID {
		p.add("%s: the folder in it is %s, the plugin's id %s", name, top[0], plugin.ID)
	}
	if want := plugin.ID + "-" + plugin.Info.Version + ".zip"; name != want {
		p.add("%s: should be called %s", name, want)
	}
	return append(p, Dist(dist, o)...)
}

// known are the files that a plugin has; others do not belong into it.
var known = regexp.MustCompile(`^(plugin\.json|module\.js|module\.js\.map|\w[\w.-]*\.js|\w[\w.-]*\.js\.map|README\.md|CHANGELOG\.md|LICENSE|` +
	`go_plugin_build_manifest|gpx_\w+(\.exe)?|img/[\w.-]+\.(svg|png)|dashboards/[\w.-]+\.json|[\w.-]+\.(ttf|woff2|svg|css|LICENSE\.txt))$`)

func checkFiles(dist fs.FS, plugin metadata, o Options, p *problems) {
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !known.MatchString(name) {
			p.add("%s: does not belong into a plugin", name)
		}
		return nil
	})
	if err != nil {
		p.add("%v", err)
	}
	for _, name := range []string{"module.js", "module.js.map", "README.md", "CHANGELOG.md", "LICENSE", "go_plugin_build_manifest"} {
		if text := readFile(dist, name, p); len(text) == 0 {
			p.add("%s: is missing or empty", name)
		} else if name == "go_plugin_build_manifest" && o.Manifest != "" && text != o.Manifest {
			p.add("%s: is of other sources", name)
		}
	}
	for _, i := range plugin.Includes {
		if text := readFile(dist, i.Path, p); !json.Valid([]byte(text)) {
			p.add("%s: the dashboard %q is no JSON", i.Path, i.Name)
		}
	}
}

// readFile returns "" when there is no such file.
func readFile(dist fs.FS, name string, p *problems) string {
	if !fs.ValidPath(name) {
		p.add("plugin.json: %q is no path below the plugin", name)
		return ""
	}
	text, err := fs.ReadFile(dist, name)
	if err != nil {
		return ""
	}
	return string(text)
}
