/*---
id: kms_excluded_from_trail
title: A trail no longer logs KMS
severity: high
status: stable
version: 1
description: |
  Somebody gave a trail event selectors that leave out the records of KMS, or
  all management events, and no KMS record of that account and Region arrived
  afterwards. As long as records go on arriving another trail delivers them,
  and nothing is reported. One finding per trail and who changed it.
why:
  text: |
    Without its records nobody can say who used a key, and no other detector
    finds anything: silence looks like peace. What happens meanwhile can never
    be recovered. Leaving KMS out is offered as a way to save money, so it is
    done in good faith as often as in bad.
  source: AWS KMS Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail", on excluding events from a trail
summary: >-
  {{or_else "Somebody" .principal_arn}} changed the trail {{.trail_name}} so that it logs
  {{if eq .trail_kms_events "none"}}no management events{{else}}no KMS events{{end}}
  {{- if .restored_at}}; it was changed back on {{date .restored_at}}{{else}}; no KMS record of account {{.account_id}} arrived afterwards{{end}}
remedy: |
  # See what the trail selects, then take KMS in again.
  aws cloudtrail get-event-selectors --trail-name {{.trail_name}} --region {{.region}}
  aws cloudtrail put-event-selectors --trail-name {{.trail_name}} --region {{.region}} --event-selectors '[{"ReadWriteType": "All", "IncludeManagementEvents": true, "ExcludeManagementEventSources": []}]'
  # A trail with advanced event selectors has its own form:
  #   --advanced-event-selectors '[{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]'
blind_spots:
  - A trail that was made without KMS before the logs begin is not changed within them; its days are excluded_or_write_only in the view coverage.
  - Of an organization's trail only the account that owns it is looked at, not its members.
  - Whether records go on arriving is looked for in the Region of the change, until the end of the UTC day.
  - Event data stores and their selectors.
  - Records ingested before storage layout 4 do not tell what selectors let through; a store that is filled anew has all.
false_positives:
  - A trail for data events only, where management events are kept elsewhere and that trail is not read here.
  - An account that does not use KMS for the rest of the day, while another trail would deliver its records.
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
  trail_kms_events: "What it logs of KMS since: excluded (KMS is left out) or none (no management events at all)."
  restored_at: When selectors that take KMS in were put back within the same day, UTC; NULL when they were not.
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
exclusions as (          -- one row per change that leaves KMS out
    select
        followed.*,
        event_time + $grace_minutes * interval '1' minute as in_force_from
    from followed
    where trail_kms_events in ('excluded', 'none')
),
places as (              -- accounts and Regions to look at
    select distinct account_id, region from exclusions
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
seen as (                -- one row per exclusion, with the KMS records before it, and while it held
    select
        exclusions.event_id,
        exclusions.event_time,
        exclusions.account_id,
        exclusions.region,
        exclusions.principal_arn,
        exclusions.trail_name,
        exclusions.trail_kms_events,
        exclusions.next_time,
        exclusions.next_events,
        count(case when records.event_time < exclusions.event_time then 1 end) as before_count,
        count(
            case
                when records.event_time >= exclusions.in_force_from
                 and (exclusions.next_time is null or records.event_time < exclusions.next_time) then 1
            end
        ) as after_count
    from exclusions
    left join records
      on records.account_id = exclusions.account_id
     and records.region = exclusions.region
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),
numbered as (            -- those after which nothing came; a trail without management events only where it may have brought KMS before
    select
        seen.*,
        row_number() over (
            partition by account_id, region, trail_name, principal_arn
            order by event_time, event_id
        ) as n
    from seen
    where after_count = 0
      and (trail_kms_events = 'excluded' or before_count > 0)
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
    max_by(trail_kms_events, n) filter (where trail_kms_events is not null) as trail_kms_events,
    max(case when next_events in ('all', 'read_only') then next_time end) as restored_at
from numbered
group by account_id, region, trail_name, principal_arn
order by account_id, region, trail_name, principal_arn
