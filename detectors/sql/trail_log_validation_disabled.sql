/*---
id: trail_log_validation_disabled
title: Log files of a trail are not validated
severity: medium
status: stable
version: 1
description: |
  Somebody switched log file validation of a trail off, or made a trail
  without it. Low when it was switched on again within the day. One finding per
  trail and caller.
why:
  text: |
    Validation writes a signed digest of every log file each hour. Without
    digests nobody can prove that a log file was not changed or deleted after
    it was delivered, and days without records cannot be told from days whose
    records are missing. Files that are delivered meanwhile are never covered,
    also not later.
  source: AWS CloudTrail User Guide, "Validating CloudTrail log file integrity"
summary: >-
  {{or_else "Somebody" .principal_arn}} {{if eq .operation "CreateTrail"}}made the trail {{.trail_name}} without log file validation{{else}}switched log file validation of the trail {{.trail_name}} off{{end}}
  {{- if .restored_at}}; it is on again since {{date .restored_at}}{{end}}
remedy: |
  # Switch it on; digests begin with the next hour.
  aws cloudtrail update-trail --name {{.trail_name}} --region {{.region}} --enable-log-file-validation
  # Check what the digests before and after cover.
  aws cloudtrail validate-logs --trail-arn arn:aws:cloudtrail:{{.region}}:{{.account_id}}:trail/{{.trail_name}} --start-time {{date .first_seen}}
blind_spots:
  - A trail that never had validation, made before the logs begin.
  - Digests that are deleted from the bucket.
  - Records ingested before storage layout 4 do not tell what was set; a store that is filled anew has all.
false_positives:
  - A short-lived trail for a test.
identity: [account_id, region, trail_name, principal_arn]
attack:
  - {technique: T1685.002, name: Disable or Modify Cloud Log, version: "19"}
mappings:
  cis: ["3.2"]
  security_hub: [CloudTrail.4]
  well_architected: [SEC04-BP01]
triage:
  - text: See what was delivered in the days since.
    query: coverage
    params: {account_id: "{{.account_id}}", region: "{{.region}}"}
columns:
  trail_name: The trail.
  operation: CreateTrail or UpdateTrail.
  restored_at: When it was switched on again within the same day, UTC; NULL when it was not.
---*/
with changes as (        -- one row per call that sets validation
    select
        event_id,
        event_time,
        event_name as operation,
        coalesce(recipient_account_id, caller_account_id) as account_id,
        region,
        principal_arn,
        case when resource_arn like 'arn:%' then split_part(resource_arn, '/', 2) else resource_arn end as trail_name,
        trail_log_validation
    from related_events
    where event_time >= $window_start
      and event_time < $window_end
      and event_source = 'cloudtrail.amazonaws.com'
      and event_name in ('CreateTrail', 'UpdateTrail')
      and error_code is null
      and trail_log_validation is not null
),
followed as (            -- the same with the next time that it is switched on
    select
        changes.*,
        min(case when trail_log_validation then event_time end) over (
            partition by account_id, region, trail_name
            order by event_time desc, event_id desc
            rows between unbounded preceding and current row
        ) as restored_at
    from changes
),
numbered as (            -- those that switch it off, numbered per finding
    select
        followed.*,
        row_number() over (
            partition by account_id, region, trail_name, principal_arn
            order by event_time, event_id
        ) as n
    from followed
    where not trail_log_validation
)
select
    account_id,
    region,
    cast(null as varchar) as key_arn,
    principal_arn,
    min(event_time) as first_seen,
    max(event_time) as last_seen,
    count(*) as event_count,
    array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids,
    case when bool_or(restored_at is null) then 'medium' else 'low' end as severity,
    trail_name,
    max_by(operation, n) filter (where operation is not null) as operation,
    max_by(restored_at, n) filter (where restored_at is not null) as restored_at
from numbered
group by account_id, region, trail_name, principal_arn
order by account_id, region, trail_name, principal_arn
