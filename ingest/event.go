package ingest

// uuid is an event id, request id or shared event id; zero means absent.
type uuid = [16]byte

// flag is a boolean that may be absent.
type flag uint8

const (
	absent flag = iota
	yes
	no
)

// event is one decoded KMS record. Text fields are slices of the log file or
// of the decoder's arena, valid until the next record; nil means absent.
type event struct {
	id         uuid
	time       int64 // microseconds since 1970
	name       []byte
	typ        []byte
	category   []byte
	version    []byte
	readOnly   flag
	requestID  uuid
	sharedID   uuid
	supersedes uuid

	region     []byte
	recipient  []byte
	caller     []byte // account
	keyAccount []byte
	copy       string

	callerType     []byte
	callerARN      []byte
	roleARN        []byte
	principalARN   []byte
	principalID    []byte
	sessionName    []byte
	accessKeyID    []byte
	sessionStart   int64 // microseconds since 1970; 0: absent
	mfa            flag
	sourceIdentity []byte
	consoleSession flag
	invokedBy      []byte
	service        string
	actorKind      string
	self           bool

	sourceIP           []byte
	userAgent          []byte
	vpcEndpoint        []byte
	vpcEndpointAccount []byte
	tlsVersion         []byte
	tlsCipher          []byte
	tlsKeyExchange     []byte

	errorCode    []byte
	errorMessage []byte
	errorClass   string
	dryRun       flag

	keyARN        []byte
	keyID         []byte
	keyRegion     []byte
	keyReference  []byte
	keyResolvedBy string
	destKeyARN    []byte
	destAccount   []byte

	class     string
	quota     string
	priceTier string

	context       []pair
	hasContext    bool
	destContext   []pair
	hasDest       bool
	secrets       []pair // context key → kind of secret and what may be shown of it
	algorithm     []byte
	keySpec       []byte
	keyMaterial   []byte
	keyStore      []byte
	enclaveDigest []byte

	grantID         []byte
	grantee         []byte
	retiring        []byte
	grantOperations [][]byte
	hasOperations   bool

	alias          []byte
	tags           []pair
	hasTags        bool
	policy         []byte
	keyState       []byte
	pendingDays    int32 // 0: absent
	deletionDate   int64 // microseconds since 1970; 0: absent
	validTo        int64
	rotationPeriod int32
	keyUsage       []byte
	keyOrigin      []byte
	multiRegion    flag

	remainder []byte
}

// pair is an entry of an encryption context or a tag; a nil val is NULL.
type pair struct{ key, val []byte }

// reset empties e but keeps the slices it grew.
func (e *event) reset() {
	*e = event{
		context:         e.context[:0],
		destContext:     e.destContext[:0],
		secrets:         e.secrets[:0],
		tags:            e.tags[:0],
		grantOperations: e.grantOperations[:0],
	}
}
