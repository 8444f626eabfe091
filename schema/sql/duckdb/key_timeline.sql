with logged as not materialized (    -- one row per interval by the logs, and of dates of deletion one per state, without a token where there is none
    select
        key_arn, account_id, region, kind, name, value, valid_from, valid_to, deletion_date, event_id, principal_arn,
        if(kind = 'alias', coalesce(account_id, '') || ' ' || coalesce(region, ''), key_arn) as holder,
        case kind when 'alias' then key_arn when 'policy' then md5(replace(replace(replace(value, ' ', ''), chr(10), ''), chr(9), '')) else value end as token
    from key_timeline_logged
    where kind <> 'deletion_date'
    union all
    select
        key_arn, account_id, region, 'deletion_date', '', strftime(deletion_date, '%Y-%m-%dT%H:%M:%SZ'), valid_from, valid_to, deletion_date,
        event_id, principal_arn, key_arn, strftime(deletion_date, '%Y-%m-%dT%H:%M:%SZ')
    from key_timeline_logged
    where kind = 'state'
),
lists as not materialized (          -- one row per inventory that knows tags of a key, with all names that they ever had
    select key_arn, account_id, region, taken_at, run_id, tags, unnest(names) as name
    from inventory_keys
    join (
        select key_arn, list(distinct name) as names
        from (
            select key_arn, unnest(map_keys(tags)) as name from key_setting_records where key_arn in (select key_arn from key_inventory)
            union all
            select key_arn, unnest(map_keys(tags)) as name from inventory_keys
        ) as named
        group by key_arn
    ) as named using (key_arn)
    where tags is not null
),
alias_lists as not materialized (    -- the same of aliases
    select key_arn, account_id, region, taken_at, run_id, aliases, unnest(names) as name
    from inventory_keys
    join (
        select key_arn, list(distinct name) as names
        from (
            select key_arn, alias_name as name from key_setting_records where alias_name is not null and key_arn in (select key_arn from key_inventory)
            union all
            select key_arn, unnest(aliases) as name from inventory_keys
        ) as named
        group by key_arn
    ) as named using (key_arn)
    where aliases is not null
),
seen as not materialized (           -- one row per inventory and thing that it tells of a key; without a token it says that there is none
    select
        key_arn, account_id, region, 'state' as kind, '' as name, key_state as value, taken_at, deletion_date, run_id,
        key_arn as holder, key_state as token
    from inventory_keys
    -- What passes by itself is no state that anybody set.
    where key_state not in ('Creating', 'Updating', 'Unavailable')
    union all
    select
        key_arn, account_id, region, 'deletion_date', '', strftime(deletion_date, '%Y-%m-%dT%H:%M:%SZ') as value, taken_at, deletion_date, run_id,
        key_arn, value
    from inventory_keys
    where deletion_date is not null
       or key_state not in ('Creating', 'Updating', 'Unavailable', 'PendingDeletion', 'PendingReplicaDeletion')
    union all
    select key_arn, account_id, region, kind, '', if(kind = 'state', 'Deleted', null) as value, taken_at, null, run_id, key_arn, value
    from (select account_id, region, taken_at, run_id, unnest(gone_keys) as key_arn from inventory_scopes) as scopes
    cross join (values ('state'), ('deletion_date')) as kinds (kind)
    union all
    select key_arn, account_id, region, 'rotation', '', if(rotation_enabled, 'enabled', 'disabled') as value, taken_at, null, run_id, key_arn, value
    from inventory_keys
    where rotation_enabled is not null
    union all
    select
        key_arn, account_id, region, 'policy', '', key_policy, taken_at, null, run_id, key_arn,
        md5(replace(replace(replace(key_policy, ' ', ''), chr(10), ''), chr(9), ''))
    from inventory_keys
    where key_policy is not null
    union all
    select key_arn, account_id, region, 'tag', name, tags[name] as value, taken_at, null, run_id, key_arn, value
    from lists
    union all
    select
        key_arn, account_id, region, 'alias', name, name, taken_at, null, run_id,
        coalesce(account_id, '') || ' ' || coalesce(region, ''), if(list_contains(aliases, name), key_arn, null)
    from alias_lists
),
spans as not materialized (          -- the logs' intervals, and the times between, before and after them
    select *, coalesce(span_from, timestamp '-infinity') as from_at, coalesce(span_to, timestamp 'infinity') as until_at
    from (select kind, holder, name, unnest(parts, recursive := true) from (
        select
            kind, holder, name,
            list_filter([
                {span_from: valid_from, span_to: valid_to, logged_token: token, is_part: true},
                {span_from: valid_to, span_to: next_from, logged_token: null, is_part: valid_to < coalesce(next_from, timestamp 'infinity')},
                {span_from: null, span_to: valid_from, logged_token: null, is_part: is_first}
            ], lambda part: part.is_part) as parts
        from (
            select
                kind, holder, name, valid_from, valid_to, token,
                lead(valid_from) over (partition by kind, holder, name order by valid_from) as next_from,
                row_number() over (partition by kind, holder, name order by valid_from) = 1 as is_first
            from logged
            where valid_to is null or valid_to > valid_from
        ) as neighbours
    ) as parted) as parts
),
placed as not materialized (         -- the same, with the span of the logs in which it was seen
    select seen.*, spans.span_from, spans.span_to, spans.logged_token
    from seen
    left join spans
      on spans.kind = seen.kind and spans.holder = seen.holder and spans.name = seen.name
     -- Comparisons alone: with anything else DuckDB would compare all with all.
     and spans.from_at <= seen.taken_at and spans.until_at > seen.taken_at
),
counted as not materialized (        -- aliases; that a key has one no more says nothing of other keys: what comes before counts
    select *, count(token) over (partition by holder, name, span_from order by taken_at, run_id, key_arn rows between unbounded preceding and current row) as phase
    from placed
    where kind = 'alias'
),
telling as not materialized (        -- the same, without what is about another key
    select *
    from placed
    where kind <> 'alias'
    union all
    select * exclude (phase)
    from counted
    qualify token is not null
         or key_arn = if(phase = 0, logged_token, max(token) over (partition by holder, name, span_from, phase))
),
news as not materialized (           -- the same, without what was known before
    select *
    from telling
    qualify token is distinct from
        lag(token, 1, logged_token) over (partition by kind, holder, name, span_from order by taken_at, run_id, key_arn)
),
told as not materialized (           -- intervals of both, those that only end another among them
    select *, if(valid_to = valid_from, 0, 1) as place, 'cloudtrail' as source, null::uuid as run_id
    from logged
    union all by name
    select
        key_arn, account_id, region, kind, name, value, taken_at as valid_from, span_to as valid_to, deletion_date, holder, token,
        2 as place, 'inventory' as source, run_id
    from news
),
intervals as not materialized (
    select
        *,
        if(place = 0, valid_to, least(valid_to, lead(valid_from) over (partition by kind, holder, name order by valid_from, place, run_id, key_arn))) as ends_at
    from told
)
select
    key_arn, account_id, region, kind, name, value, valid_from, ends_at as valid_to, deletion_date,
    event_id, principal_arn, source
from intervals
where case when source = 'inventory' or kind = 'deletion_date' then token is not null else true end
