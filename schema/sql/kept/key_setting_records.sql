-- key_setting_records: Those rows of key_change_records that set something about a key or an alias: what key_changes, key_timeline and keys are made of. Most changes are grants, which come and go with every volume; without them there is little to read.
-- kept: rows of key_change_records by event_time
--
-- event_id UUID: Event id of the record.
-- event_time TIMESTAMP: When the change was made, UTC.
-- event_name VARCHAR: Operation or service event.
-- change_id UUID: Equal in all copies of the change.
-- record_copy VARCHAR: Which copy of the call this record is, as in kms_events.
-- key_arn VARCHAR: Key that was changed; for ReplicateKey the new replica.
-- account_id VARCHAR: Account that owns the key.
-- region VARCHAR: Region of the key.
-- log_region VARCHAR: Region that logged the change.
-- principal_arn VARCHAR: Who made the change; NULL for KMS itself, and in the owner's copy of a foreign account's call.
-- alias_name VARCHAR: Alias the change is about.
-- tags MAP(VARCHAR, VARCHAR): Tags set; a removed tag key has a NULL value.
-- key_policy VARCHAR: Policy set.
-- key_state VARCHAR: State that the response names.
-- key_spec VARCHAR: CreateKey: key spec.
-- key_usage VARCHAR: CreateKey: key usage.
-- key_origin VARCHAR: CreateKey: where the key material comes from.
-- deletion_date TIMESTAMP: ScheduleKeyDeletion: when the key will be destroyed, UTC.
-- rotation_period_days INTEGER: EnableKeyRotation: rotation period, in days.

select
    event_id,
    event_time,
    event_name,
    change_id,
    record_copy,
    key_arn,
    account_id,
    region,
    log_region,
    principal_arn,
    alias_name,
    tags,
    key_policy,
    key_state,
    key_spec,
    key_usage,
    key_origin,
    deletion_date,
    rotation_period_days
from key_change_records
where event_name in (
    'CreateKey', 'ReplicateKey', 'EnableKey', 'DisableKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion',
    'ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial', 'DeleteKey',
    'TagResource', 'UntagResource', 'CreateAlias', 'UpdateAlias', 'DeleteAlias',
    'PutKeyPolicy', 'EnableKeyRotation', 'DisableKeyRotation'
)
