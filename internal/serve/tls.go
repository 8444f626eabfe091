package serve

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a certificate in two files that is read again when they
// change, so that a renewed one needs no restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu       sync.Mutex
	current  *tls.Certificate
	modified [2]time.Time
}

// newTLS returns the settings for both addresses; nil without a certificate.
func newTLS(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	if certFile == "" {
		return nil, nil //nolint:nilnil // no certificate is no error
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.read(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

func (c *certificate) read() error {
	modified, err := c.times()
	if err != nil {
		return fmt.Errorf("read certificate of the server: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate of the server, %s and %s: %w", c.certFile, c.keyFile, err)
	}
	c.current, c.modified = &pair, modified
	return nil
}

func (c *certificate) times() (modified [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return modified, err
		}
		modified[i] = info.ModTime()
	}
	return modified, nil
}

// get looks at the files at each handshake, which costs two calls of the
// system. While the new ones do not belong together the old certificate stays.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	modified, _ := c.times() // a file that is gone has the zero time
	if modified == c.modified {
		return c.current, nil
	}
	if err := c.read(); err != nil {
		c.log.Warn("the changed certificate cannot be used, the one before is", "error", err)
		c.modified = modified // say it once: anybody can make handshakes
	}
	return c.current, nil
}
