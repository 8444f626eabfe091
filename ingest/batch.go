package ingest

import (
	"hash/maphash"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/kmstrail/kmstrail/schema"
)

// builder fills the columns of kms_events. Its fields name the columns, so
// that a mistyped name fails when the builder is made, not while it runs.
type builder struct {
	t *table
	n int

	logFile, eventTime, sessionStart, deletionDate, validTo       *fixedColumn
	eventID, requestID, sharedID, supersedes                      *fixedColumn
	recordIndex, pendingDays, rotationPeriod                      *fixedColumn
	readOnly, mfa, console, self, dryRun, multiRegion             *boolColumn
	name, typ, category, version                                  *stringColumn
	region, recipient, caller, keyAccount, copy                   *stringColumn
	callerType, callerARN, roleARN, principalARN, principalID     *stringColumn
	sessionName, accessKeyID, sourceIdentity, invokedBy           *stringColumn
	service, actorKind, sourceIP, userAgent                       *stringColumn
	vpcEndpoint, vpcEndpointAccount                               *stringColumn
	tlsVersion, tlsCipher, tlsKeyExchange                         *stringColumn
	errorCode, errorMessage, errorClass                           *stringColumn
	keyARN, keyID, keyRegion, keyReference, keyResolvedBy         *stringColumn
	destKeyARN, destAccount, class, quota, priceTier              *stringColumn
	algorithm, keySpec, keyMaterial, keyStore, enclave            *stringColumn
	grantID, grantee, retiring, alias, policy, keyState, keyUsage *stringColumn
	keyOrigin, remainder                                          *stringColumn
	context, destContext, secrets, tags, grantOperations          *listColumn
}

func newBuilder() *builder {
	b := &builder{t: newTable(&schema.KMSEvents)}
	for name, dst := range map[string]any{
		"log_file_id": &b.logFile, "record_index": &b.recordIndex, "event_id": &b.eventID, "event_time": &b.eventTime,
		"event_name": &b.name, "event_type": &b.typ, "event_category": &b.category, "event_version": &b.version,
		"read_only": &b.readOnly, "request_id": &b.requestID, "shared_event_id": &b.sharedID, "supersedes_event_id": &b.supersedes,
		"region": &b.region, "recipient_account_id": &b.recipient, "caller_account_id": &b.caller, "key_account_id": &b.keyAccount,
		"record_copy": &b.copy, "caller_type": &b.callerType, "caller_arn": &b.callerARN, "role_arn": &b.roleARN,
		"principal_arn": &b.principalARN, "principal_id": &b.principalID, "session_name": &b.sessionName,
		"access_key_id": &b.accessKeyID, "session_start": &b.sessionStart, "mfa": &b.mfa, "source_identity": &b.sourceIdentity,
		"console_session": &b.console, "invoked_by": &b.invokedBy, "service": &b.service, "actor_kind": &b.actorKind, "is_self": &b.self,
		"source_ip_address": &b.sourceIP, "user_agent": &b.userAgent, "vpc_endpoint_id": &b.vpcEndpoint,
		"vpc_endpoint_account_id": &b.vpcEndpointAccount, "tls_version": &b.tlsVersion, "tls_cipher_suite": &b.tlsCipher,
		"tls_key_exchange": &b.tlsKeyExchange, "error_code": &b.errorCode, "error_message": &b.errorMessage, "error_class": &b.errorClass,
		"dry_run": &b.dryRun, "key_arn": &b.keyARN, "key_id": &b.keyID, "key_region": &b.keyRegion, "key_reference": &b.keyReference,
		"key_resolved_by": &b.keyResolvedBy, "destination_key_arn": &b.destKeyARN, "destination_key_account_id": &b.destAccount,
		"operation_class": &b.class, "quota_name": &b.quota, "price_tier": &b.priceTier, "encryption_context": &b.context,
		"destination_encryption_context": &b.destContext, "algorithm": &b.algorithm, "key_spec": &b.keySpec,
		"key_material_id": &b.keyMaterial, "custom_key_store_id": &b.keyStore, "enclave_image_digest": &b.enclave,
		"grant_id": &b.grantID, "grantee_principal": &b.grantee, "retiring_principal": &b.retiring, "grant_operations": &b.grantOperations,
		"alias_name": &b.alias, "tags": &b.tags, "key_policy": &b.policy, "key_state": &b.keyState,
		"pending_window_days": &b.pendingDays, "deletion_date": &b.deletionDate, "material_valid_to": &b.validTo,
		"rotation_period_days": &b.rotationPeriod, "key_usage": &b.keyUsage, "key_origin": &b.keyOrigin,
		"multi_region": &b.multiRegion, "remainder": &b.remainder, "context_secrets": &b.secrets,
	} {
		bindColumn(b.t, &schema.KMSEvents, name, dst)
	}
	return b
}

