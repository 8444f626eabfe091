package awskeys_test

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest/digest/awskeys"
	"github.com/kmstrail/kmstrail/ingest/digest/digesttest"
)

// TestKeys asks a server that speaks CloudTrail's protocol: two pages, of which one
// has a key that is none.
func TestKeys(t *testing.T) {
	public := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&digesttest.Key().PublicKey))
	var regions []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if target := r.Header.Get("X-Amz-Target"); !strings.HasSuffix(target, ".ListPublicKeys") {
			t.Errorf("called %s", target)
		}
		_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "/")
		regions = append(regions, strings.Split(scope, "/")[1])
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if strings.Contains(string(body), "NextToken") {
			fmt.Fprintf(w, `{"PublicKeyList": [{"Value": %q, "Fingerprint": %q, "ValidityStartTime": 1767225600, "ValidityEndTime": 1798761600}]}`, public, digesttest.Fingerprint)
			return
		}
		fmt.Fprint(w, `{"PublicKeyList": [{"Value": "bm9uZQ==", "Fingerprint": "f00d"}], "NextToken": "more"}`)
	}))
	defer server.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_CLOUDTRAIL": server.URL, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	k, err := awskeys.New(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	got, err := k.Keys(t.Context(), "eu-central-1", at, at.Add(time.Hour))
	if err != nil || len(got) != 1 || got[0].Fingerprint != digesttest.Fingerprint || !got[0].RSA.Equal(&digesttest.Key().PublicKey) {
		t.Fatalf("%+v, %v", got, err)
	}
	if got[0].From != time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) || k.Calls() != 2 || regions[0] != "eu-central-1" {
		t.Errorf("valid from %s, %d calls, Regions %v", got[0].From, k.Calls(), regions)
	}
}
