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
with minutes as (        -- one row per account, Region, quota and minute
    select
        request_rate.*,
        account_id || ' ' || region || ' ' || quota_name || ' ' || coalesce(custom_key_store_id, '') as rate_group
    from request_rate
    where minute >= date_trunc('minute', $window_start)
      and minute < $window_end
),
totals as (              -- one row per account, Region and quota
    select
        rate_group,
        account_id,
        region,
        quota_name,
        custom_key_store_id,
        max(peak_count) as peak_count,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(throttled_count) as bigint) as throttled_count
    from minutes
    group by rate_group, account_id, region, quota_name, custom_key_store_id
),
limits as (              -- the same with each quota that could hold for it, the one that holds first
    select
        totals.*,
        quotas.requests_per_second,
        quotas.origin,
        row_number() over (
            partition by totals.rate_group
            order by
                case when quotas.account_id is not null then 0 else 1 end,
                case when quotas.origin = 'override' then 0 else 1 end,
                case when quotas.region is not null then 0 else 1 end,
                quotas.requests_per_second
        ) as choice
    from totals
    join quotas
      on quotas.quota_name = totals.quota_name
     and (quotas.account_id is null or quotas.account_id = totals.account_id)
     and (quotas.region is null or quotas.region = totals.region)
    where quotas.requests_per_second > 0e0
),
candidates as (          -- one row per account, Region and quota that was nearly used up, or throttled
    select *
    from limits
    where choice = 1
      and (
          peak_count >= $near_ratio * requests_per_second and peak_count >= $min_requests
          or throttled_count >= $min_throttled and throttled_count > 0
      )
),
looked_at as (           -- one row per minute with such a second, and the busiest minute of each
    select rate_group, minute
    from (
        select
            minutes.rate_group,
            minutes.minute,
            minutes.throttled_count,
            case
                when minutes.peak_count >= $near_ratio * candidates.requests_per_second and minutes.peak_count >= $min_requests then 1
                else 0
            end as is_near,
            row_number() over (partition by minutes.rate_group order by minutes.peak_count desc, minutes.minute) as minute_number
        from minutes
        join candidates on candidates.rate_group = minutes.rate_group
    ) as minutes
    where is_near = 1
       or throttled_count > 0
       or minute_number = 1
),
calls as (               -- one row per request in these minutes: request_rate has no seconds
    select
        looked_at.rate_group,
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
        count(*) as request_count,
        count(case when error_class = 'throttled' then 1 end) as throttled_count
    from calls
    group by rate_group, second
),
seconds as (             -- the same, the busiest first
    select
        rates.rate_group,
        rates.second,
        rates.request_count,
        rates.throttled_count,
        case
            when rates.request_count >= $near_ratio * candidates.requests_per_second and rates.request_count >= $min_requests then 1
            else 0
        end as is_near,
        row_number() over (partition by rates.rate_group order by rates.request_count desc, rates.second) as second_number
    from rates
    join candidates on candidates.rate_group = rates.rate_group
),
spans as (               -- one row per finding
    select
        rate_group,
        min(second) as first_seen,
        max(second) as last_seen,
        cast(sum(case when is_near = 1 then request_count else throttled_count end) as bigint) as event_count,
        cast(sum(is_near) as bigint) as near_seconds,
        cast(sum(throttled_count) as bigint) as throttled_count
    from seconds
    where is_near = 1
       or throttled_count > 0
    group by rate_group
    -- Seconds of the first minute may lie before the window.
    having sum(is_near) > 0
        or sum(throttled_count) >= $min_throttled
),
peaks as (               -- one row per finding: its busiest second
    select rate_group, second as peak_second, request_count as peak_requests
    from seconds
    where second_number = 1
),
peak_calls as (          -- one row per request in a busiest second
    select
        calls.rate_group,
        calls.event_id,
        calls.caller,
        calls.key_arn,
        coalesce(calls.service, 'direct') as service,
        row_number() over (partition by calls.rate_group order by calls.event_id) as call_number
    from calls
    join peaks
      on peaks.rate_group = calls.rate_group
     and peaks.peak_second = calls.second
),
evidence as (            -- one row per finding: calls of its busiest second
    select
        rate_group,
        array_agg(cast(event_id as varchar) order by call_number) filter (where call_number <= 20) as event_ids,
        case when count(distinct caller) = 1 then max(caller) end as only_caller,
        case when count(distinct coalesce(key_arn, '')) = 1 then max(key_arn) end as only_key_arn
    from peak_calls
    group by rate_group
),
shares as (              -- one row per finding, kind and name, with its requests in the busiest second
    select rate_group, 'caller' as kind, caller as name, count(*) as request_count
    from peak_calls
    group by rate_group, caller
    union all
    select rate_group, 'key' as kind, key_arn as name, count(*) as request_count
    from peak_calls
    where key_arn is not null
    group by rate_group, key_arn
    union all
    select rate_group, 'service' as kind, service as name, count(*) as request_count
    from peak_calls
    group by rate_group, service
),
ranked as (              -- the same, numbered by requests
    select
        rate_group,
        kind,
        name || ' (' || cast(request_count as varchar) || ')' as label,
        row_number() over (partition by rate_group, kind order by request_count desc, name) as n
    from shares
),
labels as (              -- one row per finding
    select
        rate_group,
        array_agg(label order by n) filter (where kind = 'caller') as peak_callers,
        array_agg(label order by n) filter (where kind = 'key') as peak_keys,
        array_agg(label order by n) filter (where kind = 'service') as peak_services
    from ranked
    where n <= 5
    group by rate_group
)
select
    candidates.account_id,
    candidates.region,
    evidence.only_key_arn as key_arn,
    case when evidence.only_caller like 'arn:%' then evidence.only_caller end as principal_arn,
    spans.first_seen,
    spans.last_seen,
    spans.event_count,
    evidence.event_ids,
    case when spans.throttled_count > 0 or peaks.peak_requests >= candidates.requests_per_second then 'high' else 'medium' end as severity,
    candidates.quota_name,
    candidates.custom_key_store_id,
    candidates.requests_per_second as quota_per_second,
    candidates.origin as quota_origin,
    peaks.peak_second,
    peaks.peak_requests,
    cast(peaks.peak_requests as double) / candidates.requests_per_second as peak_ratio,
    $near_ratio as near_ratio,
    spans.near_seconds,
    spans.throttled_count,
    candidates.request_count,
    labels.peak_callers,
    labels.peak_keys,
    labels.peak_services
from candidates
join spans on spans.rate_group = candidates.rate_group
join peaks on peaks.rate_group = candidates.rate_group
join evidence on evidence.rate_group = candidates.rate_group
join labels on labels.rate_group = candidates.rate_group
order by candidates.account_id, candidates.region, candidates.quota_name, candidates.custom_key_store_id