// bindColumn points *dst at the named column. A mismatch is a mistake in this
// package, found by the first test that runs.
func bindColumn(t *table, s *schema.Table, name string, dst any) {
	col := t.columns[s.Column(name)]
	switch p := dst.(type) {
	case **stringColumn:
		*p = col.(*stringColumn)
	case **fixedColumn:
		*p = col.(*fixedColumn)
	case **boolColumn:
		*p = col.(*boolColumn)
	case **listColumn:
		*p = col.(*listColumn)
	}
}

// putText sets a text; one that is empty says no more than NULL.
func putText(c *stringColumn, row int, s []byte) {
	if len(s) > 0 {
		c.set(row, s)
	}
}

func putName(c *stringColumn, row int, s string) {
	if s != "" {
		c.setString(row, s)
	}
}

func putFlag(c *boolColumn, row int, f flag) {
	if f != absent {
		c.set(row, f == yes)
	}
}

func putTime(c *fixedColumn, row int, us int64) {
	if us != 0 {
		c.setInt64(row, us)
	}
}

func putUUID(c *fixedColumn, row int, id uuid) {
	if id != (uuid{}) {
		c.setUUID(row, id)
	}
}

func putPairs(c *listColumn, row int, has bool, pairs []pair) {
	if !has {
		return
	}
	c.begin(row)
	for _, p := range pairs {
		if p.val == nil {
			c.add(p.key)
		} else {
			c.put(p.key, p.val)
		}
	}
	c.end()
}

// add appends e as a row.
func (b *builder) add(e *event, logFile int64, index int) {
	r := b.n
	b.n++
	b.logFile.setInt64(r, logFile)
	b.recordIndex.setInt32(r, int32(index))
	b.addCall(r, e)
	b.addCaller(r, e)
	b.addKey(r, e)
	b.addManagement(r, e)
	putText(b.remainder, r, e.remainder)
}

func (b *builder) addCall(r int, e *event) {
	b.eventID.setUUID(r, e.id)
	b.eventTime.setInt64(r, e.time)
	putText(b.name, r, e.name)
	putText(b.typ, r, e.typ)
	putText(b.category, r, e.category)
	putText(b.version, r, e.version)
	putFlag(b.readOnly, r, e.readOnly)
	putUUID(b.requestID, r, e.requestID)
	putUUID(b.sharedID, r, e.sharedID)
	putUUID(b.supersedes, r, e.supersedes)
	putText(b.region, r, e.region)
	putText(b.recipient, r, e.recipient)
	putText(b.caller, r, e.caller)
	putText(b.keyAccount, r, e.keyAccount)
	putName(b.copy, r, e.copy)
	putText(b.errorCode, r, e.errorCode)
	putText(b.errorMessage, r, e.errorMessage)
	putName(b.errorClass, r, e.errorClass)
	putFlag(b.dryRun, r, e.dryRun)
	putName(b.class, r, e.class)
	putName(b.quota, r, e.quota)
	putName(b.priceTier, r, e.priceTier)
}

func (b *builder) addCaller(r int, e *event) {
	putText(b.callerType, r, e.callerType)
	putText(b.callerARN, r, e.callerARN)
	putText(b.roleARN, r, e.roleARN)
	putText(b.principalARN, r, e.principalARN)
	putText(b.principalID, r, e.principalID)
	putText(b.sessionName, r, e.sessionName)
	putText(b.accessKeyID, r, e.accessKeyID)
	putTime(b.sessionStart, r, e.sessionStart)
	putFlag(b.mfa, r, e.mfa)
	putText(b.sourceIdentity, r, e.sourceIdentity)
	putFlag(b.console, r, e.consoleSession)
	putText(b.invokedBy, r, e.invokedBy)
	putName(b.service, r, e.service)
	putName(b.actorKind, r, e.actorKind)
	b.self.set(r, e.self)
	putText(b.sourceIP, r, e.sourceIP)
	putText(b.userAgent, r, e.userAgent)
	putText(b.vpcEndpoint, r, e.vpcEndpoint)
	putText(b.vpcEndpointAccount, r, e.vpcEndpointAccount)
	putText(b.tlsVersion, r, e.tlsVersion)
	putText(b.tlsCipher, r, e.tlsCipher)
	putText(b.tlsKeyExchange, r, e.tlsKeyExchange)
}

func (b *builder) addKey(r int, e *event) {
	putText(b.keyARN, r, e.keyARN)
	putText(b.keyID, r, e.keyID)
	putText(b.keyRegion, r, e.keyRegion)
	putText(b.keyReference, r, e.keyReference)
	putName(b.keyResolvedBy, r, e.keyResolvedBy)
	putText(b.destKeyARN, r, e.destKeyARN)
	putText(b.destAccount, r, e.destAccount)
	putPairs(b.context, r, e.hasContext, e.context)
	putPairs(b.destContext, r, e.hasDest, e.destContext)
	putPairs(b.secrets, r, len(e.secrets) > 0, e.secrets)
	putText(b.algorithm, r, e.algorithm)
	putText(b.keySpec, r, e.keySpec)
	putText(b.keyMaterial, r, e.keyMaterial)
	putText(b.keyStore, r, e.keyStore)
	putText(b.enclave, r, e.enclaveDigest)
}

