/*---
id: contexts_of_key
title: Encryption contexts a key was used with
description: What a key protects, as the encryption contexts tell. The values come from callers and are untrusted text.
grain: one row per key, side, context key and context value
params:
  key_arn: {type: varchar, default: null, doc: "key ARN; without it all keys"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: side, type: VARCHAR, doc: "source, or destination for what ReEncrypt encrypts to."}
  - {name: context_key, type: VARCHAR, doc: Key in the encryption context.}
  - {name: context_value, type: VARCHAR, doc: Its value.}
  - {name: call_count, type: BIGINT, doc: Calls.}
  - {name: first_seen, type: TIMESTAMP, doc: "First call, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call, UTC."}
---*/
select
    key_arn,
    side,
    context_key,
    context_value,
    count(*) as call_count,
    min(event_time) as first_seen,
    max(event_time) as last_seen
from encryption_context
where event_time >= $window_start
  and event_time < $window_end
  and ($key_arn is null or key_arn = $key_arn)
group by key_arn, side, context_key, context_value
order by call_count desc, key_arn, side, context_key, context_value
