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
-- state VARCHAR: proven: digests say which log files there are, all of them were read, and all are as CloudTrail delivered them. observed: KMS records arrived. silent: records arrived, none of KMS. gap: no log file was delivered, or none could be read. excluded_or_write_only: records arrive, but the KMS reads that should be among them do not.
-- reason VARCHAR: Why, in a sentence; NULL when there is nothing to say.

with files as (          -- one row per account, Region and day of delivery, with the days until the next
    select
        account_id,
        region,
        day,
        log_file_count,
        failed_file_count,
        record_count,
        quarantined_count,
        -- After the last files of a place the days go on to the last of anybody.
        cast(round((
            to_unixtime(cast(coalesce(
                lead(day) over (partition by account_id, region order by day),
                cast(max(day) over () + interval '1' day as date)
            ) as timestamp)) - to_unixtime(cast(day as timestamp))
        ) / 86400e0) as integer) as day_count
    from log_file_days
    where log_file_count + failed_file_count > 0
),
runs as (                -- the same, with the digits of the numbers below day_count
    select
        files.*,
        case when day_count > 1000 then array[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] else array[0] end as thousands,
        case when day_count > 100 then array[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] else array[0] end as hundreds,
        case when day_count > 10 then array[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] else array[0] end as tens,
        case when day_count > 1 then array[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] else array[0] end as ones
    from files
),
sightings as (           -- what is known of an account, Region and day, from files and from events
    -- The first files bring events from before midnight, and late ones from
    -- long before. Of those days the rest is not known: they have no files.
    select
        runs.account_id,
        runs.region,
        cast(runs.day + (1000 * a.digit + 100 * b.digit + 10 * c.digit + d.digit) * interval '1' day as date) as day,
        true as has_files,
        case when a.digit + b.digit + c.digit + d.digit = 0 then runs.log_file_count end as log_file_count,
        case when a.digit + b.digit + c.digit + d.digit = 0 then runs.failed_file_count end as failed_file_count,
        case when a.digit + b.digit + c.digit + d.digit = 0 then runs.record_count end as record_count,
        case when a.digit + b.digit + c.digit + d.digit = 0 then runs.quarantined_count end as quarantined_count,
        cast(null as bigint) as kms_event_count,
        cast(null as bigint) as kms_read_count,
        cast(null as timestamp) as first_event_time,
        cast(null as timestamp) as last_event_time
    from runs
    cross join unnest(runs.thousands) as a (digit)
    cross join unnest(runs.hundreds) as b (digit)
    cross join unnest(runs.tens) as c (digit)
    cross join unnest(runs.ones) as d (digit)
    where 1000 * a.digit + 100 * b.digit + 10 * c.digit + d.digit < runs.day_count
    union all
    select
        account_id,
        region,
        day,
        false as has_files,
        cast(null as bigint) as log_file_count,
        cast(null as bigint) as failed_file_count,
        cast(null as bigint) as record_count,
        cast(null as bigint) as quarantined_count,
        kms_event_count,
        kms_read_count,
        first_event_time,
        last_event_time
    from arrivals
    where account_id is not null
      and region is not null
      and kms_event_count > 0
),
cells as (               -- one row per account, Region and day
    select
        account_id,
        region,
        day,
        bool_or(has_files) as has_files,
        sum(log_file_count) as log_file_count,
        sum(failed_file_count) as failed_file_count,
        sum(record_count) as record_count,
        sum(quarantined_count) as quarantined_count,
        sum(kms_event_count) as kms_event_count,
        sum(kms_read_count) as kms_read_count,
        min(first_event_time) as first_event_time,
        max(last_event_time) as last_event_time
    from sightings
    group by account_id, region, day
),
numbered as (            -- the same with a number that rises on each day with KMS reads
    select
        cells.*,
        sum(case when has_files and kms_read_count > 0 then 1 else 0 end)
            over (partition by account_id, region order by day rows between unbounded preceding and current row) as stretch,
        max(case when has_files then 1 else 0 end)
            over (partition by account_id, region order by day rows between unbounded preceding and unbounded following) as place_has_files
    from cells
),
days as (                -- those to judge; quiet days have files and no KMS read after some day had one
    select
        account_id,
        region,
        day,
        coalesce(log_file_count, 0) as log_file_count,
        coalesce(failed_file_count, 0) as failed_file_count,
        coalesce(record_count, 0) as record_count,
        coalesce(kms_event_count, 0) as kms_event_count,
        coalesce(kms_read_count, 0) as kms_read_count,
        coalesce(quarantined_count, 0) as quarantined_count,
        first_event_time,
        last_event_time,
        -- Whatever else happened on the day would have come in files of the day.
        has_files
            and log_file_count is null
            and first_event_time >= cast(day as timestamp) + interval '23' hour as only_its_end,
        stretch,
        case when coalesce(kms_read_count, 0) = 0 and log_file_count > 0 and stretch > 0 then 1 else 0 end as is_quiet
    from numbered
    where has_files
       or place_has_files = 0
),
stretches as (           -- one row per account, Region and stretch
    select
        account_id,
        region,
        stretch,
        sum(record_count) as record_count,
        sum(kms_event_count) as kms_event_count,
        sum(kms_read_count) as kms_read_count,
        sum(case when kms_read_count > 0 then record_count else 0 end) as busy_record_count,
        count(case when kms_read_count > 0 then 1 end) as busy_days,
        sum(is_quiet) as quiet_days,
        sum(is_quiet * record_count) as quiet_record_count
    from days
    group by account_id, region, stretch
),
totals as (              -- the same with what account and Region have in all
    select
        account_id,
        region,
        stretch,
        quiet_days,
        quiet_record_count,
        sum(record_count) over (partition by account_id, region) as record_count,
        sum(kms_event_count) over (partition by account_id, region) as kms_event_count,
        sum(kms_read_count) over (partition by account_id, region) as kms_read_count,
        sum(busy_record_count) over (partition by account_id, region) as busy_record_count,
        sum(busy_days) over (partition by account_id, region) as busy_days,
        sum(quiet_days) over (partition by account_id, region) as all_quiet_days
    from stretches
),
proofs as (              -- one row per account, Region and day that digests were compared with
    select
        account_id,
        region,
        cast(day as date) as day,
        sum(verified_file_count) as log_file_count,
        min(case when state = 'verified' and unread_file_count = 0 then 1 else 0 end) as is_proven,
        max(case when state = 'failed' then 1 else 0 end) as is_failed
    from log_file_validation
    group by account_id, region, day
),
judged as (              -- one row per account, Region and day, with its state
    select
        days.*,
        -- What was read since is no part of the proof.
        coalesce(proofs.is_proven = 1 and proofs.log_file_count = days.log_file_count and days.failed_file_count = 0, false) as proven,
        coalesce(proofs.is_failed = 1, false) as tampered,
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
            when days.is_quiet = 1
             and totals.busy_record_count > 0
             and totals.quiet_record_count * totals.kms_read_count >= 20 * totals.busy_record_count
             and totals.quiet_days * totals.busy_days >= 20 * (totals.all_quiet_days - totals.quiet_days + 1) then 'excluded_or_write_only'
            when days.kms_event_count > 0 and not days.only_its_end then 'observed'
            when days.log_file_count > 0 then 'silent'
            else 'gap'
        end as state
    from days
    join totals
      on totals.account_id = days.account_id
     and totals.region = days.region
     and totals.stretch = days.stretch
    left join proofs
      on proofs.account_id = days.account_id
     and proofs.region = days.region
     and proofs.day = days.day
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
    case when proven and judged.state <> 'excluded_or_write_only' then 'proven' else judged.state end as state,
    case
        when tampered then 'Log files or digests of the day were changed, or are gone: log_file_problems says which.'
        when proven and judged.state = 'observed' then null
        when proven and judged.state = 'silent' then 'Log files arrived without any KMS record; digests prove that they are all.'
        when proven and judged.state = 'gap' then 'Digests prove that no log file was delivered.'
        when judged.state = 'observed' and failed_file_count > 0 then 'Some log files of the day could not be read.'
        when judged.state = 'observed' then null
        when judged.state = 'silent' and failed_file_count > 0 then 'Log files arrived without any KMS record, and some could not be read.'
        when judged.state = 'silent' then 'Log files arrived without any KMS record.'
        when judged.state = 'excluded_or_write_only' and kms_event_count > 0 then 'KMS changes were logged but no KMS read: the trail may log only writes.'
        when judged.state = 'excluded_or_write_only' then 'Many records but no KMS read, though this account uses KMS: the trail may exclude KMS events.'
        when failed_file_count > 0 then 'No log file of the day could be read.'
        when only_its_end then 'No log file was delivered, and the next day brought only the last hour: either nothing else happened or logs are missing.'
        else 'No log file was delivered: either nothing happened or logs are missing.'
    end as reason
from judged
