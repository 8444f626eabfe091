/*---
id: trail_logging_stopped
title: A trail stopped logging
severity: high
status: stable
version: 1
description: |
  Somebody called StopLogging or DeleteTrail. High, since from that moment on
  nothing the account does may be logged; medium when logging began again
  within restart_minutes, low when KMS records of that account and Region
  went on arriving, so that another trail delivers them. One finding per trail,
  operation and caller.
why:
  text: |
    Stopping the log is how an intruder begins, and how a mistake in
    infrastructure code hides everything that follows. Events of the time in
    between are lost to the trail for good.
  source: AWS CloudTrail User Guide, "Security best practices in AWS CloudTrail"; CIS AWS Foundations Benchmark
summary: >-
  {{or_else "Somebody" .principal_arn}} {{if eq .operation "DeleteTrail"}}deleted{{else}}stopped logging of{{end}} the trail {{.trail_name}}
  {{- if .restarted_at}}; logging began again on {{date .restarted_at}}{{else if .still_delivered}}; KMS records still arrive by another one{{else}}; no KMS record of account {{.account_id}} arrived afterwards{{end}}
remedy: |
  {{- if eq .operation "DeleteTrail"}}
  # The log files are still in their bucket; make the trail again and start it.
  aws cloudtrail create-trail --name {{.trail_name}} --s3-bucket-name BUCKET --is-multi-region-trail --enable-log-file-validation --region {{.region}}
  {{- else}}
  # See since when it does not log, and start it.
  aws cloudtrail get-trail-status --name {{.trail_name}} --region {{.region}}
  {{- end}}
  aws cloudtrail start-logging --name {{.trail_name}} --region {{.region}}
  # Keep it so: deny cloudtrail:StopLogging and cloudtrail:DeleteTrail by a service control policy.
blind_spots:
  - Logging also ends when the bucket is deleted, or its policy or key keeps CloudTrail out; the view coverage shows such days.
  - The call itself is often the last thing the trail delivers, and may come by another trail only.
  - Whether records go on arriving, and logging begins again, is looked for until the end of the UTC day.
false_positives:
  - A trail that an organization's trail has taken the place of.
  - Infrastructure code that makes a trail anew.
params:
  grace_minutes: {type: integer, default: 15, doc: "records of so many minutes after the call may still come by the trail, and do not show that another one delivers"}
  restart_minutes: {type: integer, default: 5, doc: "a finding is medium when logging began again within so many minutes"}
identity: [account_id, region, trail_name, operation, principal_arn]
attack:
  - {technique: T1685.002, name: Disable or Modify Cloud Log, version: "19"}
mappings:
  cis: ["3.1", "4.5"]
  security_hub: [CloudTrail.1]
  well_architected: [SEC04-BP01]
triage:
  - text: See from which day on records are missing, and where else.
    query: coverage_gaps
    params: {account_id: "{{.account_id}}"}
  - text: See which detectors cannot tell about the account any more.
    query: verdicts
    params: {account_id: "{{.account_id}}"}
  - text: See what else the caller did with keys.
    query: principal_activity
    params: {principal_arn: "{{or_else \"\" .principal_arn}}"}
columns:
  trail_name: The trail.
  operation: StopLogging or DeleteTrail.
  restarted_at: When logging of a trail of that name began again within the same day, UTC; NULL when it did not.
  still_delivered: True when KMS records of the account and Region went on arriving although the trail did not log.
---*/
with calls as (          -- one row per call that ends or begins logging
    select
        event_id,
        event_time,
        event_name as operation,
        coalesce(recipient_account_id, caller_account_id) as account_id,
        region,
        principal_arn,
        case when resource_arn like 'arn:%' then split_part(resource_arn, '/', 2) else resource_arn end as trail_name
    from related_events
    where event_time >= $window_start
      and event_time < $window_end
      and event_source = 'cloudtrail.amazonaws.com'
      and event_name in ('StopLogging', 'DeleteTrail', 'StartLogging')
      and error_code is null
),
followed as (            -- the same with the next time that logging begins
    select
        calls.*,
        min(case when operation = 'StartLogging' then event_time end) over (
            partition by account_id, region, trail_name
            order by event_time desc, event_id desc
            rows between unbounded preceding and current row
        ) as restarted_at
    from calls
),
stops as (               -- one row per call that ends logging
    select
        followed.*,
        event_time + $grace_minutes * interval '1' minute as in_force_from,
        coalesce(restarted_at <= event_time + $restart_minutes * interval '1' minute, false) as soon
    from followed
    where operation <> 'StartLogging'
),
places as (              -- accounts and Regions to look at
    select distinct account_id, region from stops
),
records as (             -- one row per KMS record there
    select kms_events.recipient_account_id as account_id, kms_events.region, kms_events.event_time
    from kms_events
    join places
      on places.account_id = kms_events.recipient_account_id
     and places.region = kms_events.region
    where kms_events.event_time >= $window_start
      and kms_events.event_time < $window_end
),
seen as (                -- one row per stop, with the KMS records while it lasted
    select
        stops.event_id,
        stops.event_time,
        stops.operation,
        stops.account_id,
        stops.region,
        stops.principal_arn,
        stops.trail_name,
        stops.restarted_at,
        stops.soon,
        count(records.event_time) as record_count
    from stops
    left join records
      on records.account_id = stops.account_id
     and records.region = stops.region
     and records.event_time >= stops.in_force_from
     and (stops.restarted_at is null or records.event_time < stops.restarted_at)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),
numbered as (            -- the same, numbered per finding
    select
        seen.*,
        row_number() over (
            partition by account_id, region, trail_name, operation, principal_arn
            order by event_time, event_id
        ) as n
    from seen
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
    case
        when bool_or(record_count = 0 and not soon) then 'high'
        when bool_or(record_count = 0) then 'medium'
        else 'low'
    end as severity,
    trail_name,
    operation,
    max_by(restarted_at, n) filter (where restarted_at is not null) as restarted_at,
    bool_and(record_count > 0) as still_delivered
from numbered
group by account_id, region, trail_name, operation, principal_arn
order by account_id, region, trail_name, operation, principal_arn
