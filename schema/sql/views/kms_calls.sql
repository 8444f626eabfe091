-- kms_calls: One row per KMS call. Copies of one call (cross-account use is logged in the caller's and in the owner's account, ReEncrypt in up to three) are one row, each column taken from the copy that knows it, the caller's copy first. NetworkActivity records are left out.
--
-- call_id UUID: Identity of the call: shared_event_id where several copies can exist, else event_id.
-- event_id UUID: Event id of the representative copy: the caller's if it arrived, else the owner's.
-- copy_count BIGINT: Copies of the call that arrived.
-- event_time TIMESTAMP: When the request completed, UTC.
-- event_name VARCHAR: KMS operation, or the name of an internal event such as RotateKey.
-- event_type VARCHAR: AwsApiCall, AwsServiceEvent, …
-- region VARCHAR: Region that served the call.
-- request_id UUID: AWS request id; not unique.
-- shared_event_id UUID: Equal in all copies of the call; NULL when no record of it had one.
-- recipient_account_id VARCHAR: Account in whose trail the representative copy was delivered.
-- caller_account_id VARCHAR: Account of the caller, who pays; NULL for an AWS service principal.
-- key_account_id VARCHAR: Account that owns the key.
-- caller_type VARCHAR: AssumedRole, IAMUser, Root, AWSService, AWSAccount, …
-- caller_arn VARCHAR: ARN as logged in the caller's copy; NULL when only a foreign account's copy arrived.
-- role_arn VARCHAR: ARN of the role behind the session.
-- principal_arn VARCHAR: The one ARN to group callers by; NULL when only a foreign account's copy arrived, or for a service principal.
-- principal_id VARCHAR: Unique id of the principal without the session name; known in every copy.
-- caller_id VARCHAR: What identifies the caller in every copy: the principal id, of EC2's own roles without the instance; for a service principal its name.
-- session_name VARCHAR: Role session name.
-- access_key_id VARCHAR: Access key used.
-- session_start TIMESTAMP: When the session's credentials were issued, UTC.
-- mfa BOOLEAN: Whether the session was authenticated with MFA; NULL when no copy says.
-- source_identity VARCHAR: Source identity set when the role was assumed.
-- console_session BOOLEAN: True when the credentials came from a console session; else NULL.
-- invoked_by VARCHAR: AWS service that made the call, as logged.
-- service VARCHAR: Short name of the AWS service behind the call; NULL for a direct call.
-- actor_kind VARCHAR: human, workload, aws_service or unknown.
-- is_self BOOLEAN: True for calls made by kmstrail's own role.
-- source_ip_address VARCHAR: IP address, or the DNS name of the calling service.
-- user_agent VARCHAR: User agent as logged: untrusted text.
-- vpc_endpoint_id VARCHAR: VPC endpoint the request came through.
-- vpc_endpoint_account_id VARCHAR: Owner of that VPC endpoint.
-- tls_version VARCHAR: TLS version of a direct call.
-- tls_cipher_suite VARCHAR: TLS cipher suite of a direct call.
-- tls_key_exchange VARCHAR: TLS key exchange group.
-- error_code VARCHAR: Error code as logged; NULL on success.
-- error_message VARCHAR: Error message as logged.
-- error_class VARCHAR: Class of the error as in kms_events; NULL on success.
-- dry_run BOOLEAN: True for a dry run; else NULL.
-- key_arn VARCHAR: ARN of the KMS key; for ReEncrypt the source key.
-- key_id VARCHAR: Last part of key_arn.
-- key_region VARCHAR: Region in key_arn.
-- key_reference VARCHAR: How the caller named the key; NULL when the call did not name it.
-- destination_key_arn VARCHAR: ReEncrypt: key the data was encrypted to. ReplicateKey: the replica.
-- destination_key_account_id VARCHAR: Account in destination_key_arn.
-- operation_class VARCHAR: Class of the operation as in kms_events.
-- quota_name VARCHAR: Request quota the call counts against; NULL for events that count against none.
-- price_tier VARCHAR: Price class of the request; NULL for events that are not billed.
-- encryption_context MAP(VARCHAR, VARCHAR): Encryption context; for ReEncrypt that of the source. Untrusted text.
-- destination_encryption_context MAP(VARCHAR, VARCHAR): ReEncrypt: encryption context of the destination.
-- algorithm VARCHAR: Algorithm of the cryptographic operation.
-- key_spec VARCHAR: Spec of the data key, data key pair or created key.
-- key_material_id VARCHAR: Key material that was used.
-- custom_key_store_id VARCHAR: Custom key store that served the call.
-- enclave_image_digest VARCHAR: Image digest of the Nitro Enclave the answer was encrypted for.
-- grant_id VARCHAR: Grant created, retired or revoked.
-- grantee_principal VARCHAR: CreateGrant: who may use the grant.
-- retiring_principal VARCHAR: CreateGrant: who may retire the grant.
-- grant_operations VARCHAR[]: CreateGrant: operations the grant allows.
-- alias_name VARCHAR: Alias the call is about, alias/…
-- tags MAP(VARCHAR, VARCHAR): Tags the call sets; a removed tag key has a NULL value.
-- key_policy VARCHAR: Policy document the call sets, JSON text.
-- key_state VARCHAR: State of the key that the response names.
-- pending_window_days INTEGER: ScheduleKeyDeletion: waiting period asked for, in days.
-- deletion_date TIMESTAMP: ScheduleKeyDeletion: when the key will be destroyed, UTC.
-- rotation_period_days INTEGER: EnableKeyRotation: rotation period, in days.
-- resource VARCHAR: Resource of the AWS service that the encryption context names (an ARN, id or name): untrusted text.

