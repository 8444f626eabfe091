package ingest

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
)

// A secret in an encryption context lies open: the context is no secret to
// KMS, and stands in plain text in every log record of the call (AWS KMS
// Developer Guide, "Encryption context"). What looks like one is noted here,
// by its kind and so that it cannot be told from the note.

// maxSecretText bounds how much of a key or value is looked at.
const maxSecretText = 8 << 10

// inContextKey is the key of a note about a secret that is itself a key of the
// context.
var inContextKey = []byte("*")

// contextSecrets fills e.secrets: by context key, the kind of secret that its
// value holds and what may be shown of it.
func (d *decoder) contextSecrets() {
	e := &d.e
	for _, pairs := range [][]pair{e.context, e.destContext} {
		for _, p := range pairs {
			if ofService(p.key) {
				continue
			}
			if s, ok := findSecret(p.key, e.service == ""); ok {
				d.noteSecret(inContextKey, s)
			} else if s, ok := findSecret(p.val, e.service == ""); ok {
				d.noteSecret(p.key, s)
			}
		}
	}
}

func (d *decoder) noteSecret(key []byte, s secret) {
	if !hasKey(d.e.secrets, key) {
		d.e.secrets = append(d.e.secrets, pair{key, []byte(s.kind + " " + s.shown)})
	}
}

// ofService reports whether a context key is one that AWS sets: services with
// ids and ARNs, the AWS Encryption SDK with a public key.
func ofService(key []byte) bool {
	if bytes.HasPrefix(key, []byte("aws:")) || bytes.HasPrefix(key, []byte("aws-crypto-")) {
		return true
	}
	for _, s := range contextServices {
		if string(key) == s.key {
			return true
		}
	}
	return false
}

// secret is what was found: its kind, and what may be shown of it.
type secret struct{ kind, shown string }

var (
	jwtPattern   = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)
	emailPattern = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9._%+-]*@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})\b`)
	accessKey    = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b`)
	privateKey   = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY-----`)
)

// findSecret looks for the first kind of secret in s. What only looks random is
// taken for one where direct says that a program chose the context.
func findSecret(s []byte, direct bool) (secret, bool) {
	if len(s) < 6 || bytes.HasPrefix(s, []byte("arn:")) {
		return secret{}, false
	}
	s = s[:min(len(s), maxSecretText)]
	if bytes.Contains(s, []byte("-----BEGIN")) && privateKey.Match(s) {
		return secret{"private_key", "-----BEGIN … PRIVATE KEY-----"}, true
	}
	if bytes.Contains(s, []byte("eyJ")) {
		if m := jwtPattern.Find(s); m != nil {
			return secret{"jwt", "eyJ…, " + strconv.Itoa(len(m)) + " characters"}, true
		}
	}
	if bytes.Contains(s, []byte("AKIA")) || bytes.Contains(s, []byte("ASIA")) {
		if m := accessKey.Find(s); m != nil {
			return secret{"access_key_id", string(m[:4]) + "…" + string(m[16:])}, true
		}
	}
	if last4, ok := cardNumber(s); ok {
		return secret{"card_number", "…" + last4}, true
	}
	if bytes.IndexByte(s, '@') > 0 {
		if m := emailPattern.FindSubmatch(s); m != nil {
			return secret{"email", string(m[0][:1]) + "…@" + string(m[1])}, true
		}
	}
	if n := randomToken(s); direct && n > 0 {
		return secret{"high_entropy", strconv.Itoa(n) + " characters"}, true
	}
	return secret{}, false
}

// cardNumber finds a payment card number: as many digits, beginning as those of
// a card network do, with a valid check digit, alone or in groups.
func cardNumber(s []byte) (last4 string, ok bool) {
	var digits [20]byte
	for i := range s {
		if s[i] < '2' || s[i] > '6' || i > 0 && (isWord(s[i-1]) || s[i-1] == '-' || s[i-1] == '.') {
			continue
		}
		n, j := 0, i
		for ; j < len(s) && n < len(digits); j++ {
			if isDigit(s[j]) {
				digits[n] = s[j] - '0'
				n++
			} else if s[j] != ' ' && s[j] != '-' || n == 0 || n%4 != 0 && n != 10 || j+1 == len(s) || !isDigit(s[j+1]) {
				break
			}
		}
		if n < len(digits) && (j == len(s) || !isWord(s[j])) && ofCardNetwork(digits[:n]) && luhn(digits[:n]) {
			d := digits[n-4 : n]
			return string([]byte{d[0] + '0', d[1] + '0', d[2] + '0', d[3] + '0'}), true
		}
	}
	return "", false
}

func isWord(c byte) bool {
	return isDigit(c) || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// ofCardNetwork knows the lengths and first digits of the large networks
// (ISO/IEC 7812).
func ofCardNetwork(d []byte) bool {
	if len(d) < 13 {
		return false
	}
	prefix := func(n int) (v int) {
		for _, x := range d[:n] {
			v = v*10 + int(x)
		}
		return v
	}
	two, three, four := prefix(2), prefix(3), prefix(4)
	switch len(d) {
	case 13, 19:
		return d[0] == 4
	case 14:
		return two == 36 || two == 38 || three >= 300 && three <= 305
	case 15:
		return two == 34 || two == 37
	case 16:
		return d[0] == 4 || two >= 51 && two <= 55 || four >= 2221 && four <= 2720 || four == 6011 || two == 65 ||
			three >= 644 && three <= 649 || four >= 3528 && four <= 3589
	}
	return false
}

// luhn checks the last digit of a card number; one digit over and over is none.
func luhn(d []byte) bool {
	sum, same := 0, true
	for i := range d {
		x := int(d[len(d)-1-i])
		same = same && d[i] == d[0]
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0 && !same
}

// A random token is at least so long and so evenly spread; ids, names, hashes
// in hex and UUIDs are below that.
const (
	minTokenLength  = 32
	minTokenEntropy = 4.3 // bits per character
)

// randomToken returns the length of the first word that looks drawn by lot,
// such as a password or a secret access key; 0 when there is none.
func randomToken(s []byte) int {
	for start := 0; start < len(s); {
		end := start
		for end < len(s) && isTokenByte(s[end]) {
			end++
		}
		if looksRandom(s[start:end]) {
			return end - start
		}
		start = end + 1
	}
	return 0
}

func isTokenByte(c byte) bool { return isWord(c) || c == '+' || c == '/' || c == '=' || c == '-' }

func looksRandom(word []byte) bool {
	if len(word) < minTokenLength {
		return false
	}
	var counts [256]int
	var lower, upper, digit int
	for _, c := range word {
		counts[c]++
		switch {
		case isDigit(c):
			digit++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		}
	}
	// Paths and names have words in one case and few digits.
	if lower*6 < len(word) || upper*6 < len(word) || digit == 0 {
		return false
	}
	var bits float64
	for _, n := range &counts {
		if n > 0 {
			p := float64(n) / float64(len(word))
			bits -= p * math.Log2(p)
		}
	}
	return bits >= minTokenEntropy
}
