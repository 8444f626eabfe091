-- resource_tags: One row per interval in which a resource of another service carried a tag, as far as the logs tell: tags set before the logs begin are not in it.
--
-- resource_arn VARCHAR: The resource: an ARN, or the id or name where the request has only that.
-- service VARCHAR: Service of the resource as in ARNs: s3, ec2, secretsmanager, …
-- account_id VARCHAR: Account in whose trail the tagging was logged.
-- resource_name VARCHAR: Name or id of the resource, unique for service and account: what context_resources.resource_name is compared with.
-- tag_key VARCHAR: Tag key.
-- tag_value VARCHAR: Tag value; NULL in an interval in which the tag is known to be gone.
-- valid_from TIMESTAMP: Start of the interval (inclusive), UTC.
-- valid_to TIMESTAMP: End of the interval (exclusive), UTC; NULL when it still lasts.
-- event_id UUID: Event that began the interval.

with tagging as (        -- one row per successful tagging call
    select
        event_id,
        event_time,
        recipient_account_id as account_id,
        resource_arn,
        case when resource_arn like 'arn:%' then split_part(resource_arn, ':', 3) else split_part(event_source, '.', 1) end as service,
        tags,
        -- S3 replaces the whole set; everybody else adds to it.
        event_name in ('PutBucketTagging', 'DeleteBucketTagging') as replaces_all
    from related_events
    where error_code is null
      and resource_arn is not null
      and (tags is not null or event_name = 'DeleteBucketTagging')
),
named as (               -- the same with the name by which calls are matched
    select
        tagging.*,
        map_keys(tags) as tag_keys,
        case
            when resource_arn not like 'arn:%' and service = 'sqs' then split_part(resource_arn, '/', length(resource_arn) - length(replace(resource_arn, '/', '')) + 1)
            when resource_arn not like 'arn:%' and resource_arn like '/%' and service = 'ssm' then substr(resource_arn, 2)
            when resource_arn not like 'arn:%' then resource_arn
            when service in ('s3', 'sns', 'sqs') then split_part(resource_arn, ':', 6)
            when service in ('lambda', 'logs') then split_part(resource_arn, ':', 7)
            -- Six random characters follow the name in a secret's ARN.
            when service = 'secretsmanager' and length(split_part(resource_arn, ':', 7)) > 7
                then substr(split_part(resource_arn, ':', 7), 1, length(split_part(resource_arn, ':', 7)) - 7)
            when service = 'ssm' then substr(resource_arn, strpos(resource_arn, ':parameter/') + 11)
            else split_part(resource_arn, '/', length(resource_arn) - length(replace(resource_arn, '/', '')) + 1)
        end as resource_name
    from tagging
),
entries as (             -- one row per tag that a call sets or removes
    select
        named.resource_arn,
        named.service,
        named.account_id,
        named.resource_name,
        keys.tag_key,
        element_at(named.tags, keys.tag_key) as tag_value,
        named.event_time,
        named.event_id,
        1 as entry_rank
    from named
    cross join unnest(named.tag_keys) as keys (tag_key)
),
known as (               -- one row per resource and tag key ever seen
    select distinct service, account_id, resource_name, tag_key
    from entries
),
changes as (             -- entries, and what a replaced set no longer has
    select * from entries
    union all
    select
        named.resource_arn,
        named.service,
        named.account_id,
        named.resource_name,
        known.tag_key,
        cast(null as varchar) as tag_value,
        named.event_time,
        named.event_id,
        0 as entry_rank
    from named
    join known
      on known.service = named.service
     and known.resource_name = named.resource_name
     and coalesce(known.account_id, '') = coalesce(named.account_id, '')
    where named.replaces_all
)
select
    resource_arn,
    service,
    account_id,
    resource_name,
    tag_key,
    tag_value,
    event_time as valid_from,
    lead(event_time) over (
        partition by service, account_id, resource_name, tag_key
        order by event_time, event_id, entry_rank
    ) as valid_to,
    event_id
from changes
