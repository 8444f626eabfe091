/*---
id: late_arrivals
title: How late records arrive
description: |
  Delay between a KMS event and the delivery of its log file, as a histogram.
  It tells how long to wait before a day counts as known; CloudTrail delivers
  most records within minutes and promises nothing. Whole days that the window
  touches.
grain: one row per account, Region and step of delay
params:
  account_id: {type: varchar, default: null, doc: "account in whose trail the records are; without it all accounts"}
columns:
  - {name: account_id, type: VARCHAR, doc: "Account in whose trail the records are; NULL when they do not tell."}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: region, type: VARCHAR, doc: Region.}
  - {name: delay_minutes, type: INTEGER, doc: "Upper end of the delay, in minutes, 525600 for anything longer than a week; NULL when the file's name does not tell the time of delivery."}
  - {name: kms_event_count, type: BIGINT, doc: KMS records with such a delay.}
  - {name: share, type: DOUBLE, doc: "Share of the records whose delay is known, from 0 to 1; NULL for the others."}
  - {name: cumulative_share, type: DOUBLE, doc: Share of those with this delay or less.}
  - {name: day_count, type: BIGINT, doc: Days with such records.}
  - {name: last_day, type: DATE, doc: "Last of these days, UTC."}
---*/
with steps as (          -- one row per account, Region and step
    select
        account_id,
        region,
        delay_minutes,
        cast(sum(kms_event_count) as bigint) as kms_event_count,
        count(distinct day) as day_count,
        max(day) as last_day
    from arrivals
    where day >= cast($window_start as date)
      and cast(day as timestamp) < $window_end
      and ($account_id is null or account_id = $account_id)
    group by account_id, region, delay_minutes
),
shared as (              -- the same with all of account and Region whose delay is known
    select
        steps.*,
        sum(case when delay_minutes is not null then kms_event_count end) over (partition by account_id, region) as known_count
    from steps
)
select
    shared.account_id,
    accounts.account_name,
    shared.region,
    shared.delay_minutes,
    shared.kms_event_count,
    case when shared.delay_minutes is not null then cast(shared.kms_event_count as double) / cast(shared.known_count as double) end as share,
    case when shared.delay_minutes is not null then
        cast(sum(shared.kms_event_count) over (
            partition by shared.account_id, shared.region
            order by shared.delay_minutes nulls last
            rows between unbounded preceding and current row
        ) as double) / cast(shared.known_count as double)
    end as cumulative_share,
    shared.day_count,
    shared.last_day
from shared
left join accounts on accounts.account_id = shared.account_id
order by shared.account_id, shared.region, shared.delay_minutes nulls last
