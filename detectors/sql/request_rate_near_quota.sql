/*---
id: request_rate_near_quota
title: KMS requests come near the request quota
severity: medium
status: stable
version: 1
description: |
  In some second an account sent at least 80 % of the requests that a KMS
  request quota allows per second in that Region, or requests were throttled.
  One finding per paying account, Region and quota, with the peak and who was
  behind it. Approximate: CloudTrail gives the second in which a request
  completed, not the one it began in, and does not log every refused request.
why:
  text: |
    All principals of an account and all AWS services acting for it share one
    quota per Region and second. When it is used up, every one of them gets
    ThrottlingException: objects cannot be read, volumes not attached,
    functions not started.
  source: AWS KMS Developer Guide, "Request quotas"
summary: >-
  Account {{.account_id}} sent about {{.peak_requests}} {{.quota_name}} requests in one second in {{.region}}, {{percent .peak_ratio}} of the quota of
  {{round .quota_per_second}}; {{count .near_seconds "second"}} at or above {{percent .near_ratio}}{{if .throttled_count}}, {{count .throttled_count "request"}} throttled{{end}}; most came from
  {{join 1 .peak_callers}}
remedy: |
  # What the quota is today, and a request for more.
  aws service-quotas list-service-quotas --service-code kms --region {{.region}} --output table
  aws service-quotas request-service-quota-increase --service-code kms --region {{.region}} --quota-code L-XXXXXXXX --desired-value 2000
  # Fewer requests: S3 Bucket Keys for buckets, caching of data keys for own code.
  aws s3api put-bucket-encryption --bucket BUCKET --server-side-encryption-configuration '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"KEY"},"BucketKeyEnabled":true}]}'
  # If the quota was raised, say so in kmstrail.yaml under quotas.
blind_spots:
  - The default quotas are those AWS publishes; raised ones must be in the configuration.
  - Throttled requests are not all logged, so a peak may look lower than it was.
  - Which quota an operation on an asymmetric key counts against is inferred from its algorithm.
  - Requests of AWS service principals are charged to the account in whose trail they are.
false_positives:
  - A short burst that retries absorbed without anybody noticing.
params:
  near_ratio: {type: double, default: 0.8, doc: share of the quota from which a second counts as near it}
  min_requests: {type: integer, default: 2, doc: "seconds with fewer requests never count, for quotas of one or less"}
  min_throttled: {type: integer, default: 1, doc: "so many throttled requests are a finding, whatever the peak"}
identity: [account_id, region, quota_name, custom_key_store_id]
attack:
  - {technique: T1496, name: Resource Hijacking, version: "19"}
mappings:
  well_architected: [REL01-BP03]
triage:
  - text: See the busiest seconds.
    query: quota_peaks
    params: {account_id: "{{.account_id}}", region: "{{.region}}", quota_name: "{{.quota_name}}"}
  - text: See who calls most.
    query: top_callers
    params: {account_id: "{{.account_id}}", region: "{{.region}}"}
columns:
  quota_name: Request quota.
  custom_key_store_id: Custom key store, for its own quota; else NULL.
  quota_per_second: Quota, in requests per second.
  quota_origin: default (AWS's published value) or override (from the configuration).
  peak_second: Second with most requests, UTC.
  peak_requests: Requests in that second.
  peak_ratio: That number divided by the quota.
  near_ratio: Share of the quota from which a second counts as near it.
  near_seconds: Seconds at or above that share.
  throttled_count: Requests that were throttled.
  request_count: Requests on the days of the finding.
  peak_callers: Callers in the peak second with their number of requests, at most five.
  peak_keys: Keys in the peak second with their number of requests, at most five.
  peak_services: AWS services in the peak second with their number of requests, direct for none.
merge:
  key_arn: with peak_requests
  principal_arn: with peak_requests
  event_ids: with peak_requests
  quota_per_second: with peak_requests
  quota_origin: with peak_requests
  peak_second: with peak_requests
  peak_requests: max
  peak_ratio: with peak_requests
  near_seconds: sum
  throttled_count: sum
  request_count: sum
  peak_callers: with peak_requests
  peak_keys: with peak_requests
  peak_services: with peak_requests
---*/
with named_minutes as (  -- one row per account, Region, quota and minute
    select
        request_rate.*,
        account_id || ' ' || region || ' ' || quota_name || ' ' || coalesce(custom_key_store_id, '') as rate_group
    from request_rate
    where minute >= date_trunc('minute', $window_start)
      and minute < $window_end
),
minutes as (             -- the same with what the group has in all, the busiest first
    select
        named_minutes.*,
        max(peak_count) over (partition by rate_group) as group_peak_count,
        sum(request_count) over (partition by rate_group) as group_request_count,
        sum(throttled_count) over (partition by rate_group) as group_throttled_count,
        row_number() over (partition by rate_group order by peak_count desc, minute) as minute_number
    from named_minutes
),
limits as (              -- the same with each quota that could hold, the one that holds first
    select
        minutes.*,
        quotas.requests_per_second,
        quotas.origin,
        row_number() over (
            partition by minutes.rate_group, minutes.minute_number
            order by
                case when quotas.account_id is not null then 0 else 4 end
                    + case when quotas.origin = 'override' then 0 else 2 end
                    + case when quotas.region is not null then 0 else 1 end,
                quotas.requests_per_second
        ) as choice
    from minutes
    join quotas
      on quotas.quota_name = minutes.quota_name
     and (quotas.account_id is null or quotas.account_id = minutes.account_id)
     and (quotas.region is null or quotas.region = minutes.region)
    where quotas.requests_per_second > 0e0
),
looked_at as (           -- of those nearly used up, or throttled: one row per minute with such a second, and the busiest minute
    select *
    from limits
    where choice = 1
      and (
          group_peak_count >= $near_ratio * requests_per_second and group_peak_count >= $min_requests
          or group_throttled_count >= $min_throttled and group_throttled_count > 0
      )
      and (
          peak_count >= $near_ratio * requests_per_second and peak_count >= $min_requests
          or throttled_count > 0
          or minute_number = 1
      )
),
calls as (               -- one row per request in these minutes: request_rate has no seconds
    select
        looked_at.rate_group,
        looked_at.requests_per_second,
        quota_calls.event_id,
        quota_calls.caller,
        quota_calls.key_arn,
        quota_calls.service,
        quota_calls.error_class,
        date_trunc('second', quota_calls.event_time) as second
    from quota_calls
    join looked_at
      on looked_at.minute = date_trunc('minute', quota_calls.event_time)
     and looked_at.rate_group = quota_calls.account_id || ' ' || quota_calls.region || ' ' || quota_calls.quota_name
             || ' ' || coalesce(quota_calls.custom_key_store_id, '')
    where quota_calls.event_time >= $window_start
      and quota_calls.event_time < $window_end
),
rates as (               -- one row per second of these minutes
    select
        rate_group,
        second,
        requests_per_second,
        count(*) as request_count,
        count(case when error_class = 'throttled' then 1 end) as throttled_count
    from calls
    group by rate_group, second, requests_per_second
),
seconds as (             -- the same, the busiest first
    select
        rates.*,
        case when request_count >= $near_ratio * requests_per_second and request_count >= $min_requests then 1 else 0 end as is_near,
        row_number() over (partition by rate_group order by request_count desc, second) as second_number
    from rates
),
spans as (               -- one row per finding, with its busiest second
    select
        rate_group,
        min(case when is_near = 1 or throttled_count > 0 then second end) as first_seen,
        max(case when is_near = 1 or throttled_count > 0 then second end) as last_seen,
        cast(sum(case when is_near = 1 then request_count else throttled_count end) as bigint) as event_count,
        cast(sum(is_near) as bigint) as near_seconds,
        cast(sum(throttled_count) as bigint) as throttled_count,
        max(case when second_number = 1 then second end) as peak_second,
        max(request_count) as peak_requests
    from seconds
    group by rate_group
    -- Seconds of the first minute may lie before the window.
    having sum(is_near) > 0
        or sum(throttled_count) >= $min_throttled and sum(throttled_count) > 0
),
peak_calls as (          -- one row per request in a busiest second
    select
        spans.*,
        calls.event_id,
        calls.caller,
        calls.key_arn,
        coalesce(calls.service, 'direct') as service,
        row_number() over (partition by calls.rate_group order by calls.event_id) as call_number
    from calls
    join spans
      on spans.rate_group = calls.rate_group
     and spans.peak_second = calls.second
),
named as (               -- one row per such request and kind of what is behind it
    select
        peak_calls.*,
        kinds.kind,
        case kinds.kind when 'caller' then peak_calls.caller when 'key' then peak_calls.key_arn else peak_calls.service end as name
    from peak_calls
    cross join unnest(array['caller', 'key', 'service']) as kinds (kind)
),
counted as (             -- the same, with the requests that have the same behind them
    select
        named.*,
        count(*) over (partition by rate_group, kind, name) as name_count,
        row_number() over (partition by rate_group, kind, name order by call_number) as number_of_name
    from named
),
ranked as (              -- the same, numbered by these requests; those without a key are apart
    select
        counted.*,
        name || ' (' || cast(name_count as varchar) || ')' as label,
        case
            when number_of_name = 1 and name is not null
                then row_number() over (
                    partition by rate_group, kind, case when number_of_name = 1 and name is not null then 1 else 0 end
                    order by name_count desc, name
                )
        end as n
    from counted
),
evidence as (            -- one row per finding
    select
        rate_group,
        first_seen,
        last_seen,
        event_count,
        near_seconds,
        throttled_count,
        peak_second,
        peak_requests,
        array_agg(cast(event_id as varchar) order by call_number) filter (where kind = 'caller' and call_number <= 20) as event_ids,
        case when min(caller) = max(caller) then max(caller) end as only_caller,
        case when min(coalesce(key_arn, '')) = max(coalesce(key_arn, '')) then max(key_arn) end as only_key_arn,
        array_agg(label order by n) filter (where kind = 'caller' and n <= 5) as peak_callers,
        array_agg(label order by n) filter (where kind = 'key' and n <= 5) as peak_keys,
        array_agg(label order by n) filter (where kind = 'service' and n <= 5) as peak_services
    from ranked
    group by rate_group, first_seen, last_seen, event_count, near_seconds, throttled_count, peak_second, peak_requests
)
select
    looked_at.account_id,
    looked_at.region,
    evidence.only_key_arn as key_arn,
    case when evidence.only_caller like 'arn:%' then evidence.only_caller end as principal_arn,
    evidence.first_seen,
    evidence.last_seen,
    evidence.event_count,
    evidence.event_ids,
    case when evidence.throttled_count > 0 or evidence.peak_requests >= looked_at.requests_per_second then 'high' else 'medium' end as severity,
    looked_at.quota_name,
    looked_at.custom_key_store_id,
    looked_at.requests_per_second as quota_per_second,
    looked_at.origin as quota_origin,
    evidence.peak_second,
    evidence.peak_requests,
    cast(evidence.peak_requests as double) / looked_at.requests_per_second as peak_ratio,
    $near_ratio as near_ratio,
    evidence.near_seconds,
    evidence.throttled_count,
    cast(looked_at.group_request_count as bigint) as request_count,
    evidence.peak_callers,
    evidence.peak_keys,
    evidence.peak_services
from looked_at
join evidence on evidence.rate_group = looked_at.rate_group
where looked_at.minute_number = 1
order by looked_at.account_id, looked_at.region, looked_at.quota_name, looked_at.custom_key_store_id
