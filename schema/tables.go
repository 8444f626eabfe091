package schema

// RelatedEvents holds the few records of other services that detectors need.
var RelatedEvents = Table{
	Name: "related_events",
	Doc:  "One row per record of another service whose event name is on the keep-list: trail configuration, tagging of encrypted resources, creation of unencrypted storage.",
	Columns: []Column{
		{Name: "log_file_id", Type: Bigint, NotNull: true, Doc: "log_files.log_file_id of the object that held the record."},
		{Name: "record_index", Type: Integer, NotNull: true, Doc: "Zero-based position of the record in its log file."},
		{Name: "event_id", Type: UUID, NotNull: true, Source: "eventID", Doc: "Identity of the record; records are de-duplicated by it."},
		{Name: "event_time", Type: Timestamp, NotNull: true, Source: "eventTime", Doc: "When the request completed, UTC."},
		{Name: "event_source", Type: Varchar, NotNull: true, Source: "eventSource", Doc: "Service that served the call, such as s3.amazonaws.com."},
		{Name: "event_name", Type: Varchar, NotNull: true, Source: "eventName", Doc: "API operation."},
		{Name: "region", Type: Varchar, NotNull: true, Source: "awsRegion", Doc: "Region that served the call."},
		{Name: "recipient_account_id", Type: Varchar, Source: "recipientAccountId", Doc: "Account in whose trail this record was delivered."},
		{Name: "caller_account_id", Type: Varchar, Source: "userIdentity.accountId", Doc: "Account of the caller."},
		{Name: "principal_arn", Type: Varchar, Doc: "Role ARN, else caller ARN."},
		{Name: "error_code", Type: Varchar, Source: "errorCode", Doc: "Error code as logged; NULL on success."},
		{Name: "key_arn", Type: Varchar, Doc: "KMS key the request names, when it does: an ARN, id or alias, as written there."},
		{Name: "resource_arn", Type: Varchar, Doc: "ARN (or, where request and answer have only that, the id or name) of the resource concerned."},
		{Name: "tags", Type: StringMap, Doc: "Tags the request sets; a removed tag key has a NULL value. NULL when the request is not about tags."},
		{Name: "record", Type: Varchar, NotNull: true, Doc: "The whole record as JSON text."},
		{Name: "trail_kms_events", Type: Varchar, Doc: "PutEventSelectors: which KMS records the trail takes from then on: all, read_only, write_only, excluded (KMS is left out) or none (no management events at all)."},
		{Name: "trail_log_validation", Type: Boolean, Doc: "CreateTrail, UpdateTrail: whether log file validation is switched on; NULL when the request leaves it as it is."},
		{Name: "encrypted", Type: Boolean, Doc: "Whether the storage that the call makes is encrypted, by the answer; by the request only where no account default can overrule it. NULL when neither tells."},
		{Name: "encryption_type", Type: Varchar, Doc: "Kind of encryption that the request names, as the service spells it: aws:kms, AES256, KMS, …"},
		{Name: "response_key_arn", Type: Varchar, Doc: "KMS key that the answer names, when it does: of storage the key that it is encrypted under."},
	},
}

