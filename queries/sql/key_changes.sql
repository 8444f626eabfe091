/*---
id: key_changes
title: What changed about a key since then
description: |
  Compares the window with the time before it: callers, accounts, services,
  operations, errors, context values and resources that are new or gone, a
  volume that rose or fell, and what was done to the key itself. "Since last
  week" is a window of seven days. Where the logs of the time before do not
  reach back that far, rates count from where they begin; where there are none,
  everything is new. Windows that begin and end on the hour are exact for what
  comes from the rollups; contexts and resources come from the records and
  always are.
grain: one row per key, kind and name
params:
  key_arn: {type: varchar, required: true, doc: "key ARN, key id, alias (alias/…) or alias ARN; an alias means all keys that had it"}
  baseline_days: {type: days, default: 30, doc: how long before the window to compare with}
  min_ratio: {type: double, default: 2, doc: "how many times more, or fewer, calls a day are worth a row"}
  max_names: {type: integer, default: 100, doc: "at most so many rows per kind and change, those with most calls"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: kind, type: VARCHAR, doc: "lifecycle, volume, caller, account, service, operation, error, context or resource."}
  - {name: name, type: VARCHAR, doc: "Operation that changed the key; principal ARN, else service principal or unique id; account; service or direct; operation; class of the error; context key=value; service:resource. Contexts and resources are untrusted text."}
  - {name: change, type: VARCHAR, doc: "new, gone, more or less; done for what was done to the key."}
  - {name: done_by, type: VARCHAR, doc: "Who changed the key; NULL for other kinds, and for KMS itself."}
  - {name: before_count, type: BIGINT, doc: "Calls before the window, those that changed the key with success apart."}
  - {name: window_count, type: BIGINT, doc: "Calls in the window, likewise."}
  - {name: before_per_day, type: DOUBLE, doc: "Calls a day before the window; NULL when the logs begin with the window."}
  - {name: window_per_day, type: DOUBLE, doc: Calls a day in the window.}
  - {name: first_seen, type: TIMESTAMP, doc: "First of all these calls, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last of all these calls, UTC."}
---*/
with named as (          -- keys with a name that calls used, and with the aliases they had, in both times
    select distinct key_arn, alias_name
    from usage_daily
    where day >= cast($baseline_start as date)
      and cast(day as timestamp) < $window_end
      and key_arn is not null
      -- A key asked for by ARN or id is picked before anything is summed up.
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
    union all
    select key_arn, name as alias_name
    from key_timeline_logged -- Trino computes it at every place where this is named: what inventories say would be too much
    where kind = 'alias'
      and valid_from < $window_end
      and (valid_to is null or valid_to > $baseline_start)
    union all
    select distinct key_arn, cast(null as varchar) as alias_name
    from key_change_records
    where event_time >= $baseline_start
      and event_time < $window_end
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
begun as (               -- the moment from which on there is something to compare with
    select case when min(first_event_time) > $baseline_start then min(first_event_time) else $baseline_start end as begins_at
    from arrivals
),
spans as (               -- how many days both times have
    select
        (to_unixtime($window_start) - to_unixtime(begins_at)) / 86400e0 as before_days,
        (to_unixtime($window_end) - to_unixtime($window_start)) / 86400e0 as window_days
    from begun
),
uses as (                -- one row per key, caller, service, operation, outcome and time, counted from the side that knows more
    select
        key_arn,
        caller_id,
        caller_account_id,
        service,
        event_name,
        error_class,
        hour >= date_trunc('hour', $window_start) as in_window,
        max(principal_arn) as principal_arn,
        case when sum(caller_use_count) > sum(use_count) then sum(caller_use_count) else sum(use_count) end as calls,
        min(first_event_time) as first_seen,
        max(last_event_time) as last_seen
    from usage_hourly
    where hour > $baseline_start - interval '1' hour
      and hour < $window_end
      and last_event_time >= $baseline_start
      and first_event_time < $window_end
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
      and key_arn in (select key_arn from wanted)
      -- What was done to the key itself has rows of its own.
      and (error_class is not null or event_name not in (select event_name from key_change_records))
    group by 1, 2, 3, 4, 5, 6, 7
),
named_uses as (          -- the same, with the name of the caller that any copy tells
    select uses.*, coalesce(max(principal_arn) over (partition by caller_id), caller_id) as caller
    from uses
),
changed as (             -- one row per change of the key itself, its copies as one
    select
        key_arn,
        change_id,
        event_name,
        event_time,
        coalesce(max(principal_arn), max(service)) as done_by
    from key_change_records
    where event_time >= $baseline_start
      and event_time < $window_end
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
    group by key_arn, change_id, event_name, event_time
),
mentions as (            -- one row per call and context value, per call and resource, and per change of the key
    -- What names a resource is among the resources, of S3 objects the bucket.
    select key_arn, 'context' as kind, context_key || '=' || context_value as name, cast(null as varchar) as done_by, event_time
    from encryption_context
    where event_time >= $baseline_start
      and event_time < $window_end
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
      and context_key not like 'aws:%'
      and context_key not in ('SecretARN', 'PARAMETER_ARN')
    union all
    select
        key_arn, 'resource' as kind,
        case when service <> '' then service || ':' || resource_name else resource_name end as name,
        cast(null as varchar) as done_by, event_time
    from context_resources
    where event_time >= $baseline_start
      and event_time < $window_end
      and ($key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2)))
    union all
    select key_arn, 'lifecycle' as kind, event_name as name, done_by, event_time
    from changed
),
entries as (             -- one row per key, kind, name, time and origin
    select
        named_uses.key_arn,
        kinds.kind,
        case kinds.kind
            when 'volume' then 'all calls'
            when 'caller' then named_uses.caller
            when 'account' then named_uses.caller_account_id
            when 'service' then coalesce(named_uses.service, 'direct')
            when 'operation' then named_uses.event_name
            else named_uses.error_class
        end as name,
        cast(null as varchar) as done_by,
        named_uses.in_window,
        named_uses.calls,
        named_uses.first_seen,
        named_uses.last_seen
    from named_uses
    cross join unnest(array['volume', 'caller', 'account', 'service', 'operation', 'error']) as kinds (kind)
    where (kinds.kind <> 'account' or named_uses.caller_account_id is not null)
      and (kinds.kind <> 'error' or named_uses.error_class is not null)
    union all
    select
        key_arn,
        kind,
        name,
        done_by,
        event_time >= $window_start as in_window,
        count(*) as calls,
        min(event_time) as first_seen,
        max(event_time) as last_seen
    from mentions
    where key_arn in (select key_arn from wanted)
    group by 1, 2, 3, 4, 5
),
compared as (            -- one row per key, kind, name and who changed it, both times side by side
    select
        key_arn,
        kind,
        name,
        done_by,
        max(case when in_window then 0 else 1 end) as seen_before,
        max(case when in_window then 1 else 0 end) as seen_in_window,
        sum(case when in_window then 0 else calls end) as before_count,
        sum(case when in_window then calls else 0 end) as window_count,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from entries
    group by key_arn, kind, name, done_by
),
rated as (               -- the same, by the day
    select
        compared.*,
        case when spans.before_days > 0e0 then cast(compared.before_count as double) / cast(spans.before_days as double) end as before_per_day,
        cast(compared.window_count as double) / cast(spans.window_days as double) as window_per_day
    from compared
    cross join spans
),
judged as (              -- the same, with what changed
    select
        rated.*,
        case
            when kind = 'lifecycle' then case when window_count > 0 then 'done' end
            when seen_before = 0 then 'new'
            when seen_in_window = 0 then 'gone'
            when kind <> 'volume' then null
            when window_per_day >= $min_ratio * before_per_day then 'more'
            when window_per_day * $min_ratio <= before_per_day then 'less'
        end as change
    from rated
),
ranked as (              -- what changed, most calls first
    select
        judged.*,
        row_number() over (partition by key_arn, kind, change order by window_count desc, before_count desc, name) as name_number
    from judged
    where change is not null
)
select
    ranked.key_arn,
    labels.aliases,
    ranked.kind,
    ranked.name,
    ranked.change,
    ranked.done_by,
    cast(ranked.before_count as bigint) as before_count,
    cast(ranked.window_count as bigint) as window_count,
    ranked.before_per_day,
    ranked.window_per_day,
    ranked.first_seen,
    ranked.last_seen
from ranked
left join labels on labels.key_arn = ranked.key_arn
-- What was done to the key shows in full.
where ranked.kind = 'lifecycle'
   or ranked.name_number <= $max_names
order by
    ranked.key_arn,
    case ranked.kind when 'lifecycle' then 1 when 'volume' then 2 when 'caller' then 3 when 'account' then 4 when 'service' then 5
        when 'operation' then 6 when 'error' then 7 when 'context' then 8 else 9 end,
    ranked.change desc,
    ranked.window_count desc,
    ranked.before_count desc,
    ranked.name,
    ranked.done_by
