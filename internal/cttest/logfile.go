package cttest

import (
	"bytes"
	"compress/gzip"
	"strings"
	"time"
)

// Body is the JSON text of a log file that holds the records.
func Body(records ...[]byte) []byte {
	n := len(`{"Records":[]}`)
	for _, r := range records {
		n += len(r) + 1
	}
	b := append(make([]byte, 0, n), `{"Records":[`...)
	for i, r := range records {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, r...)
	}
	return append(b, "]}"...)
}

// LogFile is a log object: the gzipped body. The gzip header has no time, so
// equal records give equal bytes.
func LogFile(records ...[]byte) []byte { return Gzip(Body(records...)) }

// Gzip compresses body without a time in the header.
func Gzip(body []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(body); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// Key is the object key of a log file. prefix is "" or ends with a slash; org
// is "" unless the trail is an organisation's; suffix is the sixteen
// characters that make the name unique, and is derived from the rest when "".
func Key(prefix, org, account, region string, delivered time.Time, suffix string) string {
	return FolderKey(prefix, org, "CloudTrail", account, region, delivered, suffix)
}

// FolderKey is like Key for a sibling folder: CloudTrail-Insight,
// CloudTrail-NetworkActivity, CloudTrail-Aggregated, CloudTrail-Digest.
func FolderKey(prefix, org, folder, account, region string, delivered time.Time, suffix string) string {
	account = Account(account)
	delivered = delivered.UTC()
	stamp := delivered.Format("20060102T1504Z")
	if suffix == "" {
		suffix = Suffix(folder, account, region, stamp)
	}
	var b strings.Builder
	b.WriteString(prefix)
	b.WriteString("AWSLogs/")
	if org != "" {
		b.WriteString(org + "/")
	}
	b.WriteString(account + "/" + folder + "/" + region + "/" + delivered.Format("2006/01/02/"))
	b.WriteString(account + "_" + folder + "_" + region + "_")
	if folder == "CloudTrail-Digest" {
		b.WriteString("org-trail_us-east-1_" + delivered.Format("20060102T150405Z"))
	} else {
		b.WriteString(stamp + "_" + suffix)
	}
	b.WriteString(".json.gz")
	return b.String()
}

// Suffix derives the sixteen letters and digits at the end of a log file's
// name.
func Suffix(parts ...string) string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	h := digest(parts)
	b := make([]byte, 16)
	for i := range b {
		b[i] = letters[int(h[i])%len(letters)]
	}
	return string(b)
}
