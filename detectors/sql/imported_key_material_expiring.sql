/*---
id: imported_key_material_expiring
title: Imported key material expires soon
severity: medium
status: stable
version: 1
description: |
  The imported material of a key expires within warn_days and nobody has
  imported it anew. Reported once, on the day on which so many days are left:
  at the end of the window, since detectors read no clock. What is imported
  for a shorter time is reported at once, as low. Keys that are pending
  deletion stay quiet.
why:
  text: |
    When the material expires, KMS deletes it and every call with the key
    fails in that moment. To import it again one needs the very same material,
    and finding who keeps it takes longer than an outage may.
  source: AWS KMS Developer Guide, "Setting an expiration time for imported key material"
summary: >-
  The imported material of {{name .key_arn}} expires on {{date .material_valid_to}} ({{round .days_left}} days were left when it was reported)
  {{- if .principal_arn}}; {{name .principal_arn}} imported it{{end}}
remedy: |
  # Import the same material again, with a later date or none.
  aws kms get-parameters-for-import --key-id {{.key_arn}} --region {{.region}} --wrapping-algorithm RSAES_OAEP_SHA_256 --wrapping-key-spec RSA_4096
  aws kms import-key-material --key-id {{.key_arn}} --region {{.region}} --encrypted-key-material fileb://material.bin --import-token fileb://token.bin --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE
blind_spots:
  - Material that was imported before the logs begin is not known.
  - A key can have several materials; of those only the one imported last is looked at.
  - A run over later days only does not report it again; imported_key_material_expired finds what nobody did anything about.
false_positives:
  - Material that is meant to expire, so that data goes with it.
params:
  warn_days: {type: integer, default: 30, doc: material that expires in so many days or fewer is reported}
identity: [key_arn, material_valid_to]
mappings:
  well_architected: [SEC08-BP01]
triage:
  - text: See who depends on the key.
    query: what_breaks
    params: {key_arn: "{{.key_arn}}"}
  - text: See what was changed about the key, and by whom.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
columns:
  material_valid_to: When the material expires, UTC.
  days_left: Days from the end of the window to then, 0 when it is over by then.
---*/
with materials as (      -- one row per record of a change of material, the last one of a key first
    select
        event_id, event_time, event_name, key_arn, principal_arn, material_valid_to,
        row_number() over (partition by key_arn order by event_time desc, event_id desc) as n
    from key_change_records
    where event_time < $window_end
      and event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial', 'DeleteKey')
      and key_arn is not null
),
expiring as (            -- one row per key whose material came near its end in the window
    select
        materials.*,
        (to_unixtime(material_valid_to) - to_unixtime($window_end)) / 86400e0 as days_left,
        (to_unixtime(material_valid_to) - to_unixtime(event_time)) / 86400e0 <= $warn_days as for_a_short_time
    from materials
    where n = 1
      and event_name = 'ImportKeyMaterial'
      and (to_unixtime(material_valid_to) - to_unixtime($window_end)) / 86400e0 <= $warn_days
      and (event_time >= $window_start or (to_unixtime(material_valid_to) - to_unixtime($window_start)) / 86400e0 > $warn_days)
)
select
    split_part(key_arn, ':', 5) as account_id,
    split_part(key_arn, ':', 4) as region,
    key_arn,
    principal_arn,
    event_time as first_seen,
    event_time as last_seen,
    cast(1 as bigint) as event_count,
    -- An array of the one import.
    array_agg(cast(event_id as varchar) order by event_id) as event_ids,
    case when for_a_short_time then 'low' else 'medium' end as severity,
    material_valid_to,
    case when days_left > 0e0 then days_left else 0e0 end as days_left
from expiring
where key_arn not in (
    select key_arn
    from key_timeline
    where kind = 'state'
      and value in ('PendingDeletion', 'PendingReplicaDeletion')
      and valid_from < $window_end
      and (valid_to is null or valid_to >= $window_end)
)
group by key_arn, principal_arn, event_time, material_valid_to, days_left, for_a_short_time
order by key_arn
