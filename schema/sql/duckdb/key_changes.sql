with records as not materialized ( -- one row per record of a change
    select *
    from key_change_records
    where event_name in (
        'CreateKey', 'ReplicateKey', 'EnableKey', 'DisableKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion',
        'ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial', 'DeleteKey',
        'TagResource', 'UntagResource', 'CreateAlias', 'UpdateAlias', 'DeleteAlias',
        'PutKeyPolicy', 'EnableKeyRotation', 'DisableKeyRotation'
    )
),
shared as (              -- changes that may have several records: the others are not sorted
    select distinct change_id
    from key_change_records
    where record_copy <> 'single'
       or change_id <> event_id
),
firsts as (              -- one row per change
    select * from records anti join shared using (change_id)
    union all
    select *
    from records semi join shared using (change_id)
    qualify row_number() over (
        partition by change_id, event_name, log_region, event_time
        order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id
    ) = 1
),
cancelled as (           -- when deletions were cancelled
    select key_arn, event_time
    from key_change_records
    where event_name = 'CancelKeyDeletion'
)
select
    event_id,
    event_time,
    case
        when event_name in ('CreateKey', 'ReplicateKey') then 1
        when event_name = 'ImportKeyMaterial' then 2
        when event_name = 'EnableKey' then case when (key_arn, event_time) in (from cancelled) then 8 else 3 end
        when event_name = 'DisableKey' then case when (key_arn, event_time) in (from cancelled) then 9 else 4 end
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
from firsts
