package queuesource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxBody is the most that SQS allows a message to be.
	maxBody = 1 << 20
	// maxObjects bounds the objects that one message names. S3 names one, CloudTrail
	// a few.
	maxObjects = 1000
	// maxKey is the longest key that S3 allows.
	maxKey = 1024
	// maxWrapped is how many envelopes may be around a notice: SNS's.
	maxWrapped = 1

	// trailTest is what CloudTrail sends to a topic when it is configured.
	trailTest = "CloudTrail validation message."
)

// Notice is what a message says. One without objects and records says nothing
// that is of use here, such as S3's test of a new configuration.
type Notice struct {
	Objects []Ref
	// Record is a CloudTrail record that the message itself holds, and Account and
	// Region are where EventBridge had it from.
	Record          []byte
	Account, Region string
	// Time is when EventBridge says it happened; zero when it does not.
	Time time.Time
}

// Ref names an object of a bucket.
type Ref struct {
	Bucket, Key string
	// ETag is "" and Size -1 when the message does not say. The ETag has its
	// quotes, as in a listing.
	ETag string
	Size int64
	// Written is when S3 had the object; zero when the message does not say.
	Written time.Time
}

// Decode reads a message: an event notification of S3, CloudTrail's own notice of
// delivered files, both also in the envelope of SNS, and EventBridge's events of
// new objects and of CloudTrail records.
func Decode(body []byte) (Notice, error) {
	if len(body) > maxBody {
		return Notice{}, fmt.Errorf("the message has %d bytes; the limit is %d", len(body), maxBody)
	}
	return decode(body, 0)
}

func decode(body []byte, wrapped int) (Notice, error) {
	if string(bytes.TrimSpace(body)) == trailTest {
		return Notice{}, nil
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return Notice{}, fmt.Errorf("the message is no JSON object: %w", err)
	}
	kind, _ := text(m["Type"])
	event, _ := text(m["Event"])
	switch {
	case kind == "Notification" && m["Message"] != nil:
		inner, ok := text(m["Message"])
		switch {
		case !ok:
			return Notice{}, errors.New("the SNS envelope has a Message that is no text")
		case wrapped == maxWrapped:
			return Notice{}, errors.New("there is an SNS envelope inside of another")
		}
		return decode([]byte(inner), wrapped+1)
	case kind == "SubscriptionConfirmation":
		return Notice{}, errors.New("SNS wants a subscription confirmed that this queue was subscribed with from another account: open its SubscribeURL, or confirm it by aws sns confirm-subscription")
	case kind == "UnsubscribeConfirmation", event == "s3:TestEvent":
		return Notice{}, nil
	case m["s3Bucket"] != nil:
		return trailNotice(m)
	case m["detail-type"] != nil:
		return busEvent(m)
	case m["Records"] != nil:
		return bucketNotice(m["Records"])
	}
	return Notice{}, errors.New("the message is no notice of S3, CloudTrail or EventBridge: it has neither Records nor s3Bucket nor detail-type")
}

// text returns a JSON string.
func text(raw json.RawMessage) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// trailNotice reads CloudTrail's notice of files that it has delivered.
func trailNotice(m map[string]json.RawMessage) (n Notice, err error) {
	bucket, ok := text(m["s3Bucket"])
	if !ok {
		return n, errors.New("s3Bucket is no text")
	}
	var keys []string
	if err := json.Unmarshal(m["s3ObjectKey"], &keys); err != nil {
		return n, fmt.Errorf("s3ObjectKey is no list of keys: %w", err)
	}
	for _, key := range keys {
		if err := n.add(Ref{Bucket: bucket, Key: key, Size: -1}); err != nil {
			return Notice{}, err
		}
	}
	return n, nil
}

