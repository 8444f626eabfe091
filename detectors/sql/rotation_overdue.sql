/*---
id: rotation_overdue
title: A key is not rotated as its policy asks
severity: medium
status: stable
version: 1
description: |
  Compares keys with rotation_policy of the configuration, by the class of
  their data, at the end of the day. reason says what is missing: off, the
  policy asks for automatic rotation and the key has it off; late, its last
  rotation, or its creation where it never was rotated, lies more than days
  and margin_days back (automatic rotation may be on with a longer period);
  rollover, the policy asks for a new key and the alias points to one that was
  created so long ago. Found on every day on which it is so, from first_seen
  on; event_count counts the change it rests on, on the day on which it began.
  Only symmetric keys with material of KMS's own are asked for automatic
  rotation: asymmetric, HMAC, imported and custom key store keys cannot have
  it. Replicas follow their primary key. AWS managed keys and keys that are
  not enabled stay quiet.
why:
  text: |
    A policy that nobody compares with the keys is followed until somebody
    creates a key by hand. Nothing fails when rotation is missing; it is the
    auditor who notices.
  source: AWS Security Hub, KMS.4 "AWS KMS key rotation should be enabled"; AWS KMS Developer Guide, "Rotate AWS KMS keys"
summary: >-
  {{- if eq .reason "off"}}Automatic rotation of {{name .key_arn}} is off
  {{- else if eq .reason "rollover"}}{{.alias_name}} still points to {{name .key_arn}}, which was created on {{date .created_at}}
  {{- else if .rotated_at}}{{name .key_arn}} was last rotated on {{date .rotated_at}}
  {{- else}}{{name .key_arn}} was created on {{date .created_at}} and never rotated{{end}}; the policy for
  {{- if .data_class}} {{.data_class}} data{{else}} keys of no other class{{end}} asks for {{if eq .reason "rollover"}}a new key{{else}}it{{end}} every {{count .policy_days "day"}}
remedy: |
  {{- if eq .reason "rollover"}}
  # Create a key like this one, and point the alias to it.
  aws kms describe-key --key-id {{.key_arn}} --region {{.region}}
  aws kms create-key --region {{.region}} --description "replaces {{.key_arn}}"
  aws kms update-alias --alias-name {{.alias_name}} --target-key-id NEW_KEY --region {{.region}}
  # Keep the old key for what is encrypted under it; see who still encrypts with it.
  {{- else}}
  # Have KMS rotate it; rotate now what is too old already.
  aws kms enable-key-rotation --key-id {{.key_arn}} --region {{.region}} --rotation-period-in-days {{.policy_days}}
  aws kms rotate-key-on-demand --key-id {{.key_arn}} --region {{.region}}
  {{- end}}
blind_spots:
  - Without rotation_policy in the configuration nothing is asked of any key.
  - A key that was created before the logs begin and is in no inventory is not judged; neither is the age of one whose rotations neither the logs nor an inventory tell.
  - What an inventory says counts from the moment at which it was taken.
  - Keys without an alias are not asked for a rollover.
  - That KMS rotates a key does not encrypt anew what is encrypted already.
false_positives:
  - A key whose rotation was enabled, or whose alias was moved, by a call that the logs lack.
  - A multi-Region key whose primary key has changed, until an inventory says which it is.
params:
  margin_days: {type: integer, default: 7, doc: a rotation or rollover may be so many days late}
  setup_days: {type: integer, default: 1, doc: after its creation a key has so many days until automatic rotation must be on}
  class_tags: {type: varchar, default: "data-class,dataclass,data-classification,dataclassification,classification,confidentiality", doc: "tag keys, comma-separated, that say what class the data of a key is of"}
identity: [key_arn, reason]
mappings:
  security_hub: [KMS.4]
  cis: ["CIS AWS Foundations 3.8 (v1.4 to v2), 3.6 (v3 to v5), 4.6 (v6, v7)"]
  well_architected: [SEC08-BP01]
triage:
  - text: See how rotation, state and aliases of the key changed, and who changed them.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
  - text: See who uses the key, and for what.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
  - text: See which key material is in use, and since when.
    query: material_use
    params: {key_arn: "{{.key_arn}}"}
columns:
  reason: off, late or rollover.
  data_class: Class of data by the key's tags that the policy is for; NULL when it is the policy for all other keys.
  policy_days: Days that the policy allows.
  rotated_at: Last rotation that is known, UTC; NULL when there was none.
  created_at: When the key was created, UTC.
  alias_name: An alias of the key, the first by name; NULL when none is known.
---*/
with seen as (           -- one row per key that inventories before the window's end saw
    select
        key_arn,
        max(created_at) as created_at,
        max(key_spec) as key_spec,
        max(key_origin) as key_origin,
        max(key_manager) as key_manager,
        max_by(multi_region_type, taken_at) filter (where multi_region_type is not null) as multi_region_type,
        bool_or(tags is not null) as tags_known
    from inventory_keys
    where taken_at < $window_end
    group by key_arn
),
made as (                -- one row per key whose creation the logs have
    select
        key_arn,
        min(event_time) as created_at,
        min(cast(event_id as varchar)) as event_id,
        max(principal_arn) as principal_arn,
        max(case when event_name = 'CreateKey' then key_spec end) as key_spec,
        max(case when event_name = 'CreateKey' then key_origin end) as key_origin,
        bool_or(event_name = 'ReplicateKey') as is_replica
    from key_setting_records
    where event_time < $window_end
      and event_name in ('CreateKey', 'ReplicateKey')
    group by key_arn
),
known as (               -- one row per key of which logs or inventory tell what it is
    select
        coalesce(made.key_arn, seen.key_arn) as key_arn,
        coalesce(made.created_at, seen.created_at) as created_at,
        coalesce(made.key_spec, seen.key_spec) as key_spec,
        coalesce(made.key_origin, seen.key_origin) as key_origin,
        coalesce(seen.multi_region_type = 'REPLICA', made.is_replica, false) as is_replica,
        made.key_arn is not null or seen.tags_known as tags_known,
        made.key_arn is not null as is_logged,
        made.event_id,
        made.principal_arn
    from made
    full outer join seen on seen.key_arn = made.key_arn
    where coalesce(seen.key_manager, '') <> 'AWS'
),
intervals as (           -- one row per interval of a key up to the window's end; of an alias with the key before
    select
        key_arn, kind, name, value, valid_from, valid_to, event_id, principal_arn,
        lag(key_arn) over (
            partition by kind, account_id, region, name, case when kind = 'alias' then '' else key_arn end
            order by valid_from, valid_to, event_id
        ) as key_before,
        lag(valid_from) over (
            partition by kind, account_id, region, name, case when kind = 'alias' then '' else key_arn end
            order by valid_from, valid_to, event_id
        ) as before_from
    from key_timeline
    where valid_from < $window_end
      and (
          kind in ('state', 'rotation', 'alias')
          or kind = 'tag' and strpos(',' || replace(lower($class_tags), ' ', '') || ',', ',' || lower(name) || ',') > 0
      )
),
held as (                -- one row per known key, with what holds at the window's end
    select
        known.key_arn,
        case
            when split_part(known.key_arn, '/', 2) like 'mrk-%' then split_part(known.key_arn, ':', 5) || ' ' || split_part(known.key_arn, '/', 2)
            else known.key_arn
        end as unit,
        known.created_at,
        known.key_spec,
        known.key_origin,
        known.is_replica,
        known.tags_known,
        known.is_logged,
        known.event_id,
        known.principal_arn,
        max(case when intervals.kind = 'state' then intervals.value end) as state,
        max(case when intervals.kind = 'rotation' then intervals.value end) as rotation,
        max(case when intervals.kind = 'rotation' then intervals.valid_from end) as rotation_set_at,
        max(case when intervals.kind = 'rotation' then cast(intervals.event_id as varchar) end) as rotation_event_id,
        max(case when intervals.kind = 'rotation' then intervals.principal_arn end) as rotation_set_by,
        min(case when intervals.kind = 'alias' then intervals.name end) as alias_name,
        -- A key that was created since the alias pointed to the one before is newer than that.
        max(case
            when intervals.kind = 'alias' and intervals.key_before <> known.key_arn and known.created_at > intervals.before_from
                then intervals.valid_from
        end) as rolled_at,
        min(named.data_class) as data_class
    from known
    join intervals
      on intervals.key_arn = known.key_arn
     and (intervals.valid_to is null or intervals.valid_to >= $window_end)
    left join rotation_policy as named
      on named.data_class = lower(trim(intervals.value, ' '))
     and intervals.kind = 'tag'
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    having max(case when intervals.name like 'alias/aws/%' then 1 else 0 end) = 0
),
rotated as (             -- one row per key, or set of multi-Region keys, whose rotations are known
    select
        case
            when split_part(key_arn, '/', 2) like 'mrk-%' then split_part(key_arn, ':', 5) || ' ' || split_part(key_arn, '/', 2)
            else key_arn
        end as unit,
        max(rotated_at) as rotated_at,
        max(case when event_id is not null then rotated_at end) as logged_at,
        max_by(event_id, rotated_at) filter (where event_id is not null) as event_id
    from (
        select key_arn, event_time as rotated_at, cast(event_id as varchar) as event_id
        from key_change_records
        where event_time < $window_end
          and event_name = 'RotateKey'
        union all
        select key_arn, rotated_at, cast(null as varchar) as event_id
        from inventory_rotations
        where taken_at < $window_end
        union all
        select key_arn, last_rotation_at as rotated_at, cast(null as varchar) as event_id
        from inventory_keys
        where taken_at < $window_end
          and last_rotation_at is not null
    ) as rotations
    group by 1
),
judged as (              -- one row per key and policy for it, with all that is known of multi-Region keys
    select
        held.key_arn,
        held.state,
        held.key_spec,
        held.key_origin,
        held.is_replica,
        held.is_logged,
        held.event_id,
        held.principal_arn,
        held.alias_name,
        held.rolled_at,
        held.data_class,
        min(held.created_at) over (partition by held.unit) as created_at,
        first_value(held.rotation) over (partition by held.unit order by held.rotation_set_at desc nulls last, held.key_arn) as rotation,
        first_value(held.rotation_set_at) over (partition by held.unit order by held.rotation_set_at desc nulls last, held.key_arn) as rotation_set_at,
        first_value(held.rotation_event_id) over (partition by held.unit order by held.rotation_set_at desc nulls last, held.key_arn) as rotation_event_id,
        first_value(held.rotation_set_by) over (partition by held.unit order by held.rotation_set_at desc nulls last, held.key_arn) as rotation_set_by,
        rotated.rotated_at,
        rotated.unit is not null as rotations_known,
        case when rotated.logged_at >= rotated.rotated_at - interval '1' hour then rotated.event_id end as rotated_event_id,
        policy.rotation as asked,
        policy.days as policy_days
    from held
    left join rotated on rotated.unit = held.unit
    left join rotation_policy as policy
      on policy.data_class = held.data_class
      or policy.data_class is null and held.data_class is null and held.tags_known
),
overdue as (             -- one row per key that is not as its policy asks, with since when
    select
        judged.*,
        case
            when asked = 'rollover' then 'rollover'
            when rotation = 'disabled' or rotation is null and is_logged then 'off'
            else 'late'
        end as reason,
        case
            when asked = 'rollover' then coalesce(rolled_at, created_at) + (policy_days + $margin_days) * interval '1' day
            -- Seen by an inventory, on a key that may be new.
            when rotation = 'disabled' and rotation_event_id is null and created_at + $setup_days * interval '1' day > rotation_set_at
                then created_at + $setup_days * interval '1' day
            when rotation = 'disabled' then rotation_set_at
            when rotation is null and is_logged then created_at + $setup_days * interval '1' day
            when rotated_at is not null then rotated_at + (policy_days + $margin_days) * interval '1' day
            when is_logged or rotations_known then created_at + (policy_days + $margin_days) * interval '1' day
        end as began_at
    from judged
    where state = 'Enabled'
      and (
          asked = 'rollover' and alias_name is not null
          or asked = 'automatic' and key_spec = 'SYMMETRIC_DEFAULT' and key_origin = 'AWS_KMS' and not is_replica
      )
),
told as (                -- the same, with the change that it rests on
    select
        overdue.*,
        case
            when reason = 'off' and rotation is not null then rotation_event_id
            when reason = 'late' and rotated_at is not null then rotated_event_id
            else event_id
        end as evidence_id
    from overdue
    where began_at < $window_end
)
select
    split_part(key_arn, ':', 5) as account_id,
    split_part(key_arn, ':', 4) as region,
    key_arn,
    case when reason <> 'off' then null when rotation is null then principal_arn else rotation_set_by end as principal_arn,
    began_at as first_seen,
    case when began_at > $window_end - interval '1' second then began_at else $window_end - interval '1' second end as last_seen,
    cast(case when evidence_id is not null and began_at >= $window_start then 1 else 0 end as bigint) as event_count,
    array_agg(evidence_id order by evidence_id) filter (where evidence_id is not null) as event_ids,
    reason,
    data_class,
    policy_days,
    rotated_at,
    created_at,
    alias_name
from told
group by key_arn, reason, rotation, principal_arn, rotation_set_by, began_at, evidence_id, data_class, policy_days, rotated_at, created_at, alias_name
order by key_arn
