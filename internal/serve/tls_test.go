package serve

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// writeCertificate writes a self-signed pair with a serial number.
func writeCertificate(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_700_000_000+serial, 0) // the file system's clock may be coarse
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestCertificateRenewed(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, 1)
	cfg, err := newTLS(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		t.Helper()
		c, err := cfg.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Fatalf("serial %d, want 1", n)
	}
	writeCertificate(t, dir, 2)
	if n := serial(); n != 2 {
		t.Errorf("after the renewal serial %d, want 2", n)
	}
	if err := os.WriteFile(keyFile, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 2 {
		t.Errorf("with a broken key serial %d, want 2 as before", n)
	}
	writeCertificate(t, dir, 3)
	if n := serial(); n != 3 {
		t.Errorf("after it was mended serial %d, want 3", n)
	}
}

// TestCertificateGone: strangers who connect do not fill the log with files that
// are gone.
func TestCertificateGone(t *testing.T) {
	certFile, keyFile := writeCertificate(t, t.TempDir(), 1)
	var said bytes.Buffer
	cfg, err := newTLS(certFile, keyFile, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if c, err := cfg.GetCertificate(nil); err != nil || c == nil {
			t.Fatalf("%v, %v", c, err)
		}
	}
	if n := bytes.Count(said.Bytes(), []byte("\n")); n != 1 {
		t.Errorf("%d lines are in the log, want 1", n)
	}
}

func TestCertificateMissing(t *testing.T) {
	if _, err := newTLS("/nowhere/tls.crt", "/nowhere/tls.key", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no error for files that are not there")
	}
	if cfg, err := newTLS("", "", nil); cfg != nil || err != nil {
		t.Errorf("without files: %v, %v", cfg, err)
	}
}
