-- key_timeline: One row per interval in which something about a key had one value, as far as the logs tell: what was set before the logs begin is not in it. Only calls that succeeded and were no dry run count.
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

with claims as (         -- one row per event that says or changes a key's state
    select
        key_changes.*,
        case event_name
            when 'CreateKey' then coalesce(key_state, case when key_origin = 'EXTERNAL' then 'PendingImport' else 'Enabled' end)
            when 'EnableKey' then 'Enabled'
            when 'DisableKey' then 'Disabled'
            when 'ScheduleKeyDeletion' then coalesce(key_state, 'PendingDeletion')
            when 'CancelKeyDeletion' then 'Disabled'
            when 'ImportKeyMaterial' then 'Enabled'
            when 'DeleteKey' then 'Deleted'
            else 'PendingImport'
        end as state,
        event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial') as about_material,
        -- Events after the same non-material event share a number.
        sum(case when event_name in ('ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial') then 0 else 1 end)
            over (partition by key_arn order by event_time, change_rank, event_id rows between unbounded preceding and current row)
            as phase
    from key_changes
    where event_name in (
        'CreateKey', 'EnableKey', 'DisableKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion',
        'ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial', 'DeleteKey'
    )
),
phased as (              -- the same, with the state before the key's material was touched
    select
        claims.*,
        max(case when about_material then null else state end) over (partition by key_arn, phase) as phase_state
    from claims
),
effective as (           -- the same, without events that leave the state as it is
    -- Material can be deleted while the key is pending deletion, and imported
    -- again while it is disabled.
    select
        phased.*,
        lag(state) over (partition by key_arn order by event_time, change_rank, event_id) as state_before
    from phased
    where not about_material
       or coalesce(phase_state, '') not in ('PendingDeletion', 'PendingReplicaDeletion', 'Deleted')
),
states as (              -- one row per interval of a key's state
    select
        key_arn,
        account_id,
        region,
        state,
        event_time as valid_from,
        lead(event_time) over (partition by key_arn order by event_time, change_rank, event_id) as valid_to,
        case when event_name = 'ScheduleKeyDeletion' then deletion_date end as deletion_date,
        event_id,
        principal_arn
    from effective
    where event_name <> 'ImportKeyMaterial'
       or coalesce(state_before, '') <> 'Disabled'
),
tag_entries as (         -- one row per tag that an event sets or removes
    select
        key_changes.key_arn,
        key_changes.account_id,
        key_changes.region,
        entries.tag_key,
        element_at(key_changes.tags, entries.tag_key) as tag_value,
        key_changes.event_time,
        key_changes.change_rank,
        key_changes.event_id,
        key_changes.principal_arn
    from (select key_changes.*, map_keys(tags) as tag_keys from key_changes) as key_changes
    cross join unnest(key_changes.tag_keys) as entries (tag_key)
    where key_changes.event_name in ('CreateKey', 'ReplicateKey', 'TagResource', 'UntagResource')
),
alias_changes as (       -- one row per change of an alias; an alias belongs to account and Region and points to one key
    select
        key_arn,
        account_id,
        region,
        alias_name,
        event_name,
        event_time as valid_from,
        lead(event_time) over (partition by account_id, region, alias_name order by event_time, change_rank, event_id) as valid_to,
        event_id,
        principal_arn
    from key_changes
    where event_name in ('CreateAlias', 'UpdateAlias', 'DeleteAlias')
      and alias_name is not null
)
select
    key_arn, account_id, region, 'state' as kind, '' as name, state as value,
    valid_from, valid_to, deletion_date, event_id, principal_arn
from states
union all
select
    key_arn, account_id, region, 'deletion_date' as kind, '' as name,
    -- Spelt out, because engines print timestamps differently.
    lpad(cast(extract(year from deletion_date) as varchar), 4, '0')
        || '-' || lpad(cast(extract(month from deletion_date) as varchar), 2, '0')
        || '-' || lpad(cast(extract(day from deletion_date) as varchar), 2, '0')
        || 'T' || lpad(cast(extract(hour from deletion_date) as varchar), 2, '0')
        || ':' || lpad(cast(extract(minute from deletion_date) as varchar), 2, '0')
        || ':' || lpad(cast(cast(floor(extract(second from deletion_date)) as integer) as varchar), 2, '0')
        || 'Z' as value,
    valid_from, valid_to, deletion_date, event_id, principal_arn
from states
where deletion_date is not null
union all
select
    key_arn, account_id, region, 'tag' as kind, tag_key as name, tag_value as value,
    event_time as valid_from,
    lead(event_time) over (partition by key_arn, tag_key order by event_time, change_rank, event_id) as valid_to,
    cast(null as timestamp) as deletion_date, event_id, principal_arn
from tag_entries
union all
select
    key_arn, account_id, region, 'alias' as kind, alias_name as name, alias_name as value,
    valid_from, valid_to, cast(null as timestamp) as deletion_date, event_id, principal_arn
from alias_changes
where event_name <> 'DeleteAlias'
union all
select
    key_arn, account_id, region, 'policy' as kind, '' as name, key_policy as value,
    event_time as valid_from,
    lead(event_time) over (partition by key_arn order by event_time, change_rank, event_id) as valid_to,
    cast(null as timestamp) as deletion_date, event_id, principal_arn
from key_changes
where event_name in ('CreateKey', 'ReplicateKey', 'PutKeyPolicy')
  and key_policy is not null
union all
select
    key_arn, account_id, region, 'rotation' as kind, '' as name,
    case event_name when 'EnableKeyRotation' then 'enabled' else 'disabled' end as value,
    event_time as valid_from,
    lead(event_time) over (partition by key_arn order by event_time, change_rank, event_id) as valid_to,
    cast(null as timestamp) as deletion_date, event_id, principal_arn
from key_changes
where event_name in ('EnableKeyRotation', 'DisableKeyRotation')
