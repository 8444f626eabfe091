package cttest

import (
	"strings"
	"time"
)

// Other is a record of another service: request is raw JSON (null when "").
func Other(at time.Time, caller Identity, region, service, name, request string) Event {
	return Event{
		Time: at, Caller: caller, Region: region, Name: name, Version: "1.10",
		Source: service + ".amazonaws.com", Request: request,
		Agent: "aws-cli/2.19.4 md/awscrt#0.23.4 ua/2.0 os/linux#6.11.0",
	}
}

// PutBucketTagging sets the tags of an S3 bucket, replacing all it had.
func PutBucketTagging(at time.Time, caller Identity, region, bucket string, tags []Pair) Event {
	var w writer
	w.begin()
	w.open("Tagging")
	w.str("xmlns", "http://s3.amazonaws.com/doc/2006-03-01/")
	w.open("TagSet")
	if len(tags) > 0 {
		appendTagList(&w, "Tag", tags)
	}
	w.end('}')
	w.end('}')
	w.str("tagging", "")
	w.str("bucketName", bucket)
	w.str("Host", bucket+".s3."+region+".amazonaws.com")
	w.end('}')
	return s3Event(at, caller, region, "PutBucketTagging", bucket, trimComma(w.b))
}

// DeleteBucketTagging removes all tags of an S3 bucket.
func DeleteBucketTagging(at time.Time, caller Identity, region, bucket string) Event {
	request := `{"tagging":"","bucketName":"` + bucket + `","Host":"` + bucket + `.s3.` + region + `.amazonaws.com"}`
	return s3Event(at, caller, region, "DeleteBucketTagging", bucket, request)
}

// PutObject is an S3 data event of an object encrypted under a KMS key.
func PutObject(at time.Time, caller Identity, region, bucket, object, keyARN string) Event {
	var w writer
	w.begin()
	w.str("bucketName", bucket)
	w.str("Host", bucket+".s3."+region+".amazonaws.com")
	w.str("key", object)
	w.str("x-amz-server-side-encryption", "aws:kms")
	w.str("x-amz-server-side-encryption-aws-kms-key-id", keyARN)
	w.end('}')
	e := s3Event(at, caller, region, "PutObject", bucket, trimComma(w.b))
	e.Category = "Data"
	e.Additional = `{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":2048,"SSEApplied":"SSE_KMS","AuthenticationMethod":"AuthHeader","bytesTransferredOut":0}`
	return e
}

// PutBucketPolicy stores a policy that speaks of KMS, escaped twice.
func PutBucketPolicy(at time.Time, caller Identity, region, bucket string) Event {
	request := `{"bucketPolicy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["kms.amazonaws.com","cloudtrail.amazonaws.com"]},"Action":"s3:PutObject","Resource":"arn:aws:s3:::` + bucket + `/*"}]},"bucketName":"` + bucket + `","policy":"","Host":"` + bucket + `.s3.amazonaws.com"}`
	return s3Event(at, caller, region, "PutBucketPolicy", bucket, request)
}

func s3Event(at time.Time, caller Identity, region, name, bucket, request string) Event {
	e := Other(at, caller, region, "s3", name, request)
	// S3's request ids are no UUIDs.
	e.RequestID = strings.ToUpper(Suffix("s3", name, bucket, at.String()))
	e.Agent = "[aws-cli/2.19.4 md/awscrt#0.23.4 ua/2.0 os/linux#6.11.0]"
	e.Additional = `{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","AuthenticationMethod":"AuthHeader"}`
	e.Resources = `[{"accountId":"` + e.Caller.Account + `","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::` + bucket + `"}]`
	return e
}

// PutRolePolicy is an IAM record whose escaped policy document names KMS.
func PutRolePolicy(at time.Time, caller Identity, role string) Event {
	var w writer
	w.begin()
	w.str("roleName", role)
	w.str("policyName", "use-keys")
	w.str("policyDocument", "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\"Effect\": \"Allow\", \"Action\": [\"kms:Decrypt\"], \"Resource\": \"*\", \"Condition\": {\"StringLike\": {\"kms:ViaService\": \"*.amazonaws.com\", \"aws:CalledVia\": \"kms.amazonaws.com\"}}}]\n}")
	w.end('}')
	return Other(at, caller, "us-east-1", "iam", "PutRolePolicy", trimComma(w.b))
}

// AssumeRole is an STS record of a service taking a role.
func AssumeRole(at time.Time, account, region, role, session, service string) Event {
	var w writer
	w.begin()
	w.str("roleArn", RoleARN(account, role))
	w.str("roleSessionName", session)
	w.number("durationSeconds", 3600)
	w.end('}')
	e := Other(at, AWSService(service+".amazonaws.com"), region, "sts", "AssumeRole", trimComma(w.b))
	e.Version, e.Agent = "1.08", ""
	e.Recipient = Account(account)
	e.Response = `{"credentials":{"accessKeyId":"` + UniqueID("ASIA", account, role, session) + `","sessionToken":"dG9rZW4=","expiration":"` +
		at.Add(time.Hour).UTC().Format("Jan 2, 2006, 3:04:05 PM") + `"},"assumedRoleUser":{"assumedRoleId":"` +
		UniqueID("AROA", Account(account), role) + `:` + session + `","arn":"arn:aws:sts::` + Account(account) + `:assumed-role/` + role + `/` + session + `"}}`
	e.Resources = `[{"accountId":"` + Account(account) + `","type":"AWS::IAM::Role","ARN":"` + RoleARN(account, role) + `"}]`
	return e
}

