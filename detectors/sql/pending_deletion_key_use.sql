/*---
id: pending_deletion_key_use
title: A key that is scheduled for deletion is still needed
severity: high
status: stable
version: 1
description: |
  Somebody called a cryptographic operation, CreateGrant or GetPublicKey with a
  key that was pending deletion at that moment: by the state that the logs
  tell, or because KMS refused the call saying that the key is pending
  deletion, which also finds keys that were scheduled before the logs begin.
  One finding per key and caller. Critical when the deletion is near.
why:
  text: |
    Once the waiting period ends, the key and everything encrypted with it are
    gone for good; nobody can bring it back, AWS included. A call during the
    waiting period is the last sign that data still depends on the key.
  source: AWS KMS Developer Guide, "Create an alarm that detects use of a KMS key pending deletion"
summary: >-
  {{or_else (or_else "An unknown caller" .caller_account_id) (or_else .caller_id .principal_arn)}} called {{join 4 .operations}}
  ({{count .event_count "time"}}{{if .services}}, through {{join 4 .services}}{{end}}) with {{name .key_arn}}, which
  {{if .deletion_date}}will be deleted on {{date .deletion_date}}, {{round .days_left}} days after the last call{{else}}is pending deletion{{end}}
  {{- if .resources}}; data: {{join 2 .resources}}{{end}}
remedy: |
  # Stop the deletion while what depends on the key is looked into. The key
  # comes back disabled; enabling it lets the callers go on.
  aws kms cancel-key-deletion --key-id {{.key_arn}} --region {{.region}}
  aws kms enable-key --key-id {{.key_arn}} --region {{.region}}
  # Later, once the data is encrypted with another key, schedule it again:
  # aws kms schedule-key-deletion --key-id {{.key_arn}} --region {{.region}} --pending-window-in-days 30
blind_spots:
  - Data that nobody reads during the waiting period leaves no call.
  - Services that hold a data key in memory (S3 Bucket Keys, attached EBS volumes) do not call KMS for every access.
  - A successful call in the second in which the deletion was scheduled counts as before it.
  - A refused call counts although KMS does not log every refused call.
false_positives:
  - A last check by the people who retire the key.
params:
  critical_days: {type: double, default: 7, doc: a finding is critical when so many days or fewer are left between the last call and the deletion}
identity: [key_arn, caller_account_id, caller_id]
attack:
  - {technique: T1485, name: Data Destruction, version: "19"}
mappings:
  security_hub: [KMS.3]
  well_architected: [SEC08-BP01]
triage:
  - text: See who scheduled the deletion, and when.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
  - text: See everybody who uses the key, and for what.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
  - text: Find the data by the encryption contexts of the calls.
    query: contexts_of_key
    params: {key_arn: "{{.key_arn}}"}
columns:
  caller_account_id: Account of the caller; NULL for an AWS service.
  caller_id: Unique id of the principal, or the name of the AWS service.
  operations: Operations that were called.
  services: AWS services the calls came through; empty for direct calls.
  resources: Resources that the encryption contexts name, at most ten; on each day those with most calls first.
  refused_count: Calls that KMS refused because the key is pending deletion.
  succeeded_count: Calls that succeeded although the key was pending deletion.
  known_count: Calls made when the key was pending deletion by the state that the logs tell; of the others only the refusal tells.
  key_state: State of the key at the last call; NULL when only refusals tell.
  deletion_date: When the key will be deleted, UTC; NULL when the logs do not tell.
  days_left: Days from the last call to the deletion, NULL when the date is not known.
  scheduled_by: Who scheduled the deletion; NULL when that lies before the logs.
merge:
  operations: union
  services: union
  resources: union 10
  refused_count: sum
  succeeded_count: sum
  known_count: sum
---*/
with pending as (        -- one row per interval in which a key was pending deletion, of those that touch the window
    select
        key_arn,
        valid_from,
        coalesce(valid_to, $window_end) as valid_to,
        value as key_state,
        deletion_date,
        principal_arn as scheduled_by
    from key_timeline
    where kind = 'state'
      and value in ('PendingDeletion', 'PendingReplicaDeletion')
      and valid_from < $window_end
      and (valid_to is null or valid_to > $window_start)
),
calls as (               -- one row per call that needs a key and was no matter of permission
    select
        event_id, event_time, event_name, key_arn, destination_key_arn, principal_arn, caller_account_id, caller_id, service,
        error_class, error_message, resource, destination_encryption_context
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and (operation_class = 'cryptographic' or event_name in ('CreateGrant', 'GetPublicKey'))
      and coalesce(error_class, '') not in ('dry_run', 'denied', 'not_found')
      and coalesce(dry_run, false) = false
      and not is_self
      and (
          error_class = 'pending_deletion'
          or destination_key_arn is not null
          or key_arn in (select key_arn from pending)
      )
),
touched as (             -- one row per call and key; ReEncrypt needs two
    select
        calls.event_id,
        calls.event_time,
        calls.event_name,
        case sides.side when 'source' then calls.key_arn else calls.destination_key_arn end as key_arn,
        calls.principal_arn,
        calls.caller_account_id,
        calls.caller_id,
        calls.service,
        calls.error_class,
        case sides.side when 'source' then calls.resource else element_at(calls.destination_encryption_context, 'aws:s3:arn') end as resource,
        -- KMS names the key it refuses.
        coalesce(calls.error_class, '') = 'pending_deletion'
            and case sides.side
                when 'source' then calls.destination_key_arn is null or strpos(coalesce(calls.error_message, ''), calls.destination_key_arn) = 0
                else strpos(coalesce(calls.error_message, ''), calls.destination_key_arn) > 0
            end as refused
    from calls
    cross join unnest(array['source', 'destination']) as sides (side)
    where case sides.side
        when 'source' then calls.key_arn is not null
        else calls.destination_key_arn is not null and calls.destination_key_arn <> coalesce(calls.key_arn, '')
    end
),
uses as (                -- one row per call with a key that was pending deletion
    select
        touched.*,
        pending.key_state,
        pending.deletion_date,
        pending.scheduled_by,
        touched.key_arn || ' ' || coalesce(touched.caller_account_id, '') || ' ' || touched.caller_id as use_group
    from touched
    left join pending
      on pending.key_arn = touched.key_arn
     and touched.event_time >= pending.valid_from
     -- Comparisons alone: with anything else DuckDB would compare all with all.
     and touched.event_time < pending.valid_to
    where touched.refused
       -- CloudTrail's clock ticks in seconds: what is not refused in the
       -- second of the scheduling happened before it.
       or touched.event_time > pending.valid_from
),
numbered as (            -- the same, numbered per finding, and with the calls of the finding for the resource
    select
        uses.*,
        row_number() over (partition by use_group order by event_time, event_id) as call_number,
        row_number() over (partition by use_group, resource order by event_time, event_id) as resource_call,
        count(*) over (partition by use_group, resource) as resource_calls
    from uses
),
ranked as (              -- the same, resources numbered per finding, those with most calls first
    select
        numbered.*,
        dense_rank() over (
            partition by use_group
            order by case when resource is null then 1 else 0 end, resource_calls desc, resource
        ) as resource_number
    from numbered
),
findings as (            -- one row per key and caller
    select
        key_arn,
        max(principal_arn) as principal_arn,
        caller_account_id,
        caller_id,
        min(event_time) as first_seen,
        max(event_time) as last_seen,
        count(*) as event_count,
        array_agg(cast(event_id as varchar) order by call_number) filter (where call_number <= 20) as event_ids,
        array_agg(distinct event_name order by event_name) as operations,
        array_agg(distinct service order by service) filter (where service is not null) as services,
        array_agg(resource order by resource_number)
            filter (where resource is not null and resource_call = 1 and resource_number <= 10) as resources,
        count(case when refused then 1 end) as refused_count,
        count(case when error_class is null then 1 end) as succeeded_count,
        count(key_state) as known_count,
        max_by(key_state, call_number) filter (where key_state is not null) as key_state,
        max_by(deletion_date, call_number) filter (where deletion_date is not null) as deletion_date,
        max_by(scheduled_by, call_number) filter (where scheduled_by is not null) as scheduled_by
    from ranked
    group by use_group, key_arn, caller_account_id, caller_id
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
        when (to_unixtime(deletion_date) - to_unixtime(last_seen)) / 86400e0 <= $critical_days then 'critical'
        else 'high'
    end as severity,
    caller_account_id,
    caller_id,
    operations,
    services,
    resources,
    refused_count,
    succeeded_count,
    known_count,
    key_state,
    deletion_date,
    (to_unixtime(deletion_date) - to_unixtime(last_seen)) / 86400e0 as days_left,
    scheduled_by
from findings
order by key_arn, caller_account_id, caller_id
