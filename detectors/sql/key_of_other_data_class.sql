/*---
id: key_of_other_data_class
title: Data of one class is under the key of another
severity: medium
status: stable
version: 1
description: |
  Storage was made or set up under a key whose tags say another class of data
  than the tags of the resource. What counts are the key's tags at that moment,
  and the resource's at that moment or later on the same day. Where either has
  no such tag nothing is reported. One finding per key, caller and pair of
  classes.
why:
  text: |
    Keys are what keeps classes of data apart: who may decrypt public reports
    may, under a key shared with them, decrypt confidential ones, and a key
    that is deleted with one class takes the other with it.
  source: AWS Well-Architected Framework, SEC07-BP02 "Apply data protection controls based on data sensitivity" and SEC08-BP01
summary: >-
  {{or_else "Somebody" .principal_arn}} put {{join 3 .resources}}, tagged {{.resource_class}}, under {{name .key_arn}}, which is for {{.key_class}} data ({{count .event_count "call"}})
remedy: |
  # What the key is tagged with today, and which keys there are.
  aws kms list-resource-tags --key-id {{.key_arn}} --region {{.region}}
  aws resourcegroupstaggingapi get-resources --resource-type-filters kms:key --region {{.region}} --tag-filters Key=data-class,Values={{.resource_class}}
  # Storage cannot change its key where it stands: copy its snapshot with
  # --kms-key-id, restore from the copy, and change over. A bucket, a table and a
  # secret can be given another key.
blind_spots:
  - Tags set before the logs begin, or on a later day.
  - Keys named by an alias that the logs do not resolve.
  - Use of the key for data that is there already; encryption_context_tag_mismatch compares the tags at each call.
  - Records ingested before storage layout 4 tell of fewer keys; a store that is filled anew has all.
false_positives:
  - Names of classes that differ and mean the same.
params:
  class_tags: {type: varchar, default: "data-class,dataclass,data-classification,dataclassification,classification,confidentiality", doc: "tag keys, comma-separated, that say what class data is of"}
identity: [key_arn, account_id, principal_arn, resource_class, key_class]
mappings:
  well_architected: [SEC07-BP02, SEC08-BP01]
triage:
  - text: See when the key was tagged, and by whom.
    query: key_timeline
    params: {key_arn: "{{.key_arn}}"}
  - text: See which keys the resource was used with.
    query: resource_keys
    params: {resource: "{{if .resources}}{{index .resources 0}}{{end}}"}
columns:
  resource_class: What the resource is tagged with, lower case.
  key_class: What the key is tagged with, lower case.
  resources: Resources, at most ten on each day, in the order of time.
  operations: Operations that put them under the key.
merge:
  resources: union 10
  operations: union
---*/
with stored as (         -- one row per call that says which key a resource is under
    select
        event_id,
        event_time,
        event_name,
        coalesce(recipient_account_id, caller_account_id) as account_id,
        region,
        principal_arn,
        resource_arn,
        case
            when response_key_arn like 'arn:%:key/%' then response_key_arn
            when key_arn like 'arn:%:key/%' then key_arn
            when key_arn not like '%alias/%' and key_arn not like 'arn:%'
                then 'arn:aws:kms:' || region || ':' || coalesce(recipient_account_id, caller_account_id) || ':key/' || key_arn
        end as named_key_arn,
        case
            when response_key_arn like 'arn:%:key/%' then null
            when key_arn like 'alias/%' then key_arn
            when key_arn like 'arn:%:alias/%' then substr(key_arn, strpos(key_arn, ':alias/') + 1)
        end as alias_name
    from related_events
    where event_time >= $window_start
      and event_time < $window_end
      and error_code is null
      and event_source <> 'cloudtrail.amazonaws.com'
      and resource_arn is not null
      and (key_arn is not null or response_key_arn is not null)
),
keyed as (               -- the same with the key
    select
        stored.event_id,
        stored.event_time,
        stored.event_name,
        stored.account_id,
        stored.principal_arn,
        stored.resource_arn,
        coalesce(stored.named_key_arn, aliases.key_arn) as key_arn
    from stored
    left join key_timeline as aliases
      on aliases.kind = 'alias'
     and aliases.name = stored.alias_name
     and split_part(aliases.key_arn, ':', 4) = stored.region
     and split_part(aliases.key_arn, ':', 5) = stored.account_id
     and stored.event_time >= aliases.valid_from
     and (aliases.valid_to is null or stored.event_time < aliases.valid_to)
),
key_classes as (         -- one row per key, class and interval
    select key_arn, lower(trim(value, ' ')) as key_class, valid_from, valid_to
    from key_timeline
    where kind = 'tag'
      and value is not null
      and strpos(',' || replace(lower($class_tags), ' ', '') || ',', ',' || lower(name) || ',') > 0
),
resource_classes as (    -- one row per resource, class and interval
    select account_id, resource_arn, lower(trim(tag_value, ' ')) as resource_class, valid_from, valid_to
    from resource_tags
    where tag_value is not null
      and valid_from < $window_end
      and strpos(',' || replace(lower($class_tags), ' ', '') || ',', ',' || lower(tag_key) || ',') > 0
),
compared as (            -- one row per call where both have a class and no pair of them agrees
    select
        keyed.event_id,
        keyed.event_time,
        keyed.event_name,
        keyed.account_id,
        keyed.principal_arn,
        keyed.resource_arn,
        keyed.key_arn,
        min(resource_classes.resource_class) as resource_class,
        min(key_classes.key_class) as key_class
    from keyed
    join key_classes
      on key_classes.key_arn = keyed.key_arn
     and keyed.event_time >= key_classes.valid_from
     and (key_classes.valid_to is null or keyed.event_time < key_classes.valid_to)
    join resource_classes
      on resource_classes.account_id = keyed.account_id
     and resource_classes.resource_arn = keyed.resource_arn
     and (resource_classes.valid_to is null or resource_classes.valid_to > keyed.event_time)
    group by 1, 2, 3, 4, 5, 6, 7
    having not bool_or(resource_classes.resource_class = key_classes.key_class)
),
numbered as (            -- the same, numbered per finding
    select
        compared.*,
        row_number() over (
            partition by key_arn, account_id, principal_arn, resource_class, key_class
            order by event_time, event_id
        ) as n
    from compared
)
select
    account_id,
    split_part(key_arn, ':', 4) as region,
    key_arn,
    principal_arn,
    min(event_time) as first_seen,
    max(event_time) as last_seen,
    count(*) as event_count,
    array_agg(cast(event_id as varchar) order by n) filter (where n <= 20) as event_ids,
    resource_class,
    key_class,
    array_agg(resource_arn order by n) filter (where n <= 10) as resources,
    array_agg(distinct event_name order by event_name) as operations
from numbered
group by account_id, key_arn, principal_arn, resource_class, key_class
order by key_arn, account_id, principal_arn, resource_class, key_class
