package ingest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/kmstrail/kmstrail/schema"
)

// relatedNames is the keep-list: the few calls to other services that
// detectors need, by event source. What makes or tags encrypted storage, what
// switches encryption on or off, and what decides which records CloudTrail
// delivers at all.
var relatedNames = func() map[string]map[string]bool {
	m := make(map[string]map[string]bool)
	add := func(source string, names ...string) {
		m[source] = make(map[string]bool)
		for _, n := range names {
			m[source][n] = true
		}
	}
	add("cloudtrail.amazonaws.com", "CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging",
		"PutEventSelectors", "PutInsightSelectors")
	add("s3.amazonaws.com", "CreateBucket", "PutBucketTagging", "DeleteBucketTagging", "PutBucketEncryption", "DeleteBucketEncryption")
	add("ec2.amazonaws.com", "CreateTags", "DeleteTags", "CreateVolume", "CreateSnapshot", "CopySnapshot",
		"EnableEbsEncryptionByDefault", "DisableEbsEncryptionByDefault", "ModifyEbsDefaultKmsKeyId", "ResetEbsDefaultKmsKeyId")
	add("rds.amazonaws.com", "CreateDBInstance", "CreateDBCluster", "CreateDBInstanceReadReplica", "CopyDBSnapshot",
		"CopyDBClusterSnapshot", "RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime",
		"RestoreDBClusterFromSnapshot", "RestoreDBClusterToPointInTime", "AddTagsToResource", "RemoveTagsFromResource")
	add("redshift.amazonaws.com", "CreateCluster")
	add("dynamodb.amazonaws.com", "CreateTable", "UpdateTable", "TagResource", "UntagResource")
	add("secretsmanager.amazonaws.com", "CreateSecret", "TagResource", "UntagResource")
	add("ssm.amazonaws.com", "AddTagsToResource", "RemoveTagsFromResource")
	add("lambda.amazonaws.com", "TagResource20170331v2", "UntagResource20170331v2", "TagResource", "UntagResource")
	add("logs.amazonaws.com", "TagResource", "UntagResource", "TagLogGroup", "UntagLogGroup", "AssociateKmsKey", "DisassociateKmsKey")
	add("sns.amazonaws.com", "TagResource", "UntagResource")
	add("sqs.amazonaws.com", "TagQueue", "UntagQueue")
	add("kinesis.amazonaws.com", "AddTagsToStream", "RemoveTagsFromStream")
	add("elasticfilesystem.amazonaws.com", "CreateFileSystem", "TagResource", "UntagResource", "CreateTags", "DeleteTags")
	add("tagging.amazonaws.com", "TagResources", "UntagResources")
	return m
}()

// relatedBuilder fills the columns of related_events.
type relatedBuilder struct {
	t    *table
	n    int
	size int
	seen map[uuid]bool
	// keepAll adds a record that the batch has as well.
	keepAll bool

	logFile, eventTime, eventID               *fixedColumn
	recordIndex                               *fixedColumn
	source, name, region, recipient, caller   *stringColumn
	principal, errorCode, key, resource, text *stringColumn
	tags                                      *listColumn

	trailEvents, encryption, responseKey *stringColumn
	logValidation, encrypted             *boolColumn
}

func newRelatedBuilder() *relatedBuilder {
	b := &relatedBuilder{t: newTable(&schema.RelatedEvents), seen: make(map[uuid]bool)}
	for name, dst := range map[string]any{
		"log_file_id": &b.logFile, "record_index": &b.recordIndex, "event_id": &b.eventID, "event_time": &b.eventTime,
		"event_source": &b.source, "event_name": &b.name, "region": &b.region, "recipient_account_id": &b.recipient,
		"caller_account_id": &b.caller, "principal_arn": &b.principal, "error_code": &b.errorCode, "key_arn": &b.key,
		"resource_arn": &b.resource, "tags": &b.tags, "record": &b.text,
		"trail_kms_events": &b.trailEvents, "trail_log_validation": &b.logValidation,
		"encrypted": &b.encrypted, "encryption_type": &b.encryption, "response_key_arn": &b.responseKey,
	} {
		bindColumn(b.t, &schema.RelatedEvents, name, dst)
	}
	return b
}

