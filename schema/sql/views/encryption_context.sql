-- encryption_context: One row per call, side and key of its encryption context.
--
-- event_id UUID: kms_calls.event_id of the call.
-- event_time TIMESTAMP: When the request completed, UTC.
-- key_arn VARCHAR: Key that the context goes with: for the destination side of ReEncrypt the destination key.
-- side VARCHAR: source, or destination for what ReEncrypt encrypts to.
-- context_key VARCHAR: Key in the encryption context: untrusted text.
-- context_value VARCHAR: Its value: untrusted text.

with calls as (          -- one row per call and side, each with its context
    select
        kms_calls.event_id,
        kms_calls.event_time,
        kinds.side,
        case kinds.side when 'source' then kms_calls.key_arn else kms_calls.destination_key_arn end as key_arn,
        case kinds.side when 'source' then kms_calls.encryption_context else kms_calls.destination_encryption_context end as context
    from kms_calls
    join (values ('source'), ('destination')) as kinds (side)
      on kinds.side = 'source' or kms_calls.event_name = 'ReEncrypt'
),
sides as (               -- the same with the keys of the context
    -- The list of keys is a column of its own: DuckDB takes a list apart as it
    -- streams by, but joins for every row when it has to compute it there.
    select calls.*, map_keys(context) as context_keys
    from calls
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
