with used as (           -- one row per key that calls name
    select
        key_arn,
        min(first_event_time) as first_seen,
        max(last_event_time) as last_seen,
        max(case when operation_class = 'cryptographic' and error_class is null then last_event_time end) as last_used,
        min(alias_name) as alias_name,
        cast(sum(calls) as bigint) as call_count,
        count(distinct caller_id) as caller_count
    from (
        select
            key_arn,
            operation_class,
            error_class,
            caller_id,
            caller_account_id,
            min(first_event_time) as first_event_time,
            max(last_event_time) as last_event_time,
            min(alias_name) as alias_name,
            case when sum(caller_use_count) > sum(use_count) then sum(caller_use_count) else sum(use_count) end as calls
        from (                  -- what sums and parts have in common is summed here anyway
            select key_arn, operation_class, error_class, caller_id, caller_account_id, caller_use_count, use_count, first_event_time, last_event_time, alias_name
            from usage_monthly_sums
            union all
            select key_arn, operation_class, error_class, caller_id, caller_account_id, caller_use_count, use_count, first_event_time, last_event_time, alias_name
            from usage_monthly_parts
        ) as usage
        where key_arn is not null
        group by key_arn, operation_class, error_class, caller_id, caller_account_id
    ) as sides
    group by key_arn
),
seen as (               -- one row per key that changes name
    select key_arn, min(event_time) as first_seen, max(event_time) as last_seen
    from key_change_records
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
    from key_change_records
    where event_name in ('CreateKey', 'ReplicateKey')
    group by key_arn
),
changed as (
    select *
    from seen left join created using (key_arn)
),
known as (               -- one row per key
    select
        coalesce(used.key_arn, changed.key_arn) as key_arn,
        case when used.first_seen is null or changed.first_seen < used.first_seen then changed.first_seen else used.first_seen end as first_seen,
        case when used.last_seen is null or changed.last_seen > used.last_seen then changed.last_seen else used.last_seen end as last_seen,
        used.last_used,
        used.alias_name,
        coalesce(used.call_count, 0) as call_count,
        coalesce(used.caller_count, 0) as caller_count,
        changed.created_at,
        changed.created_by,
        changed.key_spec,
        changed.key_usage,
        changed.key_origin
    from used
    full outer join changed on changed.key_arn = used.key_arn
),
changes as materialized (-- one row per change of a key's state or rotation
    select
        key_arn, event_name, key_state, key_origin, deletion_date, event_time, change_rank, event_id,
        case when event_name in ('EnableKeyRotation', 'DisableKeyRotation') then 'rotation' else 'state' end as kind
    from key_changes
    where event_name in (
        'CreateKey', 'EnableKey', 'DisableKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion', 'DeleteKey',
        'ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial',
        'EnableKeyRotation', 'DisableKeyRotation')
),
aliases as materialized (-- one row per change of an alias, which belongs to account and Region and points to one key
    select
        key_arn, event_name, alias_name, event_time, change_rank, event_id,
        coalesce(account_id, '') || ' ' || coalesce(region, '') as holder
    from key_changes
    where event_name in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
      and alias_name is not null
),
touched as materialized (-- keys whose material was touched: what their last change means depends on those before
    select distinct key_arn
    from key_change_records
    where event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial')
),
lasts as (               -- the last change of each thing; the others need no sorting
    select changes.*
    from changes
    join (select key_arn, kind, max(event_time) as event_time from changes group by key_arn, kind) as newest using (key_arn, kind, event_time)
    qualify row_number() over (partition by key_arn, kind order by change_rank desc, event_id desc) = 1
),
last_aliases as (        -- the same of aliases
    select aliases.*
    from aliases
    join (select holder, alias_name, max(event_time) as event_time from aliases group by holder, alias_name) as newest using (holder, alias_name, event_time)
    qualify row_number() over (partition by holder, alias_name order by change_rank desc, event_id desc) = 1
),
numbered as (            -- states of keys whose material was touched, as in key_timeline
    select
        *,
        event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial') as about_material,
        case
            when event_name = 'CreateKey' then coalesce(key_state, case when key_origin = 'EXTERNAL' then 'PendingImport' else 'Enabled' end)
            when event_name in ('EnableKey', 'ImportKeyMaterial') then 'Enabled'
            when event_name in ('DisableKey', 'CancelKeyDeletion') then 'Disabled'
            when event_name = 'ScheduleKeyDeletion' then coalesce(key_state, 'PendingDeletion')
            when event_name = 'DeleteKey' then 'Deleted'
            else 'PendingImport'
        end as value,
        sum(case when about_material then 0 else 1 end) over (
            partition by key_arn order by event_time, change_rank, event_id
            rows between unbounded preceding and current row
        ) as phase
    from changes semi join touched using (key_arn)
    where kind = 'state'
),
phased as (
    select *, max(case when about_material then null else value end) over (partition by key_arn, phase) as phase_state
    from numbered
),
effective as (
    select *, lag(value) over (partition by key_arn order by event_time, change_rank, event_id) as value_before
    from phased
    where not about_material
       or coalesce(phase_state, '') not in ('PendingDeletion', 'PendingReplicaDeletion', 'Deleted')
),
touched_states as (
    select
        key_arn, value, event_time, change_rank, event_id,
        case when event_name = 'ScheduleKeyDeletion' then deletion_date end as deletion_date
    from effective
    where event_name <> 'ImportKeyMaterial'
       or coalesce(value_before, '') <> 'Disabled'
),
now as (                 -- one row per key and thing that is known of it now
    select
        key_arn,
        kind,
        cast(null as varchar) as alias_name,
        case
            when kind = 'rotation' then case event_name when 'EnableKeyRotation' then 'enabled' else 'disabled' end
            when event_name = 'CreateKey' then coalesce(key_state, case when key_origin = 'EXTERNAL' then 'PendingImport' else 'Enabled' end)
            when event_name = 'EnableKey' then 'Enabled'
            when event_name in ('DisableKey', 'CancelKeyDeletion') then 'Disabled'
            when event_name = 'ScheduleKeyDeletion' then coalesce(key_state, 'PendingDeletion')
            else 'Deleted'
        end as value,
        case when event_name = 'ScheduleKeyDeletion' then deletion_date end as deletion_date
    from lasts
    where kind <> 'state'
       or key_arn not in (select key_arn from touched)
    union all
    select key_arn, 'alias', alias_name, cast(null as varchar), cast(null as timestamp)
    from last_aliases
    where event_name <> 'DeleteAlias'
    union all
    select key_arn, 'state', cast(null as varchar), value, deletion_date
    from touched_states
    qualify row_number() over (partition by key_arn order by event_time desc, change_rank desc, event_id desc) = 1
),
told as (                -- one row per key
    select
        key_arn,
        max(case when kind = 'state' then value end) as state,
        max(case when kind = 'state' then deletion_date end) as deletion_date,
        max(case when kind = 'rotation' then value end) as rotation,
        list_sort(list(alias_name) filter (where kind = 'alias')) as names,
        case when len(names) <= 3 then array_to_string(names, ', ') else array_to_string(names[:3], ', ') || ', …' end as aliases
    from now
    group by key_arn
)
select
    known.key_arn,
    split_part(known.key_arn, ':', 5) as account_id,
    split_part(known.key_arn, ':', 4) as region,
    split_part(split_part(known.key_arn, ':', 6), '/', 2) as key_id,
    -- An alias that calls name serves where its creation lies before the logs.
    coalesce(told.aliases, known.alias_name) as aliases,
    told.state,
    told.deletion_date,
    told.rotation,
    known.key_spec,
    known.key_usage,
    known.key_origin,
    split_part(split_part(known.key_arn, ':', 6), '/', 2) like 'mrk-%' as multi_region,
    known.created_at,
    known.created_by,
    known.first_seen,
    known.last_seen,
    known.last_used,
    known.call_count,
    known.caller_count
from known
left join told on told.key_arn = known.key_arn
