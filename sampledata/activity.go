package sampledata

import (
	"strings"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// selfRole is the role with which kmstrail reads the log bucket.
const selfRole = "arn:aws:iam::" + logArchive + ":role/kmstrail-reader"

const logBucket = "example-org-trail-logs"

// other emits a record of another service; ~ in request stands for random
// hex digits.
func (c *cell) other(caller cttest.Identity, service, name, request string) {
	for strings.Contains(request, "~") {
		request = strings.Replace(request, "~", c.rng.hex(12), 1)
	}
	e := cttest.Other(c.now, caller, c.region, service, name, request)
	e.IP, e.Agent = c.ip(), pick(&c.rng, agents)
	c.emit(e)
}

var agents = []string{
	"aws-cli/2.19.4 md/awscrt#0.23.4 ua/2.0 os/linux#6.11.0",
	"Boto3/1.43.1 md/Botocore#1.43.1 ua/2.1 os/linux#5.10.236 md/arch#x86_64 lang/python#3.13.1",
	"aws-sdk-java/2.31.6 md/io#sync md/http#Apache ua/2.1 os/Linux#5.10 lang/java#21.0.6",
	"APN/1.0 HashiCorp/1.0 Terraform/1.11.2 (+https://www.terraform.io) terraform-provider-aws/6.2.0",
	"aws-sdk-go-v2/1.47.7 os/linux lang/go#1.26.5 md/GOOS#linux md/GOARCH#arm64",
}

func (c *cell) ip() string {
	nets := [...]string{"192.0.2.", "198.51.100.", "203.0.113."}
	return nets[c.rng.n(3)] + itoa(c.rng.between(1, 254))
}

// kms makes a direct KMS call of the cell's workload.
func (c *cell) kms(name, key string) cttest.Event {
	return cttest.Event{Name: name, Key: key, Caller: c.role, IP: c.ip(), Region: c.region}
}

// application is a service starting: credentials, secrets, parameters, then
// work on objects.
func (c *cell) application() {
	c.emit(cttest.AssumeRole(c.now, c.id, c.region, c.name+"-app", "task-"+c.rng.hex(8), "ecs-tasks"))
	secret := "app/" + pick(&c.rng, []string{"db", "api", "smtp"})
	arn := cttest.SecretARN(c.id, c.region, secret)
	c.other(c.role, "secretsmanager", "GetSecretValue", `{"secretId":"`+arn+`"}`)
	e := cttest.Via(c.kms("Decrypt", c.keys.secrets), "secretsmanager", arn)
	if c.rng.n(3) == 0 {
		e.VPCEndpoint = "vpce-0d985940f92611b87"
	}
	c.emit(e)
	for range c.rng.n(3) {
		name := "app/" + pick(&c.rng, []string{"url", "flags", "limits", "token"})
		c.other(c.role, "ssm", "GetParameter", `{"name":"/`+name+`","withDecryption":true}`)
		e := cttest.Via(c.kms("Decrypt", c.keys.parameters), "ssm", name)
		if c.rng.n(4) == 0 {
			e.KeyRef = "alias/aws/ssm"
		}
		c.emit(e)
	}
	c.work(c.rng.between(3, 40))
}

// work is reading and writing objects, with a data key now and then.
func (c *cell) work(n int) {
	bucket := c.name + "-" + c.region
	for i := range n {
		object := "2026/" + c.rng.hex(20) + ".json"
		if i%12 == 4 {
			resource := bucket // bucket key
			if c.rng.n(3) == 0 {
				resource = bucket + "/" + object
			}
			c.emit(cttest.Via(c.kms(pick(&c.rng, []string{"GenerateDataKey", "Decrypt", "Decrypt"}), c.keys.objects), "s3", resource))
		}
		if c.rng.n(2) == 0 {
			e := cttest.PutObject(c.now, c.role, c.region, bucket, object, c.keys.objects)
			e.IP = c.ip()
			c.emit(e)
			continue
		}
		e := cttest.PutObject(c.now, c.role, c.region, bucket, object, c.keys.objects)
		e.Name, e.Request = "GetObject", `{"bucketName":"`+bucket+`","Host":"`+bucket+`.s3.`+c.region+`.amazonaws.com","key":"`+object+`"}`
		e.IP = c.ip()
		c.emit(e)
	}
}

// objects is a batch job on a bucket.
func (c *cell) objects() { c.work(c.rng.between(15, 120)) }

// monitoring is what tools look up all day.
func (c *cell) monitoring() {
	tool := cttest.AssumedRole(c.id, "monitoring", "poller")
	for range c.rng.between(4, 48) {
		n := pick(&c.rng, lookups)
		c.other(tool, n.service, n.name, n.request)
	}
	if c.rng.n(5) > 0 {
		return
	}
	config := cttest.AssumedRolePath(c.id, "/aws-service-role/config.amazonaws.com/", "AWSServiceRoleForConfig", "config")
	config.InvokedBy = "config.amazonaws.com"
	for _, name := range []string{"ListKeys", "ListAliases", "DescribeKey", "GetKeyRotationStatus", "GetKeyPolicy", "ListResourceTags"} {
		e := cttest.Event{Name: name, Caller: config}
		if !strings.HasSuffix(name, "s") || name == "GetKeyRotationStatus" || name == "ListResourceTags" {
			e.Key = pick(&c.rng, []string{c.keys.app, c.keys.data, c.keys.objects})
		}
		c.emit(e)
	}
}

// lookup is a read that has nothing to do with keys.
type lookup struct{ service, name, request string }

var lookups = []lookup{
	{"ec2", "DescribeInstances", `{"instancesSet":{},"filterSet":{},"maxResults":1000}`},
	{"ec2", "DescribeVolumes", `{"maxResults":500,"volumeSet":{},"filterSet":{}}`},
	{"ec2", "DescribeSecurityGroups", `{"securityGroupSet":{"items":[{"groupId":"sg-0~"}]},"filterSet":{}}`},
	{"ec2", "DescribeNetworkInterfaces", `{"networkInterfaceIdSet":{"items":[{"networkInterfaceId":"eni-0~"}]}}`},
	{"autoscaling", "DescribeAutoScalingGroups", `{"maxRecords":100}`},
	{"elasticloadbalancing", "DescribeTargetHealth", `{"targetGroupArn":"arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/~"}`},
	{"monitoring", "DescribeAlarms", `{"maxRecords":100}`},
	{"logs", "DescribeLogGroups", `{"limit":50,"logGroupNamePrefix":"/aws/lambda/~"}`},
	{"rds", "DescribeDBInstances", `{"dBInstanceIdentifier":"db-~"}`},
	{"dynamodb", "DescribeTable", `{"tableName":"orders-~"}`},
	{"s3", "GetBucketEncryption", `{"bucketName":"bucket-~","encryption":"","Host":"s3.amazonaws.com"}`},
	{"s3", "ListBuckets", `{"Host":"s3.amazonaws.com"}`},
	{"iam", "GetRole", `{"roleName":"role-~"}`},
	{"sts", "GetCallerIdentity", "null"},
	{"lambda", "GetFunction20150331v2", `{"functionName":"fn-~"}`},
	{"ecs", "DescribeTasks", `{"cluster":"main","tasks":["~~"]}`},
	{"health", "DescribeEventAggregates", `{"aggregateField":"eventTypeCategory"}`},
	{"sqs", "GetQueueAttributes", `{"queueUrl":"https://sqs.us-east-1.amazonaws.com/111122223333/q-~"}`},
}

// function is a Lambda function: its environment is decrypted when it starts.
func (c *cell) function() {
	name := "fn-" + pick(&c.rng, []string{"thumbs", "webhook", "billing", "export"})
	c.emit(cttest.AssumeRole(c.now, c.id, c.region, name, name, "lambda"))
	caller := cttest.AssumedRolePath(c.id, "/service-role/", name, name)
	caller.InScopeOf = `{"sourceArn":"arn:aws:lambda:` + c.region + `:` + c.id + `:function:` + name + `","sourceAccount":"` + c.id + `","issuerType":"AWS::Lambda::Function","credentialsIssuedTo":"arn:aws:lambda:` + c.region + `:` + c.id + `:function:` + name + `"}`
	e := cttest.Event{Name: "Decrypt", Key: c.keys.app, Caller: caller, Region: c.region}
	c.emit(cttest.Via(e, "lambda", name))
	for range c.rng.between(1, 6) {
		c.other(caller, "logs", "CreateLogStream", `{"logGroupName":"/aws/lambda/`+name+`","logStreamName":"2026/[$LATEST]~~"}`)
	}
}

// direct is a program that calls KMS itself.
func (c *cell) direct() {
	order := c.rng.hex(8)
	for range c.rng.between(2, 14) {
		e := c.kms(pick(&c.rng, []string{"Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"}), c.keys.app)
		e.Context = cttest.Pairs("app", c.name, "order-id", order)
		if e.Name == "Decrypt" && c.rng.n(5) == 0 {
			e.KeyRef = e.Key
		}
		if c.rng.n(40) == 0 {
			e.Failure = pick(&c.rng, []string{"bad_ciphertext", "denied", "wrong_key", "denied_unknown_key", "not_found"})
		}
		c.emit(e)
	}
	switch c.rng.n(5) {
	case 0:
		c.emit(c.kms("Sign", c.keys.rsa))
		c.emit(c.kms("Verify", c.keys.rsa))
	case 1:
		e := c.kms("Sign", c.keys.ecc)
		e.Algorithm = "ECDSA_SHA_256"
		c.emit(e)
	case 2:
		c.emit(c.kms("GenerateMac", c.keys.mac))
		c.emit(c.kms("VerifyMac", c.keys.mac))
	case 3:
		c.emit(c.kms("GetPublicKey", c.keys.rsa))
	case 4:
		c.emit(c.kms("GenerateRandom", ""))
	}
	c.work(c.rng.between(0, 12))
}

// tables is DynamoDB opening its tables.
func (c *cell) tables() {
	table := pick(&c.rng, []string{"orders", "sessions", "customers"})
	c.other(c.role, "dynamodb", "DescribeTable", `{"tableName":"`+table+`"}`)
	c.emit(cttest.Via(c.kms("Decrypt", c.keys.data), "dynamodb", table))
	if c.rng.n(3) == 0 {
		c.emit(cttest.ByService(cttest.Event{Name: "GenerateDataKey", Key: c.keys.data, Region: c.region}, "dynamodb", table))
	}
	for range c.rng.between(2, 14) {
		c.other(c.role, "dynamodb", pick(&c.rng, []string{"DescribeContinuousBackups", "ListTagsOfResource", "DescribeTable"}), `{"tableName":"`+table+`"}`)
	}
}

// instance is an EC2 instance with an encrypted volume. It makes grants, so
// it keeps away from places where their rate is an incident.
func (c *cell) instance() {
	if c.plan.noGrants[place{c.id, c.region}] {
		c.monitoring()
		return
	}
	id, volume := "i-0"+c.rng.hex(16), "vol-0"+c.rng.hex(16)
	c.other(c.person.admin, "ec2", "RunInstances", `{"instancesSet":{"items":[{"imageId":"ami-0~","minCount":1,"maxCount":1}]},"instanceType":"m7g.large"}`)
	grant := cttest.Event{Name: "CreateGrant", Key: c.keys.volumes, Caller: c.person.admin, Region: c.region}
	grant.Grantee = c.id + ":aws:ec2-infrastructure:" + id
	grant.Operations = []string{"Decrypt"}
	grant.Constraints = cttest.Pairs("aws:ebs:id", volume)
	grant.GrantID = c.rng.hex(64)
	c.emit(cttest.Via(grant, "ec2", ""))
	data := cttest.Via(cttest.Event{Name: "GenerateDataKeyWithoutPlaintext", Key: c.keys.volumes, Caller: c.person.admin, Region: c.region}, "ec2", volume)
	data.Bytes = 64
	c.emit(data)
	open := cttest.Event{Name: "Decrypt", Key: c.keys.volumes, Region: c.region, Context: cttest.Pairs("aws:ebs:id", volume)}
	open.Caller = cttest.EC2Infrastructure(c.id, id)
	c.emit(open)
	c.other(c.person.admin, "ec2", "CreateTags", `{"resourcesSet":{"items":[{"resourceId":"`+id+`"}]},"tagSet":{"items":[{"key":"Name","value":"web-~"}]}}`)
	for range c.rng.between(6, 18) {
		c.other(c.person.admin, "ec2", "DescribeInstances", `{"instancesSet":{"items":[{"instanceId":"`+id+`"}]},"filterSet":{}}`)
	}
	if c.rng.n(2) == 0 {
		c.emit(cttest.Event{Name: "RetireGrant", Key: c.keys.volumes, Caller: cttest.AWSService("ec2.amazonaws.com"), GrantID: grant.GrantID})
	}
}

// trailDelivery is CloudTrail writing its own log files, and kmstrail reading
// them.
func (c *cell) trailDelivery() {
	if c.region != "us-east-1" {
		c.monitoring()
		return
	}
	for range c.rng.between(4, 40) {
		e := cttest.Event{Name: "GenerateDataKey", Key: c.keys.trail, Region: c.region, Version: "1.11"}
		object := logBucket + "/AWSLogs/" + organization + "/" + payments + "/CloudTrail/us-east-1/2026/" + c.rng.hex(12) + ".json.gz"
		c.emit(cttest.ByService(e, "cloudtrail", object))
	}
	if c.rng.n(2) == 0 {
		reader := cttest.AssumedRole(c.id, "kmstrail-reader", "kmstrail")
		e := cttest.Event{Name: "Decrypt", Key: c.keys.trail, Region: c.region, Caller: reader}
		c.emit(cttest.Via(e, "s3", logBucket))
	}
}

// snapshots is AWS Backup copying volumes.
func (c *cell) snapshots() {
	role := cttest.AssumedRolePath(c.id, "/service-role/", "AWSBackupDefaultServiceRole", "AWSBackup-AWSBackupDefaultServiceRole")
	for range c.rng.between(1, 3) {
		snapshot := "snap-0" + c.rng.hex(16)
		c.other(role, "ec2", "CopySnapshot", `{"sourceRegion":"us-east-1","sourceSnapshotId":"`+snapshot+`","encrypted":true,"kmsKeyId":"`+c.keys.volumes+`"}`)
		e := cttest.Event{Name: "ReEncrypt", Key: c.keys.volumes, Destination: c.keys.data, Caller: role, Region: c.region}
		e = cttest.Via(e, "ec2", snapshot)
		e.DestinationContext = e.Context
		c.emit(e)
	}
	for range c.rng.between(2, 20) {
		c.other(role, "ec2", "DescribeSnapshots", `{"snapshotSet":{"items":[{"snapshotId":"snap-0~"}]}}`)
	}
}

// pipeline is deployment: roles and policies, some of which name KMS.
func (c *cell) pipeline() {
	ci := cttest.WebIdentityRole(c.id, "deploy", "run-"+c.rng.hex(6), "token.actions.example.com")
	c.other(ci, "iam", "GetPolicyVersion", `{"policyArn":"arn:aws:iam::`+c.id+`:policy/app","versionId":"v3"}`)
	if c.rng.n(3) == 0 {
		e := cttest.PutRolePolicy(c.now, ci, "app-"+c.rng.hex(4))
		c.emit(e)
	}
	if c.rng.n(6) == 0 {
		c.emit(cttest.PutBucketPolicy(c.now, ci, c.region, "assets-"+c.rng.hex(6)))
	}
	if c.rng.n(10) == 0 {
		c.emit(cttest.PutBucketTagging(c.now, ci, c.region, "assets-"+c.rng.hex(6), cttest.Pairs("lifecycle", "30d")))
	}
	if c.rng.n(8) == 0 {
		c.emit(cttest.CreateVolume(c.now, ci, c.region, c.keys.volumes))
	}
	for range c.rng.between(4, 26) {
		n := pick(&c.rng, lookups)
		c.other(ci, n.service, n.name, n.request)
	}
	if c.rng.n(4) == 0 {
		e := cttest.Event{Name: "Decrypt", Key: c.keys.app, Caller: ci, Region: c.region, IP: c.ip()}
		c.emit(cttest.Via(e, "ecr", "app"))
	}
	if c.rng.n(5) == 0 {
		e := cttest.Event{Name: "DescribeKey", Key: c.keys.app, Caller: ci, KeyRef: "alias/app", IP: c.ip()}
		c.emit(e)
	}
}

// console is somebody looking around.
func (c *cell) console() {
	who := c.person.admin
	isUser := c.rng.n(3) == 0
	if isUser {
		who = c.person.console
	}
	login := cttest.Other(c.now, who, c.region, "signin", "ConsoleLogin", "null")
	login.Type, login.Response = "AwsConsoleSignIn", `{"ConsoleLogin":"Success"}`
	c.emit(login)
	for range c.rng.between(4, 20) {
		n := pick(&c.rng, lookups)
		c.other(who, n.service, n.name, n.request)
	}
	if c.rng.n(3) > 0 {
		return
	}
	for _, name := range []string{"ListAliases", "DescribeKey", "GetKeyPolicy", "ListGrants"} {
		e := cttest.Event{Name: name, Caller: who, IP: c.ip(), Console: true}
		if name != "ListAliases" {
			e.Key = pick(&c.rng, []string{c.keys.app, c.keys.data})
		}
		if name == "GetKeyPolicy" && c.rng.n(4) == 0 {
			e.Failure = "denied"
		}
		c.emit(e)
	}
}
