package ingest

import "bytes"

// contextServices names the service by a key of the encryption context it
// sends, for calls whose invokedBy is the opaque "AWS Internal". The first
// match in this order counts: services that store through S3 or EBS carry
// that service's key as well.
var contextServices = []struct{ key, service string }{
	{"aws:cloudtrail:arn", "cloudtrail"},
	{"aws:ecr:arn", "ecr"},
	{"aws:rds:db-id", "rds"},
	{"aws:workspaces:sid-directoryid", "workspaces"},
	{"aws:ecs:clusterName", "ecs"},
	{"aws:s3:arn", "s3"},
	{"PARAMETER_ARN", "ssm"},
	{"SecretARN", "secretsmanager"},
	{"aws:ebs:id", "ebs"},
	{"aws:lambda:FunctionArn", "lambda"},
	{"aws:dynamodb:tableName", "dynamodb"},
	{"aws:logs:arn", "logs"},
	{"aws:redshift:arn", "redshift"},
	{"aws:elasticfilesystem:filesystem:id", "elasticfilesystem"},
	{"aws:kinesis:arn", "kinesis"},
	{"aws:sqs:arn", "sqs"},
	{"aws:sns:topicArn", "sns"},
	{"aws:events:event-bus:arn", "events"},
	{"aws:states:stateMachineArn", "states"},
	{"aws:workmail:arn", "workmail"},
	{"aws:ses:rule-name", "ses"},
	{"glue_catalog_id", "glue"},
}

// principalServices maps the names in service principals that differ from the
// short name people use.
var principalServices = map[string]string{
	"ec2-frontend-api": "ec2",
	"fargate":          "ecs",
}

// serviceOf names the AWS service behind a call; "" for a direct call.
func serviceOf(e *event) string {
	by := e.invokedBy
	if by == nil && string(e.callerType) == "AWSService" {
		by = e.sourceIP
	}
	if by == nil {
		return ""
	}
	if isInternal(by) {
		if e.callerType == nil {
			return "kms"
		}
		return internalService(e)
	}
	return shortService(by)
}

func isInternal(invokedBy []byte) bool {
	return bytes.HasPrefix(invokedBy, []byte("AWS Internal")) || string(invokedBy) == "internal.amazonaws.com"
}

// internalService refines "AWS Internal"; where nothing tells, it stays
// aws_internal.
func internalService(e *event) string {
	for _, s := range contextServices {
		for _, p := range e.context {
			if string(p.key) == s.key {
				return s.service
			}
		}
	}
	if bytes.Contains(e.roleARN, []byte("role/aws:ec2-infrastructure")) {
		return "ebs"
	}
	return "aws_internal"
}

var (
	suffixGlobal = []byte(".amazonaws.com")
	suffixChina  = []byte(".amazonaws.com.cn")
)

// shortService reduces a service principal to its first label, so that
// workmail.eu-west-1.amazonaws.com and workmail.amazonaws.com are one. A name
// that is no service principal is returned unchanged.
func shortService(principal []byte) string {
	name, ok := bytes.CutSuffix(principal, suffixGlobal)
	if !ok {
		if name, ok = bytes.CutSuffix(principal, suffixChina); !ok {
			return string(principal)
		}
	}
	if i := bytes.IndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	if s, ok := principalServices[string(name)]; ok {
		return s
	}
	return string(name)
}
