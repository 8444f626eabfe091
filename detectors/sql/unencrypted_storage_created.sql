/*---
id: unencrypted_storage_created
title: Storage was made without encryption
severity: medium
status: stable
version: 1
description: |
  A volume, snapshot, database, database snapshot, file system or data
  warehouse was made and AWS's answer says that it is not encrypted. What the
  request says does not count where an account's default can overrule it. Low
  for snapshots, which are as their volume is. One finding per account, Region,
  caller and kind of storage.
why:
  text: |
    What lies unencrypted on disk is guarded by the policies of one service
    only: a snapshot that is shared by mistake, or copied by an intruder, can
    be read. Encrypting it later takes a copy and a change-over.
  source: AWS Well-Architected Framework, SEC08-BP02 "Enforce encryption at rest"; AWS Security Hub controls EC2.3, RDS.3, RDS.4, EFS.1, Redshift.10
summary: >-
  {{or_else "Somebody" .principal_arn}} made storage without encryption in {{.region}} ({{.kind}}, {{count .event_count "call"}}): {{join 3 .resources}}
remedy: |
  {{- if or (eq .kind "volume") (eq .kind "snapshot")}}
  # Encrypt all that is made from now on, and copy what is there.
  aws ec2 enable-ebs-encryption-by-default --region {{.region}}
  aws ec2 copy-snapshot --source-region {{.region}} --region {{.region}} --source-snapshot-id SNAPSHOT --encrypted --kms-key-id KEY_ARN
  {{- else if or (eq .kind "database") (eq .kind "database snapshot")}}
  # Copy a snapshot under a key, and restore from the copy.
  aws rds copy-db-snapshot --source-db-snapshot-identifier SNAPSHOT --target-db-snapshot-identifier SNAPSHOT-encrypted --kms-key-id KEY_ARN --region {{.region}}
  {{- else if eq .kind "file system"}}
  # An encrypted file system is a new one; move the data with AWS DataSync.
  aws efs create-file-system --encrypted --kms-key-id KEY_ARN --region {{.region}}
  {{- else}}
  # A cluster can be encrypted where it stands; it is read-only meanwhile.
  aws redshift modify-cluster --cluster-identifier CLUSTER --encrypted --kms-key-id KEY_ARN --region {{.region}}
  {{- end}}
blind_spots:
  - Volumes that come with an instance (RunInstances) and snapshots of many volumes at once (CreateSnapshots) are not looked at.
  - Answers that do not tell, such as CopySnapshot's, count as nothing.
  - Services that are not named above, queues, topics and streams among them. S3 and DynamoDB always encrypt.
  - Records ingested before storage layout 4 do not tell; a store that is filled anew has all.
false_positives:
  - Scratch volumes and public data.
  - Aurora and RDS restores of public sample snapshots.
identity: [account_id, region, principal_arn, kind]
mappings:
  cis: ["2.2.1", "2.3.1", "2.4.1"]
  security_hub: [EC2.3, EC2.7, RDS.3, RDS.4, RDS.27, EFS.1, Redshift.10]
  well_architected: [SEC08-BP02]
triage:
  - text: See whether a key was ever used for such a resource.
    query: resource_keys
    params: {resource: "{{if .resources}}{{index .resources 0}}{{end}}"}
  - text: See what keys the caller works with.
    query: principal_activity
    params: {principal_arn: "{{or_else \"\" .principal_arn}}"}
columns:
  kind: volume, snapshot, database, database snapshot, file system or data warehouse.
  resources: What was made, at most ten on each day, in the order of time.
  operations: Operations that made it.
merge:
  resources: union 10
  operations: union
---*/
with made as (           -- one row per call whose answer says unencrypted
    select
        event_id,
        event_time,
        event_name,
        coalesce(recipient_account_id, caller_account_id) as account_id,
        region,
        principal_arn,
        resource_arn,
        case
            when event_source = 'ec2.amazonaws.com' and event_name = 'CreateVolume' then 'volume'
            when event_source = 'ec2.amazonaws.com' then 'snapshot'
            when event_source = 'elasticfilesystem.amazonaws.com' then 'file system'
            when event_source = 'redshift.amazonaws.com' then 'data warehouse'
            when event_name like 'Copy%' then 'database snapshot'
            else 'database'
        end as kind
    from related_events
    where event_time >= $window_start
      and event_time < $window_end
      and event_source in ('ec2.amazonaws.com', 'rds.amazonaws.com', 'elasticfilesystem.amazonaws.com', 'redshift.amazonaws.com')
      and (event_name like 'Create%' or event_name like 'Copy%' or event_name like 'Restore%')
      and error_code is null
      and not encrypted
),
numbered as (            -- the same, numbered per finding
    select
        made.*,
        row_number() over (
            partition by account_id, region, principal_arn, kind
            order by event_time, event_id
        ) as n
    from made
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
    case when kind in ('snapshot', 'database snapshot') then 'low' else 'medium' end as severity,
    kind,
    array_agg(resource_arn order by n) filter (where n <= 10 and resource_arn is not null) as resources,
    array_agg(distinct event_name order by event_name) as operations
from numbered
group by account_id, region, principal_arn, kind
order by account_id, region, principal_arn, kind
