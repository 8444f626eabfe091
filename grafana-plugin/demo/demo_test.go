package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/grafana-plugin/harness/server"
	"github.com/kmstrail/kmstrail/sampledata"
)

var october = time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC)

// sample is a demo as it is when Grafana is set up.
func sample(t *testing.T) *demo {
	t.Helper()
	return &demo{
		options:      options{deploy: filepath.Join("..", "..", "deploy", "grafana")},
		surroundings: surroundings{getenv: func(string) string { return "" }},
		server:       &server.Server{Address: "grpc://127.0.0.1:8815", Token: "kmst_token"},
		truth: sampledata.Truth{
			Start: october, End: october.AddDate(0, 0, 30), LastEvent: october.AddDate(0, 0, 29),
			Findings: []sampledata.Finding{{Scenario: "pending-orders-batch", LastSeen: october.AddDate(0, 0, 7)}},
		},
		hook: "http://127.0.0.1:1/", out: io.Discard, tmp: t.TempDir(),
	}
}

func TestChoose(t *testing.T) {
	type programs map[string]string // program, what it prints; "-" fails
	home := t.TempDir()
	if err := put(filepath.Join(home, "conf", "defaults.ini"), nil); err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(home, "bin", "grafana")
	for _, c := range []struct {
		name     string
		env      map[string]string
		goos     string
		programs programs
		want     string // of the way
		says     string // among the reasons
		err      string
	}{
		{name: "nothing is there", want: "Harness", says: "no docker in PATH"},
		{name: "url", env: map[string]string{"GRAFANA_URL": "http://127.0.0.1:1"}, programs: programs{"grafana": "grafana version 12.4.0"}, want: "Grafana", says: "GRAFANA_URL"},
		{name: "home", env: map[string]string{"GRAFANA_HOME": home}, programs: programs{"grafana": "grafana version 13.2.3 (commit)"}, want: "Grafana", says: "Grafana 13.2.3 of GRAFANA_HOME"},
		{name: "home without Grafana", env: map[string]string{"GRAFANA_HOME": home}, err: "GRAFANA_HOME"},
		{name: "home too old", env: map[string]string{"GRAFANA_HOME": home}, programs: programs{"grafana": "grafana version 12.3.9"}, err: "needs 12.4 or newer"},
		{name: "path", programs: programs{"grafana": "grafana version 12.4.0"}, want: "Grafana", says: "Grafana 12.4.0"},
		{name: "path too old", programs: programs{"grafana": "Version 11.6.1"}, want: "Harness", says: "is Grafana 11.6.1; the plugin needs"},
		{name: "docker", programs: programs{"docker": "28.2.2"}, want: "Grafana", says: "Docker, with the image grafana/grafana:"},
		{name: "docker image", env: map[string]string{"GRAFANA_IMAGE": "grafana/grafana:12.4.0"}, programs: programs{"docker": "28.2.2"}, want: "Grafana", says: "grafana:12.4.0"},
		{name: "docker does not run", programs: programs{"docker": "-"}, want: "Harness", says: "Docker does not answer"},
		{name: "docker elsewhere", goos: "darwin", programs: programs{"docker": "28.2.2"}, want: "Harness", says: "a machine of its own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := surroundings{
				getenv: func(name string) string { return c.env[name] },
				goos:   "linux",
				find: func(name string) (string, error) {
					if _, ok := c.programs[name]; !ok {
						return "", errors.New("not found")
					}
					return installed, nil
				},
				run: func(_ context.Context, _ []string, program string, _ ...string) (string, error) {
					out := c.programs[filepath.Base(program)]
					if out == "" || out == "-" {
						return "", errors.New(program + " fails")
					}
					return out, nil
				},
			}
			if c.goos != "" {
				s.goos = c.goos
			}
			w, why, err := s.choose(t.Context())
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %v, want an error with %q", err, c.err)
				}
				return
			}
			if err != nil || w.name != c.want || !strings.Contains(strings.Join(why, "\n"), c.says) {
				t.Errorf("got %q because %q, %v; want %q because of %q", w.name, why, err, c.want, c.says)
			}
		})
	}
}

