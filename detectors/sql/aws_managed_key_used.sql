/*---
id: aws_managed_key_used
title: Data is under an AWS managed key where a key of one's own is asked
severity: medium
status: stable
version: 1
description: |
  A resource was made, or a bucket set up, that is encrypted under the AWS
  managed key of its service (alias/aws/…), named as such or because no key was
  named, although a customer managed key is asked: by a tag of the resource
  that says what class its data is of, or for all resources of the services
  that the parameter names. One finding per account, Region, caller and service.
why:
  text: |
    The policy of an AWS managed key cannot be changed: everybody in the
    account who may use the service may decrypt, it cannot be shared with
    another account, disabled, or deleted with the data. Control over who reads
    confidential data takes a key of one's own.
  source: AWS Well-Architected Framework, SEC08-BP01 "Implement secure key management"; AWS Prescriptive Guidance, "AWS KMS best practices"
summary: >-
  {{or_else "Somebody" .principal_arn}} put {{join 3 .resources}} under the AWS managed key of {{.service}} in {{.region}}
  {{- if .data_class}}, although it is tagged {{.data_class}}{{else}}, where a customer managed key is asked{{end}} ({{count .event_count "call"}})
remedy: |
  # Make a key for this class of data, or take the one there is.
  aws kms create-key --region {{.region}} --description "data of one class" --tags TagKey=data-class,TagValue={{or_else "CLASS" .data_class}}
  # Storage cannot change its key where it stands: copy its snapshot with
  # --kms-key-id, restore from the copy, and change over. A bucket, a table and a
  # secret can be given another key:
  #   aws s3api put-bucket-encryption, aws dynamodb update-table --sse-specification, aws secretsmanager update-secret --kms-key-id
blind_spots:
  - Tags set after the UTC day in which the resource was made.
  - An EBS volume without a key of its own, unless the logs tell which key is the account's default.
  - Restores and copies that name no key; they keep the key of what they are made of.
  - Services that encrypt without KMS unless asked (SSE-S3, DynamoDB's own keys), and those not named in the parameter's documentation.
  - Records ingested before storage layout 4 do not tell; a store that is filled anew has all.
false_positives:
  - A tag that says the class of something else than the data.
params:
  class_tags: {type: varchar, default: "data-class,dataclass,data-classification,dataclassification,classification,confidentiality", doc: "tag keys, comma-separated, that say what class the data of a resource is of"}
  classes: {type: varchar, default: "confidential,restricted,secret,sensitive,pii,phi,pci,regulated", doc: "values of these tags, comma-separated, that ask for a customer managed key"}
  services: {type: varchar, default: "", doc: "services, comma-separated, whose resources all need a customer managed key: ec2, rds, dynamodb, elasticfilesystem, redshift, s3, secretsmanager"}
identity: [account_id, region, principal_arn, service]
mappings:
  security_hub: [S3.17]
  well_architected: [SEC08-BP01, SEC08-BP02]
triage:
  - text: See which keys the resource was used with.
    query: resource_keys
    params: {resource: "{{if .resources}}{{index .resources 0}}{{end}}"}
columns:
  service: Service of the resource, as in ARNs.
  data_class: What the resource is tagged with; NULL where only the service asks.
  resources: Resources, at most ten on each day, in the order of time.
  operations: Operations that put them under the key.
merge:
  resources: union 10
  operations: union
---*/
with volume_defaults as ( -- one row per interval in which the logs tell the key of new EBS volumes
    select
        coalesce(recipient_account_id, caller_account_id) as account_id,
        region,
        event_name = 'ResetEbsDefaultKmsKeyId' or key_arn like '%alias/aws/%' as is_managed,
        event_time as valid_from,
        lead(event_time) over (
            partition by coalesce(recipient_account_id, caller_account_id), region
            order by event_time, event_id
        ) as valid_to
    from related_events
    where event_time < $window_end
      and event_name in ('ModifyEbsDefaultKmsKeyId', 'ResetEbsDefaultKmsKeyId')
      and error_code is null
),
made as (                -- one row per call that encrypts by KMS
    select
        event_id,
        event_time,
        event_name,
        split_part(event_source, '.', 1) as service,
        coalesce(recipient_account_id, caller_account_id) as account_id,
        region,
        principal_arn,
        resource_arn,
        key_arn,
        response_key_arn
    from related_events
    where event_time >= $window_start
      and event_time < $window_end
      and error_code is null
      and (
          event_source = 'ec2.amazonaws.com' and event_name in ('CreateVolume', 'CopySnapshot') and encrypted
          or event_source in ('rds.amazonaws.com', 'elasticfilesystem.amazonaws.com', 'redshift.amazonaws.com') and encrypted
          or event_source = 'dynamodb.amazonaws.com' and encryption_type = 'KMS'
          or event_source = 's3.amazonaws.com' and event_name = 'PutBucketEncryption' and encryption_type like 'aws:kms%'
          or event_source = 'secretsmanager.amazonaws.com' and event_name = 'CreateSecret'
      )
),
managed as (             -- those under an AWS managed key
    select made.*
    from made
    left join volume_defaults
      on made.service = 'ec2'
     and volume_defaults.account_id = made.account_id
     and volume_defaults.region = made.region
     and made.event_time >= volume_defaults.valid_from
     and (volume_defaults.valid_to is null or made.event_time < volume_defaults.valid_to)
    where made.key_arn like '%alias/aws/%'
       or made.key_arn is null
          and case
              when made.service = 'ec2' then coalesce(volume_defaults.is_managed, false)
              else made.event_name in (
                  'CreateDBInstance', 'CreateDBCluster', 'CreateFileSystem', 'CreateCluster', 'CreateTable', 'UpdateTable',
                  'PutBucketEncryption', 'CreateSecret'
              )
          end
),
classes as (             -- one row per resource, class that asks for a key, and interval
    select account_id, resource_arn, lower(trim(tag_value, ' ')) as data_class, valid_from, valid_to
    from resource_tags
    where tag_value is not null
      and valid_from < $window_end
      and strpos(',' || replace(lower($class_tags), ' ', '') || ',', ',' || lower(tag_key) || ',') > 0
      and strpos(',' || replace(lower($classes), ' ', '') || ',', ',' || lower(trim(tag_value, ' ')) || ',') > 0
),
asked as (               -- one row per call where a customer managed key is asked; a tag set later on the day counts
    select
        managed.event_id,
        managed.event_time,
        managed.event_name,
        managed.service,
        managed.account_id,
        managed.region,
        managed.principal_arn,
        managed.resource_arn,
        min(classes.data_class) as data_class
    from managed
    left join classes
      on classes.account_id = managed.account_id
     and classes.resource_arn = managed.resource_arn
     and (classes.valid_to is null or classes.valid_to > managed.event_time)
    where classes.data_class is not null
       or strpos(',' || replace(lower($services), ' ', '') || ',', ',' || managed.service || ',') > 0
    group by 1, 2, 3, 4, 5, 6, 7, 8
),
numbered as (            -- the same, numbered per finding
    select
        asked.*,
        row_number() over (
            partition by account_id, region, principal_arn, service
            order by event_time, event_id
        ) as n
    from asked
)
select
    account_id,
    region,
    cast(null as varchar) as key_arn,
    principal_arn,
    min(event_time) as first_seen,
    max(event_time) as last_seen,
    count(*) as event_count,
    array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids,
    service,
    max_by(data_class, n) filter (where data_class is not null) as data_class,
    array_agg(resource_arn order by n) filter (where n <= 10 and resource_arn is not null) as resources,
    array_agg(distinct event_name order by event_name) as operations
from numbered
group by account_id, region, principal_arn, service
order by account_id, region, principal_arn, service
