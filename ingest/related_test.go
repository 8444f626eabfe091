package ingest

import (
	"fmt"
	"testing"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// relatedRow decodes a record of another service.
func relatedRow(t *testing.T, record []byte) map[string]any {
	t.Helper()
	acc, _ := decodeFile(cttest.Body(record))
	got := rows(t, acc.batch().Related)
	if len(got) != 1 || len(acc.quarantine) != 0 {
		t.Fatalf("%d rows, quarantine %+v, want one row; record: %s", len(got), acc.quarantine, record)
	}
	return got[0]
}

func relatedSample(service, name, request, response string) []byte {
	e := cttest.Sample("Decrypt", "main", testTime)
	o := cttest.Other(e.Time, e.Caller, "us-east-1", service, name, request)
	o.Response = response
	return o.JSON()
}

func TestRelatedStorage(t *testing.T) {
	const key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	for name, tt := range map[string]struct {
		service, event, request, response string
		want                              string // encrypted, encryption_type, key_arn, response_key_arn, resource_arn
	}{
		"volume": {"ec2", "CreateVolume", `{"size":"8","zone":"us-east-1a","encrypted":true,"kmsKeyId":"` + key + `"}`,
			`{"volumeId":"vol-0a1b2c3d","encrypted":true,"kmsKeyId":"` + key + `"}`, "true <nil> " + key + " " + key + " vol-0a1b2c3d"},
		"volume, unencrypted": {"ec2", "CreateVolume", `{"size":"8"}`, `{"volumeId":"vol-0a1b2c3d","encrypted":false}`,
			"false <nil> <nil> <nil> vol-0a1b2c3d"},
		"volume, the account's default encrypts it": {"ec2", "CreateVolume", `{"size":"8","encrypted":false}`,
			`{"volumeId":"vol-0a1b2c3d","encrypted":true}`, "true <nil> <nil> <nil> vol-0a1b2c3d"},
		"volume, no answer to tell": {"ec2", "CreateVolume", `{"size":"8","encrypted":false}`, "", "<nil> <nil> <nil> <nil> <nil>"},
		"snapshot": {"ec2", "CreateSnapshot", `{"volumeId":"vol-0a1b2c3d"}`, `{"snapshotId":"snap-01","volumeId":"vol-0a1b2c3d","encrypted":false}`,
			"false <nil> <nil> <nil> snap-01"},
		"database": {"rds", "CreateDBInstance", `{"dBInstanceIdentifier":"orders","storageEncrypted":true}`,
			`{"dBInstanceIdentifier":"orders","dBInstanceArn":"arn:aws:rds:us-east-1:111122223333:db:orders","storageEncrypted":true,"kmsKeyId":"` + key + `"}`,
			"true <nil> <nil> " + key + " arn:aws:rds:us-east-1:111122223333:db:orders"},
		"database, asked for without": {"rds", "CreateDBInstance", `{"dBInstanceIdentifier":"orders","storageEncrypted":false}`, "",
			"false <nil> <nil> <nil> orders"},
		"database, member of a cluster": {"rds", "CreateDBInstance", `{"dBInstanceIdentifier":"orders-1","dBClusterIdentifier":"orders"}`,
			`{"dBInstanceArn":"arn:aws:rds:us-east-1:111122223333:db:orders-1","storageEncrypted":true,"kmsKeyId":"` + key + `"}`,
			"<nil> <nil> <nil> <nil> arn:aws:rds:us-east-1:111122223333:db:orders-1"},
		"table": {"dynamodb", "CreateTable", `{"tableName":"baskets","sSESpecification":{"enabled":true,"sSEType":"KMS","kMSMasterKeyId":"alias/app"}}`,
			`{"tableDescription":{"tableArn":"arn:aws:dynamodb:us-east-1:111122223333:table/baskets","sSEDescription":{"status":"ENABLED","sSEType":"KMS","kMSMasterKeyArn":"` + key + `"}}}`,
			"true KMS alias/app " + key + " arn:aws:dynamodb:us-east-1:111122223333:table/baskets"},
		"table, default": {"dynamodb", "CreateTable", `{"tableName":"baskets"}`, "", "<nil> <nil> <nil> <nil> baskets"},
		"file system": {"elasticfilesystem", "CreateFileSystem", `{"creationToken":"t","encrypted":false}`, `{"fileSystemId":"fs-01","encrypted":false}`,
			"false <nil> <nil> <nil> fs-01"},
		"cluster, text for a boolean": {"redshift", "CreateCluster", `{"clusterIdentifier":"dw","encrypted":"false"}`, "", "false <nil> <nil> <nil> dw"},
		"bucket": {"s3", "PutBucketEncryption", `{"ServerSideEncryptionConfiguration":{"xmlns":"x","Rule":{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"` + key + `"},"BucketKeyEnabled":true}},"bucketName":"logs","encryption":""}`, "",
			"true aws:kms " + key + " <nil> arn:aws:s3:::logs"},
		"bucket, list of rules": {"s3", "PutBucketEncryption", `{"ServerSideEncryptionConfiguration":{"Rule":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]},"bucketName":"logs"}`, "",
			"true AES256 <nil> <nil> arn:aws:s3:::logs"},
		"wrong types": {"rds", "CreateDBInstance", `{"dBInstanceIdentifier":7,"storageEncrypted":[],"kmsKeyId":{},"sSESpecification":[],"ServerSideEncryptionConfiguration":{"Rule":[]}}`,
			`{"tableDescription":"x","encrypted":{}}`, "<nil> <nil> <nil> <nil> <nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			row := relatedRow(t, relatedSample(tt.service, tt.event, tt.request, tt.response))
			got := fmt.Sprintf("%v %v %v %v %v", row["encrypted"], row["encryption_type"], row["key_arn"], row["response_key_arn"], row["resource_arn"])
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRelatedTagsOfNewVolume(t *testing.T) {
	row := relatedRow(t, relatedSample("ec2", "CreateVolume",
		`{"size":"8","tagSpecificationSet":{"items":[{"resourceType":"volume","tags":[{"key":"data-class","value":"confidential"}]}]}}`,
		`{"volumeId":"vol-0a1b2c3d","encrypted":true}`))
	if got, want := fmt.Sprint(row["tags"]), "[map[key:data-class value:confidential]]"; got != want {
		t.Errorf("tags %s, want %s", got, want)
	}
}

// TestRelatedTrail tells which KMS records event selectors let through.
func TestRelatedTrail(t *testing.T) {
	advanced := func(fields string) string {
		return `{"trailName":"org","advancedEventSelectors":[{"name":"m","fieldSelectors":[{"field":"eventCategory","equals":["Management"]}` + fields + `]}]}`
	}
	basic := func(members string) string { return `{"trailName":"org","eventSelectors":[{` + members + `}]}` }
	for name, tt := range map[string]struct{ request, want string }{
		"defaults":             {basic(``), "all"},
		"all":                  {basic(`"readWriteType":"All","includeManagementEvents":true,"excludeManagementEventSources":[]`), "all"},
		"kms excluded":         {basic(`"readWriteType":"All","includeManagementEvents":true,"excludeManagementEventSources":["kms.amazonaws.com"]`), "excluded"},
		"another excluded":     {basic(`"excludeManagementEventSources":["rdsdata.amazonaws.com"]`), "all"},
		"write-only":           {basic(`"readWriteType":"WriteOnly","includeManagementEvents":true`), "write_only"},
		"read-only":            {basic(`"readWriteType":"ReadOnly"`), "read_only"},
		"data events only":     {basic(`"includeManagementEvents":false,"dataResources":[{"type":"AWS::S3::Object","values":["arn:aws:s3"]}]`), "none"},
		"two selectors":        {`{"eventSelectors":[{"readWriteType":"ReadOnly"},{"readWriteType":"WriteOnly"}]}`, "all"},
		"no selectors":         {`{"trailName":"org","eventSelectors":[]}`, "<nil>"},
		"advanced all":         {advanced(``), "all"},
		"advanced excluded":    {advanced(`,{"field":"eventSource","notEquals":["kms.amazonaws.com","rdsdata.amazonaws.com"]}`), "excluded"},
		"advanced by suffix":   {advanced(`,{"field":"eventSource","notEndsWith":["ms.amazonaws.com"]}`), "excluded"},
		"advanced other only":  {advanced(`,{"field":"eventSource","equals":["ec2.amazonaws.com"]}`), "excluded"},
		"advanced write-only":  {advanced(`,{"field":"readOnly","equals":["false"]}`), "write_only"},
		"advanced reads gone":  {advanced(`,{"field":"eventName","notEquals":["Decrypt","Encrypt"]}`), "write_only"},
		"advanced one caller":  {advanced(`,{"field":"userIdentity.arn","startsWith":["arn:aws:sts::111122223333:assumed-role/a/"]}`), "none"},
		"advanced but one":     {advanced(`,{"field":"userIdentity.arn","notEquals":["arn:aws:sts::111122223333:assumed-role/a/b"]}`), "all"},
		"advanced data":        {`{"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventCategory","equals":["Data"]},{"field":"resources.type","equals":["AWS::S3::Object"]}]}]}`, "none"},
		"advanced no category": {`{"advancedEventSelectors":[{"fieldSelectors":[{"field":"eventSource","equals":["kms.amazonaws.com"]}]}]}`, "none"},
		"wrong types":          {`{"eventSelectors":["x",{"excludeManagementEventSources":[7,null]}],"advancedEventSelectors":{}}`, "all"},
		"advanced wrong types": {`{"advancedEventSelectors":[7,{"fieldSelectors":[3]},{"fieldSelectors":{}}]}`, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			row := relatedRow(t, relatedSample("cloudtrail", "PutEventSelectors", tt.request, ""))
			if got := fmt.Sprint(row["trail_kms_events"]); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRelatedTrailValidation(t *testing.T) {
	for name, tt := range map[string]struct{ event, request, response, want string }{
		"made with":             {"CreateTrail", `{"name":"org","enableLogFileValidation":true}`, `{"logFileValidationEnabled":true}`, "true"},
		"made without":          {"CreateTrail", `{"name":"org"}`, `{"logFileValidationEnabled":false}`, "false"},
		"switched off":          {"UpdateTrail", `{"name":"org","enableLogFileValidation":false}`, `{"logFileValidationEnabled":false}`, "false"},
		"something else is set": {"UpdateTrail", `{"name":"org","snsTopicName":"t"}`, `{"logFileValidationEnabled":false}`, "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			row := relatedRow(t, relatedSample("cloudtrail", tt.event, tt.request, tt.response))
			if got := fmt.Sprint(row["trail_log_validation"]); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
