/*---
id: alias_deleted
title: An alias of a key is deleted
severity: low
status: stable
version: 1
description: |
  Somebody deleted an alias. High when calls named the key by this alias
  shortly before, because they fail from then on. One finding per alias. It
  stays quiet when the alias is there again on the same day (alias_retargeted
  says when it then points elsewhere), and when the key goes with it.
why:
  text: |
    Programs and policies name keys by their alias. When it is gone, calls
    that name it fail, access by kms:ResourceAliases ends, and nobody knows
    any more what the key is for. Who creates the alias anew decides which key
    it means.
  source: AWS KMS Developer Guide, "Delete an alias"
summary: >-
  {{or_else "Somebody" (name .principal_arn)}} deleted {{.alias_name}}, which pointed to {{name .key_arn}}
  {{- if .last_named}}; calls named it until {{date .last_named}}, those of {{join 3 .named_by}}{{end}}
remedy: |
  # Create it again where it pointed to.
  aws kms create-alias --alias-name {{.alias_name}} --target-key-id {{.key_arn}} --region {{.region}}
blind_spots:
  - That access hung on the alias, by kms:ResourceAliases or kms:RequestAlias, is not in the logs.
  - Calls by which a key was used show one alias an hour; of several the others are not known to be used.
false_positives:
  - Aliases that go with what they were made for, some days before the key.
params:
  used_days: {type: days, default: 30, doc: a finding is high when calls named the alias in so many days before}
identity: [account_id, region, alias_name]
mappings:
  well_architected: [SEC08-BP01]
triage:
  - text: See which aliases the key had, and who changed them.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
  - text: See who uses the key.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
columns:
  alias_name: The alias, alias/….
  last_named: Last successful call before that named the alias, UTC; NULL when there was none in used_days.
  named_by: Callers that named it in used_days before, at most ten, the last ones first.
  service: AWS service through which it was deleted, such as cloudformation; NULL for a direct call.
---*/
with records as (        -- one row per record of a change of an alias, or of a key's end, numbered within its change
    select
        event_id, event_time, event_name, key_arn, account_id, region, principal_arn, service, alias_name,
        account_id || ' ' || region || ' ' || coalesce(alias_name, '') as alias_id,
        row_number() over (
            partition by change_id, event_name, key_arn
            order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id
        ) as copy_number
    from key_change_records
    where event_time >= $window_start
      and event_time < $window_end
      and event_name in ('DeleteAlias', 'CreateAlias', 'UpdateAlias', 'ScheduleKeyDeletion')
      and key_arn is not null
),
deleted as (             -- one row per deletion, numbered per alias
    select
        records.*,
        row_number() over (partition by alias_id order by event_time, event_id) as n,
        count(*) over (partition by alias_id) as deleted_count
    from records
    where event_name = 'DeleteAlias'
      and alias_name is not null
      and copy_number = 1
),
latest as (              -- one row per alias: its last deletion
    select * from deleted where n = deleted_count
),
settled as (             -- aliases of which there is nothing to say
    select latest.alias_id
    from latest
    join records
      on records.alias_id = latest.alias_id
     and records.event_time >= latest.event_time
    where records.event_name in ('CreateAlias', 'UpdateAlias')
    union
    select latest.alias_id
    from latest
    join records on records.key_arn = latest.key_arn
    where records.event_name = 'ScheduleKeyDeletion'
    union
    select latest.alias_id
    from latest
    join key_timeline
      on key_timeline.key_arn = latest.key_arn
     and key_timeline.valid_from <= latest.event_time
     and (key_timeline.valid_to is null or key_timeline.valid_to > latest.event_time)
    where key_timeline.kind = 'state'
      and key_timeline.value in ('PendingDeletion', 'PendingReplicaDeletion', 'Deleted')
),
users as (               -- one row per alias and caller that named it before
    select
        latest.alias_id,
        usage_daily.caller_id,
        max(usage_daily.principal_arn) as principal_arn,
        max(case
            when usage_daily.last_event_time <= latest.event_time then usage_daily.last_event_time
            else usage_daily.first_event_time
        end) as last_named
    from latest
    join usage_daily
      on usage_daily.key_arn = latest.key_arn
     and usage_daily.alias_name = latest.alias_name
     and usage_daily.first_event_time <= latest.event_time
    where usage_daily.day >= cast($used_start as date)
      and usage_daily.day <= cast($window_end as date)
      and usage_daily.error_class is null
      and not usage_daily.is_self
    group by latest.alias_id, usage_daily.caller_id
),
recent as (              -- the same, those of the days asked for, numbered per alias
    select
        users.alias_id,
        coalesce(users.principal_arn, users.caller_id) as caller,
        users.last_named,
        row_number() over (partition by users.alias_id order by users.last_named desc, users.caller_id) as n
    from users
    join latest on latest.alias_id = users.alias_id
    where (to_unixtime(latest.event_time) - to_unixtime(users.last_named)) / 86400e0 <= $used_days
),
named as (               -- one row per alias that calls named before
    select
        alias_id,
        max(last_named) as last_named,
        array_agg(caller order by n) filter (where n <= 10) as named_by
    from recent
    group by alias_id
),
events as (              -- one row per alias
    select
        alias_id,
        min(event_time) as first_seen,
        count(*) as event_count,
        array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids
    from deleted
    group by alias_id
)
select
    latest.account_id,
    latest.region,
    latest.key_arn,
    latest.principal_arn,
    events.first_seen,
    latest.event_time as last_seen,
    events.event_count,
    events.event_ids,
    case when named.last_named is not null then 'high' else 'low' end as severity,
    latest.alias_name,
    named.last_named,
    named.named_by,
    latest.service
from latest
join events on events.alias_id = latest.alias_id
left join named on named.alias_id = latest.alias_id
where latest.alias_id not in (select alias_id from settled)
order by latest.alias_id
