package iampolicy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIngest(t *testing.T) {
	const key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	want := `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "ListLogFiles",
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket"
      ],
      "Resource": "arn:aws:s3:::example-trail-logs",
      "Condition": {
        "StringLikeIfExists": {
          "s3:prefix": "org${*}/*"
        }
      }
    },
    {
      "Sid": "ReadLogFiles",
      "Effect": "Allow",
      "Action": [
        "s3:GetObject"
      ],
      "Resource": "arn:aws:s3:::example-trail-logs/org${*}/*"
    },
    {
      "Sid": "DecryptLogFiles",
      "Effect": "Allow",
      "Action": [
        "kms:Decrypt"
      ],
      "Resource": "` + key + `",
      "Condition": {
        "StringLike": {
          "kms:ViaService": "s3.*"
        }
      }
    }
  ]
}
`
	if diff := cmp.Diff(want, Ingest(Bucket{"aws", "example-trail-logs", "org*/", key}).JSON()); diff != "" {
		t.Error(diff)
	}
	plain := Ingest(Bucket{Partition: "aws-cn", Name: "logs"})
	if len(plain.Statement) != 2 || plain.Statement[0].Condition != nil || plain.Statement[1].Resource != "arn:aws-cn:s3:::logs/*" {
		t.Errorf("%+v", plain)
	}
}

// TestIngest_calls: the source makes no call that the policy does not allow.
func TestIngest_calls(t *testing.T) {
	// S3 has no action for HEAD.
	needs := map[string]string{"ListObjectsV2": "s3:ListBucket", "HeadBucket": "s3:ListBucket", "HeadObject": "s3:GetObject", "GetObject": "s3:GetObject"}
	text := Ingest(Bucket{Partition: "aws", Name: "logs"}).JSON()
	files, err := filepath.Glob("../../ingest/s3source/*.go")
	if err != nil {
		t.Fatal(err)
	}
	input := regexp.MustCompile(`\bs3\.([A-Z][A-Za-z0-9]*)Input\b`)
	found := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range input.FindAllStringSubmatch(string(src), -1) {
			found[m[1]] = true
		}
	}
	for call := range found {
		switch call {
		case "PutObject", "DeleteObject": // of a lake, which the policy is not for
			continue
		}
		if action := needs[call]; action == "" || !strings.Contains(text, `"`+action+`"`) {
			t.Errorf("the source calls %s, which the policy does not allow", call)
		}
	}
	if !found["ListObjectsV2"] || !found["GetObject"] {
		t.Errorf("found %v", found)
	}
}

// TestWithQueue: three actions on one queue, and what the other buckets need.
func TestWithQueue(t *testing.T) {
	const queue, key = "arn:aws:sqs:eu-central-1:111122223333:trail", "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	got := Ingest(Bucket{Partition: "aws", Name: "logs"}).WithQueue(Queue{queue, key}, Bucket{Partition: "aws", Name: "other", Prefix: "org/"})
	var lines []string
	sids := map[string]bool{}
	for _, s := range got.Statement {
		if sids[s.Sid] {
			t.Errorf("two statements are called %s", s.Sid)
		}
		sids[s.Sid] = true
		lines = append(lines, strings.Join(s.Action, ",")+" "+s.Resource.(string))
	}
	want := []string{
		"s3:ListBucket arn:aws:s3:::logs", "s3:GetObject arn:aws:s3:::logs/*",
		"sqs:ReceiveMessage,sqs:DeleteMessage,sqs:ChangeMessageVisibility " + queue, "kms:Decrypt " + key,
		"s3:ListBucket arn:aws:s3:::other", "s3:GetObject arn:aws:s3:::other/org/*",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}
