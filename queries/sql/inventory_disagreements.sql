/*---
id: inventory_disagreements
title: Where logs and inventory say different things of a key
description: |
  Compares what the logs say of a key at the time when the newest inventory in the
  window looked at it with what that inventory says: state, aliases, tags and
  rotation, and keys that a whole list of their account and Region does not have.
  Then logs are missing or late, somebody changed the key meanwhile, or the
  inventory was imported from a source that is wrong. What was set before the logs
  begin is no disagreement, and what an inventory does not know is none.
grain: one row per key and thing that the two tell differently
params:
  key_arn: {type: varchar, default: null, doc: "key ARN or key id; without it all keys"}
  account_id: {type: varchar, default: null, doc: "account that owns the key; without it all accounts"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: account_id, type: VARCHAR, doc: Account that owns it.}
  - {name: region, type: VARCHAR, doc: Its Region.}
  - {name: kind, type: VARCHAR, doc: "state, alias, tag or rotation."}
  - {name: name, type: VARCHAR, doc: "Alias or tag key; else empty."}
  - {name: log_value, type: VARCHAR, doc: "What held by the logs; NULL for a tag that was removed."}
  - {name: inventory_value, type: VARCHAR, doc: "What the inventory says; NULL for an alias, tag or key that is not there."}
  - {name: taken_at, type: TIMESTAMP, doc: "When the inventory looked, UTC."}
  - {name: logged_at, type: TIMESTAMP, doc: "When it became so by the logs, UTC."}
  - {name: event_id, type: UUID, doc: Event that made it so.}
---*/
with ranked as (         -- one row per key and inventory in the window, the newest first
    select
        inventory_keys.*,
        row_number() over (partition by key_arn order by taken_at desc, run_id) as place
    from inventory_keys
    where taken_at >= $window_start
      and taken_at < $window_end
),
seen as (                -- one row per key, as the newest inventory saw it
    select *
    from ranked
    where place = 1
),
held as (                -- one row per key and alias that it had then
    select seen.key_arn, entries.alias_name
    from seen
    cross join unnest(seen.aliases) as entries (alias_name)
),
listings as (            -- one row per account, Region and inventory that listed all keys
    select
        inventory_scopes.*,
        row_number() over (partition by account_id, region order by taken_at desc, run_id) as place
    from inventory_scopes
    where taken_at >= $window_start
      and taken_at < $window_end
),
looked as (              -- one row per interval of a key that an inventory looked for
    select
        key_timeline_logged.key_arn,
        key_timeline_logged.account_id,
        key_timeline_logged.region,
        key_timeline_logged.kind,
        key_timeline_logged.name,
        key_timeline_logged.value,
        key_timeline_logged.valid_from,
        key_timeline_logged.valid_to,
        key_timeline_logged.event_id,
        seen.key_state,
        seen.tags,
        seen.aliases,
        seen.rotation_enabled,
        held.alias_name,
        seen.key_arn is null or listings.run_id <> seen.run_id and listings.taken_at > seen.taken_at as is_gone,
        case
            when seen.key_arn is null or listings.run_id <> seen.run_id and listings.taken_at > seen.taken_at then listings.taken_at
            else seen.taken_at
        end as taken_at
    from key_timeline_logged
    left join seen on seen.key_arn = key_timeline_logged.key_arn
    left join held
      on held.key_arn = key_timeline_logged.key_arn
     and held.alias_name = key_timeline_logged.name
     and key_timeline_logged.kind = 'alias'
    left join listings
      on listings.account_id = key_timeline_logged.account_id
     and listings.region = key_timeline_logged.region
     and listings.place = 1
    where key_timeline_logged.kind in ('state', 'alias', 'tag', 'rotation')
      and ($key_arn is null or $key_arn in (key_timeline_logged.key_arn, split_part(key_timeline_logged.key_arn, '/', 2)))
      and ($account_id is null or key_timeline_logged.account_id = $account_id)
),
compared as (            -- the same, with what the inventory says; is_known where it says anything
    select
        looked.*,
        case
            when is_gone then null
            when kind = 'state' then key_state
            when kind = 'alias' then alias_name
            when kind = 'tag' then element_at(tags, name)
            when rotation_enabled then 'enabled'
            else 'disabled'
        end as inventory_value,
        case
            when is_gone then kind = 'state' and value <> 'Deleted'
            -- What passes by itself is no state that anybody set.
            when kind = 'state' then key_state is not null and key_state not in ('Creating', 'Updating', 'Unavailable')
            when kind = 'alias' then aliases is not null
            when kind = 'tag' then tags is not null
            else rotation_enabled is not null
        end as is_known
    from looked
    where valid_from <= taken_at
      and (valid_to is null or valid_to > taken_at)
)
select
    key_arn,
    account_id,
    region,
    kind,
    name,
    value as log_value,
    inventory_value,
    taken_at,
    valid_from as logged_at,
    event_id
from compared
where is_known
  and (value is null and inventory_value is not null
    or value is not null and inventory_value is null
    or value <> inventory_value)
order by key_arn, kind, name
