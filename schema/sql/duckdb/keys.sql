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
logged as (              -- one row per key that the logs name
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
known as (               -- one row per key
    select
        coalesce(logged.key_arn, key_inventory.key_arn) as key_arn,
        logged.* exclude (key_arn),
        key_inventory.* exclude (key_arn, account_id, region)
    from logged
    full outer join key_inventory on key_inventory.key_arn = logged.key_arn
),
gone as (                -- one row per key that a whole list did not have any more
    select key_arn, max(taken_at) as gone_at
    from (select taken_at, unnest(gone_keys) as key_arn from inventory_scopes)
    group by key_arn
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
alias_news as not materialized (   -- one row per change of an alias, and per alias that the newest inventory of a key lists
    select account_id, region, alias_name, {event_time: event_time, rank: change_rank, id: event_id, key_arn: key_arn, event_name: event_name} as told
    from changes
    where event_name in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
      and alias_name is not null
    union all
    -- At the same time the inventory goes before the logs.
    select account_id, region, unnest(aliases), {event_time: aliases_at, rank: 99, id: null, key_arn: key_arn, event_name: 'inventory'}
    from key_inventory
),
named as (               -- one row per key that aliases point to now; an alias belongs to account and Region
    select
        told.key_arn,
        list_sort(list(alias_name)) as names,
        case when len(names) <= 3 then array_to_string(names, ', ') else array_to_string(names[:3], ', ') || ', …' end as aliases
    from (
        select alias_name, max(told) as told
        from alias_news
        group by coalesce(account_id, '') || ' ' || coalesce(region, ''), alias_name
    ) as last_aliases
    left join key_inventory
      on key_inventory.key_arn = told.key_arn
     and key_inventory.aliases_at >= told.event_time
    where told.event_name <> 'DeleteAlias'
      -- Then the inventory that says what the key's aliases are has it.
      and (key_inventory.key_arn is null or told.event_name = 'inventory' or list_contains(key_inventory.aliases, alias_name))
    group by told.key_arn
),
last_states as (         -- one row per key, with the last state by the logs
    select
        known.key_arn,
        case when touched.key_arn is null then lasts.state else touched_lasts.state end as logged_state,
        lasts.rotation as logged_rotation
    from known
    left join lasts on lasts.key_arn = known.key_arn
    left join touched on touched.key_arn = known.key_arn
    left join touched_lasts on touched_lasts.key_arn = known.key_arn
)
select
    known.key_arn,
    split_part(known.key_arn, ':', 5) as account_id,
    split_part(known.key_arn, ':', 4) as region,
    split_part(split_part(known.key_arn, ':', 6), '/', 2) as key_id,
    -- An alias that calls name serves where nothing tells which it has.
    coalesce(named.aliases, case when known.aliases_at is null then known.alias_name end) as aliases,
    -- What came last holds, of the same time what the inventory says.
    case
        when gone.gone_at >= coalesce(greatest(logged_state.event_time, known.state_at), gone.gone_at) then 'Deleted'
        when known.state_at >= coalesce(logged_state.event_time, known.state_at) then known.key_state
        else logged_state.state
    end as state,
    case
        when gone.gone_at >= coalesce(greatest(logged_state.event_time, known.state_at), gone.gone_at) then null
        when known.deletion_at >= coalesce(logged_state.event_time, known.deletion_at) then known.deletion_date
        else logged_state.deletion_date
    end as deletion_date,
    case
        when known.rotation_at >= coalesce(logged_rotation.event_time, known.rotation_at) then if(known.rotation_enabled, 'enabled', 'disabled')
        else logged_rotation.rotation
    end as rotation,
    coalesce(created.key_spec, known.key_spec) as key_spec,
    coalesce(created.key_usage, known.key_usage) as key_usage,
    coalesce(created.key_origin, known.key_origin) as key_origin,
    split_part(split_part(known.key_arn, ':', 6), '/', 2) like 'mrk-%' as multi_region,
    coalesce(created.created_at, known.created_at) as created_at,
    created.created_by,
    known.first_seen,
    known.last_seen,
    known.last_used,
    cast(coalesce(known.call_count, 0) + coalesce(owned.uses, 0) as bigint) as call_count,
    coalesce(known.caller_count, 0) as caller_count,
    known.description,
    known.key_manager,
    known.rotation_period_days,
    known.last_rotation_at,
    known.last_used_at as aws_last_used,
    known.taken_at as inventory_at
from known
left join owned on owned.key_arn = known.key_arn
left join created on created.key_arn = known.key_arn
left join last_states on last_states.key_arn = known.key_arn
left join gone on gone.key_arn = known.key_arn
left join named on named.key_arn = known.key_arn
