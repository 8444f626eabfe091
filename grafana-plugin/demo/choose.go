package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// surroundings are what is looked at to find a Grafana.
type surroundings struct {
	getenv func(string) string
	goos   string
	// find looks for a program in PATH and returns its file, links followed.
	find func(name string) (string, error)
	// run runs a program to its end and returns what it prints.
	run func(ctx context.Context, env []string, program string, args ...string) (string, error)
}

// way is one of showing the dashboards.
type way struct {
	name string
	// serves says that it listens on the port of the options.
	serves bool
	show   func(context.Context, *demo) (page, error)
}

// oldest is the first version of Grafana that loads the plugin.
var oldest = [2]int{12, 4}

// choose finds the way: what the environment names, else what is there. It says what
// it found, and why it does not take what comes first. What is named and is not there
// is an error.
func (s surroundings) choose(ctx context.Context) (w way, why []string, err error) {
	if url := s.getenv("GRAFANA_URL"); url != "" {
		return way{name: "Grafana", show: remote(url)}, []string{"a Grafana that runs: GRAFANA_URL is " + url}, nil
	}
	if home := s.getenv("GRAFANA_HOME"); home != "" {
		version, err := s.grafana(ctx, filepath.Join(home, "bin", "grafana"))
		if err != nil {
			return way{}, nil, fmt.Errorf("GRAFANA_HOME: %w", err)
		}
		return local(home, filepath.Join(home, "bin", "grafana")), []string{"Grafana " + version + " of GRAFANA_HOME"}, nil
	}
	why = append(why, "GRAFANA_URL and GRAFANA_HOME are not set")
	w, reason, ok := s.installed(ctx)
	why = append(why, reason)
	if ok {
		return w, why, nil
	}
	w, reason, ok = s.docker(ctx)
	if why = append(why, reason); ok {
		return w, why, nil
	}
	return way{name: "Harness", serves: true, show: harness}, append(why, "so this is the page of grafana-plugin/harness: the dashboards without Grafana"), nil
}

// installed is the Grafana in PATH.
func (s surroundings) installed(ctx context.Context) (w way, why string, ok bool) {
	program, err := s.find("grafana")
	if err != nil {
		return way{}, "no grafana in PATH", false
	}
	version, err := s.grafana(ctx, program)
	if err != nil {
		return way{}, err.Error(), false
	}
	// Packages put the program elsewhere than what belongs to it.
	for _, home := range []string{filepath.Dir(filepath.Dir(program)), "/usr/share/grafana", filepath.Join(filepath.Dir(filepath.Dir(program)), "share", "grafana")} {
		if _, err := os.Stat(filepath.Join(home, "conf", "defaults.ini")); err == nil {
			return local(home, program), fmt.Sprintf("Grafana %s: %s", version, program), true
		}
	}
	return way{}, "nothing says where the files of " + program + " are; set GRAFANA_HOME", false
}

func (s surroundings) docker(ctx context.Context) (w way, why string, ok bool) {
	if _, err := s.find("docker"); err != nil {
		return way{}, "no docker in PATH", false
	}
	if s.goos != "linux" {
		return way{}, "Docker is in a machine of its own here, which does not reach the server on loopback", false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := s.run(ctx, nil, "docker", "info", "--format", "{{.ServerVersion}}"); err != nil {
		return way{}, "Docker does not answer", false
	}
	image := s.getenv("GRAFANA_IMAGE")
	if image == "" {
		image = defaultImage
	}
	return container(image), "Docker, with the image " + image, true
}

var versionText = regexp.MustCompile(`\b(\d+)\.(\d+)\.\d+\S*`)

// grafana returns the version of a program, which must be new enough.
func (s surroundings) grafana(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := s.run(ctx, nil, program, "--version")
	if err != nil {
		return "", err
	}
	m := versionText.FindStringSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("%s does not say which version it is: %q", program, strings.TrimSpace(out))
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major < oldest[0] || major == oldest[0] && minor < oldest[1] {
		return "", fmt.Errorf("%s is Grafana %s; the plugin needs %d.%d or newer", program, m[0], oldest[0], oldest[1])
	}
	return m[0], nil
}

func look(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// free returns an error when the port is taken.
func free(ctx context.Context, port int) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return errors.Join(fmt.Errorf("port %d is taken; choose another one, GRAFANA_PORT=3001", port), err)
	}
	return l.Close()
}
