/*---
id: key_disabled
title: A key is disabled
severity: medium
status: stable
version: 1
description: |
  Somebody disabled a key. High when the key was used shortly before, because
  whoever used it fails from then on; low when it was enabled again on the
  same day. One finding per key. A key that is scheduled for deletion on the
  same day is left to key_deletion_scheduled.
why:
  text: |
    A disabled key refuses every cryptographic call, so what depends on it
    stops at once: objects cannot be read, volumes not attached, secrets not
    opened. It is the first step of retiring a key, and what an intruder does
    to take data hostage or to stop a service.
  source: CIS AWS Foundations Benchmark, monitoring of the disabling and scheduled deletion of customer created keys
summary: >-
  {{or_else "Somebody" (name .principal_arn)}} disabled {{name .key_arn}}
  {{- if .last_used}}, last used on {{date .last_used}} by {{join 3 .used_by}}{{else}}, which nobody used shortly before{{end}}
  {{- if .enabled_at}}; enabled again on {{date .enabled_at}}{{end}}
remedy: |
  # Enable the key again if it is needed.
  aws kms enable-key --key-id {{.key_arn}} --region {{.region}}
  # Let only the people who retire keys do this: take kms:DisableKey from others.
  aws kms get-key-policy --key-id {{.key_arn}} --region {{.region}} --policy-name default --query Policy --output text
blind_spots:
  - Use before the logs begin, and use that calls no KMS (S3 Bucket Keys, attached volumes), is not seen.
  - A key that stays disabled after its deletion was cancelled is not reported again.
false_positives:
  - A key that is being retired by the book, disabled first and watched.
params:
  used_days: {type: days, default: 30, doc: a finding is high when the key was used successfully in so many days before}
identity: [key_arn]
attack:
  - {technique: T1485, name: Data Destruction, version: "19"}
mappings:
  cis: ["CIS AWS Foundations 4.7 (v1.4 to v5), 5.7 (v6, v7)"]
  well_architected: [SEC08-BP01]
triage:
  - text: See who called the key since then.
    query: deletion_soak
  - text: See everybody who used the key, and for what.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
  - text: See what else was changed about the key, and by whom.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
columns:
  enabled_at: When it was enabled again on the same day, UTC; NULL when it was not.
  last_used: Last successful cryptographic use before, UTC; NULL when there was none in used_days.
  used_by: Who used it in used_days before, at most ten, the last ones first.
  service: AWS service through which it was disabled; NULL for a direct call.
---*/
with records as (        -- one row per record that says whether a key works, numbered within its change
    select
        event_id, event_time, event_name, key_arn, principal_arn, service,
        row_number() over (
            partition by change_id, event_name, key_arn
            order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id
        ) as copy_number
    from key_change_records
    where event_time >= $window_start
      and event_time < $window_end
      and event_name in ('DisableKey', 'EnableKey', 'ScheduleKeyDeletion')
      and key_arn is not null
),
disablings as (          -- one row per disabling, numbered per key
    select
        records.*,
        row_number() over (partition by key_arn order by event_time, event_id) as n,
        count(*) over (partition by key_arn) as disabled_count
    from records
    where event_name = 'DisableKey'
      and copy_number = 1
),
latest as (              -- one row per key: how it was disabled last
    select * from disablings where n = disabled_count
),
later as (               -- one row per key, with what came after
    select
        latest.key_arn,
        max(case when records.event_name = 'EnableKey' then records.event_time end) as enabled_at,
        max(case when records.event_name = 'ScheduleKeyDeletion' then records.event_time end) as scheduled_at
    from latest
    join records
      on records.key_arn = latest.key_arn
     and records.event_time >= latest.event_time
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
    from disablings
    group by key_arn
)
select
    split_part(latest.key_arn, ':', 5) as account_id,
    split_part(latest.key_arn, ':', 4) as region,
    latest.key_arn,
    latest.principal_arn,
    events.first_seen,
    latest.event_time as last_seen,
    events.event_count,
    events.event_ids,
    case
        when later.enabled_at is not null then 'low'
        when used.last_used is not null then 'high'
        else 'medium'
    end as severity,
    later.enabled_at,
    used.last_used,
    used.used_by,
    latest.service
from latest
join events on events.key_arn = latest.key_arn
join later on later.key_arn = latest.key_arn
left join used on used.key_arn = latest.key_arn
where later.scheduled_at is null
order by latest.key_arn
