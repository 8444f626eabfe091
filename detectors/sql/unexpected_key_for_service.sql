/*---
id: unexpected_key_for_service
title: A service protects data under another key than is expected
severity: medium
status: stable
version: 1
description: |
  An AWS service encrypted data, or took a data key, under a KMS key that none
  of the rules of standards.expected_keys in the configuration expects for the
  service, the account and the class of the data (a tag of the resource that
  the encryption context names). Of several rules those count that name most of
  class, account and service. Decryption is left out: what is there stays where
  it is. One finding per key, account, service and class. Quiet when no rule is
  configured.
why:
  text: |
    A key for each service and class of data keeps the damage small and lets
    its policy say who may read what. Data that a service puts under another
    key has that key's policy, not the one that was thought of for it.
  source: AWS Prescriptive Guidance, "AWS KMS best practices", on the blast radius of a key; AWS Well-Architected Framework, SEC08-BP01
summary: >-
  In account {{.account_id}} {{.service}} protects {{if .data_class}}data tagged {{.data_class}}{{else}}data{{end}} under {{if .aliases}}{{join 3 .aliases}}{{else}}{{name .key_arn}}{{end}}, where {{join 3 .expected}} is expected ({{count .event_count "call"}})
remedy: |
  # See which resources are set up with the key, and give them the one that is expected.
  aws kms describe-key --key-id {{.key_arn}} --region {{.region}}
  # A bucket, for instance:
  aws s3api put-bucket-encryption --bucket BUCKET --server-side-encryption-configuration '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"KEY"},"BucketKeyEnabled":true}]}'
  # If it is as it should be, name the key in kmstrail.yaml, under standards.expected_keys.
blind_spots:
  - Keys of which no alias is known (made before the logs begin, and in no inventory), where a rule expects an alias.
  - The class of data whose resource neither context nor tags in the logs tell; then only rules without a class count, and <dataclass> stands for any.
  - Services whose calls are logged as AWS Internal and whose encryption context does not tell which they are.
  - Encryption that needs no call, because a service holds the data key for a while (S3 Bucket Keys).
  - An alias that the key has for a part of the time between first and last call of the day counts for all of it.
false_positives:
  - Copies and backups that services make under the key of their own.
params:
  class_tags: {type: varchar, default: "data-class,dataclass,data-classification,dataclassification,classification,confidentiality", doc: "tag keys, comma-separated, that say what class data is of"}
identity: [key_arn, account_id, service, data_class]
mappings:
  well_architected: [SEC08-BP01, SEC07-BP02]
triage:
  - text: See what each service does with the key.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
  - text: See which data it protects.
    query: contexts_of_key
    params: {key_arn: "{{.key_arn}}"}
  - text: See which aliases it had, and when.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
columns:
  service: Service that protects the data.
  data_class: Class of the data, lower case; NULL when it is not known.
  expected: Aliases (* stands for any text) or keys that are expected.
  aliases: Aliases that the key has, as far as the logs tell.
  operations: Operations that were called.
merge:
  aliases: union
  operations: union
---*/
with calls as (          -- one row per call by which a service protects data, by the record of the caller
    select
        event_id,
        event_time,
        event_name,
        key_arn,
        coalesce(caller_account_id, recipient_account_id) as account_id,
        service,
        principal_arn,
        case when strpos(key_reference, 'alias/') > 0 then substr(key_reference, strpos(key_reference, 'alias/')) end as alias_name
    from kms_events
    where event_time >= $window_start
      and event_time < $window_end
      and record_copy in ('single', 'caller')
      and event_name in (
          'Encrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext', 'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext'
      )
      and error_code is null
      and coalesce(dry_run, false) = false
      and not is_self
      and key_arn is not null
      and service is not null
      and service <> 'aws_internal'
      and exists (select 1 from expected_keys)
),
classes as (             -- one row per call whose resource has a class
    select context_resources.event_id, min(lower(trim(resource_tags.tag_value, ' '))) as data_class
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
      and strpos(',' || replace(lower($class_tags), ' ', '') || ',', ',' || lower(resource_tags.tag_key) || ',') > 0
      and exists (select 1 from expected_keys where data_class is not null or strpos(alias_pattern, '<dataclass>') > 0)
    group by context_resources.event_id
),
parts as (               -- one row per key, account, service, class, caller, operation and alias that calls name
    select
        calls.key_arn || ' ' || calls.account_id || ' ' || calls.service || ' ' || coalesce(classes.data_class, '') as use_group,
        calls.key_arn,
        calls.account_id,
        calls.service,
        classes.data_class,
        calls.principal_arn,
        calls.event_name,
        calls.alias_name,
        count(*) as call_count,
        min(calls.event_time) as first_seen,
        max(calls.event_time) as last_seen,
        min(cast(calls.event_id as varchar)) as event_id
    from calls
    left join classes on classes.event_id = calls.event_id
    group by 1, 2, 3, 4, 5, 6, 7, 8
),
numbered as (            -- the same, numbered per finding
    select parts.*, row_number() over (partition by use_group order by first_seen, event_id) as n
    from parts
),
facts as (               -- one row per alias of a key, and one per key that was made within the logs
    select key_arn, name as alias_name, valid_from, valid_to
    from key_timeline
    where kind = 'alias'
    union all
    select key_arn, cast(null as varchar) as alias_name, event_time as valid_from, cast(null as timestamp) as valid_to
    from key_change_records
    where event_name in ('CreateKey', 'ReplicateKey')
      and key_arn is not null
),
ruled as (               -- one row per part, rule whose conditions it meets, and fact about its key; the rules that name most have place 1
    select
        numbered.*,
        facts.key_arn is not null or numbered.alias_name is not null as is_known,
        coalesce(facts.alias_name, numbered.alias_name) as key_alias,
        expected_keys.key_arn as expected_key_arn,
        replace(replace(expected_keys.alias_pattern, '<service>', lower(numbered.service)), '<dataclass>', coalesce(numbered.data_class, '%')) as expected_alias,
        rank() over (
            partition by numbered.use_group
            order by
                case when expected_keys.data_class is null then 4 else 0 end
                + case when expected_keys.account_id is null then 2 else 0 end
                + case when expected_keys.service is null then 1 else 0 end
        ) as place,
        row_number() over (
            partition by numbered.use_group, numbered.n
            order by
                case when expected_keys.data_class is null then 4 else 0 end
                + case when expected_keys.account_id is null then 2 else 0 end
                + case when expected_keys.service is null then 1 else 0 end,
                expected_keys.rule_id, facts.valid_from, facts.alias_name
        ) as copy_number
    from numbered
    join expected_keys
      on (expected_keys.service is null or expected_keys.service = numbered.service)
     and (expected_keys.account_id is null or expected_keys.account_id = numbered.account_id)
     and (expected_keys.data_class is null or expected_keys.data_class = numbered.data_class)
    left join facts
      on facts.key_arn = numbered.key_arn
     and facts.valid_from <= numbered.last_seen
     and (facts.valid_to is null or facts.valid_to > numbered.first_seen)
),
judged as (              -- the same of the rules that count, with whether the key is one that is expected
    select
        ruled.*,
        coalesce(
            key_arn = expected_key_arn
            or lower(key_alias) like expected_alias
            or lower(alias_name) like expected_alias,
            false
        ) as is_expected
    from ruled
    where place = 1
)
select
    account_id,
    split_part(key_arn, ':', 4) as region,
    key_arn,
    case when count(*) = count(principal_arn) and min(principal_arn) = max(principal_arn) then max(principal_arn) end as principal_arn,
    min(first_seen) as first_seen,
    max(last_seen) as last_seen,
    cast(sum(case when copy_number = 1 then call_count end) as bigint) as event_count,
    array_agg(event_id order by n) filter (where copy_number = 1 and n <= 20) as event_ids,
    service,
    data_class,
    array_agg(distinct coalesce(expected_key_arn, replace(expected_alias, '%', '*')) order by coalesce(expected_key_arn, replace(expected_alias, '%', '*'))) as expected,
    array_agg(distinct key_alias order by key_alias) filter (where key_alias is not null) as aliases,
    array_agg(distinct event_name order by event_name) as operations
from judged
group by use_group, account_id, key_arn, service, data_class
-- A key that is not known to have another alias may have the one that is expected.
having not bool_or(is_expected)
   and (bool_or(is_known) or bool_and(expected_key_arn is not null))
order by use_group
