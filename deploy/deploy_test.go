// Package deploy_test holds what lies in deploy/ to the code: a flag, a key, a
// port or a bound that changes there must change here. It links no DuckDB.
package deploy_test

import (
	"encoding/json"
	"fmt"
	goversion "go/version"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/kmstrail/kmstrail/internal/config"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// load reads a configuration from a file, or "", and variables.
func load(t *testing.T, file string, environ ...string) config.Config {
	t.Helper()
	if file == "" {
		file = filepath.Join(t.TempDir(), "kmstrail.yaml")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(config.Options{File: file, Environ: environ})
	if err != nil {
		t.Fatalf("configuration of %s with %q: %v", file, environ, err)
	}
	return cfg
}

// defaultPorts are the ports of the status page and of Flight SQL.
func defaultPorts(t *testing.T) (http, flight string) {
	t.Helper()
	s := config.Defaults().Server
	_, http, err := net.SplitHostPort(s.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	_, flight, err = net.SplitHostPort(s.Flight)
	if err != nil {
		t.Fatal(err)
	}
	return http, flight
}

// checkCommand looks a command line up in docs/cli.md, which is made from the
// program.
func checkCommand(t *testing.T, where string, args []string) {
	t.Helper()
	page := read(t, "../docs/cli.md")
	command := ""
	for i := 0; i < len(args); i++ {
		switch {
		case strings.HasPrefix(args[i], "--"):
			if !strings.Contains(page, "`"+args[i]) && !strings.Contains(page, ", "+args[i]) {
				t.Errorf("%s: docs/cli.md has no flag %s", where, args[i])
			}
			if args[i] == "--config" {
				i++
			}
		case command == "":
			command = args[i]
			if !strings.Contains(page, "\n## kmstrail "+command+"\n") {
				t.Errorf("%s: docs/cli.md has no command %s", where, command)
			}
		}
	}
	if command == "" {
		t.Errorf("%s: no command in %q", where, args)
	}
}

// unit is a unit file: values by key, in order.
func unit(t *testing.T, name string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for line := range strings.Lines(read(t, name)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "[") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Errorf("%s: %q is no setting", name, line)
		}
		out[key] = append(out[key], value)
	}
	return out
}

func TestExampleConfig(t *testing.T) {
	cfg := load(t, "kmstrail.yaml")
	d := config.Defaults()
	if cfg.Server.HTTP != d.Server.HTTP || cfg.Server.Flight != d.Server.Flight {
		t.Errorf("the example listens on %s and %s, the defaults are %s and %s", cfg.Server.HTTP, cfg.Server.Flight, d.Server.HTTP, d.Server.Flight)
	}
	if cfg.Server.Anonymous {
		t.Error("the example answers without tokens")
	}
}

func TestUnit(t *testing.T) {
	u := unit(t, "kmstrail.service")
	cfg := load(t, "kmstrail.yaml")
	one := func(key string) string {
		t.Helper()
		if len(u[key]) != 1 {
			t.Fatalf("%s is set %d times", key, len(u[key]))
		}
		return u[key][0]
	}
	start := strings.Fields(one("ExecStart"))
	checkCommand(t, "ExecStart", start[1:])
	if dir := "/var/lib/" + one("StateDirectory"); filepath.Dir(cfg.DB) != dir {
		t.Errorf("the store is %s, and only %s can be written", cfg.DB, dir)
	}
	// What the server says, systemd must listen to, and wait for.
	if one("Type") != "notify" || !strings.Contains(read(t, "../internal/serve/serve.go"), "SdNotifyReady") {
		t.Error("the server and systemd do not agree on how readiness is told")
	}
	drain := regexp.MustCompile(`drainTime = (\d+) \* time\.Second`).FindStringSubmatch(read(t, "../internal/serve/serve.go"))
	if drain == nil {
		t.Fatal("internal/serve does not say drainTime in seconds any more")
	}
	allowed, err := time.ParseDuration(drain[1] + "s")
	if err != nil {
		t.Fatal(err)
	}
	stop, err := time.ParseDuration(one("TimeoutStopSec"))
	if err != nil || stop < 2*allowed {
		t.Errorf("TimeoutStopSec is %v (%v); the server drains for %v and then closes the store", stop, err, allowed)
	}
	grace, ok := compose(t).Services["kmstrail"].StopGracePeriod, false
	if d, err := time.ParseDuration(grace); err == nil {
		ok = d >= stop
	}
	if !ok {
		t.Errorf("compose gives %s to stop, systemd %v", grace, stop)
	}
	memory, err := config.ParseSize(cfg.Limits.Memory)
	if err != nil {
		t.Fatal(err)
	}
	if most, err := config.ParseSize(one("MemoryMax") + "iB"); err != nil || most < memory+3<<29 {
		t.Errorf("MemoryMax is %d (%v); DuckDB alone may take %d", most, err, memory)
	}
	// The other end of what the server does on its own: exit code 2 is usage.
	if !strings.Contains(read(t, "../cmd/kmstrail/app.go"), "exitUsage       = 2") || one("RestartPreventExitStatus") != "2" {
		t.Error("the exit code for wrong configuration is not the one that systemd does not restart on")
	}
	if user := one("User"); !strings.Contains(read(t, "kmstrail.sysusers"), "\nu "+user+" ") {
		t.Errorf("kmstrail.sysusers does not make user %s", user)
	}
}

// TestUnit_hardened: what must not go unnoticed.
func TestUnit_hardened(t *testing.T) {
	u := unit(t, "kmstrail.service")
	for key, want := range map[string]string{
		"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
		"CapabilityBoundingSet": "", "AmbientCapabilities": "", "MemoryDenyWriteExecute": "yes", "RestrictNamespaces": "yes",
		"RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6", "SystemCallArchitectures": "native", "UMask": "0077",
		"StateDirectoryMode": "0700", "Restart": "on-failure", "MemorySwapMax": "0",
	} {
		if !slices.Equal(u[key], []string{want}) {
			t.Errorf("%s is %q, want %q", key, u[key], want)
		}
	}
	if got := u["SystemCallFilter"]; !slices.Equal(got, []string{"@system-service", "~@privileged @resources"}) {
		t.Errorf("SystemCallFilter is %q", got)
	}
}

func TestDropIns(t *testing.T) {
	names, err := filepath.Glob("kmstrail.service.d/*.conf.example")
	if err != nil || len(names) < 2 {
		t.Fatalf("drop-ins %v, %v", names, err)
	}
	for _, name := range names {
		u := unit(t, name)
		var ours []string
		for _, e := range u["Environment"] {
			if strings.HasPrefix(e, "KMSTRAIL_") {
				ours = append(ours, e)
			}
			// A credential that is used is one that is loaded.
			if _, credential, ok := strings.Cut(e, "=%d/"); ok && !slices.ContainsFunc(u["LoadCredential"], func(l string) bool { return strings.HasPrefix(l, credential+":") }) {
				t.Errorf("%s uses credential %s and does not load it", name, credential)
			}
		}
		load(t, "kmstrail.yaml", ours...)
	}
}

func TestDockerfile(t *testing.T) {
	text := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")
	find := func(pattern string) []string {
		t.Helper()
		m := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("Dockerfile has no %s", pattern)
		}
		return m[1:]
	}
	httpPort, flightPort := defaultPorts(t)
	if got := find(`^EXPOSE (\d+) (\d+)$`); got[0] != httpPort || got[1] != flightPort {
		t.Errorf("EXPOSE %v, the defaults are %s and %s", got, httpPort, flightPort)
	}
	if user := find(`^USER (\d+):\d+$`)[0]; user == "0" {
		t.Error("the server runs as root")
	}
	// The binary needs the libraries of the Debian it was built on, or newer ones.
	code := map[string]string{"bookworm": "12", "trixie": "13"}
	built, runs := find(`^FROM golang:\$\{GO_VERSION\}-(\w+) AS build$`)[0], find(`^FROM gcr\.io/distroless/cc-debian(\d+):nonroot$`)[0]
	if code[built] == "" || runs < code[built] {
		t.Errorf("built on Debian %s, runs on %s", code[built], runs)
	}
	module := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "../go.mod"))
	if len(module) != 2 {
		t.Fatal("go.mod does not say which Go it wants")
	}
	if got := find(`^ARG GO_VERSION=(\S+)$`)[0]; goversion.Compare("go"+got, "go"+module[1]) < 0 || goversion.Lang("go"+got) != goversion.Lang("go"+module[1]) {
		t.Errorf("the image has Go %s, go.mod wants %s", got, module[1])
	}
	if !strings.Contains(read(t, "../Makefile"), "\nbuild: ") || !strings.Contains(text, "make build ") {
		t.Error("the image is not built by make build, which knows the build tag")
	}
	environ := regexp.MustCompile(`(?m)^ENV (KMSTRAIL_\S+=\S+)$`).FindStringSubmatch(text)
	if environ == nil {
		t.Fatal("Dockerfile does not say where the store is")
	}
	volume := find(`^VOLUME (\S+)$`)[0]
	if cfg := load(t, "", environ[1]); filepath.Dir(cfg.DB) != volume {
		t.Errorf("the store is %s, the volume %s", cfg.DB, volume)
	}
	for _, instruction := range []string{`^HEALTHCHECK .*CMD \["/usr/local/bin/kmstrail", (.*)\]$`, `^CMD \[(.*)\]$`} {
		var args []string
		if err := yaml.Unmarshal([]byte("["+find(instruction)[0]+"]"), &args); err != nil {
			t.Fatal(err)
		}
		checkCommand(t, "Dockerfile", args)
	}
}

