/*---
id: key_shared_by_services
title: One key protects the data of many services
severity: low
status: stable
version: 1
description: |
  A key was used through more than max_services AWS services on one day; calls
  that programs make directly count as one more. One finding per key.
why:
  text: |
    Whoever may use the key for one purpose may for all. When it is leaked to,
    disabled, throttled or deleted, everything fails at once, and no
    administrator of one service can judge a change of its policy. A key for
    each service and class of data keeps the damage small.
  source: AWS Prescriptive Guidance, "AWS KMS best practices", on the blast radius of a key; AWS Well-Architected Framework, SEC08-BP01
summary: >-
  {{name .key_arn}} of account {{.account_id}} is used through {{.service_count}} services on one day: {{join 8 .services}} ({{count .event_count "call"}})
remedy: |
  # See who may use it, then make a key for each purpose and move its alias.
  aws kms get-key-policy --key-id {{.key_arn}} --region {{.region}} --policy-name default --query Policy --output text
  # A policy can hold a key to one service:
  #   "Condition": {"StringEquals": {"kms:ViaService": "s3.{{.region}}.amazonaws.com"}}
blind_spots:
  - Services whose calls are logged as AWS Internal and whose encryption context does not tell count as one, aws_internal.
  - Uses on different days are not added up; the query service_usage does that.
  - Several applications or environments behind one service.
  - Keys of accounts whose logs are not read; the destination key of ReEncrypt.
false_positives:
  - A key that an account uses for everything by decision, in a test account.
params:
  max_services: {type: integer, default: 3, doc: a key may be used through so many services on one day}
identity: [key_arn]
mappings:
  well_architected: [SEC08-BP01]
triage:
  - text: See what each service does with the key.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
  - text: See which data it protects.
    query: contexts_of_key
    params: {key_arn: "{{.key_arn}}"}
columns:
  service_count: Services on the day with most of them.
  services: Services, direct among them.
merge:
  service_count: max
  services: union
---*/
with uses as (           -- one row per key and service, by the records of the key's owner
    select
        key_arn,
        key_account_id as account_id,
        coalesce(service, 'direct') as service,
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
    group by 1, 2, 3
)
select
    account_id,
    split_part(key_arn, ':', 4) as region,
    key_arn,
    cast(null as varchar) as principal_arn,
    min(first_seen) as first_seen,
    max(last_seen) as last_seen,
    cast(sum(call_count) as bigint) as event_count,
    array_agg(event_id order by service) as event_ids,
    count(*) as service_count,
    array_agg(service order by service) as services
from uses
group by account_id, key_arn
having count(*) > $max_services
order by key_arn
