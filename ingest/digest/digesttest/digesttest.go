// Package digesttest makes chains of digests as CloudTrail does, signed with a key
// of its own.
package digesttest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Fingerprint names the key.
const Fingerprint = "0123456789abcdef0123456789abcdef"

// Key is the private key of all chains of a process.
var Key = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// KeysJSON is the public key as "aws cloudtrail list-public-keys" prints it.
func KeysJSON() []byte {
	return []byte(`{"PublicKeyList": [{"Value": "` + base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&Key().PublicKey)) +
		`", "ValidityStartTime": "2026-01-01T00:00:00+00:00", "ValidityEndTime": "2027-01-01T00:00:00+00:00", "Fingerprint": "` + Fingerprint + `"}]}` + "\n")
}

// Object is what lies in a bucket.
type Object struct {
	Key      string
	Body     []byte
	Metadata map[string]string
}

// Chain makes the digests of a trail in an account and Region. The zero values of
// Prefix and Trail are no prefix and the trail example.
type Chain struct {
	Bucket, Prefix, Account, Region, Trail string
	// Backfill chains have names of their own.
	Backfill bool

	last *Object
	// text is that of last, lastBucket where it lies.
	text       []byte
	lastBucket string
}

// Restart forgets the digest before, as CloudTrail does when logging begins again.
func (c *Chain) Restart() { c.last = nil }

// LogFile returns a log file delivered at a minute.
func (c *Chain) LogFile(at time.Time, suffix, text string) Object {
	name := fmt.Sprintf("%s_CloudTrail_%s_%s_%s.json.gz", c.Account, c.Region, at.UTC().Format("20060102T1504Z"), suffix)
	return Object{Key: c.folder("CloudTrail", at) + name, Body: Gzip([]byte(text))}
}

func (c *Chain) folder(family string, at time.Time) string {
	return c.Prefix + "AWSLogs/" + c.Account + "/" + family + "/" + c.Region + "/" + at.UTC().Format("2006/01/02/")
}

// Digest returns the next digest of the chain, about the time from start to end.
func (c *Chain) Digest(start, end time.Time, files ...Object) Object {
	trail, backfill := c.Trail, ""
	if trail == "" {
		trail = "example"
	}
	if c.Backfill {
		backfill = "_backfill"
	}
	key := fmt.Sprintf("%s%s_CloudTrail-Digest_%s_%s_%s_%s%s.json.gz", c.folder("CloudTrail-Digest", end),
		c.Account, c.Region, trail, c.Region, end.UTC().Format("20060102T150405Z"), backfill)
	doc := map[string]any{
		"awsAccountId": c.Account, "digestStartTime": start.UTC().Format(time.RFC3339), "digestEndTime": end.UTC().Format(time.RFC3339),
		"digestS3Bucket": c.Bucket, "digestS3Object": key, "digestPublicKeyFingerprint": Fingerprint, "digestSignatureAlgorithm": "SHA256withRSA",
		"newestEventTime": nil, "oldestEventTime": nil,
		"previousDigestS3Bucket": nil, "previousDigestS3Object": nil, "previousDigestHashValue": nil,
		"previousDigestHashAlgorithm": nil, "previousDigestSignature": nil,
	}
	previous := "null"
	if c.last != nil {
		previous = c.last.Metadata["signature"]
		doc["previousDigestS3Bucket"], doc["previousDigestS3Object"] = c.lastBucket, c.last.Key
		doc["previousDigestHashValue"], doc["previousDigestHashAlgorithm"] = hexSum(c.text), "SHA-256"
		doc["previousDigestSignature"] = previous
	}
	list := []map[string]string{}
	for _, f := range files {
		list = append(list, map[string]string{"s3Bucket": c.Bucket, "s3Object": f.Key, "hashValue": hexSum(Gunzip(f.Body)), "hashAlgorithm": "SHA-256"})
	}
	doc["logFiles"] = list
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	signed := strings.Join([]string{end.UTC().Format(time.RFC3339), c.Bucket + "/" + key, hexSum(text), previous}, "\n")
	o := Object{Key: key, Body: Gzip(text), Metadata: map[string]string{"signature": Sign(signed), "signature-algorithm": "SHA256withRSA"}}
	if c.Backfill {
		o.Metadata["backfill-generation-timestamp"] = end.UTC().Add(30 * time.Hour).Format("2006-01-02T15:04:05.000Z")
	}
	c.last, c.text, c.lastBucket = &o, text, c.Bucket
	return o
}

// Sign returns the signature of a text, in hex.
func Sign(text string) string {
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, Key(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(sig)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Gzip compresses.
func Gzip(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Gunzip decompresses.
func Gunzip(b []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		panic(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(r); err != nil {
		panic(err)
	}
	return out.Bytes()
}
