package schema

// Type is a column type that DuckDB, Trino, Arrow and Parquet all have.
type Type int

// The column types, with their DuckDB name and Arrow counterpart.
const (
	Varchar   Type = iota // VARCHAR, utf8
	UUID                  // UUID, fixed_size_binary(16) with the arrow.uuid extension
	Timestamp             // TIMESTAMP, timestamp[us] without zone, always UTC
	Date                  // DATE, date32; in views only
	Bigint                // BIGINT, int64
	Integer               // INTEGER, int32
	Double                // DOUBLE, float64
	Boolean               // BOOLEAN, bool
	StringMap             // MAP(VARCHAR, VARCHAR), map<utf8, utf8>; values may be NULL
	StringSet             // VARCHAR[], list<utf8>
)

// Column describes one column of a [Table].
type Column struct {
	Name string
	Type Type
	// NotNull columns are enforced by the store.
	NotNull bool
	// Source is the CloudTrail member the value comes from, "" when it comes
	// from several or is derived.
	Source string
	// Judged columns hold what kmstrail concludes from the others and from its
	// configuration. Two records that differ only in them are the same record,
	// read by different versions or under different configurations.
	Judged bool
	// Merge says how rows of a rollup are put together; MergeNone for the
	// columns they are put together by, and outside of rollups.
	Merge Merge
	// Doc says what the value means, in one or two sentences, with its unit.
	Doc string
}

// Merge is the function that puts values of one column together.
type Merge string

// The ways to merge.
const (
	MergeNone Merge = ""
	MergeSum  Merge = "sum"
	MergeMin  Merge = "min"
	MergeMax  Merge = "max"
)

// Table is a base table of the store.
type Table struct {
	Name    string
	Doc     string
	Columns []Column
}

