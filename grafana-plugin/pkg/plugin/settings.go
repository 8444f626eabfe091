package plugin

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// defaultPort is that of kmstrail serve for Flight SQL.
const defaultPort = "8815"

// Bounds of the settings, and what holds where they say nothing.
const (
	defaultTimeout    = 60 * time.Second
	maxTimeout        = time.Hour
	defaultRows       = 100_000
	maxRows           = 10_000_000
	defaultConcurrent = 16
	maxConcurrent     = 1000
	defaultStale      = 60 * time.Minute
	maxStale          = 365 * 24 * time.Hour
)

// Settings of a datasource, validated.
type Settings struct {
	// Address of the server: grpc+tls://HOST:PORT, grpc://HOST:PORT or unix:/PATH.
	Address string
	// Host and Port are those of Address; empty for a socket.
	Host, Port string
	// TLS is nil for addresses without.
	TLS *tls.Config
	// Timeout bounds one query, waiting for a place included.
	Timeout time.Duration
	// MaxRows is how many rows of a result are taken.
	MaxRows int64
	// MaxConcurrent is how many queries of this datasource run at once.
	MaxConcurrent int
	// Stale is how old the newest event may be before panels say so; 0 is never.
	Stale time.Duration

	// UID and Name of the datasource.
	UID, Name string

	token string
}

// SettingsError says what is wrong with the settings, and what to do.
type SettingsError struct {
	// Field is the setting: url, token, tlsCACert, timeoutSeconds, …
	Field   string
	Problem string
	Hint    string
}

func (e *SettingsError) Error() string { return e.Problem }

// number is one that provisioning files may also give as text.
type number struct{ json.Number }

func (n *number) UnmarshalJSON(b []byte) error {
	n.Number = json.Number(strings.Trim(string(b), `"`))
	if n.Number == "null" {
		n.Number = ""
	}
	return nil
}

// in returns the number, or otherwise where there is none.
func (n number) in(field string, least, most, otherwise int64) (int64, error) {
	if n.Number == "" {
		return otherwise, nil
	}
	v, err := n.Int64()
	if err != nil || v < least || v > most {
		return 0, &SettingsError{
			Field:   field,
			Problem: fmt.Sprintf("The setting %s is %q; it must be a whole number from %d to %d.", field, n.Number, least, most),
			Hint:    fmt.Sprintf("Leave it empty for %d.", otherwise),
		}
	}
	return v, nil
}

// stored is jsonData as Grafana keeps it.
type stored struct {
	PlainText         bool   `json:"plainText"`
	TLSSkipVerify     bool   `json:"tlsSkipVerify"`
	TLSAuthWithCACert bool   `json:"tlsAuthWithCACert"`
	ServerName        string `json:"serverName"`
	TimeoutSeconds    number `json:"timeoutSeconds"`
	MaxRows           number `json:"maxRows"`
	MaxConcurrent     number `json:"maxConcurrent"`
	StaleMinutes      number `json:"staleMinutes"`
}

// ParseSettings reads and judges the settings of a datasource. Errors are of type
// *SettingsError and never hold a secret.
func ParseSettings(in backend.DataSourceInstanceSettings) (Settings, error) {
	var st stored
	if len(in.JSONData) > 0 {
		if err := json.Unmarshal(in.JSONData, &st); err != nil {
			return Settings{}, &SettingsError{
				Field:   "jsonData",
				Problem: "The settings cannot be read: " + err.Error() + ".",
				Hint:    "Compare jsonData in your provisioning file with the one that the configuration page shows.",
			}
		}
	}
	s := Settings{UID: in.UID, Name: in.Name, token: strings.TrimSpace(in.DecryptedSecureJSONData["token"])}
	if err := s.setAddress(in.URL, st); err != nil {
		return Settings{}, err
	}
	if err := s.setTLS(st, in.DecryptedSecureJSONData["tlsCACert"]); err != nil {
		return Settings{}, err
	}
	err := s.setLimits(st)
	return s, err
}

func (s *Settings) setLimits(st stored) error {
	timeout, err1 := st.TimeoutSeconds.in("timeoutSeconds", 1, int64(maxTimeout/time.Second), int64(defaultTimeout/time.Second))
	rows, err2 := st.MaxRows.in("maxRows", 1, maxRows, defaultRows)
	concurrent, err3 := st.MaxConcurrent.in("maxConcurrent", 1, maxConcurrent, defaultConcurrent)
	stale, err4 := st.StaleMinutes.in("staleMinutes", 0, int64(maxStale/time.Minute), int64(defaultStale/time.Minute))
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return err
		}
	}
	s.Timeout, s.MaxRows = time.Duration(timeout)*time.Second, rows
	s.MaxConcurrent, s.Stale = int(concurrent), time.Duration(stale)*time.Minute
	return nil
}