// LogFiles is the ledger: one row per log object ever listed for reading.
var LogFiles = Table{
	Name: "log_files",
	Doc:  "The ledger: one row per log object that was read or tried. Rows of an object and its ledger entry are committed together.",
	Columns: []Column{
		{Name: "log_file_id", Type: Bigint, NotNull: true, Doc: "Identity of the ledger entry."},
		{Name: "source", Type: Varchar, NotNull: true, Doc: "Where the object lies: s3://bucket, or file:///directory, or event-history://account/region, or sqs://queue for what messages of a queue held themselves."},
		{Name: "object_key", Type: Varchar, NotNull: true, Doc: "Key of the object in its source."},
		{Name: "etag", Type: Varchar, NotNull: true, Doc: "Version of the content: S3 ETag, or size and modification time of a file."},
		{Name: "size_bytes", Type: Bigint, NotNull: true, Doc: "Stored (compressed) size."},
		{Name: "last_modified", Type: Timestamp, Doc: "When the object was written, UTC."},
		{Name: "account_id", Type: Varchar, Doc: "Account in the object's key; NULL when the key does not follow CloudTrail's layout."},
		{Name: "region", Type: Varchar, Doc: "Region in the object's key."},
		{Name: "delivered_at", Type: Timestamp, Doc: "Delivery time in the file name, minute resolution, UTC."},
		{Name: "status", Type: Varchar, NotNull: true, Doc: "ingested, failed (will be tried again) or quarantined (will not)."},
		{Name: "error", Type: Varchar, Doc: "Why the object could not be read; NULL when ingested."},
		{Name: "attempts", Type: Integer, NotNull: true, Doc: "How often the object was tried."},
		{Name: "record_count", Type: Bigint, NotNull: true, Doc: "Records in the file, of all services."},
		{Name: "kms_count", Type: Bigint, NotNull: true, Doc: "KMS records in the file, duplicates included."},
		{Name: "inserted_count", Type: Bigint, NotNull: true, Doc: "KMS records this file brought that no file before it had."},
		{Name: "duplicate_count", Type: Bigint, NotNull: true, Doc: "KMS records that were known already, byte for byte the same or equal in content."},
		{Name: "related_count", Type: Bigint, NotNull: true, Doc: "Records of other services that were kept."},
		{Name: "quarantined_count", Type: Bigint, NotNull: true, Doc: "Records that went to quarantine."},
		{Name: "expired_count", Type: Bigint, Doc: "KMS records older than what the store keeps, which were not stored (again)."},
		{Name: "first_event_time", Type: Timestamp, Doc: "Earliest KMS event in the file, UTC."},
		{Name: "last_event_time", Type: Timestamp, Doc: "Latest KMS event in the file, UTC."},
		{Name: "ingested_at", Type: Timestamp, NotNull: true, Doc: "When this entry was written, UTC."},
	},
}

// LogFileValidation says what CloudTrail's digests prove.
var LogFileValidation = Table{
	Name: "log_file_validation",
	Doc:  "One row per source, account, Region and day of delivery that kmstrail verify has looked at, as it was found the last time: what CloudTrail's digests prove of the log files.",
	Columns: []Column{
		{Name: "source", Type: Varchar, NotNull: true, Doc: "Where the log files lie, as log_files.source."},
		{Name: "account_id", Type: Varchar, NotNull: true, Doc: "Account in the keys of log files and digests."},
		{Name: "region", Type: Varchar, NotNull: true, Doc: "Region in these keys."},
		{Name: "day", Type: Timestamp, NotNull: true, Doc: "Midnight at which the day of delivery begins, UTC."},
		{Name: "state", Type: Varchar, NotNull: true, Doc: "verified (digests cover the whole day, and every log file that they list is there and unchanged), incomplete (nothing is wrong with what they cover, which is not everything), unvalidated (there is no digest) or failed (log files or digests were changed, or are gone)."},
		{Name: "reason", Type: Varchar, Doc: "Why it is not verified, in a sentence."},
		{Name: "digest_count", Type: Bigint, NotNull: true, Doc: "Valid digests about the day, those of late log files included."},
		{Name: "backfill_count", Type: Bigint, NotNull: true, Doc: "Those of them that list late log files."},
		{Name: "invalid_digest_count", Type: Bigint, NotNull: true, Doc: "Digests about the day that are not valid, or could not be verified."},
		{Name: "missing_digest_count", Type: Bigint, NotNull: true, Doc: "Digests that are gone, by the one after them and the time that they were about."},
		{Name: "uncovered_minutes", Type: Bigint, NotNull: true, Doc: "Minutes of the day that no valid digest is about, until the moment it was looked at."},
		{Name: "listed_file_count", Type: Bigint, NotNull: true, Doc: "Log files that valid digests list."},
		{Name: "verified_file_count", Type: Bigint, NotNull: true, Doc: "Those of them whose content is what the digest says."},
		{Name: "changed_file_count", Type: Bigint, NotNull: true, Doc: "Those whose content is another."},
		{Name: "missing_file_count", Type: Bigint, NotNull: true, Doc: "Those that are gone."},
		{Name: "unreadable_file_count", Type: Bigint, NotNull: true, Doc: "Those that could not be read."},
		{Name: "unlisted_file_count", Type: Bigint, NotNull: true, Doc: "Log files that no digest lists."},
		{Name: "unread_file_count", Type: Bigint, NotNull: true, Doc: "Verified log files that were not ingested, or in another version."},
		{Name: "verified_at", Type: Timestamp, NotNull: true, Doc: "When it was looked at, UTC."},
	},
}

