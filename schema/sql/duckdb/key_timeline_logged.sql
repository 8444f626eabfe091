with changes as not materialized (   -- one row per change, with the state that it gives its key
    select
        *,
        case event_name
            when 'CreateKey' then coalesce(key_state, case when key_origin = 'EXTERNAL' then 'PendingImport' else 'Enabled' end)
            when 'EnableKey' then 'Enabled'
            when 'ImportKeyMaterial' then 'Enabled'
            when 'DisableKey' then 'Disabled'
            when 'CancelKeyDeletion' then 'Disabled'
            when 'ScheduleKeyDeletion' then coalesce(key_state, 'PendingDeletion')
            when 'DeleteKey' then 'Deleted'
            when 'DeleteImportedKeyMaterial' then 'PendingImport'
            when 'DeleteExpiredKeyMaterial' then 'PendingImport'
        end as state,
        case when event_name = 'ScheduleKeyDeletion' then deletion_date end as deleted_at,
        event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial') as about_material
    from key_changes
),
touched as not materialized (        -- keys whose material was touched: what a change means depends on those before
    -- They are few, which shows in a list, and are not looked up among all changes.
    select unnest(list(distinct key_arn)) as key_arn
    from key_setting_records
    where event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial')
),
numbered as not materialized (       -- states of such keys; changes after the same one that is not about material share a number
    select
        *,
        sum(case when about_material then 0 else 1 end) over (
            partition by key_arn order by event_time, change_rank, event_id
            rows between unbounded preceding and current row
        ) as phase
    from changes semi join touched using (key_arn)
    where state is not null
),
phased as not materialized (         -- the same, with the state before the key's material was touched
    select *, max(case when about_material then null else state end) over (partition by key_arn, phase) as phase_state
    from numbered
),
effective as not materialized (      -- the same, without changes that leave the state as it is
    select *, lag(state) over (partition by key_arn order by event_time, change_rank, event_id) as state_before
    from phased
    where not about_material
       or coalesce(phase_state, '') not in ('PendingDeletion', 'PendingReplicaDeletion', 'Deleted')
),
states as not materialized (         -- one row per interval of a state
    select key_arn, account_id, region, state, deleted_at, event_time, change_rank, event_id, principal_arn
    from changes anti join touched using (key_arn)
    where state is not null
    union all
    select key_arn, account_id, region, state, deleted_at, event_time, change_rank, event_id, principal_arn
    from effective
    where event_name <> 'ImportKeyMaterial'
       or coalesce(state_before, '') <> 'Disabled'
),
alias_changes as not materialized (  -- one row per change of an alias, which belongs to account and Region and points to one key
    select
        *,
        coalesce(account_id, '') || ' ' || coalesce(region, '') as holder,
        create_sort_key(event_time, 'asc nulls last', change_rank, 'asc nulls last', event_id, 'asc nulls last') as place
    from key_changes
    where event_name in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
      and alias_name is not null
)
select
    key_arn, account_id, region, kind, '' as name,
    case kind when 'state' then state else strftime(deletion_date, '%Y-%m-%dT%H:%M:%SZ') end as value,
    valid_from, valid_to, deletion_date, event_id, principal_arn
from (
    select
        key_arn, account_id, region, state, deleted_at as deletion_date, event_time as valid_from, event_id, principal_arn,
        lead(event_time) over (partition by key_arn order by event_time, change_rank, event_id) as valid_to,
        unnest(case when deleted_at is null then ['state'] else ['state', 'deletion_date'] end) as kind
    from states
) as intervals
union all
-- Whose alias it is next is looked up: a window would sort those of all keys
-- to tell of one.
select
    here.key_arn, here.account_id, here.region, 'alias', here.alias_name, here.alias_name,
    here.event_time, after.event_time, cast(null as timestamp), here.event_id, here.principal_arn
from alias_changes as here
asof left join alias_changes as after
  on after.holder = here.holder and after.alias_name = here.alias_name and after.place > here.place
where here.event_name <> 'DeleteAlias'
union all
select
    key_arn, account_id, region, 'policy', '', key_policy, event_time,
    lead(event_time) over (partition by key_arn order by event_time, change_rank, event_id),
    cast(null as timestamp), event_id, principal_arn
from key_changes
where event_name in ('CreateKey', 'ReplicateKey', 'PutKeyPolicy')
  and key_policy is not null
union all
select
    key_arn, account_id, region, 'rotation', '', case event_name when 'EnableKeyRotation' then 'enabled' else 'disabled' end, event_time,
    lead(event_time) over (partition by key_arn order by event_time, change_rank, event_id),
    cast(null as timestamp), event_id, principal_arn
from key_changes
where event_name in ('EnableKeyRotation', 'DisableKeyRotation')
union all
select
    key_arn, account_id, region, 'tag', tag_key, tags[tag_key], event_time,
    lead(event_time) over (partition by key_arn, tag_key order by event_time, change_rank, event_id),
    cast(null as timestamp), event_id, principal_arn
from (
    select *, unnest(map_keys(tags)) as tag_key
    from key_changes
    where event_name in ('CreateKey', 'ReplicateKey', 'TagResource', 'UntagResource')
) as entries
