-- context_resources: One row per call whose encryption context names a resource of an AWS service.
--
-- event_id UUID: kms_calls.event_id of the call.
-- event_time TIMESTAMP: When the request completed, UTC.
-- key_arn VARCHAR: Key of the call.
-- resource VARCHAR: The resource as the context names it: an ARN, id or name. Untrusted text.
-- service VARCHAR: Service of the resource as in ARNs: s3, ec2, secretsmanager, …
-- account_id VARCHAR: Account of the resource; NULL where neither context nor caller tell. S3 names are the same in all accounts.
-- resource_name VARCHAR: Name or id of the resource, of an S3 object its bucket: what resource_tags.resource_name is compared with.

with named as (          -- one row per call with a resource
    select
        event_id,
        event_time,
        key_arn,
        resource,
        case
            when resource like 'arn:%' then split_part(resource, ':', 3)
            when resource like 'vol-%' or resource like 'snap-%' then 'ec2'
            when resource like 'fs-%' then 'elasticfilesystem'
            when resource like 'db-%' or resource like 'cluster-%' then 'rds'
            when element_at(encryption_context, 'aws:dynamodb:tableName') is not null then 'dynamodb'
            else coalesce(service, '')
        end as service,
        case when resource like 'arn:%' then split_part(resource, ':', 5) else caller_account_id end as account_id
    from kms_calls
    where resource is not null
)
select
    event_id,
    event_time,
    key_arn,
    resource,
    service,
    nullif(account_id, '') as account_id,
    case
        when resource not like 'arn:%' then resource
        when service = 's3' then split_part(split_part(resource, ':', 6), '/', 1)
        when service in ('sns', 'sqs') then split_part(resource, ':', 6)
        when service in ('lambda', 'logs') then split_part(resource, ':', 7)
        when service = 'secretsmanager' and length(split_part(resource, ':', 7)) > 7
            then substr(split_part(resource, ':', 7), 1, length(split_part(resource, ':', 7)) - 7)
        when service = 'ssm' then substr(resource, strpos(resource, ':parameter/') + 11)
        else split_part(resource, '/', length(resource) - length(replace(resource, '/', '')) + 1)
    end as resource_name
from named
