-- What a capable user of DuckDB would write to fill the same tables from the
-- same files: read_json with explicit types, one pass, the derived columns in
-- SQL. It leaves out what SQL cannot do at a reasonable price (the exact
-- remainder, integrity checks, quarantine), which favours this side.
--
-- {files} is replaced by the list of files.

INSERT INTO log_files BY NAME
SELECT row_number() OVER (ORDER BY file) AS log_file_id, 'file:///bench' AS source, file AS object_key, '' AS etag,
       0 AS size_bytes, 'ingested' AS status, 1 AS attempts, 0 AS record_count, 0 AS kms_count, 0 AS inserted_count,
       0 AS duplicate_count, 0 AS related_count, 0 AS quarantined_count, TIMESTAMP '2026-01-01' AS ingested_at
FROM (SELECT unnest({files}) AS file);

INSERT INTO kms_events BY NAME
WITH files AS (
    SELECT filename, unnest("Records") AS r
    FROM read_json({files}, filename = true, auto_detect = false, records = true, format = 'newline_delimited', maximum_object_size = 134217728, columns = {
        'Records': 'STRUCT(eventVersion VARCHAR, userIdentity STRUCT("type" VARCHAR, principalId VARCHAR, arn VARCHAR, accountId VARCHAR, accessKeyId VARCHAR, userName VARCHAR, invokedBy VARCHAR, sessionContext STRUCT(sessionIssuer STRUCT("type" VARCHAR, arn VARCHAR), attributes STRUCT(creationDate VARCHAR, mfaAuthenticated VARCHAR), sourceIdentity VARCHAR)), eventTime VARCHAR, eventSource VARCHAR, eventName VARCHAR, awsRegion VARCHAR, sourceIPAddress VARCHAR, userAgent VARCHAR, errorCode VARCHAR, errorMessage VARCHAR, requestParameters STRUCT(keyId VARCHAR, encryptionAlgorithm VARCHAR, sourceEncryptionAlgorithm VARCHAR, signingAlgorithm VARCHAR, macAlgorithm VARCHAR, encryptionContext MAP(VARCHAR, VARCHAR), sourceEncryptionContext MAP(VARCHAR, VARCHAR), destinationEncryptionContext MAP(VARCHAR, VARCHAR), keySpec VARCHAR, keyPairSpec VARCHAR, dryRun BOOLEAN, grantId VARCHAR, granteePrincipal VARCHAR, aliasName VARCHAR), responseElements STRUCT(grantId VARCHAR, keyState VARCHAR), additionalEventData STRUCT(keyMaterialId VARCHAR, customKeyStoreId VARCHAR, recipient STRUCT(attestationDocumentEnclaveImageDigest VARCHAR)), requestID VARCHAR, eventID VARCHAR, readOnly BOOLEAN, resources STRUCT("ARN" VARCHAR, accountId VARCHAR, "type" VARCHAR)[], eventType VARCHAR, managementEvent BOOLEAN, recipientAccountId VARCHAR, sharedEventID VARCHAR, vpcEndpointId VARCHAR, vpcEndpointAccountId VARCHAR, eventCategory VARCHAR, sessionCredentialFromConsole VARCHAR, tlsDetails STRUCT(tlsVersion VARCHAR, cipherSuite VARCHAR, clientProvidedHostHeader VARCHAR, keyExchange VARCHAR))[]'
    })
),
kms AS (
    SELECT filename, r,
           r.requestParameters AS p,
           r.additionalEventData AS x,
           coalesce(r.resources[1]."ARN", r.requestParameters.keyId) AS key_name,
           CASE WHEN r.eventName = 'ReEncrypt' THEN r.resources[2]."ARN" END AS destination,
           CASE WHEN r.userIdentity.sessionContext.sessionIssuer."type" = 'Role' THEN r.userIdentity.sessionContext.sessionIssuer.arn
                WHEN r.userIdentity.arn LIKE '%:assumed-role/%'
                THEN 'arn:aws:iam::' || split_part(r.userIdentity.arn, ':', 5) || ':role/' || split_part(r.userIdentity.arn, '/', 2) END AS role,
           CASE WHEN r.userIdentity.arn LIKE '%:assumed-role/%' THEN split_part(r.userIdentity.arn, '/', 3) END AS session,
           coalesce(r.requestParameters.encryptionContext, r.requestParameters.sourceEncryptionContext) AS context,
           coalesce(r.requestParameters.encryptionAlgorithm, r.requestParameters.signingAlgorithm, r.requestParameters.macAlgorithm,
                    r.requestParameters.sourceEncryptionAlgorithm) AS algorithm,
           r.errorMessage AS message
    FROM files
    WHERE r.eventSource = 'kms.amazonaws.com'
),
fresh AS (
    SELECT * FROM kms
    WHERE NOT EXISTS (SELECT 1 FROM kms_events e WHERE e.event_id = try_cast(r.eventID AS UUID))
)
SELECT f.log_file_id,
       0 AS record_index,
       CAST(r.eventID AS UUID) AS event_id,
       CAST(r.eventTime AS TIMESTAMP) AS event_time,
       r.eventName AS event_name,
       r.eventType AS event_type,
       r.eventCategory AS event_category,
       r.eventVersion AS event_version,
       r.readOnly AS read_only,
       try_cast(r.requestID AS UUID) AS request_id,
       try_cast(r.sharedEventID AS UUID) AS shared_event_id,
       r.awsRegion AS region,
       r.recipientAccountId AS recipient_account_id,
       r.userIdentity.accountId AS caller_account_id,
       split_part(key_name, ':', 5) AS key_account_id,
       CASE WHEN r.eventCategory = 'NetworkActivity' THEN 'network'
            WHEN coalesce(r.userIdentity.accountId, r.recipientAccountId) = r.recipientAccountId
                 THEN CASE WHEN split_part(key_name, ':', 5) IN ('', r.recipientAccountId) THEN 'single' ELSE 'caller' END
            WHEN split_part(key_name, ':', 5) = r.recipientAccountId THEN 'owner'
            ELSE 'other' END AS record_copy,
       r.userIdentity."type" AS caller_type,
       r.userIdentity.arn AS caller_arn,
       role AS role_arn,
       coalesce(role, r.userIdentity.arn) AS principal_arn,
       split_part(r.userIdentity.principalId, ':', 1) AS principal_id,
       session AS session_name,
       r.userIdentity.accessKeyId AS access_key_id,
       try_cast(r.userIdentity.sessionContext.attributes.creationDate AS TIMESTAMP) AS session_start,
       try_cast(r.userIdentity.sessionContext.attributes.mfaAuthenticated AS BOOLEAN) AS mfa,
       r.userIdentity.sessionContext.sourceIdentity AS source_identity,
       try_cast(r.sessionCredentialFromConsole AS BOOLEAN) AS console_session,
       r.userIdentity.invokedBy AS invoked_by,
       CASE WHEN r.userIdentity.invokedBy IS NULL THEN NULL
            WHEN r.userIdentity.invokedBy LIKE 'AWS Internal%' THEN
                CASE WHEN context['aws:s3:arn'] IS NOT NULL THEN 's3'
                     WHEN context['PARAMETER_ARN'] IS NOT NULL THEN 'ssm'
                     WHEN context['aws:ebs:id'] IS NOT NULL THEN 'ebs'
                     ELSE 'aws_internal' END
            ELSE split_part(r.userIdentity.invokedBy, '.', 1) END AS service,
       CASE WHEN r.userIdentity."type" = 'AWSService' THEN 'aws_service'
            WHEN r.userIdentity."type" IN ('Root', 'IdentityCenterUser') THEN 'human'
            WHEN role LIKE '%/AWSReservedSSO_%' THEN 'human'
            WHEN role LIKE '%/AWSServiceRoleFor%' OR role LIKE '%:role/aws:%' THEN 'aws_service'
            WHEN r.userIdentity."type" IN ('AWSAccount', 'Unknown') THEN 'unknown'
            ELSE 'workload' END AS actor_kind,
       false AS is_self,
       r.sourceIPAddress AS source_ip_address,
       r.userAgent AS user_agent,
       r.vpcEndpointId AS vpc_endpoint_id,
       r.vpcEndpointAccountId AS vpc_endpoint_account_id,
       r.tlsDetails.tlsVersion AS tls_version,
       r.tlsDetails.cipherSuite AS tls_cipher_suite,
       r.tlsDetails.keyExchange AS tls_key_exchange,
       r.errorCode AS error_code,
       message AS error_message,
       CASE WHEN r.errorCode IS NULL THEN NULL
            WHEN r.errorCode IN ('AccessDenied', 'AccessDeniedException') THEN 'denied'
            WHEN r.errorCode = 'DryRunOperationException' THEN 'dry_run'
            WHEN message LIKE '% is pending deletion%' THEN 'pending_deletion'
            WHEN message LIKE '% is pending import%' THEN 'pending_import'
            WHEN r.errorCode = 'DisabledException' THEN 'disabled'
            WHEN r.errorCode = 'ThrottlingException' THEN 'throttled'
            WHEN r.errorCode = 'InvalidCiphertextException' THEN 'bad_ciphertext'
            WHEN r.errorCode = 'IncorrectKeyException' THEN 'wrong_key'
            WHEN r.errorCode = 'NotFoundException' THEN 'not_found'
            ELSE 'other' END AS error_class,
       p.dryRun AS dry_run,
       key_name AS key_arn,
       split_part(key_name, ':key/', 2) AS key_id,
       split_part(key_name, ':', 4) AS key_region,
       p.keyId AS key_reference,
       CASE WHEN r.resources[1]."ARN" IS NOT NULL THEN 'resources' ELSE 'request' END AS key_resolved_by,
       destination AS destination_key_arn,
       split_part(destination, ':', 5) AS destination_key_account_id,
       CASE WHEN r.eventName IN ('Encrypt', 'Decrypt', 'ReEncrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext', 'Sign', 'Verify',
                                 'GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext', 'GenerateRandom', 'GenerateMac', 'VerifyMac',
                                 'DeriveSharedSecret', 'Encapsulate', 'Decapsulate') THEN 'cryptographic'
            WHEN r.eventName IN ('CreateGrant', 'RetireGrant', 'RevokeGrant') THEN 'grant'
            WHEN r.eventName IN ('CreateAlias', 'UpdateAlias', 'DeleteAlias') THEN 'alias'
            WHEN r.eventName IN ('TagResource', 'UntagResource') THEN 'tag'
            WHEN r.eventName LIKE 'List%' OR r.eventName LIKE 'Describe%' OR r.eventName LIKE 'Get%' THEN 'read'
            ELSE 'management' END AS operation_class,
       CASE WHEN algorithm LIKE 'RSA%' THEN 'cryptographic_rsa'
            WHEN algorithm LIKE 'EC%' THEN 'cryptographic_ecc'
            WHEN algorithm IS NOT NULL OR r.eventName IN ('Decrypt', 'Encrypt', 'ReEncrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext') THEN 'cryptographic_symmetric'
            ELSE lower(regexp_replace(r.eventName, '([a-z])([A-Z])', '\1_\2', 'g')) END AS quota_name,
       CASE WHEN algorithm LIKE 'RSA%' OR algorithm LIKE 'EC%' THEN 'asymmetric' ELSE 'standard' END AS price_tier,
       context AS encryption_context,
       p.destinationEncryptionContext AS destination_encryption_context,
       algorithm,
       coalesce(p.keySpec, p.keyPairSpec) AS key_spec,
       x.keyMaterialId AS key_material_id,
       x.customKeyStoreId AS custom_key_store_id,
       x.recipient.attestationDocumentEnclaveImageDigest AS enclave_image_digest,
       coalesce(p.grantId, r.responseElements.grantId) AS grant_id,
       p.granteePrincipal AS grantee_principal,
       p.aliasName AS alias_name,
       r.responseElements.keyState AS key_state
FROM fresh JOIN log_files f ON f.object_key = fresh.filename;
