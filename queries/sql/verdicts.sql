/*---
id: verdicts
title: What the detectors say, and whether they could know
description: |
  A detector that found nothing has only then passed an account and Region when
  all of it was there to be looked at. FAIL: there are findings that nobody has
  suppressed or resolved. PASS: there are none, the logs of every day are
  there, none of the files failed, and the detector ran on every day with KMS
  records, after the last of them arrived. UNKNOWN: anything else, and why.
  Whole days that the window touches; days after the last logs count as
  missing, so end the window there.
grain: one row per detector, account and Region
params:
  detector_id: {type: varchar, default: null, doc: "detector; without it all that ever ran"}
  account_id: {type: varchar, default: null, doc: "account; without it all accounts"}
columns:
  - {name: detector_id, type: VARCHAR, doc: Detector.}
  - {name: account_id, type: VARCHAR, doc: Account.}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: region, type: VARCHAR, doc: Region.}
  - {name: verdict, type: VARCHAR, doc: "PASS, FAIL or UNKNOWN."}
  - {name: reason, type: VARCHAR, doc: "Why it failed or is not known; NULL for PASS."}
  - {name: finding_count, type: BIGINT, doc: "Findings that are new or in progress, seen in the window."}
  - {name: suppressed_count, type: BIGINT, doc: "Findings that are suppressed, seen in the window; they do not fail."}
  - {name: day_count, type: BIGINT, doc: Days that the window touches.}
  - {name: gap_days, type: BIGINT, doc: Those without logs.}
  - {name: excluded_days, type: BIGINT, doc: Those whose logs lack the KMS records there should be.}
  - {name: failed_file_count, type: BIGINT, doc: Log files of these days that could not be read.}
  - {name: missed_days, type: BIGINT, doc: Days with KMS records on which the detector did not run.}
  - {name: stale_days, type: BIGINT, doc: Days of which records arrived after the detector ran.}
---*/
with days as (           -- one row per account, Region and day with logs or without
    select
        account_id,
        region,
        state,
        failed_file_count,
        day >= cast($window_start as date) and cast(day as timestamp) < $window_end as in_window
    from coverage
),
spans as (               -- one row per account and Region of which there ever were logs
    select
        account_id,
        region,
        count(case when in_window and state in ('observed', 'proven') then 1 end) as observed_days,
        count(case when in_window and state = 'silent' then 1 end) as silent_days,
        count(case when in_window and state = 'excluded_or_write_only' then 1 end) as excluded_days,
        sum(case when in_window then failed_file_count else 0 end) as failed_file_count,
        -- Days before the first logs and after the last are not in the view.
        cast(ceil((to_unixtime($window_end) - to_unixtime(date_trunc('day', $window_start))) / 86400e0) as bigint) as day_count
    from days
    group by account_id, region
),
detectors as (           -- one row per detector that ever ran
    select distinct detector_id
    from detector_runs
    where $detector_id is null
       or detector_id = $detector_id
),
changes as (             -- one row per day with KMS records: the last commit that brought one
    select arrivals.day, coalesce(max(cells.commit_id), 0) as commit_id
    from (
        select distinct day
        from arrivals
        where day >= cast($window_start as date)
          and cast(day as timestamp) < $window_end
    ) as arrivals
    left join (
        select cast(hour as date) as day, max(commit_id) as commit_id
        from changed_cells
        group by 1
    ) as cells
      on cells.day = arrivals.day
    group by arrivals.day
),
looks as (               -- one row per detector and day with KMS records
    select
        detectors.detector_id,
        changes.day,
        changes.commit_id,
        count(runs.detector_id) as run_count,
        max(coalesce(runs.commit_id, 0)) as seen_commit_id
    from detectors
    cross join changes
    left join detector_runs as runs
      on runs.detector_id = detectors.detector_id
     and runs.window_start <= cast(changes.day as timestamp)
     and runs.window_end >= cast(changes.day as timestamp) + interval '1' day
     and runs.error is null
    group by detectors.detector_id, changes.day, changes.commit_id
),
runs as (                -- one row per detector
    select
        detectors.detector_id,
        count(case when looks.run_count = 0 then 1 end) as missed_days,
        count(case when looks.run_count > 0 and looks.seen_commit_id < looks.commit_id then 1 end) as stale_days
    from detectors
    left join looks on looks.detector_id = detectors.detector_id
    group by detectors.detector_id
),
found as (               -- one row per detector, account and Region with findings
    select
        findings.detector_id,
        findings.account_id,
        findings.region,
        count(distinct case when findings.status in ('new', 'in_progress') then findings.finding_id end) as finding_count,
        count(distinct case when findings.status = 'suppressed' then findings.finding_id end) as suppressed_count
    from findings
    -- A finding lasts for months; whether it was seen in this window, its windows tell.
    join finding_windows as seen on seen.finding_id = findings.finding_id
    where seen.first_seen < $window_end
      and seen.last_seen >= $window_start
      and ($detector_id is null or findings.detector_id = $detector_id)
    group by findings.detector_id, findings.account_id, findings.region
),
judged as (              -- one row per detector, account and Region
    select
        coalesce(pairs.detector_id, found.detector_id) as detector_id,
        coalesce(pairs.account_id, found.account_id) as account_id,
        coalesce(pairs.region, found.region) as region,
        coalesce(found.finding_count, 0) as finding_count,
        coalesce(found.suppressed_count, 0) as suppressed_count,
        pairs.observed_days,
        pairs.silent_days,
        pairs.excluded_days,
        pairs.failed_file_count,
        pairs.missed_days,
        pairs.stale_days,
        pairs.day_count,
        pairs.day_count - pairs.observed_days - pairs.silent_days - pairs.excluded_days as gap_days
    from (
        select runs.*, spans.*
        from runs
        cross join spans
    ) as pairs
    -- Findings can be about an account whose logs are not read.
    full outer join found
      on found.detector_id = pairs.detector_id
     and found.account_id = pairs.account_id
     and found.region = pairs.region
),
explained as (           -- the same with all that keeps from a PASS
    select
        judged.*,
        case when day_count is null and account_id is not null and region is not null then '; no logs of this account and Region are read' else '' end
            || case when gap_days > 0 then '; days without logs: ' || cast(gap_days as varchar) else '' end
            || case when excluded_days > 0 then '; days whose logs lack KMS records: ' || cast(excluded_days as varchar) else '' end
            || case when failed_file_count > 0 then '; log files that could not be read: ' || cast(failed_file_count as varchar) else '' end
            || case when missed_days > 0 then '; days the detector did not run on: ' || cast(missed_days as varchar) else '' end
            || case when stale_days > 0 then '; days with records that arrived after it ran: ' || cast(stale_days as varchar) else '' end
            || case
                when silent_days > 0 and observed_days = 0
                    then '; no KMS record arrived: nothing was used, or the trail leaves KMS out'
                else ''
            end as doubts
    from judged
)
select
    explained.detector_id,
    explained.account_id,
    accounts.account_name,
    explained.region,
    case
        when explained.finding_count > 0 then 'FAIL'
        when explained.doubts <> '' then 'UNKNOWN'
        else 'PASS'
    end as verdict,
    case
        when explained.finding_count > 0 then 'open findings: ' || cast(explained.finding_count as varchar) || explained.doubts
        else nullif(substr(explained.doubts, 3), '')
    end as reason,
    explained.finding_count,
    explained.suppressed_count,
    explained.day_count,
    explained.gap_days,
    explained.excluded_days,
    cast(explained.failed_file_count as bigint) as failed_file_count,
    explained.missed_days,
    explained.stale_days
from explained
left join accounts on accounts.account_id = explained.account_id
where $account_id is null
   or explained.account_id = $account_id
order by explained.detector_id, explained.account_id, explained.region
