/*---
id: context_profile
title: Encryption contexts of a key, in short
description: |
  What the encryption contexts of a key look like: which context keys, how many
  different values, on what share of the calls. A context key that is nearly
  always there and then is not, or a few calls without any, deserve a look;
  contexts_of_key lists the values. Only successful calls of operations that
  take an encryption context count. The texts come from callers and are
  untrusted.
grain: one row per key, side and context key, and one for the calls without context
params:
  key_arn: {type: varchar, required: true, doc: "key ARN, key id, alias (alias/…) or alias ARN; an alias means all keys that had it"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: side, type: VARCHAR, doc: "source, or destination for what ReEncrypt encrypts to."}
  - {name: context_key, type: VARCHAR, doc: "Key in the encryption context; NULL for the calls without context."}
  - {name: value_count, type: BIGINT, doc: Different values.}
  - {name: call_count, type: BIGINT, doc: Calls with it.}
  - {name: share, type: DOUBLE, doc: "Their share of the calls of that side that take a context, from 0 to 1."}
  - {name: caller_count, type: BIGINT, doc: Different callers of these calls.}
  - {name: examples, type: "VARCHAR[]", doc: "The most frequent values, at most five, in alphabetical order."}
  - {name: first_seen, type: TIMESTAMP, doc: "First of these calls in the window, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last of these calls in the window, UTC."}
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
labels as (              -- one row per key, with its aliases
    select key_arn, aliases
    from keys
    where $key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2))
),
wanted as (              -- keys that are asked for
    select distinct key_arn
    from named
    where $key_arn in (key_arn, split_part(key_arn, '/', 2), alias_name, split_part(key_arn, ':key/', 1) || ':' || alias_name)
),
sides as (               -- one row per call and side that takes a context
    select event_time, caller_id, key_arn, 'source' as side, encryption_context as context, map_keys(encryption_context) as context_keys
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and error_class is null
      and event_name in (
          'Encrypt', 'Decrypt', 'ReEncrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext',
          'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext'
      )
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
      and key_arn in (select key_arn from wanted)
    union all
    select
        event_time, caller_id, destination_key_arn as key_arn, 'destination' as side,
        destination_encryption_context as context, map_keys(destination_encryption_context) as context_keys
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and error_class is null
      and event_name = 'ReEncrypt'
      and ($key_arn like '%alias/%' or $key_arn in (destination_key_arn, split_part(destination_key_arn, '/', 2)))
      and destination_key_arn in (select key_arn from wanted)
),
totals as (              -- one row per key and side
    select key_arn, side, count(*) as call_count
    from sides
    group by key_arn, side
),
entries as (             -- one row per call, side and key of its context
    select sides.event_time, sides.caller_id, sides.key_arn, sides.side, names.context_key, element_at(sides.context, names.context_key) as context_value
    from sides
    cross join unnest(sides.context_keys) as names (context_key)
),
ranked as (              -- one row per value, the most frequent first
    select
        key_arn,
        side,
        context_key,
        context_value,
        row_number() over (partition by key_arn, side, context_key order by count(*) desc, context_value) as value_number
    from entries
    group by key_arn, side, context_key, context_value
),
examples as (            -- one row per context key
    select
        key_arn,
        side,
        context_key,
        count(*) as value_count,
        array_agg(context_value order by context_value) filter (where value_number <= 5) as examples
    from ranked
    group by key_arn, side, context_key
),
profile as (             -- one row per context key, and one for the calls without
    select
        key_arn, side, context_key, count(*) as call_count, count(distinct caller_id) as caller_count,
        min(event_time) as first_seen, max(event_time) as last_seen
    from entries
    group by key_arn, side, context_key
    union all
    select
        key_arn, side, cast(null as varchar) as context_key, count(*) as call_count, count(distinct caller_id) as caller_count,
        min(event_time) as first_seen, max(event_time) as last_seen
    from sides
    where element_at(context_keys, 1) is null
    group by key_arn, side
)
select
    profile.key_arn,
    labels.aliases,
    profile.side,
    profile.context_key,
    coalesce(examples.value_count, 0) as value_count,
    profile.call_count,
    cast(profile.call_count as double) / cast(totals.call_count as double) as share,
    profile.caller_count,
    examples.examples,
    profile.first_seen,
    profile.last_seen
from profile
join totals
  on totals.key_arn = profile.key_arn
 and totals.side = profile.side
left join examples
  on examples.key_arn = profile.key_arn
 and examples.side = profile.side
 and examples.context_key = profile.context_key
left join labels on labels.key_arn = profile.key_arn
order by profile.key_arn, profile.side desc, profile.call_count desc, profile.context_key nulls last
