with files as materialized ( -- one row per account, Region and day with log files; what sums and parts have in common is summed here
    select
        account_id,
        region,
        day,
        sum(log_file_count) as log_file_count,
        sum(failed_file_count) as failed_file_count,
        sum(record_count) as record_count,
        sum(quarantined_count) as quarantined_count
    from (
        select account_id, region, day, log_file_count, failed_file_count, record_count, quarantined_count from log_file_days_sums
        union all
        select account_id, region, day, log_file_count, failed_file_count, record_count, quarantined_count from log_file_days_parts
    ) as entries
    group by account_id, region, day
    having sum(log_file_count) + sum(failed_file_count) > 0
),
places as materialized ( -- one row per account and Region with log files; by their numbers is grouped faster
    select account_id, region, min(day) as first_day, row_number() over () as place
    from files
    group by account_id, region
),
arrived as not materialized ( -- what the files brought
    select account_id, region, day, kms_event_count, kms_read_count, first_event_time, last_event_time
    from arrivals_sums
    where account_id is not null and region is not null and kms_event_count > 0
    union all
    select account_id, region, day, kms_event_count, kms_read_count, first_event_time, last_event_time
    from arrivals_parts
    where account_id is not null and region is not null and kms_event_count > 0
),
events as (              -- one row per place and day with events
    select
        place,
        day,
        sum(kms_event_count) as kms_event_count,
        sum(kms_read_count) as kms_read_count,
        min(first_event_time) as first_event_time,
        max(last_event_time) as last_event_time
    from arrived join places using (account_id, region)
    group by place, day
),
days as materialized (-- one row per place and day, from its first log files to the last of anybody
    -- The first files bring events from before midnight, and late ones from
    -- long before. Of those days the rest is not known: they have no files.
    select
        place, account_id, region, day,
        coalesce(log_file_count, 0) as log_file_count,
        coalesce(failed_file_count, 0) as failed_file_count,
        coalesce(record_count, 0) as record_count,
        coalesce(kms_event_count, 0) as kms_event_count,
        coalesce(kms_read_count, 0) as kms_read_count,
        coalesce(quarantined_count, 0) as quarantined_count,
        first_event_time,
        last_event_time,
        -- Whatever else happened on the day would have come in files of the day.
        log_file_count is null and first_event_time >= cast(day as timestamp) + interval '23' hour as only_its_end
    from (
        select place, account_id, region, cast(unnest(range(first_day, (select max(day) from files) + interval '1' day, interval '1' day)) as date) as day
        from places
    ) as calendar
    left join files using (account_id, region, day)
    left join events using (place, day)
),
totals as (              -- one row per place
    select
        place,
        sum(record_count) as record_count,
        sum(kms_event_count) as kms_event_count,
        sum(kms_read_count) as kms_read_count,
        sum(case when kms_read_count > 0 then record_count else 0 end) as busy_record_count,
        count(case when kms_read_count > 0 then 1 end) as busy_days
    from days
    group by place
),
quiet as materialized (  -- one row per quiet day: it has files and no KMS read after some day had one
    select place, quiet.day, quiet.record_count, busy.day as busy_day
    from (select place, day, record_count from days where kms_read_count = 0 and log_file_count > 0) as quiet
    asof join (select place, day from days where kms_read_count > 0) as busy using (place, day)
),
stretches as (           -- one row per stretch of such days without a busy one between them
    select
        place,
        busy_day,
        count(*) as quiet_days,
        sum(record_count) as record_count,
        sum(count(*)) over (partition by place) as all_quiet_days
    from quiet
    group by place, busy_day
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
judged as (              -- one row per place and day, with its state
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
            when totals.busy_record_count > 0
             and stretches.record_count * totals.kms_read_count >= 20 * totals.busy_record_count
             and stretches.quiet_days * totals.busy_days >= 20 * (stretches.all_quiet_days - stretches.quiet_days + 1) then 'excluded_or_write_only'
            when days.kms_event_count > 0 and not days.only_its_end then 'observed'
            when days.log_file_count > 0 then 'silent'
            else 'gap'
        end as state
    from days
    join totals on totals.place = days.place
    left join quiet on quiet.place = days.place and quiet.day = days.day
    left join stretches on stretches.place = quiet.place and stretches.busy_day = quiet.busy_day
    left join proofs on proofs.account_id = days.account_id and proofs.region = days.region and proofs.day = days.day
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
union all
select
    account_id, region, day, 0, 0, 0,
    cast(sum(kms_event_count) as bigint), cast(sum(kms_read_count) as bigint), 0,
    min(first_event_time), max(last_event_time), 'observed', null
from arrived anti join places using (account_id, region)
group by account_id, region, day
