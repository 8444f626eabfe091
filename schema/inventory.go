package schema

// The tables below hold what an inventory says: what the AWS APIs answered, or
// what an imported file holds, at a time. Every run adds rows; none changes those
// of an earlier one. NULL is what is not known (not asked for, or refused), an
// empty list or map what is known to be empty.

// InventoryRuns holds one row per inventory that was taken or imported.
var InventoryRuns = Table{
	Name: "inventory_runs",
	Doc:  "One row per inventory: a sync that asked AWS, or an import of files.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "Identity of the run."},
		{Name: "origin", Type: Varchar, NotNull: true, Doc: "sync or import."},
		{Name: "status", Type: Varchar, NotNull: true, Doc: "open (going on, or interrupted: the next sync goes on with it), complete, or incomplete (it has ended, and something was refused)."},
		{Name: "started_at", Type: Timestamp, NotNull: true, Doc: "When it began, UTC."},
		{Name: "ended_at", Type: Timestamp, Doc: "When it ended, UTC; NULL while it is open."},
		{Name: "accounts", Type: StringSet, NotNull: true, Doc: "Accounts that were asked; of an import those it has rows of."},
		{Name: "regions", Type: StringSet, NotNull: true, Doc: "Regions that were asked; of an import those it has rows of."},
		{Name: "parts", Type: StringSet, NotNull: true, Doc: "What was asked for: keys, grants, rotations, last_usage, resources, roles, quotas, organization; of an import the kinds of its rows."},
		{Name: "files", Type: StringSet, NotNull: true, Doc: "Names of imported files."},
		{Name: "calls", Type: StringMap, NotNull: true, Doc: "Calls that were made, retries included: API to number."},
	},
}

// InventoryScopes says which listings are whole.
var InventoryScopes = Table{
	Name: "inventory_scopes",
	Doc:  "One row per run, account and Region whose keys were all listed. A key that is not among its rows was not there at that time.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "inventory_runs.run_id."},
		{Name: "taken_at", Type: Timestamp, NotNull: true, Doc: "When the keys were listed, UTC."},
		{Name: "account_id", Type: Varchar, NotNull: true, Doc: "Account."},
		{Name: "region", Type: Varchar, NotNull: true, Doc: "Region."},
		{Name: "key_count", Type: Bigint, NotNull: true, Doc: "Keys that were listed, AWS managed ones included."},
		{Name: "gone_keys", Type: StringSet, Doc: "Keys (ARNs) that logs or an earlier inventory knew in a state, and the list does not have any more: they were deleted. Each is told of once; filled in when the list is stored."},
	},
}

// InventoryRefusals says what an inventory could not learn.
var InventoryRefusals = Table{
	Name: "inventory_refusals",
	Doc:  "One row per run, account, Region, API and error code: what was asked and not answered.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "inventory_runs.run_id."},
		{Name: "refused_at", Type: Timestamp, NotNull: true, Doc: "When the first of them was refused, UTC."},
		{Name: "account_id", Type: Varchar, Doc: "Account that was asked."},
		{Name: "region", Type: Varchar, Doc: "Region that was asked; NULL for IAM and Organizations."},
		{Name: "api", Type: Varchar, NotNull: true, Doc: "Call, as IAM policies name it: kms:DescribeKey."},
		{Name: "error_code", Type: Varchar, NotNull: true, Doc: "Error code of AWS, such as AccessDeniedException."},
		{Name: "detail", Type: Varchar, NotNull: true, Doc: "What the first of them said."},
		{Name: "refused_count", Type: Bigint, NotNull: true, Doc: "How many calls were refused so; where an API only ever refuses, also those that were not made any more."},
		{Name: "subjects", Type: StringSet, NotNull: true, Doc: "What they were about (key ARNs, role ARNs, resources), the first 20; empty for a listing."},
	},
}

