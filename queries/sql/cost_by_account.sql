/*---
id: cost_by_account
title: What KMS requests cost
description: |
  Requests and their price by paying account, at the list prices of US Regions
  and without the free tier. An estimate: which requests AWS bills is not
  documented to the last case, and keys cost extra. Windows that begin and end on the hour are exact; of an hour
  that the window cuts, calls outside of it may count.
grain: one row per account, price tier and service
params:
  account_id: {type: varchar, default: null, doc: "paying account; without it all accounts"}
columns:
  - {name: account_id, type: VARCHAR, doc: Account that pays.}
  - {name: account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: price_tier, type: VARCHAR, doc: Price class.}
  - {name: service, type: VARCHAR, doc: "AWS service, direct, or kmstrail for its own calls."}
  - {name: request_count, type: BIGINT, doc: Requests.}
  - {name: usd, type: DOUBLE, doc: "US dollars; NULL when the tier has no price."}
---*/
with usage as (          -- whole days of the window, and the hours at its edges
    select
        paying_account_id,
        price_tier,
        service,
        is_self,
        call_count
    from usage_daily
    where cast(day as timestamp) >= $window_start
      and cast(day as timestamp) + interval '1' day <= $window_end
      and price_tier is not null
    union all
    select
        paying_account_id,
        price_tier,
        service,
        is_self,
        call_count
    from usage_hourly
    where hour > $window_start - interval '1' hour
      and hour < $window_end
      and (date_trunc('day', hour) < $window_start or date_trunc('day', hour) + interval '1' day > $window_end)
      and last_event_time >= $window_start
      and first_event_time < $window_end
      and price_tier is not null
),
requests as (            -- one row per account, tier and service; only copies of those who pay count as calls
    select
        paying_account_id as account_id,
        price_tier,
        case when is_self then 'kmstrail' else coalesce(service, 'direct') end as service,
        cast(sum(call_count) as bigint) as request_count
    from usage
    where call_count > 0
    group by 1, 2, 3
)
select
    requests.account_id,
    accounts.account_name,
    requests.price_tier,
    requests.service,
    requests.request_count,
    round(cast(requests.request_count as double) * prices.usd_per_10000 / 1e4, 6) as usd
from requests
left join accounts on accounts.account_id = requests.account_id
left join prices on prices.price_tier = requests.price_tier
where $account_id is null
   or requests.account_id = $account_id
order by usd desc nulls last, requests.account_id, requests.price_tier, requests.service
