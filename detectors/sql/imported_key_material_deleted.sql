/*---
id: imported_key_material_deleted
title: Imported key material is deleted
severity: medium
status: stable
version: 1
description: |
  Somebody deleted the material of a key that was imported. High when the key
  was used shortly before, low when material was imported again on the same
  day. One finding per key.
why:
  text: |
    Deleting imported material makes a key unusable at once: there is no
    waiting period as with the deletion of a key, and AWS keeps no copy. Who
    does not have the material any more has lost the data.
  source: AWS KMS Developer Guide, "Deleting imported key material"
summary: >-
  {{or_else "Somebody" (name .principal_arn)}} deleted the imported material of {{name .key_arn}}, which stopped working
  {{- if .last_used}}; last used on {{date .last_used}} by {{join 3 .used_by}}{{end}}
  {{- if .imported_at}}; imported again on {{date .imported_at}}{{end}}
remedy: |
  # The key needs the very same material again: import it from where you keep it.
  aws kms get-parameters-for-import --key-id {{.key_arn}} --region {{.region}} --wrapping-algorithm RSAES_OAEP_SHA_256 --wrapping-key-spec RSA_4096
  aws kms import-key-material --key-id {{.key_arn}} --region {{.region}} --encrypted-key-material fileb://material.bin --import-token fileb://token.bin --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE
  # Let only the people who import material delete it: take
  # kms:DeleteImportedKeyMaterial from others.
  aws kms get-key-policy --key-id {{.key_arn}} --region {{.region}} --policy-name default --query Policy --output text
blind_spots:
  - A key can have several materials; that another one than the current was deleted looks the same.
  - Whether somebody still has the material is not in the logs.
  - Use before the logs begin, and use that calls no KMS (S3 Bucket Keys, attached volumes), is not seen.
false_positives:
  - Material that is replaced by hand, deleted on one day and imported on the next.
params:
  used_days: {type: days, default: 30, doc: a finding is high when the key was used successfully in so many days before}
identity: [key_arn]
attack:
  - {technique: T1485, name: Data Destruction, version: "19"}
mappings:
  well_architected: [SEC08-BP01]
triage:
  - text: See who fails since then.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
  - text: See when material was imported and deleted before, and by whom.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
columns:
  imported_at: When material was imported again on the same day, UTC; NULL when it was not.
  last_used: Last successful cryptographic use before, UTC; NULL when there was none in used_days.
  used_by: Who used it in used_days before, at most ten, the last ones first.
---*/
with records as (        -- one row per record of a change of material, numbered within its change
    select
        event_id, event_time, event_name, key_arn, principal_arn,
        row_number() over (
            partition by change_id, event_name, key_arn
            order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id
        ) as copy_number
    from key_change_records
    where event_time >= $window_start
      and event_time < $window_end
      and event_name in ('DeleteImportedKeyMaterial', 'ImportKeyMaterial')
      and key_arn is not null
),
losses as (              -- one row per time that material was deleted, numbered per key
    select
        records.*,
        row_number() over (partition by key_arn order by event_time, event_id) as n,
        count(*) over (partition by key_arn) as loss_count
    from records
    where event_name = 'DeleteImportedKeyMaterial'
      and copy_number = 1
),
latest as (              -- one row per key: the last time
    select * from losses where n = loss_count
),
imported as (            -- one row per key that got material again
    select latest.key_arn, min(records.event_time) as imported_at
    from latest
    join records
      on records.key_arn = latest.key_arn
     and records.event_time >= latest.event_time
    where records.event_name = 'ImportKeyMaterial'
    group by latest.key_arn
),
users as (               -- one row per key and caller who used it before
    select
        latest.key_arn,
        usage_daily.caller_id,
        max(usage_daily.principal_arn) as principal_arn,
        max(case
            when usage_daily.last_event_time <= latest.event_time then usage_daily.last_event_time
            else usage_daily.first_event_time
        end) as last_used
    from latest
    join usage_daily
      on usage_daily.key_arn = latest.key_arn
     and usage_daily.first_event_time <= latest.event_time
    where usage_daily.day >= cast($used_start as date)
      and usage_daily.day <= cast($window_end as date)
      and usage_daily.operation_class = 'cryptographic'
      and usage_daily.error_class is null
      and not usage_daily.is_self
    group by latest.key_arn, usage_daily.caller_id
),
recent as (              -- the same, those of the days asked for, numbered per key
    select
        users.key_arn,
        coalesce(users.principal_arn, users.caller_id) as caller,
        users.last_used,
        row_number() over (partition by users.key_arn order by users.last_used desc, users.caller_id) as n
    from users
    join latest on latest.key_arn = users.key_arn
    where (to_unixtime(latest.event_time) - to_unixtime(users.last_used)) / 86400e0 <= $used_days
),
used as (                -- one row per key that was used before
    select
        key_arn,
        max(last_used) as last_used,
        array_agg(caller order by n) filter (where n <= 10) as used_by
    from recent
    group by key_arn
),
events as (              -- one row per key
    select
        key_arn,
        min(event_time) as first_seen,
        count(*) as event_count,
        array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids
    from losses
    group by key_arn
)
select
    split_part(latest.key_arn, ':', 5) as account_id,
    split_part(latest.key_arn, ':', 4) as region,
    latest.key_arn,
    latest.principal_arn,
    events.first_seen,
    latest.event_time as last_seen,
    events.event_count,
    events.event_ids,
    case
        when imported.imported_at is not null then 'low'
        when used.last_used is not null then 'high'
        else 'medium'
    end as severity,
    imported.imported_at,
    used.last_used,
    used.used_by
from latest
join events on events.key_arn = latest.key_arn
left join imported on imported.key_arn = latest.key_arn
left join used on used.key_arn = latest.key_arn
order by latest.key_arn
