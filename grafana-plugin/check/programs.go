package check

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"io/fs"
	"slices"
	"strings"
)

// sdk is the module whose version Grafana wants to be recent.
const sdk = "github.com/grafana/grafana-plugin-sdk-go"

// checkPrograms looks at the backend: one program for each platform, that runs
// where nothing is installed.
func checkPrograms(dist fs.FS, m metadata, o Options, p *problems) {
	var want []string
	for _, platform := range o.Platforms {
		want = append(want, Program(m.Executable, platform))
	}
	found, err := fs.Glob(dist, "gpx_*")
	if err != nil {
		p.add("%v", err)
	}
	for _, name := range found {
		if !slices.Contains(want, name) {
			p.add("%s: is not of the platforms %v", name, o.Platforms)
		}
	}
	for i, name := range want {
		if !slices.Contains(found, name) {
			p.add("%s: is missing", name)
			continue
		}
		checkProgram(dist, name, o.Platforms[i], p)
	}
}

// Program is the name of the program for a platform that Grafana looks for.
func Program(executable, platform string) string {
	name := executable + "_" + strings.ReplaceAll(platform, "/", "_")
	if strings.HasPrefix(platform, "windows/") {
		name += ".exe"
	}
	return name
}

func checkProgram(dist fs.FS, name, platform string, p *problems) {
	raw := []byte(readFile(dist, name, p))
	built, err := buildinfo.Read(bytes.NewReader(raw))
	if err != nil {
		p.add("%s: %v", name, err)
		return
	}
	settings := make(map[string]string)
	for _, s := range built.Settings {
		settings[s.Key] = s.Value
	}
	if got := settings["GOOS"] + "/" + settings["GOARCH"]; got != platform {
		p.add("%s: was built for %s", name, got)
	}
	if settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" {
		p.add("%s: was built with CGO_ENABLED=%s, -trimpath=%s", name, settings["CGO_ENABLED"], settings["-trimpath"])
	}
	if !strings.HasSuffix(built.Path, "/grafana-plugin/pkg") {
		p.add("%s: is the program %s", name, built.Path)
	}
	uses := false
	for _, d := range built.Deps {
		uses = uses || d.Path == sdk
		if strings.HasPrefix(d.Path, "github.com/duckdb/") {
			p.add("%s: has %s in it", name, d.Path)
		}
	}
	if !uses {
		p.add("%s: was built without %s", name, sdk)
	}
	if strings.HasPrefix(platform, "linux/") {
		checkStatic(raw, name, p)
	}
}

// checkStatic: Grafana's image has no C library that others are linked with.
func checkStatic(raw []byte, name string, p *problems) {
	file, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		p.add("%s: %v", name, err)
		return
	}
	for _, prog := range file.Progs {
		if prog.Type == elf.PT_INTERP || prog.Type == elf.PT_DYNAMIC {
			p.add("%s: is not linked statically", name)
			return
		}
	}
}
