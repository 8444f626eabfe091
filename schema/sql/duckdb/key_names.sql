with alias_news as not materialized (   -- one row per change of an alias, and per alias that the newest inventory of a key lists
    select account_id, region, alias_name, {event_time: event_time, rank: change_rank, id: event_id, key_arn: key_arn, event_name: event_name} as told
    from key_changes
    where event_name in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
      and alias_name is not null
    union all
    -- At the same time the inventory goes before the logs.
    select account_id, region, unnest(aliases), {event_time: aliases_at, rank: 99, id: null, key_arn: key_arn, event_name: 'inventory'}
    from key_inventory
),
named as (               -- one row per key that aliases point to now; an alias belongs to account and Region
    select
        told.key_arn,
        list_sort(list(alias_name)) as names,
        case when len(names) <= 3 then array_to_string(names, ', ') else array_to_string(names[:3], ', ') || ', …' end as aliases
    from (
        select alias_name, max(told) as told
        from alias_news
        group by coalesce(account_id, '') || ' ' || coalesce(region, ''), alias_name
    ) as last_aliases
    left join key_inventory
      on key_inventory.key_arn = told.key_arn
     and key_inventory.aliases_at >= told.event_time
    where told.event_name <> 'DeleteAlias'
      -- Then the inventory that says what the key's aliases are has it.
      and (key_inventory.key_arn is null or told.event_name = 'inventory' or list_contains(key_inventory.aliases, alias_name))
    group by told.key_arn
),
known as (               -- one row per key
    select key_arn, min(alias_name) as alias_name
    from (
        select key_arn, alias_name from usage_monthly_sums where key_arn is not null
        union all
        select key_arn, alias_name from usage_monthly_parts where key_arn is not null
        union all
        select key_arn, null as alias_name from key_change_records
        union all
        select key_arn, null as alias_name from key_inventory
    ) as namings
    group by key_arn
)
select
    known.key_arn,
    -- An alias that calls name serves where nothing tells which it has.
    coalesce(named.aliases, case when key_inventory.aliases_at is null then known.alias_name end) as aliases
from known
left join named on named.key_arn = known.key_arn
left join key_inventory on key_inventory.key_arn = known.key_arn
