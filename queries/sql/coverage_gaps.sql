/*---
id: coverage_gaps
title: Where the logs are not complete
description: Runs of days for which an account and Region have no logs, or logs without the KMS records there should be. A detector that found nothing there has not looked.
grain: one row per account, Region, state and run of days
params:
  account_id: {type: varchar, default: null, doc: "account; without it all accounts"}
columns:
  - {name: account_id, type: VARCHAR, doc: Account.}
  - {name: region, type: VARCHAR, doc: Region.}
  - {name: first_day, type: DATE, doc: "First day of the run, UTC."}
  - {name: last_day, type: DATE, doc: "Last day of the run, UTC."}
  - {name: day_count, type: BIGINT, doc: Days.}
  - {name: state, type: VARCHAR, doc: "gap, excluded_or_write_only, or observed with files that could not be read."}
  - {name: reason, type: VARCHAR, doc: "Why, in a sentence."}
  - {name: failed_file_count, type: BIGINT, doc: Log files that could not be read.}
---*/
with days as (           -- one row per account, Region and day in the window, numbered
    select
        coverage.*,
        row_number() over (partition by account_id, region order by day) as day_number,
        row_number() over (partition by account_id, region, state, reason order by day) as state_number
    from coverage
    where day >= cast($window_start as date)
      and cast(day as timestamp) < $window_end
      and ($account_id is null or account_id = $account_id)
)
select
    account_id,
    region,
    min(day) as first_day,
    max(day) as last_day,
    count(*) as day_count,
    state,
    reason,
    cast(sum(failed_file_count) as bigint) as failed_file_count
from days
where state in ('gap', 'excluded_or_write_only')
   or failed_file_count > 0
-- Days that follow each other in one state have the same difference.
group by account_id, region, state, reason, day_number - state_number
order by account_id, region, first_day, state
