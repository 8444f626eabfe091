package cttest

import (
	"slices"
	"strings"
	"time"
)

// operation says how a KMS operation is recorded.
type operation struct {
	write          bool
	noKey          bool // no key in resources
	emptyResources bool // resources is [] instead
	// request names the members of requestParameters in order; nil is null.
	request []string
	// response names the members of responseElements; nil is null.
	response []string
	// material says that additionalEventData has the key material id.
	material bool
}

// list splits member names, to keep the table below readable.
func list(names string) []string { return strings.Fields(names) }

var operations = map[string]operation{
	"Encrypt":                             {request: list("keyId encryptionAlgorithm encryptionContext dryRun")},
	"Decrypt":                             {request: list("keyId encryptionAlgorithm encryptionContext dryRun"), material: true},
	"ReEncrypt":                           {request: list("sourceEncryptionAlgorithm sourceEncryptionContext sourceKeyId destinationKeyId destinationEncryptionAlgorithm destinationEncryptionContext dryRun")},
	"GenerateDataKey":                     {request: list("keyId dataKeySize encryptionContext dryRun"), material: true},
	"GenerateDataKeyWithoutPlaintext":     {request: list("keyId dataKeySize encryptionContext dryRun"), material: true},
	"GenerateDataKeyPair":                 {request: list("keyId keyPairSpec encryptionContext dryRun"), material: true},
	"GenerateDataKeyPairWithoutPlaintext": {request: list("keyId keyPairSpec encryptionContext dryRun"), material: true},
	"GenerateRandom":                      {noKey: true, emptyResources: true},
	"GenerateMac":                         {request: list("keyId macAlgorithm dryRun")},
	"VerifyMac":                           {request: list("keyId macAlgorithm dryRun")},
	"Sign":                                {request: list("messageType keyId signingAlgorithm dryRun")},
	"Verify":                              {request: list("messageType keyId signingAlgorithm dryRun")},
	"DeriveSharedSecret":                  {request: list("keyId keyAgreementAlgorithm dryRun")},
	"Encapsulate":                         {request: list("keyId encapsulationAlgorithm dryRun")},
	"Decapsulate":                         {request: list("keyId encapsulationAlgorithm dryRun")},
	"GetPublicKey":                        {request: list("keyId")},

	"CreateKey":            {write: true, request: list("policy description keySpec customerMasterKeySpec keyUsage origin multiRegion tags customKeyStoreId bypassPolicyLockoutSafetyCheck"), response: list("keyMetadata")},
	"ReplicateKey":         {write: true, request: list("replicaRegion keyId description policy tags bypassPolicyLockoutSafetyCheck"), response: list("replicaKeyMetadata replicaPolicy")},
	"UpdatePrimaryRegion":  {write: true, request: list("keyId primaryRegion"), response: list("keyArn")},
	"EnableKey":            {write: true, request: list("keyId"), response: list("keyArn")},
	"DisableKey":           {write: true, request: list("keyId"), response: list("keyArn")},
	"EnableKeyRotation":    {write: true, request: list("keyId rotationPeriodInDays"), response: list("keyArn")},
	"DisableKeyRotation":   {write: true, request: list("keyId")},
	"RotateKeyOnDemand":    {write: true, request: list("keyId"), response: list("keyIdOnly")},
	"ScheduleKeyDeletion":  {write: true, request: list("keyId pendingWindowInDays"), response: list("deletion")},
	"CancelKeyDeletion":    {write: true, request: list("keyId"), response: list("keyAlways")},
	"UpdateKeyDescription": {write: true, request: list("keyId description")},

	"PutKeyPolicy":    {write: true, request: list("keyId policyName policy bypassPolicyLockoutSafetyCheck")},
	"GetKeyPolicy":    {request: list("keyId policyName")},
	"ListKeyPolicies": {request: list("keyId")},

	"GetParametersForImport":    {request: list("keyId wrappingAlgorithm wrappingKeySpec")},
	"ImportKeyMaterial":         {write: true, request: list("keyId validTo expirationModel importType"), response: list("keyArn keyMaterialId")},
	"DeleteImportedKeyMaterial": {write: true, request: list("keyId"), response: list("keyArn keyMaterialId")},

	"CreateGrant":         {write: true, request: list("keyId granteePrincipal retiringPrincipal operations constraints dryRun"), response: list("grantId keyArn")},
	"RevokeGrant":         {write: true, request: list("keyId grantId dryRun")},
	"RetireGrant":         {write: true, response: list("keyArn")},
	"ListGrants":          {request: list("keyId limit")},
	"ListRetirableGrants": {noKey: true, request: list("retiringPrincipal limit")},

	"CreateAlias": {write: true, request: list("aliasName targetKeyId"), response: list("keyArn")},
	"UpdateAlias": {write: true, request: list("aliasName targetKeyId"), response: list("keyArn")},
	"DeleteAlias": {write: true, request: list("aliasName"), response: list("keyArn")},
	"ListAliases": {noKey: true, request: list("limit")},

	"TagResource":      {write: true, request: list("keyId tags"), response: list("keyArn")},
	"UntagResource":    {write: true, request: list("keyId tagKeys"), response: list("keyArn")},
	"ListResourceTags": {request: list("keyId")},

	"DescribeKey":          {request: list("keyId")},
	"ListKeys":             {noKey: true, request: list("limit")},
	"GetKeyRotationStatus": {request: list("keyId")},
	"ListKeyRotations":     {request: list("keyId")},
	"GetKeyLastUsage":      {request: list("keyId")},

	"CreateCustomKeyStore":     {write: true, noKey: true, request: list("customKeyStoreName clusterId"), response: list("customKeyStoreId")},
	"UpdateCustomKeyStore":     {write: true, noKey: true, request: list("customKeyStoreId clusterId")},
	"DeleteCustomKeyStore":     {write: true, noKey: true, request: list("customKeyStoreId")},
	"ConnectCustomKeyStore":    {write: true, noKey: true, request: list("customKeyStoreId")},
	"DisconnectCustomKeyStore": {write: true, noKey: true, request: list("customKeyStoreId")},
	"DescribeCustomKeyStores":  {noKey: true, request: list("customKeyStoreId")},

	"RotateKey":                 {write: true},
	"DeleteKey":                 {write: true},
	"DeleteExpiredKeyMaterial":  {write: true},
	"SynchronizeMultiRegionKey": {write: true},
}

