/*---
id: contexts_of_key
title: Encryption contexts a key was used with
description: |
  What a key protects, value by value, as the encryption contexts tell;
  context_profile sums them up. Calls that failed are in it. The texts come
  from callers and are untrusted.
grain: one row per key, side, context key and context value
params:
  key_arn: {type: varchar, default: null, doc: "key ARN, key id, alias (alias/…) or alias ARN; without it all keys"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: side, type: VARCHAR, doc: "source, or destination for what ReEncrypt encrypts to."}
  - {name: context_key, type: VARCHAR, doc: Key in the encryption context.}
  - {name: context_value, type: VARCHAR, doc: Its value.}
  - {name: call_count, type: BIGINT, doc: Calls.}
  - {name: first_seen, type: TIMESTAMP, doc: "First call, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call, UTC."}
---*/
with named as (          -- keys with a name that calls used, and with the aliases they had, in the window
    select distinct key_arn, alias_name
    from usage_daily
    where day >= cast($window_start as date)
      and cast(day as timestamp) < $window_end
      and key_arn is not null
      -- A key asked for by ARN or id is picked before anything is summed up.
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
    union all
    select key_arn, name as alias_name
    from key_timeline
    where kind = 'alias'
      and valid_from < $window_end
      and (valid_to is null or valid_to > $window_start)
),
wanted as (              -- keys that are asked for
    select distinct key_arn
    from named
    where $key_arn in (key_arn, split_part(key_arn, '/', 2), alias_name, split_part(key_arn, ':key/', 1) || ':' || alias_name)
)
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
  and ($key_arn is null or $key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
  and ($key_arn is null or key_arn in (select key_arn from wanted))
group by key_arn, side, context_key, context_value
order by call_count desc, key_arn, side, context_key, context_value
