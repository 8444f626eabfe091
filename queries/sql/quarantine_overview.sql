/*---
id: quarantine_overview
title: What could not be read as it is
description: Records and log files that were set aside or noted as odd, by reason, with the latest example of each.
grain: one row per reason
params: {}
columns:
  - {name: reason, type: VARCHAR, doc: Why it was set aside.}
  - {name: entry_count, type: BIGINT, doc: Entries.}
  - {name: file_count, type: BIGINT, doc: Log files concerned.}
  - {name: last_quarantined_at, type: TIMESTAMP, doc: "Latest entry, UTC."}
  - {name: example_object_key, type: VARCHAR, doc: Log file of the latest entry.}
  - {name: example_record_index, type: INTEGER, doc: "Position of the record in it, from 0; -1 for the whole file."}
  - {name: example_detail, type: VARCHAR, doc: What was found there.}
---*/
with numbered as (       -- one row per entry in the window, the latest of each reason first
    select
        quarantine.reason,
        quarantine.log_file_id,
        quarantine.record_index,
        quarantine.detail,
        quarantine.quarantined_at,
        log_files.object_key,
        row_number() over (
            partition by quarantine.reason
            order by coalesce(log_files.delivered_at, log_files.last_event_time, log_files.last_modified) desc,
                quarantine.log_file_id desc, quarantine.record_index
        ) as entry_number
    from quarantine
    left join log_files on log_files.log_file_id = quarantine.log_file_id
    -- When the logs were delivered counts, not when they were read.
    where coalesce(log_files.delivered_at, log_files.last_event_time, log_files.last_modified, quarantine.quarantined_at) >= $window_start
      and coalesce(log_files.delivered_at, log_files.last_event_time, log_files.last_modified, quarantine.quarantined_at) < $window_end
)
select
    reason,
    count(*) as entry_count,
    count(distinct log_file_id) as file_count,
    max(quarantined_at) as last_quarantined_at,
    max(case when entry_number = 1 then object_key end) as example_object_key,
    max(case when entry_number = 1 then record_index end) as example_record_index,
    max(case when entry_number = 1 then detail end) as example_detail
from numbered
group by reason
order by entry_count desc, reason
