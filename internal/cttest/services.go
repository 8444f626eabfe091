package cttest

import (
	"slices"
	"strings"
)

// service says how the calls of an AWS service look.
type service struct {
	// invokedBy is what the record names when the service acts with a
	// forwarded session.
	invokedBy string
	// context makes the encryption context from account, Region and resource.
	context func(account, region, resource string) []Pair
}

var services = map[string]service{
	"s3":             {"AWS Internal", s3Context},
	"ssm":            {"AWS Internal", arnContext("PARAMETER_ARN", "ssm", "parameter/")},
	"secretsmanager": {"secretsmanager.amazonaws.com", secretContext},
	"lambda":         {"lambda.amazonaws.com", arnContext("aws:lambda:FunctionArn", "lambda", "function:")},
	"ebs":            {"AWS Internal", plainContext("aws:ebs:id", "vol-")},
	"ec2":            {"ec2-frontend-api.amazonaws.com", plainContext("aws:ebs:id", "vol-")},
	"dynamodb":       {"dynamodb.amazonaws.com", dynamoContext},
	"rds":            {"rds.amazonaws.com", plainContext("aws:rds:db-id", "db-")},
	"sqs":            {"sqs.amazonaws.com", arnContext("aws:sqs:arn", "sqs", "")},
	"sns":            {"sns.amazonaws.com", arnContext("aws:sns:topicArn", "sns", "")},
	"logs":           {"logs.amazonaws.com", arnContext("aws:logs:arn", "logs", "log-group:")},
	"kinesis":        {"kinesis.amazonaws.com", arnContext("aws:kinesis:arn", "kinesis", "stream/")},
	"efs":            {"elasticfilesystem.amazonaws.com", plainContext("aws:elasticfilesystem:filesystem:id", "fs-")},
	"states":         {"states.amazonaws.com", arnContext("aws:states:stateMachineArn", "states", "stateMachine:")},
	"events":         {"events.amazonaws.com", arnContext("aws:events:event-bus:arn", "events", "event-bus/")},
	"workmail":       {"workmail.eu-west-1.amazonaws.com", arnContext("aws:workmail:arn", "workmail", "organization/")},
	"fargate":        {"fargate.amazonaws.com", fargateContext},
	"ecr":            {"ecr.amazonaws.com", ecrContext},
	"cloudtrail":     {"cloudtrail.amazonaws.com", trailContext},
	"redshift":       {"redshift.amazonaws.com", arnContext("aws:redshift:arn", "redshift", "cluster:")},
	"kms":            {"kms.amazonaws.com", nil},
	"cloudformation": {"cloudformation.amazonaws.com", nil},
}

// Services lists the short names that Via and ByService know, sorted.
func Services() []string {
	var names []string
	for name := range services {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Via returns e as an AWS service makes it with the caller's session (forward
// access session): invokedBy, address and agent are the service's, and
// resource, a name or an ARN, is in the encryption context before what e.Context
// has. For ebs the caller becomes the EC2 infrastructure role of the caller's
// account. It panics on an unknown service.
func Via(e Event, name, resource string) Event {
	s := mustService(name)
	if name == "ebs" {
		e.Caller = EC2Infrastructure(either(e.Caller.Account, KeyAccount(e.Key)), "i-0123456789abcdef0")
	}
	e.Caller.InvokedBy = s.invokedBy
	if e.Caller.Type == "IAMUser" && strings.HasPrefix(e.Caller.AccessKey, "AKIA") {
		e.Caller = forwarded(e.Caller)
	}
	return e.withServiceContext(s, resource)
}

// ByService returns e as an AWS service principal makes it for itself.
func ByService(e Event, name, resource string) Event {
	s := mustService(name)
	host := s.invokedBy
	if host == "AWS Internal" {
		host = name + ".amazonaws.com"
	}
	e.Caller = AWSService(host)
	return e.withServiceContext(s, resource)
}

// ServiceContext is the encryption context that a service uses for a resource.
func ServiceContext(name, account, region, resource string) []Pair {
	s := mustService(name)
	if s.context == nil {
		return nil
	}
	return s.context(account, region, resource)
}

func (e Event) withServiceContext(s service, resource string) Event {
	if resource == "" || s.context == nil {
		return e
	}
	account := either(e.Caller.Account, KeyAccount(e.Key))
	region := either(e.Region, KeyRegion(e.Key))
	e.Context = append(s.context(account, region, resource), e.Context...)
	return e
}

func mustService(name string) service {
	s, ok := services[name]
	if !ok {
		panic("cttest: unknown service " + name)
	}
	return s
}

// forwarded is how a user looks when a service uses the user's session.
func forwarded(id Identity) Identity {
	id.AccessKey = UniqueID("ASIA", id.Account, id.UserName)
	id.Session, id.EmptyIssuer = true, true
	return id
}

func isARN(s string) bool { return strings.HasPrefix(s, "arn:") }

func arnContext(key, service, kind string) func(account, region, resource string) []Pair {
	return func(account, region, resource string) []Pair {
		if !isARN(resource) {
			resource = "arn:aws:" + service + ":" + region + ":" + account + ":" + kind + resource
		}
		return []Pair{{key, resource}}
	}
}

func plainContext(key, prefix string) func(account, region, resource string) []Pair {
	return func(_, _, resource string) []Pair {
		if !strings.HasPrefix(resource, prefix) && !strings.HasPrefix(resource, "snap-") {
			resource = prefix + HexID(17, resource)
		}
		return []Pair{{key, resource}}
	}
}

func s3Context(_, _, resource string) []Pair {
	if !isARN(resource) {
		resource = "arn:aws:s3:::" + resource
	}
	return []Pair{{"aws:s3:arn", resource}}
}

func secretContext(account, region, resource string) []Pair {
	if !isARN(resource) {
		resource = SecretARN(account, region, resource)
	}
	return []Pair{{"SecretARN", resource}, {"SecretVersionId", UUID("secret version", resource)}}
}

// SecretARN is the ARN of a secret, with the six characters that Secrets
// Manager adds to its name.
func SecretARN(account, region, name string) string {
	return "arn:aws:secretsmanager:" + region + ":" + Account(account) + ":secret:" + name + "-" + HexID(6, account, region, name)
}

func dynamoContext(account, _, resource string) []Pair {
	return []Pair{{"aws:dynamodb:tableName", resource}, {"aws:dynamodb:subscriberId", account}}
}

func fargateContext(account, _, resource string) []Pair {
	return []Pair{{"aws:ecs:clusterAccount", account}, {"aws:ecs:clusterName", resource}}
}

func ecrContext(account, region, resource string) []Pair {
	if !isARN(resource) {
		resource = "arn:aws:ecr:" + region + ":" + account + ":repository/" + resource
	}
	return []Pair{{"aws:s3:arn", "arn:aws:s3:::prod-" + region + "-starport-layer-bucket/" + HexID(32, resource)}, {"aws:ecr:arn", resource}}
}

func trailContext(account, region, resource string) []Pair {
	return []Pair{
		{"aws:cloudtrail:arn", "arn:aws:cloudtrail:" + region + ":" + account + ":trail/org-trail"},
		{"aws:s3:arn", "arn:aws:s3:::" + resource},
	}
}
