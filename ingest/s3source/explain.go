package s3source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
)

// Error is an AWS failure in plain words.
type Error struct {
	// Code is AWS's error code, or one of NoCredentials, NoSuchProfile,
	// NoSuchHost, ConnectionRefused, Certificate, Timeout; "" for what is not
	// known.
	Code string
	// Problem says what happened and where.
	Problem string
	// Hint says what to do; "" when there is nothing to say.
	Hint string
	// Err is what the SDK returned.
	Err error
}

// Error returns problem and hint on one line.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Problem
	}
	return e.Problem + ": " + e.Hint
}

// Unwrap returns the SDK's error.
func (e *Error) Unwrap() error { return e.Err }

// Explain returns err as an *Error when it comes from AWS or from the way to it,
// else as it is. What is explained already stays so.
func Explain(err error) error { return explain(err, where{}) }

// where says what was being done when an error came.
type where struct {
	op, bucket, key, region, endpoint, profile string
	requesterPays                              bool
}

func (s *Source) explain(err error, w where) error {
	w.bucket, w.endpoint, w.profile = s.cfg.Bucket, s.cfg.EndpointURL, s.cfg.Profile
	w.requesterPays = s.cfg.RequesterPays
	w.region = s.aws.Region
	return explain(err, w)
}

func explain(err error, w where) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if op, ok := errors.AsType[*smithy.OperationError](err); ok && w.op == "" {
		w.op = op.Operation()
	}
	if e := w.credentials(err); e != nil {
		return e
	}
	if e := w.network(err); e != nil {
		return e
	}
	code, message, status := apiDetails(err)
	if code == "" && status == 0 {
		return err
	}
	e := w.api(code, message, status)
	if e == nil {
		e = &Error{Problem: fmt.Sprintf("%s failed%s: %s", w.op, w.at(), told(code, message, status))}
	}
	e.Err = err
	if e.Code == "" {
		e.Code = code
	}
	return e
}

// apiDetails returns what the service answered.
func apiDetails(err error) (code, message string, status int) {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code, message = api.ErrorCode(), api.ErrorMessage()
	}
	if r, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = r.HTTPStatusCode()
	}
	return code, message, status
}

func told(code, message string, status int) string {
	switch {
	case code == "":
		return fmt.Sprintf("HTTP status %d", status)
	case message == "" || message == code:
		return code
	}
	return code + ": " + message
}

// at names the place, with a leading blank.
func (w where) at() string {
	switch {
	case w.bucket == "":
		return ""
	case w.key == "":
		return " at s3://" + w.bucket
	}
	return " at s3://" + w.bucket + "/" + w.key
}

// credentials explains why a request could not be signed.
func (w where) credentials(err error) *Error {
	if p, ok := errors.AsType[awsconfig.SharedConfigProfileNotExistError](err); ok {
		return &Error{
			Code: "NoSuchProfile", Err: err,
			Problem: fmt.Sprintf("AWS profile %q is not configured", p.Profile),
			Hint:    "see aws configure list-profiles",
		}
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "SSO session has expired") || strings.Contains(text, "refresh cached SSO token") || strings.Contains(text, "read cached sso token"):
		login := "aws sso login"
		if w.profile != "" {
			login += " --profile " + w.profile
		}
		return &Error{Code: "ExpiredToken", Err: err, Problem: "the AWS SSO session has expired", Hint: "run " + login}
	case w.op == "GetCredentials", strings.Contains(text, "failed to refresh cached credentials"), strings.Contains(text, "failed to retrieve credentials"):
		return &Error{
			Code: "NoCredentials", Err: err,
			Problem: "no AWS credentials found",
			Hint:    "give --profile, set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached (" + innermost(err) + ")",
		}
	}
	return nil
}

