/*---
id: untagged_key_created
title: A key was made without the tags it needs
severity: low
status: stable
version: 2
description: |
  Somebody made a KMS key and did not give it any tag, or not all that the
  parameter required_tags names. What counts is the request itself: tags that
  come later make no difference, since nobody knows whose the key is until then.
  Keys that an AWS service makes for itself are left out, those of CloudFormation
  stacks are not. One finding per account, Region and caller.
why:
  text: |
    Tags say who owns a key, what class of data it is for and in which
    environment. Access by tag, cost, and the decision whether a key may be
    deleted all rest on them; a key that nobody owns is never deleted and never
    looked after.
  source: AWS Well-Architected Framework, SEC08-BP01 "Implement secure key management"; AWS KMS Developer Guide, "Tags in AWS KMS"
summary: >-
  {{or_else "Somebody" .principal_arn}} made {{count .event_count "key"}} without {{if .tag_keys}}all required tags (it has {{join 5 .tag_keys}}){{else}}tags{{end}}: {{join 3 .key_arns}}
remedy: |
  # Say whose they are.
  {{- range .key_arns}}
  aws kms tag-resource --key-id {{.}} --region {{$.region}} --tags TagKey=owner,TagValue=TEAM TagKey=data-class,TagValue=CLASS
  {{- end}}
  # Keep it so: deny kms:CreateKey without aws:RequestTag/owner by a service control policy.
blind_spots:
  - Keys made before the logs begin.
  - Tags that are removed later; the query key_timeline shows them.
  - Description and alias are not looked at; key_without_alias_or_description does that.
false_positives:
  - Infrastructure code that tags in a call of its own.
  - Keys for a test.
params:
  required_tags: {type: varchar, default: "", doc: "tag keys, comma-separated, that a new key must have, in any case; empty means at least one tag of any name"}
identity: [account_id, region, principal_arn]
mappings:
  well_architected: [SEC08-BP01, COST02-BP05]
triage:
  - text: See what became of the key.
    query: key_timeline
    params: {key_arn: "{{or_else \"\" .key_arn}}"}
  - text: See who uses it.
    query: key_users
    params: {key_arn: "{{or_else \"\" .key_arn}}"}
columns:
  key_arns: Keys that were made, at most ten on each day, in the order of time.
  tag_keys: Tag keys that the last of them has all the same; NULL when it has none.
merge:
  key_arns: union 10
---*/
with made as (           -- one row per key
    select event_id, event_time, key_arn, key_account_id as account_id, region, principal_arn, map_keys(tags) as tag_keys
    from kms_events
    where event_time >= $window_start
      and event_time < $window_end
      and event_name = 'CreateKey'
      and error_code is null
      and key_arn is not null
      and (service is null or service = 'cloudformation')
      and actor_kind <> 'aws_service'
      and record_copy <> 'network'
),
tagged as (              -- one row per key, with the tags that count
    select
        made.event_id,
        made.event_time,
        made.key_arn,
        made.account_id,
        made.region,
        made.principal_arn,
        count(tags.tag_key) as tag_count,
        count(distinct case when strpos(',' || replace(lower($required_tags), ' ', '') || ',', ',' || lower(tags.tag_key) || ',') > 0 then lower(tags.tag_key) end) as required_count,
        array_agg(tags.tag_key order by tags.tag_key) filter (where tags.tag_key is not null) as tag_keys
    from made
    left join (
        select made.event_id, keys.tag_key
        from made
        cross join unnest(made.tag_keys) as keys (tag_key)
    ) as tags
      on tags.event_id = made.event_id
    group by 1, 2, 3, 4, 5, 6
),
numbered as (            -- keys that lack some, numbered per finding
    select
        tagged.*,
        row_number() over (
            partition by account_id, region, principal_arn
            order by event_time, event_id
        ) as n
    from tagged
    where case
        when $required_tags = '' then tag_count = 0
        else required_count <= length($required_tags) - length(replace($required_tags, ',', ''))
    end
)
select
    account_id,
    region,
    case when min(key_arn) = max(key_arn) then max(key_arn) end as key_arn,
    principal_arn,
    min(event_time) as first_seen,
    max(event_time) as last_seen,
    count(*) as event_count,
    array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids,
    array_agg(key_arn order by n) filter (where n <= 10) as key_arns,
    max_by(tag_keys, n) filter (where tag_keys is not null) as tag_keys
from numbered
group by account_id, region, principal_arn
order by account_id, region, principal_arn
