-- key_timeline_logged: key_timeline by the logs alone: one row per interval in which something about a key had one value. What was set before the logs begin is not in it. Only calls that succeeded and were no dry run count.
--
-- key_arn VARCHAR: The key.
-- account_id VARCHAR: Account that owns it.
-- region VARCHAR: Its Region.
-- kind VARCHAR: state, deletion_date, tag, alias, policy or rotation.
-- name VARCHAR: Tag key or alias name (alias/…); else empty.
-- value VARCHAR: Key state (Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Deleted, …), deletion date (ISO 8601, UTC), tag value, alias name, policy document, or enabled / disabled for rotation. NULL for a tag key that was removed.
-- valid_from TIMESTAMP: Start of the interval (inclusive), UTC.
-- valid_to TIMESTAMP: End of the interval (exclusive), UTC; NULL when it still lasts.
-- deletion_date TIMESTAMP: For the kinds state and deletion_date of a key pending deletion: when it will be destroyed, UTC; NULL when the response named none.
-- event_id UUID: Event that began the interval.
-- principal_arn VARCHAR: Who began it.

with kinds as (          -- what a change tells of, tags aside
    select event_name, kind
    from (values
        ('CreateKey', 'state'), ('CreateKey', 'deletion_date'), ('CreateKey', 'policy'),
        ('EnableKey', 'state'), ('EnableKey', 'deletion_date'),
        ('DisableKey', 'state'), ('DisableKey', 'deletion_date'),
        ('ScheduleKeyDeletion', 'state'), ('ScheduleKeyDeletion', 'deletion_date'),
        ('CancelKeyDeletion', 'state'), ('CancelKeyDeletion', 'deletion_date'),
        ('ImportKeyMaterial', 'state'), ('ImportKeyMaterial', 'deletion_date'),
        ('DeleteImportedKeyMaterial', 'state'), ('DeleteImportedKeyMaterial', 'deletion_date'),
        ('DeleteExpiredKeyMaterial', 'state'), ('DeleteExpiredKeyMaterial', 'deletion_date'),
        ('DeleteKey', 'state'), ('DeleteKey', 'deletion_date'),
        ('CreateAlias', 'alias'), ('UpdateAlias', 'alias'), ('DeleteAlias', 'alias'),
        ('ReplicateKey', 'policy'), ('PutKeyPolicy', 'policy'),
        ('EnableKeyRotation', 'rotation'), ('DisableKeyRotation', 'rotation')
    ) as told (event_name, kind)
),
claims as (              -- one row per change and thing, with the value that it gives it
    select
        key_changes.key_arn,
        key_changes.account_id,
        key_changes.region,
        kinds.kind,
        case when kinds.kind = 'alias' then key_changes.alias_name else '' end as name,
        -- An alias belongs to account and Region and points to one key.
        case
            when kinds.kind = 'alias' then coalesce(key_changes.account_id, '') || ' ' || coalesce(key_changes.region, '')
            else key_changes.key_arn
        end as holder,
        case
            when kinds.kind = 'policy' then key_changes.key_policy
            when kinds.kind = 'alias' then key_changes.alias_name
            when key_changes.event_name = 'CreateKey'
                then coalesce(key_changes.key_state, case when key_changes.key_origin = 'EXTERNAL' then 'PendingImport' else 'Enabled' end)
            when key_changes.event_name in ('EnableKey', 'ImportKeyMaterial') then 'Enabled'
            when key_changes.event_name in ('DisableKey', 'CancelKeyDeletion') then 'Disabled'
            when key_changes.event_name = 'ScheduleKeyDeletion' then coalesce(key_changes.key_state, 'PendingDeletion')
            when key_changes.event_name = 'DeleteKey' then 'Deleted'
            when key_changes.event_name = 'EnableKeyRotation' then 'enabled'
            when key_changes.event_name = 'DisableKeyRotation' then 'disabled'
            else 'PendingImport'
        end as value,
        case when key_changes.event_name = 'ScheduleKeyDeletion' then key_changes.deletion_date end as deletion_date,
        key_changes.event_time,
        key_changes.change_rank,
        key_changes.event_id,
        key_changes.event_name,
        key_changes.principal_arn,
        key_changes.event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial') as about_material
    from key_changes
    join kinds on kinds.event_name = key_changes.event_name
    where (kinds.kind <> 'alias' or key_changes.alias_name is not null)
      and (kinds.kind <> 'policy' or key_changes.key_policy is not null)
    union all
    select
        key_changes.key_arn,
        key_changes.account_id,
        key_changes.region,
        'tag' as kind,
        entries.tag_key as name,
        key_changes.key_arn as holder,
        element_at(key_changes.tags, entries.tag_key) as value,
        cast(null as timestamp) as deletion_date,
        key_changes.event_time,
        key_changes.change_rank,
        key_changes.event_id,
        key_changes.event_name,
        key_changes.principal_arn,
        false as about_material
    from (select key_changes.*, map_keys(tags) as tag_keys from key_changes) as key_changes
    cross join unnest(key_changes.tag_keys) as entries (tag_key)
    where key_changes.event_name in ('CreateKey', 'ReplicateKey', 'TagResource', 'UntagResource')
),
numbered as (            -- the same; changes after the same one that is not about material share a number
    select
        claims.*,
        sum(case when about_material then 0 else 1 end) over (
            partition by kind, holder, name
            order by event_time, change_rank, event_id
            rows between unbounded preceding and current row
        ) as phase
    from claims
),
phased as (              -- the same, with the state before the key's material was touched
    select
        numbered.*,
        max(case when about_material then null else value end) over (partition by kind, holder, name, phase) as phase_state
    from numbered
),
effective as (           -- the same, without changes that leave the state as it is
    -- Material can be deleted while the key is pending deletion, and imported
    -- again while it is disabled.
    select
        phased.*,
        lag(value) over (partition by kind, holder, name order by event_time, change_rank, event_id) as value_before
    from phased
    where not about_material
       or coalesce(phase_state, '') not in ('PendingDeletion', 'PendingReplicaDeletion', 'Deleted')
),
intervals as (           -- one row per interval, what ends in nothing among them
    select
        effective.*,
        lead(event_time) over (partition by kind, holder, name order by event_time, change_rank, event_id) as valid_to
    from effective
    where event_name <> 'ImportKeyMaterial'
       or coalesce(value_before, '') <> 'Disabled'
)
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
    event_time as valid_from,
    valid_to,
    deletion_date,
    event_id,
    principal_arn
from intervals
where (kind <> 'deletion_date' or deletion_date is not null)
  and event_name <> 'DeleteAlias'
