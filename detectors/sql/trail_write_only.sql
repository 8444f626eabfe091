/*---
id: trail_write_only
title: A trail logs only writes
severity: high
status: stable
version: 1
description: |
  Somebody gave a trail event selectors that take only write events of KMS, and
  no KMS read of that account and Region arrived afterwards. CloudTrail counts
  Encrypt, Decrypt and every other cryptographic operation as a read, so the
  use of keys is no longer logged, only their administration. One finding per
  trail and who changed it.
why:
  text: |
    More than 99 of 100 KMS events are cryptographic operations, and all of
    them are read events. A trail of writes says who changed a key and never
    who decrypted with it.
  source: AWS CloudTrail User Guide, "Logging management events", on AWS KMS and read-only events
summary: >-
  {{or_else "Somebody" .principal_arn}} changed the trail {{.trail_name}} so that it logs only writes, which leaves out every use of keys
  {{- if .restored_at}}; it was changed back on {{date .restored_at}}{{else}}; no KMS read of account {{.account_id}} arrived afterwards{{end}}
remedy: |
  # See what the trail selects, then take reads in again.
  aws cloudtrail get-event-selectors --trail-name {{.trail_name}} --region {{.region}}
  aws cloudtrail put-event-selectors --trail-name {{.trail_name}} --region {{.region}} --event-selectors '[{"ReadWriteType": "All", "IncludeManagementEvents": true, "ExcludeManagementEventSources": []}]'
  # A trail with advanced event selectors has its own form:
  #   --advanced-event-selectors '[{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]'
blind_spots:
  - A trail that logged only writes before the logs begin; its days are excluded_or_write_only in the view coverage.
  - Of an organization's trail only the account that owns it is looked at, not its members.
  - Advanced selectors are judged by one read, Decrypt, and one write; what they do to other operations is not looked at.
  - Whether reads go on arriving is looked for in the Region of the change, until the end of the UTC day.
  - Records ingested before storage layout 4 do not tell what selectors let through; a store that is filled anew has all.
false_positives:
  - A second trail for changes only, in an account that makes no KMS read for the rest of the day.
params:
  grace_minutes: {type: integer, default: 15, doc: "records of so many minutes after the change may still come by the changed trail, and do not show that another one delivers"}
identity: [account_id, region, trail_name, principal_arn]
attack:
  - {technique: T1685.002, name: Disable or Modify Cloud Log, version: "19"}
mappings:
  cis: ["3.1"]
  security_hub: [CloudTrail.1]
  well_architected: [SEC04-BP01]
triage:
  - text: See from which day on reads are missing, and where else.
    query: coverage_gaps
    params: {account_id: "{{.account_id}}"}
  - text: See which detectors cannot tell about the account any more.
    query: verdicts
    params: {account_id: "{{.account_id}}"}
columns:
  trail_name: The trail.
  restored_at: When selectors that take KMS reads in were put back within the same day, UTC; NULL when they were not.
---*/
with changes as (        -- one row per change of a trail's selectors
    select
        event_id,
        event_time,
        coalesce(recipient_account_id, caller_account_id) as account_id,
        region,
        principal_arn,
        case when resource_arn like 'arn:%' then split_part(resource_arn, '/', 2) else resource_arn end as trail_name,
        trail_kms_events
    from related_events
    where event_time >= $window_start
      and event_time < $window_end
      and event_source = 'cloudtrail.amazonaws.com'
      and event_name = 'PutEventSelectors'
      and error_code is null
      and trail_kms_events is not null
),
followed as (            -- the same with the next one of the trail
    select
        changes.*,
        lead(event_time) over (partition by account_id, region, trail_name order by event_time, event_id) as next_time,
        lead(trail_kms_events) over (partition by account_id, region, trail_name order by event_time, event_id) as next_events
    from changes
),
restrictions as (        -- one row per change that leaves reads out
    select
        followed.*,
        event_time + $grace_minutes * interval '1' minute as in_force_from
    from followed
    where trail_kms_events = 'write_only'
),
places as (              -- accounts and Regions to look at
    select distinct account_id, region from restrictions
),
reads as (               -- one row per KMS read there
    select kms_events.recipient_account_id as account_id, kms_events.region, kms_events.event_time
    from kms_events
    join places
      on places.account_id = kms_events.recipient_account_id
     and places.region = kms_events.region
    where kms_events.event_time >= $window_start
      and kms_events.event_time < $window_end
      and kms_events.read_only
),
seen as (                -- one row per restriction, with the reads while it held
    select
        restrictions.event_id,
        restrictions.event_time,
        restrictions.account_id,
        restrictions.region,
        restrictions.principal_arn,
        restrictions.trail_name,
        restrictions.next_time,
        restrictions.next_events,
        count(reads.event_time) as read_count
    from restrictions
    left join reads
      on reads.account_id = restrictions.account_id
     and reads.region = restrictions.region
     and reads.event_time >= restrictions.in_force_from
     and (restrictions.next_time is null or reads.event_time < restrictions.next_time)
    group by 1, 2, 3, 4, 5, 6, 7, 8
),
numbered as (            -- those after which no read came
    select
        seen.*,
        row_number() over (
            partition by account_id, region, trail_name, principal_arn
            order by event_time, event_id
        ) as n
    from seen
    where read_count = 0
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
    trail_name,
    max(case when next_events in ('all', 'read_only') then next_time end) as restored_at
from numbered
group by account_id, region, trail_name, principal_arn
order by account_id, region, trail_name, principal_arn