// LogFileProblems names what is wrong with log files and digests.
var LogFileProblems = Table{
	Name: "log_file_problems",
	Doc:  "What kmstrail verify found wrong, or could not prove, the last time it looked at a day: at most 100 rows of a kind for a source, account, Region and day; log_file_validation counts all.",
	Columns: []Column{
		{Name: "source", Type: Varchar, NotNull: true, Doc: "log_file_validation.source."},
		{Name: "account_id", Type: Varchar, NotNull: true, Doc: "Account."},
		{Name: "region", Type: Varchar, NotNull: true, Doc: "Region."},
		{Name: "day", Type: Timestamp, NotNull: true, Doc: "Midnight at which the day of delivery begins, UTC."},
		{Name: "kind", Type: Varchar, NotNull: true, Doc: "Signs of tampering: file_changed, file_missing, digest_forged, digest_malformed, digest_moved, digest_missing. Not known: file_unlisted, file_unreadable, digest_unsigned, digest_unknown_key, digest_unreadable, not_covered."},
		{Name: "object_key", Type: Varchar, Doc: "Key of the log file or digest; NULL for time without a digest."},
		{Name: "detail", Type: Varchar, NotNull: true, Doc: "What was found. It may hold text from the bucket: untrusted."},
		{Name: "verified_at", Type: Timestamp, NotNull: true, Doc: "When, UTC."},
	},
}

// Quarantine holds what could not be taken as it is, with the reason.
var Quarantine = Table{
	Name: "quarantine",
	Doc:  "One row per record or object that was not taken as it is: where it lies, and why.",
	Columns: []Column{
		{Name: "log_file_id", Type: Bigint, NotNull: true, Doc: "log_files.log_file_id of the object."},
		{Name: "record_index", Type: Integer, NotNull: true, Doc: "Zero-based position of the record in its file; -1 when the whole object is meant."},
		{Name: "byte_offset", Type: Bigint, NotNull: true, Doc: "Position in the uncompressed file, in bytes; -1 when unknown."},
		{Name: "reason", Type: Varchar, NotNull: true, Doc: "Short reason: bad_gzip, too_large, bad_json, wrong_type, no_event_id, duplicate_member, duplicate_context_key, too_deep, conflicting_duplicate, bad_message, …"},
		{Name: "detail", Type: Varchar, NotNull: true, Doc: "What was found, in a sentence."},
		{Name: "event_id", Type: UUID, Doc: "Event id, where it could be read."},
		{Name: "excerpt", Type: Varchar, Doc: "Beginning of the record, at most 4096 bytes, made valid UTF-8."},
		{Name: "quarantined_at", Type: Timestamp, NotNull: true, Doc: "When it was put here, UTC."},
	},
}

// Corrections holds which events CloudTrail has corrected.
var Corrections = Table{
	Name: "corrections",
	Doc:  "One row per event that CloudTrail corrected by another (addendum of kind UPDATED_DATA), whether the event itself ever arrived or not. It is not in kms_events.",
	Columns: []Column{
		{Name: "event_id", Type: UUID, NotNull: true, Source: "addendum.originalEventID", Doc: "Event that was corrected."},
		{Name: "corrected_by", Type: UUID, NotNull: true, Source: "eventID", Doc: "Event that holds the correction; it may have been corrected in turn."},
	},
}

