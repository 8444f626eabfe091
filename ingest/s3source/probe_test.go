package s3source_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/ingest/sourcetest"
	"github.com/kmstrail/kmstrail/internal/s3server"
)

func summary(r s3source.Report) string {
	var all []string
	for _, c := range r.Checks {
		all = append(all, c.Name+"="+string(c.Status))
	}
	return strings.Join(all, " ")
}

func TestProbe(t *testing.T) {
	newest := sourcetest.Key("444455556666", "us-east-1", date(19), "BBBBBBBBBBBBBBBB")
	files := map[string][]byte{
		sourcetest.Key(account, "us-east-1", date(2), "A"):                            []byte("x"),
		sourcetest.Key(account, "eu-west-1", date(18), "A"):                           []byte("x"),
		sourcetest.Key("444455556666", "us-east-1", date(19).Add(-time.Hour), "CCCC"): []byte("x"),
		newest: []byte("content"),
	}
	deny := func(read bool) s3server.Faults {
		return s3server.Faults{Deny: func(_, key, _ string) (string, string) {
			if (key != "") == read {
				return "AccessDenied", "Access Denied"
			}
			return "", ""
		}}
	}
	tests := []struct {
		name   string
		faults s3server.Faults
		files  map[string][]byte
		bucket string
		ok     bool
		want   string
	}{
		{"all well", s3server.Faults{}, files, "", true, "identity=skipped bucket=ok layout=ok newest_log_file=ok read=ok"},
		{"may not read", deny(true), files, "", false, "identity=skipped bucket=ok layout=ok newest_log_file=ok read=failed"},
		{"may not list", deny(false), files, "", false, "identity=skipped bucket=ok layout=failed newest_log_file=skipped read=skipped"},
		{"no bucket", s3server.Faults{}, files, "other", false, "identity=skipped bucket=failed layout=skipped newest_log_file=skipped read=skipped"},
		{"empty", s3server.Faults{}, nil, "", true, "identity=skipped bucket=ok layout=warning newest_log_file=warning read=skipped"},
		{"old", s3server.Faults{}, map[string][]byte{sourcetest.Key(account, "us-east-1", date(2), "A"): nil}, "", true, "identity=skipped bucket=ok layout=ok newest_log_file=warning read=ok"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configFor(start(t, s3server.Config{Faults: tt.faults}, tt.files))
			if tt.bucket != "" {
				cfg.Bucket = tt.bucket
			}
			r := open(t, cfg).Probe(t.Context(), ingest.Selection{})
			if got := summary(r); got != tt.want || r.OK() != tt.ok {
				t.Errorf("got %s (%v)\nwant %s", got, r.OK(), tt.want)
			}
			for _, c := range r.Checks {
				if c.Status == s3source.CheckFailed && (c.Err == nil || c.Hint == "") {
					t.Errorf("%s failed without reason or hint: %+v", c.Name, c)
				}
			}
		})
	}
	r := open(t, configFor(start(t, s3server.Config{}, files))).Probe(t.Context(), ingest.Selection{})
	if r.Newest == nil || r.Newest.Key != newest || r.NewestAge != 12*time.Hour || r.Region != "us-east-1" || len(r.Layout.Accounts()) != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestProbeIdentity(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{
			"known", http.StatusOK, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
				<Arn>arn:aws:iam::111122223333:user/reader</Arn><UserId>AIDAEXAMPLE</UserId><Account>111122223333</Account>
				</GetCallerIdentityResult></GetCallerIdentityResponse>`, "arn:aws:iam::111122223333:user/reader",
		},
		{
			"expired", http.StatusForbidden, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
				<Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>`, "the AWS credentials have expired",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/xml")
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			}))
			t.Cleanup(sts.Close)
			t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
			r := open(t, configFor(start(t, s3server.Config{}, nil))).Probe(t.Context(), ingest.Selection{})
			if got := r.Checks[0].Detail; got != tt.want {
				t.Errorf("identity: %+v", r.Checks[0])
			}
		})
	}
}
