with others as (         -- records of a change that another record tells
    select event_id
    from (
        select
            event_id,
            row_number() over (
                partition by change_id, event_name, log_region, event_time
                order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id
            ) as copy_number
        from key_setting_records
        -- Nearly all changes have one record: they are not sorted.
        where change_id in (select change_id from key_setting_records where record_copy <> 'single' or change_id <> event_id)
    ) as numbered
    where copy_number > 1
),
cancelled as (           -- when deletions were cancelled
    select key_arn, event_time
    from key_setting_records
    where event_name = 'CancelKeyDeletion'
)
select
    event_id,
    event_time,
    case event_name
        when 'CreateKey' then 1
        when 'ReplicateKey' then 1
        when 'ImportKeyMaterial' then 2
        when 'EnableKey' then 3
        when 'CreateAlias' then 3
        when 'TagResource' then 3
        when 'EnableKeyRotation' then 3
        when 'DeleteAlias' then 5
        when 'DeleteImportedKeyMaterial' then 5
        when 'DeleteExpiredKeyMaterial' then 5
        when 'ScheduleKeyDeletion' then 6
        when 'CancelKeyDeletion' then 7
        when 'DeleteKey' then 10
        else 4
    end
        -- Enabling is 8 then, disabling 9.
        + case when event_name in ('EnableKey', 'DisableKey') and (key_arn, event_time) in (from cancelled) then 5 else 0 end
        as change_rank,
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
from key_setting_records
anti join others using (event_id)
