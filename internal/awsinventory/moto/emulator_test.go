//go:build moto

package moto

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// patience is how long the emulator may take to start.
const patience = time.Minute

// python returns the folder of programs of a Python that has moto, installed once.
func python(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is not in PATH: install Python 3.10 or newer, with venv (Debian: python3-venv); without it the inventory is not tested against an emulator of AWS")
	}
	list, err := filepath.Abs("testdata/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	cache := os.Getenv("TEST_CLIENTS_CACHE")
	if cache == "" {
		if cache, err = os.UserCacheDir(); err != nil {
			t.Fatalf("find the cache directory: %v; set TEST_CLIENTS_CACHE", err)
		}
		cache = filepath.Join(cache, "kmstrail")
	}
	sum := sha256.Sum256(text)
	dir := filepath.Join(cache, "clients", "moto-"+hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(dir + ".lock")
	if _, err := lock.TryLockContext(t.Context(), 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := os.Stat(filepath.Join(dir, "whole")); err == nil {
		return filepath.Join(dir, "bin")
	}
	if err := install(t.Context(), program, dir, list); err != nil {
		t.Fatalf("install moto: %v", err)
	}
	return filepath.Join(dir, "bin")
}

// install fills dir; it counts only when it is whole.
func install(ctx context.Context, program, dir, list string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, args := range [][]string{
		{program, "-m", "venv", dir},
		{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", list},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
		}
	}
	return os.WriteFile(filepath.Join(dir, "whole"), nil, 0o644)
}

// start runs moto and returns its address.
func start(t *testing.T, bin string) *url.URL {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	var log bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, "moto_server"), "-H", "127.0.0.1", "-p", port) //nolint:noctx // it ends with the test
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address := &url.URL{Scheme: "http", Host: "127.0.0.1:" + port}
	for end := time.Now().Add(patience); ; {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", address.Host)
		if err == nil {
			conn.Close()
			return address
		}
		if time.Now().After(end) {
			t.Fatalf("moto does not answer: %v\n%s", err, &log)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// seed fills the emulator and returns what it has.
func seed(t *testing.T, bin, endpoint string) truth {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "python"), "testdata/seed.py")
	cmd.Env = append(os.Environ(), "ENDPOINT="+endpoint, "AWS_EC2_METADATA_DISABLED=true")
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("seed: %v\n%s", err, &log)
	}
	var made truth
	if err := json.Unmarshal(out.Bytes(), &made); err != nil {
		t.Fatalf("seed: %v\n%s", err, &out)
	}
	return made
}

// truth is what the emulator was filled with.
type truth struct {
	Keys map[string]key `json:"keys"`
	Lake string         `json:"lake"`
}

type key struct {
	State       string            `json:"state"`
	Aliases     []string          `json:"aliases"`
	Tags        map[string]string `json:"tags"`
	Rotation    *bool             `json:"rotation"`
	Grants      int64             `json:"grants"`
	Spec        string            `json:"spec"`
	Description string            `json:"description"`
}

// proxy stands before moto.
type proxy struct {
	*httptest.Server

	moto http.Handler

	mu sync.Mutex
	// denied is a key whose policy nobody may read, every how many calls to KMS one
	// is throttled; onCall is told of each call.
	denied string
	every  int
	onCall func(call string, n int)
	n      int
	seen   map[string]int
}

func newProxy(t *testing.T, to *url.URL) *proxy {
	t.Helper()
	p := &proxy{moto: httputil.NewSingleHostReverseProxy(to), seen: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	target := r.Header.Get("X-Amz-Target")
	call := target[strings.LastIndexByte(target, '.')+1:]
	switch page, code := p.judge(call, string(body)); {
	case code != "":
		w.Header().Set("X-Amzn-Errortype", code)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"said the proxy"}`, code)
	case page != "":
		text, err := os.ReadFile(filepath.Join("testdata", page))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(text)
	default:
		p.moto.ServeHTTP(w, r)
	}
}

// judge returns the recorded page or the error that a call is answered with; ""
// for what moto answers.
func (p *proxy) judge(call, body string) (page, code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	p.seen[call]++
	if p.onCall != nil {
		p.onCall(call, p.n)
	}
	switch {
	case p.denied != "" && call == "GetKeyPolicy" && strings.Contains(body, p.denied):
		return "", "AccessDeniedException"
	case p.every > 0 && p.n%p.every == 0 && call != "":
		return "", "ThrottlingException"
	case call == "GetKeyLastUsage":
		return "last_usage.json", ""
	case call == "ListServiceQuotas" && strings.Contains(body, "page-2"):
		return "quotas_2.json", ""
	case call == "ListServiceQuotas":
		return "quotas_1.json", ""
	}
	return "", ""
}

// program is the built one.
func program(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../../bin/kmstrail")
	if err == nil {
		_, err = os.Stat(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		t.Fatal("bin/kmstrail is not built: run make test-inventory")
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