// network explains why no answer came.
func (w where) network(err error) *Error {
	place := "AWS"
	if w.endpoint != "" {
		place = w.endpoint
	}
	certificate := func() bool {
		_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
		_, invalid := errors.AsType[x509.CertificateInvalidError](err)
		_, host := errors.AsType[x509.HostnameError](err)
		return unknown || invalid || host
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	netErr, isNet := errors.AsType[net.Error](err)
	switch {
	case isDNS:
		return &Error{
			Code: "NoSuchHost", Err: err, Problem: "cannot find the host " + dns.Name,
			Hint: "check the network, the Region's name and --endpoint-url",
		}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{
			Code: "ConnectionRefused", Err: err, Problem: "nothing answers at " + place + ": connection refused",
			Hint: "check --endpoint-url and that the service runs",
		}
	case certificate():
		return &Error{
			Code: "Certificate", Err: err, Problem: "the certificate of " + place + " is not trusted",
			Hint: "set AWS_CA_BUNDLE if a proxy re-encrypts traffic (" + innermost(err) + ")",
		}
	case errors.Is(err, context.DeadlineExceeded), isNet && netErr.Timeout():
		return &Error{
			Code: "Timeout", Err: err, Problem: "no answer in time from " + place + w.at(),
			Hint: "check the network, a proxy or the VPC endpoint",
		}
	}
	return nil
}

// api explains an error code.
func (w where) api(code, message string, status int) *Error {
	switch code {
	case "NoSuchBucket":
		return w.noSuchBucket()
	case "NotFound":
		if w.op == "HeadBucket" {
			return w.noSuchBucket()
		}
	case "AccessDenied", "AccessDeniedException", "Forbidden", "AllAccessDisabled":
		return w.denied(message)
	case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return &Error{
			Problem: fmt.Sprintf("bucket %s is in another Region than the request was sent to", w.bucket),
			Hint:    "leave --region out so that it is found, or give the bucket's own (" + told(code, message, status) + ")",
		}
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired":
		return &Error{Problem: "the AWS credentials have expired", Hint: "get new ones, for instance with aws sso login"}
	case "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidToken":
		return &Error{Problem: "AWS does not know these credentials", Hint: "check AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN and the profile; outside the aws partition (China, GovCloud) also give --region"}
	case "SignatureDoesNotMatch", "InvalidSignatureException":
		return &Error{Problem: "AWS does not accept the signature", Hint: "check AWS_SECRET_ACCESS_KEY"}
	case "RequestTimeTooSkewed":
		return &Error{Problem: "this machine's clock is wrong", Hint: "set the time: AWS accepts 15 minutes of difference"}
	case "SlowDown", "ServiceUnavailable", "ThrottlingException", "Throttling", "TooManyRequestsException":
		return &Error{Problem: "AWS asks for fewer requests" + w.at() + " and kept asking", Hint: "try again later, or lower --concurrency"}
	case "InvalidObjectState":
		return &Error{
			Problem: fmt.Sprintf("s3://%s/%s is archived and cannot be read", w.bucket, w.key),
			Hint:    "restore it (aws s3api restore-object), then ingest again",
		}
	case "InternalError":
		return &Error{Problem: "S3 had an internal error" + w.at() + " in every attempt", Hint: "try again later"}
	}
	return w.byStatus(code, message, status)
}

// byStatus explains answers without a code of their own, as to HEAD.
func (w where) byStatus(code, message string, status int) *Error {
	switch {
	case strings.HasPrefix(code, "KMS."):
		return &Error{
			Problem: "the KMS key that encrypts" + strings.TrimPrefix(w.at(), " at") + " cannot be used",
			Hint:    "the key is disabled, pending deletion or gone (" + told(code, message, status) + ")",
		}
	case status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect:
		return w.api("PermanentRedirect", message, status)
	case status == http.StatusForbidden && code == "":
		return w.denied(message)
	}
	return nil
}

func (w where) noSuchBucket() *Error {
	e := &Error{Code: "NoSuchBucket", Problem: fmt.Sprintf("bucket %s does not exist", w.bucket), Hint: "check the name"}
	if w.endpoint != "" {
		e.Problem += " at " + w.endpoint
		e.Hint += " and --endpoint-url"
	} else {
		e.Hint += " and the partition (aws, aws-cn, aws-us-gov)"
	}
	return e
}

// denied says which right is missing.
func (w where) denied(message string) *Error {
	e := &Error{Code: errCodeForbidden}
	var said string
	if message != "" && message != "Access Denied" && message != "Forbidden" {
		said = " (AWS says: " + message + ")"
	}
	payer := ""
	if !w.requesterPays {
		payer = "; if it is a Requester Pays bucket, give --requester-pays"
	}
	lower := strings.ToLower(message)
	switch {
	case w.op == "PutObject" && strings.Contains(lower, "kms"):
		e.Problem = "may not encrypt" + strings.TrimPrefix(w.at(), " at")
		e.Hint = "allow kms:GenerateDataKey on the key that encrypts the bucket, in the key's policy too if it is in another account" + said
	case strings.Contains(lower, "kms:") || strings.Contains(lower, "ciphertext") || strings.Contains(lower, "kms key"):
		e.Problem = "may not decrypt" + strings.TrimPrefix(w.at(), " at")
		e.Hint = "allow kms:Decrypt on the key that encrypts the log files, in the key's policy too if it is in another account" + said
	case w.op == "ListObjectsV2":
		e.Problem = "may not list" + strings.TrimPrefix(w.at(), " at")
		e.Hint = "allow s3:ListBucket on arn:aws:s3:::" + w.bucket + said + payer
	case w.op == "GetObject":
		e.Problem = "may not read" + strings.TrimPrefix(w.at(), " at")
		e.Hint = "allow s3:GetObject on arn:aws:s3:::" + w.bucket + "/*" + said + payer
	case w.op == "PutObject", w.op == "DeleteObject":
		e.Problem = map[string]string{"PutObject": "may not write", "DeleteObject": "may not delete"}[w.op] + strings.TrimPrefix(w.at(), " at")
		e.Hint = "allow s3:" + w.op + " on arn:aws:s3:::" + w.bucket + "/*" + said
	case w.op == "LookupEvents":
		e.Problem = "may not look up CloudTrail events"
		e.Hint = "allow cloudtrail:LookupEvents" + said
	default:
		e.Problem = "access denied to " + w.op + w.at()
		e.Hint = strings.TrimSpace(said)
	}
	return e
}

// doing wraps err with what was done at url, unless err names the place already.
func doing(what, url string, err error) error {
	if strings.Contains(err.Error(), strings.TrimSuffix(url, "/")) {
		return err
	}
	return fmt.Errorf("%s %s: %w", what, url, err)
}

// innermost returns the text of the deepest error.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
