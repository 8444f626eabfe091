/*---
id: material_use
title: Key material in use, current and retired
description: |
  Rotation gives a key new material and keeps the old, because what was
  encrypted before still needs it: this tells for each key and material who
  used it in the window. A retired material that nobody decrypts with any more
  is one whose data is gone, was encrypted anew, or lies untouched. CloudTrail
  names the material of Decrypt, GenerateDataKey and its like and ReEncrypt
  (that of the source) since the middle of 2025, not of Encrypt, which takes
  the current one. Which material is current follows from rotations and new
  data keys in the window, and from inventories taken until its end; ReEncrypt
  within a key counts as a decryption.
grain: one row per key and material that calls in the window or an inventory name
params:
  key_arn: {type: varchar, default: null, doc: "key ARN, key id, alias (alias/…) or alias ARN; without it all keys"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: key_material_id, type: VARCHAR, doc: The material.}
  - {name: material_state, type: VARCHAR, doc: "current or retired; NULL when nothing tells which is current."}
  - {name: current_since, type: TIMESTAMP, doc: "Rotation that brought it, UTC; NULL for the first one, and when the rotation is not known."}
  - {name: retired_at, type: TIMESTAMP, doc: "When it was replaced, at the latest, UTC: by the rotation, else by the first call that shows another; NULL for the current one."}
  - {name: call_count, type: BIGINT, doc: "Successful calls that used it, each counted once."}
  - {name: decrypt_count, type: BIGINT, doc: Those of them that decrypt.}
  - {name: last_use, type: TIMESTAMP, doc: "Last of these calls, UTC; NULL when there is none."}
  - {name: caller_count, type: BIGINT, doc: Different callers.}
  - {name: callers, type: "VARCHAR[]", doc: "Who they are, at most ten, by name; NULL when nobody used it."}
---*/
with named as (          -- keys with a name that calls used, and with the aliases they had, in the window
    select distinct key_arn, alias_name
    from usage_daily
    where day >= cast($window_start as date)
      and cast(day as timestamp) < $window_end
      and key_arn is not null
      -- A key asked for by ARN or id is picked before anything is summed up.
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
    union all
    select key_arn, name as alias_name
    from key_timeline
    where kind = 'alias'
      and valid_from < $window_end
      and (valid_to is null or valid_to > $window_start)
),
wanted as (              -- keys that are asked for
    select distinct key_arn
    from named
    where $key_arn in (key_arn, split_part(key_arn, '/', 2), alias_name, split_part(key_arn, ':key/', 1) || ':' || alias_name)
),
sightings as (           -- one row per key, material and caller, and per inventory that names the material
    select
        key_arn,
        key_material_id,
        case when event_name <> 'RotateKey' then caller_id end as caller_id,
        max(principal_arn) as principal_arn,
        count(case when event_name <> 'RotateKey' then 1 end) as call_count,
        count(case when event_name in ('Decrypt', 'ReEncrypt') then 1 end) as decrypt_count,
        max(case when event_name <> 'RotateKey' then event_time end) as last_use,
        -- New data keys come from the material that is current then.
        min(case when event_name not in ('Decrypt', 'ReEncrypt') then event_time end) as first_current,
        max(case when event_name not in ('Decrypt', 'ReEncrypt') then event_time end) as last_current
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and (event_name in ('Decrypt', 'ReEncrypt', 'RotateKey') or event_name like 'GenerateDataKey%')
      and error_code is null
      and key_material_id is not null
      and key_arn is not null
      and ($key_arn is null or $key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
    group by key_arn, key_material_id, case when event_name <> 'RotateKey' then caller_id end
    union all
    select
        key_arn,
        key_material_id,
        cast(null as varchar) as caller_id,
        cast(null as varchar) as principal_arn,
        cast(0 as bigint) as call_count,
        cast(0 as bigint) as decrypt_count,
        cast(null as timestamp) as last_use,
        case when material_state = 'CURRENT' then coalesce(rotated_at, taken_at) else rotated_at end as first_current,
        case when material_state = 'CURRENT' then taken_at else rotated_at end as last_current
    from inventory_rotations
    where taken_at < $window_end
      and key_material_id is not null
      and coalesce(material_state, '') in ('CURRENT', 'NON_CURRENT')
    union all
    select
        key_arn,
        key_material_id,
        cast(null as varchar) as caller_id,
        cast(null as varchar) as principal_arn,
        cast(0 as bigint) as call_count,
        cast(0 as bigint) as decrypt_count,
        cast(null as timestamp) as last_use,
        taken_at as first_current,
        taken_at as last_current
    from inventory_keys
    where taken_at < $window_end
      and key_material_id is not null
),
numbered as (            -- the same, its callers numbered by name
    select
        sightings.*,
        row_number() over (
            partition by key_arn, key_material_id
            order by case when caller_id is null then 1 else 0 end, coalesce(principal_arn, caller_id), caller_id
        ) as n
    from sightings
    where $key_arn is null
       or key_arn in (select key_arn from wanted)
),
materials as (           -- one row per key and material
    select
        key_arn,
        key_material_id,
        min(first_current) as first_current,
        max(last_current) as last_current,
        cast(sum(call_count) as bigint) as call_count,
        cast(sum(decrypt_count) as bigint) as decrypt_count,
        max(last_use) as last_use,
        count(distinct caller_id) as caller_count,
        array_agg(coalesce(principal_arn, caller_id) order by n) filter (where caller_id is not null and n <= 10) as callers
    from numbered
    group by key_arn, key_material_id
),
rotations as (           -- one row per rotation that is known
    select key_arn, event_time as rotated_at
    from key_change_records
    where event_time < $window_end
      and event_name = 'RotateKey'
    union all
    select key_arn, rotated_at
    from inventory_rotations
    where taken_at < $window_end
      and rotated_at is not null
),
placed as (              -- one row per key and material, with the rotation that brought it, numbered from the current one
    select
        materials.key_arn,
        materials.key_material_id,
        materials.first_current,
        materials.last_current,
        materials.call_count,
        materials.decrypt_count,
        materials.last_use,
        materials.caller_count,
        materials.callers,
        max(rotations.rotated_at) as current_since,
        row_number() over (
            partition by materials.key_arn
            order by case when materials.last_current is null then 1 else 0 end, materials.last_current desc, materials.key_material_id
        ) as place
    from materials
    left join rotations
      on rotations.key_arn = materials.key_arn
     and rotations.rotated_at <= materials.first_current
    group by
        materials.key_arn, materials.key_material_id, materials.first_current, materials.last_current,
        materials.call_count, materials.decrypt_count, materials.last_use, materials.caller_count, materials.callers
),
followed as (            -- the same, with when the next material, or the first one known, was current
    select
        placed.*,
        lag(coalesce(current_since, first_current)) over (partition by key_arn order by place) as replaced_at,
        min(coalesce(current_since, first_current)) over (partition by key_arn) as first_known
    from placed
)
select
    followed.key_arn,
    key_names.aliases,
    followed.key_material_id,
    case when first_known is null then null when place = 1 then 'current' else 'retired' end as material_state,
    current_since,
    case when place = 1 then null when first_current is null then first_known else replaced_at end as retired_at,
    call_count,
    decrypt_count,
    last_use,
    caller_count,
    callers
from followed
left join key_names on key_names.key_arn = followed.key_arn
order by followed.key_arn, place
