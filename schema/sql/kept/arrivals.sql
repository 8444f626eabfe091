-- arrivals: One row per account, Region, day and delay: how many KMS records arrived, and how late. A record counts on the day it happened, in the account in whose trail it was delivered; NetworkActivity records, which shadow another, do not.
-- kept: rollup of kms_events by day
--
-- day DATE: Day of the events, UTC.
-- account_id VARCHAR: Account in whose trail the records were delivered; NULL when the records do not tell.
-- region VARCHAR: Region.
-- delay_minutes INTEGER: Upper end of the delay between event and delivery of its log file, in minutes: 5, 10, 15, 30, 60, 180, 360, 1440 (a day), 10080 (a week), 525600 (anything longer); NULL when the file's name does not tell the time of delivery.
-- kms_event_count BIGINT sum: KMS records, each counted once.
-- kms_read_count BIGINT sum: Those that CloudTrail marks read-only, all cryptographic calls among them.
-- first_event_time TIMESTAMP min: First of these records, UTC.
-- last_event_time TIMESTAMP max: Last of these records, UTC.

with delays as (         -- one row per record
    select
        kms_events.event_time,
        kms_events.recipient_account_id as account_id,
        kms_events.region,
        kms_events.read_only,
        -- The minute in a file's name is the one in which it was begun.
        (to_unixtime(log_files.delivered_at) - to_unixtime(kms_events.event_time)) / 60e0 as delay
    from kms_events
    left join log_files on log_files.log_file_id = kms_events.log_file_id
    where kms_events.record_copy <> 'network'
)
select
    cast(event_time as date) as day,
    account_id,
    region,
    case
        when delay is null then null
        when delay <= 5e0 then 5
        when delay <= 10e0 then 10
        when delay <= 15e0 then 15
        when delay <= 30e0 then 30
        when delay <= 60e0 then 60
        when delay <= 180e0 then 180
        when delay <= 360e0 then 360
        when delay <= 1440e0 then 1440
        when delay <= 10080e0 then 10080
        else 525600
    end as delay_minutes,
    count(*) as kms_event_count,
    count(case when read_only then 1 end) as kms_read_count,
    min(event_time) as first_event_time,
    max(event_time) as last_event_time
from delays
group by 1, 2, 3, 4
