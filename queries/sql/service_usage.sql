/*---
id: service_usage
title: Which AWS services use which keys
description: Use of keys by service, direct calls being a line of their own. Shows what stops working with a key.
grain: one row per account, key and service
params:
  account_id: {type: varchar, default: null, doc: "account that owns the key; without it all accounts"}
columns:
  - {name: key_account_id, type: VARCHAR, doc: Account that owns the key.}
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: service, type: VARCHAR, doc: "AWS service, or direct."}
  - {name: call_count, type: BIGINT, doc: "Cryptographic calls, each counted once."}
  - {name: error_count, type: BIGINT, doc: Calls that failed.}
  - {name: caller_count, type: BIGINT, doc: Different callers.}
  - {name: resource_count, type: BIGINT, doc: Different resources in the encryption contexts.}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call, UTC."}
---*/
select
    key_account_id,
    key_arn,
    coalesce(service, 'direct') as service,
    count(*) as call_count,
    count(case when error_class is not null and error_class <> 'dry_run' then 1 end) as error_count,
    count(distinct caller_id) as caller_count,
    count(distinct resource) as resource_count,
    max(event_time) as last_seen
from kms_calls
where event_time >= $window_start
  and event_time < $window_end
  and operation_class = 'cryptographic'
  and key_arn is not null
  and ($account_id is null or key_account_id = $account_id)
group by 1, 2, 3
order by key_account_id, key_arn, call_count desc, service
