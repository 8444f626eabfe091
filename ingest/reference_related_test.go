package ingest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// related reads a record of another service that is on the keep-list.
func (x *refRecord) related() {
	if !x.head() {
		return
	}
	x.plain()
	x.identity()
	source, event := x.content(x.top["eventSource"].value), x.text["event_name"]
	record := string(x.raw.raw)
	if !utf8.ValidString(record) {
		x.note("invalid_utf8")
		record = strings.ToValidUTF8(record, "\uFFFD")
	}
	request, response := refObject(x.top["requestParameters"].value), refObject(x.top["responseElements"].value)
	resource := refRequested(request)
	if made := refMade(response, event); made != "" {
		resource = made
	}
	delete(x.row, "request_id") // these have no columns here
	delete(x.row, "shared_event_id")
	x.row["event_source"], x.row["record"] = quoted(source), quoted(record)
	x.storage(source, request, response)
	if source == "cloudtrail.amazonaws.com" {
		x.trail(event, request, response)
	}
	x.text["resource_arn"] = resource
	for _, column := range strings.Fields(`event_name region recipient_account_id caller_account_id principal_arn error_code
		key_arn resource_arn trail_kms_events encryption_type response_key_arn`) {
		if s := x.text[column]; s != "" {
			x.row[column] = quoted(s)
		}
	}
	for _, column := range []string{"trail_log_validation", "encrypted"} {
		if s := x.text[column]; s != "" {
			x.row[column] = s
		}
	}
	if tags, has := refTags(request); has || event == "DeleteBucketTagging" {
		x.row["tags"] = refMap(tags)
	}
}

// refIn finds a member by its name: as it is, else in any case, the first in order.
func refIn(m map[string]any, name string) any {
	if v, ok := m[name]; ok {
		return v
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if strings.EqualFold(key, name) {
			return m[key]
		}
	}
	return nil
}

func refText(m map[string]any, names ...string) string {
	for _, name := range names {
		if s, _ := refIn(m, name).(string); s != "" {
			return s
		}
	}
	return ""
}

// refBool is true, false or "" for neither.
func refBool(m map[string]any, names ...string) string {
	for _, name := range names {
		switch v := refIn(m, name).(type) {
		case bool:
			return strconv.FormatBool(v)
		case string:
			if v == "true" || v == "false" {
				return v
			}
		}
	}
	return ""
}

func refSub(m map[string]any, name string) map[string]any {
	sub, _ := refIn(m, name).(map[string]any)
	return sub
}

// refRequested is the resource that a request names.
func refRequested(request map[string]any) string {
	if bucket, ok := request["bucketName"].(string); ok {
		return "arn:aws:s3:::" + bucket
	}
	if set, ok := request["resourcesSet"].(map[string]any); ok {
		if items, _ := set["items"].([]any); len(items) > 0 {
			item, _ := items[0].(map[string]any)
			if id, ok := item["resourceId"].(string); ok {
				return id
			}
		}
	}
	for _, name := range append(slices.Clone(resourceMembers), "resourceARNList") {
		v := request[name]
		list, isList := v.([]any)
		if isList && len(list) > 0 {
			v = list[0]
		}
		if s, ok := v.(string); ok && (isList || name != "resourceARNList") {
			return s
		}
	}
	return ""
}

// refMade is the resource that an answer says was made.
func refMade(response map[string]any, event string) string {
	if table := refSub(response, "tableDescription"); table != nil {
		response = table
	}
	for _, name := range createdMembers {
		if s := refText(response, name); s != "" && (name != "volumeId" || !strings.Contains(event, "Snapshot")) {
			return s
		}
	}
	return ""
}

// refTags lists tags that a request sets and removes.
func refTags(request map[string]any) (tags []refPair, has bool) {
	add := func(p refPair) {
		if !refHas(tags, p.key) && len(tags) < maxPairs {
			tags = append(tags, p)
		}
	}
	for _, name := range tagMembers {
		if v, ok := request[name]; ok {
			has = true
			refEachTag(v, add)
		}
	}
	for _, name := range removedMembers {
		list, ok := request[name].([]any)
		has = has || ok
		for _, e := range list {
			if key, ok := e.(string); ok {
				add(refPair{key: key, removed: true})
			}
		}
	}
	return tags, has
}

// refEachTag visits lists of {key, value}, maps, and what wraps them.
func refEachTag(v any, add func(refPair)) {
	if list, ok := v.([]any); ok {
		for _, e := range list {
			refEachTag(e, add)
		}
	}
	m, _ := v.(map[string]any)
	for _, names := range []string{"key value", "Key Value", "tagKey tagValue", "TagKey TagValue"} {
		key, value, _ := strings.Cut(names, " ")
		k, hasKey := m[key].(string)
		v, hasValue := m[value].(string)
		if hasKey && (hasValue || len(m) <= 2) {
			add(refPair{key: k, value: v})
			return
		}
	}
	wrapped := false
	for _, name := range []string{"TagSet", "tagSet", "Tag", "tag", "items", "Tags", "tags"} {
		inner, ok := m[name]
		if _, isText := inner.(string); ok && !isText {
			wrapped = true
			refEachTag(inner, add)
		}
	}
	if wrapped {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if value, ok := m[key].(string); ok {
			add(refPair{key: key, value: value})
		}
	}
}

