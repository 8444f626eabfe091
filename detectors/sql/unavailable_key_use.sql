/*---
id: unavailable_key_use
title: A key that is disabled or without its material is still needed
severity: high
status: stable
version: 1
description: |
  Somebody called a cryptographic operation, CreateGrant or GetPublicKey and
  KMS refused the call because the key is disabled, waits for its imported
  material, or lies in a custom key store that cannot be reached. One finding
  per key and caller; medium when the caller is a person. Keys that are
  pending deletion are left to pending_deletion_key_use.
why:
  text: |
    Each of these calls failed: something does not work, or somebody needs
    data that he cannot read. When the key was disabled in order to retire it,
    they say that it is too early to delete it.
  source: AWS KMS API Reference, GetKeyLastUsage; AWS KMS Developer Guide, "Key states of AWS KMS keys"
summary: >-
  {{or_else (or_else "An unknown caller" .caller_account_id) (or_else .caller_id .principal_arn)}} called {{join 4 .operations}}
  ({{count .event_count "time"}}{{if .services}}, through {{join 4 .services}}{{end}}) with {{name .key_arn}}, which is
  {{if eq .reason "disabled"}}disabled{{else if eq .reason "pending_import"}}without its imported material{{else}}unavailable{{end}}
  {{- if .since}} since {{date .since}}{{end}}
  {{- if .resources}}; data: {{join 2 .resources}}{{end}}
remedy: |
  # See the key's state and why.
  aws kms describe-key --key-id {{.key_arn}} --region {{.region}}
  {{if eq .reason "disabled" -}}
  # Let the callers go on while they are moved to another key.
  aws kms enable-key --key-id {{.key_arn}} --region {{.region}}
  {{- else if eq .reason "pending_import" -}}
  # Import the same material again.
  aws kms get-parameters-for-import --key-id {{.key_arn}} --region {{.region}} --wrapping-algorithm RSAES_OAEP_SHA_256 --wrapping-key-spec RSA_4096
  {{- else -}}
  # See whether its custom key store is connected.
  aws kms describe-custom-key-stores --region {{.region}}
  {{- end}}
blind_spots:
  - KMS does not log every refused call.
  - Services that hold a data key in memory (S3 Bucket Keys, attached EBS volumes) do not call KMS for every access, and so do not fail yet.
  - Calls that still succeeded in the moment after the disabling are not counted.
false_positives:
  - Somebody who looks whether a retired key is really off.
identity: [key_arn, caller_account_id, caller_id]
mappings:
  well_architected: [SEC08-BP01]
triage:
  - text: See who disabled the key or deleted its material, and when.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
  - text: See what else depends on the key.
    query: what_breaks
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
  reason: "Why the last call was refused: disabled, pending_import or unavailable."
  since: Since when the key is in that state, UTC; NULL when the logs do not tell.
  state_set_by: Who brought it about; NULL when that lies before the logs, or for KMS itself.
merge:
  operations: union
  services: union
  resources: union 10
---*/
with refused as (        -- one row per call that was refused for the state of a key
    select
        event_id, event_time, event_name, principal_arn, caller_account_id, caller_id, actor_kind, service, resource, error_code,
        error_message,
        -- KMS names the key it refuses.
        case
            when destination_key_arn is not null and (key_arn is null or strpos(coalesce(error_message, ''), destination_key_arn) > 0) then destination_key_arn
            else key_arn
        end as key_arn,
        case when error_class in ('disabled', 'pending_import') then error_class else 'unavailable' end as reason
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and error_code is not null
      and (operation_class = 'cryptographic' or event_name in ('CreateGrant', 'GetPublicKey'))
      and (
          error_class in ('disabled', 'pending_import')
          or (error_class = 'other' and error_message like '% is unavailable.')
      )
      and coalesce(dry_run, false) = false
      and not is_self
),
dying as (               -- one row per such call whose key was pending deletion, though the message does not say so
    select distinct refused.event_id
    from refused
    join key_timeline
      on key_timeline.key_arn = refused.key_arn
     and key_timeline.valid_from <= refused.event_time
     and (key_timeline.valid_to is null or refused.event_time < key_timeline.valid_to)
    where refused.reason = 'disabled'
      and key_timeline.kind = 'state'
      and key_timeline.value in ('PendingDeletion', 'PendingReplicaDeletion')
),
numbered as (            -- one row per call that counts, numbered per finding, with the finding's calls for its resource
    select
        refused.*,
        refused.key_arn || ' ' || coalesce(refused.caller_account_id, '') || ' ' || refused.caller_id as use_group,
        row_number() over (
            partition by refused.key_arn, refused.caller_account_id, refused.caller_id
            order by refused.event_time, refused.event_id
        ) as n,
        row_number() over (
            partition by refused.key_arn, refused.caller_account_id, refused.caller_id, refused.resource
            order by refused.event_time, refused.event_id
        ) as resource_call,
        count(*) over (partition by refused.key_arn, refused.caller_account_id, refused.caller_id, refused.resource) as resource_calls
    from refused
    left join dying on dying.event_id = refused.event_id
    where dying.event_id is null
      and refused.key_arn is not null
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
uses as (                -- one row per key and caller
    select
        use_group,
        key_arn,
        max(principal_arn) as principal_arn,
        caller_account_id,
        caller_id,
        min(event_time) as first_seen,
        max(event_time) as last_seen,
        count(*) as event_count,
        array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids,
        bool_and(actor_kind = 'human') as only_people,
        array_agg(distinct event_name order by event_name) as operations,
        array_agg(distinct service order by service) filter (where service is not null) as services,
        array_agg(resource order by resource_number)
            filter (where resource is not null and resource_call = 1 and resource_number <= 10) as resources,
        max_by(reason, n) filter (where reason is not null) as reason
    from ranked
    group by use_group, key_arn, caller_account_id, caller_id
),
states as (              -- one row per key and caller: the state of the key at the last call, where the logs tell
    select
        uses.use_group,
        max(key_timeline.valid_from) as since,
        max_by(key_timeline.principal_arn, key_timeline.valid_from) filter (where key_timeline.principal_arn is not null) as state_set_by
    from uses
    join key_timeline
      on key_timeline.key_arn = uses.key_arn
     and key_timeline.valid_from <= uses.last_seen
     and (key_timeline.valid_to is null or uses.last_seen < key_timeline.valid_to)
    where key_timeline.kind = 'state'
      and key_timeline.value in ('Disabled', 'PendingImport')
    group by uses.use_group
)
select
    split_part(uses.key_arn, ':', 5) as account_id,
    split_part(uses.key_arn, ':', 4) as region,
    uses.key_arn,
    uses.principal_arn,
    uses.first_seen,
    uses.last_seen,
    uses.event_count,
    uses.event_ids,
    case when uses.only_people then 'medium' else 'high' end as severity,
    uses.caller_account_id,
    uses.caller_id,
    uses.operations,
    uses.services,
    uses.resources,
    uses.reason,
    states.since,
    states.state_set_by
from uses
left join states on states.use_group = uses.use_group
order by uses.key_arn, uses.caller_account_id, uses.caller_id