// CreateVolume makes an EBS volume, encrypted under keyARN or not at all ("").
func CreateVolume(at time.Time, caller Identity, region, keyARN string) Event {
	request := `{"size":"100","zone":"` + region + `a","volumeType":"gp3","encrypted":`
	if keyARN == "" {
		request += `false}`
	} else {
		request += `true,"kmsKeyId":"` + keyARN + `"}`
	}
	e := Other(at, caller, region, "ec2", "CreateVolume", request)
	id := HexID(17, "volume", caller.Account, region, at.String())
	e.Response = `{"requestId":"` + UUID("ec2", id) + `","volumeId":"vol-` + id + `","size":"100","zone":"` + region + `a","status":"creating","volumeType":"gp3","encrypted":`
	if keyARN == "" {
		e.Response += `false}`
	} else {
		e.Response += `true,"kmsKeyId":"` + keyARN + `"}`
	}
	return e
}

// CreateTags tags EC2 resources by id.
func CreateTags(at time.Time, caller Identity, region, resource string, tags []Pair) Event {
	var w writer
	w.begin()
	w.raw("resourcesSet", `{"items":[{"resourceId":"`+resource+`"}]}`)
	w.open("tagSet")
	w.openList("items")
	for _, t := range tags {
		w.begin()
		w.str("key", t.Key)
		w.str("value", t.Value)
		w.end('}')
	}
	w.end(']')
	w.end('}')
	w.end('}')
	e := Other(at, caller, region, "ec2", "CreateTags", trimComma(w.b))
	e.Response = `{"requestId":"` + UUID("ec2", resource) + `","_return":true}`
	return e
}

// TagSecret is Secrets Manager's TagResource; secret is an ARN.
func TagSecret(at time.Time, caller Identity, region, secret string, tags []Pair) Event {
	var w writer
	w.begin()
	w.str("secretId", secret)
	appendKeyValues(&w, "tags", "key", "value", tags)
	w.end('}')
	return Other(at, caller, region, "secretsmanager", "TagResource", trimComma(w.b))
}

// UntagSecret is Secrets Manager's UntagResource.
func UntagSecret(at time.Time, caller Identity, region, secret string, keys []string) Event {
	var w writer
	w.begin()
	w.str("secretId", secret)
	w.list("tagKeys", keys)
	w.end('}')
	return Other(at, caller, region, "secretsmanager", "UntagResource", trimComma(w.b))
}

// TagByARN is TagResource of a service whose request has resourceArn and a
// list of key/value tags, such as DynamoDB.
func TagByARN(at time.Time, caller Identity, region, service, arn string, tags []Pair) Event {
	var w writer
	w.begin()
	w.str("resourceArn", arn)
	appendKeyValues(&w, "tags", "key", "value", tags)
	w.end('}')
	return Other(at, caller, region, service, "TagResource", trimComma(w.b))
}

// PutEventSelectors is a trail being told to leave out KMS records, or not.
func PutEventSelectors(at time.Time, caller Identity, region string, excludeKMS bool) Event {
	exclude := `[]`
	if excludeKMS {
		exclude = `["kms.amazonaws.com"]`
	}
	return Other(at, caller, region, "cloudtrail", "PutEventSelectors",
		`{"trailName":"org-trail","eventSelectors":[{"readWriteType":"All","includeManagementEvents":true,"dataResources":[],"excludeManagementEventSources":`+exclude+`}]}`)
}

// UpdateTrail sets the key of a trail's log files.
func UpdateTrail(at time.Time, caller Identity, region, keyARN string) Event {
	return Other(at, caller, region, "cloudtrail", "UpdateTrail",
		`{"name":"org-trail","s3BucketName":"example-org-logs","isMultiRegionTrail":true,"enableLogFileValidation":true,"kmsKeyId":"`+keyARN+`"}`)
}

// appendTagList writes S3's tags: a list of objects.
func appendTagList(w *writer, name string, tags []Pair) {
	w.openList(name)
	for _, t := range tags {
		w.begin()
		w.str("Key", t.Key)
		w.str("Value", t.Value)
		w.end('}')
	}
	w.end(']')
}

func appendKeyValues(w *writer, name, key, value string, tags []Pair) {
	w.openList(name)
	for _, t := range tags {
		w.begin()
		w.str(key, t.Key)
		w.str(value, t.Value)
		w.end('}')
	}
	w.end(']')
}

func trimComma(b []byte) string { return strings.TrimSuffix(string(b), ",") }