// bucketNotice reads an event notification of S3.
func bucketNotice(raw json.RawMessage) (n Notice, err error) {
	var records []struct {
		EventSource string    `json:"eventSource"`
		EventName   string    `json:"eventName"`
		EventTime   time.Time `json:"eventTime"`
		S3          struct {
			Bucket struct {
				Name string `json:"name"`
			} `json:"bucket"`
			Object struct {
				Key  string `json:"key"`
				Size *int64 `json:"size"`
				ETag string `json:"eTag"`
			} `json:"object"`
		} `json:"s3"`
	}
	if err := json.Unmarshal(raw, &records); err != nil {
		return n, fmt.Errorf("its Records are no list of S3 events: %w", err)
	}
	for i, r := range records {
		if !strings.HasSuffix(r.EventSource, ":s3") {
			return Notice{}, fmt.Errorf("record %d is of %q, not an event of S3", i, r.EventSource)
		}
		if !strings.HasPrefix(strings.TrimPrefix(r.EventName, "s3:"), "ObjectCreated:") {
			continue // deleted, restored, tagged
		}
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if err != nil {
			return Notice{}, fmt.Errorf("record %d has a key that is not URL-encoded: %w", i, err)
		}
		ref := Ref{Bucket: r.S3.Bucket.Name, Key: key, ETag: quoted(r.S3.Object.ETag), Size: -1, Written: r.EventTime.UTC()}
		if size := r.S3.Object.Size; size != nil {
			ref.Size = *size
		}
		if err := n.add(ref); err != nil {
			return Notice{}, err
		}
	}
	return n, nil
}

// viaCloudTrail is how the types of EventBridge's events end that hold a record.
const viaCloudTrail = " via CloudTrail"

// busEvent reads an event of EventBridge.
func busEvent(m map[string]json.RawMessage) (n Notice, err error) {
	kind, _ := text(m["detail-type"])
	source, _ := text(m["source"])
	at, _ := text(m["time"])
	n.Account, _ = text(m["account"])
	n.Region, _ = text(m["region"])
	n.Time, _ = time.Parse(time.RFC3339, at)
	switch detail := m["detail"]; {
	case len(detail) == 0 || detail[0] != '{':
		return Notice{}, fmt.Errorf("the event %q has no detail", kind)
	case kind == "AWS Insight"+viaCloudTrail:
		return Notice{}, nil // statistics, no call
	case strings.HasSuffix(kind, viaCloudTrail):
		n.Record = detail
		return n, nil
	case kind == "Object Created":
		return createdObject(n, detail)
	case source == "aws.s3", source == "aws.kms":
		return Notice{}, nil // of an object that is not new; of KMS without a record
	}
	return Notice{}, fmt.Errorf("the event %q of %q is neither a new object nor a CloudTrail record", kind, source)
}

// createdObject reads EventBridge's event of a new object, whose key is not
// URL-encoded.
func createdObject(n Notice, detail json.RawMessage) (Notice, error) {
	var d struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key  string `json:"key"`
			Size *int64 `json:"size"`
			ETag string `json:"etag"`
		} `json:"object"`
	}
	if err := json.Unmarshal(detail, &d); err != nil {
		return Notice{}, fmt.Errorf("the event of a new object cannot be read: %w", err)
	}
	ref := Ref{Bucket: d.Bucket.Name, Key: d.Object.Key, ETag: quoted(d.Object.ETag), Size: -1, Written: n.Time.UTC()}
	if d.Object.Size != nil {
		ref.Size = *d.Object.Size
	}
	out := Notice{}
	err := out.add(ref)
	return out, err
}

// quoted returns an ETag as listings have it.
func quoted(etag string) string {
	if etag = strings.Trim(etag, `"`); etag == "" {
		return ""
	}
	return `"` + etag + `"`
}

var (
	bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$`)
	etagShape  = regexp.MustCompile(`^("[A-Za-z0-9+/=_-]{1,128}")?$`)
)

// add takes an object in after a look at what is said of it.
func (n *Notice) add(r Ref) error {
	switch {
	case len(n.Objects) == maxObjects:
		return fmt.Errorf("the message names more than %d objects", maxObjects)
	case !bucketName.MatchString(r.Bucket):
		return fmt.Errorf("%.80q does not name a bucket", r.Bucket)
	case r.Key == "" || len(r.Key) > maxKey || !utf8.ValidString(r.Key) || strings.ContainsRune(r.Key, 0):
		return fmt.Errorf("%.80q is not the key of an object", r.Key)
	case !etagShape.MatchString(r.ETag):
		return fmt.Errorf("%.80q is no ETag", r.ETag)
	case r.Size < -1:
		return fmt.Errorf("the size of %.80q is negative", r.Key)
	}
	n.Objects = append(n.Objects, r)
	return nil
}
