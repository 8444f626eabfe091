-- resource_tags: One row per interval in which a resource of another service carried a tag, as far as the logs tell: tags set before the logs begin are not in it.
--
-- resource_arn VARCHAR: The resource: an ARN, or the id or name where the request has only that.
-- account_id VARCHAR: Account in whose trail the tagging was logged.
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
        tags,
        -- S3 replaces the whole set; everybody else adds to it.
        event_name in ('PutBucketTagging', 'DeleteBucketTagging') as replaces_all
    from related_events
    where error_code is null
      and resource_arn is not null
      and (tags is not null or event_name = 'DeleteBucketTagging')
),
entries as (             -- one row per tag that a call sets or removes
    select
        tagging.resource_arn,
        tagging.account_id,
        keys.tag_key,
        element_at(tagging.tags, keys.tag_key) as tag_value,
        tagging.event_time,
        tagging.event_id,
        1 as entry_rank
    from tagging
    cross join unnest(map_keys(tagging.tags)) as keys (tag_key)
),
known as (               -- one row per resource and tag key ever seen
    select distinct resource_arn, tag_key
    from entries
),
changes as (             -- entries, and what a replaced set no longer has
    select * from entries
    union all
    select
        tagging.resource_arn,
        tagging.account_id,
        known.tag_key,
        cast(null as varchar) as tag_value,
        tagging.event_time,
        tagging.event_id,
        0 as entry_rank
    from tagging
    join known on known.resource_arn = tagging.resource_arn
    where tagging.replaces_all
)
select
    resource_arn,
    account_id,
    tag_key,
    tag_value,
    event_time as valid_from,
    lead(event_time) over (partition by resource_arn, tag_key order by event_time, event_id, entry_rank) as valid_to,
    event_id
from changes
