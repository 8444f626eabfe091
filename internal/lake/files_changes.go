package lake

// changeNames are the events that the view key_change_records makes rows of.
var changeNames = map[string]struct{}{
	"CreateKey": {}, "ReplicateKey": {}, "EnableKey": {}, "DisableKey": {}, "ScheduleKeyDeletion": {}, "CancelKeyDeletion": {},
	"ImportKeyMaterial": {}, "DeleteImportedKeyMaterial": {}, "DeleteExpiredKeyMaterial": {}, "DeleteKey": {},
	"TagResource": {}, "UntagResource": {}, "CreateAlias": {}, "UpdateAlias": {}, "DeleteAlias": {},
	"PutKeyPolicy": {}, "EnableKeyRotation": {}, "DisableKeyRotation": {}, "RotateKey": {}, "RotateKeyOnDemand": {},
	"UpdateKeyDescription": {}, "UpdatePrimaryRegion": {}, "SynchronizeMultiRegionKey": {},
	"CreateGrant": {}, "RetireGrant": {}, "RevokeGrant": {},
}

// IsChangeEvent reports whether the events of that name are in ChangeEvents.
func IsChangeEvent(name string) bool {
	_, ok := changeNames[name]
	return ok
}