// ChangedCells says what each commit changed, so that scheduled work looks
// again at what is new, however old it is.
var ChangedCells = Table{
	Name: "changed_cells",
	Doc:  "One row per commit and account, Region and hour of events in which it added, replaced or removed records, or which an inventory that it added is about.",
	Columns: []Column{
		{Name: "commit_id", Type: Bigint, NotNull: true, Doc: "Number of the commit; it rises."},
		{Name: "committed_at", Type: Timestamp, NotNull: true, Doc: "When, UTC."},
		{Name: "account_id", Type: Varchar, Doc: "Account in whose trail the records were delivered; NULL when they do not tell."},
		{Name: "region", Type: Varchar, NotNull: true, Doc: "Region of the records."},
		{Name: "hour", Type: Timestamp, NotNull: true, Doc: "Hour of the events, UTC."},
		{Name: "event_count", Type: Bigint, NotNull: true, Doc: "KMS records and related records that were added, replaced or removed; 0 for an inventory."},
		{Name: "change_count", Type: Bigint, NotNull: true, Doc: "Those of them that change keys, aliases, grants or tags and so can change what holds for later events; for an inventory its rows."},
	},
}

// Findings holds what detectors found, one row per fingerprint.
var Findings = Table{
	Name: "findings",
	Doc:  "One row per finding, by fingerprint: its windows (finding_windows) put together, and what people decided about it. What it says follows from the events alone, in whatever order they came.",
	Columns: []Column{
		{Name: "finding_id", Type: UUID, NotNull: true, Doc: "Identity of the finding, derived from the fingerprint."},
		{Name: "fingerprint", Type: Varchar, NotNull: true, Doc: "What makes two findings the same: detector, account, region, key, caller and the detector's own identity columns; never the window."},
		{Name: "detector_id", Type: Varchar, NotNull: true, Doc: "Detector that found it."},
		{Name: "detector_version", Type: Integer, NotNull: true, Doc: "Version of that detector."},
		{Name: "status", Type: Varchar, NotNull: true, Doc: "new, in_progress, suppressed, resolved or withdrawn."},
		{Name: "status_reason", Type: Varchar, Doc: "Why it has that status: what a person noted, or what contradicts a withdrawn finding; NULL for new ones."},
		{Name: "severity", Type: Varchar, NotNull: true, Doc: "critical, high, medium, low or info: the highest of its windows."},
		{Name: "account_id", Type: Varchar, Doc: "Account concerned; for a rate finding the one that pays."},
		{Name: "region", Type: Varchar, Doc: "Region concerned."},
		{Name: "key_arn", Type: Varchar, Doc: "Key concerned; NULL when the finding is not about one key."},
		{Name: "principal_arn", Type: Varchar, Doc: "Caller concerned; NULL when there is not one."},
		{Name: "first_seen", Type: Timestamp, NotNull: true, Doc: "Earliest event that supports it, UTC."},
		{Name: "last_seen", Type: Timestamp, NotNull: true, Doc: "Latest event that supports it, UTC."},
		{Name: "event_count", Type: Bigint, NotNull: true, Doc: "Calls that support it, each counted once."},
		{Name: "event_ids", Type: StringSet, NotNull: true, Doc: "Evidence: at most 20 event ids, the earliest first."},
		{Name: "log_files", Type: StringSet, Doc: "Where the original records of the evidence lie: source/object key#record index, in the order of event_ids; empty where it is not known."},
		{Name: "summary", Type: Varchar, NotNull: true, Doc: "One sentence for people."},
		{Name: "details", Type: Varchar, NotNull: true, Doc: "The detector's further columns as a JSON object."},
		{Name: "window_start", Type: Timestamp, NotNull: true, Doc: "Start of its first window (inclusive), UTC."},
		{Name: "window_end", Type: Timestamp, NotNull: true, Doc: "End of its last window (exclusive), UTC."},
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "detector_runs.run_id of the run that changed it last."},
		{Name: "created_at", Type: Timestamp, NotNull: true, Doc: "When it was first reported, UTC."},
		{Name: "updated_at", Type: Timestamp, NotNull: true, Doc: "When a run or a person last changed it, UTC."},
	},
}

