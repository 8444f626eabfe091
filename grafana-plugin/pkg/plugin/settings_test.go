package plugin

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

func TestParseSettings(t *testing.T) {
	s, err := ParseSettings(backend.DataSourceInstanceSettings{
		UID: "u", Name: "KMS", URL: " grpc+tls://kmstrail.example.com ", DecryptedSecureJSONData: map[string]string{"token": " kmst_x\n"},
		JSONData: json.RawMessage(`{"timeoutSeconds":"5","maxRows":7,"staleMinutes":0,"serverName":"other.example.com","tlsSkipVerify":true}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Address != "grpc+tls://kmstrail.example.com:8815" || s.token != "kmst_x" || s.Timeout != 5*time.Second || s.MaxRows != 7 || s.Stale != 0 ||
		s.MaxConcurrent != defaultConcurrent || s.TLS.ServerName != "other.example.com" || !s.TLS.InsecureSkipVerify || s.TLS.RootCAs != nil {
		t.Errorf("%+v", s)
	}
}

func TestParseSettings_addresses(t *testing.T) {
	for _, test := range []struct{ url, options, address, field string }{
		{"grpc://localhost:1", `{}`, "grpc://localhost:1", ""},
		{"grpc://127.0.0.2:1/", `{}`, "grpc://127.0.0.2:1", ""},
		{"grpc://[::1]", `{}`, "grpc://[::1]:8815", ""},
		{"grpc://203.0.113.7:1", `{"plainText":true}`, "grpc://203.0.113.7:1", ""},
		{"unix:/run/flight.sock", ``, "unix:/run/flight.sock", ""},
		{"grpc+tls://203.0.113.7", `null`, "grpc+tls://203.0.113.7:8815", ""},
		{"", `{}`, "", "url"},
		{"kmstrail.example.com:8815", `{}`, "", "url"},
		{"grpc://203.0.113.7:1", `{}`, "", "url"},
		{"grpc://localhost.example.com:1", `{}`, "", "url"},
		{"https://kmstrail.example.com", `{}`, "", "url"},
		{"ftp://kmstrail.example.com", `{}`, "", "url"},
		{"grpc+tls://user:kmst_x@kmstrail.example.com", `{}`, "", "url"},
		{"grpc+tls://kmstrail.example.com/path", `{}`, "", "url"},
		{"grpc+tls://kmstrail.example.com?token=kmst_x", `{}`, "", "url"},
		{"grpc+tls://kmstrail.example.com:0", `{}`, "", "url"},
		{"grpc+tls://kmstrail.example.com:99999", `{}`, "", "url"},
		{"grpc+tls://:8815", `{}`, "", "url"},
		{"grpc+tls://kmst_x kmst_x:1", `{}`, "", "url"},
		{"unix:flight.sock", `{}`, "", "url"},
		{"grpc://localhost", `{"timeoutSeconds":0}`, "", "timeoutSeconds"},
		{"grpc://localhost", `{"timeoutSeconds":1.5}`, "", "timeoutSeconds"},
		{"grpc://localhost", `{"maxRows":99999999999}`, "", "maxRows"},
		{"grpc://localhost", `{"maxConcurrent":-1}`, "", "maxConcurrent"},
		{"grpc://localhost", `{"staleMinutes":"soon"}`, "", "staleMinutes"},
		{"grpc://localhost", `{"plainText":"yes"}`, "", "jsonData"},
		{"grpc+tls://localhost", `{"tlsAuthWithCACert":true}`, "", "tlsCACert"},
	} {
		t.Run(test.url+test.options, func(t *testing.T) {
			s, err := ParseSettings(backend.DataSourceInstanceSettings{URL: test.url, JSONData: json.RawMessage(test.options)})
			var wrong *SettingsError
			switch {
			case test.field == "" && (err != nil || s.Address != test.address):
				t.Errorf("%q, %v", s.Address, err)
			case test.field != "" && (!errors.As(err, &wrong) || wrong.Field != test.field || wrong.Hint == ""):
				t.Errorf("%v", err)
			case err != nil && strings.Contains(err.Error()+wrong.Hint, "kmst_x"):
				t.Errorf("the error repeats what could be one: %v %s", err, wrong.Hint)
			}
		})
	}
}

func TestParseCA(t *testing.T) {
	for _, text := range []string{
		"", " \n", "text", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		if _, err := parseCA(text); err == nil {
			t.Errorf("%q is taken for a certificate", text)
		}
	}
}
