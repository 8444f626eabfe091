-- grants: One row per grant that the logs name: who may use a key by it, since when, until when. Copies of one call are one row. What ended without a record (a grant of a deleted key, for one) has no end here.
--
-- grant_id VARCHAR: The grant.
-- key_arn VARCHAR: The key.
-- account_id VARCHAR: Account that owns the key.
-- region VARCHAR: Its Region.
-- grantee_principal VARCHAR: Who may use the grant; NULL when it was created before the logs begin.
-- retiring_principal VARCHAR: Who may retire it besides the grantee and the key's owner; NULL when nobody, or not known.
-- grant_operations VARCHAR[]: Operations it allows.
-- service VARCHAR: AWS service that created it for somebody; NULL when it was created directly.
-- created_by VARCHAR: Principal that created it.
-- created_at TIMESTAMP: When it was created, UTC; NULL when that lies before the logs.
-- ended_at TIMESTAMP: When it was retired or revoked, UTC; NULL when it still holds.
-- ended_by VARCHAR: Principal that ended it.
-- end_name VARCHAR: RetireGrant or RevokeGrant.
-- event_id UUID: Event that created it; NULL when that lies before the logs.
-- end_event_id UUID: Event that ended it.

with records as (        -- one row per record about a grant, the caller's copy of each call first
    select
        key_change_records.*,
        case when event_name = 'CreateGrant' then 1 else 2 end as step,
        case record_copy when 'single' then 1 when 'caller' then 2 when 'owner' then 3 else 4 end as copy_rank
    from key_change_records
    where event_name in ('CreateGrant', 'RetireGrant', 'RevokeGrant')
      and grant_id is not null
),
numbered as (            -- the same, the record to believe first: a service repeats a CreateGrant it already made
    select
        records.*,
        row_number() over (partition by key_arn, grant_id, step order by event_time, copy_rank, event_id) as n,
        max(principal_arn) over (partition by key_arn, grant_id, step, change_id) as known_principal_arn
    from records
),
first_records as (       -- one row per grant and step
    select *
    from numbered
    where n = 1
)
select
    grant_id,
    key_arn,
    max(account_id) as account_id,
    max(region) as region,
    max(case when step = 1 then grantee_principal end) as grantee_principal,
    max(case when step = 1 then retiring_principal end) as retiring_principal,
    min_by(grant_operations, step) filter (where step = 1 and grant_operations is not null) as grant_operations,
    max(case when step = 1 then service end) as service,
    max(case when step = 1 then known_principal_arn end) as created_by,
    max(case when step = 1 then event_time end) as created_at,
    max(case when step = 2 then event_time end) as ended_at,
    max(case when step = 2 then known_principal_arn end) as ended_by,
    max(case when step = 2 then event_name end) as end_name,
    min_by(event_id, step) filter (where step = 1 and event_id is not null) as event_id,
    min_by(event_id, step) filter (where step = 2 and event_id is not null) as end_event_id
from first_records
group by grant_id, key_arn