const exampleURL = "grpc+tls://kmstrail.example.com:8815"

// flightScheme is what an address of HTTP has instead.
var flightScheme = map[string]string{"http": "grpc", "https": "grpc+tls"}

func badURL(problem, hint string) error {
	return &SettingsError{Field: "url", Problem: problem, Hint: hint}
}

// setAddress judges the URL of the datasource.
func (s *Settings) setAddress(text string, st stored) error {
	text = strings.TrimSpace(text)
	if text == "" {
		return badURL("The datasource has no URL.", "Give the Flight SQL address of kmstrail serve (server.flight), such as "+exampleURL+".")
	}
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return s.setSocket(path)
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		// The text is not repeated: it could hold a token at the wrong place.
		return badURL("The URL of the datasource is not one: it needs a scheme and a host.", "Write it like "+exampleURL+".")
	}
	switch u.Scheme {
	case "grpc", "grpc+tls":
	case "http", "https":
		return badURL("The URL is one of HTTP; queries go over Flight SQL.",
			"Use the address of server.flight, port 8815 unless you changed it: "+flightScheme[u.Scheme]+"://"+u.Hostname()+":8815.")
	default:
		return badURL(fmt.Sprintf("The URL has the unknown scheme %q.", u.Scheme), "Write it like "+exampleURL+", or grpc:// for a server without TLS on this machine.")
	}
	switch {
	case u.User != nil:
		return badURL("The URL holds a user or password.", "Take it out of the URL, which is not kept secret, and put the token into its own field.")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return badURL("The URL has a path, query or fragment; it must be an address only.", "Write it like "+exampleURL+".")
	}
	return s.setHost(u, st)
}

func (s *Settings) setHost(u *url.URL, st stored) error {
	s.Host, s.Port = u.Hostname(), u.Port()
	if s.Host == "" {
		return badURL("The URL names no host.", "Write it like "+exampleURL+".")
	}
	if s.Port == "" {
		s.Port = defaultPort
	}
	if n, err := strconv.ParseUint(s.Port, 10, 16); err != nil || n == 0 {
		return badURL("The URL has an impossible port.", "kmstrail serve uses 8815 for Flight SQL unless its server.flight says otherwise.")
	}
	if u.Scheme == "grpc" && !st.PlainText && !loopback(s.Host) {
		return badURL("The URL is without TLS and not of this machine: the token would cross the network in clear.",
			"Use grpc+tls://, which kmstrail serve speaks once it has server.tls_cert and server.tls_key; or allow plain text in the settings where something else encrypts the way.")
	}
	s.Address = u.Scheme + "://" + net.JoinHostPort(s.Host, s.Port)
	if u.Scheme == "grpc+tls" {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.Host}
	}
	return nil
}

func (s *Settings) setSocket(path string) error {
	if !strings.HasPrefix(path, "/") {
		return badURL("The URL names a socket without its whole path.", "Write it like unix:/var/lib/kmstrail/kmstrail.duckdb.run/flight.sock.")
	}
	s.Address = "unix:" + path
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// setTLS makes the settings of TLS, which an address without it does not need.
func (s *Settings) setTLS(st stored, ca string) error {
	if s.TLS == nil {
		return nil
	}
	if name := strings.TrimSpace(st.ServerName); name != "" {
		s.TLS.ServerName = name
	}
	s.TLS.InsecureSkipVerify = st.TLSSkipVerify // the operator's own choice, which health checks point out
	if !st.TLSAuthWithCACert {
		return nil
	}
	pool, err := parseCA(ca)
	if err != nil {
		return &SettingsError{Field: "tlsCACert", Problem: "The CA certificate cannot be used: " + err.Error() + ".",
			Hint: "Paste the certificate that signed the server's, in PEM: from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."}
	}
	s.TLS.RootCAs = pool
	return nil
}

// parseCA reads certificates in PEM.
func parseCA(text string) (*x509.CertPool, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("it is empty")
	}
	pool, found := x509.NewCertPool(), false
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it holds a %s", strings.ToLower(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a certificate in it is damaged")
		}
		pool.AddCert(c)
		found = true
	}
	if !found {
		return nil, errors.New("there is no certificate in PEM in it")
	}
	return pool, nil
}
