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
        destination_encryption_context, service
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and error_code is null
      and coalesce(dry_run, false) = false
      and not is_self
      and operation_class = 'cryptographic'
),
needs as (               -- one row per call and side that takes a context; ReEncrypt has two
    select
        calls.event_id,
        calls.event_time,
        sides.side,
        case sides.side when 'source' then calls.key_arn else calls.destination_key_arn end as key_arn,
        case sides.side when 'source' then calls.encryption_context else calls.destination_encryption_context end as context,
        calls.service
    from calls
    cross join unnest(array['source', 'destination']) as sides (side)
    where case sides.side
        when 'source' then
            calls.key_arn is not null
            and calls.event_name in (
                'Encrypt', 'Decrypt', 'ReEncrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext',
                'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext'
            )
            and coalesce(calls.algorithm, 'SYMMETRIC_DEFAULT') = 'SYMMETRIC_DEFAULT'
        else
            calls.destination_key_arn is not null
            and calls.event_name = 'ReEncrypt'
    end
),
-- Lists of keys are made where they are taken apart: with them the rows that
-- DuckDB keeps to read them twice would be twice as dear.
listed_contexts as (     -- the same, with the keys of the context
    select needs.*, map_keys(context) as context_keys
    from needs
),
facts as (               -- one row per call, side and key of its context, and one per call and tag of its resource
    select
        contexts.event_id,
        contexts.event_time,
        'value' as kind,
        contexts.side,
        contexts.key_arn,
        lower(keys.context_key) as fact_key,
        element_at(contexts.context, keys.context_key) as fact_value
    from listed_contexts as contexts
    cross join unnest(contexts.context_keys) as keys (context_key)
    union all
    select
        context_resources.event_id,
        context_resources.event_time,
        'resource' as kind,
        cast(null as varchar) as side,
        context_resources.key_arn,
        lower(resource_tags.tag_key) as fact_key,
        resource_tags.tag_value as fact_value
    from context_resources
    join resource_tags
      on resource_tags.service = context_resources.service
     and resource_tags.resource_name = context_resources.resource_name
     and (context_resources.account_id is null or resource_tags.account_id = context_resources.account_id)
     and context_resources.event_time >= resource_tags.valid_from
     and (resource_tags.valid_to is null or context_resources.event_time < resource_tags.valid_to)
    where context_resources.event_time >= $window_start
      and context_resources.event_time < $window_end
      and resource_tags.tag_value is not null
),
settings as (            -- one row per interval in which a key had an alias or a tag, of those that touch the window
    select key_arn, kind, name, value, valid_from, valid_to
    from key_timeline
    where kind in ('alias', 'tag')
      and valid_from < $window_end
      and (valid_to is null or valid_to > $window_start)
),
aliases as (             -- those of aliases
    select key_arn, name, valid_from, valid_to
    from settings
    where kind = 'alias'
),
tags as (                -- those of tags, one row per kind of fact to compare it with
    select
        settings.key_arn,
        lower(settings.name) as tag_key,
        settings.value as tag_value,
        settings.valid_from,
        settings.valid_to,
        kinds.kind
    from settings
    cross join unnest(array['value', 'resource']) as kinds (kind)
    where settings.kind = 'tag'
      and settings.value is not null
),
expected as (            -- one row per tag and what it is compared with: by the configured rules, while the key has their alias, or by the same name
    select
        tags.*,
        coalesce(rules.rule_id, 0) as rule_id,
        coalesce(lower(rules.context_key), tags.tag_key) as fact_key,
        coalesce(rules.comparison, 'equal') as comparison,
        aliases.valid_from as alias_from,
        aliases.valid_to as alias_to
    from tags
    left join context_rules as rules
      on rules.kind = 'match'
     and tags.kind = 'value'
     and lower(rules.tag_key) = tags.tag_key
     and (rules.key_arn is null or rules.key_arn = tags.key_arn)
    left join aliases
      on aliases.key_arn = tags.key_arn
     and aliases.name like rules.alias_pattern
    where rules.rule_id is not null and (rules.alias_pattern is null or aliases.name is not null)
       or tags.kind = 'value' and not exists (select 1 from context_rules where kind = 'match')
       or tags.kind = 'resource'
            and tags.tag_key not like 'aws:%'
            and case
                when $compare_tags <> '' then strpos(',' || replace(lower($compare_tags), ' ', '') || ',', ',' || tags.tag_key || ',') > 0
                else strpos(',' || replace(lower($ignore_tags), ' ', '') || ',', ',' || tags.tag_key || ',') = 0
            end
),
compared as (            -- one row per fact, rule and tag of the key at that moment
    select
        facts.event_id,
        facts.kind,
        facts.side,
        facts.key_arn,
        case when facts.kind = 'value' then facts.fact_key end as context_key,
        facts.fact_value,
        expected.rule_id,
        expected.tag_key,
        expected.tag_value,
        -- Of a resource every pair that disagrees counts.
        case when facts.kind = 'resource' then facts.fact_value end as resource_value,
        case when facts.kind = 'resource' then expected.tag_value end as resource_tag_value,
        case expected.comparison
            when 'one_of' then
                strpos(facts.fact_value, ',') = 0
                and strpos(
                    ',' || replace(replace(lower(expected.tag_value), ', ', ','), ' ', ',') || ',',
                    ',' || lower(trim(facts.fact_value, ' ')) || ','
                ) > 0
            when 'pattern' then
                lower(trim(facts.fact_value, ' ')) like
                    replace(replace(replace(replace(lower(trim(expected.tag_value, ' ')), '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')
                    escape '\'
            else lower(trim(facts.fact_value, ' ')) = lower(trim(expected.tag_value, ' '))
        end as agrees
    from facts
    join expected
      on expected.kind = facts.kind
     and expected.fact_key = facts.fact_key
     and expected.key_arn = facts.key_arn
     and facts.event_time >= expected.valid_from
     and (expected.valid_to is null or facts.event_time < expected.valid_to)
     and (expected.alias_from is null or facts.event_time >= expected.alias_from)
     and (expected.alias_to is null or facts.event_time < expected.alias_to)
),
filled_contexts as (     -- needs with the keys of the context, and an empty one where there is none
    select needs.*, case when element_at(map_keys(context), 1) is null then array[''] else map_keys(context) end as context_keys
    from needs
),
present as (             -- one row per call, side and key of its context, and one for a side without
    select contexts.event_id, contexts.event_time, contexts.side, contexts.key_arn, contexts.service, lower(keys.context_key) as context_key
    from filled_contexts as contexts
    cross join unnest(contexts.context_keys) as keys (context_key)
),
required as (            -- one row per rule on a key that must be there, and interval in which a key has its alias
    select
        rules.rule_id,
        lower(rules.context_key) as context_key,
        coalesce(aliases.key_arn, rules.key_arn) as key_arn,
        aliases.valid_from,
        aliases.valid_to
    from context_rules as rules
    left join aliases
      on aliases.name like rules.alias_pattern
     and (rules.key_arn is null or rules.key_arn = aliases.key_arn)
    where rules.kind = 'required'
      and (rules.alias_pattern is null or aliases.name is not null)
),
missing as (             -- one row per call, side and rule whose key is not there
    select present.event_id, present.key_arn, required.context_key, required.rule_id
    from present
    join required
      on (required.key_arn is null or required.key_arn = present.key_arn)
     and (required.valid_from is null or present.event_time >= required.valid_from)
     and (required.valid_to is null or present.event_time < required.valid_to)
     -- What AWS services put into the context is theirs to decide.
     and (
         present.service is null
         or required.context_key like 'aws:%'
         or required.context_key in ('secretarn', 'parameter_arn')
     )
    group by present.event_id, present.side, present.key_arn, required.context_key, required.rule_id
    having not bool_or(present.context_key = required.context_key)
),
deviations as (          -- one row per call and deviation; keys spelt in two cases agree if one does
    select
        event_id, key_arn, kind, context_key, tag_key, min(tag_value) as tag_value, min(fact_value) as found_value, rule_id
    from compared
    group by event_id, kind, side, key_arn, context_key, tag_key, rule_id, resource_value, resource_tag_value
    having not bool_or(coalesce(agrees, false))
    union all
    select
        event_id, key_arn, 'missing' as kind, context_key, cast(null as varchar) as tag_key, cast(null as varchar) as tag_value,
        cast(null as varchar) as found_value, rule_id
    from missing
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
        callers.event_id,
        callers.event_time,
        callers.event_name,
        callers.principal_arn,
        callers.caller_account_id,
        callers.caller_id,
        callers.service,
        callers.resource,
        deviations.kind || ' ' || deviations.key_arn || ' ' || coalesce(callers.caller_account_id, '') || ' ' || callers.caller_id
            || ' ' || coalesce(deviations.context_key, '') || ' ' || coalesce(deviations.tag_key, '') as finding_group
    from deviations
    -- Read again with what is told of a call, since most calls have no deviation.
    -- The conditions are those of calls: context_resources has others too.
    join kms_calls as callers on callers.event_id = deviations.event_id
    where callers.event_time >= $window_start
      and callers.event_time < $window_end
      and callers.error_code is null
      and coalesce(callers.dry_run, false) = false
      and not callers.is_self
      and callers.operation_class = 'cryptographic'
),
numbered as (            -- the same, its calls numbered; a ReEncrypt that deviates on both sides is one call
    select
        supported.*,
        dense_rank() over (partition by finding_group order by event_time, event_id) as call_number,
        row_number() over (partition by finding_group, event_id order by rule_id, tag_value, found_value) as repetition
    from supported
),
told as (                -- one row per finding, list and value in it; calls after the twentieth share a row without id
    select
        numbered.finding_group,
        numbered.key_arn,
        numbered.kind,
        numbered.context_key,
        numbered.tag_key,
        numbered.caller_account_id,
        numbered.caller_id,
        lists.list,
        case lists.list
            when 'event_ids' then case when numbered.call_number <= 20 then cast(numbered.event_id as varchar) end
            when 'operations' then numbered.event_name
            when 'services' then numbered.service
            when 'resources' then numbered.resource
            else numbered.found_value
        end as value,
        count(*) as call_count,
        min(numbered.call_number) as first_call,
        min(numbered.event_time) as first_seen,
        max(numbered.event_time) as last_seen,
        max(numbered.principal_arn) as principal_arn,
        min(numbered.rule_id) as rule_id,
        max(case when numbered.tag_value is not null then numbered.call_number end) as tag_call,
        max_by(numbered.tag_value, numbered.call_number) filter (where numbered.tag_value is not null) as tag_value
    from numbered
    cross join unnest(array['event_ids', 'operations', 'services', 'resources', 'context_values']) as lists (list)
    where numbered.repetition = 1
       or lists.list = 'context_values'
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),
listed as (              -- the same, numbered per list: calls by time, operations and services by name, others by most calls
    select
        told.*,
        row_number() over (
            partition by finding_group, list
            order by
                case list when 'event_ids' then first_call when 'operations' then 0 when 'services' then 0 else 0 - call_count end,
                value
        ) as n
    from told
    where value is not null
       or list = 'event_ids'
),
findings as (            -- one row per key, caller and kind of deviation
    select
        key_arn,
        kind,
        context_key,
        tag_key,
        max(principal_arn) as principal_arn,
        caller_account_id,
        caller_id,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        cast(sum(case when list = 'event_ids' then call_count end) as bigint) as event_count,
        array_agg(value order by n) filter (where list = 'event_ids' and n <= 20) as event_ids,
        max_by(tag_value, tag_call) filter (where list = 'event_ids' and tag_value is not null) as tag_value,
        array_agg(value order by n) filter (where list = 'context_values' and n <= 10) as context_values,
        array_agg(value order by n) filter (where list = 'resources' and n <= 10) as resources,
        min(rule_id) as rule_id,
        array_agg(value order by n) filter (where list = 'operations') as operations,
        array_agg(value order by n) filter (where list = 'services') as services
    from listed
    group by finding_group, key_arn, kind, context_key, tag_key, caller_account_id, caller_id
)
select
    split_part(key_arn, ':', 5) as account_id,
    split_part(key_arn, ':', 4) as region,
    key_arn,
    principal_arn,
    first_seen,
    last_seen,
    event_count,
    event_ids,
    kind,
    context_key,
    tag_key,
    tag_value,
    context_values,
    resources,
    case when rule_id = 0 then 'default' else cast(rule_id as varchar) end as rule,
    caller_account_id,
    caller_id,
    operations,
    services
from findings
order by key_arn, caller_account_id, caller_id, kind, context_key, tag_key
