// Package iampolicy writes IAM policies: the least that reading the log bucket
// needs. Package awsinventory has those of its own calls.
package iampolicy

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Statement is one of a policy.
type Statement struct {
	Sid       string         `json:"Sid"`
	Effect    string         `json:"Effect"`
	Principal map[string]any `json:"Principal,omitempty"`
	Action    []string       `json:"Action"`
	Resource  any            `json:"Resource,omitempty"`
	Condition map[string]any `json:"Condition,omitempty"`
}

// Document is a policy.
type Document struct {
	Version   string      `json:"Version"`
	Statement []Statement `json:"Statement"`
}

// New puts statements together.
func New(statements ...Statement) Document {
	return Document{Version: "2012-10-17", Statement: statements}
}

// JSON returns the policy as IAM takes it.
func (d Document) JSON() string {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		panic(err) // texts and lists of texts
	}
	return string(text) + "\n"
}

// Bucket says where log files lie.
type Bucket struct {
	Partition, Name, Prefix string
	// KeyARN is the KMS key that encrypts them; "" when none does.
	KeyARN string
}

// Ingest allows to list and read the log files of a bucket.
func Ingest(b Bucket) Document {
	bucket := "arn:" + b.Partition + ":s3:::" + b.Name
	list := Statement{Sid: "ListLogFiles", Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: bucket}
	if b.Prefix != "" {
		// Looking for the bucket's Region names no prefix.
		list.Condition = map[string]any{"StringLikeIfExists": map[string]string{"s3:prefix": literal(b.Prefix) + "*"}}
	}
	statements := []Statement{list, {Sid: "ReadLogFiles", Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: bucket + "/" + literal(b.Prefix) + "*"}}
	if b.KeyARN != "" {
		statements = append(statements, Statement{
			Sid: "DecryptLogFiles", Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: b.KeyARN,
			Condition: map[string]any{"StringLike": map[string]string{"kms:ViaService": "s3.*"}},
		})
	}
	return New(statements...)
}

// WithVerify adds what finding the public keys of digests needs.
func (d Document) WithVerify() Document {
	d.Statement = append(d.Statement, Statement{
		Sid: "FindPublicKeys", Effect: "Allow", Action: []string{"cloudtrail:ListPublicKeys"}, Resource: "*",
	})
	return d
}

// Queue is a queue of SQS that tells of log files.
type Queue struct {
	ARN string
	// KeyARN is the KMS key that encrypts its messages; "" when none does.
	KeyARN string
}

// WithQueue adds what reading a queue needs, and the other buckets whose log files
// its messages name.
func (d Document) WithQueue(q Queue, others ...Bucket) Document {
	d.Statement = append(d.Statement, Statement{
		Sid: "ReadQueue", Effect: "Allow", Action: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}, Resource: q.ARN,
	})
	if q.KeyARN != "" {
		d.Statement = append(d.Statement, Statement{
			Sid: "DecryptMessages", Effect: "Allow", Action: []string{"kms:Decrypt"}, Resource: q.KeyARN,
			Condition: map[string]any{"StringLike": map[string]string{"kms:ViaService": "sqs.*"}},
		})
	}
	for i, b := range others {
		for _, s := range Ingest(b).Statement {
			s.Sid += strconv.Itoa(i + 2)
			d.Statement = append(d.Statement, s)
		}
	}
	return d
}

// literal writes text so that a policy takes * and ? in it as they are.
func literal(s string) string {
	return strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}").Replace(s)
}
