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
    select
        calls.event_time,
        calls.caller_id,
        sides.side,
        case sides.side when 'source' then calls.key_arn else calls.destination_key_arn end as key_arn,
        case sides.side when 'source' then calls.encryption_context else calls.destination_encryption_context end as context,
        map_keys(case sides.side when 'source' then calls.encryption_context else calls.destination_encryption_context end) as context_keys
    from kms_calls as calls
    cross join unnest(array['source', 'destination']) as sides (side)
    where calls.event_time >= $window_start
      and calls.event_time < $window_end
      and calls.error_class is null
      and calls.event_name in (
          'Encrypt', 'Decrypt', 'ReEncrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext',
          'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext'
      )
      and (
          $key_arn like '%alias/%'
          or $key_arn in (calls.key_arn, split_part(calls.key_arn, '/', 2))
          or $key_arn in (calls.destination_key_arn, split_part(calls.destination_key_arn, '/', 2))
      )
      and (sides.side = 'source' or calls.event_name = 'ReEncrypt')
),
entries as (             -- one row per call, side and key of its context, and one for a call without
    select
        sides.event_time,
        sides.caller_id,
        sides.key_arn,
        sides.side,
        names.context_key,
        element_at(sides.context, names.context_key) as context_value,
        -- Each call counts once, by the first of its keys.
        coalesce(names.context_key, '') = coalesce(element_at(sides.context_keys, 1), '') as is_first
    from (
        select
            sides.*,
            case when element_at(context_keys, 1) is null then array[cast(null as varchar)] else context_keys end as names
        from sides
        where key_arn in (select key_arn from wanted)
    ) as sides
    cross join unnest(sides.names) as names (context_key)
),
counted as (             -- one row per key, side, context key, value and caller
    select
        key_arn,
        side,
        context_key,
        context_value,
        caller_id,
        count(*) as call_count,
        count(case when is_first then 1 end) as first_count,
        min(event_time) as first_seen,
        max(event_time) as last_seen
    from entries
    group by key_arn, side, context_key, context_value, caller_id
),
summed as (              -- the same, with all calls of the value
    select counted.*, sum(call_count) over (partition by key_arn, side, context_key, context_value) as value_calls
    from counted
),
ranked as (              -- the same, the most frequent value first
    select
        summed.*,
        dense_rank() over (partition by key_arn, side, context_key order by value_calls desc, context_value) as value_number
    from summed
),
profile as (             -- one row per context key, and one for the calls without
    select
        key_arn,
        side,
        context_key,
        count(distinct context_value) as value_count,
        cast(sum(call_count) as bigint) as call_count,
        cast(sum(first_count) as bigint) as first_count,
        count(distinct caller_id) as caller_count,
        array_agg(distinct context_value order by context_value) filter (where value_number <= 5 and context_key is not null) as examples,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from ranked
    group by key_arn, side, context_key
)
select
    profile.key_arn,
    labels.aliases,
    profile.side,
    profile.context_key,
    profile.value_count,
    profile.call_count,
    cast(profile.call_count as double) / cast(sum(profile.first_count) over (partition by profile.key_arn, profile.side) as double) as share,
    profile.caller_count,
    profile.examples,
    profile.first_seen,
    profile.last_seen
from profile
left join labels on labels.key_arn = profile.key_arn
order by profile.key_arn, profile.side desc, profile.call_count desc, profile.context_key nulls last