// add appends a related record; it reports false when the batch has it.
func (b *relatedBuilder) add(e *event, r *relatedRecord, logFile int64, index int) bool {
	if b.seen[e.id] && !b.keepAll {
		return false
	}
	b.seen[e.id] = true
	n := b.n
	b.n++
	b.logFile.setInt64(n, logFile)
	b.recordIndex.setInt32(n, int32(index))
	b.eventID.setUUID(n, e.id)
	b.eventTime.setInt64(n, e.time)
	b.source.set(n, r.source)
	putText(b.name, n, e.name)
	putText(b.region, n, e.region)
	putText(b.recipient, n, e.recipient)
	putText(b.caller, n, e.caller)
	putText(b.principal, n, e.principalARN)
	putText(b.errorCode, n, e.errorCode)
	putText(b.key, n, r.key)
	putText(b.resource, n, r.resource)
	putPairs(b.tags, n, r.hasTags, r.tags)
	putName(b.trailEvents, n, r.trailEvents)
	putFlag(b.logValidation, n, r.logValidation)
	putFlag(b.encrypted, n, r.encrypted)
	putText(b.encryption, n, r.encryption)
	putText(b.responseKey, n, r.responseKey)
	b.text.set(n, r.record)
	b.size += len(r.record) + 200
	return true
}

func (b *relatedBuilder) record() arrow.RecordBatch { return b.t.record(b.n) }
func (b *relatedBuilder) bytes() int                { return b.size }

func (b *relatedBuilder) reset() {
	b.t.reset()
	clear(b.seen)
	b.n, b.size = 0, 0
}

// relatedRecord is what a record of another service is kept for.
type relatedRecord struct {
	source, key, resource []byte
	tags                  []pair
	hasTags               bool
	record                []byte

	trailEvents             string // which KMS records a trail takes; see selectedEvents
	logValidation           flag
	encrypted               flag
	encryption, responseKey []byte
}

// related decodes a record on the keep-list. These are few, so the request is
// read with the standard library.
func (d *decoder) related(b []byte, o *outline) (relatedRecord, *recordError) {
	d.b, d.o, d.err, d.notes = b, o, nil, d.notes[:0]
	d.e.reset()
	d.a.reset()
	d.rest.reset()
	d.sessionRole, d.userName, d.principalID = issuer{}, nil, nil
	raw := b[o.start:o.end]
	if d.checkBounds(); d.err != nil {
		return relatedRecord{}, d.err
	}
	if !json.Valid(raw) {
		return relatedRecord{}, &recordError{"bad_json", "the record is not valid JSON"}
	}
	if d.identityOfRecord(); d.err != nil {
		return relatedRecord{}, d.err
	}
	d.plainMembers()
	d.userIdentity()
	r := relatedRecord{source: d.text(o.spans[mEventSource]), record: raw}
	if !utf8.Valid(raw) {
		r.record = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
		d.note("invalid_utf8", "the record is not valid UTF-8; what is invalid was replaced by U+FFFD")
	}
	request, response := objectOf(b, o.spans[mRequestParameters]), objectOf(b, o.spans[mResponseElements])
	r.read(request, string(d.e.name))
	r.readResponse(response, string(d.e.name))
	r.readTrail(request, response, string(d.e.name))
	r.readStorage(request, response)
	return r, d.err
}

// objectOf reads a member of the record; nil when it is no object.
func objectOf(b []byte, v value) map[string]any {
	var members map[string]any
	if v.kind != kindObject || json.Unmarshal(b[v.start:v.end], &members) != nil {
		return nil
	}
	return members
}

// read takes resource, tags and key out of the request.
func (r *relatedRecord) read(params map[string]any, eventName string) {
	r.resource = resourceOf(params)
	tags, found := tagsOf(params)
	for _, t := range tags {
		if r.hasTags = true; t.key != nil && !hasKey(r.tags, t.key) && len(r.tags) < maxPairs {
			r.tags = append(r.tags, t)
		}
	}
	r.hasTags = r.hasTags || found || eventName == "DeleteBucketTagging"
}

