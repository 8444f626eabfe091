//go:build clients

package clients

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// The JDBC driver that is tested: its version, and the SHA-256 sum of its jar.
const (
	jdbcVersion = "18.3.0"
	jdbcSum     = "3f418b46c880e263558c5de669bdbede2c5d4375527ced116fb29f795b03704c"
)

// TestPython: ADBC for Python. Its tables are objects with types of ADBC's own.
func TestPython(t *testing.T) {
	python := python(t)
	both(t, func(t *testing.T, s *server) {
		want := wanted(s)
		want["param_time"] = "2026-01-02 03:04:05.123456"
		check(t, want, run(t, s, python, "testdata/client.py"))
		s.cancelled(t, sqlEndless)
		s.cancelled(t, sqlBusy)
	})
}

// TestJDBC: the JDBC driver, by token and by password.
func TestJDBC(t *testing.T) {
	java, jar := jdbc(t)
	both(t, func(t *testing.T, s *server) {
		want := wanted(s)
		want["password"] = "1"
		want["bad_password"] = want["bad_token"]
		got := run(t, s, java, "--add-opens=java.base/java.nio=ALL-UNNAMED", "-Duser.timezone=UTC", "-cp", jar, "testdata/Client.java")
		if strings.Contains(got["bad_password"], want["bad_password"]) {
			got["bad_password"] = want["bad_password"]
		}
		check(t, want, got)
		s.cancelled(t, sqlEndless)
		s.cancelled(t, sqlBusy)
	})
}

// run runs a program that prints its steps.
func run(t *testing.T, s *server, program string, args ...string) steps {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(environment(filepath.Dir(s.db)), "ADDRESS="+s.Address, "TOKEN="+s.Token, "CA="+s.CA, "LC_ALL=C.UTF-8")
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", filepath.Base(program), err, &out, &log)
	}
	got := steps{}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%s printed no JSON: %v\n%s%s", filepath.Base(program), err, &out, &log)
	}
	return got
}

// cached returns a directory of the cache, which fill fills, once: it appears
// whole or not at all, and of several processes one fills it.
func cached(t *testing.T, name string, fill func(dir string) error) string {
	t.Helper()
	cache := os.Getenv("TEST_CLIENTS_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("find the cache directory: %v; set TEST_CLIENTS_CACHE", err)
		}
		cache = filepath.Join(dir, "kmstrail")
	}
	dir, err := filepath.Abs(filepath.Join(cache, "clients", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(dir + ".lock")
	if _, err := lock.TryLockContext(t.Context(), 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := os.Stat(filepath.Join(dir, "whole")); err == nil {
		return dir
	}
	began := time.Now()
	err = errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755))
	if err == nil {
		err = fill(dir)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "whole"), nil, 0o644)
	}
	if err != nil {
		t.Fatalf("get %s: %v", name, err)
	}
	t.Logf("got %s in %s", name, time.Since(began).Round(time.Second))
	return dir
}

// python returns a Python that has the packages.
func python(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is not in PATH: install Python 3.10 or newer, with venv (Debian: python3-venv)")
	}
	requirements, err := os.ReadFile("testdata/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	list, err := filepath.Abs("testdata/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(requirements)
	dir := cached(t, "python-"+hex.EncodeToString(sum[:6]), func(dir string) error {
		if err := command(program, "-m", "venv", dir); err != nil {
			return fmt.Errorf("%w\ninstall Python's venv (Debian: python3-venv)", err)
		}
		return command(filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", list)
	})
	return filepath.Join(dir, "bin", "python")
}

// jdbc returns a Java, and the jar of the driver.
func jdbc(t *testing.T) (java, jar string) {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		t.Fatal("java is not in PATH: install Java 17 or newer (Debian: default-jdk-headless)")
	}
	maven, err := exec.LookPath("mvn")
	if err != nil {
		t.Fatal("mvn, which downloads the JDBC driver, is not in PATH: install Maven (Debian, Fedora, Homebrew: maven)")
	}
	dir := cached(t, "jdbc-"+jdbcVersion, func(dir string) error {
		return command(maven, "--batch-mode", "--quiet", "-Dmaven.repo.local="+filepath.Join(dir, "m2"), "dependency:get",
			"-Dartifact=org.apache.arrow:flight-sql-jdbc-driver:"+jdbcVersion, "-Dtransitive=false")
	})
	jar = filepath.Join(dir, "m2/org/apache/arrow/flight-sql-jdbc-driver", jdbcVersion, "flight-sql-jdbc-driver-"+jdbcVersion+".jar")
	if got := fileSum(t, jar); got != jdbcSum {
		t.Fatalf("%s has the SHA-256 sum %s instead of %s: it is not the driver that was released", jar, got, jdbcSum)
	}
	return java, jar
}

func fileSum(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// command runs a program outside of any project.
func command(program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Dir = os.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, bytes.TrimSpace(out))
	}
	return nil
}
