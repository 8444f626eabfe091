// Command pack builds the backend beside the built frontend, holds the plugin to
// what Grafana's validator asks, and makes the archive of a release. The same
// sources give the same bytes.
//
//	make plugin
package main

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/grafana-plugin/check"
)

// options are the flags.
type options struct {
	folder    string
	platforms []string
	version   string
	zip       string
	made      time.Time
}

func main() {
	var o options
	flag.StringVar(&o.folder, "plugin-folder", "grafana-plugin", "`DIR` with package.json and dist")
	platforms := flag.String("platforms", strings.Join(check.AllPlatforms, ","), "`LIST` of platforms to build programs for, or host")
	flag.StringVar(&o.version, "version", "unknown", "`VERSION` that the programs tell")
	flag.StringVar(&o.zip, "zip", "", "`DIR` to write the archive to, none when empty")
	made := flag.Int64("time", 0, "`SECONDS` since 1970 of the sources: the date of the plugin, and of files in the archive")
	flag.Parse()
	if *platforms == "host" {
		*platforms = runtime.GOOS + "/" + runtime.GOARCH
	}
	o.platforms, o.made = strings.Split(*platforms, ","), time.Unix(*made, 0).UTC()
	if err := pack(o); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(o options) error {
	dist := filepath.Join(o.folder, "dist")
	var pkg struct{ Version string }
	text, err := os.ReadFile(filepath.Join(o.folder, "package.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &pkg); err != nil {
		return fmt.Errorf("read package.json: %w", err)
	}
	if err := build(o); err != nil {
		return err
	}
	manifest, err := check.Manifest(os.DirFS(o.folder))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dist, "go_plugin_build_manifest"), []byte(manifest), 0o644); err != nil {
		return err
	}
	if err := date(filepath.Join(dist, "plugin.json"), o.made); err != nil {
		return err
	}
	want := check.Options{Platforms: o.platforms, Version: pkg.Version, Manifest: manifest}
	if err := wrong(check.Dist(os.DirFS(dist), want)); err != nil || o.zip == "" {
		return err
	}
	return archive(dist, o, want)
}

// build builds a static program for each platform, and removes all others.
func build(o options) error {
	old, err := filepath.Glob(filepath.Join(o.folder, "dist", "gpx_*"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	// What the SDK tells of the plugin.
	info, err := json.Marshal(map[string]any{"time": o.made.UnixMilli(), "pluginID": "kmstrail-kms-datasource", "version": o.version})
	if err != nil {
		return err
	}
	for _, platform := range o.platforms {
		fmt.Println("backend for", platform)
		goos, goarch, _ := strings.Cut(platform, "/")
		args := []string{
			"build", "-trimpath", "-buildvcs=false", "-tags", "arrow_json_stdlib",
			"-ldflags", "-s -w -X '" + buildInfo + "=" + string(info) + "'",
			"-o", filepath.Join(o.folder, "dist", check.Program("gpx_kmstrail", platform)), "./" + filepath.ToSlash(o.folder) + "/pkg",
		}
		cmd := exec.Command("go", args...) //nolint:gosec,noctx // what is built is named by the flags of this program
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build for %s: %w", platform, err)
		}
	}
	return nil
}

// buildInfo is where the SDK looks for it.
const buildInfo = "github.com/grafana/grafana-plugin-sdk-go/build/buildinfo.buildInfoJSON"

func wrong(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return errors.New("the plugin is not as Grafana wants it:\n  " + strings.Join(problems, "\n  "))
}

var updated = regexp.MustCompile(`("updated":\s*)"[^"]*"`)

// date writes the day of the sources in the place of the day of the build.
func date(name string, made time.Time) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, updated.ReplaceAll(text, fmt.Appendf(nil, `${1}"%s"`, made.Format(time.DateOnly))), 0o644)
}

// archive writes ID-VERSION.zip, with all files below ID/, and checks it.
func archive(dist string, o options, want check.Options) (err error) {
	var plugin struct{ ID string }
	text, err := os.ReadFile(filepath.Join(dist, "plugin.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &plugin); err != nil {
		return fmt.Errorf("read plugin.json: %w", err)
	}
	if err := os.MkdirAll(o.zip, 0o755); err != nil {
		return err
	}
	name := filepath.Join(o.zip, plugin.ID+"-"+want.Version+".zip")
	if err := write(name, dist, plugin.ID, o.made); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	r, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := wrong(check.Zip(&r.Reader, filepath.Base(name), want)); err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %.1f MB\n", name, float64(info.Size())/1e6)
	return nil
}

// write adds files in the order of their names, with the same time and modes
// wherever they are made.
func write(name, dist, id string, made time.Time) (err error) {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z := zip.NewWriter(out)
	err = fs.WalkDir(os.DirFS(dist), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return add(z, filepath.Join(dist, path), id+"/"+path, made)
	})
	return errors.Join(err, z.Close())
}

func add(z *zip.Writer, file, name string, made time.Time) error {
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: made}
	header.SetMode(0o644)
	if strings.HasPrefix(filepath.Base(file), "gpx_") {
		header.SetMode(0o755)
	}
	w, err := z.CreateHeader(header)
	if err != nil {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return errors.Join(err, in.Close())
}
