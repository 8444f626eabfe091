/*---
id: encryption_context_tag_mismatch
title: Encryption context and tags disagree
severity: medium
status: stable
version: 1
description: |
  A successful call whose encryption context does not fit the tags that the
  key had at that moment. Three kinds: a context value disagrees with the
  key's tag (by the configured context rules; without one, wherever a context
  key has the name of a tag key), the context lacks a key that a rule
  requires, or it names a resource whose own tags disagree with the key's.
  What was never tagged within the logs is not known and stays quiet.
why:
  text: |
    Tags and encryption contexts say whose data a key is for. When they
    disagree, data of one tenant, project or environment is encrypted with the
    key of another: access by tag no longer separates them, and deleting one
    key takes the data of both.
  source: AWS KMS Developer Guide, "Encryption context" and "ABAC for AWS KMS"
summary: >-
  {{or_else .caller_id .principal_arn}} called {{join 3 .operations}} with {{name .key_arn}}
  {{if eq .kind "value"}}and the encryption context {{.context_key}} = {{join 3 .context_values}}, but the key is tagged {{.tag_key}} = {{.tag_value}}
  {{- else if eq .kind "missing"}}without {{.context_key}} in the encryption context, which a rule requires
  {{- else}}for {{join 2 .resources}}, which is tagged {{.tag_key}} = {{join 3 .context_values}}, but the key is tagged {{.tag_key}} = {{.tag_value}}{{end}} ({{count .event_count "call"}})
remedy: |
  # What the key is tagged with today.
  aws kms list-resource-tags --key-id {{.key_arn}} --region {{.region}}
  # If the tag is wrong:
  aws kms tag-resource --key-id {{.key_arn}} --region {{.region}} --tags TagKey={{or_else "KEY" .tag_key}},TagValue=VALUE
  # If the data is in the wrong place, decrypt it, encrypt it with the right
  # key, and make the key policy require the context:
  #   "Condition": {"StringEquals": {"kms:EncryptionContext:NAME": "VALUE"}}
blind_spots:
  - Tags set before the logs begin are not known.
  - Asymmetric keys have no encryption context.
  - Contexts that AWS services set hold what the service wants; a required key is asked of direct calls only, unless it is one that services set (aws:…, SecretARN, PARAMETER_ARN).
  - Resources are known by the tagging calls in the logs; RDS names instances in the context by an id that tagging does not use.
false_positives:
  - A key shared on purpose, tagged with the team that runs it and not the one that uses it.
  - A tag that was corrected some time after the data was moved.
params:
  compare_tags: {type: varchar, default: "", doc: "tag keys, comma-separated, that key and resource must agree in; empty means all that both have, except ignore_tags"}
  ignore_tags: {type: varchar, default: "name,description,comment,version,created,createdby,created-by,created_by,createdat,created-at,created_at,managedby,managed-by,managed_by,terraform,backup,purpose,component,service,map-migrated", doc: "tag keys, comma-separated, that key and resource need not agree in"}
identity: [key_arn, caller_account_id, caller_id, kind, context_key, tag_key]
mappings:
  well_architected: [SEC08-BP04, SEC07-BP02]
triage:
  - text: See the contexts the key was used with.
    query: contexts_of_key
    params: {key_arn: "{{.key_arn}}"}
  - text: See when the key was tagged, and by whom.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
columns:
  kind: "value: a context value disagrees with the key's tag; missing: a required context key is not there; resource: the resource's tag disagrees with the key's."
  context_key: Key in the encryption context, lower case; NULL for the kind resource.
  tag_key: Tag key, lower case; NULL for the kind missing.
  tag_value: The key's tag at the last call; NULL for the kind missing.
  context_values: Values that disagree, at most ten, on each day those with most calls first; for the kind resource the resource's tag values.
  resources: Resources that the encryption contexts name, at most ten; on each day those with most calls first.
  rule: "What was compared: the configured rule's number, or default."
  caller_account_id: Account of the caller; NULL for an AWS service.
  caller_id: Unique id of the principal, or the name of the AWS service.
  operations: Operations that were called.
  services: AWS services the calls came through; empty for direct calls.
merge:
  context_values: union 10
  resources: union 10
  operations: union
  services: union
---*/
with calls as (          -- one row per successful call
    select
        event_id, event_time, event_name, key_arn, destination_key_arn, algorithm, encryption_context,
        destination_encryption_context, principal_arn, caller_account_id, caller_id, service, resource
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and error_code is null
      and coalesce(dry_run, false) = false
      and not is_self
      and operation_class = 'cryptographic'
),
sides as (               -- one row per call and side that takes a context; ReEncrypt has two
    select
        event_id, event_time, 'source' as side, key_arn, encryption_context as context,
        map_keys(encryption_context) as context_keys, service
    from calls
    where key_arn is not null
      and event_name in (
          'Encrypt', 'Decrypt', 'ReEncrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext',
          'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext'
      )
      and coalesce(algorithm, 'SYMMETRIC_DEFAULT') = 'SYMMETRIC_DEFAULT'
    union all
    select
        event_id, event_time, 'destination' as side, destination_key_arn as key_arn, destination_encryption_context as context,
        map_keys(destination_encryption_context) as context_keys, service
    from calls
    where event_name = 'ReEncrypt'
      and destination_key_arn is not null
),
entries as (             -- one row per call, side and key of its context
    select
        sides.event_id,
        sides.event_time,
        sides.side,
        sides.key_arn,
        lower(keys.context_key) as context_key,
        element_at(sides.context, keys.context_key) as context_value
    from sides
    cross join unnest(sides.context_keys) as keys (context_key)
),
tags as (                -- one row per interval in which a key had a tag
    select key_arn, lower(name) as tag_key, value as tag_value, valid_from, valid_to
    from key_timeline
    where kind = 'tag'
      and value is not null
),
aliases as (             -- one row per interval in which a key had an alias
    select key_arn, name, valid_from, valid_to
    from key_timeline
    where kind = 'alias'
),
match_rules as (         -- one row per rule on values: the configured ones, or same name
    select
        rule_id,
        lower(context_key) as context_key,
        lower(tag_key) as tag_key,
        comparison,
        key_arn,
        alias_pattern
    from context_rules
    where kind = 'match'
    union all
    select distinct
        0 as rule_id,
        tag_key as context_key,
        tag_key,
        'equal' as comparison,
        cast(null as varchar) as key_arn,
        cast(null as varchar) as alias_pattern
    from tags
    where not exists (select 1 from context_rules where kind = 'match')
),
compared as (            -- one row per entry, rule and tag of the key at that moment
    select
        entries.event_id,
        entries.side,
        entries.key_arn,
        entries.context_key,
        entries.context_value,
        match_rules.rule_id,
        tags.tag_key,
        tags.tag_value,
        case match_rules.comparison
            when 'one_of' then
                strpos(entries.context_value, ',') = 0
                and strpos(
                    ',' || replace(replace(lower(tags.tag_value), ', ', ','), ' ', ',') || ',',
                    ',' || lower(trim(entries.context_value, ' ')) || ','
                ) > 0
            when 'pattern' then
                lower(trim(entries.context_value, ' ')) like
                    replace(replace(replace(replace(lower(trim(tags.tag_value, ' ')), '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')
                    escape '\'
            else lower(trim(entries.context_value, ' ')) = lower(trim(tags.tag_value, ' '))
        end as agrees
    from entries
    join match_rules
      on match_rules.context_key = entries.context_key
     and (match_rules.key_arn is null or match_rules.key_arn = entries.key_arn)
    join tags
      on tags.key_arn = entries.key_arn
     and tags.tag_key = match_rules.tag_key
     and entries.event_time >= tags.valid_from
     and (tags.valid_to is null or entries.event_time < tags.valid_to)
    left join aliases
      on aliases.key_arn = entries.key_arn
     and aliases.name like match_rules.alias_pattern
     and entries.event_time >= aliases.valid_from
     and (aliases.valid_to is null or entries.event_time < aliases.valid_to)
    where match_rules.alias_pattern is null
       or aliases.name is not null
),
values_apart as (        -- one row per call, side and rule whose values disagree; keys spelt in two cases agree if one does
    select
        event_id,
        key_arn,
        'value' as kind,
        context_key,
        tag_key,
        min(tag_value) as tag_value,
        min(context_value) as found_value,
        rule_id
    from compared
    group by event_id, side, key_arn, context_key, tag_key, rule_id
    having not bool_or(coalesce(agrees, false))
),
required as (            -- one row per rule on a key that must be there
    select rule_id, lower(context_key) as context_key, key_arn, alias_pattern
    from context_rules
    where kind = 'required'
),
missing as (             -- one row per call, side and rule whose key is not there
    select distinct
        sides.event_id,
        sides.side,
        sides.key_arn,
        required.context_key,
        required.rule_id
    from sides
    join required
      on (required.key_arn is null or required.key_arn = sides.key_arn)
    left join aliases
      on aliases.key_arn = sides.key_arn
     and aliases.name like required.alias_pattern
     and sides.event_time >= aliases.valid_from
     and (aliases.valid_to is null or sides.event_time < aliases.valid_to)
    left join entries
      on entries.event_id = sides.event_id
     and entries.side = sides.side
     and entries.context_key = required.context_key
    where entries.event_id is null
      and (required.alias_pattern is null or aliases.name is not null)
      -- What AWS services put into the context is theirs to decide.
      and (
          sides.service is null
          or required.context_key like 'aws:%'
          or required.context_key in ('secretarn', 'parameter_arn')
      )
),
resources_apart as (     -- one row per call and tag in which its resource and its key disagree
    select distinct
        context_resources.event_id,
        context_resources.key_arn,
        tags.tag_key,
        tags.tag_value,
        resource_tags.tag_value as found_value
    from context_resources
    join resource_tags
      on resource_tags.service = context_resources.service
     and resource_tags.resource_name = context_resources.resource_name
     and (context_resources.account_id is null or resource_tags.account_id = context_resources.account_id)
     and context_resources.event_time >= resource_tags.valid_from
     and (resource_tags.valid_to is null or context_resources.event_time < resource_tags.valid_to)
    join tags
      on tags.key_arn = context_resources.key_arn
     and tags.tag_key = lower(resource_tags.tag_key)
     and context_resources.event_time >= tags.valid_from
     and (tags.valid_to is null or context_resources.event_time < tags.valid_to)
    where context_resources.event_time >= $window_start
      and context_resources.event_time < $window_end
      and resource_tags.tag_value is not null
      and lower(trim(resource_tags.tag_value, ' ')) <> lower(trim(tags.tag_value, ' '))
      and tags.tag_key not like 'aws:%'
      and case
          when $compare_tags <> '' then strpos(',' || replace(lower($compare_tags), ' ', '') || ',', ',' || tags.tag_key || ',') > 0
          else strpos(',' || replace(lower($ignore_tags), ' ', '') || ',', ',' || tags.tag_key || ',') = 0
      end
),
deviations as (          -- one row per call and deviation
    select event_id, key_arn, kind, context_key, tag_key, tag_value, found_value, rule_id
    from values_apart
    union all
    select
        event_id, key_arn, 'missing' as kind, context_key, cast(null as varchar) as tag_key, cast(null as varchar) as tag_value,
        cast(null as varchar) as found_value, rule_id
    from missing
    union all
    select event_id, key_arn, 'resource' as kind, cast(null as varchar) as context_key, tag_key, tag_value, found_value, 0 as rule_id
    from resources_apart
),
supported as (           -- the same with what is known of the call
    select
        deviations.key_arn,
        deviations.kind,
        deviations.context_key,
        deviations.tag_key,
        deviations.tag_value,
        deviations.found_value,
        deviations.rule_id,
        calls.event_id,
        calls.event_time,
        calls.event_name,
        calls.principal_arn,
        calls.caller_account_id,
        calls.caller_id,
        calls.service,
        calls.resource,
        deviations.kind || ' ' || deviations.key_arn || ' ' || coalesce(calls.caller_account_id, '') || ' ' || calls.caller_id
            || ' ' || coalesce(deviations.context_key, '') || ' ' || coalesce(deviations.tag_key, '') as finding_group
    from deviations
    join calls on calls.event_id = deviations.event_id
),
numbered as (            -- one row per call and finding; a ReEncrypt that deviates on both sides is one call
    select
        supported.*,
        row_number() over (partition by finding_group order by event_time, event_id) as call_number
    from (
        select
            supported.*,
            row_number() over (partition by finding_group, event_id order by rule_id, tag_value, found_value) as repetition
        from supported
    ) as supported
    where repetition = 1
),
found_values as (        -- one row per finding and value that disagrees, those with most calls first
    select finding_group, found_value, row_number() over (partition by finding_group order by count(*) desc, found_value) as n
    from supported
    where found_value is not null
    group by finding_group, found_value
),
found_lists as (         -- one row per finding with such values
    select finding_group, array_agg(found_value order by n) as found
    from found_values
    where n <= 10
    group by finding_group
),
resources as (           -- one row per finding and resource, those with most calls first
    select finding_group, resource, row_number() over (partition by finding_group order by count(*) desc, resource) as n
    from numbered
    where resource is not null
    group by finding_group, resource
),
resource_lists as (      -- one row per finding with resources
    select finding_group, array_agg(resource order by n) as resources
    from resources
    where n <= 10
    group by finding_group
),
findings as (            -- one row per key, caller and kind of deviation
    select
        finding_group,
        key_arn,
        kind,
        context_key,
        tag_key,
        max(principal_arn) as principal_arn,
        caller_account_id,
        caller_id,
        min(event_time) as first_seen,
        max(event_time) as last_seen,
        count(*) as event_count,
        array_agg(cast(event_id as varchar) order by call_number) filter (where call_number <= 20) as event_ids,
        max_by(tag_value, call_number) filter (where tag_value is not null) as tag_value,
        min(rule_id) as rule_id,
        array_agg(distinct event_name order by event_name) as operations,
        array_agg(distinct service order by service) filter (where service is not null) as services
    from numbered
    group by finding_group, key_arn, kind, context_key, tag_key, caller_account_id, caller_id
)
select
    split_part(findings.key_arn, ':', 5) as account_id,
    split_part(findings.key_arn, ':', 4) as region,
    findings.key_arn,
    findings.principal_arn,
    findings.first_seen,
    findings.last_seen,
    findings.event_count,
    findings.event_ids,
    findings.kind,
    findings.context_key,
    findings.tag_key,
    findings.tag_value,
    found_lists.found as context_values,
    resource_lists.resources,
    case when findings.rule_id = 0 then 'default' else cast(findings.rule_id as varchar) end as rule,
    findings.caller_account_id,
    findings.caller_id,
    findings.operations,
    findings.services
from findings
left join found_lists on found_lists.finding_group = findings.finding_group
left join resource_lists on resource_lists.finding_group = findings.finding_group
order by findings.key_arn, findings.caller_account_id, findings.caller_id, findings.kind, findings.context_key, findings.tag_key
