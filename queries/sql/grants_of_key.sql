/*---
id: grants_of_key
title: Grants of a key, and whether they still hold
description: |
  Grants that held or were ended in the window: who may use the key by them,
  for what, who created them and who ended them. Grants of AWS services come
  and go; those of people deserve a look. A grant from before the logs shows
  only once it is ended, and one that ended without a record (its key was
  deleted) has no end.
grain: one row per grant
params:
  key_arn: {type: varchar, default: null, doc: "key ARN, key id, alias (alias/…) or alias ARN; without it all keys"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: grant_id, type: VARCHAR, doc: Id of the grant.}
  - {name: holds, type: BOOLEAN, doc: "True when it held at the end of the window, as far as the logs tell."}
  - {name: grantee_principal, type: VARCHAR, doc: "Who may use it; NULL when it was created before the logs begin."}
  - {name: grantee_account_id, type: VARCHAR, doc: "Account of the grantee; NULL for a service principal, or when it is not known."}
  - {name: grantee_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: retiring_principal, type: VARCHAR, doc: "Who may retire it besides the grantee and the key's owner; NULL when nobody, or not known."}
  - {name: grant_operations, type: "VARCHAR[]", doc: Operations it allows.}
  - {name: service, type: VARCHAR, doc: "AWS service that created it for somebody; NULL when it was created directly."}
  - {name: created_at, type: TIMESTAMP, doc: "When it was created, UTC; NULL when that lies before the logs."}
  - {name: created_by, type: VARCHAR, doc: Who created it.}
  - {name: ended_at, type: TIMESTAMP, doc: "When it was retired or revoked, UTC, be it after the window; NULL when the logs do not say so."}
  - {name: ended_by, type: VARCHAR, doc: Who ended it.}
  - {name: end_name, type: VARCHAR, doc: RetireGrant or RevokeGrant.}
  - {name: event_id, type: UUID, doc: "Event of the creation; NULL when that lies before the logs."}
---*/
with aliased as (        -- keys that had the alias asked for in the window, or that calls named by it
    select key_arn
    from key_timeline
    where kind = 'alias'
      and valid_from < $window_end
      and (valid_to is null or valid_to > $window_start)
      and $key_arn in (name, split_part(key_arn, ':key/', 1) || ':' || name)
    union
    select key_arn
    from usage_daily
    where day >= cast($window_start as date)
      and cast(day as timestamp) < $window_end
      and $key_arn like '%alias/%'
      and $key_arn in (alias_name, split_part(key_arn, ':key/', 1) || ':' || alias_name)
),
labels as (              -- one row per key, with its aliases
    select key_arn, aliases
    from keys
    where $key_arn is null or $key_arn like '%alias/%' or $key_arn in (key_arn, split_part(key_arn, '/', 2))
)
select
    grants.key_arn,
    labels.aliases,
    grants.grant_id,
    grants.ended_at is null or grants.ended_at >= $window_end as holds,
    grants.grantee_principal,
    nullif(split_part(grants.grantee_principal, ':', 5), '') as grantee_account_id,
    accounts.account_name as grantee_account_name,
    grants.retiring_principal,
    grants.grant_operations,
    grants.service,
    grants.created_at,
    grants.created_by,
    grants.ended_at,
    grants.ended_by,
    grants.end_name,
    grants.event_id
from grants
left join labels on labels.key_arn = grants.key_arn
left join accounts on accounts.account_id = split_part(grants.grantee_principal, ':', 5)
where (grants.created_at is null or grants.created_at < $window_end)
  -- A key asked for by ARN or id is picked before anything is put together.
  and ($key_arn is null or $key_arn like '%alias/%' or $key_arn in (grants.key_arn, split_part(grants.key_arn, '/', 2)))
  and (grants.ended_at is null or grants.ended_at >= $window_start)
  and ($key_arn is null
    or $key_arn in (grants.key_arn, split_part(grants.key_arn, '/', 2))
    or grants.key_arn in (select key_arn from aliased))
order by grants.created_at nulls first, grants.key_arn, grants.grant_id
