/*---
id: custom_key_store_disconnected
title: A custom key store is disconnected
severity: medium
status: stable
version: 1
description: |
  Somebody disconnected a custom key store, of CloudHSM or external. High when
  its keys were used shortly before, low when it was connected again on the
  same day. One finding per store.
why:
  text: |
    While a store is disconnected none of its keys works: everything encrypted
    with them is out of reach, and no new key can be made in it.
  source: AWS KMS Developer Guide, "Disconnect a custom key store"
summary: >-
  {{or_else "Somebody" (name .principal_arn)}} disconnected the custom key store {{or_else "(id not logged)" .custom_key_store_id}} in account {{.account_id}}, {{.region}}
  {{- if .request_count}}; its keys had {{count .request_count "request"}} shortly before, the last on {{date .last_used}}{{end}}
  {{- if .connected_at}}; connected again on {{date .connected_at}}{{end}}
remedy: |
  # Connect the store again, and see its state; it takes minutes.
  aws kms connect-custom-key-store --custom-key-store-id {{or_else "ID" .custom_key_store_id}} --region {{.region}}
  aws kms describe-custom-key-stores --custom-key-store-id {{or_else "ID" .custom_key_store_id}} --region {{.region}}
blind_spots:
  - A store that fails by itself (CloudHSM cluster, external key manager, certificate) leaves no such event; unavailable_key_use sees the calls that fail.
  - Requests are known by minute and store, not by key.
false_positives:
  - Maintenance of the cluster or of the external key manager, or a change of its password.
params:
  used_days: {type: days, default: 7, doc: a finding is high when keys of the store were used in so many days before}
identity: [account_id, region, custom_key_store_id]
attack:
  - {technique: T1489, name: Service Stop, version: "19"}
mappings:
  well_architected: [SEC08-BP01]
triage:
  - text: See what else the same principal did.
    query: principal_activity
    params: {principal_arn: "{{.principal_arn}}"}
  - text: See who calls most in that account and Region.
    query: top_callers
    params: {account_id: "{{.account_id}}", region: "{{.region}}"}
columns:
  custom_key_store_id: Custom key store.
  connected_at: When it was connected again on the same day, UTC; NULL when it was not.
  request_count: Requests to the store in used_days before; NULL when there was none.
  last_used: Minute of the last of them, UTC.
---*/
with calls as (          -- one row per connecting and disconnecting that succeeded
    select
        event_id, event_time, event_name, recipient_account_id as account_id, region, custom_key_store_id, principal_arn,
        recipient_account_id || ' ' || region || ' ' || coalesce(custom_key_store_id, '') as store
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
      and event_name in ('DisconnectCustomKeyStore', 'ConnectCustomKeyStore')
      and error_code is null
      and not is_self
),
disconnected as (        -- one row per disconnecting, numbered per store
    select
        calls.*,
        row_number() over (partition by store order by event_time, event_id) as n,
        count(*) over (partition by store) as disconnected_count
    from calls
    where event_name = 'DisconnectCustomKeyStore'
),
latest as (              -- one row per store: how it was disconnected last
    select * from disconnected where n = disconnected_count
),
connected as (           -- one row per store that was connected again
    select latest.store, min(calls.event_time) as connected_at
    from latest
    join calls
      on calls.store = latest.store
     and calls.event_time >= latest.event_time
    where calls.event_name = 'ConnectCustomKeyStore'
    group by latest.store
),
used as (                -- one row per store with requests before
    select
        latest.store,
        cast(sum(request_rate.request_count) as bigint) as request_count,
        max(request_rate.minute) as last_used
    from latest
    join request_rate
      on request_rate.account_id = latest.account_id
     and request_rate.region = latest.region
     and request_rate.custom_key_store_id = latest.custom_key_store_id
     and request_rate.minute <= latest.event_time
    where request_rate.quota_name = 'custom_key_store'
      and request_rate.minute >= $used_start
    group by latest.store
),
events as (              -- one row per store
    select
        store,
        min(event_time) as first_seen,
        count(*) as event_count,
        array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids
    from disconnected
    group by store
)
select
    latest.account_id,
    latest.region,
    cast(null as varchar) as key_arn,
    latest.principal_arn,
    events.first_seen,
    latest.event_time as last_seen,
    events.event_count,
    events.event_ids,
    case
        when connected.connected_at is not null then 'low'
        when used.request_count > 0 then 'high'
        else 'medium'
    end as severity,
    latest.custom_key_store_id,
    connected.connected_at,
    used.request_count,
    used.last_used
from latest
join events on events.store = latest.store
left join connected on connected.store = latest.store
left join used on used.store = latest.store
order by latest.store
