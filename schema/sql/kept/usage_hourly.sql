-- usage_hourly: One row per hour, key, caller, service, operation and outcome: who used a key for what. No copy of a call is counted twice: a call is counted for its caller by the caller's copy, and for a key by the copy of the key's owner. To count what is known from either side take the larger of caller_use_count and use_count per key and caller.
-- kept: rollup of kms_events by hour
--
-- hour TIMESTAMP: Start of the hour, UTC.
-- key_arn VARCHAR: The key; NULL for calls that work on none, or name one that is not known. ReEncrypt has a row for each of its keys.
-- key_account_id VARCHAR: Account that owns the key.
-- region VARCHAR: Region that served the calls.
-- caller_id VARCHAR: What identifies the caller in every copy of a call, as in kms_calls.
-- principal_arn VARCHAR: Caller; NULL for a service principal, and in what the owner of a key sees of a foreign account's calls.
-- caller_account_id VARCHAR: Account of the caller; NULL for a service principal.
-- paying_account_id VARCHAR: Account the calls are charged to: the caller's; for a service principal the one in whose trail they are.
-- actor_kind VARCHAR: human, workload, aws_service or unknown.
-- is_self BOOLEAN: True for calls made by kmstrail's own role.
-- service VARCHAR: AWS service behind the calls; NULL for direct calls.
-- event_name VARCHAR: Operation.
-- operation_class VARCHAR: Class of the operation as in kms_events.
-- error_class VARCHAR: Class of the error; NULL for successful calls.
-- price_tier VARCHAR: Price class of the requests; NULL for what is not billed.
-- call_count BIGINT sum: Calls, counted by the caller's copies; ReEncrypt counts at its source key only.
-- caller_use_count BIGINT sum: Uses of the key, counted by the caller's copies; ReEncrypt counts at both its keys, calls without a key count as well.
-- use_count BIGINT sum: Uses of the key, counted by the copies of its owner; 0 for keys of foreign accounts.
-- first_event_time TIMESTAMP min: First of these calls, UTC.
-- last_event_time TIMESTAMP max: Last of these calls, UTC.
-- alias_name VARCHAR max: An alias by which calls named the key, alias/…; NULL when none did.

with uses as (           -- one row per record of a call and key it works on
    select
        kms_events.*,
        key_arn as used_key_arn,
        key_account_id as used_key_account_id,
        case when record_copy in ('single', 'caller') then 1 else 0 end as calls
    from kms_events
    where record_copy <> 'network'
    union all
    select
        kms_events.*,
        destination_key_arn as used_key_arn,
        destination_key_account_id as used_key_account_id,
        0 as calls
    from kms_events
    where record_copy <> 'network'
      and event_name = 'ReEncrypt'
      and destination_key_arn is not null
      and destination_key_arn <> coalesce(key_arn, '')
)
select
    date_trunc('hour', event_time) as hour,
    used_key_arn as key_arn,
    used_key_account_id as key_account_id,
    region,
    coalesce(
        case
            -- 111122223333:aws:ec2-infrastructure:i-…: the session comes fourth.
            when split_part(principal_id, ':', 4) <> ''
                then split_part(principal_id, ':', 1) || ':' || split_part(principal_id, ':', 2) || ':' || split_part(principal_id, ':', 3)
            else principal_id
        end,
        case when caller_type = 'AWSService' then invoked_by end,
        caller_arn,
        caller_account_id,
        invoked_by,
        'unknown'
    ) as caller_id,
    principal_arn,
    caller_account_id,
    coalesce(caller_account_id, recipient_account_id) as paying_account_id,
    actor_kind,
    is_self,
    service,
    event_name,
    operation_class,
    error_class,
    price_tier,
    cast(sum(calls) as bigint) as call_count,
    count(case when record_copy in ('single', 'caller') then 1 end) as caller_use_count,
    count(case
        when used_key_arn is null then null
        when recipient_account_id is null then calls
        when recipient_account_id = used_key_account_id then 1
    end) as use_count,
    min(event_time) as first_event_time,
    max(event_time) as last_event_time,
    max(case
        when used_key_arn <> key_arn then null
        when key_reference like 'alias/%' then key_reference
        when key_reference like 'arn:%:alias/%' then substr(key_reference, strpos(key_reference, ':alias/') + 1)
    end) as alias_name
from uses
group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
