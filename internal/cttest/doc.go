// Package cttest builds CloudTrail records, log files and object keys for
// tests and for the sample data. It imports nothing of ours and uses no clock
// and no randomness: the same call gives the same bytes.
//
// # Records
//
// An [Event] describes one record; [Event.JSON] renders it in the shape that
// KMS writes for that operation and event version: which members
// requestParameters has, where the key is named, which members an error takes
// away. Every member can be overridden with raw JSON.
//
//	e := cttest.Event{
//		Time:    t,
//		Name:    "Decrypt",
//		Caller:  cttest.AssumedRole("111122223333", "app", "i-1"),
//		Key:     cttest.KeyARN("111122223333", "us-east-1", "alpha"),
//		Context: cttest.Pairs("tenant", "blue"),
//	}
//	file := cttest.LogFile(e.JSON())
//
// [Sample] gives a typical event for each of the [Operations] and
// [ServiceEvents]; [Copies] gives the records that a cross-account call
// leaves; [Via] and [ByService] turn a call into one that an AWS service made;
// [Network] is the NetworkActivity shadow of a call; the functions in other.go
// make records of other services.
//
// # Event lines
//
// Fixtures describe records one event a line (see [ParseLines]):
//
//	TIME [EVERY] [xN] EVENT [KEY] [PRINCIPAL] [option …]
//
//	2026-01-04T06:00:00Z 1m x3 Decrypt key/alpha role/app ctx.tenant=blue
//	2026-01-04T06:10:00Z Decrypt key/alpha@foreign role/app copies=owner
//	+5m ScheduleKeyDeletion key/alpha user/ann days=7
//	+1m Decrypt key/alpha role/app via=s3:logs/a.txt error=pending_deletion
//	+1m s3:PutBucketTagging user/ann bucket=logs tag.team=red
//
// TIME is RFC 3339 in UTC, or +DURATION after the time of the line before
// (its first record). EVERY is a Go duration between the repetitions that xN
// asks for (default 1s; 20ms puts fifty into a second: record times are cut
// to whole seconds). Blank lines and lines that begin with # are skipped.
//
// KEY is key/NAME[@ACCOUNT[:REGION]]. NAME stands for a deterministic key id
// ([KeyID]); a NAME that is a UUID or begins with mrk- is taken as it is. The
// owner is the caller's account and the region is the event's unless given.
//
// PRINCIPAL is one of
//
//	role/NAME[/SESSION][@ACCOUNT]  an assumed role (session name: "session")
//	user/NAME[@ACCOUNT]            an IAM user with a long-lived access key
//	root[@ACCOUNT]                 the account's root
//	sso/NAME[@ACCOUNT]             an IAM Identity Center role session of a person
//	federated/NAME[@ACCOUNT]       a federated user
//	service/NAME                   an AWS service principal, NAME.amazonaws.com
//	account/ID                     a caller of whom only the account is known
//	internal[@ACCOUNT]             KMS itself (service events); their default
//
// The default is role/app. ACCOUNT is twelve digits or one of the names of
// [Account]: main (111122223333, the default), second (444455556666), trusted
// (555555555555), partner (777788889999), foreign (999999999999), log
// (123456789012).
//
// Options are words or NAME=VALUE; a value with blanks is written as a Go
// string literal: message="no such key".
//
//	account=A        the caller's account, same as @A after the principal
//	owner=A          the key's account, same as @A after the key
//	region=R         region of the event (and of keys without their own)
//	via=S[:RES]      a service made the call with the caller's session: s3, ssm,
//	                 secretsmanager, lambda, ebs, ec2, dynamodb, rds, sqs, sns,
//	                 logs, kinesis, efs, …; RES (a name or an ARN) goes into the
//	                 service's encryption context. With service/NAME, via=NAME:RES
//	                 sets only the context.
//	ctx.K=V          a member of the encryption context (also with via)
//	ctx={}           an empty encryption context
//	dest=KEY         ReEncrypt: destination key, key/NAME[@ACCOUNT[:REGION]]
//	destctx.K=V      ReEncrypt: destination encryption context
//	ref=id|arn|alias/NAME|none  how requestParameters names the key
//	copies=both|caller|owner|dest|none  which records of a cross-account call
//	                 exist, by whose account received them; both (the default)
//	                 means all. Several may be joined with +: caller+dest
//	error=KIND       a failure by name (see [Failures]): denied, pending_deletion,
//	                 disabled, throttled, …; or an error code as logged
//	message=TEXT     error message, instead of the one that goes with error
//	dryrun           a dry run (DryRunOperationException)
//	dup, dup=N       deliver each record N more times (1)
//	network          also its NetworkActivity shadow
//	days=N           ScheduleKeyDeletion: pendingWindowInDays
//	material=ID      key material, instead of the one that follows from the key;
//	                 of RotateKey the one it brings
//	validto=TIME     ImportKeyMaterial: when the material expires, RFC 3339
//	alias=alias/X    CreateAlias, UpdateAlias, DeleteAlias
//	tag.K=V          CreateKey, TagResource and tagging calls of other services
//	untag=K          UntagResource (may be repeated)
//	spec=S alg=A     key or data key spec; algorithm
//	grant=ID grantee=PRINCIPAL ops=Decrypt,Encrypt  grants
//	store=cks-…      custom key store
//	policy=JSON      CreateKey, PutKeyPolicy
//	description=TEXT CreateKey, UpdateKeyDescription; - for an empty one
//	version=1.08     eventVersion
//	ip=… agent=…     sourceIPAddress, userAgent
//	id=NAME          the event id is EventID(NAME) (with xN: NAME/0, NAME/1, …)
//	bucket=B resource=R  records of other services: what they act upon
//	request=JSON response=JSON  requestParameters and responseElements
//	extra=JSON       further top-level members, without the braces
//
// A record of another service is written SERVICE:EVENT, such as
// s3:PutBucketTagging, s3:DeleteBucketTagging, secretsmanager:TagResource,
// ec2:CreateTags, ec2:CreateVolume, cloudtrail:PutEventSelectors,
// cloudtrail:StopLogging; names without a builder get bare parameters.
//
// [Expand] replaces {key/alpha@foreign}, {role/app}, {user/ann}, {account/main}
// and {id/NAME} in a text by the full ARN or id, so that what a fixture
// expects can be written with the same short names.
package cttest