// storage says how the storage that a call makes or sets up is encrypted.
func (x *refRecord) storage(source string, request, response map[string]any) {
	if refText(request, "dBClusterIdentifier") != "" && refText(request, "dBInstanceIdentifier") != "" {
		return // a member of a cluster has none of its own
	}
	x.text["key_arn"] = refText(request, "kmsKeyId", "kmsMasterKeyId", "kmsKeyArn", "masterEncryptionKeyId")
	x.text["response_key_arn"] = refText(response, "kmsKeyId", "masterEncryptionKeyId")
	encrypted, asked := refBool(response, "encrypted", "storageEncrypted"), refBool(request, "encrypted", "storageEncrypted")
	if encrypted == "" && (asked == "true" || source != "ec2.amazonaws.com") {
		encrypted = asked // an account's default overrules what is asked of EC2
	}
	if table := refSub(request, "sSESpecification"); table != nil {
		x.text["encryption_type"], x.text["key_arn"] = refText(table, "sSEType"), refText(table, "kMSMasterKeyId")
		if refBool(table, "enabled", "sSEEnabled") == "true" {
			encrypted = "true"
			if x.text["encryption_type"] == "" {
				x.text["encryption_type"] = "KMS"
			}
		}
	}
	if made := refSub(refSub(response, "tableDescription"), "sSEDescription"); made != nil {
		x.text["response_key_arn"] = refText(made, "kMSMasterKeyArn")
	}
	rule := refIn(refSub(request, "ServerSideEncryptionConfiguration"), "Rule")
	if list, _ := rule.([]any); len(list) > 0 {
		rule = list[0]
	}
	bucket, _ := rule.(map[string]any)
	if byDefault := refSub(bucket, "ApplyServerSideEncryptionByDefault"); byDefault != nil {
		x.text["encryption_type"], x.text["key_arn"] = refText(byDefault, "SSEAlgorithm"), refText(byDefault, "KMSMasterKeyID")
		if x.text["encryption_type"] != "" {
			encrypted = "true"
		}
	}
	x.text["encrypted"] = encrypted
}

// trail says what a trail delivers from then on.
func (x *refRecord) trail(event string, request, response map[string]any) {
	validation := refBool(request, "enableLogFileValidation")
	switch event {
	case "PutEventSelectors":
		x.text["trail_kms_events"] = refSelected(request)
	case "CreateTrail":
		if validation == "" {
			validation = refBool(response, "logFileValidationEnabled")
		}
		x.text["trail_log_validation"] = validation
	case "UpdateTrail":
		x.text["trail_log_validation"] = validation
	}
}

// refSelected tries the selectors on a read and a write of KMS and of another service.
func refSelected(request map[string]any) string {
	selectors, _ := refIn(request, "eventSelectors").([]any)
	takes := refTakesBasic
	if advanced, _ := refIn(request, "advancedEventSelectors").([]any); len(advanced) > 0 {
		selectors, takes = advanced, refTakesAdvanced
	}
	if len(selectors) == 0 {
		return ""
	}
	taken := func(source, name string, readOnly bool) bool {
		event := map[string]string{
			"eventcategory": "Management", "eventtype": "AwsApiCall", "eventsource": source, "eventname": name,
			"readonly": strconv.FormatBool(readOnly),
		}
		for _, s := range selectors {
			if m, ok := s.(map[string]any); ok && takes(m, event) {
				return true
			}
		}
		return false
	}
	reads, writes := taken("kms.amazonaws.com", "Decrypt", true), taken("kms.amazonaws.com", "ScheduleKeyDeletion", false)
	others := taken("ec2.amazonaws.com", "DescribeInstances", true) || taken("ec2.amazonaws.com", "RunInstances", false)
	switch {
	case reads && writes:
		return "all"
	case reads:
		return "read_only"
	case writes:
		return "write_only"
	case others:
		return "excluded"
	}
	return "none"
}

func refTakesBasic(selector map[string]any, event map[string]string) bool {
	excluded, _ := refIn(selector, "excludeManagementEventSources").([]any)
	kind := strings.ToLower(refText(selector, "readWriteType"))
	return refBool(selector, "includeManagementEvents") != "false" &&
		(kind != "readonly" || event["readonly"] == "true") && (kind != "writeonly" || event["readonly"] == "false") &&
		!slices.Contains(excluded, any(event["eventsource"]))
}

func refTakesAdvanced(selector map[string]any, event map[string]string) bool {
	fields, _ := refIn(selector, "fieldSelectors").([]any)
	management := false
	for _, f := range fields {
		field, ok := f.(map[string]any)
		if !ok {
			return false
		}
		name := strings.ToLower(refText(field, "field"))
		management = management || name == "eventcategory"
		for _, c := range conditions {
			list, _ := refIn(field, c.name).([]any)
			found := false
			for _, v := range list {
				s, ok := v.(string)
				found = found || ok && c.match(event[name], s)
			}
			if len(list) > 0 && found == c.negated {
				return false
			}
		}
	}
	return management
}
