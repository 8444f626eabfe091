package cttest

import (
	"slices"
	"strings"
)

// failure is how an error is recorded. In message, {key}, {op} and {user}
// stand for the key's ARN, the operation and the caller's ARN.
type failure struct {
	code, message string
	noRequest     bool // requestParameters is null
	noResources   bool
	// callerOnly failures leave no record in the key owner's account.
	callerOnly bool
}

const deniedText = "User: {user} is not authorized to perform: kms:{op} on resource: {key}"

var failures = map[string]failure{
	"denied":             denied(" because no identity-based policy allows the kms:{op} action"),
	"denied_resource":    denied(" because no resource-based policy allows the kms:{op} action"),
	"denied_session":     denied(" because no session policy allows the kms:{op} action"),
	"denied_scp":         denied(" with an explicit deny in a service control policy"),
	"denied_old":         denied(""),
	"denied_unknown_key": {code: "AccessDenied", message: "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.", noRequest: true, noResources: true, callerOnly: true},
	"denied_endpoint":    {code: "VpceAccessDenied", message: "The request was denied due to a VPC endpoint policy", noRequest: true, noResources: true, callerOnly: true},

	"pending_deletion":          {code: "KMSInvalidStateException", message: "{key} is pending deletion."},
	"pending_deletion_disabled": {code: "DisabledException", message: "{key} is pending deletion."},
	"pending_replica_deletion":  {code: "KMSInvalidStateException", message: "{key} is pending replica deletion."},
	"not_pending_deletion":      {code: "KMSInvalidStateException", message: "{key} is not pending deletion."},
	"disabled":                  {code: "DisabledException", message: "{key} is disabled."},
	"pending_import":            {code: "KMSInvalidStateException", message: "{key} is pending import because no key material has ever been imported or one of the imported key materials is deleted or expired."},
	"pending_import_old":        {code: "KMSInvalidStateException", message: "{key} is pending import."},
	"unavailable":               {code: "KMSInvalidStateException", message: "{key} is unavailable."},
	"creating":                  {code: "KMSInvalidStateException", message: "{key} is creating."},
	"xks_rejected":              {code: "KMSInvalidStateException", message: "The external key store proxy rejected the request because the specified ciphertext or additional authenticated data is corrupted, missing, or otherwise invalid."},
	"unsupported":               {code: "UnsupportedOperationException", message: "{key} origin is EXTERNAL which is not valid for this operation."},

	"throttled":          {code: "ThrottlingException", message: "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."},
	"bad_ciphertext":     {code: "InvalidCiphertextException", noRequest: true},
	"wrong_key":          {code: "IncorrectKeyException", message: "The key ID in the request does not identify a CMK that can perform this operation."},
	"wrong_usage":        {code: "InvalidKeyUsageException"},
	"bad_signature":      {code: "KMSInvalidSignatureException"},
	"bad_mac":            {code: "KMSInvalidMacException"},
	"not_found":          {code: "NotFoundException", message: "Key '{key}' does not exist", noResources: true},
	"not_found_id":       {code: "NotFoundException", message: "Invalid keyId '{key}'", noResources: true},
	"alias_not_found":    {code: "NotFoundException", message: "Alias {alias} is not found.", noResources: true},
	"limit_exceeded":     {code: "LimitExceededException", message: "The request was rejected because a quota was exceeded."},
	"already_exists":     {code: "AlreadyExistsException", message: "An alias with the name {alias} already exists"},
	"conflict":           {code: "ConflictException", message: "The key is being rotated."},
	"malformed_policy":   {code: "MalformedPolicyDocumentException", message: "Policy contains a statement with one or more invalid principals."},
	"validation":         {code: "ValidationException", message: "1 validation error detected: Value 'x' at 'keyId' failed to satisfy constraint"},
	"key_unavailable":    {code: "KeyUnavailableException"},
	"internal":           {code: "KMSInternalException"},
	"dependency_timeout": {code: "DependencyTimeoutException"},
	"dry_run":            {code: "DryRunOperationException", message: "The request would have succeeded, but the DryRun option is set."},
}

func denied(tail string) failure {
	return failure{
		code: "AccessDenied", message: deniedText + tail,
		noRequest: true, noResources: true, callerOnly: true,
	}
}

// Failures lists the names that Event.Failure and error= know, sorted:
//
//	denied, denied_resource, denied_session, denied_scp, denied_old (no reason
//	given), denied_unknown_key, denied_endpoint; pending_deletion
//	(KMSInvalidStateException), pending_deletion_disabled (DisabledException),
//	pending_replica_deletion, not_pending_deletion, disabled, pending_import,
//	pending_import_old, unavailable, creating, xks_rejected, unsupported;
//	throttled, bad_ciphertext, wrong_key, wrong_usage, bad_signature, bad_mac,
//	not_found, not_found_id, alias_not_found, limit_exceeded, already_exists,
//	conflict, malformed_policy, validation, key_unavailable, internal,
//	dependency_timeout, dry_run
func Failures() []string {
	var names []string
	for name := range failures {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (e *Event) failureMessage() string {
	text := failures[e.Failure].message
	if !strings.Contains(text, "{") {
		return text
	}
	user := e.Caller.ARN
	if user == "" {
		user = e.Caller.InvokedBy
	}
	return strings.NewReplacer("{key}", e.Key, "{op}", e.Name, "{user}", user, "{alias}", e.Alias).Replace(text)
}
