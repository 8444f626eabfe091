package queuesource

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	logKey    = "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/22/111122223333_CloudTrail_eu-central-1_20261122T0900Z_AAAAAAAAAAAAAAAA.json.gz"
	testETag  = "0123456789abcdef0123456789abcdef"
	testEvent = `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-22T09:00:00.000Z","Bucket":"example-trail-logs","RequestId":"1","HostId":"2"}`
	record    = `{"eventVersion":"1.11","eventID":"11111111-1111-4111-8111-111111111111","eventSource":"kms.amazonaws.com","eventName":"Decrypt"}`
)

// s3Event is a notification of S3 of objects, whose keys are URL-encoded.
func s3Event(name string, keys ...string) string {
	var records []string
	for _, key := range keys {
		records = append(records, fmt.Sprintf(`{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-central-1","eventTime":"2026-11-22T09:00:01.500Z",
			"eventName":%q,"s3":{"s3SchemaVersion":"1.0","bucket":{"name":"example-trail-logs","arn":"arn:aws:s3:::example-trail-logs"},
			"object":{"key":%q,"size":421,"eTag":%q,"sequencer":"0055AED6DCD90281E5"}}}`, name, key, testETag))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

// sns puts a message into the envelope of SNS.
func sns(message string) string {
	text, _ := json.Marshal(message)
	return `{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:eu-central-1:111122223333:trail","Message":` + string(text) + `,"Timestamp":"2026-11-22T09:00:02.000Z","SignatureVersion":"1"}`
}

func busEventOf(source, kind, detail string) string {
	return fmt.Sprintf(`{"version":"0","id":"1","detail-type":%q,"source":%q,"account":"111122223333","time":"2026-11-22T09:00:03Z","region":"eu-central-1","resources":[],"detail":%s}`, kind, source, detail)
}

func TestDecode(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 1, 500_000_000, time.UTC)
	busTime := time.Date(2026, 11, 22, 9, 0, 3, 0, time.UTC)
	ref := func(key string) Ref {
		return Ref{Bucket: "example-trail-logs", Key: key, ETag: `"` + testETag + `"`, Size: 421, Written: at}
	}
	named := func(keys ...string) Notice {
		var n Notice
		for _, k := range keys {
			n.Objects = append(n.Objects, Ref{Bucket: "example-trail-logs", Key: k, Size: -1})
		}
		return n
	}
	created := `{"version":"0","bucket":{"name":"example-trail-logs"},"object":{"key":"a+b%20c.json.gz","size":421,"etag":"` + testETag + `","sequencer":"1"},"reason":"PutObject"}`
	tests := map[string]struct {
		body string
		want Notice
	}{
		"S3":                    {s3Event("ObjectCreated:Put", logKey), Notice{Objects: []Ref{ref(logKey)}}},
		"several objects":       {s3Event("ObjectCreated:CompleteMultipartUpload", "a.json", "b.json"), Notice{Objects: []Ref{ref("a.json"), ref("b.json")}}},
		"URL-encoded":           {s3Event("ObjectCreated:Put", "trail+one/%C3%A4%2B%25.json.gz"), Notice{Objects: []Ref{ref("trail one/ä+%.json.gz")}}},
		"of MinIO":              {strings.Replace(s3Event("s3:ObjectCreated:Put", "a.json"), "aws:s3", "minio:s3", 1), Notice{Objects: []Ref{ref("a.json")}}},
		"deleted object":        {s3Event("ObjectRemoved:Delete", logKey), Notice{}},
		"no records":            {`{"Records":[]}`, Notice{}},
		"test of S3":            {testEvent, Notice{}},
		"test of S3 by SNS":     {sns(testEvent), Notice{}},
		"test of CloudTrail":    {sns(trailTest), Notice{}},
		"raw test":              {trailTest, Notice{}},
		"S3 by SNS":             {sns(s3Event("ObjectCreated:Put", "trail+one/a.json")), Notice{Objects: []Ref{ref("trail one/a.json")}}},
		"CloudTrail by SNS":     {sns(`{"s3Bucket":"example-trail-logs","s3ObjectKey":["a+b%20c.json.gz","` + logKey + `"]}`), named("a+b%20c.json.gz", logKey)},
		"CloudTrail, raw":       {`{"s3Bucket":"example-trail-logs","s3ObjectKey":["` + logKey + `"]}`, named(logKey)},
		"EventBridge":           {busEventOf("aws.s3", "Object Created", created), Notice{Objects: []Ref{{Bucket: "example-trail-logs", Key: "a+b%20c.json.gz", ETag: `"` + testETag + `"`, Size: 421, Written: busTime}}}},
		"EventBridge, deleted":  {busEventOf("aws.s3", "Object Deleted", created), Notice{}},
		"record":                {busEventOf("aws.kms", "AWS API Call via CloudTrail", record), Notice{Record: []byte(record), Account: "111122223333", Region: "eu-central-1", Time: busTime}},
		"record of the service": {busEventOf("aws.kms", "AWS Service Event via CloudTrail", record), Notice{Record: []byte(record), Account: "111122223333", Region: "eu-central-1", Time: busTime}},
		"record by SNS":         {sns(busEventOf("aws.kms", "AWS API Call via CloudTrail", record)), Notice{Record: []byte(record), Account: "111122223333", Region: "eu-central-1", Time: busTime}},
		"Insight":               {busEventOf("aws.kms", "AWS Insight via CloudTrail", record), Notice{}},
		"event of KMS":          {busEventOf("aws.kms", "KMS CMK Deletion", `{"key-id":"x"}`), Notice{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Decode([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecode_poison(t *testing.T) {
	many := make([]string, maxObjects+1)
	for i := range many {
		many[i] = "a.json"
	}
	object := func(bucket, key, etag string) string {
		return busEventOf("aws.s3", "Object Created", fmt.Sprintf(`{"bucket":{"name":%q},"object":{"key":%q,"size":1,"etag":%q}}`, bucket, key, etag))
	}
	for want, body := range map[string]string{
		"is no JSON object":               "hello",
		"unexpected end":                  `{"Records":[`,
		"neither Records nor s3Bucket":    `{"a":1}`,
		"are no list of S3 events":        `{"Records":"x"}`,
		`record 0 is of "kms.amazonaws`:   `{"Records":[` + record + `]}`,
		"not URL-encoded":                 s3Event("ObjectCreated:Put", "a%zz"),
		"more than 1000 objects":          s3Event("ObjectCreated:Put", many...),
		"does not name a bucket":          object("../x", "a.json", testETag),
		"is not the key":                  object("example-trail-logs", strings.Repeat("k", maxKey+1), testETag),
		"is no ETag":                      object("example-trail-logs", "a.json", "a b\r\n"),
		"s3ObjectKey is no list":          `{"s3Bucket":"example-trail-logs","s3ObjectKey":{}}`,
		"s3Bucket is no text":             `{"s3Bucket":7}`,
		"inside of another":               sns(sns(testEvent)),
		"Message that is no text":         `{"Type":"Notification","Message":{}}`,
		"confirm-subscription":            `{"Type":"SubscriptionConfirmation","Message":"m","SubscribeURL":"https://sns.example.com"}`,
		"has no detail":                   busEventOf("aws.kms", "AWS API Call via CloudTrail", `"x"`),
		"neither a new object":            busEventOf("aws.ec2", "EC2 Instance State-change Notification", `{}`),
		fmt.Sprintf("limit is %d", 1<<20): `{"a":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		if _, err := Decode([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		s3Event("ObjectCreated:Put", logKey), sns(s3Event("ObjectCreated:Put", "a+b")), testEvent, trailTest,
		busEventOf("aws.kms", "AWS API Call via CloudTrail", record), `{"s3Bucket":"b12","s3ObjectKey":["k"]}`, `{"Records":[null]}`,
		busEventOf("aws.s3", "Object Created", `{"bucket":{"name":"b12"},"object":{"key":"k","size":-5}}`),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := Decode(body)
		if err != nil && (n.Objects != nil || n.Record != nil) {
			t.Fatalf("%+v with %v", n, err)
		}
		if len(n.Objects) > maxObjects {
			t.Fatalf("%d objects", len(n.Objects))
		}
		for _, o := range n.Objects {
			if o.Bucket == "" || o.Key == "" || len(o.Key) > maxKey || o.Size < -1 {
				t.Fatalf("%+v", o)
			}
		}
		if n.Record != nil && !json.Valid(n.Record) {
			t.Fatalf("%q is no JSON", n.Record)
		}
	})
}

func TestParseURL(t *testing.T) {
	for url, want := range map[string][4]string{
		"https://sqs.eu-central-1.amazonaws.com/111122223333/trail":               {"eu-central-1", "111122223333", "trail", "sqs://sqs.eu-central-1.amazonaws.com/111122223333/trail"},
		"https://sqs.cn-north-1.amazonaws.com.cn/111122223333/trail":              {"cn-north-1", "111122223333", "trail", "sqs://sqs.cn-north-1.amazonaws.com.cn/111122223333/trail"},
		"https://vpce-0a-1b.sqs.us-gov-west-1.vpce.amazonaws.com/111122223333/q/": {"us-gov-west-1", "111122223333", "q", "sqs://vpce-0a-1b.sqs.us-gov-west-1.vpce.amazonaws.com/111122223333/q/"},
		"https://queue.amazonaws.com/111122223333/trail":                          {"us-east-1", "111122223333", "trail", "sqs://queue.amazonaws.com/111122223333/trail"},
		"http://127.0.0.1:4566/queue/trail":                                       {"", "", "", "sqs://127.0.0.1:4566/queue/trail"},
	} {
		a, err := ParseURL(url)
		if got := [4]string{a.Region, a.Account, a.Queue, a.Name()}; err != nil || got != want {
			t.Errorf("%s: %q, %v", url, got, err)
		}
	}
	for _, url := range []string{"", "trail", "arn:aws:sqs:eu-central-1:111122223333:trail", "s3://bucket/x", "https://sqs.eu-central-1.amazonaws.com", "https://u:p@sqs.example.com/1/q"} {
		if _, err := ParseURL(url); err == nil || !strings.Contains(err.Error(), "not the URL of a queue") {
			t.Errorf("%q: %v", url, err)
		}
	}
}