// ServiceEvents lists the events KMS records without a caller.
func ServiceEvents() []string {
	return []string{"RotateKey", "DeleteKey", "DeleteExpiredKeyMaterial", "SynchronizeMultiRegionKey"}
}

func isServiceEvent(name string) bool { return slices.Contains(ServiceEvents(), name) }

// Operations lists the 56 KMS API operations, sorted.
func Operations() []string {
	var names []string
	for name := range operations {
		if !isServiceEvent(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// isRead is CloudTrail's readOnly, which is true for cryptographic calls.
func isRead(source, name string) bool {
	if source == "kms.amazonaws.com" {
		return !operations[name].write
	}
	for _, prefix := range []string{"Get", "List", "Describe", "Head", "Lookup", "AssumeRole", "Decode", "Batch"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (e *Event) appendRequest(w *writer) {
	op, known := operations[e.Name]
	if known && len(op.request) == 0 {
		w.raw("requestParameters", "null")
		return
	}
	w.open("requestParameters")
	if !known && e.Key != "" {
		e.appendMember(w, "keyId")
	}
	for _, m := range op.request {
		e.appendMember(w, m)
	}
	w.end('}')
}

// appendMember writes one member of requestParameters or responseElements.
func (e *Event) appendMember(w *writer, name string) {
	switch name {
	case "keyId", "sourceKeyId", "targetKeyId":
		e.appendKeyRef(w, name)
	case "destinationKeyId":
		w.opt(name, e.Destination)
	case "encryptionAlgorithm", "sourceEncryptionAlgorithm", "destinationEncryptionAlgorithm":
		w.str(name, either(e.Algorithm, "SYMMETRIC_DEFAULT"))
	case "encryptionContext", "sourceEncryptionContext":
		w.object(name, e.Context)
	case "destinationEncryptionContext":
		w.object(name, e.DestinationContext)
	case "macAlgorithm":
		w.str(name, either(e.Algorithm, "HMAC_SHA_256"))
	case "signingAlgorithm":
		w.str(name, either(e.Algorithm, "RSASSA_PSS_SHA_256"))
	case "keyAgreementAlgorithm":
		w.str(name, either(e.Algorithm, "ECDH"))
	case "encapsulationAlgorithm":
		w.str(name, either(e.Algorithm, "ML_KEM"))
	case "messageType":
		w.str(name, "DIGEST")
	case "dataKeySize":
		if e.Bytes > 0 {
			w.number("numberOfBytes", e.Bytes)
		} else {
			w.str("keySpec", either(e.Spec, "AES_256"))
		}
	case "keyPairSpec":
		w.str(name, either(e.Spec, "RSA_2048"))
	case "dryRun":
		if e.DryRun {
			w.boolean(name, true)
		}
	default:
		e.appendManagementMember(w, name)
	}
}

func (e *Event) appendManagementMember(w *writer, name string) {
	switch name {
	case "aliasName":
		w.str(name, e.Alias)
	case "tags":
		e.appendTags(w)
	case "tagKeys":
		w.list(name, e.TagKeys)
	case "policy", "replicaPolicy":
		w.opt(name, e.Policy)
	case "policyName":
		w.str(name, "default")
	case "bypassPolicyLockoutSafetyCheck":
		if e.Bypass || e.Name == "CreateKey" {
			w.boolean(name, e.Bypass)
		}
	case "pendingWindowInDays", "rotationPeriodInDays":
		if e.Days > 0 {
			w.number(name, e.Days)
		}
	case "grantId":
		w.opt(name, e.GrantID)
	case "granteePrincipal":
		w.opt(name, e.Grantee)
	case "retiringPrincipal":
		w.opt(name, e.Retiring)
	case "operations":
		w.list(name, e.Operations)
	case "constraints":
		if e.Constraints != nil {
			w.open(name)
			w.object("encryptionContextSubset", e.Constraints)
			w.end('}')
		}
	case "limit":
		w.number(name, 100)
	default:
		e.appendCreateMember(w, name)
	}
}

func (e *Event) appendCreateMember(w *writer, name string) {
	switch name {
	case "description":
		w.str(name, e.description())
	case "keySpec", "customerMasterKeySpec":
		w.str(name, either(e.Spec, "SYMMETRIC_DEFAULT"))
	case "keyUsage":
		w.str(name, either(e.Usage, "ENCRYPT_DECRYPT"))
	case "origin":
		w.str(name, either(e.Origin, "AWS_KMS"))
	case "multiRegion":
		w.boolean(name, strings.HasPrefix(keyIDOf(e.Key), "mrk-"))
	case "replicaRegion", "primaryRegion":
		w.str(name, either(KeyRegion(e.Destination), "us-west-2"))
	case "customKeyStoreId":
		w.opt(name, e.Store)
	case "customKeyStoreName":
		w.str(name, "example-store")
	case "clusterId":
		w.str(name, "cluster-1a23b4cdefg")
	case "wrappingAlgorithm":
		w.str(name, "RSAES_OAEP_SHA_256")
	case "wrappingKeySpec":
		w.str(name, "RSA_4096")
	case "validTo":
		if !e.ValidTo.IsZero() {
			w.str(name, e.dateText(e.ValidTo))
		}
	case "expirationModel":
		if e.ValidTo.IsZero() {
			w.str(name, "KEY_MATERIAL_DOES_NOT_EXPIRE")
		} else {
			w.str(name, "KEY_MATERIAL_EXPIRES")
		}
	case "importType":
		w.str(name, "NEW_KEY_MATERIAL")
	}
}

// appendKeyRef writes how the request names the key. Calls to Decrypt and
// ReEncrypt seldom name the (source) key.
func (e *Event) appendKeyRef(w *writer, name string) {
	ref := e.KeyRef
	if ref == "" {
		if e.Name == "Decrypt" || name == "sourceKeyId" {
			return
		}
		ref = e.Key
	}
	if ref != "-" {
		w.opt(name, ref)
	}
}

func (e *Event) appendTags(w *writer) {
	if e.Tags == nil {
		return
	}
	w.openList("tags")
	for _, t := range e.Tags {
		w.begin()
		w.str("tagKey", t.Key)
		w.str("tagValue", t.Value)
		w.end('}')
	}
	w.end(']')
}

func (e *Event) appendResponse(w *writer) {
	members := operations[e.Name].response
	if len(members) == 0 || (!e.since(8) && slices.Equal(members, list("keyArn"))) {
		w.raw("responseElements", "null")
		return
	}
	w.open("responseElements")
	for _, m := range members {
		e.appendResponseMember(w, m)
	}
	w.end('}')
}

func (e *Event) appendResponseMember(w *writer, name string) {
	switch name {
	case "keyArn":
		if e.since(8) {
			w.str("keyId", e.Key)
		}
	case "keyAlways":
		w.str("keyId", e.Key)
	case "keyIdOnly":
		w.str("keyId", keyIDOf(e.Key))
	case "grantId":
		w.str("grantId", either(e.GrantID, HexID(64, "grant", e.Key, e.Grantee)))
	case "keyMaterialId":
		if e.since(11) {
			w.str("keyMaterialId", either(e.Material, HexID(64, e.Key)))
		}
	case "keyMetadata":
		e.appendMetadata(w, name, e.Key, either(e.KeyState, "Enabled"))
	case "replicaKeyMetadata":
		e.appendMetadata(w, name, e.Destination, either(e.KeyState, "Creating"))
	case "customKeyStoreId":
		w.str("customKeyStoreId", either(e.Store, "cks-1234567890abcdef0"))
	case "replicaPolicy":
		w.opt("replicaPolicy", e.Policy)
	case "deletion":
		e.appendDeletion(w)
	}
}

func (e *Event) appendDeletion(w *writer) {
	days := e.Days
	if days == 0 {
		days = 30
	}
	state := either(e.KeyState, "PendingDeletion")
	w.str("keyId", e.Key)
	w.str("keyState", state)
	if state == "PendingDeletion" {
		at := e.Deletion
		if at.IsZero() {
			at = e.Time.Add(time.Duration(days) * 24 * time.Hour)
		}
		w.str("deletionDate", e.dateText(at))
	}
	w.number("pendingWindowInDays", days)
}

// description is that of a key: the given one, none for -.
func (e *Event) description() string {
	if e.Description == "-" {
		return ""
	}
	return either(e.Description, "made for a test")
}

func (e *Event) appendMetadata(w *writer, name, arn, state string) {
	spec := either(e.Spec, "SYMMETRIC_DEFAULT")
	usage := either(e.Usage, "ENCRYPT_DECRYPT")
	w.open(name)
	w.str("aWSAccountId", KeyAccount(arn))
	w.str("keyId", keyIDOf(arn))
	w.str("arn", arn)
	w.str("creationDate", e.dateText(e.Time))
	w.boolean("enabled", state == "Enabled")
	w.str("description", e.description())
	w.str("keyUsage", usage)
	w.str("keyState", state)
	w.str("origin", either(e.Origin, "AWS_KMS"))
	w.str("keyManager", "CUSTOMER")
	w.str("customerMasterKeySpec", spec)
	w.str("keySpec", spec)
	if usage == "ENCRYPT_DECRYPT" && spec == "SYMMETRIC_DEFAULT" {
		w.list("encryptionAlgorithms", []string{"SYMMETRIC_DEFAULT"})
	}
	w.boolean("multiRegion", strings.HasPrefix(keyIDOf(arn), "mrk-"))
	w.end('}')
}

func (e *Event) appendAdditional(w *writer) {
	op := operations[e.Name]
	start := len(w.b)
	w.open("additionalEventData")
	empty := len(w.b)
	if e.Name == "RetireGrant" {
		w.str("grantId", either(e.GrantID, HexID(64, "grant", e.Key)))
	}
	if e.since(11) && e.ErrorCode == "" && e.Material != "-" {
		switch {
		case e.Name == "ReEncrypt":
			w.str("sourceKeyMaterialId", either(e.Material, materialOf(e.Key)))
			w.str("destinationKeyMaterialId", materialOf(e.Destination))
		case op.material:
			w.str("keyMaterialId", either(e.Material, materialOf(e.Key)))
		}
	}
	if e.Store != "" && !strings.HasPrefix(e.Name, "Create") && !strings.HasSuffix(e.Name, "KeyStore") {
		w.str("customKeyStoreId", e.Store)
		w.str("backingKeyId", `[{"keyHandle":"01","backingKeyId":"backing-key-id"}]`)
	}
	if strings.HasSuffix(e.Name, "KeyStore") && e.Name != "CreateCustomKeyStore" {
		w.str("customKeyStoreName", "example-store")
		w.str("clusterId", "cluster-1a23b4cdefg")
	}
	if e.ImageDigest != "" {
		w.open("recipient")
		w.str("attestationDocumentModuleId", "i-0123456789abcdef0-enc0123456789abcdef")
		w.str("attestationDocumentEnclaveImageDigest", e.ImageDigest)
		w.end('}')
	}
	if len(w.b) == empty {
		w.b = w.b[:start]
		return
	}
	w.end('}')
}

// materialOf is the id of the key material a key has before any rotation.
func materialOf(arn string) string { return HexID(64, arn) }

func either(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
