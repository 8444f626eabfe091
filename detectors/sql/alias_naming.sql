/*---
id: alias_naming
title: An alias has a name that is not the organisation's
severity: low
status: stable
version: 1
description: |
  Somebody made an alias, or moved one to another key, whose name fits none of
  the patterns that standards.aliases in the configuration names, and is not
  exempt. A pattern is a preset (alias/<org>/<service>-<dataclass>,
  alias/<environment>-<function>-<team>) or the organisation's own. Aliases of
  AWS managed keys (alias/aws/…) are left out. One finding per alias. Quiet
  when no pattern is configured.
why:
  text: |
    People, policies (kms:ResourceAliases) and programs know a key by its
    alias. A name that says service, class of data and owner is what lets one
    see that a key is used for something else, and what lets a policy speak of
    all keys of a class; a name like key-2 tells nobody anything.
  source: AWS Prescriptive Guidance, "AWS KMS best practices", on aliases; AWS KMS Developer Guide, "Using aliases to control access to KMS keys"
summary: >-
  {{or_else "Somebody" (name .principal_arn)}} gave a key of account {{.account_id}}, {{.region}} the name {{.alias_name}}; names look like {{join 3 .patterns}}
remedy: |
  # An alias cannot be renamed. Make one that fits, change those who use the old name, and delete that.
  aws kms create-alias --alias-name alias/NAME-THAT-FITS --target-key-id {{or_else "KEY" .key_arn}} --region {{.region}}
  aws kms delete-alias --alias-name {{.alias_name}} --region {{.region}}
  # Or exempt it in kmstrail.yaml: standards.aliases.exempt
blind_spots:
  - Aliases made before the logs begin and not moved since.
  - Whether the name tells the truth; unexpected_key_for_service and key_of_other_data_class compare it with what the key is used for.
  - Values of parts that the configuration does not list; any one word does.
false_positives:
  - Aliases made by tools with names of their own; exempt them.
identity: [account_id, region, alias_name]
mappings:
  well_architected: [SEC08-BP01]
triage:
  - text: See what the key is and who named it.
    query: key_timeline
    params: {key_arn: "{{or_else \"\" .key_arn}}"}
  - text: See who uses the key.
    query: key_users
    params: {key_arn: "{{or_else \"\" .key_arn}}"}
columns:
  alias_name: The alias, alias/….
  operations: CreateAlias, or UpdateAlias where it was moved to another key.
  patterns: Patterns that the configuration has.
  service: AWS service through which it was done, such as cloudformation; NULL for direct calls.
merge:
  operations: union
---*/
with asked as (          -- one row: the patterns, as the configuration has them
    select array_agg(distinct name order by name) as patterns
    from key_standards
    where kind = 'alias'
),
records as (             -- one row per record of an alias that is given or moved, numbered within its change
    select
        event_id, event_time, event_name, key_arn, account_id, region, principal_arn, service, alias_name,
        row_number() over (
            partition by change_id
            order by case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end, event_id
        ) as copy_number
    from key_change_records
    where event_time >= $window_start
      and event_time < $window_end
      and event_name in ('CreateAlias', 'UpdateAlias')
      and alias_name is not null
      and alias_name not like 'alias/aws/%'
),
fitting as (             -- aliases that have one of the names; what stands for a part of a name holds neither / nor -
    select records.alias_name
    from records
    join key_standards as standards
      on standards.kind in ('alias', 'exempt_alias')
     and records.alias_name like standards.value escape '\'
    where standards.kind = 'exempt_alias'
       or length(replace(records.alias_name, '/', '')) - length(records.alias_name) = length(replace(standards.value, '/', '')) - length(standards.value)
      and length(replace(records.alias_name, '-', '')) - length(records.alias_name) = length(replace(standards.value, '-', '')) - length(standards.value)
),
misnamed as (            -- one row per change of an alias with another name, numbered per alias
    select
        records.*,
        row_number() over (partition by account_id, region, alias_name order by event_time, event_id) as n
    from records
    where copy_number = 1
      and alias_name not in (select alias_name from fitting)
),
found as (               -- one row per alias
    select
        account_id,
        region,
        alias_name,
        max_by(key_arn, n) filter (where key_arn is not null) as key_arn,
        max_by(principal_arn, n) filter (where principal_arn is not null) as principal_arn,
        min(event_time) as first_seen,
        max(event_time) as last_seen,
        count(*) as event_count,
        array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids,
        array_agg(distinct event_name order by event_name) as operations,
        max_by(service, n) filter (where service is not null) as service
    from misnamed
    group by account_id, region, alias_name
)
select
    found.account_id,
    found.region,
    found.key_arn,
    found.principal_arn,
    found.first_seen,
    found.last_seen,
    found.event_count,
    found.event_ids,
    found.alias_name,
    found.operations,
    asked.patterns,
    found.service
from found
cross join asked
where asked.patterns is not null
order by found.account_id, found.region, found.alias_name
