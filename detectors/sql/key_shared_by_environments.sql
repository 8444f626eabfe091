/*---
id: key_shared_by_environments
title: One key is used from several environments
severity: medium
status: stable
version: 1
description: |
  On one day a key was used from more than one of the environments that
  standards.environments in the configuration names, its own among them. A
  caller belongs to an environment by its ARN, by a tag that an inventory shows
  of its role, or else by its account; a key by a tag, an alias, or else its
  account. What belongs to none counts for nothing. One finding per key. Quiet
  when no environment is configured.
why:
  text: |
    Environments are apart so that a mistake in test does not reach
    production. A key that both use joins them: who may decrypt in test may
    decrypt what production wrote, and whoever cleans up test disables the key
    of production.
  source: AWS Prescriptive Guidance, "AWS KMS best practices", on the blast radius of a key; AWS Well-Architected Framework, SEC01-BP01 "Separate workloads using accounts"
summary: >-
  {{name .key_arn}} of account {{.account_id}}{{if .key_environment}}, a key of {{.key_environment}},{{end}} is used from {{join 5 .caller_environments}} on one day: {{join 4 .callers}} ({{count .event_count "call"}})
remedy: |
  # See who may use it, make a key for each environment, and move the alias of one of them.
  aws kms get-key-policy --key-id {{.key_arn}} --region {{.region}} --policy-name default --query Policy --output text
  aws kms list-grants --key-id {{.key_arn}} --region {{.region}}
blind_spots:
  - Calls of AWS services in their own name; they belong to no account.
  - Callers of another account are known by their account only, unless its records have arrived in the key owner's copy.
  - Uses on different days are not added up, unless the key itself belongs to an environment.
  - Keys of accounts whose logs are not read; the destination key of ReEncrypt.
false_positives:
  - Tools of deployment and backup that work in all environments; leave their accounts and roles out of every environment.
  - Data that is copied from production on purpose.
params:
  max_environments: {type: integer, default: 1, doc: a key may be used from so many environments on one day}
identity: [key_arn]
mappings:
  well_architected: [SEC01-BP01, SEC08-BP01]
triage:
  - text: See who uses the key, and for what.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
  - text: See which data it protects.
    query: contexts_of_key
    params: {key_arn: "{{.key_arn}}"}
columns:
  key_environment: Environment that the key itself belongs to; NULL when that is not known.
  caller_environments: Environments of the callers.
  environment_count: Environments, the key's own among them, on the day with most of them.
  callers: Callers of other environments than the key's, of all when that is not known; at most ten on each day.
merge:
  caller_environments: union
  environment_count: max
  callers: union 10
---*/
with uses as (           -- one row per key and caller, by the records of the key's owner
    select
        key_arn,
        key_account_id as account_id,
        caller_account_id,
        coalesce(principal_arn, caller_account_id) as caller,
        count(*) as call_count,
        min(event_time) as first_seen,
        max(event_time) as last_seen,
        min(cast(event_id as varchar)) as event_id
    from kms_events
    where event_time >= $window_start
      and event_time < $window_end
      and record_copy in ('single', 'owner')
      and operation_class = 'cryptographic'
      and error_code is null
      and coalesce(dry_run, false) = false
      and not is_self
      and key_arn is not null
      and caller_account_id is not null
      and exists (select 1 from environments)
    group by 1, 2, 3, 4
),
roles as (               -- one row per role and tag in the last inventory until then that has it
    select listed.role_arn, lower(entries.tag_key) as tag_key, lower(element_at(listed.tags, entries.tag_key)) as tag_value
    from (
        select
            role_arn,
            tags,
            map_keys(tags) as tag_keys,
            row_number() over (partition by role_arn order by taken_at desc, run_id) as n
        from inventory_roles
        where taken_at < $window_end
    ) as listed
    cross join unnest(listed.tag_keys) as entries (tag_key)
    where listed.n = 1
),
caller_clues as (        -- one row per use and reason to count its caller to an environment
    select
        uses.key_arn,
        uses.caller_account_id,
        uses.caller,
        environments.environment,
        case when environments.kind = 'caller' then 1 else 3 end as place
    from uses
    join environments
      on environments.kind = 'caller' and uses.caller like environments.pattern
      or environments.kind = 'account' and uses.caller_account_id = environments.pattern
    union all
    select uses.key_arn, uses.caller_account_id, uses.caller, environments.environment, 2 as place
    from uses
    join roles on roles.role_arn = uses.caller
    join environments
      on environments.kind = 'tag'
     and environments.tag_key = roles.tag_key
     and environments.pattern = roles.tag_value
),
callers as (             -- one row per use whose caller belongs to an environment
    select
        uses.*,
        ranked.environment
    from uses
    join (
        select
            caller_clues.*,
            row_number() over (partition by key_arn, caller_account_id, caller order by place, environment) as n
        from caller_clues
    ) as ranked
      on ranked.key_arn = uses.key_arn
     and ranked.caller_account_id = uses.caller_account_id
     and ranked.caller = uses.caller
    where ranked.n = 1
),
keys_used as (           -- one row per key
    select key_arn, account_id
    from callers
    group by key_arn, account_id
),
key_clues as (           -- one row per key and reason to count it to an environment
    select
        keys_used.key_arn,
        environments.environment,
        case environments.kind when 'tag' then 1 else 2 end as place
    from keys_used
    join key_timeline
      on key_timeline.key_arn = keys_used.key_arn
     and key_timeline.valid_from < $window_end
     and (key_timeline.valid_to is null or key_timeline.valid_to > $window_start)
    join environments
      on environments.kind = key_timeline.kind
     and case environments.kind
         when 'tag' then environments.tag_key = lower(key_timeline.name) and environments.pattern = lower(key_timeline.value)
         else key_timeline.name like environments.pattern
     end
    where key_timeline.kind in ('tag', 'alias')
    union all
    select keys_used.key_arn, environments.environment, 3 as place
    from keys_used
    join environments
      on environments.kind = 'account'
     and environments.pattern = keys_used.account_id
),
owners as (              -- one row per key that belongs to an environment itself
    select key_arn, environment
    from (
        select key_clues.*, row_number() over (partition by key_arn order by place, environment) as n
        from key_clues
    ) as ranked
    where n = 1
),
numbered as (            -- one row per use, numbered per key: callers of other environments first
    select
        callers.*,
        owners.environment as key_environment,
        coalesce(callers.environment <> owners.environment, true) as is_other,
        row_number() over (
            partition by callers.key_arn
            order by
                case when callers.environment = owners.environment then 1 else 0 end,
                callers.environment, callers.caller, callers.caller_account_id
        ) as n
    from callers
    left join owners on owners.key_arn = callers.key_arn
)
select
    account_id,
    split_part(key_arn, ':', 4) as region,
    key_arn,
    cast(null as varchar) as principal_arn,
    min(first_seen) as first_seen,
    max(last_seen) as last_seen,
    cast(sum(call_count) as bigint) as event_count,
    array_agg(event_id order by n) filter (where n <= 20) as event_ids,
    key_environment,
    array_agg(distinct environment order by environment) as caller_environments,
    count(distinct environment) + case when bool_and(is_other) and key_environment is not null then 1 else 0 end as environment_count,
    array_agg(caller order by n) filter (where n <= 10 and is_other) as callers
from numbered
group by account_id, key_arn, key_environment
having count(distinct environment) + case when bool_and(is_other) and key_environment is not null then 1 else 0 end > $max_environments
order by key_arn
