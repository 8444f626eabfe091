/*---
id: encryption_default_disabled
title: Default encryption was switched off
severity: high
status: stable
version: 1
description: |
  Somebody switched encryption of new EBS volumes off for an account and Region
  (DisableEbsEncryptionByDefault, high), or deleted the default encryption of a
  bucket (DeleteBucketEncryption, medium: S3 falls back to keys of its own,
  which no key policy guards). Low when it was switched on again within the
  day. One finding per account, Region, caller and setting; of buckets one each.
why:
  text: |
    The default is what encrypts all that nobody thinks of: volumes of new
    instances, restored snapshots, objects of old programs. Once it is off, data
    is written that no KMS key protects, and encrypting it later means copying it.
  source: AWS Well-Architected Framework, SEC08-BP02 "Enforce encryption at rest"; Amazon EC2 User Guide, "Enable Amazon EBS encryption by default"
summary: >-
  {{or_else "Somebody" .principal_arn}} {{if .bucket}}deleted the default encryption of the bucket {{.bucket}}{{else}}switched encryption of new EBS volumes off in {{.region}}{{end}}
  {{- if .restored_at}}; it is on again since {{date .restored_at}}{{end}}
remedy: |
  {{- if .bucket}}
  # Name a KMS key again; objects written meanwhile keep what they have.
  aws s3api put-bucket-encryption --bucket {{.bucket}} --server-side-encryption-configuration '{"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "KEY_ARN"}, "BucketKeyEnabled": true}]}'
  {{- else}}
  # Switch it on, and look for volumes that were made meanwhile.
  aws ec2 enable-ebs-encryption-by-default --region {{.region}}
  aws ec2 describe-volumes --region {{.region}} --filters Name=encrypted,Values=false --query 'Volumes[].[VolumeId,CreateTime]' --output text
  # Keep it so: deny ec2:DisableEbsEncryptionByDefault by a service control policy.
  {{- end}}
blind_spots:
  - A default that was never on.
  - A bucket's default that is changed from a KMS key to AES256 by PutBucketEncryption.
  - Whether it is on again is looked for until the end of the UTC day.
false_positives:
  - A bucket that is emptied and deleted; infrastructure code deletes its encryption first.
identity: [account_id, region, principal_arn, operation, bucket]
attack:
  - {technique: T1565.001, name: Stored Data Manipulation, version: "19"}
mappings:
  cis: ["2.2.1"]
  security_hub: [EC2.7, S3.17]
  well_architected: [SEC08-BP02, SEC08-BP03]
triage:
  - text: See what keys the caller works with.
    query: principal_activity
    params: {principal_arn: "{{or_else \"\" .principal_arn}}"}
columns:
  operation: DisableEbsEncryptionByDefault or DeleteBucketEncryption.
  bucket: Name of the bucket; NULL for the default of the account and Region.
  restored_at: When it was switched on again within the same day, UTC; NULL when it was not.
---*/
with calls as (          -- one row per call that switches a default off or on
    select
        event_id,
        event_time,
        event_name as operation,
        coalesce(recipient_account_id, caller_account_id) as account_id,
        region,
        principal_arn,
        case when event_source = 's3.amazonaws.com' then split_part(resource_arn, ':', 6) end as bucket
    from related_events
    where event_time >= $window_start
      and event_time < $window_end
      and event_name in (
          'DisableEbsEncryptionByDefault', 'EnableEbsEncryptionByDefault', 'DeleteBucketEncryption', 'PutBucketEncryption'
      )
      and error_code is null
),
followed as (            -- the same with the next time that it is switched on
    select
        calls.*,
        min(case when operation in ('EnableEbsEncryptionByDefault', 'PutBucketEncryption') then event_time end) over (
            partition by account_id, region, bucket
            order by event_time desc, event_id desc
            rows between unbounded preceding and current row
        ) as restored_at
    from calls
),
numbered as (            -- those that switch it off, numbered per finding
    select
        followed.*,
        row_number() over (
            partition by account_id, region, principal_arn, operation, bucket
            order by event_time, event_id
        ) as n
    from followed
    where operation in ('DisableEbsEncryptionByDefault', 'DeleteBucketEncryption')
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
    case
        when bool_and(restored_at is not null) then 'low'
        when bucket is null then 'high'
        else 'medium'
    end as severity,
    operation,
    bucket,
    max_by(restored_at, n) filter (where restored_at is not null) as restored_at
from numbered
group by account_id, region, principal_arn, operation, bucket
order by account_id, region, principal_arn, operation, bucket