with copies as (         -- one row per record of a call that may have further copies
    select
        events.*,
        coalesce(shared_event_id, event_id) as call_id,
        -- Which copy to believe first.
        case record_copy when 'caller' then '1' when 'owner' then '2' else '3' end || cast(event_id as varchar) as copy_rank
    from kms_events as events
    -- No list of the three others: for one DuckDB would read all columns of all records.
    where record_copy <> 'single'
      and record_copy <> 'network'
),
calls as (               -- one row per call
    -- Nearly all calls have one record: they go straight through.
    select
        event_id as call_id,
        event_id,
        cast(1 as bigint) as copy_count,
        event_time,
        event_name,
        event_type,
        region,
        request_id,
        shared_event_id,
        recipient_account_id,
        caller_account_id,
        key_account_id,
        caller_type,
        caller_arn,
        role_arn,
        principal_arn,
        principal_id,
        session_name,
        access_key_id,
        session_start,
        mfa,
        source_identity,
        console_session,
        invoked_by,
        service,
        actor_kind,
        is_self,
        source_ip_address,
        user_agent,
        vpc_endpoint_id,
        vpc_endpoint_account_id,
        tls_version,
        tls_cipher_suite,
        tls_key_exchange,
        error_code,
        error_message,
        error_class,
        dry_run,
        key_arn,
        key_id,
        key_region,
        key_reference,
        destination_key_arn,
        destination_key_account_id,
        operation_class,
        quota_name,
        price_tier,
        encryption_context,
        destination_encryption_context,
        algorithm,
        key_spec,
        key_material_id,
        custom_key_store_id,
        enclave_image_digest,
        grant_id,
        grantee_principal,
        retiring_principal,
        grant_operations,
        alias_name,
        tags,
        key_policy,
        key_state,
        pending_window_days,
        deletion_date,
        rotation_period_days
    from kms_events
    where record_copy = 'single'
    union all
    select
        call_id,
        min_by(event_id, copy_rank) filter (where event_id is not null) as event_id,
        count(*) as copy_count,
        event_time,
        event_name,
        min_by(event_type, copy_rank) filter (where event_type is not null) as event_type,
        region,
        min_by(request_id, copy_rank) filter (where request_id is not null) as request_id,
        min_by(shared_event_id, copy_rank) filter (where shared_event_id is not null) as shared_event_id,
        min_by(recipient_account_id, copy_rank) filter (where recipient_account_id is not null) as recipient_account_id,
        min_by(caller_account_id, copy_rank) filter (where caller_account_id is not null) as caller_account_id,
        min_by(key_account_id, copy_rank) filter (where key_account_id is not null) as key_account_id,
        min_by(caller_type, copy_rank) filter (where caller_type is not null) as caller_type,
        min_by(caller_arn, copy_rank) filter (where caller_arn is not null) as caller_arn,
        min_by(role_arn, copy_rank) filter (where role_arn is not null) as role_arn,
        min_by(principal_arn, copy_rank) filter (where principal_arn is not null) as principal_arn,
        min_by(principal_id, copy_rank) filter (where principal_id is not null) as principal_id,
        min_by(session_name, copy_rank) filter (where session_name is not null) as session_name,
        min_by(access_key_id, copy_rank) filter (where access_key_id is not null) as access_key_id,
        min_by(session_start, copy_rank) filter (where session_start is not null) as session_start,
        min_by(mfa, copy_rank) filter (where mfa is not null) as mfa,
        min_by(source_identity, copy_rank) filter (where source_identity is not null) as source_identity,
        min_by(console_session, copy_rank) filter (where console_session is not null) as console_session,
        min_by(invoked_by, copy_rank) filter (where invoked_by is not null) as invoked_by,
        min_by(service, copy_rank) filter (where service is not null) as service,
        min_by(actor_kind, copy_rank) filter (where actor_kind is not null) as actor_kind,
        min_by(is_self, copy_rank) filter (where is_self is not null) as is_self,
        min_by(source_ip_address, copy_rank) filter (where source_ip_address is not null) as source_ip_address,
        min_by(user_agent, copy_rank) filter (where user_agent is not null) as user_agent,
        min_by(vpc_endpoint_id, copy_rank) filter (where vpc_endpoint_id is not null) as vpc_endpoint_id,
        min_by(vpc_endpoint_account_id, copy_rank) filter (where vpc_endpoint_account_id is not null) as vpc_endpoint_account_id,
        min_by(tls_version, copy_rank) filter (where tls_version is not null) as tls_version,
        min_by(tls_cipher_suite, copy_rank) filter (where tls_cipher_suite is not null) as tls_cipher_suite,
        min_by(tls_key_exchange, copy_rank) filter (where tls_key_exchange is not null) as tls_key_exchange,
        min_by(error_code, copy_rank) filter (where error_code is not null) as error_code,
        min_by(error_message, copy_rank) filter (where error_message is not null) as error_message,
        min_by(error_class, copy_rank) filter (where error_class is not null) as error_class,
        min_by(dry_run, copy_rank) filter (where dry_run is not null) as dry_run,
        min_by(key_arn, copy_rank) filter (where key_arn is not null) as key_arn,
        min_by(key_id, copy_rank) filter (where key_id is not null) as key_id,
        min_by(key_region, copy_rank) filter (where key_region is not null) as key_region,
        min_by(key_reference, copy_rank) filter (where key_reference is not null) as key_reference,
        min_by(destination_key_arn, copy_rank) filter (where destination_key_arn is not null) as destination_key_arn,
        min_by(destination_key_account_id, copy_rank) filter (where destination_key_account_id is not null) as destination_key_account_id,
        min_by(operation_class, copy_rank) filter (where operation_class is not null) as operation_class,
        min_by(quota_name, copy_rank) filter (where quota_name is not null) as quota_name,
        min_by(price_tier, copy_rank) filter (where price_tier is not null) as price_tier,
        min_by(encryption_context, copy_rank) filter (where encryption_context is not null) as encryption_context,
        min_by(destination_encryption_context, copy_rank) filter (where destination_encryption_context is not null) as destination_encryption_context,
        min_by(algorithm, copy_rank) filter (where algorithm is not null) as algorithm,
        min_by(key_spec, copy_rank) filter (where key_spec is not null) as key_spec,
        min_by(key_material_id, copy_rank) filter (where key_material_id is not null) as key_material_id,
        min_by(custom_key_store_id, copy_rank) filter (where custom_key_store_id is not null) as custom_key_store_id,
        min_by(enclave_image_digest, copy_rank) filter (where enclave_image_digest is not null) as enclave_image_digest,
        min_by(grant_id, copy_rank) filter (where grant_id is not null) as grant_id,
        min_by(grantee_principal, copy_rank) filter (where grantee_principal is not null) as grantee_principal,
        min_by(retiring_principal, copy_rank) filter (where retiring_principal is not null) as retiring_principal,
        min_by(grant_operations, copy_rank) filter (where grant_operations is not null) as grant_operations,
        min_by(alias_name, copy_rank) filter (where alias_name is not null) as alias_name,
        min_by(tags, copy_rank) filter (where tags is not null) as tags,
        min_by(key_policy, copy_rank) filter (where key_policy is not null) as key_policy,
        min_by(key_state, copy_rank) filter (where key_state is not null) as key_state,
        min_by(pending_window_days, copy_rank) filter (where pending_window_days is not null) as pending_window_days,
        min_by(deletion_date, copy_rank) filter (where deletion_date is not null) as deletion_date,
        min_by(rotation_period_days, copy_rank) filter (where rotation_period_days is not null) as rotation_period_days
    from copies
    -- All copies have the call's time: a query for a day reads a day.
    group by call_id, event_name, region, event_time
)
select
    call_id,
    event_id,
    copy_count,
    event_time,
    event_name,
    event_type,
    region,
    request_id,
    shared_event_id,
    recipient_account_id,
    caller_account_id,
    key_account_id,
    caller_type,
    caller_arn,
    role_arn,
    principal_arn,
    principal_id,
    coalesce(
        case
            -- 111122223333:aws:ec2-infrastructure:i-…: the session comes fourth.
            when split_part(principal_id, ':', 4) <> ''
                then split_part(principal_id, ':', 1) || ':' || split_part(principal_id, ':', 2) || ':' || split_part(principal_id, ':', 3)
            else principal_id
        end,
        case when caller_type = 'AWSService' then invoked_by end,
        caller_arn,
        caller_account_id,
        invoked_by,
        'unknown'
    ) as caller_id,
    session_name,
    access_key_id,
    session_start,
    mfa,
    source_identity,
    console_session,
    invoked_by,
    service,
    actor_kind,
    is_self,
    source_ip_address,
    user_agent,
    vpc_endpoint_id,
    vpc_endpoint_account_id,
    tls_version,
    tls_cipher_suite,
    tls_key_exchange,
    error_code,
    error_message,
    error_class,
    dry_run,
    key_arn,
    key_id,
    key_region,
    key_reference,
    destination_key_arn,
    destination_key_account_id,
    operation_class,
    quota_name,
    price_tier,
    encryption_context,
    destination_encryption_context,
    algorithm,
    key_spec,
    key_material_id,
    custom_key_store_id,
    enclave_image_digest,
    grant_id,
    grantee_principal,
    retiring_principal,
    grant_operations,
    alias_name,
    tags,
    key_policy,
    key_state,
    pending_window_days,
    deletion_date,
    rotation_period_days,
    -- Services that store through S3 or EBS send that service's key as well:
    -- theirs comes first. Most calls name their object or volume alone.
    coalesce(
        case
            when element_at(map_keys(encryption_context), 2) is null
                then coalesce(element_at(encryption_context, 'aws:s3:arn'), element_at(encryption_context, 'aws:ebs:id'))
        end,
        element_at(encryption_context, 'SecretARN'),
        element_at(encryption_context, 'PARAMETER_ARN'),
        element_at(encryption_context, 'aws:lambda:FunctionArn'),
        element_at(encryption_context, 'aws:cloudtrail:arn'),
        element_at(encryption_context, 'aws:ecr:arn'),
        element_at(encryption_context, 'aws:rds:db-id'),
        element_at(encryption_context, 'aws:redshift:arn'),
        element_at(encryption_context, 'aws:workspaces:sid-directoryid'),
        element_at(encryption_context, 'aws:dynamodb:tableName'),
        element_at(encryption_context, 'aws:logs:arn'),
        element_at(encryption_context, 'aws:elasticfilesystem:filesystem:id'),
        element_at(encryption_context, 'aws:kinesis:arn'),
        element_at(encryption_context, 'aws:sqs:arn'),
        element_at(encryption_context, 'aws:sns:topicArn'),
        element_at(encryption_context, 'aws:events:event-bus:arn'),
        element_at(encryption_context, 'aws:states:stateMachineArn'),
        element_at(encryption_context, 'aws:workmail:arn'),
        element_at(encryption_context, 'aws:ses:rule-name'),
        element_at(encryption_context, 'aws:s3:arn'),
        element_at(encryption_context, 'aws:ebs:id')
    ) as resource
from calls
