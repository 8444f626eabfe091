package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// The text of a token is kmst_<id>_<secret><checksum>:
//
//	kmst_      for people and for scanners that look for leaked secrets
//	id         8 characters, names the token in the file and is no secret
//	secret     52 characters, 256 random bits
//	checksum   7 characters, CRC-32 of everything before: tells a token that was
//	           mistyped or cut from one that is wrong, and a scanner what is none
//
// Characters are a to z and 2 to 7. Only this one spelling is accepted.
const (
	secretPrefix = "kmst_"
	idLength     = 8
	secretLength = 52
	checkLength  = 7
	textLength   = len(secretPrefix) + idLength + 1 + secretLength + checkLength
)

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newSecret makes the text of a new token.
func newSecret() (id, text string) {
	var b [5 + 32]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program when the system has no randomness
	id = alphabet.EncodeToString(b[:5])
	text = secretPrefix + id + "_" + alphabet.EncodeToString(b[5:])
	return id, text + checksum(text)
}

func checksum(text string) string {
	return alphabet.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text))))
}

// splitSecret returns the id of a token's text; ok is false when it is not the
// text of any token.
func splitSecret(text string) (id string, ok bool) {
	if len(text) != textLength || !strings.HasPrefix(text, secretPrefix) {
		return "", false
	}
	id, rest, found := strings.Cut(text[len(secretPrefix):], "_")
	if !found || len(id) != idLength || !isAlphabet(id) || !isAlphabet(rest) {
		return "", false
	}
	return id, checksum(text[:textLength-checkLength]) == text[textLength-checkLength:]
}

func isAlphabet(s string) bool {
	for i := range len(s) {
		if (s[i] < 'a' || s[i] > 'z') && (s[i] < '2' || s[i] > '7') {
			return false
		}
	}
	return true
}

// hashSecret is what the file keeps of a token. A password needs a slow hash,
// because people choose it among few and the hash lets one try them all. This
// is 256 bits that nobody chose: trying is hopeless at any speed, and a slow
// hash would only let strangers keep the server busy.
func hashSecret(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }
