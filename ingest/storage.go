package ingest

import (
	"slices"
	"strings"
)

// createdMembers are the names under which answers give what was made or
// changed, the full ARN first.
var createdMembers = []string{
	"trailARN", "dBInstanceArn", "dBClusterArn", "dBSnapshotArn", "dBClusterSnapshotArn", "fileSystemArn", "tableArn", "aRN",
	"volumeId", "snapshotId", "fileSystemId",
}

// readResponse takes what was made from the answer: it names what the request
// could not yet, or gives an ARN where that has a name.
func (r *relatedRecord) readResponse(response map[string]any, eventName string) {
	if table, ok := memberIn(response, "tableDescription").(map[string]any); ok { // DynamoDB
		response = table
	}
	for _, name := range createdMembers {
		if name == "volumeId" && strings.Contains(eventName, "Snapshot") {
			continue // what the snapshot is of
		}
		if s := textMember(response, name); s != "" {
			r.resource = []byte(s)
			return
		}
	}
}

// readStorage takes from a call that makes or sets up storage whether and how
// it is encrypted.
func (r *relatedRecord) readStorage(request, response map[string]any) {
	if textMember(request, "dBClusterIdentifier") != "" && textMember(request, "dBInstanceIdentifier") != "" {
		return // a member of a database cluster has no storage of its own
	}
	r.key = firstText(request, "kmsKeyId", "kmsMasterKeyId", "kmsKeyArn", "masterEncryptionKeyId")
	r.responseKey = firstText(response, "kmsKeyId", "masterEncryptionKeyId")
	r.encrypted = firstFlag(response, "encrypted", "storageEncrypted")
	asked := firstFlag(request, "encrypted", "storageEncrypted")
	// An EBS volume that is asked for unencrypted is encrypted all the same
	// where the account's default says so; only the answer tells.
	if r.encrypted == absent && (asked == yes || string(r.source) != "ec2.amazonaws.com") {
		r.encrypted = asked
	}
	r.readTable(request, response)
	r.readBucket(request)
}

// readTable reads the server-side encryption of a DynamoDB table. A table is
// always encrypted; without a specification it is by a key of the service.
func (r *relatedRecord) readTable(request, response map[string]any) {
	if asked, ok := memberIn(request, "sSESpecification").(map[string]any); ok {
		r.encryption = firstText(asked, "sSEType")
		r.key = firstText(asked, "kMSMasterKeyId")
		if on := firstFlag(asked, "enabled", "sSEEnabled"); on == yes {
			r.encrypted = yes
			if r.encryption == nil {
				r.encryption = []byte("KMS") // the default where it is enabled
			}
		}
	}
	if table, ok := memberIn(response, "tableDescription").(map[string]any); ok {
		if made, ok := memberIn(table, "sSEDescription").(map[string]any); ok {
			r.responseKey = firstText(made, "kMSMasterKeyArn")
		}
	}
}

// readBucket reads the default encryption that PutBucketEncryption sets.
func (r *relatedRecord) readBucket(request map[string]any) {
	config, ok := memberIn(request, "ServerSideEncryptionConfiguration").(map[string]any)
	if !ok {
		return
	}
	rule := memberIn(config, "Rule")
	if list, ok := rule.([]any); ok {
		rule = first(list)
	}
	rules, _ := rule.(map[string]any)
	byDefault, ok := memberIn(rules, "ApplyServerSideEncryptionByDefault").(map[string]any)
	if !ok {
		return
	}
	r.encryption = firstText(byDefault, "SSEAlgorithm")
	r.key = firstText(byDefault, "KMSMasterKeyID")
	if r.encryption != nil {
		r.encrypted = yes
	}
}

// memberIn returns the member of an object by its name, in any case: services do
// not agree on it. The exact name goes first, then the first in order.
func memberIn(m map[string]any, name string) any {
	if v, ok := m[name]; ok {
		return v
	}
	var found []string
	for key := range m {
		if strings.EqualFold(key, name) {
			found = append(found, key)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return m[slices.Min(found)]
}

func textMember(m map[string]any, name string) string {
	s, _ := memberIn(m, name).(string)
	return s
}

// firstText returns the first of these members that is a text and not empty.
func firstText(m map[string]any, names ...string) []byte {
	for _, name := range names {
		if s := textMember(m, name); s != "" {
			return []byte(s)
		}
	}
	return nil
}

// firstFlag returns the first of these members that is a boolean, or the text of one.
func firstFlag(m map[string]any, names ...string) flag {
	for _, name := range names {
		switch memberIn(m, name) {
		case true, "true":
			return yes
		case false, "false":
			return no
		}
	}
	return absent
}
