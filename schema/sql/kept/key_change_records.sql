-- key_change_records: One row per record of a successful call or service event that changes a key, an alias or a grant. A change logged in two accounts has a row per copy; key_changes and grants join them.
-- kept: rows of kms_events by event_time
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
-- principal_id VARCHAR: Unique id of the principal without the session name.
-- service VARCHAR: AWS service that made the change; NULL when it was made directly.
-- alias_name VARCHAR: Alias the change is about.
-- tags MAP(VARCHAR, VARCHAR): Tags set; a removed tag key has a NULL value.
-- key_policy VARCHAR: Policy set.
-- key_state VARCHAR: State that the response names.
-- key_spec VARCHAR: CreateKey: key spec.
-- key_usage VARCHAR: CreateKey: key usage.
-- key_origin VARCHAR: CreateKey: where the key material comes from.
-- multi_region BOOLEAN: CreateKey: true for a multi-Region key.
-- pending_window_days INTEGER: ScheduleKeyDeletion: waiting period asked for, in days.
-- deletion_date TIMESTAMP: ScheduleKeyDeletion: when the key will be destroyed, UTC.
-- material_valid_to TIMESTAMP: ImportKeyMaterial: when the material expires, UTC.
-- rotation_period_days INTEGER: EnableKeyRotation: rotation period, in days.
-- grant_id VARCHAR: Grant created, retired or revoked.
-- grantee_principal VARCHAR: CreateGrant: who may use the grant.
-- retiring_principal VARCHAR: CreateGrant: who may retire the grant.
-- grant_operations VARCHAR[]: CreateGrant: operations the grant allows.

with records as (        -- one row per record, with the key that was changed
    select
        kms_events.*,
        case when event_name = 'ReplicateKey' then destination_key_arn else key_arn end as changed_key_arn
    from kms_events
    where event_name in (
        'CreateKey', 'ReplicateKey', 'EnableKey', 'DisableKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion',
        'ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial', 'DeleteKey',
        'TagResource', 'UntagResource', 'CreateAlias', 'UpdateAlias', 'DeleteAlias',
        'PutKeyPolicy', 'EnableKeyRotation', 'DisableKeyRotation', 'RotateKey', 'RotateKeyOnDemand',
        'UpdateKeyDescription', 'UpdatePrimaryRegion', 'SynchronizeMultiRegionKey',
        'CreateGrant', 'RetireGrant', 'RevokeGrant'
    )
      and record_copy <> 'network'
      and error_code is null
      and coalesce(dry_run, false) = false
)
select
    event_id,
    event_time,
    event_name,
    coalesce(shared_event_id, event_id) as change_id,
    record_copy,
    changed_key_arn as key_arn,
    split_part(changed_key_arn, ':', 5) as account_id,
    split_part(changed_key_arn, ':', 4) as region,
    region as log_region,
    principal_arn,
    principal_id,
    service,
    alias_name,
    tags,
    key_policy,
    key_state,
    key_spec,
    key_usage,
    key_origin,
    multi_region,
    pending_window_days,
    deletion_date,
    material_valid_to,
    rotation_period_days,
    grant_id,
    grantee_principal,
    retiring_principal,
    grant_operations
from records
where changed_key_arn is not null
