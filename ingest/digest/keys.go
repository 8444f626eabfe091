package digest

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Key is a public key that CloudTrail signed with in some time. Every Region has
// its own.
type Key struct {
	Fingerprint string
	From, To    time.Time
	RSA         *rsa.PublicKey
}

// Keys finds public keys.
type Keys interface {
	// Keys returns those of a Region that were valid at some moment of a time.
	Keys(ctx context.Context, region string, from, to time.Time) ([]Key, error)
}

// ParseKey reads the value of a public key, which is DER: PKCS #1 as the API
// documents it, or PKIX as the user guide has one.
func ParseKey(der []byte) (*rsa.PublicKey, error) {
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key, nil
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("neither PKCS #1 nor PKIX: %w", err)
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a key of type %T, not RSA", public)
	}
	return key, nil
}

// SavedKeys are keys from a file.
type SavedKeys []Key

// Keys returns all: fingerprints tell them apart.
func (k SavedKeys) Keys(context.Context, string, time.Time, time.Time) ([]Key, error) { return k, nil }

// ReadKeys reads what "aws cloudtrail list-public-keys" prints, of one Region or of
// several one after the other.
func ReadKeys(r io.Reader) (SavedKeys, error) {
	var all SavedKeys
	for dec := json.NewDecoder(r); ; {
		var page struct {
			PublicKeyList []struct {
				Value                              string
				ValidityStartTime, ValidityEndTime json.RawMessage
				Fingerprint                        string
			}
		}
		err := dec.Decode(&page)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not what aws cloudtrail list-public-keys prints: %w", err)
		}
		for _, k := range page.PublicKeyList {
			key := Key{Fingerprint: k.Fingerprint, From: keyTime(k.ValidityStartTime), To: keyTime(k.ValidityEndTime)}
			der, err := base64.StdEncoding.DecodeString(k.Value)
			if err == nil {
				key.RSA, err = ParseKey(der)
			}
			if err != nil {
				return nil, fmt.Errorf("public key %s: %w", k.Fingerprint, err)
			}
			all = append(all, key)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no public key in it: aws cloudtrail list-public-keys --region REGION --start-time … --end-time … prints them")
	}
	return all, nil
}

// keyTime reads a time as AWS's tools print it: text, or seconds since 1970; zero
// when it is neither, for then it bounds nothing.
func keyTime(raw json.RawMessage) time.Time {
	var at time.Time
	if json.Unmarshal(raw, &at) == nil {
		return at.UTC()
	}
	var seconds float64
	if json.Unmarshal(raw, &seconds) == nil {
		return time.Unix(int64(seconds), 0).UTC()
	}
	return time.Time{}
}

// toSign is what the signature of a digest is about. Where there is no digest before
// it, AWS's own tools write the word null.
func (d *Digest) toSign() []byte {
	previous := "null"
	if d.Previous != nil {
		previous = d.Previous.Signature
	}
	return []byte(d.endText + "\n" + d.Bucket + "/" + d.Key + "\n" + d.Hash.String() + "\n" + previous)
}

// signed says what is wrong with a signature in hex; nil when it is good.
func (d *Digest) signed(key *rsa.PublicKey, signature string) error {
	sig, err := hex.DecodeString(signature)
	if err != nil {
		return fmt.Errorf("the signature is not hex: %w", err)
	}
	sum := sha256.Sum256(d.toSign())
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig)
}

// keyring remembers keys by Region and fingerprint.
type keyring struct {
	keys  Keys
	known map[string]*rsa.PublicKey // Region + " " + fingerprint
	asked map[string]bool           // Region + " " + day
}

// around is how long before and after a moment its keys are asked for, and the unit
// in which that is remembered: validity overlaps, and a digest may be signed late.
const around = 24 * time.Hour

// find returns the key; nil when there is none for that time.
func (k *keyring) find(ctx context.Context, region, fingerprint string, at time.Time) (*rsa.PublicKey, error) {
	id := region + " " + fingerprint
	if key := k.known[id]; key != nil {
		return key, nil
	}
	day := at.UTC().Truncate(around)
	asking := region + " " + day.Format(time.DateOnly)
	if k.asked[asking] {
		return nil, nil
	}
	found, err := k.keys.Keys(ctx, region, day.Add(-around), day.Add(2*around))
	if err != nil {
		return nil, err
	}
	k.asked[asking] = true
	for _, key := range found {
		k.known[region+" "+key.Fingerprint] = key.RSA
	}
	return k.known[id], nil
}
