/*---
id: key_timeline
title: What was changed about a key
description: State, tags, aliases, policy and rotation of keys as intervals that touch the window, oldest first, and who began each. Inventories say what was so when they were taken.
grain: one row per key, kind, name and interval
params:
  key_arn: {type: varchar, default: null, doc: "key ARN, key id, alias (alias/…) or alias ARN; without it all keys"}
  kind: {type: varchar, default: null, doc: "state, deletion_date, tag, alias, policy or rotation; without it all but policy"}
columns:
  - {name: valid_from, type: TIMESTAMP, doc: "Start of the interval (inclusive), UTC."}
  - {name: valid_to, type: TIMESTAMP, doc: "End (exclusive), UTC; NULL when it still lasts."}
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: kind, type: VARCHAR, doc: "state, deletion_date, tag, alias, policy or rotation."}
  - {name: name, type: VARCHAR, doc: "Tag key or alias; else empty."}
  - {name: value, type: VARCHAR, doc: "The value; NULL for a tag that was removed."}
  - {name: principal_arn, type: VARCHAR, doc: "Who began it; NULL for KMS itself, and when an inventory says it."}
  - {name: event_id, type: UUID, doc: "Event that began it; NULL when an inventory says it."}
  - {name: source, type: VARCHAR, doc: "Where its start comes from: cloudtrail, or inventory, which says that it was so then."}
---*/
with aliased as (        -- keys that had the alias asked for in the window, or that calls named by it
    select key_arn
    from key_timeline
    where kind = 'alias'
      and valid_from < $window_end
      and (valid_to is null or valid_to > $window_start)
      and $key_arn in (name, split_part(key_arn, ':key/', 1) || ':' || name)
    union
    select key_arn
    from usage_daily
    where day >= cast($window_start as date)
      and cast(day as timestamp) < $window_end
      and $key_arn like '%alias/%'
      and $key_arn in (alias_name, split_part(key_arn, ':key/', 1) || ':' || alias_name)
)
select
    valid_from,
    valid_to,
    key_arn,
    kind,
    name,
    value,
    principal_arn,
    event_id,
    source
from key_timeline
where valid_from < $window_end
  and (valid_to is null or valid_to > $window_start)
  and ($key_arn is null
    or $key_arn in (key_arn, split_part(key_arn, '/', 2))
    or key_arn in (select key_arn from aliased))
  and (kind = $kind or $kind is null and kind <> 'policy')
order by valid_from, key_arn, kind, name, value, event_id