// composeFile is what the tests look at of compose.yaml. Anchors and other forms
// of the same thing are not used there.
type composeFile struct {
	Services map[string]service        `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
	Networks map[string]map[string]any `yaml:"networks"`
}

type service struct {
	Image           string            `yaml:"image"`
	Command         []string          `yaml:"command"`
	Environment     map[string]string `yaml:"environment"`
	Volumes         []volume          `yaml:"volumes"`
	Ports           []string          `yaml:"ports"`
	Networks        []string          `yaml:"networks"`
	Healthcheck     map[string]any    `yaml:"healthcheck"`
	DependsOn       map[string]any    `yaml:"depends_on"`
	Restart         string            `yaml:"restart"`
	StopGracePeriod string            `yaml:"stop_grace_period"`
	CapDrop         []string          `yaml:"cap_drop"`
	SecurityOpt     []string          `yaml:"security_opt"`
	ReadOnly        bool              `yaml:"read_only"`
}

// volume is what a service sees of a volume or a folder, in the short form
// FROM:TO[:ro] or the long one.
type volume struct {
	From     string `yaml:"source"`
	To       string `yaml:"target"`
	ReadOnly bool   `yaml:"read_only"`
	Bind     struct {
		CreateHostPath *bool `yaml:"create_host_path"`
	} `yaml:"bind"`
}

func (v *volume) UnmarshalYAML(unmarshal func(any) error) error {
	var short string
	if unmarshal(&short) == nil {
		parts := strings.Split(short, ":")
		if len(parts) < 2 {
			return fmt.Errorf("volume %q leads nowhere", short)
		}
		v.From, v.To, v.ReadOnly = parts[0], parts[1], slices.Contains(parts[2:], "ro")
		return nil
	}
	type long volume
	return unmarshal((*long)(v))
}

func compose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) < 3 {
		t.Fatalf("compose.yaml has only %d services", len(c.Services))
	}
	return c
}

func TestCompose(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is published beyond this machine", name, p)
			}
		}
		for _, v := range s.Volumes {
			checkVolume(t, name, c, v)
		}
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: has more rights than it needs", name)
		}
		for needed := range s.DependsOn {
			if _, ok := c.Services[needed]; !ok {
				t.Errorf("%s: depends on %s, which is not there", name, needed)
			}
		}
		// kmstrail's health check is in its image.
		if s.Restart != "" && s.Healthcheck == nil && name != "kmstrail" {
			t.Errorf("%s: nobody asks whether it is well", name)
		}
	}
	if internal, ok := c.Networks["inside"]["internal"].(bool); !ok || !internal || slices.Contains(c.Services["s3"].Networks, "outside") {
		t.Error("the S3 server is reached from outside")
	}
}

func checkVolume(t *testing.T, service string, c composeFile, v volume) {
	t.Helper()
	if !strings.HasPrefix(v.From, ".") {
		if _, named := c.Volumes[v.From]; !named {
			t.Errorf("%s: volume %s is not declared", service, v.From)
		}
		return
	}
	if !v.ReadOnly {
		t.Errorf("%s: may write to %s", service, v.From)
	}
	// A folder that is built is missing in a fresh clone, and compose must say so.
	if create := v.Bind.CreateHostPath; create != nil && !*create {
		return
	}
	if _, err := os.Stat(v.From); err != nil {
		t.Errorf("%s: %v", service, err)
	}
}

func TestCompose_kmstrail(t *testing.T) {
	c := compose(t)
	s := c.Services["kmstrail"]
	checkCommand(t, "compose.yaml", s.Command)
	var environ []string
	for name, value := range s.Environment {
		if strings.HasPrefix(name, "KMSTRAIL_") && name != "KMSTRAIL_CONFIG" {
			environ = append(environ, name+"="+value)
		}
	}
	cfg := load(t, "../sampledata/kmstrail.yaml", environ...)
	if cfg.Server.Anonymous || !s.ReadOnly {
		t.Error("it answers without tokens, or may write to its own image")
	}
	httpPort, flightPort := defaultPorts(t)
	for address, port := range map[string]string{cfg.Server.HTTP: httpPort, cfg.Server.Flight: flightPort} {
		if address != "0.0.0.0:"+port || !slices.Contains(s.Ports, "127.0.0.1:"+port+":"+port) {
			t.Errorf("listens on %s, published are %v, the default port is %s", address, s.Ports, port)
		}
	}
	if bucket, found := strings.CutPrefix(cfg.Ingest.Source, "s3://"); !found ||
		!slices.ContainsFunc(c.Services["s3"].Volumes, func(v volume) bool { return strings.HasSuffix(v.To, "/"+bucket) && v.ReadOnly }) {
		t.Errorf("reads %s, which the S3 server does not have", cfg.Ingest.Source)
	}
	if s.Environment["AWS_SECRET_ACCESS_KEY"] != c.Services["s3"].Environment["ROOT_SECRET_ACCESS_KEY"] ||
		s.Environment["AWS_ACCESS_KEY_ID"] != c.Services["s3"].Environment["ROOT_ACCESS_KEY_ID"] {
		t.Error("reads S3 with other keys than it has")
	}
}

// TestCompose_grafana: Grafana has the plugin, may load it, and the datasource
// asks the service by its name and port and trusts its certificate.
func TestCompose_grafana(t *testing.T) {
	g := compose(t).Services["grafana"]
	var plugin struct{ ID string }
	if err := json.Unmarshal([]byte(read(t, "../grafana-plugin/src/plugin.json")), &plugin); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(g.Volumes, func(v volume) bool {
		return v.From == "../grafana-plugin/dist" && v.To == "/var/lib/grafana/plugins/"+plugin.ID
	}) || g.Environment["GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS"] != plugin.ID {
		t.Errorf("Grafana does not have or may not load %s", plugin.ID)
	}
	var data struct {
		Datasources []struct {
			Type           string            `yaml:"type"`
			URL            string            `yaml:"url"`
			JSONData       map[string]any    `yaml:"jsonData"`
			SecureJSONData map[string]string `yaml:"secureJsonData"`
		} `yaml:"datasources"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "grafana/datasources/kmstrail.yaml")), &data); err != nil || len(data.Datasources) != 1 {
		t.Fatalf("datasources %v, %v", data, err)
	}
	d := data.Datasources[0]
	if _, flightPort := defaultPorts(t); d.Type != plugin.ID || d.URL != "grpc+tls://kmstrail:"+flightPort {
		t.Errorf("the datasource %s asks %s", d.Type, d.URL)
	}
	if _, ok := g.Environment[strings.TrimPrefix(d.SecureJSONData["token"], "$")]; !ok {
		t.Errorf("Grafana does not have the token that the datasource takes: %v", d.SecureJSONData)
	}
	file, ok := strings.CutPrefix(d.SecureJSONData["tlsCACert"], "$__file{")
	trusted, _ := d.JSONData["tlsAuthWithCACert"].(bool)
	if dir := filepath.Dir(file); !ok || !trusted ||
		!slices.ContainsFunc(g.Volumes, func(v volume) bool { return v.To == dir }) {
		t.Errorf("the datasource cannot know the server's certificate: %q", d.SecureJSONData["tlsCACert"])
	}
}

