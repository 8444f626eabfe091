with changes as materialized (-- one row per change, aliases aside: these can be asked for one key
    select *
    from key_changes
    where event_name not in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
),
states as not materialized ( -- one row per change of a key's state
    select
        key_arn,
        account_id,
        region,
        case
            when event_name = 'CreateKey' then coalesce(key_state, case when key_origin = 'EXTERNAL' then 'PendingImport' else 'Enabled' end)
            when event_name in ('EnableKey', 'ImportKeyMaterial') then 'Enabled'
            when event_name in ('DisableKey', 'CancelKeyDeletion') then 'Disabled'
            when event_name = 'ScheduleKeyDeletion' then coalesce(key_state, 'PendingDeletion')
            when event_name = 'DeleteKey' then 'Deleted'
            else 'PendingImport'
        end as value,
        case when event_name = 'ScheduleKeyDeletion' then deletion_date end as deletion_date,
        event_time,
        change_rank,
        event_id,
        event_name,
        principal_arn
    from changes
    where event_name in (
        'CreateKey', 'EnableKey', 'DisableKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion', 'DeleteKey',
        'ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial')
),
touched as not materialized (             -- keys whose material was touched: what a change means depends on those before
    select distinct key_arn
    from key_change_records
    where event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial')
),
numbered as not materialized (            -- states of such keys; changes after the same one that is not about material share a number
    select
        states.*,
        event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial') as about_material,
        sum(case when about_material then 0 else 1 end) over (
            partition by key_arn order by event_time, change_rank, event_id
            rows between unbounded preceding and current row
        ) as phase
    from states semi join touched using (key_arn)
),
phased as not materialized (              -- the same, with the state before the key's material was touched
    select
        numbered.*,
        max(case when about_material then null else value end) over (partition by key_arn, phase) as phase_state
    from numbered
),
effective as not materialized (           -- the same, without changes that leave the state as it is
    select
        phased.*,
        lag(value) over (partition by key_arn order by event_time, change_rank, event_id) as value_before
    from phased
    where not about_material
       or coalesce(phase_state, '') not in ('PendingDeletion', 'PendingReplicaDeletion', 'Deleted')
),
state_intervals as (     -- one row per interval of a state
    select
        key_arn, account_id, region, value, deletion_date, event_time as valid_from,
        lead(event_time) over (partition by key_arn order by event_time, change_rank, event_id) as valid_to,
        event_id, principal_arn
    from states anti join touched using (key_arn)
    union all
    select
        key_arn, account_id, region, value, deletion_date, event_time,
        lead(event_time) over (partition by key_arn order by event_time, change_rank, event_id),
        event_id, principal_arn
    from effective
    where event_name <> 'ImportKeyMaterial'
       or coalesce(value_before, '') <> 'Disabled'
),
alias_intervals as not materialized (     -- one row per interval of an alias, which belongs to account and Region and points to one key
    select
        *,
        lead(event_time) over (
            partition by coalesce(account_id, '') || ' ' || coalesce(region, ''), alias_name
            order by event_time, change_rank, event_id
        ) as valid_to
    from key_changes
    where event_name in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
      and alias_name is not null
)
select key_arn, account_id, region, 'state' as kind, '' as name, value, valid_from, valid_to, deletion_date, event_id, principal_arn
from state_intervals
union all
select
    key_arn, account_id, region, 'deletion_date', '', strftime(deletion_date, '%Y-%m-%dT%H:%M:%SZ'),
    valid_from, valid_to, deletion_date, event_id, principal_arn
from state_intervals
where deletion_date is not null
union all
select key_arn, account_id, region, 'alias', alias_name, alias_name, event_time, valid_to, cast(null as timestamp), event_id, principal_arn
from alias_intervals
where event_name <> 'DeleteAlias'
union all
select
    key_arn, account_id, region, 'policy', '', key_policy, event_time,
    lead(event_time) over (partition by key_arn order by event_time, change_rank, event_id),
    cast(null as timestamp), event_id, principal_arn
from changes
where event_name in ('CreateKey', 'ReplicateKey', 'PutKeyPolicy')
  and key_policy is not null
union all
select
    key_arn, account_id, region, 'rotation', '', case event_name when 'EnableKeyRotation' then 'enabled' else 'disabled' end, event_time,
    lead(event_time) over (partition by key_arn order by event_time, change_rank, event_id),
    cast(null as timestamp), event_id, principal_arn
from changes
where event_name in ('EnableKeyRotation', 'DisableKeyRotation')
union all
select
    key_arn, account_id, region, 'tag', tag_key, tags[tag_key], event_time,
    lead(event_time) over (partition by key_arn, tag_key order by event_time, change_rank, event_id),
    cast(null as timestamp), event_id, principal_arn
from (
    select *, unnest(map_keys(tags)) as tag_key
    from changes
    where event_name in ('CreateKey', 'ReplicateKey', 'TagResource', 'UntagResource')
) as entries
