-- key_inventory: One row per KMS key that an inventory saw, with the newest that inventories say of it. What a later one did not ask for, or was refused, is that of an earlier one; the times say since when.
-- kept: newest of inventory_keys by key_arn
--
-- key_arn VARCHAR: The key.
-- account_id VARCHAR: Account that owns it.
-- region VARCHAR: Its Region.
-- taken_at TIMESTAMP: When it was last asked about, UTC.
-- key_manager VARCHAR: CUSTOMER or AWS.
-- key_state VARCHAR: Its state; not one that passes by itself (Creating, Updating, Unavailable).
-- deletion_date TIMESTAMP: When it will be destroyed, UTC; NULL unless it is pending deletion.
-- deletion_at TIMESTAMP: When that was last known, UTC.
-- state_at TIMESTAMP: When its state was last known, UTC.
-- key_spec VARCHAR: Key spec.
-- key_usage VARCHAR: Key usage.
-- key_origin VARCHAR: Where its material comes from.
-- description VARCHAR: Description; empty when there is none. Untrusted text.
-- created_at TIMESTAMP: When it was created, UTC.
-- aliases VARCHAR[]: Names of its aliases (alias/…).
-- aliases_at TIMESTAMP: When its aliases were last known, UTC.
-- rotation_enabled BOOLEAN: Whether it is rotated automatically.
-- rotation_at TIMESTAMP: When that was last known, UTC.
-- rotation_period_days INTEGER: Rotation period, in days.
-- last_rotation_at TIMESTAMP: When it was last rotated, UTC; NULL when it never was, or that is not known.
-- last_usage VARCHAR: used, never, or unknown, as AWS says.
-- last_used_at TIMESTAMP: Last successful cryptographic operation that AWS knows of, UTC.

select
    key_arn,
    max(account_id) as account_id,
    max(region) as region,
    max(taken_at) as taken_at,
    max(key_manager) as key_manager,
    max_by(key_state, taken_at) filter (where key_state is not null and key_state not in ('Creating', 'Updating', 'Unavailable')) as key_state,
    case
        when max(case when deletion_date is not null then taken_at end) >= coalesce(
            max(case when key_state not in ('Creating', 'Updating', 'Unavailable', 'PendingDeletion', 'PendingReplicaDeletion') then taken_at end),
            max(case when deletion_date is not null then taken_at end)
        ) then max_by(deletion_date, taken_at) filter (where deletion_date is not null)
    end as deletion_date,
    max(case
        when deletion_date is not null then taken_at
        when key_state not in ('Creating', 'Updating', 'Unavailable', 'PendingDeletion', 'PendingReplicaDeletion') then taken_at
    end) as deletion_at,
    max(case when key_state is not null and key_state not in ('Creating', 'Updating', 'Unavailable') then taken_at end) as state_at,
    max(key_spec) as key_spec,
    max(key_usage) as key_usage,
    max(key_origin) as key_origin,
    max_by(description, taken_at) filter (where description is not null) as description,
    max(created_at) as created_at,
    max_by(aliases, taken_at) filter (where aliases is not null) as aliases,
    max(case when aliases is not null then taken_at end) as aliases_at,
    max_by(rotation_enabled, taken_at) filter (where rotation_enabled is not null) as rotation_enabled,
    max(case when rotation_enabled is not null then taken_at end) as rotation_at,
    max_by(rotation_period_days, taken_at) filter (where rotation_period_days is not null) as rotation_period_days,
    max(last_rotation_at) as last_rotation_at,
    max_by(last_usage, taken_at) filter (where last_usage is not null) as last_usage,
    max(last_used_at) as last_used_at
from inventory_keys
group by key_arn
