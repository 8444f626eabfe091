/*---
id: cross_account_decrypt
title: An account that is not trusted uses a key
severity: high
status: stable
version: 1
description: |
  A principal of an account that neither owns the key nor is trusted called a
  cryptographic operation or CreateGrant with it, or data was re-encrypted to
  a key of an account that is not trusted. One finding per key, caller and
  outcome, whichever copies of the calls arrived; denied attempts are findings
  of their own.
why:
  text: |
    Whoever may decrypt with a key can read what it protects, wherever the
    copy of the data lies. Access given to another account by a key policy or
    a grant is easily forgotten, and data re-encrypted to a key of somebody
    else can be held to ransom.
  source: AWS KMS Developer Guide, "Allowing users in other accounts to use a KMS key"
summary: >-
  {{if eq .direction "outward" -}}
  {{or_else .caller_id .principal_arn}} of account {{.caller_account_id}} {{if eq .outcome "denied"}}tried to re-encrypt{{else}}re-encrypted{{end}} data
  to {{name .key_arn}} of account {{.key_account_id}}, which is not trusted ({{count .event_count "call"}})
  {{- else -}}
  {{or_else .caller_id .principal_arn}} of account {{.caller_account_id}}, which is not trusted, {{if eq .outcome "denied"}}was denied{{else}}called{{end}}
  {{join 4 .operations}} with {{name .key_arn}} of account {{.key_account_id}} ({{count .event_count "call"}}{{if .services}}, through {{join 4 .services}}{{end}})
  {{- end}}
remedy: |
  # Look at who else has access to the key, by policy and by grant.
  aws kms get-key-policy --key-id {{.key_arn}} --region {{.region}} --policy-name default --query Policy --output text
  aws kms list-grants --key-id {{.key_arn}} --region {{.region}}
  # Take account {{.caller_account_id}} out of the policy and put it back.
  aws kms put-key-policy --key-id {{.key_arn}} --region {{.region}} --policy-name default --policy file://policy.json
  # If the access is wanted, say so in kmstrail.yaml:
  #   trusted_accounts: ["{{if eq .direction "outward"}}{{.key_account_id}}{{else}}{{.caller_account_id}}{{end}}"]
blind_spots:
  - Denied attempts are logged only in the caller's account; those of strangers are not in your logs.
  - AWS services that call with their own principal have no account; what set them off is not seen.
  - A stranger who re-encrypts data from a key of his own to one of a trusted account is not reported.
  - Trust by alias or tag needs the alias or tag to have been set within the logs.
false_positives:
  - Accounts of the organisation, partners and backup vaults that the configuration does not name.
identity: [key_arn, caller_account_id, caller_id, direction, outcome]
attack:
  - {technique: T1555.006, name: Cloud Secrets Management Stores, version: "19"}
  - {technique: T1486, name: Data Encrypted for Impact, version: "19"}
mappings:
  security_hub: [KMS.5]
  well_architected: [SEC03-BP07, SEC08-BP04]
triage:
  - text: See all use of keys across accounts.
    query: cross_account_calls
    params: {key_arn: "{{.key_arn}}"}
  - text: See when policy, grants and tags of the key changed.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
  - text: See what was read, by encryption context.
    query: contexts_of_key
    params: {key_arn: "{{.key_arn}}"}
columns:
  direction: "inward: the key was used by an account that is not trusted; outward: data was re-encrypted to a key of an account that is not trusted."
  outcome: allowed or denied.
  key_account_id: Account that owns the key.
  caller_account_id: Account of the caller.
  caller_id: Unique id of the principal.
  operations: Operations that were called.
  services: AWS services the calls came through; empty for direct calls.
  resources: Resources that the encryption contexts name, at most ten; on each day those with most calls first.
  source_ip_addresses: Addresses the calls came from, at most ten; on each day those with most calls first.
  failed_count: Calls that failed for another reason than permission.
merge:
  operations: union
  services: union
  resources: union 10
  source_ip_addresses: union 10
  failed_count: sum
---*/
with calls as (          -- one row per call that uses a key for data, or hands out its use
    select
        event_id, event_time, event_name, key_arn, key_account_id, destination_key_arn, destination_key_account_id,
        principal_arn, caller_account_id, caller_id, service, error_code, error_class, resource, source_ip_address
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and (operation_class = 'cryptographic' or event_name = 'CreateGrant')
      and caller_account_id is not null
      and (
          caller_account_id <> coalesce(key_account_id, caller_account_id)
          or caller_account_id <> coalesce(destination_key_account_id, caller_account_id)
      )
      and coalesce(error_class, '') not in ('dry_run', 'not_found')
      and coalesce(dry_run, false) = false
      and not is_self
),
foreign_uses as (        -- one row per call and key of another account
    select
        directions.direction,
        calls.*,
        case directions.direction when 'inward' then calls.key_arn else calls.destination_key_arn end as used_key_arn,
        case directions.direction when 'inward' then calls.key_account_id else calls.destination_key_account_id end as used_account_id,
        case directions.direction when 'inward' then calls.caller_account_id else calls.destination_key_account_id end as stranger_account_id
    from calls
    cross join unnest(array['inward', 'outward']) as directions (direction)
    where case directions.direction
        when 'inward' then
            calls.caller_account_id <> coalesce(calls.key_account_id, calls.caller_account_id)
        else
            calls.event_name = 'ReEncrypt'
            and calls.caller_account_id <> coalesce(calls.destination_key_account_id, calls.caller_account_id)
    end
),
settings as (            -- one row per interval in which a key had an alias or a tag, of those that touch the window
    select key_arn, kind, name, value, valid_from, valid_to
    from key_timeline
    where kind in ('alias', 'tag')
      and valid_from < $window_end
      and (valid_to is null or valid_to > $window_start)
),
trusted as (             -- one row per use that a rule wants, by call and direction
    select distinct foreign_uses.event_id, foreign_uses.direction
    from foreign_uses
    join trust_rules as rules
      on (rules.account_id = foreign_uses.stranger_account_id or rules.account_id = '*')
     and (rules.key_arn is null or rules.key_arn = foreign_uses.used_key_arn)
    left join settings as aliases
      on aliases.kind = 'alias'
     and aliases.key_arn = foreign_uses.used_key_arn
     and aliases.name like rules.alias_pattern
     and foreign_uses.event_time >= aliases.valid_from
     and (aliases.valid_to is null or foreign_uses.event_time < aliases.valid_to)
    left join settings as tags
      on tags.kind = 'tag'
     and tags.key_arn = foreign_uses.used_key_arn
     and tags.name = rules.tag_key
     and tags.value is not null
     and (rules.tag_value is null or tags.value = rules.tag_value)
     and foreign_uses.event_time >= tags.valid_from
     and (tags.valid_to is null or foreign_uses.event_time < tags.valid_to)
    where (rules.alias_pattern is null or aliases.name is not null)
      and (rules.tag_key is null or tags.name is not null)
),
uses as (                -- one row per use that no rule wants
    select
        foreign_uses.*,
        case when foreign_uses.error_class = 'denied' then 'denied' else 'allowed' end as outcome,
        foreign_uses.direction || ' ' || foreign_uses.used_key_arn || ' ' || foreign_uses.caller_account_id || ' ' || foreign_uses.caller_id
            || case when foreign_uses.error_class = 'denied' then ' denied' else '' end as use_group
    from foreign_uses
    left join trusted
      on trusted.event_id = foreign_uses.event_id
     and trusted.direction = foreign_uses.direction
    where trusted.event_id is null
),
numbered as (            -- the same, numbered per finding
    select uses.*, row_number() over (partition by use_group order by event_time, event_id) as call_number
    from uses
),
told as (                -- one row per finding, list and value in it; calls after the twentieth share a row without id
    select
        numbered.use_group,
        numbered.direction,
        numbered.outcome,
        numbered.used_key_arn,
        numbered.used_account_id,
        numbered.caller_account_id,
        numbered.caller_id,
        lists.list,
        case lists.list
            when 'event_ids' then case when numbered.call_number <= 20 then cast(numbered.event_id as varchar) end
            when 'operations' then numbered.event_name
            when 'services' then numbered.service
            when 'resources' then numbered.resource
            else numbered.source_ip_address
        end as value,
        count(*) as call_count,
        min(numbered.call_number) as first_call,
        min(numbered.event_time) as first_seen,
        max(numbered.event_time) as last_seen,
        max(numbered.principal_arn) as principal_arn,
        count(case when numbered.outcome = 'allowed' and numbered.error_code is not null then 1 end) as failed_count
    from numbered
    cross join unnest(array['event_ids', 'operations', 'services', 'resources', 'source_ip_addresses']) as lists (list)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),