// InventoryKeys holds KMS keys as an inventory saw them.
var InventoryKeys = Table{
	Name: "inventory_keys",
	Doc:  "One row per run and KMS key: what DescribeKey and its sisters said of it at that time.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "inventory_runs.run_id."},
		{Name: "taken_at", Type: Timestamp, NotNull: true, Doc: "When the key was asked about, UTC: what the row says held then."},
		{Name: "key_arn", Type: Varchar, NotNull: true, Doc: "The key."},
		{Name: "account_id", Type: Varchar, NotNull: true, Doc: "Account in key_arn."},
		{Name: "region", Type: Varchar, NotNull: true, Doc: "Region in key_arn."},
		{Name: "key_id", Type: Varchar, NotNull: true, Doc: "Last part of key_arn."},
		{Name: "key_manager", Type: Varchar, Doc: "CUSTOMER or AWS. Of AWS managed keys only metadata and aliases are asked for."},
		{Name: "key_state", Type: Varchar, Doc: "Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable, Creating or Updating."},
		{Name: "key_spec", Type: Varchar, Doc: "SYMMETRIC_DEFAULT, RSA_2048, …"},
		{Name: "key_usage", Type: Varchar, Doc: "ENCRYPT_DECRYPT, SIGN_VERIFY, …"},
		{Name: "key_origin", Type: Varchar, Doc: "AWS_KMS, EXTERNAL, AWS_CLOUDHSM or EXTERNAL_KEY_STORE."},
		{Name: "description", Type: Varchar, Doc: "Description; empty when there is none. Untrusted text."},
		{Name: "created_at", Type: Timestamp, Doc: "When the key was created, UTC."},
		{Name: "deletion_date", Type: Timestamp, Doc: "When it will be destroyed, UTC; NULL unless it is pending deletion."},
		{Name: "pending_window_days", Type: Integer, Doc: "Waiting period of a multi-Region primary key that waits for its replicas to be deleted, in days."},
		{Name: "material_valid_to", Type: Timestamp, Doc: "When its imported material expires, UTC; NULL when it does not."},
		{Name: "multi_region", Type: Boolean, Doc: "True for a multi-Region key."},
		{Name: "multi_region_type", Type: Varchar, Doc: "PRIMARY or REPLICA; NULL for a single-Region key."},
		{Name: "primary_key_arn", Type: Varchar, Doc: "Primary key of a multi-Region key."},
		{Name: "replica_key_arns", Type: StringSet, Doc: "Replicas of a multi-Region key."},
		{Name: "custom_key_store_id", Type: Varchar, Doc: "Custom key store that holds it."},
		{Name: "key_material_id", Type: Varchar, Doc: "Key material in use (64 hex digits)."},
		{Name: "aliases", Type: StringSet, Doc: "Names of its aliases (alias/…), sorted."},
		{Name: "tags", Type: StringMap, Doc: "Its tags. Untrusted text."},
		{Name: "key_policy", Type: Varchar, Doc: "Its key policy, JSON text."},
		{Name: "rotation_enabled", Type: Boolean, Doc: "Whether it is rotated automatically; NULL also for keys that cannot be."},
		{Name: "rotation_period_days", Type: Integer, Doc: "Rotation period, in days."},
		{Name: "next_rotation_at", Type: Timestamp, Doc: "When the next automatic rotation is due, UTC."},
		{Name: "last_rotation_at", Type: Timestamp, Doc: "When it was last rotated, UTC; NULL when it never was, or that is not known."},
		{Name: "grant_count", Type: Bigint, Doc: "How many grants it has."},
		{Name: "last_usage", Type: Varchar, Doc: "used, never, or unknown (not used since usage_tracked_since, and created before); NULL when it was not asked for."},
		{Name: "last_used_at", Type: Timestamp, Doc: "Last successful cryptographic operation that AWS knows of, UTC; it may lag by an hour."},
		{Name: "last_used_operation", Type: Varchar, Doc: "That operation, such as Decrypt."},
		{Name: "last_used_event_id", Type: Varchar, Doc: "CloudTrail's event id of that operation (kms_events.event_id)."},
		{Name: "usage_tracked_since", Type: Timestamp, Doc: "Since when AWS tracks the use of the key, UTC."},
		{Name: "refused", Type: StringSet, NotNull: true, Doc: "Calls about the key that were refused (kms:GetKeyPolicy, …): what they would say is NULL here."},
	},
}

// InventoryRotations holds the key material of keys.
var InventoryRotations = Table{
	Name: "inventory_rotations",
	Doc:  "One row per run, KMS key and key material: what ListKeyRotations said.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "inventory_runs.run_id."},
		{Name: "taken_at", Type: Timestamp, NotNull: true, Doc: "When the key was asked about, UTC."},
		{Name: "key_arn", Type: Varchar, NotNull: true, Doc: "The key."},
		{Name: "key_material_id", Type: Varchar, Doc: "The key material (64 hex digits)."},
		{Name: "material_state", Type: Varchar, Doc: "CURRENT, NON_CURRENT, PENDING_ROTATION or PENDING_MULTI_REGION_IMPORT_AND_ROTATION."},
		{Name: "rotation_type", Type: Varchar, Doc: "AUTOMATIC or ON_DEMAND; NULL for the first material."},
		{Name: "rotated_at", Type: Timestamp, Doc: "When the rotation to it was done, UTC."},
		{Name: "import_state", Type: Varchar, Doc: "IMPORTED or PENDING_IMPORT, for keys with imported material."},
		{Name: "material_valid_to", Type: Timestamp, Doc: "When it expires, UTC; NULL when it does not."},
		{Name: "description", Type: Varchar, Doc: "Description of imported material. Untrusted text."},
	},
}