func TestProvision(t *testing.T) {
	d := sample(t)
	now := time.Now()
	p, err := d.provision(now)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := p.write(dir, "/seen"); err != nil {
		t.Fatal(err)
	}
	text := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, want := range map[string][]string{
		"datasources/kmstrail.yaml":    {`"url":"grpc://127.0.0.1:8815"`, `"token":"kmst_token"`, `"uid":"kmstrail"`},
		"dashboards/kmstrail.yaml":     {`"path":"/seen/json"`},
		"alerting/contact-points.yaml": {`"url":"http://127.0.0.1:1/"`},
		"alerting/templates.yaml":      {`kmstrail.message`},
		"json/overview.json":           {`"from": "2026-10-02T00:00:00Z"`, `"to": "2026-11-01T00:00:00Z"`},
		"json/coverage.json":           {`"uid": "kmstrail-coverage"`},
	} {
		for _, w := range want {
			if !strings.Contains(text(name), w) {
				t.Errorf("%s does not have %s", name, w)
			}
		}
	}
	// Nothing leads off this machine.
	for _, name := range []string{"datasources/kmstrail.yaml", "alerting/contact-points.yaml"} {
		if strings.Contains(text(name), "tlsCACert") || strings.Contains(text(name), "example.com") {
			t.Errorf("%s is that of a deployment: %s", name, text(name))
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				UID  string
				Data []struct {
					RelativeTimeRange struct{ From, To int64 }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text("alerting/rules.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	if len(rules.Groups) != 1 || len(rules.Groups[0].Rules) < 8 {
		t.Fatalf("not all rules: %+v", rules)
	}
	seen := now.Add(-time.Duration(rules.Groups[0].Rules[0].Data[0].RelativeTimeRange.To) * time.Second)
	if got := seen.Sub(d.truth.Findings[0].LastSeen); got < 0 || got > 2*time.Minute {
		t.Errorf("rules look back from %s, not from the incident at %s", seen, d.truth.Findings[0].LastSeen)
	}
	for _, r := range rules.Groups[0].Rules {
		if span := r.Data[0].RelativeTimeRange; span.From <= span.To || (r.UID == "kmstrail-detector") != (span.To == 0) {
			t.Errorf("%s looks from %d to %d seconds back", r.UID, span.From, span.To)
		}
	}
}

// foreign is a Grafana of somebody else: it keeps what is made, by path.
type foreign struct {
	made  []string
	there []string // that is refused as being there
	has   []string // paths of what is there
}

func (f *foreign) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	user, password, _ := r.BasicAuth()
	switch what := r.Method + " " + r.URL.Path; {
	case user != "admin" || password != "admin":
		w.WriteHeader(http.StatusUnauthorized)
	case slices.Contains(f.there, what):
		w.WriteHeader(http.StatusConflict)
	case slices.Contains(f.has, r.URL.Path):
	case r.Method == http.MethodGet && (strings.Contains(r.URL.Path, "/templates/") || strings.Contains(r.URL.Path, "/dashboards/uid/")):
		w.WriteHeader(http.StatusNotFound)
		return
	case r.Method != http.MethodGet:
		if board, ok := body["dashboard"].(map[string]any); ok {
			what += " " + fmt.Sprint(board["uid"])
		}
		f.made = append(f.made, what)
	}
	_, _ = io.WriteString(w, `{"message":"well"}`)
}

func TestRemote(t *testing.T) {
	f := new(foreign)
	grafana := httptest.NewServer(f)
	defer grafana.Close()
	d := sample(t)
	p, err := remote(grafana.URL+"/")(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if want := grafana.URL + "/d/kmstrail-overview?var-ds=kmstrail-demo&from=1790899200000&to=1793491200000"; p.url != want {
		t.Errorf("got %s, want %s", p.url, want)
	}
	for _, want := range []string{
		"POST /api/datasources", "POST /api/folders", "POST /api/dashboards/db kmstrail-overview", "POST /api/dashboards/db kmstrail-coverage",
		"PUT /api/v1/provisioning/templates/kmstrail", "POST /api/v1/provisioning/contact-points", "POST /api/v1/provisioning/alert-rules",
	} {
		if !slices.Contains(f.made, want) {
			t.Errorf("nothing asked for %s: %q", want, f.made)
		}
	}
	f.made = nil
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	// A contact point goes after the rules that name it.
	var last []string
	for _, m := range f.made {
		if !strings.Contains(m, "/alert-rules/") {
			last = append(last, m)
		}
	}
	want := []string{
		"DELETE /api/v1/provisioning/contact-points/kmstrail-demo", "DELETE /api/v1/provisioning/templates/kmstrail",
		"DELETE /api/folders/kmstrail-demo", "DELETE /api/datasources/uid/kmstrail-demo",
	}
	if !slices.Equal(last, want) || len(f.made)-len(last) != 8 {
		t.Errorf("left by %q, want rules and then %q", f.made, want)
	}
}

// What somebody else has is neither changed nor removed.
func TestRemote_there(t *testing.T) {
	f := &foreign{there: []string{"POST /api/folders"}, has: []string{"/api/dashboards/uid/kmstrail-key"}}
	grafana := httptest.NewServer(f)
	defer grafana.Close()
	d := sample(t)
	var out bytes.Buffer
	d.out = &out
	p, err := remote(grafana.URL)(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(f.made, "DELETE /api/folders/kmstrail-demo") {
		t.Errorf("removed what was there: %q", f.made)
	}
	if slices.Contains(f.made, "POST /api/dashboards/db kmstrail-key") || !slices.Contains(f.made, "POST /api/dashboards/db kmstrail-quota") {
		t.Errorf("a dashboard that was there: %q", f.made)
	}
	for _, want := range []string{"the folder is there already", "the dashboard KMS key is there already"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q: %s", want, &out)
		}
	}
}

// A Grafana that refuses half way is left as it was.
func TestRemote_refused(t *testing.T) {
	var undone []string
	grafana := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			undone = append(undone, r.URL.Path)
		case r.URL.Path == "/api/folders":
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"message":"no permission"}`)
			return
		}
		_, _ = io.WriteString(w, `{}`)
	}))
	defer grafana.Close()
	_, err := remote(grafana.URL)(t.Context(), sample(t))
	if err == nil || !strings.Contains(err.Error(), "no permission") {
		t.Errorf("got %v, want what Grafana says", err)
	}
	if !slices.Equal(undone, []string{"/api/datasources/uid/kmstrail-demo"}) {
		t.Errorf("undone: %q", undone)
	}
}

func TestNotified(t *testing.T) {
	var out bytes.Buffer
	h := notified(&out)
	for _, c := range []struct{ body, want string }{
		{`{"title":"KMS: Denied","message":"\n[medium] role\u001b[2J\nSince"}`, `notification: "KMS: Denied": "[medium] role\x1b[2J"` + "\n"},
		{`nonsense`, ""},
	} {
		out.Reset()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body)))
		if out.String() != c.want {
			t.Errorf("got %q, want %q", &out, c.want)
		}
	}
}

func TestCommand(t *testing.T) {
	if _, err := command(t.Context(), nil, "sh", "-c", "echo wrong >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v, want what the program says", err)
	}
	out, err := command(t.Context(), []string{"SAMPLE=value"}, "sh", "-c", "echo $SAMPLE")
	if err != nil || out != "value\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// A program that is stopped ends; one that ends by itself is told of, and can be
// stopped all the same.
func TestProcess(t *testing.T) {
	for _, c := range []struct {
		script, says string
	}{
		{"exec sleep 600", ""},
		{"exit 3", "exit status 3"},
		{"exit 0", "exit status 0"},
	} {
		p, err := start(exec.Command("sh", "-c", c.script), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if c.says == "" {
			cancel()
		}
		if err := (page{process: p}).wait(ctx); (err == nil) != (c.says == "") || err != nil && err.Error() != c.says {
			t.Errorf("%s: got %v, want %q", c.script, err, c.says)
		}
		cancel()
		if err := p.stop(); err != nil {
			t.Errorf("%s: %v", c.script, err)
		}
		<-p.ended
	}
}
