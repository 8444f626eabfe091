package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Hash is the SHA-256 of an uncompressed file.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Digest is what a digest says.
type Digest struct {
	Account string
	// Bucket and Key are where CloudTrail put it.
	Bucket, Key string
	// Start and End bound the time of delivery that it is about, half-open.
	Start, End time.Time
	// Fingerprint names the public key that its signature is made with.
	Fingerprint string
	// Previous is the digest before it; nil of the first after validation was
	// switched on or logging began again.
	Previous *Previous
	Files    []File
	// Hash is that of the digest itself.
	Hash Hash

	endText string // as the text has it, which is what is signed
}

// Previous names the digest before.
type Previous struct {
	Bucket, Key string
	Hash        Hash
	// Signature is that of the digest before, in hex.
	Signature string
}

// File is a log file that a digest lists.
type File struct {
	Bucket, Key string
	Hash        Hash
}

// The algorithms that CloudTrail uses.
const (
	signatureAlgorithm = "SHA256withRSA"
	hashAlgorithm      = "SHA-256"
)

// document is the JSON of a digest. The members without a pointer are those that
// AWS's own validation asks for.
type document struct {
	Account            string         `json:"awsAccountId"`
	Start              string         `json:"digestStartTime"`
	End                string         `json:"digestEndTime"`
	Bucket             string         `json:"digestS3Bucket"`
	Key                string         `json:"digestS3Object"`
	Fingerprint        string         `json:"digestPublicKeyFingerprint"`
	SignatureAlgorithm *string        `json:"digestSignatureAlgorithm"`
	PreviousBucket     *string        `json:"previousDigestS3Bucket"`
	PreviousKey        *string        `json:"previousDigestS3Object"`
	PreviousHash       *string        `json:"previousDigestHashValue"`
	PreviousAlgorithm  *string        `json:"previousDigestHashAlgorithm"`
	PreviousSignature  *string        `json:"previousDigestSignature"`
	Files              []fileDocument `json:"logFiles"`
}

type fileDocument struct {
	Bucket    string  `json:"s3Bucket"`
	Key       string  `json:"s3Object"`
	Hash      string  `json:"hashValue"`
	Algorithm *string `json:"hashAlgorithm"`
}

// Parse reads the uncompressed text of a digest.
func Parse(text []byte) (*Digest, error) {
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("no JSON of a digest: %w", err)
	}
	d := &Digest{
		Account: doc.Account, Bucket: doc.Bucket, Key: doc.Key,
		Fingerprint: doc.Fingerprint, Hash: sha256.Sum256(text), endText: doc.End,
	}
	for name, value := range map[string]string{
		"digestStartTime": doc.Start, "digestEndTime": doc.End, "digestS3Bucket": doc.Bucket,
		"digestS3Object": doc.Key, "digestPublicKeyFingerprint": doc.Fingerprint,
	} {
		if value == "" {
			return nil, fmt.Errorf("no member %s", name)
		}
	}
	if a := doc.SignatureAlgorithm; a != nil && *a != signatureAlgorithm {
		return nil, fmt.Errorf("signed with the unknown algorithm %q", *a)
	}
	var err error
	if d.Start, err = time.Parse(time.RFC3339, doc.Start); err != nil {
		return nil, fmt.Errorf("digestStartTime: %w", err)
	}
	if d.End, err = time.Parse(time.RFC3339, doc.End); err != nil {
		return nil, fmt.Errorf("digestEndTime: %w", err)
	}
	if !d.Start.Before(d.End) {
		return nil, fmt.Errorf("it ends at %s and begins at %s", doc.End, doc.Start)
	}
	if d.Previous, err = doc.previous(); err != nil {
		return nil, err
	}
	d.Files = make([]File, len(doc.Files))
	for i, f := range doc.Files {
		if d.Files[i], err = f.file(); err != nil {
			return nil, fmt.Errorf("log file %d: %w", i, err)
		}
	}
	return d, nil
}

// previous returns what the text says of the digest before: all of it, or nothing.
func (doc *document) previous() (*Previous, error) {
	members := []*string{doc.PreviousBucket, doc.PreviousKey, doc.PreviousHash, doc.PreviousSignature}
	known := 0
	for _, m := range members {
		if m != nil {
			known++
		}
	}
	if known == 0 {
		return nil, nil
	}
	if known < len(members) {
		return nil, errors.New("some members about the digest before it are missing")
	}
	hash, err := parseHash(*doc.PreviousHash, doc.PreviousAlgorithm)
	if err != nil {
		return nil, fmt.Errorf("previousDigestHashValue: %w", err)
	}
	return &Previous{Bucket: *doc.PreviousBucket, Key: *doc.PreviousKey, Hash: hash, Signature: *doc.PreviousSignature}, nil
}

func (f *fileDocument) file() (File, error) {
	if f.Key == "" {
		return File{}, errors.New("no member s3Object")
	}
	hash, err := parseHash(f.Hash, f.Algorithm)
	if err != nil {
		return File{}, fmt.Errorf("%s: hashValue: %w", f.Key, err)
	}
	return File{Bucket: f.Bucket, Key: f.Key, Hash: hash}, nil
}

func parseHash(text string, algorithm *string) (h Hash, err error) {
	if algorithm != nil && *algorithm != hashAlgorithm {
		return h, fmt.Errorf("unknown algorithm %q", *algorithm)
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		return h, err
	}
	if len(b) != len(h) {
		return h, fmt.Errorf("%d bytes, not %d", len(b), len(h))
	}
	return Hash(b), nil
}
