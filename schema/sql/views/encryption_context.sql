-- encryption_context: One row per call, side and key of its encryption context.
--
-- event_id UUID: kms_calls.event_id of the call.
-- event_time TIMESTAMP: When the request completed, UTC.
-- key_arn VARCHAR: Key that the context goes with: for the destination side of ReEncrypt the destination key.
-- side VARCHAR: source, or destination for what ReEncrypt encrypts to.
-- context_key VARCHAR: Key in the encryption context: untrusted text.
-- context_value VARCHAR: Its value: untrusted text.

select
    calls.event_id,
    calls.event_time,
    calls.key_arn,
    'source' as side,
    entries.context_key,
    element_at(calls.encryption_context, entries.context_key) as context_value
from kms_calls as calls
cross join unnest(map_keys(calls.encryption_context)) as entries (context_key)
union all
select
    calls.event_id,
    calls.event_time,
    calls.destination_key_arn as key_arn,
    'destination' as side,
    entries.context_key,
    element_at(calls.destination_encryption_context, entries.context_key) as context_value
from kms_calls as calls
cross join unnest(map_keys(calls.destination_encryption_context)) as entries (context_key)
where calls.event_name = 'ReEncrypt'
