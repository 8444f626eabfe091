-- coverage: One row per account, Region and day from the first day with log files of that account and Region to the last day with log files of anybody: what was looked at. Files are counted on the day they were delivered, events on the day they happened. What is known only from events, because its files are not laid out as CloudTrail does, has a row for each day with events.
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
-- state VARCHAR: proven: a digest says that all log files were read; no row has it yet, because digests are not read. observed: KMS records arrived. silent: records arrived, none of KMS. gap: no log file was delivered, or none could be read. excluded_or_write_only: records arrive, but the KMS reads that should be among them do not.
-- reason VARCHAR: Why, in a sentence; NULL when there is nothing to say.

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
      and kms_event_count > 0
    group by account_id, region, day
),
places as (              -- one row per account and Region with log files
    select account_id, region, min(day) as first_day
    from files
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
span as (                -- first and last day with log files of anybody
    select min(day) as first_day, max(day) as last_day
    from files
),
calendar as (            -- one row per day of it
    select cast(span.first_day + offsets.n * interval '1' day as date) as day
    from span
    cross join offsets
    where cast(span.first_day + offsets.n * interval '1' day as date) <= span.last_day
),
cells as (               -- one row per account, Region and day to judge
    -- The first files bring events from before midnight, and late ones from
    -- long before. Of those days the rest is not known: they have no row.
    select places.account_id, places.region, calendar.day, true as has_files
    from places
    join calendar on calendar.day >= places.first_day
    union all
    select events.account_id, events.region, events.day, false as has_files
    from events
    left join places
      on places.account_id = events.account_id
     and places.region = events.region
    where places.account_id is null
),
days as (                -- the same with files and events, and a number that rises on each day with KMS reads
    select
        cells.account_id,
        cells.region,
        cells.day,
        coalesce(files.log_file_count, 0) as log_file_count,
        coalesce(files.failed_file_count, 0) as failed_file_count,
        coalesce(files.record_count, 0) as record_count,
        coalesce(events.kms_event_count, 0) as kms_event_count,
        coalesce(events.kms_read_count, 0) as kms_read_count,
        coalesce(files.quarantined_count, 0) as quarantined_count,
        events.first_event_time,
        events.last_event_time,
        -- Whatever else happened on the day would have come in files of the day.
        cells.has_files
            and files.log_file_count is null
            and events.first_event_time >= cast(cells.day as timestamp) + interval '23' hour as only_its_end,
        sum(case when events.kms_read_count > 0 then 1 else 0 end)
            over (partition by cells.account_id, cells.region order by cells.day) as stretch
    from cells
    left join files
      on files.account_id = cells.account_id
     and files.region = cells.region
     and files.day = cells.day
    left join events
      on events.account_id = cells.account_id
     and events.region = cells.region
     and events.day = cells.day
),
totals as (              -- one row per account and Region; quiet days have files and no KMS read after some day had one
    select
        account_id,
        region,
        sum(record_count) as record_count,
        sum(kms_event_count) as kms_event_count,
        sum(kms_read_count) as kms_read_count,
        sum(case when kms_read_count > 0 then record_count else 0 end) as busy_record_count,
        count(case when kms_read_count > 0 then 1 end) as busy_days,
        count(case when kms_read_count = 0 and log_file_count > 0 and stretch > 0 then 1 end) as quiet_days
    from days
    group by account_id, region
),
stretches as (           -- one row per account, Region and stretch of quiet days
    select
        account_id,
        region,
        stretch,
        count(*) as quiet_days,
        sum(record_count) as quiet_record_count
    from days
    where kms_read_count = 0
      and log_file_count > 0
      and stretch > 0
    group by account_id, region, stretch
),
judged as (              -- one row per account, Region and day, with its state
    select
        days.*,
        case
            when days.kms_read_count > 0 and not days.only_its_end then 'observed'
            -- A trail without KMS, or without reads, shows only in volume.
            -- Either it never had a read but changes, which do not come
            -- without reads, or the reads end: twenty were to be expected by
            -- the days that had some, and the stretch is twenty times longer
            -- than the other quiet days make likely.
            when days.log_file_count > 0
             and totals.kms_read_count = 0
             and totals.kms_event_count >= 5
             and totals.record_count >= 100 then 'excluded_or_write_only'
            when days.log_file_count > 0
             and totals.busy_record_count > 0
             and stretches.quiet_record_count * totals.kms_read_count >= 20 * totals.busy_record_count
             and stretches.quiet_days * totals.busy_days >= 20 * (totals.quiet_days - stretches.quiet_days + 1) then 'excluded_or_write_only'
            when days.kms_event_count > 0 and not days.only_its_end then 'observed'
            when days.log_file_count > 0 then 'silent'
            else 'gap'
        end as state
    from days
    join totals
      on totals.account_id = days.account_id
     and totals.region = days.region
    left join stretches
      on stretches.account_id = days.account_id
     and stretches.region = days.region
     and stretches.stretch = days.stretch
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
        when state = 'silent' and failed_file_count > 0 then 'Log files arrived without any KMS record, and some could not be read.'
        when state = 'silent' then 'Log files arrived without any KMS record.'
        when state = 'excluded_or_write_only' and kms_event_count > 0 then 'KMS changes were logged but no KMS read: the trail may log only writes.'
        when state = 'excluded_or_write_only' then 'Many records but no KMS read, though this account uses KMS: the trail may exclude KMS events.'
        when failed_file_count > 0 then 'No log file of the day could be read.'
        when only_its_end then 'No log file was delivered, and the next day brought only the last hour: either nothing else happened or logs are missing.'
        else 'No log file was delivered: either nothing happened or logs are missing.'
    end as reason
from judged