// resourceMembers are the names under which requests name their resource, the
// full ARN first.
var resourceMembers = []string{
	"resourceArn", "resourceARN", "ResourceArn", "ResourceARN", "arn", "resource", "resourceName", "secretId",
	"resourceId", "logGroupName", "queueUrl", "streamName", "tableName", "fileSystemId", "dBInstanceIdentifier",
	"dBClusterIdentifier", "clusterIdentifier", "trailName", "name",
}

// resourceOf names the resource a request is about: an ARN, where the request
// has or implies one, else its id or name.
func resourceOf(params map[string]any) []byte {
	if bucket, ok := params["bucketName"].(string); ok {
		return []byte("arn:aws:s3:::" + bucket)
	}
	if set, ok := params["resourcesSet"].(map[string]any); ok { // EC2
		if items, ok := set["items"].([]any); ok && len(items) > 0 {
			if first, ok := items[0].(map[string]any); ok {
				if id, ok := first["resourceId"].(string); ok {
					return []byte(id)
				}
			}
		}
	}
	for _, name := range resourceMembers {
		switch v := params[name].(type) {
		case string:
			return []byte(v)
		case []any:
			if s, ok := first(v).(string); ok {
				return []byte(s)
			}
		}
	}
	if list, ok := params["resourceARNList"].([]any); ok {
		if s, ok := first(list).(string); ok {
			return []byte(s)
		}
	}
	return nil
}

func first(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// tagMembers are the names under which requests carry tags to set, and
// removedMembers those with keys to remove.
var (
	tagMembers     = []string{"tags", "Tags", "tagSet", "tagSpecificationSet", "tagging", "Tagging"}
	removedMembers = []string{"tagKeys", "TagKeys", "tagKeyList"}
)

// tagsOf reads tags in the shapes AWS services log them.
func tagsOf(params map[string]any) (tags []pair, found bool) {
	for _, name := range tagMembers {
		if v, ok := params[name]; ok {
			tags, found = appendTags(tags, v), true
		}
	}
	for _, name := range removedMembers {
		list, ok := params[name].([]any)
		if !ok {
			continue
		}
		found = true
		for _, el := range list {
			if s, ok := el.(string); ok {
				tags = append(tags, pair{key: []byte(s)})
			}
		}
	}
	return tags, found
}

// appendTags reads a list of {key, value}, a map of key to value, and S3's and
// EC2's wrappings of the list (TagSet, Tag, items).
func appendTags(dst []pair, v any) []pair {
	switch v := v.(type) {
	case []any:
		for _, el := range v {
			dst = appendTags(dst, el)
		}
	case map[string]any:
		if key, val, ok := tagObject(v); ok {
			return append(dst, pair{[]byte(key), []byte(val)})
		}
		wrapped := false
		for _, name := range []string{"TagSet", "tagSet", "Tag", "tag", "items", "Tags", "tags"} {
			if inner, ok := v[name]; ok {
				if _, isText := inner.(string); !isText {
					dst, wrapped = appendTags(dst, inner), true
				}
			}
		}
		if wrapped {
			return dst
		}
		for _, key := range sortedKeys(v) {
			if val, ok := v[key].(string); ok {
				dst = append(dst, pair{[]byte(key), []byte(val)})
			}
		}
	}
	return dst
}

func tagObject(m map[string]any) (key, val string, ok bool) {
	for _, names := range [][2]string{{"key", "value"}, {"Key", "Value"}, {"tagKey", "tagValue"}, {"TagKey", "TagValue"}} {
		k, hasKey := m[names[0]].(string)
		if v, hasValue := m[names[1]].(string); hasKey && (hasValue || len(m) <= 2) {
			return k, v, true
		}
	}
	return "", "", false
}

func sortedKeys(m map[string]any) []string {
	return slices.Sorted(maps.Keys(m))
}
