-- encryption_context: One row per call, side and key of its encryption context.
--
-- event_id UUID: kms_calls.event_id of the call.
-- event_time TIMESTAMP: When the request completed, UTC.
-- key_arn VARCHAR: Key that the context goes with: for the destination side of ReEncrypt the destination key.
-- side VARCHAR: source, or destination for what ReEncrypt encrypts to.
-- context_key VARCHAR: Key in the encryption context: untrusted text.
-- context_value VARCHAR: Its value: untrusted text.

with sides as (          -- one row per call and side with a context
    -- The list of keys is a column of its own: DuckDB takes a list apart as it
    -- streams by, but joins for every row when it has to compute it there.
    select
        event_id, event_time, key_arn, 'source' as side,
        encryption_context as context, map_keys(encryption_context) as context_keys
    from kms_calls
    union all
    select
        event_id, event_time, destination_key_arn as key_arn, 'destination' as side,
        destination_encryption_context as context, map_keys(destination_encryption_context) as context_keys
    from kms_calls
    where event_name = 'ReEncrypt'
)
select
    sides.event_id,
    sides.event_time,
    sides.key_arn,
    sides.side,
    entries.context_key,
    element_at(sides.context, entries.context_key) as context_value
from sides
cross join unnest(sides.context_keys) as entries (context_key)
