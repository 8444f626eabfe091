-- key_changes: One row per successful call or service event that changes a key: its state, tags, aliases, policy or rotation. Copies of one change are one row.
--
-- event_id UUID: Event id of the change.
-- event_time TIMESTAMP: When it was made, UTC.
-- change_rank INTEGER: Order of changes within one second, the finest that CloudTrail gives: creation first, tagging before untagging, scheduling before cancelling, deletion last; enabling and disabling come before a scheduling but after a cancelling, since KMS refuses them while the key is pending deletion.
-- event_name VARCHAR: Operation or service event.
-- key_arn VARCHAR: Key that was changed; for ReplicateKey the new replica.
-- account_id VARCHAR: Account that owns the key.
-- region VARCHAR: Region of the key.
-- principal_arn VARCHAR: Who made the change; NULL for KMS itself.
-- alias_name VARCHAR: Alias the change is about.
-- tags MAP(VARCHAR, VARCHAR): Tags set; a removed tag key has a NULL value.
-- key_policy VARCHAR: Policy set.
-- key_state VARCHAR: State that the response names.
-- key_origin VARCHAR: CreateKey: where the key material comes from.
-- deletion_date TIMESTAMP: ScheduleKeyDeletion: when the key will be destroyed, UTC.
-- rotation_period_days INTEGER: EnableKeyRotation: rotation period, in days.

with records as (        -- one row per record, numbered within its change
    select
        key_change_records.*,
        max(case when event_name = 'CancelKeyDeletion' then 1 else 0 end) over (partition by key_arn, event_time) = 1 as cancelled_then,
        row_number() over (
            partition by change_id, event_name, log_region, event_time
            order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id
        ) as copy_number
    from key_change_records
    where event_name in (
        'CreateKey', 'ReplicateKey', 'EnableKey', 'DisableKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion',
        'ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial', 'DeleteKey',
        'TagResource', 'UntagResource', 'CreateAlias', 'UpdateAlias', 'DeleteAlias',
        'PutKeyPolicy', 'EnableKeyRotation', 'DisableKeyRotation'
    )
)
select
    event_id,
    event_time,
    case
        when event_name in ('CreateKey', 'ReplicateKey') then 1
        when event_name = 'ImportKeyMaterial' then 2
        when event_name = 'EnableKey' then case when cancelled_then then 8 else 3 end
        when event_name = 'DisableKey' then case when cancelled_then then 9 else 4 end
        when event_name in ('CreateAlias', 'TagResource', 'EnableKeyRotation') then 3
        when event_name in ('DeleteAlias', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial') then 5
        when event_name = 'ScheduleKeyDeletion' then 6
        when event_name = 'CancelKeyDeletion' then 7
        when event_name = 'DeleteKey' then 10
        else 4
    end as change_rank,
    event_name,
    key_arn,
    account_id,
    region,
    principal_arn,
    alias_name,
    tags,
    key_policy,
    key_state,
    key_origin,
    deletion_date,
    rotation_period_days
from records
where copy_number = 1
