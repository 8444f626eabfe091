/*---
id: secret_in_encryption_context
title: An encryption context holds a secret
severity: high
status: stable
version: 1
description: |
  A call whose encryption context holds what looks like a payment card number
  (right length, network and check digit), a private key, a JSON Web Token, an
  access key id (high), a long random token (medium) or an e-mail address
  (low), in a value or as a key. Calls that failed count as well: their records
  show the context too. What was found is shown masked, never whole. One
  finding per key, caller, context key and kind.
why:
  text: |
    The encryption context is not encrypted. It stands in plain text in every
    CloudTrail record of the call, in each account concerned and wherever logs
    are copied to, for years, and whoever may read logs reads it.
  source: AWS KMS Developer Guide, "Encryption context"; AWS Prescriptive Guidance, "AWS KMS best practices"
summary: >-
  {{or_else (or_else "An unknown caller" .caller_account_id) (or_else .caller_id .principal_arn)}} called {{join 3 .operations}}
  with {{if eq .context_key "*"}}a key of the encryption context{{else}}the encryption context {{.context_key}}{{end}} that looks like {{if eq .kind "card_number"}}a payment card number
  {{- else if eq .kind "private_key"}}a private key{{else if eq .kind "jwt"}}a JSON Web Token{{else if eq .kind "access_key_id"}}an access key id
  {{- else if eq .kind "email"}}an e-mail address{{else}}a random token{{end}} ({{join 3 .shown}}; {{count .event_count "call"}})
remedy: |
  # Look at one of the records, where it lies in the log bucket.
  kmstrail event {{if .event_ids}}{{index .event_ids 0}}{{end}} --raw
  # Put something else into the context that names the data, such as an id,
  # and treat what was in it as leaked: revoke keys and tokens. The data must be
  # decrypted with the old context and encrypted with the new one.
  # Keep such values out of the store (kmstrail.yaml; log files keep them):
  #   redact_context:
  #     - {key: {{if eq .context_key "*"}}"..."{{else}}{{.context_key}}{{end}}}
blind_spots:
  - Records ingested before storage layout 4 were not looked at; a store that is filled anew has all.
  - Secrets of other forms, short passwords and names of people among them; values of AWS services (aws:…) and ARNs are not looked at.
  - Of a random token only its spread of characters tells, and only where a program made the call itself.
  - The first 8,192 bytes of a key or value.
  - Constraints of grants on the encryption context.
false_positives:
  - Numbers that pass as card numbers by chance, one in ten of those that begin and are as long as one.
  - Ids that are random by design; a hash in hex and a UUID are not taken for a token.
  - Addresses of mailing lists.
identity: [key_arn, caller_account_id, caller_id, context_key, kind]
attack:
  - {technique: T1552, name: Unsecured Credentials, version: "19"}
mappings:
  well_architected: [SEC08-BP04, SEC02-BP03]
triage:
  - text: See the contexts the key was used with.
    query: contexts_of_key
    params: {key_arn: "{{.key_arn}}"}
  - text: See what else the caller does.
    query: principal_activity
    params: {principal_arn: "{{or_else \"\" .principal_arn}}"}
columns:
  kind: card_number, email, jwt, access_key_id, private_key or high_entropy.
  context_key: Key in the encryption context whose value it is; * where it is a key itself.
  shown: What may be shown of it, masked; at most ten on each day.
  caller_account_id: Account of the caller; NULL for an AWS service.
  caller_id: Unique id of the principal, or the name of the AWS service.
  operations: Operations that were called.
merge:
  shown: union 10
  operations: union
---*/
with noted as (          -- one row per record with a secret
    select event_id, context_secrets, map_keys(context_secrets) as context_keys
    from kms_events
    where event_time >= $window_start
      and event_time < $window_end
      and context_secrets is not null
      and record_copy <> 'network'
      and not is_self
),
secrets as (             -- one row per record and secret: its kind, a blank, and what may be shown
    select noted.event_id, entries.context_key, element_at(noted.context_secrets, entries.context_key) as secret
    from noted
    cross join unnest(noted.context_keys) as entries (context_key)
),
calls as (               -- one row per call; of its copies one counts
    select event_id, event_time, event_name, key_arn, key_account_id, region, principal_arn, caller_account_id, caller_id
    from kms_calls
    where event_time >= $window_start
      and event_time < $window_end
),
found as (               -- one row per call and secret
    select
        calls.*,
        secrets.context_key,
        split_part(secrets.secret, ' ', 1) as kind,
        substr(secrets.secret, strpos(secrets.secret, ' ') + 1) as shown_value,
        coalesce(calls.key_arn, '') || ' ' || coalesce(calls.caller_account_id, '') || ' ' || coalesce(calls.caller_id, '')
            || ' ' || split_part(secrets.secret, ' ', 1) || ' ' || secrets.context_key as finding_group
    from secrets
    join calls on calls.event_id = secrets.event_id
),
numbered as (            -- the same, numbered per finding
    select
        found.*,
        row_number() over (partition by finding_group order by event_time, event_id) as call_number,
        row_number() over (partition by finding_group, shown_value order by event_time, event_id) as shown_call,
        dense_rank() over (partition by finding_group order by shown_value) as shown_number
    from found
)
select
    coalesce(key_account_id, caller_account_id) as account_id,
    min(region) as region,
    key_arn,
    max(principal_arn) as principal_arn,
    min(event_time) as first_seen,
    max(event_time) as last_seen,
    count(*) as event_count,
    array_agg(cast(event_id as varchar) order by call_number) filter (where call_number <= 20) as event_ids,
    case
        when kind = 'email' then 'low'
        when kind = 'high_entropy' then 'medium'
        else 'high'
    end as severity,
    kind,
    context_key,
    array_agg(shown_value order by shown_number) filter (where shown_call = 1 and shown_number <= 10) as shown,
    caller_account_id,
    caller_id,
    array_agg(distinct event_name order by event_name) as operations
from numbered
group by finding_group, key_account_id, key_arn, caller_account_id, caller_id, kind, context_key
order by key_arn, caller_account_id, caller_id, context_key, kind
