-- key_timeline: One row per interval in which something about a key had one value, by the logs and by every inventory from the time on at which it was taken: later changes in the logs go before it again. Where both say the same, the interval goes on. What was set before the logs begin, and no inventory saw, is not in it.
--
-- key_arn VARCHAR: The key.
-- account_id VARCHAR: Account that owns it.
-- region VARCHAR: Its Region.
-- kind VARCHAR: state, deletion_date, tag, alias, policy or rotation.
-- name VARCHAR: Tag key or alias name (alias/…); else empty.
-- value VARCHAR: Key state (Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Deleted, …), deletion date (ISO 8601, UTC), tag value, alias name, policy document, or enabled / disabled for rotation. NULL for a tag key that was removed.
-- valid_from TIMESTAMP: Start of the interval (inclusive), UTC; where source is inventory the time at which it was taken, which is later than when it became so.
-- valid_to TIMESTAMP: End of the interval (exclusive), UTC; NULL when it still lasts.
-- deletion_date TIMESTAMP: For the kinds state and deletion_date of a key pending deletion: when it will be destroyed, UTC; NULL when nothing names it.
-- event_id UUID: Event that began the interval; NULL when an inventory did.
-- principal_arn VARCHAR: Who began it; NULL when an inventory did.
-- source VARCHAR: Where the start of the interval comes from: cloudtrail or inventory.