// FindingWindows holds what each window of events says of a finding.
var FindingWindows = Table{
	Name: "finding_windows",
	Doc:  "One row per finding and window (a UTC day) in which its detector found it. A run over a window replaces the detector's rows of that window.",
	Columns: []Column{
		{Name: "finding_id", Type: UUID, NotNull: true, Doc: "findings.finding_id."},
		{Name: "fingerprint", Type: Varchar, NotNull: true, Doc: "findings.fingerprint."},
		{Name: "detector_id", Type: Varchar, NotNull: true, Doc: "Detector."},
		{Name: "window_start", Type: Timestamp, NotNull: true, Doc: "Start of the window (inclusive), UTC."},
		{Name: "window_end", Type: Timestamp, NotNull: true, Doc: "End of the window (exclusive), UTC."},
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "detector_runs.run_id of the run that says so."},
		{Name: "severity", Type: Varchar, NotNull: true, Doc: "critical, high, medium, low or info."},
		{Name: "account_id", Type: Varchar, Doc: "Account concerned."},
		{Name: "region", Type: Varchar, Doc: "Region concerned."},
		{Name: "key_arn", Type: Varchar, Doc: "Key concerned; NULL when there is not one."},
		{Name: "principal_arn", Type: Varchar, Doc: "Caller concerned; NULL when there is not one, or it is not known in this window."},
		{Name: "first_seen", Type: Timestamp, NotNull: true, Doc: "Earliest event of the window that supports it, UTC."},
		{Name: "last_seen", Type: Timestamp, NotNull: true, Doc: "Latest event of the window that supports it, UTC."},
		{Name: "event_count", Type: Bigint, NotNull: true, Doc: "Calls of the window that support it, each counted once."},
		{Name: "event_ids", Type: StringSet, NotNull: true, Doc: "Evidence: at most 20 event ids, the earliest first."},
		{Name: "log_files", Type: StringSet, NotNull: true, Doc: "Where the records of the evidence lay when the window was looked at: source/object key#record index, in the order of event_ids; empty where it is not known."},
		{Name: "details", Type: Varchar, NotNull: true, Doc: "The detector's further columns as a JSON object."},
	},
}

// FindingHistory holds what happened to findings.
var FindingHistory = Table{
	Name: "finding_history",
	Doc:  "One row per change of a finding's status, by a run or by a person; it is only ever added to.",
	Columns: []Column{
		{Name: "finding_id", Type: UUID, NotNull: true, Doc: "findings.finding_id."},
		{Name: "changed_at", Type: Timestamp, NotNull: true, Doc: "When, UTC."},
		{Name: "from_status", Type: Varchar, Doc: "Status before; NULL when it was first reported."},
		{Name: "to_status", Type: Varchar, NotNull: true, Doc: "Status after."},
		{Name: "actor", Type: Varchar, NotNull: true, Doc: "Who changed it: detector for a run, else the name of the person."},
		{Name: "reason", Type: Varchar, Doc: "Why."},
		{Name: "run_id", Type: UUID, Doc: "detector_runs.run_id, where a run changed it."},
	},
}

