-- log_file_days: One row per account, Region and day of delivery: the log files that were read. Files whose key names no account or Region are left out.
-- kept: rollup of log_files by day
--
-- day DATE: Day of delivery, UTC; where a file's name does not tell, the day of its last event or of its last change.
-- account_id VARCHAR: Account in the key of the files.
-- region VARCHAR: Region in the key of the files.
-- log_file_count BIGINT sum: Log files that were read.
-- failed_file_count BIGINT sum: Log files that could not be read.
-- record_count BIGINT sum: Records of all services in them.
-- quarantined_count BIGINT sum: Records that were not taken as they are.

select
    cast(coalesce(delivered_at, last_event_time, last_modified, ingested_at) as date) as day,
    account_id,
    region,
    count(case when status = 'ingested' then 1 end) as log_file_count,
    count(case when status <> 'ingested' then 1 end) as failed_file_count,
    cast(sum(record_count) as bigint) as record_count,
    cast(sum(quarantined_count) as bigint) as quarantined_count
from log_files
where account_id is not null
  and region is not null
group by 1, 2, 3