with looks as (          -- one row per inventory and thing that it can tell of a key, with the names that it lists
    select
        inventory_keys.*,
        kinds.kind,
        case kinds.kind when 'tag' then map_keys(inventory_keys.tags) when 'alias' then inventory_keys.aliases else array[''] end as names
    from inventory_keys
    cross join unnest(array['state', 'deletion_date', 'rotation', 'policy', 'tag', 'alias', 'tags', 'aliases']) as kinds (kind)
),
seen as (                -- one row per inventory and thing that it tells of a key; one without a name says that a list is whole
    select
        looks.key_arn,
        looks.account_id,
        looks.region,
        case looks.kind when 'tags' then 'tag' when 'aliases' then 'alias' else looks.kind end as kind,
        looks.kind in ('tags', 'aliases') as is_list,
        entries.name,
        case looks.kind
            when 'state' then looks.key_state
            when 'rotation' then case when looks.rotation_enabled then 'enabled' else 'disabled' end
            when 'policy' then looks.key_policy
            when 'tag' then element_at(looks.tags, entries.name)
            when 'alias' then entries.name
        end as value,
        case when looks.kind in ('state', 'deletion_date') then looks.deletion_date end as deletion_date,
        looks.taken_at,
        looks.run_id
    from looks
    cross join unnest(looks.names) as entries (name)
    where case looks.kind
        -- What passes by itself is no state that anybody set.
        when 'state' then looks.key_state is not null and looks.key_state not in ('Creating', 'Updating', 'Unavailable')
        when 'deletion_date' then looks.deletion_date is not null
            or looks.key_state not in ('Creating', 'Updating', 'Unavailable', 'PendingDeletion', 'PendingReplicaDeletion')
        when 'rotation' then looks.rotation_enabled is not null
        when 'policy' then looks.key_policy is not null
        when 'tags' then looks.tags is not null
        when 'aliases' then looks.aliases is not null
        else true
    end
    union all
    select
        entries.key_arn,
        scopes.account_id,
        scopes.region,
        kinds.kind,
        false as is_list,
        '' as name,
        case when kinds.kind = 'state' then 'Deleted' end as value,
        cast(null as timestamp) as deletion_date,
        scopes.taken_at,
        scopes.run_id
    from inventory_scopes as scopes
    cross join unnest(scopes.gone_keys) as entries (key_arn)
    cross join unnest(array['state', 'deletion_date']) as kinds (kind)
),
points as (              -- starts and ends of the logs' intervals, and what inventories saw
    -- Of things of one second an interval without length comes first, then ends
    -- and starts, then a list that is whole and what it lists.
    select
        logged.key_arn,
        logged.account_id,
        logged.region,
        case when sides.side = 'deletion' then 'deletion_date' else logged.kind end as kind,
        logged.name,
        logged.value,
        case
            when sides.side = 'end' or sides.side = 'deletion' and logged.deletion_date is null then 1
            when logged.valid_to = logged.valid_from then 0
            else 2
        end as place,
        case when sides.side = 'end' then logged.valid_to else logged.valid_from end as changed_at,
        logged.valid_to as logged_to,
        logged.deletion_date,
        logged.event_id,
        logged.principal_arn,
        null as run_id
    from key_timeline_logged as logged
    -- With every state it is said anew when the key will be destroyed.
    cross join unnest(array['start', 'end', 'deletion']) as sides (side)
    where logged.kind <> 'deletion_date'
      and case sides.side
          when 'start' then true
          when 'end' then logged.valid_to > logged.valid_from
          else logged.kind = 'state'
      end
    union all
    select
        key_arn,
        account_id,
        region,
        kind,
        name,
        value,
        case when is_list then 3 else 4 end as place,
        taken_at as changed_at,
        cast(null as timestamp) as logged_to,
        deletion_date,
        null as event_id,
        cast(null as varchar) as principal_arn,
        run_id
    from seen
),
written as (             -- the same, with dates as text
    select
        key_arn,
        account_id,
        region,
        kind,
        name,
        case
            when kind <> 'deletion_date' then value
            -- Spelt out, because engines print timestamps differently.
            else lpad(cast(extract(year from deletion_date) as varchar), 4, '0')
                || '-' || lpad(cast(extract(month from deletion_date) as varchar), 2, '0')
                || '-' || lpad(cast(extract(day from deletion_date) as varchar), 2, '0')
                || 'T' || lpad(cast(extract(hour from deletion_date) as varchar), 2, '0')
                || ':' || lpad(cast(extract(minute from deletion_date) as varchar), 2, '0')
                || ':' || lpad(cast(cast(floor(extract(second from deletion_date)) as integer) as varchar), 2, '0')
                || 'Z'
        end as value,
        place,
        changed_at,
        logged_to,
        deletion_date,
        event_id,
        principal_arn,
        run_id
    from points
),
marked as (              -- the same, with what is compared, and when the next list of the key's tags or aliases was whole
    select
        written.*,
        -- An alias belongs to account and Region and points to one key.
        case when kind = 'alias' then coalesce(account_id, '') || ' ' || coalesce(region, '') else key_arn end as holder,
        case
            when place < 2 then null
            when kind = 'alias' then key_arn
            -- AWS gives a policy back with other white space.
            when kind = 'policy' then replace(replace(replace(value, ' ', ''), '
', ''), '	', '')
            else value
        end as token,
        min(case when place = 3 then changed_at end) over (
            partition by key_arn, kind
            order by changed_at, place, run_id
            rows between 1 following and unbounded following
        ) as next_list_at
    from written
),
followed as (            -- one row per point of a thing, with its neighbours
    select
        marked.*,
        lag(token) over (partition by kind, holder, name order by changed_at, place, run_id, key_arn) as token_before,
        lead(changed_at) over (partition by kind, holder, name order by changed_at, place, run_id, key_arn) as next_at
    from marked
    where place <> 3
),
ended as (               -- the same, with the time of the list that shows that it is over
    select
        followed.*,
        case when token is not null and (next_at is null or next_at > next_list_at) then next_list_at end as ends_at
    from followed
),
compared as (            -- the same, and whether it is news
    select
        ended.*,
        place < 3
            or token is not null and (
                token_before is null
                or token <> token_before
                or lag(ends_at) over (partition by kind, holder, name order by changed_at, place, run_id, key_arn) is not null
            )
            or token is null
                and token_before is not null
                and lag(ends_at) over (partition by kind, holder, name order by changed_at, place, run_id, key_arn) is null
            as is_news
    from ended
),
changes as (             -- the same, with the change that comes right after it
    select
        compared.*,
        case
            when ends_at is not null then ends_at
            when lead(is_news) over (partition by kind, holder, name order by changed_at, place, run_id, key_arn) then next_at
        end as change_after
    from compared
),
intervals as (           -- the same, with the first change after it
    select
        changes.*,
        min(change_after) over (
            partition by kind, holder, name
            order by changed_at, place, run_id, key_arn
            rows between current row and unbounded following
        ) as next_change
    from changes
)
select
    key_arn,
    account_id,
    region,
    kind,
    name,
    value,
    changed_at as valid_from,
    case when place = 0 then logged_to else next_change end as valid_to,
    deletion_date,
    event_id,
    principal_arn,
    case when place = 4 then 'inventory' else 'cloudtrail' end as source
from intervals
where is_news
  and place <> 1
  and (place < 3 or token is not null)
