/*---
id: key_outside_standard
title: A key was made that is not of the approved kind
severity: medium
status: stable
version: 1
description: |
  Somebody made a KMS key, or replicated one, whose origin, spec, Region or
  account is not among those that standards in the configuration approves, or
  that is a multi-Region key where those are forbidden. One finding per key; a
  replica is a key of its own, of which Region, account and that it is one
  count. Keys that AWS services make are left out. Of what the configuration
  does not name everything is approved; with nothing named it is quiet.
why:
  text: |
    What a key is cannot be changed later: its material's origin, its spec and
    whether it is multi-Region stay, and with it how long it lives, who else
    holds its material, which laws it is under and whether it can be rotated.
    Imported material can expire; a replica carries the material to another
    Region.
  source: AWS KMS Developer Guide, "Security considerations for multi-Region keys" and "Special considerations for imported key material"; AWS Well-Architected Framework, SEC08-BP01
summary: >-
  {{or_else "Somebody" (name .principal_arn)}} {{if .is_replica}}replicated a key to{{else}}made{{end}} {{name .key_arn}} in account {{.account_id}}, outside of the standard: {{join 5 .departures}}
remedy: |
  # Nothing may be encrypted under it yet: see, and schedule its deletion.
  aws kms describe-key --key-id {{.key_arn}} --region {{.region}}
  aws kms disable-key --key-id {{.key_arn}} --region {{.region}}
  aws kms schedule-key-deletion --key-id {{.key_arn}} --region {{.region}} --pending-window-in-days 30
  # Keep it so by a service control policy: deny kms:CreateKey and kms:ReplicateKey
  # with the conditions kms:KeySpec, kms:KeyOrigin, kms:MultiRegion, aws:RequestedRegion.
  # If it is wanted, say so in kmstrail.yaml, under standards.
blind_spots:
  - Keys made before the logs begin.
  - Where a custom key store keeps its keys, and who else holds imported material.
  - Which Regions and accounts are right for the class of data; the lists hold for all keys.
false_positives:
  - Signing and HMAC keys where the list of specs names those for encryption only.
identity: [key_arn]
mappings:
  well_architected: [SEC08-BP01]
triage:
  - text: See what became of the key.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
  - text: See whether it is used already.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
columns:
  departures: What is not approved, such as origin EXTERNAL.
  is_replica: Whether it is the replica of a key in another Region.
  service: AWS service through which it was made, such as cloudformation; NULL for a direct call.
merge:
  departures: union
---*/
with records as (        -- one row per record of a key that people made, numbered within its change
    select
        event_id,
        event_time,
        event_name,
        key_arn,
        account_id,
        region,
        principal_arn,
        service,
        -- What a request leaves out is KMS's default; a replica has what its primary has.
        case when event_name = 'CreateKey' then coalesce(key_spec, 'SYMMETRIC_DEFAULT') end as key_spec,
        case when event_name = 'CreateKey' then coalesce(key_origin, 'AWS_KMS') end as key_origin,
        event_name = 'ReplicateKey' as is_replica,
        event_name = 'ReplicateKey' or coalesce(multi_region, false) or key_arn like '%:key/mrk-%' as is_multi_region,
        row_number() over (
            partition by change_id, event_name
            order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id
        ) as copy_number
    from key_change_records
    where event_time >= $window_start
      and event_time < $window_end
      and event_name in ('CreateKey', 'ReplicateKey')
      and key_arn is not null
      -- KMS itself makes the replica's key for ReplicateKey, other services their own.
      and (service is null or service = 'cloudformation')
),
compared as (            -- one row per key and thing that is asked of it
    select
        records.*,
        asked.kind,
        case asked.kind
            when 'origin' then key_origin
            when 'spec' then key_spec
            when 'region' then region
            when 'account' then account_id
            else case when is_multi_region then 'forbidden' end
        end as value
    from records
    cross join (
        select distinct kind
        from key_standards
        where kind in ('origin', 'spec', 'region', 'account', 'multi_region')
    ) as asked
    where copy_number = 1
),
departures as (          -- one row per key and thing that is not as asked
    select
        compared.*,
        case
            when compared.kind = 'multi_region' then 'multi-Region'
            when compared.kind = 'region' then 'Region ' || compared.value
            else compared.kind || ' ' || compared.value
        end as departure
    from compared
    left join key_standards as approved
      on approved.kind = compared.kind
     and approved.value = compared.value
    where compared.value is not null
      and case when compared.kind = 'multi_region' then approved.value is not null else approved.value is null end
)
select
    account_id,
    region,
    key_arn,
    max(principal_arn) as principal_arn,
    min(event_time) as first_seen,
    max(event_time) as last_seen,
    count(distinct event_id) as event_count,
    array_agg(distinct cast(event_id as varchar) order by cast(event_id as varchar)) as event_ids,
    array_agg(distinct departure order by departure) as departures,
    bool_or(is_replica) as is_replica,
    max(service) as service
from departures
group by account_id, region, key_arn
order by key_arn
