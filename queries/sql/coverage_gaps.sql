/*---
id: coverage_gaps
title: Where the logs are not complete
description: Runs of days for which an account and Region have no logs, or logs without the KMS records there should be. A detector that found nothing there has not looked.
grain: one row per account, Region, state and run of days
params:
  account_id: {type: varchar, default: null, doc: "account; without it all accounts"}
columns:
  - {name: account_id, type: VARCHAR, doc: Account.}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
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
    days.account_id,
    max(accounts.account_name) as account_name,
    days.region,
    min(day) as first_day,
    max(day) as last_day,
    count(*) as day_count,
    state,
    reason,
    cast(sum(failed_file_count) as bigint) as failed_file_count
from days
left join accounts on accounts.account_id = days.account_id
where state in ('gap', 'excluded_or_write_only')
   or failed_file_count > 0
-- Days that follow each other in one state have the same difference.
group by days.account_id, days.region, state, reason, day_number - state_number
order by days.account_id, days.region, first_day, state
