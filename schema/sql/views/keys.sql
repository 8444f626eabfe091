-- keys: One row per KMS key that the logs name.
--
-- key_arn VARCHAR: The key.
-- account_id VARCHAR: Account that owns it.
-- region VARCHAR: Its Region.
-- key_id VARCHAR: Last part of key_arn.
-- aliases VARCHAR: Aliases it has at the end of the logs, comma-joined, at most three; NULL when none is known.
-- state VARCHAR: State at the end of the logs; NULL when the logs do not tell.
-- deletion_date TIMESTAMP: When it will be destroyed, UTC; NULL unless it is pending deletion.
-- created_at TIMESTAMP: When it was created, UTC; NULL when that lies before the logs.
-- first_seen TIMESTAMP: First call that names it, UTC.
-- last_seen TIMESTAMP: Last call that names it, UTC.
-- last_used TIMESTAMP: Last successful cryptographic use, UTC; NULL when the logs hold none.
-- call_count BIGINT: Calls that name it, each counted once.

with uses as (           -- one row per call and key it works on; ReEncrypt works on two
    select
        key_arn,
        event_time,
        case when operation_class = 'cryptographic' and error_code is null and dry_run is null then event_time end as used_at,
        case when event_name = 'CreateKey' and error_code is null then event_time end as created_at,
        case
            when key_reference like 'alias/%' then key_reference
            when key_reference like 'arn:%:alias/%' then substr(key_reference, strpos(key_reference, ':alias/') + 1)
        end as alias_name
    from kms_calls
    where key_arn is not null
    union all
    select
        destination_key_arn as key_arn,
        event_time,
        case when event_name = 'ReEncrypt' and error_code is null and dry_run is null then event_time end as used_at,
        cast(null as timestamp) as created_at,
        cast(null as varchar) as alias_name
    from kms_calls
    where destination_key_arn is not null
      and destination_key_arn <> coalesce(key_arn, '')
),
used as (                -- one row per key
    select
        key_arn,
        min(event_time) as first_seen,
        max(event_time) as last_seen,
        max(used_at) as last_used,
        min(created_at) as created_at,
        min(alias_name) as alias_name,
        count(*) as call_count
    from uses
    group by key_arn
),
numbered as (            -- one row per key and alias it has now
    select key_arn, name, row_number() over (partition by key_arn order by name) as alias_number
    from key_timeline
    where kind = 'alias'
      and valid_to is null
),
aliases as (             -- one row per key
    select
        key_arn,
        max(case when alias_number = 1 then name else '' end)
            || max(case when alias_number = 2 then ', ' || name else '' end)
            || max(case when alias_number = 3 then ', ' || name else '' end)
            || case when count(*) > 3 then ', …' else '' end as names
    from numbered
    group by key_arn
),
states as (              -- one row per key whose state is known
    select key_arn, max(value) as state, max(deletion_date) as deletion_date
    from key_timeline
    where kind = 'state'
      and valid_to is null
    group by key_arn
)
select
    used.key_arn,
    split_part(used.key_arn, ':', 5) as account_id,
    split_part(used.key_arn, ':', 4) as region,
    split_part(split_part(used.key_arn, ':', 6), '/', 2) as key_id,
    -- An alias that calls name serves where its creation lies before the logs.
    coalesce(aliases.names, used.alias_name) as aliases,
    states.state,
    states.deletion_date,
    used.created_at,
    used.first_seen,
    used.last_seen,
    used.last_used,
    used.call_count
from used
left join aliases on aliases.key_arn = used.key_arn
left join states on states.key_arn = used.key_arn
