/*---
id: first_decrypt
title: A principal decrypts
severity: low
status: experimental
version: 1
description: |
  Somebody decrypted. The detector that every fixture in lint/ changes in one
  place.
why:
  text: It is short.
  source: the linter's tests
summary: "{{name .key_arn}} was used with {{.algorithm}} ({{count .event_count \"call\"}})"
remedy: |
  aws kms describe-key --key-id {{.key_arn}} --region {{.region}}
blind_spots:
  - Everything but Decrypt.
false_positives:
  - Every Decrypt.
params:
  min_events: {type: integer, default: 1, doc: smallest number of calls worth a finding}
  baseline_days: {type: days, default: 14, doc: days before the window in which the key must be known}
identity: [key_arn, algorithm]
attack:
  - {technique: T1555.006, name: Cloud Secrets Management Stores, version: "19"}
triage:
  - text: See who uses the key.
    query: key_users
    params: {key_arn: "{{.key_arn}}"}
columns:
  algorithm: Algorithm of the calls.
---*/
with numbered as (       -- one row per call
    select kms_calls.*, row_number() over (partition by key_arn, algorithm order by event_time, event_id) as call_number
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and event_time >= $baseline_start
      and event_name = 'Decrypt' -- now() in a comment, and 'today()' in a string, are no clocks
)
select
    max(key_account_id) as account_id,
    max(region) as region,
    key_arn,
    max(principal_arn) as principal_arn,
    min(event_time) as first_seen,
    max(event_time) as last_seen,
    count(*) as event_count,
    array_agg(cast(event_id as varchar) order by call_number) filter (where call_number <= 20) as event_ids,
    algorithm
from numbered
group by key_arn, algorithm
having count(*) >= $min_events
order by key_arn, algorithm
