/*---
id: coverage
title: What was looked at, day by day
description: |
  Log files and KMS records of each account, Region and day, and whether they
  can be believed to be complete; coverage_gaps has only what is missing, as
  runs of days. Whole days that the window touches.
grain: one row per account, Region and day
params:
  account_id: {type: varchar, default: null, doc: "account; without it all accounts"}
  region: {type: varchar, default: null, doc: "Region; without it all Regions"}
columns:
  - {name: account_id, type: VARCHAR, doc: Account.}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: region, type: VARCHAR, doc: Region.}
  - {name: day, type: DATE, doc: "Day, UTC."}
  - {name: state, type: VARCHAR, doc: "proven, observed, silent, gap or excluded_or_write_only, as in the view coverage."}
  - {name: reason, type: VARCHAR, doc: "Why, in a sentence; NULL when there is nothing to say."}
  - {name: log_file_count, type: BIGINT, doc: Log files that were read.}
  - {name: failed_file_count, type: BIGINT, doc: Log files that could not be read.}
  - {name: record_count, type: BIGINT, doc: Records of all services in these files.}
  - {name: kms_event_count, type: BIGINT, doc: "KMS records, each counted once."}
  - {name: kms_read_count, type: BIGINT, doc: "KMS records that CloudTrail marks read-only, all cryptographic calls among them."}
  - {name: quarantined_count, type: BIGINT, doc: Records that were not taken as they are.}
  - {name: first_event_time, type: TIMESTAMP, doc: "First KMS event of the day, UTC."}
  - {name: last_event_time, type: TIMESTAMP, doc: "Last KMS event of the day, UTC."}
---*/
select
    coverage.account_id,
    accounts.account_name,
    coverage.region,
    coverage.day,
    coverage.state,
    coverage.reason,
    coverage.log_file_count,
    coverage.failed_file_count,
    coverage.record_count,
    coverage.kms_event_count,
    coverage.kms_read_count,
    coverage.quarantined_count,
    coverage.first_event_time,
    coverage.last_event_time
from coverage
left join accounts on accounts.account_id = coverage.account_id
where coverage.day >= cast($window_start as date)
  and cast(coverage.day as timestamp) < $window_end
  and ($account_id is null or coverage.account_id = $account_id)
  and ($region is null or coverage.region = $region)
order by coverage.account_id, coverage.region, coverage.day
