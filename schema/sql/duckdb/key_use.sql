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
from (                       -- what sums and parts have in common is summed here anyway
    select key_arn, key_account_id, caller_id, principal_arn, caller_account_id, actor_kind, service, event_name, operation_class, error_class, caller_use_count, use_count, first_event_time, last_event_time
    from usage_monthly_sums
    union all
    select key_arn, key_account_id, caller_id, principal_arn, caller_account_id, actor_kind, service, event_name, operation_class, error_class, caller_use_count, use_count, first_event_time, last_event_time
    from usage_monthly_parts
) as usage
where key_arn is not null
group by key_arn, caller_id, caller_account_id
