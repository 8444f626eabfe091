-- coverage: One row per account, Region and day between the first day with logs and the last day with logs of anybody: what was looked at. Files are counted on the day they were delivered, events on the day they happened.
--
-- account_id VARCHAR: Account.
-- region VARCHAR: Region.
-- day DATE: Day, UTC.
-- log_file_count BIGINT: Log files that were read.
-- failed_file_count BIGINT: Log files that could not be read.
-- record_count BIGINT: Records of all services in these files.
-- kms_event_count BIGINT: KMS records, each counted once.
-- kms_read_count BIGINT: KMS records that CloudTrail marks read-only, all cryptographic calls among them.
-- quarantined_count BIGINT: Records that were not taken as they are.
-- first_event_time TIMESTAMP: First KMS event of the day, UTC.
-- last_event_time TIMESTAMP: Last KMS event of the day, UTC.
-- state VARCHAR: observed: KMS records arrived. silent: records arrived, none of KMS. gap: no log file could be read. excluded_or_write_only: records arrive, but the KMS reads that should be among them do not.
-- reason VARCHAR: Why, in a sentence; NULL when observed.

with files as (          -- one row per account, Region and day of delivery
    select account_id, region, day, log_file_count, failed_file_count, record_count, quarantined_count
    from log_file_days
    where log_file_count + failed_file_count > 0
),
events as (              -- one row per recipient account, Region and day of events
    select
        account_id,
        region,
        day,
        sum(kms_event_count) as kms_event_count,
        sum(kms_read_count) as kms_read_count,
        min(first_event_time) as first_event_time,
        max(last_event_time) as last_event_time
    from arrivals
    where account_id is not null
    group by account_id, region, day
),
seen as (                -- one row per account, Region and day with files or events
    select
        coalesce(files.account_id, events.account_id) as account_id,
        coalesce(files.region, events.region) as region,
        coalesce(files.day, events.day) as day,
        coalesce(files.log_file_count, 0) as log_file_count,
        coalesce(files.failed_file_count, 0) as failed_file_count,
        coalesce(files.record_count, 0) as record_count,
        coalesce(events.kms_event_count, 0) as kms_event_count,
        coalesce(events.kms_read_count, 0) as kms_read_count,
        coalesce(files.quarantined_count, 0) as quarantined_count,
        events.first_event_time,
        events.last_event_time
    from files
    full outer join events
      on events.account_id = files.account_id
     and events.region = files.region
     and events.day = files.day
),
pairs as (               -- one row per account and Region
    select
        account_id,
        region,
        -- An event from before midnight does not open a day of its own.
        min(case when log_file_count + failed_file_count > 0 then day end) as first_file_day,
        max(case when log_file_count + failed_file_count > 0 then day end) as last_file_day,
        sum(kms_read_count) as kms_read_count
    from seen
    group by account_id, region
),
digits as (              -- 0 to 9
    select digit
    from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as d (digit)
),
offsets as (             -- 0 to 9999 days
    select a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit as n
    from digits as a
    cross join digits as b
    cross join digits as c
    cross join digits as d
),
spans as (               -- first and last day of the whole store
    select min(first_file_day) as first_day, max(last_file_day) as last_day
    from pairs
),
calendar as (            -- one row per day of the store
    select cast(spans.first_day + offsets.n * interval '1' day as date) as day
    from spans
    cross join offsets
    where cast(spans.first_day + offsets.n * interval '1' day as date) <= spans.last_day
),
missing as (             -- one row per account, Region and day with neither file nor event
    select pairs.account_id, pairs.region, calendar.day
    from pairs
    join calendar on calendar.day > pairs.first_file_day
    left join seen
      on seen.account_id = pairs.account_id
     and seen.region = pairs.region
     and seen.day = calendar.day
    where seen.day is null
),
days as (                -- one row per account, Region and day
    select * from seen
    union all
    select
        account_id, region, day,
        0, 0, 0, 0, 0, 0,
        cast(null as timestamp), cast(null as timestamp)
    from missing
),
judged as (              -- the same with its state
    select
        days.*,
        case
            when days.kms_read_count > 0 then 'observed'
            -- A trail without KMS, or without reads, shows only in volume: a
            -- hundred records with KMS writes and no read, or a thousand
            -- without KMS where KMS is in use, do not come about by chance.
            when days.kms_event_count > 0 and days.record_count >= 100 then 'excluded_or_write_only'
            when days.kms_event_count > 0 then 'observed'
            when days.log_file_count > 0 and days.record_count >= 1000 and pairs.kms_read_count > 0 then 'excluded_or_write_only'
            when days.log_file_count > 0 then 'silent'
            else 'gap'
        end as state
    from days
    join pairs
      on pairs.account_id = days.account_id
     and pairs.region = days.region
)
select
    account_id,
    region,
    day,
    cast(log_file_count as bigint) as log_file_count,
    cast(failed_file_count as bigint) as failed_file_count,
    cast(record_count as bigint) as record_count,
    cast(kms_event_count as bigint) as kms_event_count,
    cast(kms_read_count as bigint) as kms_read_count,
    cast(quarantined_count as bigint) as quarantined_count,
    first_event_time,
    last_event_time,
    state,
    case
        when state = 'observed' and failed_file_count > 0 then 'Some log files of the day could not be read.'
        when state = 'observed' then null
        when state = 'silent' then 'Log files arrived without any KMS record.'
        when state = 'excluded_or_write_only' and kms_event_count > 0 then 'KMS changes were logged but no KMS read: the trail may log only writes.'
        when state = 'excluded_or_write_only' then 'Many records but no KMS record, though this account uses KMS: the trail may exclude KMS events.'
        when failed_file_count > 0 then 'No log file of the day could be read.'
        else 'No log file was delivered: either nothing happened or logs are missing.'
    end as reason
from judged