// TestEnvExample: what compose.yaml asks for stands in the example, and no
// secret does.
func TestEnvExample(t *testing.T) {
	example := read(t, ".env.example")
	asked := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{([A-Z0-9_]+)[:}]`).FindAllStringSubmatch(read(t, "compose.yaml"), -1) {
		asked[m[1]] = true
		if !strings.Contains(example, "\n"+m[1]+"=") {
			t.Errorf("deploy/.env.example does not have %s", m[1])
		}
	}
	if len(asked) < 3 {
		t.Errorf("compose.yaml asks for %v only", asked)
	}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z0-9_]+)=`).FindAllStringSubmatch(example, -1) {
		if !asked[m[1]] {
			t.Errorf("nothing asks for %s", m[1])
		}
	}
}

// TestUnit_systemd: systemd understands the unit and its drop-ins, and rates
// what the service may do.
func TestUnit_systemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "kmstrail.service")
	// The program need not be installed here.
	text := strings.Replace(read(t, "kmstrail.service"), "ExecStart=/usr/local/bin/kmstrail ", "ExecStart=/bin/true ", 1)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(name+".d", 0o700); err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("kmstrail.service.d/*.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		dropIn := filepath.Join(name+".d", strings.TrimSuffix(filepath.Base(e), ".example"))
		if err := os.WriteFile(dropIn, []byte(read(t, e)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", name).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// 1.5 of 10; it is 1.2, for the network, which it is there for.
	if out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=15", name).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
