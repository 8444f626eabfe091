/*---
id: alias_retargeted
title: An alias points to another key
severity: medium
status: stable
version: 1
description: |
  An alias was moved from one key to another, by UpdateAlias or by deleting
  and creating it. One finding per alias. High when the two keys carry
  different data classes (a tag, class_tag), so that data of one class is now
  encrypted under the key of another; info when it moved to a key that was
  created later, which is how keys are rotated by hand; medium otherwise.
why:
  text: |
    Who names a key by its alias follows the alias without noticing. New data
    is encrypted under another key, with another policy, and calls that
    decrypt and name the alias fail for what is already there. Between keys of
    different data classes it takes data out of the protection that its class
    asks for.
  source: AWS KMS Developer Guide, "Update an alias"; AWS Well-Architected Framework, SEC08-BP01
summary: >-
  {{or_else "Somebody" (name .principal_arn)}} moved {{.alias_name}} from {{name .old_key_arn}} to {{name .key_arn}}
  {{- if eq .kind "data_class"}}: from the data class {{.old_class}} to {{.new_class}}
  {{- else if eq .kind "rollover"}}, which is newer{{end}}
remedy: |
  # Point the alias to the key it had before.
  aws kms update-alias --alias-name {{.alias_name}} --target-key-id {{.old_key_arn}} --region {{.region}}
  # Data encrypted since then is under the other key: encrypt it anew.
blind_spots:
  - Where an alias pointed to before the logs begin is not known; the first change of it stays quiet.
  - The data classes are tags of the keys as far as the logs tell; an untagged key has none.
  - That access hung on the alias, by kms:ResourceAliases or kms:RequestAlias, is not in the logs.
false_positives:
  - A rollover to a key that was created before the logs begin.
params:
  class_tag: {type: varchar, default: "data-class", doc: "tag key that says which class of data a key is for, compared without regard to case"}
identity: [account_id, region, alias_name]
mappings:
  well_architected: [SEC08-BP01, SEC07-BP02]
triage:
  - text: See which aliases and tags the new key had, and who changed them.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
  - text: See who still encrypts under the old key.
    query: rollover_progress
    params: {alias_name: "{{.alias_name}}"}
columns:
  alias_name: The alias, alias/….
  old_key_arn: Key it pointed to before.
  kind: "data_class: the keys have different data classes; rollover: the new key was created later; other."
  old_class: Data class of the old key, NULL when it is not known.
  new_class: Data class of the new key, NULL when it is not known.
  new_key_created: When the new key was created, UTC; NULL when that lies before the logs.
---*/
with changes as (        -- one row per change of an alias, with the key that it had before
    select
        event_id, event_time, change_rank, event_name, key_arn, account_id, region, principal_arn, alias_name,
        account_id || ' ' || region || ' ' || alias_name as alias_id,
        lag(key_arn) over (partition by account_id, region, alias_name order by event_time, change_rank, event_id) as old_key_arn
    from key_changes
    where event_time < $window_end
      and event_name in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
      and alias_name is not null
      and key_arn is not null
),
moves as (               -- one row per move in the window, numbered per alias
    select
        changes.*,
        row_number() over (partition by alias_id order by event_time, change_rank, event_id) as n,
        count(*) over (partition by alias_id) as move_count
    from changes
    where event_time >= $window_start
      and event_name <> 'DeleteAlias'
      and old_key_arn <> key_arn
),
created as (             -- one row per key whose creation the logs have
    select key_arn, min(event_time) as created_at
    from key_changes
    where event_name = 'CreateKey'
      and event_time < $window_end
    group by key_arn
),
classes as (             -- one row per key and interval with a data class
    select key_arn, value as data_class, valid_from, valid_to
    from key_timeline
    where kind = 'tag'
      and lower(name) = lower($class_tag)
      and value is not null
),
judged as (              -- one row per move, with what is known of both keys
    select
        moves.event_id,
        max(old_classes.data_class) as old_class,
        max(new_classes.data_class) as new_class,
        max(old_created.created_at) as old_key_created,
        max(new_created.created_at) as new_key_created
    from moves
    left join classes as old_classes
      on old_classes.key_arn = moves.old_key_arn
     and old_classes.valid_from <= moves.event_time
     and (old_classes.valid_to is null or old_classes.valid_to > moves.event_time)
    left join classes as new_classes
      on new_classes.key_arn = moves.key_arn
     and new_classes.valid_from <= moves.event_time
     and (new_classes.valid_to is null or new_classes.valid_to > moves.event_time)
    left join created as old_created on old_created.key_arn = moves.old_key_arn
    left join created as new_created on new_created.key_arn = moves.key_arn
    group by moves.event_id
),
ranked as (              -- the same with its kind
    select
        moves.*,
        judged.old_class,
        judged.new_class,
        judged.new_key_created,
        case
            when lower(judged.old_class) <> lower(judged.new_class) then 'data_class'
            when judged.new_key_created > coalesce(judged.old_key_created, timestamp '1970-01-01 00:00:00') then 'rollover'
            else 'other'
        end as kind
    from moves
    join judged on judged.event_id = moves.event_id
),
events as (              -- one row per alias
    select
        alias_id,
        min(event_time) as first_seen,
        max(event_time) as last_seen,
        count(*) as event_count,
        array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids,
        -- The move to tell of: between classes before others, then the last.
        max_by(event_id, case when kind = 'data_class' then move_count else 0 end + n) filter (where event_id is not null) as told_id
    from ranked
    group by alias_id
)
select
    ranked.account_id,
    ranked.region,
    ranked.key_arn,
    ranked.principal_arn,
    events.first_seen,
    events.last_seen,
    events.event_count,
    events.event_ids,
    case ranked.kind when 'data_class' then 'high' when 'rollover' then 'info' else 'medium' end as severity,
    ranked.alias_name,
    ranked.old_key_arn,
    ranked.kind,
    ranked.old_class,
    ranked.new_class,
    ranked.new_key_created
from ranked
join events on events.told_id = ranked.event_id
order by ranked.alias_id