// DetectorRuns records every run of every detector.
var DetectorRuns = Table{
	Name: "detector_runs",
	Doc:  "One row per run of a detector over a window, a UTC day.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "Identity of the run; all detectors of one command share it."},
		{Name: "detector_id", Type: Varchar, NotNull: true, Doc: "Detector that ran."},
		{Name: "detector_version", Type: Integer, NotNull: true, Doc: "Its version."},
		{Name: "window_start", Type: Timestamp, NotNull: true, Doc: "Start of the window (inclusive), UTC."},
		{Name: "window_end", Type: Timestamp, NotNull: true, Doc: "End of the window (exclusive), UTC."},
		{Name: "params", Type: Varchar, NotNull: true, Doc: "Parameters in force, as a JSON object."},
		{Name: "started_at", Type: Timestamp, NotNull: true, Doc: "When the run began, UTC."},
		{Name: "duration_ms", Type: Bigint, NotNull: true, Doc: "How long it took, in milliseconds."},
		{Name: "finding_count", Type: Bigint, NotNull: true, Doc: "Findings it returned."},
		{Name: "commit_id", Type: Bigint, Doc: "changed_cells.commit_id of the last commit that the run saw."},
		{Name: "inputs", Type: Varchar, Doc: "Hashes over what its findings depend on besides the events: detector, parameters, tables of the configuration it reads. With other ones a window is run again."},
		{Name: "error", Type: Varchar, Doc: "Why it failed; NULL when it succeeded."},
	},
}

// Accounts names the organisation's accounts, from the configuration and the
// newest inventory.
var Accounts = Table{
	Name: "accounts",
	Doc:  "Accounts that the configuration or the newest inventory of the organisation name, the configuration first; an account seen in the logs but not here is simply unnamed.",
	Columns: []Column{
		{Name: "account_id", Type: Varchar, NotNull: true, Doc: "Twelve digits."},
		{Name: "account_name", Type: Varchar, Doc: "Name for people."},
		{Name: "organizational_unit", Type: Varchar, Doc: "Path of names of the organisational units it lies in, such as Workloads/Prod; empty directly below the root. NULL where no inventory says it."},
	},
}

// TrustRules says whose use of which keys is wanted.
var TrustRules = Table{
	Name: "trust_rules",
	Doc:  "Accounts whose cross-account use of keys is wanted, from the configuration. A rule holds when all of its non-NULL conditions do.",
	Columns: []Column{
		{Name: "account_id", Type: Varchar, NotNull: true, Doc: "Trusted account (twelve digits), or * for any."},
		{Name: "key_arn", Type: Varchar, Doc: "Only for this key ARN."},
		{Name: "alias_pattern", Type: Varchar, Doc: "Only for keys that have an alias LIKE this pattern at the time of the call (the configuration's * becomes %)."},
		{Name: "tag_key", Type: Varchar, Doc: "Only for keys that carry this tag at the time of the call."},
		{Name: "tag_value", Type: Varchar, Doc: "… with this value; NULL for any value."},
		{Name: "reason", Type: Varchar, Doc: "Why the operator trusts it."},
	},
}

// ContextRules says how encryption contexts and key tags must agree.
var ContextRules = Table{
	Name: "context_rules",
	Doc:  "How an encryption context must agree with the tags of the key, from the configuration.",
	Columns: []Column{
		{Name: "rule_id", Type: Integer, NotNull: true, Doc: "Position of the rule in the configuration, from 1."},
		{Name: "kind", Type: Varchar, NotNull: true, Doc: "match: value of context_key must agree with tag_key; required: the context must hold context_key."},
		{Name: "context_key", Type: Varchar, NotNull: true, Doc: "Encryption context key, compared without regard to case."},
		{Name: "tag_key", Type: Varchar, Doc: "Tag key, compared without regard to case."},
		{Name: "comparison", Type: Varchar, NotNull: true, Doc: "equal (to the tag's value, without regard to case), one_of (a comma-separated list in the tag's value) or pattern (the tag's value with * as wildcard)."},
		{Name: "key_arn", Type: Varchar, Doc: "Only for this key ARN."},
		{Name: "alias_pattern", Type: Varchar, Doc: "Only for keys with an alias LIKE this pattern."},
	},
}

// RotationPolicy says how keys are to be rotated.
var RotationPolicy = Table{
	Name: "rotation_policy",
	Doc:  "How keys are to be rotated by the class of their data, from the configuration. Of a key that no row is for nothing is asked.",
	Columns: []Column{
		{Name: "data_class", Type: Varchar, Doc: "Class of data, lower case, as a tag of the key says it; NULL for every key whose class no other row names."},
		{Name: "rotation", Type: Varchar, NotNull: true, Doc: "automatic (KMS rotates the key's material), rollover (its alias moves to a newer key) or none."},
		{Name: "days", Type: Integer, Doc: "After how many days at the latest; NULL for none."},
	},
}

