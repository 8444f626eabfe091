/*---
id: key_deletion_scheduled
title: A key is scheduled for deletion
severity: medium
status: stable
version: 1
description: |
  Somebody scheduled the deletion of a key. One finding per key, however often
  it was scheduled, and by whomever: infrastructure code deletes keys as well.
  What makes a scheduling dangerous raises the severity instead of making
  findings of its own: critical when the key was used shortly before and not
  disabled first, high when the waiting period is short, low when it was
  cancelled on the same day.
why:
  text: |
    When the waiting period ends, the key is gone for good and so is everything
    encrypted with it. AWS advises to disable a key first and to watch who
    fails: a disabled key comes back with one call. The waiting period is the
    time in which a mistake can be noticed; seven days, the least that KMS
    takes, are over before a monthly job has run.
  source: AWS Well-Architected Framework, SEC08-BP01; AWS KMS Developer Guide, "Deleting AWS KMS keys"
summary: >-
  {{or_else "Somebody" (name .principal_arn)}} scheduled {{name .key_arn}} for deletion{{if .deletion_date}} on {{date .deletion_date}}{{end}}
  ({{count .window_days "day"}} to wait)
  {{- if eq .usage "in_use"}}; it was not disabled first and last used on {{date .last_used}}, by {{join 3 .used_by}}
  {{- else if eq .usage "soaked"}}; it had been disabled for {{round .disabled_days}} days{{end}}
  {{- if .cancelled_at}}; cancelled on {{date .cancelled_at}}{{end}}
remedy: |
  # Stop the deletion. The key comes back disabled.
  aws kms cancel-key-deletion --key-id {{.key_arn}} --region {{.region}}
  # Enable it if somebody needs it; else leave it disabled and watch who fails.
  aws kms enable-key --key-id {{.key_arn}} --region {{.region}}
  # Once nobody has called for long enough, schedule it with the longest wait.
  # aws kms schedule-key-deletion --key-id {{.key_arn}} --region {{.region}} --pending-window-in-days 30
blind_spots:
  - Use before the logs begin, and use that calls no KMS (S3 Bucket Keys, attached volumes, public keys outside AWS), is not seen.
  - A key that was disabled before the logs begin looks as if it had not been.
  - Of the use on the day of the scheduling the last moment is known by caller and operation only, so it can look earlier than it was.
  - Replica keys of a multi-Region key are judged by their own use.
false_positives:
  - Keys of test environments that are made and thrown away by infrastructure code.
params:
  used_days: {type: days, default: 30, doc: a key counts as in use when it was used successfully in so many days before the scheduling}
  soak_days: {type: double, default: 1, doc: a key counts as disabled first when it has been disabled for so many days}
  min_days: {type: integer, default: 14, doc: "a waiting period of fewer days is short"}
identity: [key_arn]
attack:
  - {technique: T1485, name: Data Destruction, version: "19"}
mappings:
  security_hub: [KMS.3]
  cis: ["CIS AWS Foundations 4.7 (v1.4 to v5), 5.7 (v6, v7)"]
  well_architected: [SEC08-BP01]
triage:
  - text: See who still calls the key, and whether it is safe to go.
    query: deletion_soak
  - text: See everybody who used the key, and for what.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
  - text: See what else was changed about the key, and by whom.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
columns:
  usage: "in_use: used shortly before and not disabled first; soaked: had been disabled for a while; unused: no successful use shortly before."
  window_days: Waiting period, in days; 30, KMS's own, where neither request nor response tells.
  deletion_date: When the key will be destroyed, UTC; NULL when the response named none, as for a multi-Region primary with replicas.
  cancelled_at: When it was cancelled on the same day, UTC; NULL when it was not.
  last_used: Last successful cryptographic use before the scheduling, UTC; NULL when there was none in used_days.
  used_by: Who used it in used_days before, at most ten, the last ones first.
  disabled_days: Days for which the key had been disabled or without its material; NULL when it was enabled.
  service: AWS service through which it was scheduled, such as cloudformation; NULL for a direct call.
---*/
with records as (        -- one row per record of a scheduling or cancelling, numbered within its change
    select
        event_id, event_time, event_name, key_arn, principal_arn, service, pending_window_days, deletion_date,
        row_number() over (
            partition by change_id, event_name, key_arn
            order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id
        ) as copy_number
    from key_change_records
    where event_time >= $window_start
      and event_time < $window_end
      and event_name in ('ScheduleKeyDeletion', 'CancelKeyDeletion')
      and key_arn is not null
),
scheduled as (           -- one row per scheduling, numbered per key
    select
        records.*,
        row_number() over (partition by key_arn order by event_time, event_id) as n,
        count(*) over (partition by key_arn) as scheduled_count
    from records
    where event_name = 'ScheduleKeyDeletion'
      and copy_number = 1
),
latest as (              -- one row per key: how it was scheduled last
    select * from scheduled where n = scheduled_count
),
cancelled as (           -- one row per key whose last scheduling was taken back
    select latest.key_arn, max(records.event_time) as cancelled_at
    from latest
    join records
      on records.key_arn = latest.key_arn
     and records.event_time >= latest.event_time
    where records.event_name = 'CancelKeyDeletion'
    group by latest.key_arn
),
disabled as (            -- one row per key that was out of use when it was scheduled
    select latest.key_arn, max(to_unixtime(latest.event_time) - to_unixtime(key_timeline.valid_from)) / 86400e0 as disabled_days
    from latest
    join key_timeline
      on key_timeline.key_arn = latest.key_arn
     and key_timeline.valid_from <= latest.event_time
     and (key_timeline.valid_to is null or key_timeline.valid_to >= latest.event_time)
    where key_timeline.kind = 'state'
      and key_timeline.value in ('Disabled', 'PendingImport')
    group by latest.key_arn
),
users as (               -- one row per key and caller who used it before
    select
        latest.key_arn,
        usage_daily.caller_id,
        max(usage_daily.principal_arn) as principal_arn,
        max(case
            when usage_daily.last_event_time <= latest.event_time then usage_daily.last_event_time
            else usage_daily.first_event_time
        end) as last_used
    from latest
    join usage_daily
      on usage_daily.key_arn = latest.key_arn
     and usage_daily.first_event_time <= latest.event_time
    where usage_daily.day >= cast($used_start as date)
      and usage_daily.day <= cast($window_end as date)
      and usage_daily.operation_class = 'cryptographic'
      and usage_daily.error_class is null
      and not usage_daily.is_self
    group by latest.key_arn, usage_daily.caller_id
),
recent as (              -- the same, those of the days asked for, numbered per key
    select
        users.key_arn,
        coalesce(users.principal_arn, users.caller_id) as caller,
        users.last_used,
        row_number() over (partition by users.key_arn order by users.last_used desc, users.caller_id) as n
    from users
    join latest on latest.key_arn = users.key_arn
    where (to_unixtime(latest.event_time) - to_unixtime(users.last_used)) / 86400e0 <= $used_days
),
used as (                -- one row per key that was used before
    select
        key_arn,
        max(last_used) as last_used,
        array_agg(caller order by n) filter (where n <= 10) as used_by
    from recent
    group by key_arn
),
events as (              -- one row per key
    select
        key_arn,
        min(event_time) as first_seen,
        count(*) as event_count,
        array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids
    from scheduled
    group by key_arn
),
findings as (            -- one row per key, with what went before
    select
        latest.key_arn,
        latest.principal_arn,
        latest.service,
        latest.event_time as last_seen,
        latest.deletion_date,
        cast(round(coalesce(
            cast(latest.pending_window_days as double),
            (to_unixtime(latest.deletion_date) - to_unixtime(latest.event_time)) / 86400e0,
            30e0
        )) as bigint) as window_days,
        events.first_seen,
        events.event_count,
        events.event_ids,
        cancelled.cancelled_at,
        disabled.disabled_days,
        used.last_used,
        used.used_by,
        case
            when disabled.disabled_days >= $soak_days then 'soaked'
            when used.last_used is not null then 'in_use'
            else 'unused'
        end as usage
    from latest
    join events on events.key_arn = latest.key_arn
    left join cancelled on cancelled.key_arn = latest.key_arn
    left join disabled on disabled.key_arn = latest.key_arn
    left join used on used.key_arn = latest.key_arn
)
select
    split_part(key_arn, ':', 5) as account_id,
    split_part(key_arn, ':', 4) as region,
    key_arn,
    principal_arn,
    first_seen,
    last_seen,
    event_count,
    event_ids,
    case
        when cancelled_at is not null then 'low'
        when usage = 'in_use' then 'critical'
        when window_days < $min_days then 'high'
        else 'medium'
    end as severity,
    usage,
    window_days,
    deletion_date,
    cancelled_at,
    last_used,
    used_by,
    disabled_days,
    service
from findings
order by key_arn
