with usage as not materialized (     -- what sums and parts have in common is summed below anyway
    select key_arn, operation_class, error_class, caller_id, caller_account_id, caller_use_count, use_count, first_event_time, last_event_time, alias_name
    from usage_monthly_sums
    where key_arn is not null
    union all
    select key_arn, operation_class, error_class, caller_id, caller_account_id, caller_use_count, use_count, first_event_time, last_event_time, alias_name
    from usage_monthly_parts
    where key_arn is not null
),
used as (                -- one row per key that calls name, its calls as the caller's copies count them
    select
        key_arn,
        min(first_event_time) as first_seen,
        max(last_event_time) as last_seen,
        max(last_event_time) filter (where operation_class = 'cryptographic' and error_class is null) as last_used,
        min(alias_name) as alias_name,
        sum(caller_use_count) as caller_use_count,
        count(distinct caller_id) as caller_count
    from usage
    group by key_arn
),
owned as (               -- one row per key whose owner has more copies of calls than the callers
    -- The larger of the two counts holds, for each caller, operation and outcome. Where
    -- they are the same, as they nearly always are, nothing needs to be summed by these.
    select key_arn, sum(uses) as uses
    from (
        select key_arn, greatest(sum(use_count - caller_use_count), 0) as uses
        from usage
        where use_count <> caller_use_count
        group by key_arn, operation_class, error_class, caller_id, caller_account_id
    ) as sides
    group by key_arn
),
seen as (                -- one row per key that changes name
    select key_arn, min(event_time) as first_seen, max(event_time) as last_seen
    from key_change_records
    group by key_arn
),
known as (               -- one row per key
    select
        coalesce(used.key_arn, seen.key_arn) as key_arn,
        least(used.first_seen, seen.first_seen) as first_seen,
        greatest(used.last_seen, seen.last_seen) as last_seen,
        used.last_used,
        used.alias_name,
        coalesce(used.caller_use_count, 0) as call_count,
        coalesce(used.caller_count, 0) as caller_count
    from used
    full outer join seen on seen.key_arn = used.key_arn
),
created as (             -- one row per key whose creation is known
    select
        key_arn,
        min(event_time) as created_at,
        max(principal_arn) as created_by,
        max(case when event_name = 'CreateKey' then key_spec end) as key_spec,
        max(case when event_name = 'CreateKey' then key_usage end) as key_usage,
        max(case when event_name = 'CreateKey' then key_origin end) as key_origin
    from key_setting_records
    where event_name in ('CreateKey', 'ReplicateKey')
    group by key_arn
),
changes as not materialized (   -- one row per change, with the state that it gives its key
    select
        key_arn, alias_name, event_name, event_time, change_rank, event_id, account_id, region,
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
        case when event_name = 'ScheduleKeyDeletion' then deletion_date end as deletion_date,
        event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial') as about_material
    from key_changes
),
lasts as (               -- one row per key, with the last change of its state and of its rotation
    select
        key_arn,
        max({event_time: event_time, rank: change_rank, id: event_id, state: state, deletion_date: deletion_date}) filter (where state is not null) as state,
        max({event_time: event_time, rank: change_rank, id: event_id, rotation: case event_name when 'EnableKeyRotation' then 'enabled' else 'disabled' end})
            filter (where event_name in ('EnableKeyRotation', 'DisableKeyRotation')) as rotation
    from changes
    where state is not null
       or event_name in ('EnableKeyRotation', 'DisableKeyRotation')
    group by key_arn
),
touched as (             -- keys whose material was touched: what their last change means depends on those before
    -- They are few, which shows in a list, and are not looked up among all changes.
    select unnest(list(distinct key_arn)) as key_arn
    from key_setting_records
    where event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial')
),
numbered as (            -- states of such keys, as in key_timeline
    select
        *,
        sum(case when about_material then 0 else 1 end) over (
            partition by key_arn order by event_time, change_rank, event_id
            rows between unbounded preceding and current row
        ) as phase
    from changes semi join touched using (key_arn)
    where state is not null
),
phased as (
    select *, max(case when about_material then null else state end) over (partition by key_arn, phase) as phase_state
    from numbered
),
effective as (
    select *, lag(state) over (partition by key_arn order by event_time, change_rank, event_id) as state_before
    from phased
    where not about_material
       or coalesce(phase_state, '') not in ('PendingDeletion', 'PendingReplicaDeletion', 'Deleted')
),
touched_lasts as (       -- one row per such key
    select key_arn, max({event_time: event_time, rank: change_rank, id: event_id, state: state, deletion_date: deletion_date}) as state
    from effective
    where event_name <> 'ImportKeyMaterial'
       or coalesce(state_before, '') <> 'Disabled'
    group by key_arn
),
named as (               -- one row per key that aliases point to now; an alias belongs to account and Region
    select
        told.key_arn,
        list_sort(list(alias_name)) as names,
        case when len(names) <= 3 then array_to_string(names, ', ') else array_to_string(names[:3], ', ') || ', …' end as aliases
    from (
        select alias_name, max({event_time: event_time, rank: change_rank, id: event_id, key_arn: key_arn, event_name: event_name}) as told
        from changes
        where event_name in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
          and alias_name is not null
        group by coalesce(account_id, '') || ' ' || coalesce(region, ''), alias_name
    ) as last_aliases
    where told.event_name <> 'DeleteAlias'
    group by told.key_arn
)
select
    known.key_arn,
    split_part(known.key_arn, ':', 5) as account_id,
    split_part(known.key_arn, ':', 4) as region,
    split_part(split_part(known.key_arn, ':', 6), '/', 2) as key_id,
    -- An alias that calls name serves where its creation lies before the logs.
    coalesce(named.aliases, known.alias_name) as aliases,
    case when touched.key_arn is null then lasts.state.state else touched_lasts.state.state end as state,
    case when touched.key_arn is null then lasts.state.deletion_date else touched_lasts.state.deletion_date end as deletion_date,
    lasts.rotation.rotation as rotation,
    created.key_spec,
    created.key_usage,
    created.key_origin,
    split_part(split_part(known.key_arn, ':', 6), '/', 2) like 'mrk-%' as multi_region,
    created.created_at,
    created.created_by,
    known.first_seen,
    known.last_seen,
    known.last_used,
    cast(known.call_count + coalesce(owned.uses, 0) as bigint) as call_count,
    known.caller_count
from known
left join owned on owned.key_arn = known.key_arn
left join created on created.key_arn = known.key_arn
left join lasts on lasts.key_arn = known.key_arn
left join touched on touched.key_arn = known.key_arn
left join touched_lasts on touched_lasts.key_arn = known.key_arn
left join named on named.key_arn = known.key_arn