listed as (              -- the same, numbered per list: calls by time, operations and services by name, others by most calls
    select
        told.*,
        row_number() over (
            partition by use_group, list
            order by
                case list when 'event_ids' then first_call when 'operations' then 0 when 'services' then 0 else 0 - call_count end,
                value
        ) as n
    from told
    where value is not null
       or list = 'event_ids'
),
findings as (            -- one row per key, caller, direction and outcome
    select
        direction,
        outcome,
        used_key_arn,
        used_account_id,
        caller_account_id,
        caller_id,
        max(principal_arn) as principal_arn,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        cast(sum(case when list = 'event_ids' then call_count end) as bigint) as event_count,
        array_agg(value order by n) filter (where list = 'event_ids' and n <= 20) as event_ids,
        array_agg(value order by n) filter (where list = 'operations') as operations,
        array_agg(value order by n) filter (where list = 'services') as services,
        array_agg(value order by n) filter (where list = 'resources' and n <= 10) as resources,
        array_agg(value order by n) filter (where list = 'source_ip_addresses' and n <= 10) as source_ip_addresses,
        cast(sum(case when list = 'event_ids' then failed_count end) as bigint) as failed_count
    from listed
    group by use_group, direction, outcome, used_key_arn, used_account_id, caller_account_id, caller_id
)
select
    case when direction = 'outward' then caller_account_id else used_account_id end as account_id,
    split_part(used_key_arn, ':', 4) as region,
    used_key_arn as key_arn,
    principal_arn,
    first_seen,
    last_seen,
    event_count,
    event_ids,
    case when outcome = 'denied' then 'medium' else 'high' end as severity,
    direction,
    outcome,
    used_account_id as key_account_id,
    caller_account_id,
    caller_id,
    operations,
    services,
    resources,
    source_ip_addresses,
    failed_count
from findings
order by used_key_arn, caller_account_id, caller_id, direction, outcome
