package cttest

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
)

// accounts are the short names of documentation account ids.
var accounts = map[string]string{
	"main":    "111122223333",
	"second":  "444455556666",
	"trusted": "555555555555",
	"partner": "777788889999",
	"foreign": "999999999999",
	"log":     "123456789012",
}

// Account returns the account id for a short name (see the package comment);
// twelve digits are returned as they are. It panics on an unknown name.
func Account(name string) string {
	id, err := account(name)
	if err != nil {
		panic("cttest: " + err.Error())
	}
	return id
}

func account(name string) (string, error) {
	if id, ok := accounts[name]; ok {
		return id, nil
	}
	if len(name) == 12 && strings.Trim(name, "0123456789") == "" {
		return name, nil
	}
	return "", fmt.Errorf("unknown account %q", name)
}

// UUID derives a UUID (of version 4 in form) from the parts.
func UUID(parts ...string) string {
	h := digest(parts)
	h[6] = h[6]&0x0f | 0x40
	h[8] = h[8]&0x3f | 0x80
	return string(AppendUUID(make([]byte, 0, 36), [16]byte(h[:16])))
}

// AppendUUID appends the text form of id.
func AppendUUID(b []byte, id [16]byte) []byte {
	for i, c := range id {
		switch i {
		case 4, 6, 8, 10:
			b = append(b, '-')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

// EventID is the event id that a fixture line with id=name gets.
func EventID(name string) string { return UUID("event", name) }

// KeyID returns the key id a short name stands for; a UUID or mrk-… id is
// returned as it is, and a short name that begins with mrk- gives a
// multi-Region id.
func KeyID(name string) string {
	if isKeyID(name) {
		return name
	}
	if strings.HasPrefix(name, "mrk-") {
		return "mrk-" + strings.ReplaceAll(UUID("key", name), "-", "")
	}
	return UUID("key", name)
}

func isKeyID(s string) bool {
	if rest, ok := strings.CutPrefix(s, "mrk-"); ok {
		return len(rest) == 32 && strings.Trim(rest, hexDigits) == ""
	}
	return len(s) == 36 && strings.Count(s, "-") == 4 && strings.Trim(s, hexDigits+"-") == ""
}

// KeyARN returns the ARN of the key that a short name or id stands for.
func KeyARN(account, region, name string) string {
	return "arn:aws:kms:" + region + ":" + Account(account) + ":key/" + KeyID(name)
}

// AliasARN returns the ARN of an alias; name begins with alias/.
func AliasARN(account, region, name string) string {
	return "arn:aws:kms:" + region + ":" + Account(account) + ":" + name
}

// KeyAccount returns the account in a KMS ARN, "" when it is none.
func KeyAccount(arn string) string { return arnField(arn, 4) }

// KeyRegion returns the Region in a KMS ARN, "" when it is none.
func KeyRegion(arn string) string { return arnField(arn, 3) }

func arnField(arn string, n int) string {
	for range n {
		_, rest, ok := strings.Cut(arn, ":")
		if !ok {
			return ""
		}
		arn = rest
	}
	field, _, _ := strings.Cut(arn, ":")
	return field
}

// keyIDOf returns the part of a key ARN after key/.
func keyIDOf(arn string) string {
	if i := strings.LastIndexByte(arn, '/'); i >= 0 {
		return arn[i+1:]
	}
	return arn
}

// HexID derives n hex digits (n at most 64) from the parts: key material ids,
// grant ids, image digests.
func HexID(n int, parts ...string) string {
	h := digest(parts)
	return hex.EncodeToString(h[:])[:n]
}

// UniqueID derives an IAM unique id with the given four-letter prefix (AROA,
// AIDA, ASIA, AKIA).
func UniqueID(prefix string, parts ...string) string {
	h := digest(append([]string{prefix}, parts...))
	return prefix + base32.StdEncoding.EncodeToString(h[:])[:17]
}

func digest(parts []string) [32]byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
		b = append(b, 0)
	}
	return sha256.Sum256(b)
}
