/*---
id: key_without_alias_or_description
title: A key has no alias or no description
severity: low
status: stable
version: 1
description: |
  grace_days after a KMS key was made it has no alias, or no description, where
  standards.require_alias and standards.require_description in the
  configuration ask for them. Reported once, on the day on which that time is
  over; a key that an inventory lists without is reported too, on the day of
  the inventory. One finding per key. Replicas, AWS managed keys and keys that
  are on their way to deletion stay quiet. Quiet when neither is asked for.
why:
  text: |
    Alias and description say what a key is for and whose it is. Of a key that
    has neither nobody dares to say whether it may be disabled, who is to
    approve a change of its policy, or which data is lost with it.
  source: AWS Prescriptive Guidance, "AWS KMS best practices"; AWS Well-Architected Framework, SEC08-BP01 "Implement secure key management"
summary: >-
  {{name .key_arn}} of account {{.account_id}} lacks {{join 2 .lacks}}{{if .made_at}}, {{count .grace_days "day"}} after {{or_else "somebody" (name .principal_arn)}} made it on {{date .made_at}}{{else}}, by the inventory of {{date .last_seen}}{{end}}
remedy: |
  # Say what it is for.
  aws kms create-alias --alias-name alias/NAME --target-key-id {{.key_arn}} --region {{.region}}
  aws kms update-key-description --key-id {{.key_arn}} --region {{.region}} --description "WHAT FOR, WHOSE"
blind_spots:
  - Keys made before the logs begin, unless an inventory lists them.
  - An alias that is deleted later; alias_deleted reports that. A description that is emptied later.
  - Whether a description says anything.
false_positives:
  - Keys that programs name by their id and tags describe.
params:
  grace_days: {type: days, default: 7, doc: a key may be without for so many days}
identity: [key_arn]
mappings:
  well_architected: [SEC08-BP01]
triage:
  - text: See what is known of the key, its tags among it.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
  - text: See who uses it.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
columns:
  lacks: What it lacks, alias or description or both.
  made_at: When it was made, UTC; NULL when only an inventory tells of it.
  grace_days: Days it had.
merge:
  lacks: union
---*/
with asked as (          -- one row per thing that is asked for
    select value as thing
    from key_standards
    where kind = 'required'
      and value in ('alias', 'description')
),
records as (             -- one row per record that says what a key is described as, numbered within its call
    select
        event_id,
        event_time,
        event_name,
        key_arn,
        key_account_id as account_id,
        region,
        principal_arn,
        service,
        actor_kind,
        -- No column holds it: it is in the remainder, by the request and of a new key by the answer.
        regexp_like(coalesce(remainder, ''), '"description" *: *"[^"]') as is_described,
        row_number() over (partition by coalesce(shared_event_id, event_id) order by event_id) as copy_number
    from kms_events
    where event_time >= $grace_start
      and event_time < $window_end
      and event_name in ('CreateKey', 'UpdateKeyDescription')
      and error_code is null
      and coalesce(dry_run, false) = false
      and record_copy <> 'network'
      and key_arn is not null
),
made as (                -- one row per key whose time is over in the window
    select
        event_id,
        event_time,
        key_arn,
        account_id,
        region,
        principal_arn,
        to_unixtime(event_time) + 86400e0 * $grace_days as due
    from records
    where copy_number = 1
      and event_name = 'CreateKey'
      -- KMS itself makes the key of a replica, other services their own.
      and (service is null or service = 'cloudformation')
      and actor_kind <> 'aws_service'
      and to_unixtime(event_time) + 86400e0 * $grace_days >= to_unixtime($window_start)
      and to_unixtime(event_time) + 86400e0 * $grace_days < to_unixtime($window_end)
),
described as (           -- keys that have a description by then
    select made.key_arn
    from made
    join records
      on records.key_arn = made.key_arn
     and to_unixtime(records.event_time) <= made.due
    group by made.key_arn
    having max_by(records.is_described, records.event_time) filter (where records.is_described is not null)
),
known as (               -- one row per key with an alias or a state by then
    select
        made.key_arn,
        bool_or(key_timeline.kind = 'alias') as is_named,
        bool_or(key_timeline.kind = 'state' and key_timeline.value in ('PendingDeletion', 'PendingReplicaDeletion', 'Deleted')) as is_ending
    from made
    join key_timeline
      on key_timeline.key_arn = made.key_arn
     and key_timeline.kind in ('alias', 'state')
     and to_unixtime(key_timeline.valid_from) <= made.due
     and (key_timeline.valid_to is null or to_unixtime(key_timeline.valid_to) > made.due)
    group by made.key_arn
),
listed as (              -- one row per key that an inventory of the window lists, the last one first
    select
        taken_at,
        key_arn,
        account_id,
        region,
        description,
        aliases,
        row_number() over (partition by key_arn order by taken_at desc, run_id) as n
    from inventory_keys
    where taken_at >= $window_start
      and taken_at < $window_end
      and key_manager = 'CUSTOMER'
      and coalesce(multi_region_type, 'PRIMARY') <> 'REPLICA'
      and coalesce(key_state, 'Enabled') not in ('PendingDeletion', 'PendingReplicaDeletion', 'Creating')
      and to_unixtime(created_at) + 86400e0 * $grace_days <= to_unixtime(taken_at)
),
listed_aliases as (      -- keys that the inventory lists with an alias
    select distinct listed.key_arn
    from listed
    cross join unnest(listed.aliases) as entries (alias_name)
    where listed.n = 1
),
lacking as (             -- one row per key, thing that it lacks, and how that is known
    select
        made.key_arn,
        made.account_id,
        made.region,
        made.principal_arn,
        made.event_time as seen_at,
        made.event_time as made_at,
        cast(made.event_id as varchar) as event_id,
        asked.thing
    from made
    cross join asked
    left join known on known.key_arn = made.key_arn
    where not coalesce(known.is_ending, false)
      and case asked.thing
          when 'alias' then not coalesce(known.is_named, false)
          else made.key_arn not in (select key_arn from described)
      end
    union all
    select
        listed.key_arn,
        listed.account_id,
        listed.region,
        cast(null as varchar) as principal_arn,
        listed.taken_at as seen_at,
        cast(null as timestamp) as made_at,
        cast(null as varchar) as event_id,
        asked.thing
    from listed
    cross join asked
    where listed.n = 1
      and case asked.thing
          when 'alias' then listed.aliases is not null and listed.key_arn not in (select key_arn from listed_aliases)
          else listed.description = ''
      end
)
select
    account_id,
    region,
    key_arn,
    max(principal_arn) as principal_arn,
    min(seen_at) as first_seen,
    max(seen_at) as last_seen,
    count(distinct event_id) as event_count,
    array_agg(distinct event_id order by event_id) filter (where event_id is not null) as event_ids,
    array_agg(distinct thing order by thing) as lacks,
    max(made_at) as made_at,
    cast($grace_days as bigint) as grace_days
from lacking
group by account_id, region, key_arn
order by key_arn
