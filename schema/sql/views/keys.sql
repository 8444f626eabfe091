-- keys: One row per KMS key that the logs name or an inventory saw. What changed is told by key_timeline: by the logs, and by inventories from the time on at which they were taken.
--
-- key_arn VARCHAR: The key.
-- account_id VARCHAR: Account that owns it.
-- region VARCHAR: Its Region.
-- key_id VARCHAR: Last part of key_arn.
-- aliases VARCHAR: Aliases it has now, comma-joined, at most three; NULL when none is known.
-- state VARCHAR: State it is in now; NULL when neither logs nor inventories tell. Deleted also for a key that a whole list of its account and Region did not have any more.
-- deletion_date TIMESTAMP: When it will be destroyed, UTC; NULL unless it is pending deletion.
-- rotation VARCHAR: enabled or disabled; NULL when neither logs nor inventories tell.
-- key_spec VARCHAR: Key spec, from its creation or an inventory; NULL when neither is known.
-- key_usage VARCHAR: Key usage, likewise.
-- key_origin VARCHAR: Where its material comes from, likewise.
-- multi_region BOOLEAN: True for a multi-Region key, by its id.
-- created_at TIMESTAMP: When it was created, UTC; NULL when that lies before the logs and no inventory says it.
-- created_by VARCHAR: Principal that created it, by the logs.
-- first_seen TIMESTAMP: First call or change that names it, UTC; NULL when the logs do not name it.
-- last_seen TIMESTAMP: Last call or change that names it, UTC; NULL when the logs do not name it.
-- last_used TIMESTAMP: Last successful cryptographic use, UTC; NULL when the logs hold none.
-- call_count BIGINT: Calls that name it, each counted once; 0 when the logs do not name it.
-- caller_count BIGINT: Callers, failed calls included.
-- description VARCHAR: Description, as inventories say; NULL when none does. Untrusted text.
-- key_manager VARCHAR: CUSTOMER or AWS, as inventories say.
-- rotation_period_days INTEGER: Rotation period in days, as inventories say.
-- last_rotation_at TIMESTAMP: When it was last rotated, UTC, as inventories say.
-- aws_last_used TIMESTAMP: Last successful cryptographic use that AWS told inventories of, UTC. The logs need not have it.
-- inventory_at TIMESTAMP: When an inventory last asked about it, UTC; NULL when none did.

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
        from usage_monthly
        where key_arn is not null
        group by key_arn, operation_class, error_class, caller_id, caller_account_id
    ) as sides
    group by key_arn
),
changed as (             -- one row per key that changes name
    select
        key_arn,
        min(event_time) as first_seen,
        max(event_time) as last_seen,
        min(case when event_name in ('CreateKey', 'ReplicateKey') then event_time end) as created_at,
        max(case when event_name in ('CreateKey', 'ReplicateKey') then principal_arn end) as created_by,
        max(case when event_name = 'CreateKey' then key_spec end) as key_spec,
        max(case when event_name = 'CreateKey' then key_usage end) as key_usage,
        max(case when event_name = 'CreateKey' then key_origin end) as key_origin
    from key_change_records
    group by key_arn
),
logged as (              -- one row per key that the logs name
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
known as (               -- one row per key
    select
        coalesce(logged.key_arn, key_inventory.key_arn) as key_arn,
        logged.first_seen,
        logged.last_seen,
        logged.last_used,
        -- An alias that calls name serves where nothing tells which it has.
        case when key_inventory.aliases_at is null then logged.alias_name end as alias_name,
        coalesce(logged.call_count, 0) as call_count,
        coalesce(logged.caller_count, 0) as caller_count,
        coalesce(logged.created_at, key_inventory.created_at) as created_at,
        logged.created_by,
        coalesce(logged.key_spec, key_inventory.key_spec) as key_spec,
        coalesce(logged.key_usage, key_inventory.key_usage) as key_usage,
        coalesce(logged.key_origin, key_inventory.key_origin) as key_origin,
        key_inventory.description,
        key_inventory.key_manager,
        key_inventory.rotation_period_days,
        key_inventory.last_rotation_at,
        key_inventory.last_used_at as aws_last_used,
        key_inventory.taken_at as inventory_at
    from logged
    full outer join key_inventory on key_inventory.key_arn = logged.key_arn
),
numbered as (            -- one row per key and thing that is known of it now
    select
        key_arn,
        kind,
        name,
        value,
        deletion_date,
        row_number() over (partition by key_arn, kind order by name) as n
    from key_timeline
    where kind in ('state', 'deletion_date', 'rotation', 'alias')
      and valid_to is null
),
told as (                -- one row per key
    select
        key_arn,
        max(case when kind = 'state' then value end) as state,
        max(case when kind = 'deletion_date' then deletion_date end) as deletion_date,
        max(case when kind = 'rotation' then value end) as rotation,
        max(case when kind = 'alias' and n = 1 then name end)
            || max(case when kind = 'alias' and n = 2 then ', ' || name else '' end)
            || max(case when kind = 'alias' and n = 3 then ', ' || name else '' end)
            || case when count(case when kind = 'alias' then 1 end) > 3 then ', …' else '' end as aliases
    from numbered
    group by key_arn
)
select
    known.key_arn,
    split_part(known.key_arn, ':', 5) as account_id,
    split_part(known.key_arn, ':', 4) as region,
    split_part(split_part(known.key_arn, ':', 6), '/', 2) as key_id,
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
    known.caller_count,
    known.description,
    known.key_manager,
    known.rotation_period_days,
    known.last_rotation_at,
    known.aws_last_used,
    known.inventory_at
from known
left join told on told.key_arn = known.key_arn
