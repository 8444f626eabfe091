package live

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// What TestMain makes, once for all tests.
var (
	kmstrail string // the built program
	program  string // the plugin's
	sample   string // directory with kmstrail.yaml, kmstrail.duckdb and the bucket of it
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "kmstrail-plugin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	if err := prepare(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// prepare builds both programs and fills a small store.
func prepare(dir string) error {
	kmstrail, program, sample = filepath.Join(dir, "kmstrail"), filepath.Join(dir, "gpx_kmstrail"), filepath.Join(dir, "demo")
	var all sync.WaitGroup
	var err1, err2 error
	all.Go(func() {
		if err1 = build(kmstrail, "./cmd/kmstrail", "1"); err1 == nil {
			err1 = run(dir, kmstrail, "demo", "--dir", sample, "--scale", "0.02")
		}
	})
	all.Go(func() { err2 = build(program, "./grafana-plugin/pkg", "0") })
	all.Wait()
	return errors.Join(err1, err2)
}

// build builds a package of this module, with or without cgo.
func build(to, pkg, cgo string) error {
	cmd := exec.Command("go", "build", "-tags", "duckdb_arrow", "-o", to, pkg)
	cmd.Dir = filepath.Join("..", "..", "..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	return told(cmd)
}

func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = cleanEnv()
	return told(cmd)
}

// told runs a command; the error has what it printed.
func told(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// cleanEnv is an environment without the configuration of whoever runs the tests.
func cleanEnv(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "TZ=" + os.Getenv("TZ")}, more...)
}
