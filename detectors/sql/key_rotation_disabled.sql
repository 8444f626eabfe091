/*---
id: key_rotation_disabled
title: Automatic rotation of a key is disabled
severity: medium
status: stable
version: 1
description: |
  Somebody disabled the automatic rotation of a key. One finding per key. It
  stays quiet when rotation is enabled again on the same day, and when the key
  is scheduled for deletion then or is pending deletion already.
why:
  text: |
    Rotation bounds how much data hangs on one key material, and standards ask
    for it. Nothing fails when it is off, so nobody notices until the next
    audit.
  source: AWS Security Hub, KMS.4 "AWS KMS key rotation should be enabled"
summary: >-
  {{or_else "Somebody" (name .principal_arn)}} disabled the automatic rotation of {{name .key_arn}}
  {{- if .rotation_period_days}}, which was every {{count .rotation_period_days "day"}}{{end}}
remedy: |
  # Enable automatic rotation again, and see when it comes next.
  aws kms enable-key-rotation --key-id {{.key_arn}} --region {{.region}} --rotation-period-in-days {{or_else "365" .rotation_period_days}}
  aws kms get-key-rotation-status --key-id {{.key_arn}} --region {{.region}}
blind_spots:
  - A key that was created without rotation and never had any leaves no event.
  - Rotation that is off because it never was on before the logs begin is not known.
false_positives:
  - Keys that are rotated by hand, by moving the alias to a new key.
  - Infrastructure code that changes the rotation period in two steps on two days.
identity: [key_arn]
mappings:
  security_hub: [KMS.4]
  cis: ["CIS AWS Foundations 3.8 (v1.4 to v2), 3.6 (v3 to v5), 4.6 (v6, v7)"]
  well_architected: [SEC08-BP01]
triage:
  - text: See how rotation of the key changed, and who changed it.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
  - text: See what else the same principal did.
    query: principal_activity
    params: {principal_arn: "{{.principal_arn}}"}
columns:
  rotation_period_days: Rotation period it had, in days; NULL when the logs do not tell.
  enabled_at: When rotation had been enabled, UTC; NULL when that lies before the logs.
  service: AWS service through which it was disabled; NULL for a direct call.
---*/
with records as (        -- one row per record, numbered within its change
    select
        event_id, event_time, event_name, key_arn, principal_arn, service,
        row_number() over (
            partition by change_id, event_name, key_arn
            order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id
        ) as copy_number
    from key_change_records
    where event_time >= $window_start
      and event_time < $window_end
      and event_name in ('DisableKeyRotation', 'EnableKeyRotation', 'ScheduleKeyDeletion')
      and key_arn is not null
),
disablings as (          -- one row per disabling, numbered per key
    select
        records.*,
        row_number() over (partition by key_arn order by event_time, event_id) as n,
        count(*) over (partition by key_arn) as disabled_count
    from records
    where event_name = 'DisableKeyRotation'
      and copy_number = 1
),
latest as (              -- one row per key: how it was disabled last
    select * from disablings where n = disabled_count
),
settled as (             -- keys of which there is nothing to say
    select latest.key_arn
    from latest
    join records
      on records.key_arn = latest.key_arn
     and records.event_time >= latest.event_time
    where records.event_name in ('EnableKeyRotation', 'ScheduleKeyDeletion')
    union
    select latest.key_arn
    from latest
    join key_timeline
      on key_timeline.key_arn = latest.key_arn
     and key_timeline.valid_from <= latest.event_time
     and (key_timeline.valid_to is null or key_timeline.valid_to > latest.event_time)
    where key_timeline.kind = 'state'
      and key_timeline.value in ('PendingDeletion', 'PendingReplicaDeletion')
),
before as (              -- one row per key whose rotation the logs saw enabled: how it was then
    select
        latest.key_arn,
        max(records.event_time) as enabled_at,
        max_by(records.rotation_period_days, records.event_time) filter (where records.rotation_period_days is not null) as rotation_period_days
    from latest
    join key_change_records as records
      on records.key_arn = latest.key_arn
     and records.event_time <= latest.event_time
    where records.event_name = 'EnableKeyRotation'
    group by latest.key_arn
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
    before.rotation_period_days,
    before.enabled_at,
    latest.service
from latest
join events on events.key_arn = latest.key_arn
left join before on before.key_arn = latest.key_arn
where latest.key_arn not in (select key_arn from settled)
order by latest.key_arn
