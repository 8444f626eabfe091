-- key_use: One row per key and caller: when it used the key first and last, and how often. A call seen from the caller's account and from the owner's counts once: the larger of the two counts holds, which is too low where each side lacks calls that the other has.
--
-- key_arn VARCHAR: The key.
-- key_account_id VARCHAR: Account that owns it.
-- region VARCHAR: Its Region.
-- caller_id VARCHAR: What identifies the caller in every copy of a call, as in kms_calls.
-- principal_arn VARCHAR: Caller; NULL for a service principal, and for a foreign account of which no logs are read.
-- caller_account_id VARCHAR: Account of the caller; NULL for a service principal.
-- actor_kind VARCHAR: human, workload, aws_service or unknown.
-- services VARCHAR[]: AWS services behind the calls, in order; NULL when all were direct.
-- operations VARCHAR[]: Operations, in order.
-- first_seen TIMESTAMP: First call, failed ones included, UTC.
-- last_seen TIMESTAMP: Last call, failed ones included, UTC.
-- first_used TIMESTAMP: First successful cryptographic use, UTC; NULL when there is none.
-- last_used TIMESTAMP: Last successful cryptographic use, UTC; NULL when there is none.
-- call_count BIGINT: Calls.
-- success_count BIGINT: Calls that succeeded.
-- denied_count BIGINT: Calls that were denied.

select
    key_arn,
    max(key_account_id) as key_account_id,
    split_part(key_arn, ':', 4) as region,
    caller_id,
    max(principal_arn) as principal_arn,
    caller_account_id,
    max(actor_kind) as actor_kind,
    array_agg(distinct service order by service) filter (where service is not null) as services,
    array_agg(distinct event_name order by event_name) as operations,
    min(first_event_time) as first_seen,
    max(last_event_time) as last_seen,
    min(case when operation_class = 'cryptographic' and error_class is null then first_event_time end) as first_used,
    max(case when operation_class = 'cryptographic' and error_class is null then last_event_time end) as last_used,
    -- An owner sees no call that was denied in the caller's account, and of a
    -- foreign key there are the caller's copies only.
    cast(case when sum(caller_use_count) > sum(use_count) then sum(caller_use_count) else sum(use_count) end as bigint) as call_count,
    cast(case
        when sum(case when error_class is null then caller_use_count else 0 end) > sum(case when error_class is null then use_count else 0 end)
            then sum(case when error_class is null then caller_use_count else 0 end)
        else sum(case when error_class is null then use_count else 0 end)
    end as bigint) as success_count,
    cast(case
        when sum(case when error_class = 'denied' then caller_use_count else 0 end) > sum(case when error_class = 'denied' then use_count else 0 end)
            then sum(case when error_class = 'denied' then caller_use_count else 0 end)
        else sum(case when error_class = 'denied' then use_count else 0 end)
    end as bigint) as denied_count
from usage_monthly
where key_arn is not null
group by key_arn, caller_id, caller_account_id
