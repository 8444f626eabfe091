with named as (          -- one row per key that aliases point to now; an alias belongs to account and Region
    select
        told.key_arn,
        list_sort(list(alias_name)) as names,
        case when len(names) <= 3 then array_to_string(names, ', ') else array_to_string(names[:3], ', ') || ', …' end as aliases
    from (
        select alias_name, max({event_time: event_time, rank: change_rank, id: event_id, key_arn: key_arn, event_name: event_name}) as told
        from key_changes
        where event_name in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
          and alias_name is not null
        group by coalesce(account_id, '') || ' ' || coalesce(region, ''), alias_name
    ) as last_aliases
    where told.event_name <> 'DeleteAlias'
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
    ) as namings
    group by key_arn
)
select
    known.key_arn,
    -- An alias that calls name serves where its creation lies before the logs.
    coalesce(named.aliases, known.alias_name) as aliases
from known
left join named on named.key_arn = known.key_arn
