/*---
id: resource_keys
title: Keys and callers of a resource
description: |
  Which keys protect a resource, and who used them for it, as the encryption
  contexts of the calls tell. An S3 bucket's ARN means all its objects as well;
  an object in a bucket with an S3 bucket key shows only as its bucket. Reads
  the records themselves: keep the window short on a large store.
grain: one row per key, caller and service
params:
  resource: {type: varchar, required: true, doc: "the resource: ARN, or id or name where services use that (vol-…, a table name); with % in it a pattern"}
columns:
  - {name: key_arn, type: VARCHAR, doc: The key.}
  - {name: aliases, type: VARCHAR, doc: "Its aliases; NULL when none is known."}
  - {name: key_account_id, type: VARCHAR, doc: Account that owns the key.}
  - {name: key_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: principal_arn, type: VARCHAR, doc: "Caller; NULL for a service principal, or a stranger whose own record did not arrive."}
  - {name: caller_id, type: VARCHAR, doc: "Unique id of the principal, or name of the service principal."}
  - {name: caller_account_id, type: VARCHAR, doc: "Account of the caller; NULL for a service principal."}
  - {name: caller_account_name, type: VARCHAR, doc: "Its name from the configuration; NULL when it has none."}
  - {name: service, type: VARCHAR, doc: "AWS service behind the calls; NULL for direct calls."}
  - {name: operations, type: "VARCHAR[]", doc: "Operations, in order."}
  - {name: resource_count, type: BIGINT, doc: "Different resources that fit, such as the objects of a bucket."}
  - {name: call_count, type: BIGINT, doc: "Calls, each counted once; a ReEncrypt counts for each of its keys."}
  - {name: error_count, type: BIGINT, doc: "Calls that failed, dry runs not among them."}
  - {name: denied_count, type: BIGINT, doc: Those that were denied.}
  - {name: first_seen, type: TIMESTAMP, doc: "First call in the window, UTC."}
  - {name: last_seen, type: TIMESTAMP, doc: "Last call in the window, UTC."}
---*/
with sides as (          -- one row per call and key with the resource it is about
    select
        case sides.side when 'source' then calls.key_arn else calls.destination_key_arn end as key_arn,
        case sides.side when 'source' then calls.key_account_id else calls.destination_key_account_id end as key_account_id,
        calls.principal_arn,
        calls.caller_id,
        calls.caller_account_id,
        calls.recipient_account_id,
        calls.region,
        calls.service,
        calls.event_name,
        calls.error_class,
        calls.event_time,
        case
            when sides.side = 'source' then calls.resource
            -- Copies of a volume or a database are encrypted anew for the copy.
            else coalesce(
                element_at(calls.destination_encryption_context, 'aws:rds:db-id'),
                element_at(calls.destination_encryption_context, 'aws:elasticfilesystem:filesystem:id'),
                element_at(calls.destination_encryption_context, 'aws:ebs:id'),
                calls.resource
            )
        end as resource
    from kms_calls as calls
    cross join unnest(array['source', 'destination']) as sides (side)
    where calls.event_time >= $window_start
      and calls.event_time < $window_end
      and (sides.side = 'source' or calls.event_name = 'ReEncrypt' and calls.destination_key_arn <> coalesce(calls.key_arn, ''))
),
touched as (             -- those about the resource asked for
    select *
    from sides
    where resource = $resource
       or starts_with(resource, $resource || '/')
       or strpos($resource, '%') > 0 and resource like $resource
       -- Some services name a resource by its id alone, which is the last part of its ARN.
       or $resource like 'arn:%'
            and resource not like 'arn:%'
            and resource = split_part(replace($resource, '/', ':'), ':', length($resource) - length(replace(replace($resource, '/', ''), ':', '')) + 1)
            and split_part($resource, ':', 4) in ('', region)
            and split_part($resource, ':', 5) in ('', coalesce(caller_account_id, recipient_account_id))
)
select
    touched.key_arn,
    max(key_names.aliases) as aliases,
    max(touched.key_account_id) as key_account_id,
    max(owners.account_name) as key_account_name,
    max(touched.principal_arn) as principal_arn,
    touched.caller_id,
    touched.caller_account_id,
    max(callers.account_name) as caller_account_name,
    touched.service,
    array_agg(distinct touched.event_name order by touched.event_name) as operations,
    count(distinct touched.resource) as resource_count,
    count(*) as call_count,
    count(case when touched.error_class <> 'dry_run' then 1 end) as error_count,
    count(case when touched.error_class = 'denied' then 1 end) as denied_count,
    min(touched.event_time) as first_seen,
    max(touched.event_time) as last_seen
from touched
left join key_names on key_names.key_arn = touched.key_arn
left join accounts as owners on owners.account_id = touched.key_account_id
left join accounts as callers on callers.account_id = touched.caller_account_id
group by touched.key_arn, touched.caller_id, touched.caller_account_id, touched.service
order by call_count desc, touched.key_arn, touched.caller_id, touched.service
