package digest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/ingest/digest/digesttest"
)

func text() string {
	c := &digesttest.Chain{Bucket: bucket, Account: account, Region: region}
	log := c.LogFile(monday, "aaaaaaaaaaaaaaaa", "{}")
	c.Digest(monday.Add(-time.Hour), monday)
	return string(digesttest.Gunzip(c.Digest(monday, monday.Add(time.Hour), log).Body))
}

func TestParse(t *testing.T) {
	good := text()
	d, err := digest.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if d.Account != account || !d.Start.Equal(monday) || !d.End.Equal(monday.Add(time.Hour)) || d.Previous == nil || len(d.Files) != 1 {
		t.Errorf("%+v", d)
	}
	tests := []struct{ name, old, with, want string }{
		{"no JSON", "{", "", "no JSON of a digest"},
		{"no end", `"digestEndTime":"2026-03-02T01:00:00Z"`, `"x":1`, "no member digestEndTime"},
		{"no time", "2026-03-02T01:00:00Z", "soon", "digestEndTime"},
		{"it ends before it begins", `"digestEndTime":"2026-03-02T01:00:00Z"`, `"digestEndTime":"2026-03-01T01:00:00Z"`, "it ends at"},
		{"another algorithm", "SHA256withRSA", "none", "unknown algorithm"},
		{"another hash", `"previousDigestHashAlgorithm":"SHA-256"`, `"previousDigestHashAlgorithm":"MD5"`, "unknown algorithm"},
		{"half of what was before", `"previousDigestS3Bucket":"` + bucket + `"`, `"previousDigestS3Bucket":null`, "some members about the digest before it are missing"},
		{"a log file without a name", `"s3Object":"AWSLogs/111122223333/CloudTrail/`, `"s3Object":"","x":"`, "no member s3Object"},
		{"a hash that is none", `"hashValue":"`, `"hashValue":"zz`, "log file 0"},
		{"a short hash", `"hashValue":"`, `"hashValue":"00","x":"`, "1 bytes, not 32"},
		{"wrong types", `"logFiles":[`, `"logFiles":[1,`, "no JSON of a digest"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.with, 1)
			if bad == good {
				t.Fatalf("%q is not in %s", tt.old, good)
			}
			if _, err := digest.Parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzParse: whatever lies in the folder of digests, it is refused or a digest that
// covers some time.
func FuzzParse(f *testing.F) {
	f.Add([]byte(text()))
	f.Add([]byte(`{"logFiles":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := digest.Parse(text)
		if err == nil && (!d.Start.Before(d.End) || d.Key == "" || d.Fingerprint == "") {
			t.Errorf("%+v", d)
		}
	})
}

func TestReadKeys(t *testing.T) {
	good := string(digesttest.KeysJSON())
	two, err := digest.ReadKeys(strings.NewReader(good + good))
	if err != nil || len(two) != 2 || two[0].From.Year() != 2026 || two[0].To.Year() != 2027 {
		t.Fatalf("%+v, %v", two, err)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"empty":         {"", "no public key in it"},
		"no keys":       {`{"PublicKeyList": []}`, "no public key in it"},
		"something":     {"-----BEGIN", "not what aws cloudtrail list-public-keys prints"},
		"no base64":     {`{"PublicKeyList": [{"Value": "%", "Fingerprint": "f00d"}]}`, "public key f00d"},
		"no key":        {`{"PublicKeyList": [{"Value": "AAAA", "Fingerprint": "f00d"}]}`, "neither PKCS #1 nor PKIX"},
		"one that ends": {good[:40], "not what"},
	} {
		if _, err := digest.ReadKeys(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