// KeyStandards holds what the organisation asks of its keys.
var KeyStandards = Table{
	Name: "key_standards",
	Doc:  "What the organisation asks of its keys, from standards in the configuration. Of a kind without rows nothing is asked.",
	Columns: []Column{
		{Name: "kind", Type: Varchar, NotNull: true, Doc: "alias (a name that aliases may have), exempt_alias (aliases that may have any), required (alias or description), or what is approved for keys: origin, spec, region, account; multi_region (forbidden)."},
		{Name: "value", Type: Varchar, NotNull: true, Doc: "What is approved or required; of the kinds alias and exempt_alias a LIKE pattern with the escape \\."},
		{Name: "name", Type: Varchar, Doc: "Of the kinds alias and exempt_alias the pattern for people, as the configuration has it."},
	},
}

// ExpectedKeys says which keys services should use for which data.
var ExpectedKeys = Table{
	Name: "expected_keys",
	Doc:  "Which keys AWS services should use for which class of data, from standards.expected_keys in the configuration.",
	Columns: []Column{
		{Name: "rule_id", Type: Integer, NotNull: true, Doc: "Position of the rule in the configuration, from 1."},
		{Name: "service", Type: Varchar, Doc: "Service as in kms_events.service; NULL for every service."},
		{Name: "data_class", Type: Varchar, Doc: "Only for resources that are tagged with this class, lower case."},
		{Name: "account_id", Type: Varchar, Doc: "Only for calls of this account."},
		{Name: "key_arn", Type: Varchar, Doc: "Key that is expected."},
		{Name: "alias_pattern", Type: Varchar, Doc: "Keys that are expected: those with an alias LIKE this pattern, lower case, in which <service> and <dataclass> stand for those of the call."},
	},
}

// Environments says what belongs to which environment.
var Environments = Table{
	Name: "environments",
	Doc:  "What belongs to which environment, from standards.environments in the configuration.",
	Columns: []Column{
		{Name: "environment", Type: Varchar, NotNull: true, Doc: "Name of the environment, such as prod."},
		{Name: "kind", Type: Varchar, NotNull: true, Doc: "account, caller (by the ARN of a role or user), alias (of a key) or tag (of a key or role)."},
		{Name: "pattern", Type: Varchar, NotNull: true, Doc: "Account id; LIKE pattern for ARN or alias; value of the tag, lower case."},
		{Name: "tag_key", Type: Varchar, Doc: "Of the kind tag: its key, lower case."},
	},
}

// Quotas holds KMS request quotas per second.
var Quotas = Table{
	Name: "quotas",
	Doc:  "KMS request quotas: AWS defaults, what Service Quotas said at the newest inventory, and what the configuration overrides.",
	Columns: []Column{
		{Name: "quota_name", Type: Varchar, NotNull: true, Doc: "Name as in kms_events.quota_name."},
		{Name: "account_id", Type: Varchar, Doc: "Account the value holds for; NULL for every account."},
		{Name: "region", Type: Varchar, Doc: "Region the value holds for; NULL for every region."},
		{Name: "requests_per_second", Type: Double, NotNull: true, Doc: "Quota, in requests per second."},
		{Name: "origin", Type: Varchar, NotNull: true, Doc: "default (AWS's published default), inventory (from Service Quotas) or override (from the configuration)."},
	},
}

// Prices holds KMS request prices.
var Prices = Table{
	Name: "prices",
	Doc:  "KMS request prices by price tier, US regions.",
	Columns: []Column{
		{Name: "price_tier", Type: Varchar, NotNull: true, Doc: "Tier as in kms_events.price_tier."},
		{Name: "usd_per_10000", Type: Double, NotNull: true, Doc: "US dollars per 10,000 requests."},
		{Name: "as_of", Type: Varchar, NotNull: true, Doc: "Year and month of the price list."},
	},
}
