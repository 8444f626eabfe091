//go:build clients

package clients

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/internal/instance"
)

const (
	// program is what make builds.
	program = "../../../bin/kmstrail"
	// patience is how long a test waits for what must happen.
	patience = time.Minute
)

// server is a kmstrail serve, and how to get in.
type server struct {
	// Address is host:port.
	Address, Token string
	// CA is the certificate to trust, "" without TLS.
	CA string
	db string
	// events is how many there are.
	events string
}

// serve starts the program on the sample bucket.
func serve(t *testing.T, secure bool) *server {
	t.Helper()
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v: make build makes it", err)
	}
	dir := t.TempDir()
	s := &server{db: filepath.Join(dir, "store.duckdb")}
	s.kmstrail(t, "ingest", "../../../sampledata/bucket")
	s.events = strings.TrimSpace(strings.TrimPrefix(s.kmstrail(t, "sql", "--format", "csv", "select count(*) as n from kms_events"), "n\n"))
	s.Token = strings.TrimSpace(s.kmstrail(t, "token", "create", "test", "--role", "read", "--expires", "1d"))
	args := []string{"serve", "--db", s.db, "--http", "off", "--flight", "127.0.0.1:0"}
	if secure {
		s.CA = filepath.Join(dir, "cert.pem")
		key := filepath.Join(dir, "key.pem")
		certificate(t, s.CA, key)
		args = append(args, "--tls-cert", s.CA, "--tls-key", key)
	}
	log := &bytes.Buffer{}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, environment(dir)
	cmd.SysProcAttr = endWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if t.Failed() {
			t.Logf("log of the server:\n%s", log)
		}
	})
	s.Address = s.address(t, ended)
	return s
}

// address waits until the server says where it is.
func (s *server) address(t *testing.T, ended <-chan error) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		if info, err := instance.Find(s.db); err == nil && info.Flight != "" {
			_, address, _ := strings.Cut(info.Flight, "://")
			return address
		}
		select {
		case err := <-ended:
			t.Fatalf("the server did not start: %v", err)
		case <-deadline:
			t.Fatal("the server is not ready")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kmstrail runs a command on the server's store and returns what it prints.
func (s *server) kmstrail(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append(args, "--db", s.db)...)
	cmd.Env = environment(filepath.Dir(s.db))
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	// Some files of the sample bucket are broken on purpose.
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == 4 {
		err = nil
	}
	if err != nil {
		t.Fatalf("kmstrail %s: %v\n%s%s", strings.Join(args, " "), err, &out, &log)
	}
	return out.String()
}

// environment is that of a user who has configured nothing.
func environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir()}
}

// cancelled waits until the audit log says that a query was cancelled.
func (s *server) cancelled(t *testing.T, sql string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	for ctx.Err() == nil {
		f, err := os.Open(s.db + ".audit.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var line struct{ Detail, Outcome string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Detail == sql && line.Outcome == "cancelled" {
				f.Close()
				return
			}
		}
		f.Close()
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Errorf("the server did not see that this was cancelled: %s", sql)
}

// certificate makes one for this machine.
func certificate(t *testing.T, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert},
		keyFile:  {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