// InventoryGrants holds the grants of keys.
var InventoryGrants = Table{
	Name: "inventory_grants",
	Doc:  "One row per run and grant: what ListGrants said.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "inventory_runs.run_id."},
		{Name: "taken_at", Type: Timestamp, NotNull: true, Doc: "When the key was asked about, UTC."},
		{Name: "key_arn", Type: Varchar, NotNull: true, Doc: "The key."},
		{Name: "grant_id", Type: Varchar, NotNull: true, Doc: "The grant."},
		{Name: "grant_name", Type: Varchar, Doc: "Its name. Untrusted text."},
		{Name: "grantee_principal", Type: Varchar, Doc: "Who may use it: an ARN, or an AWS service such as rds.amazonaws.com."},
		{Name: "retiring_principal", Type: Varchar, Doc: "Who may retire it."},
		{Name: "issuing_account", Type: Varchar, Doc: "Account under which it was made."},
		{Name: "grant_operations", Type: StringSet, Doc: "Operations it allows."},
		{Name: "context_equals", Type: StringMap, Doc: "Encryption context that must be the call's. Untrusted text."},
		{Name: "context_subset", Type: StringMap, Doc: "Encryption context that must be part of the call's. Untrusted text."},
		{Name: "source_arn", Type: Varchar, Doc: "Resource on whose behalf it may be used."},
		{Name: "created_at", Type: Timestamp, Doc: "When it was made, UTC."},
	},
}

// InventoryResources holds tags of resources that keys encrypt.
var InventoryResources = Table{
	Name: "inventory_resources",
	Doc:  "One row per run and resource that an encryption context names: its tags.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "inventory_runs.run_id."},
		{Name: "taken_at", Type: Timestamp, NotNull: true, Doc: "When it was asked about, UTC."},
		{Name: "resource_arn", Type: Varchar, NotNull: true, Doc: "ARN of the resource."},
		{Name: "account_id", Type: Varchar, Doc: "Account that was asked about it; that of the resource."},
		{Name: "region", Type: Varchar, Doc: "Region that was asked about it; that of the resource."},
		{Name: "tags", Type: StringMap, NotNull: true, Doc: "Its tags; empty when it has none. Untrusted text."},
	},
}

// InventoryRoles holds tags of roles that use keys.
var InventoryRoles = Table{
	Name: "inventory_roles",
	Doc:  "One row per run and IAM role that called KMS: its tags.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "inventory_runs.run_id."},
		{Name: "taken_at", Type: Timestamp, NotNull: true, Doc: "When it was asked about, UTC."},
		{Name: "role_arn", Type: Varchar, NotNull: true, Doc: "The role."},
		{Name: "account_id", Type: Varchar, NotNull: true, Doc: "Its account."},
		{Name: "tags", Type: StringMap, NotNull: true, Doc: "Its tags; empty when it has none. Untrusted text."},
	},
}

// InventoryAccounts holds accounts of the organisation.
var InventoryAccounts = Table{
	Name: "inventory_accounts",
	Doc:  "One row per run and account of the organisation. The newest go into accounts, behind those of the configuration.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "inventory_runs.run_id."},
		{Name: "taken_at", Type: Timestamp, NotNull: true, Doc: "When Organizations was asked, UTC."},
		{Name: "account_id", Type: Varchar, NotNull: true, Doc: "Twelve digits."},
		{Name: "account_name", Type: Varchar, Doc: "Name in Organizations. Untrusted text."},
		{Name: "account_status", Type: Varchar, Doc: "ACTIVE, SUSPENDED, …"},
		{Name: "organizational_unit", Type: Varchar, Doc: "Path of names of the organisational units it lies in, such as Workloads/Prod; empty directly below the root. NULL when not known."},
		{Name: "organizational_unit_id", Type: Varchar, Doc: "Id of the innermost unit (ou-…), or of the root (r-…)."},
		{Name: "joined_at", Type: Timestamp, Doc: "When it joined the organisation, UTC."},
	},
}

// InventoryQuotas holds what Service Quotas says of KMS.
var InventoryQuotas = Table{
	Name: "inventory_quotas",
	Doc:  "One row per run, account, Region and quota of KMS, as Service Quotas has it. The newest request quotas go into quotas, behind those of the configuration.",
	Columns: []Column{
		{Name: "run_id", Type: UUID, NotNull: true, Doc: "inventory_runs.run_id."},
		{Name: "taken_at", Type: Timestamp, NotNull: true, Doc: "When Service Quotas was asked, UTC."},
		{Name: "account_id", Type: Varchar, NotNull: true, Doc: "Account."},
		{Name: "region", Type: Varchar, NotNull: true, Doc: "Region."},
		{Name: "quota_code", Type: Varchar, Doc: "Code of the quota (L-…)."},
		{Name: "service_quota_name", Type: Varchar, NotNull: true, Doc: "Name of the quota in Service Quotas."},
		{Name: "quota_name", Type: Varchar, Doc: "The same quota in quotas.quota_name; NULL for what is no request quota."},
		{Name: "value", Type: Double, NotNull: true, Doc: "Value in force: requests per second for request quotas, else a number of things."},
		{Name: "adjustable", Type: Boolean, Doc: "Whether AWS raises it on request."},
	},
}

// InventoryTables lists the tables of inventories, the runs first.
func InventoryTables() []*Table {
	return []*Table{
		&InventoryRuns, &InventoryScopes, &InventoryRefusals,
		&InventoryKeys, &InventoryRotations, &InventoryGrants,
		&InventoryResources, &InventoryRoles, &InventoryAccounts, &InventoryQuotas,
	}
}