func (b *builder) addManagement(r int, e *event) {
	putText(b.grantID, r, e.grantID)
	putText(b.grantee, r, e.grantee)
	putText(b.retiring, r, e.retiring)
	if e.hasOperations {
		b.grantOperations.begin(r)
		for _, op := range e.grantOperations {
			b.grantOperations.add(op)
		}
		b.grantOperations.end()
	}
	putText(b.alias, r, e.alias)
	putPairs(b.tags, r, e.hasTags, e.tags)
	putText(b.policy, r, e.policy)
	putText(b.keyState, r, e.keyState)
	if e.pendingDays != 0 {
		b.pendingDays.setInt32(r, e.pendingDays)
	}
	putTime(b.deletionDate, r, e.deletionDate)
	putTime(b.validTo, r, e.validTo)
	if e.rotationPeriod != 0 {
		b.rotationPeriod.setInt32(r, e.rotationPeriod)
	}
	putText(b.keyUsage, r, e.keyUsage)
	putText(b.keyOrigin, r, e.keyOrigin)
	putFlag(b.multiRegion, r, e.multiRegion)
}

func (b *builder) record() arrow.RecordBatch { return b.t.record(b.n) }

func (b *builder) reset() {
	b.t.reset()
	b.n = 0
}

// bytes is about how much memory the rows take.
func (b *builder) bytes() int {
	n := 0
	for _, c := range b.t.columns {
		switch c := c.(type) {
		case *stringColumn:
			n += len(c.text) + 4*len(c.ends)
		case *fixedColumn:
			n += len(c.bytes)
		case *listColumn:
			n += len(c.keys.text) + 4*len(c.ends) + 4*len(c.keys.ends)
			if c.values != nil {
				n += len(c.values.text) + 4*len(c.values.ends)
			}
		}
	}
	return n
}

// accumulator gathers whole log files into a batch.
type accumulator struct {
	events  *builder
	repeats *builder
	related *relatedBuilder
	seen    map[uuid]uint64 // event id → hash of the record's bytes
	ids     [][16]byte
	times   []int64

	supersedes [][16]byte
	files      []LogFile
	quarantine []Quarantined
	seed       maphash.Seed
	keepAll    bool // see Options.KeepAll
}

func newAccumulator(seed maphash.Seed) *accumulator {
	return &accumulator{
		events: newBuilder(), repeats: newBuilder(), related: newRelatedBuilder(),
		seen: make(map[uuid]uint64), seed: seed,
	}
}

// newKeepAll returns an accumulator whose batch may be kept and leaves nothing out.
func newKeepAll(seed maphash.Seed) *accumulator {
	a := newAccumulator(seed)
	a.keepAll, a.related.keepAll = true, true
	return a
}

// addEvent stores a decoded record; it reports whether the record repeats one
// of this batch byte for byte. raw is the record's text.
func (a *accumulator) addEvent(e *event, raw []byte, logFile int64, index int) (duplicate bool) {
	sum := maphash.Bytes(a.seed, raw)
	if prev, known := a.seen[e.id]; known {
		if prev == sum && !a.keepAll {
			return true
		}
		a.repeats.add(e, logFile, index)
	} else {
		a.seen[e.id] = sum
		a.events.add(e, logFile, index)
		a.ids = append(a.ids, e.id)
		a.times = append(a.times, e.time)
	}
	// A correction may have the id of what it corrects.
	if e.supersedes != (uuid{}) {
		a.supersedes = append(a.supersedes, e.supersedes)
	}
	return false
}

func (a *accumulator) rows() int  { return a.events.n + a.repeats.n + a.related.n }
func (a *accumulator) bytes() int { return a.events.bytes() + a.repeats.bytes() + a.related.bytes() }

// batch returns what was gathered. It stays valid until reset.
func (a *accumulator) batch() *Batch {
	return &Batch{
		Events: a.events.record(), EventIDs: a.ids, EventTimes: a.times,
		Repeats: a.repeats.record(), Related: a.related.record(),
		Supersedes: a.supersedes, Files: a.files, Quarantine: a.quarantine,
	}
}

// reset makes room for the next batch; the memory of the last one is used again.
func (a *accumulator) reset() {
	a.events.reset()
	a.repeats.reset()
	a.related.reset()
	clear(a.seen)
	a.ids, a.times, a.supersedes = a.ids[:0], a.times[:0], a.supersedes[:0]
	a.files, a.quarantine = a.files[:0], a.quarantine[:0]
}