// Column returns the index of the named column, or -1.
func (t *Table) Column(name string) int {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// Tables lists every base table in creation order.
func Tables() []*Table {
	return append([]*Table{
		&KMSEvents, &RelatedEvents, &LogFiles, &LogFileValidation, &LogFileProblems, &Quarantine,
		&Corrections, &ChangedCells,
		&Findings, &FindingWindows, &FindingHistory, &DetectorRuns,
		&Accounts, &TrustRules, &ContextRules, &RotationPolicy, &Quotas, &Prices,
		&KeyStandards, &ExpectedKeys, &Environments,
	}, InventoryTables()...)
}

// KMSEvents holds one row per CloudTrail record of kms.amazonaws.com, unique
// by event_id.
var KMSEvents = Table{
	Name: "kms_events",
	Doc:  "One row per CloudTrail record whose eventSource is kms.amazonaws.com. A cross-account call has a row per copy; kms_calls joins them.",
	Columns: []Column{
		// Where the record came from.
		{Name: "log_file_id", Type: Bigint, NotNull: true, Doc: "log_files.log_file_id of the object that held the record."},
		{Name: "record_index", Type: Integer, NotNull: true, Doc: "Zero-based position of the record in its log file."},

		// What happened.
		{Name: "event_id", Type: UUID, NotNull: true, Source: "eventID", Doc: "Identity of the record; records are de-duplicated by it."},
		{Name: "event_time", Type: Timestamp, NotNull: true, Source: "eventTime", Doc: "When the request completed, UTC; CloudTrail gives whole seconds."},
		{Name: "event_name", Type: Varchar, NotNull: true, Source: "eventName", Doc: "KMS operation, or the name of an internal event such as RotateKey."},
		{Name: "event_type", Type: Varchar, Source: "eventType", Doc: "AwsApiCall, AwsServiceEvent, AwsVpceEvent, …"},
		{Name: "event_category", Type: Varchar, Source: "eventCategory", Doc: "Management, NetworkActivity, …; NULL in records older than version 1.07."},
		{Name: "event_version", Type: Varchar, Source: "eventVersion", Doc: "Version of the record format, such as 1.11."},
		{Name: "read_only", Type: Boolean, Source: "readOnly", Doc: "CloudTrail's own flag; true for Encrypt and Decrypt too, so it does not tell use from management."},
		{Name: "request_id", Type: UUID, Source: "requestID", Doc: "AWS request id. Not unique: one id can be shared by two records."},
		{Name: "shared_event_id", Type: UUID, Source: "sharedEventID", Doc: "Equal in all copies of one call. By itself no proof of cross-account use."},
		{Name: "supersedes_event_id", Type: UUID, Source: "addendum.originalEventID", Doc: "Event this record corrects (addendum of kind UPDATED_DATA); that event is taken out of the table."},

		// Where, and whose.
		{Name: "region", Type: Varchar, NotNull: true, Source: "awsRegion", Doc: "Region that served the call."},
		{Name: "recipient_account_id", Type: Varchar, Source: "recipientAccountId", Doc: "Account in whose trail this record was delivered."},
		{Name: "caller_account_id", Type: Varchar, Source: "userIdentity.accountId", Doc: "Account of the caller; NULL for an AWS service principal. Quota and cost are charged to it."},
		{Name: "key_account_id", Type: Varchar, Judged: true, Doc: "Account that owns the key, from the key's ARN."},
		{Name: "record_copy", Type: Varchar, NotNull: true, Judged: true, Doc: "Which copy of the call this record is: single (caller and owner are the recipient), caller, owner, other (ReEncrypt's further owner, or undecidable), network (a NetworkActivity shadow, never counted)."},

		// Who.
		{Name: "caller_type", Type: Varchar, Source: "userIdentity.type", Doc: "AssumedRole, IAMUser, Root, AWSService, AWSAccount, …; NULL for internal service events."},
		{Name: "caller_arn", Type: Varchar, Source: "userIdentity.arn", Doc: "ARN as logged; for a role this names the session."},
		{Name: "role_arn", Type: Varchar, Source: "userIdentity.sessionContext.sessionIssuer.arn", Doc: "ARN of the role behind the session, with its IAM path where the record has it."},
		{Name: "principal_arn", Type: Varchar, Judged: true, Doc: "The one ARN to group callers by: role_arn, else caller_arn, else NULL (a foreign account's copy, or a service principal)."},
		{Name: "principal_id", Type: Varchar, Source: "userIdentity.principalId", Doc: "Unique id of the principal without the session name (AROA…, AIDA…, account id); known in every copy of a call."},
		{Name: "session_name", Type: Varchar, Source: "userIdentity.arn", Doc: "Role session name."},
		{Name: "access_key_id", Type: Varchar, Source: "userIdentity.accessKeyId", Doc: "Access key used; AKIA… is long-lived, ASIA… temporary."},
		{Name: "session_start", Type: Timestamp, Source: "userIdentity.sessionContext.attributes.creationDate", Doc: "When the session's credentials were issued."},
		{Name: "mfa", Type: Boolean, Source: "userIdentity.sessionContext.attributes.mfaAuthenticated", Doc: "Whether the session was authenticated with MFA; NULL when the record does not say."},
		{Name: "source_identity", Type: Varchar, Source: "userIdentity.sessionContext.sourceIdentity", Doc: "Source identity set when the role was assumed."},
		{Name: "console_session", Type: Boolean, Source: "sessionCredentialFromConsole", Doc: "True when the credentials came from a console session; else NULL."},
		{Name: "invoked_by", Type: Varchar, Source: "userIdentity.invokedBy", Doc: "AWS service that made the call, as logged; can be the opaque AWS Internal."},
		{Name: "service", Type: Varchar, Judged: true, Doc: "Short name of the AWS service behind the call (s3, ssm, ebs, secretsmanager, …); AWS Internal is refined by the encryption context. NULL for a direct call."},
		{Name: "actor_kind", Type: Varchar, NotNull: true, Judged: true, Doc: "human, workload, aws_service or unknown: who set the call off."},
		{Name: "is_self", Type: Boolean, NotNull: true, Judged: true, Doc: "True for calls made by kmstrail's own role while reading an encrypted log bucket."},

		// From where.
		{Name: "source_ip_address", Type: Varchar, Source: "sourceIPAddress", Doc: "IP address, or the DNS name of the calling service."},
		{Name: "user_agent", Type: Varchar, Source: "userAgent", Doc: "User agent as logged: untrusted text."},
		{Name: "vpc_endpoint_id", Type: Varchar, Source: "vpcEndpointId", Doc: "VPC endpoint the request came through."},
		{Name: "vpc_endpoint_account_id", Type: Varchar, Source: "vpcEndpointAccountId", Doc: "Owner of that VPC endpoint."},
		{Name: "tls_version", Type: Varchar, Source: "tlsDetails.tlsVersion", Doc: "TLS version of a direct call."},
		{Name: "tls_cipher_suite", Type: Varchar, Source: "tlsDetails.cipherSuite", Doc: "TLS cipher suite of a direct call."},
		{Name: "tls_key_exchange", Type: Varchar, Source: "tlsDetails.keyExchange", Doc: "TLS key exchange group, such as X25519MLKEM768."},

		// With what outcome.
		{Name: "error_code", Type: Varchar, Source: "errorCode", Doc: "Error code as logged; NULL on success."},
		{Name: "error_message", Type: Varchar, Source: "errorMessage", Doc: "Error message as logged."},
		{Name: "error_class", Type: Varchar, Judged: true, Doc: "denied, pending_deletion, disabled, pending_import, throttled, bad_ciphertext, wrong_key, dry_run, not_found or other; NULL on success. dry_run is neither failure nor use."},
		{Name: "dry_run", Type: Boolean, Source: "requestParameters.dryRun", Doc: "True when the caller asked for a dry run; else NULL."},

		// On which key.
		{Name: "key_arn", Type: Varchar, Doc: "ARN of the KMS key (never of an alias). For ReEncrypt the source key."},
		{Name: "key_id", Type: Varchar, Judged: true, Doc: "Last part of key_arn: a UUID or mrk-…"},
		{Name: "key_region", Type: Varchar, Judged: true, Doc: "Region in key_arn."},
		{Name: "key_reference", Type: Varchar, Source: "requestParameters.keyId", Doc: "How the caller named the key: key ARN, id, alias name or alias ARN; NULL when the call did not name it."},
		{Name: "key_resolved_by", Type: Varchar, Judged: true, Doc: "Where key_arn was found, in order of trust: resources, response, request, service_event, error_message."},
		{Name: "destination_key_arn", Type: Varchar, Doc: "ReEncrypt: ARN of the key the data was encrypted to. ReplicateKey: ARN of the replica."},
		{Name: "destination_key_account_id", Type: Varchar, Judged: true, Doc: "Account in destination_key_arn."},

		// Doing what.
		{Name: "operation_class", Type: Varchar, NotNull: true, Judged: true, Doc: "cryptographic, management, grant, alias, tag, policy, import, store, read, service_event or unknown."},
		{Name: "quota_name", Type: Varchar, Judged: true, Doc: "Request quota the call counts against (quotas.quota_name); NULL for events that count against none."},
		{Name: "price_tier", Type: Varchar, Judged: true, Doc: "Price class of the request (prices.price_tier); NULL for events that are not billed."},
		{Name: "encryption_context", Type: StringMap, Source: "requestParameters.encryptionContext", Doc: "Encryption context; for ReEncrypt that of the source. Untrusted text. NULL when absent, empty when given empty."},
		{Name: "destination_encryption_context", Type: StringMap, Source: "requestParameters.destinationEncryptionContext", Doc: "ReEncrypt: encryption context of the destination."},
		{Name: "algorithm", Type: Varchar, Source: "requestParameters.encryptionAlgorithm | signingAlgorithm | macAlgorithm | keyAgreementAlgorithm | encapsulationAlgorithm | sourceEncryptionAlgorithm", Doc: "Algorithm of the cryptographic operation."},
		{Name: "key_spec", Type: Varchar, Source: "requestParameters.keySpec | keyPairSpec", Doc: "Spec of the data key, data key pair or created key."},
		{Name: "key_material_id", Type: Varchar, Source: "additionalEventData.keyMaterialId", Doc: "Key material that was used (64 hex digits), so which rotation."},
		{Name: "custom_key_store_id", Type: Varchar, Source: "additionalEventData.customKeyStoreId", Doc: "Custom key store that served the call."},
		{Name: "enclave_image_digest", Type: Varchar, Source: "additionalEventData.recipient.attestationDocumentEnclaveImageDigest", Doc: "Image digest of the Nitro Enclave the answer was encrypted for."},

		// Grants.
		{Name: "grant_id", Type: Varchar, Source: "requestParameters.grantId | responseElements.grantId | additionalEventData.grantId", Doc: "Grant created, retired or revoked."},
		{Name: "grantee_principal", Type: Varchar, Source: "requestParameters.granteePrincipal | granteeServicePrincipal", Doc: "CreateGrant: who may use the grant."},
		{Name: "retiring_principal", Type: Varchar, Source: "requestParameters.retiringPrincipal | retiringServicePrincipal", Doc: "CreateGrant: who may retire the grant."},
		{Name: "grant_operations", Type: StringSet, Source: "requestParameters.operations", Doc: "CreateGrant: operations the grant allows."},

		// Lifecycle, aliases, tags, policy.
		{Name: "alias_name", Type: Varchar, Source: "requestParameters.aliasName", Doc: "CreateAlias, UpdateAlias, DeleteAlias: the alias, alias/…"},
		{Name: "tags", Type: StringMap, Source: "requestParameters.tags | tagKeys", Doc: "Tags set by CreateKey, ReplicateKey, TagResource; UntagResource has each removed tag key with a NULL value."},
		{Name: "key_policy", Type: Varchar, Source: "requestParameters.policy", Doc: "CreateKey, ReplicateKey, PutKeyPolicy: the policy document, JSON text."},
		{Name: "key_state", Type: Varchar, Source: "responseElements.keyState | keyMetadata.keyState", Doc: "State of the key that the response names."},
		{Name: "pending_window_days", Type: Integer, Source: "requestParameters.pendingWindowInDays", Doc: "ScheduleKeyDeletion: waiting period asked for, in days."},
		{Name: "deletion_date", Type: Timestamp, Source: "responseElements.deletionDate", Doc: "ScheduleKeyDeletion: when the key will be destroyed, UTC."},
		{Name: "material_valid_to", Type: Timestamp, Source: "requestParameters.validTo", Doc: "ImportKeyMaterial: when the imported material expires, UTC."},
		{Name: "rotation_period_days", Type: Integer, Source: "requestParameters.rotationPeriodInDays", Doc: "EnableKeyRotation: rotation period, in days."},
		{Name: "key_usage", Type: Varchar, Source: "requestParameters.keyUsage", Doc: "CreateKey: ENCRYPT_DECRYPT, SIGN_VERIFY, …"},
		{Name: "key_origin", Type: Varchar, Source: "requestParameters.origin", Doc: "CreateKey: AWS_KMS, EXTERNAL, AWS_CLOUDHSM, EXTERNAL_KEY_STORE."},
		{Name: "multi_region", Type: Boolean, Source: "requestParameters.multiRegion", Doc: "CreateKey: true for a multi-Region key."},

		{Name: "remainder", Type: Varchar, Doc: "JSON object with every member of the record that no column above holds; NULL when nothing is left. Columns and remainder together are the whole record."},
		{Name: "context_secrets", Type: StringMap, Judged: true, Doc: "By context key (* where it is a key itself), what looks like a secret in the encryption contexts: its kind (card_number, email, jwt, access_key_id, private_key, high_entropy), a blank, and what may be shown of it. NULL when nothing does, and in records ingested before layout 4."},
	},
}
