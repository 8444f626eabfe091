/*---
id: grants_created
title: Grants that were created, and whether they are still there
description: Grants with grantee and operations, and when they were retired or revoked. Grants of AWS services come and go; those of people deserve a look.
grain: one row per grant created in the window
params:
  key_arn: {type: varchar, default: null, doc: "key ARN; without it all keys"}
columns:
  - {name: created_at, type: TIMESTAMP, doc: "When the grant was created, UTC."}
  - {name: ended_at, type: TIMESTAMP, doc: "When it was retired or revoked, UTC; NULL when the logs do not say so."}
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: grant_id, type: VARCHAR, doc: Id of the grant.}
  - {name: grantee_principal, type: VARCHAR, doc: Who may use it.}
  - {name: retiring_principal, type: VARCHAR, doc: Who may retire it.}
  - {name: grant_operations, type: "VARCHAR[]", doc: Operations it allows.}
  - {name: principal_arn, type: VARCHAR, doc: Who created it.}
  - {name: service, type: VARCHAR, doc: "AWS service behind the call; NULL for a direct call."}
  - {name: event_id, type: UUID, doc: Event of the creation.}
---*/
with ended as (          -- one row per grant that was retired or revoked
    select grant_id, min(event_time) as ended_at
    from kms_calls
    where event_name in ('RetireGrant', 'RevokeGrant')
      and error_code is null
      and grant_id is not null
    group by grant_id
)
select
    calls.event_time as created_at,
    ended.ended_at,
    calls.key_arn,
    calls.grant_id,
    calls.grantee_principal,
    calls.retiring_principal,
    calls.grant_operations,
    calls.principal_arn,
    calls.service,
    calls.event_id
from kms_calls as calls
left join ended on ended.grant_id = calls.grant_id
where calls.event_time >= $window_start
  and calls.event_time < $window_end
  and calls.event_name = 'CreateGrant'
  and calls.error_code is null
  and ($key_arn is null or calls.key_arn = $key_arn)
order by calls.event_time, calls.event_id
