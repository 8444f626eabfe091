package cttest

import (
	"strconv"
	"strings"
	"time"
)

// Event describes one CloudTrail record. The zero value of a field means what
// is usual for the operation; see the comments. Raw fields are JSON text that
// replaces a member; "-" leaves the member out.
type Event struct {
	// ID is the event id; "" derives one from the content and Seq.
	ID string
	// SharedID is sharedEventID; "" leaves it out, except for calls of an AWS
	// service principal, which always have one.
	SharedID string
	// RequestID is derived from the content when "".
	RequestID string
	// Seq tells otherwise equal events apart when ids are derived.
	Seq int

	Time     time.Time
	Name     string
	Source   string // eventSource; "" is kms.amazonaws.com
	Version  string // eventVersion; "" is 1.11
	Type     string // eventType; "" is AwsApiCall, or AwsServiceEvent for service events
	Category string // eventCategory; "" is Management
	Region   string // "" is the key's, or us-east-1
	// Recipient is the account whose trail holds the record; "" is the
	// caller's, or the key's when the caller has none.
	Recipient string

	Caller Identity
	IP     string // "" is 192.0.2.10, or invokedBy for calls a service made
	Agent  string // "" is a usual SDK, or invokedBy for calls a service made

	// Key is the key's ARN.
	Key string
	// KeyRef is requestParameters.keyId: "" is what is usual (the ARN; nothing
	// for Decrypt), "-" is nothing.
	KeyRef string
	// Destination is the ARN of ReEncrypt's destination key, or of the replica.
	Destination        string
	Context            []Pair // nil: none; empty: {}
	DestinationContext []Pair
	Algorithm          string
	Spec               string // keySpec or keyPairSpec
	Bytes              int    // GenerateDataKey: numberOfBytes instead of keySpec
	DryRun             bool

	GrantID    string
	Grantee    string   // principal ARN, or a service principal's name
	Retiring   string   // CreateGrant: retiring principal
	Operations []string // CreateGrant
	// Constraints of a grant, as encryptionContextSubset.
	Constraints []Pair

	Alias    string // alias/…
	Tags     []Pair
	TagKeys  []string
	Policy   string
	Bypass   bool // bypassPolicyLockoutSafetyCheck
	Days     int  // pendingWindowInDays, rotationPeriodInDays
	Deletion time.Time
	ValidTo  time.Time
	KeyState string
	Usage    string // keyUsage
	Origin   string
	// Description of a key: "" for one that fits every key, "-" for none.
	Description string

	// Material is additionalEventData.keyMaterialId: "" derives it from the
	// key where version 1.11 has it, "-" leaves it out.
	Material    string
	Store       string // additionalEventData.customKeyStoreId
	ImageDigest string // additionalEventData.recipient

	// Failure names an error (see Failures); ErrorCode and ErrorMessage
	// override its parts.
	Failure      string
	ErrorCode    string
	ErrorMessage string

	VPCEndpoint        string
	VPCEndpointAccount string
	Console            bool // sessionCredentialFromConsole

	Request    string // raw requestParameters
	Response   string // raw responseElements
	Additional string // raw additionalEventData
	Resources  string // raw resources
	Details    string // raw serviceEventDetails
	TLS        string // raw tlsDetails
	// Extra is further top-level members without braces, such as
	// `"addendum":{"reason":"DELIVERY_DELAY"}`.
	Extra string
}

// JSON renders the record.
func (e Event) JSON() []byte { return e.Append(make([]byte, 0, 1536)) }

// String renders the record.
func (e Event) String() string { return string(e.JSON()) }

// Append appends the rendered record to b.
func (e *Event) Append(b []byte) []byte {
	c := *e
	c.fill()
	w := writer{b: b}
	w.begin()
	c.appendHead(&w)
	c.appendError(&w)
	c.appendParameters(&w)
	c.appendTail(&w)
	w.end('}')
	return w.b[:len(w.b)-1]
}

// fill sets the fields that have a usual value.
func (e *Event) fill() {
	setDefault(&e.Source, "kms.amazonaws.com")
	setDefault(&e.Version, "1.11")
	setDefault(&e.Category, "Management")
	if e.Region == "" {
		e.Region = KeyRegion(e.Key)
		setDefault(&e.Region, "us-east-1")
	}
	if e.Type == "" {
		e.Type = "AwsApiCall"
		if isServiceEvent(e.Name) && e.Name != "SynchronizeMultiRegionKey" {
			e.Type = "AwsServiceEvent"
		}
	}
	if e.Recipient == "" {
		e.Recipient = e.Caller.Account
		if e.Recipient == "" {
			e.Recipient = KeyAccount(e.Key)
		}
	}
	setDefault(&e.ErrorCode, failures[e.Failure].code)
	if e.ErrorMessage == "" && e.Failure != "" {
		e.ErrorMessage = e.failureMessage()
	}
	if e.DryRun && e.ErrorCode == "" {
		e.ErrorCode = failures["dry_run"].code
		e.ErrorMessage = failures["dry_run"].message
	}
	e.fillIDs()
}

func (e *Event) fillIDs() {
	if e.ID != "" && e.RequestID != "" && (e.SharedID != "" || e.Caller.Type != "AWSService") {
		return
	}
	call := []string{
		e.Name, e.Time.UTC().Format(time.RFC3339), e.Key, e.Caller.ARN, e.Caller.Account,
		e.Caller.InvokedBy, e.Source, strconv.Itoa(e.Seq),
	}
	if e.ID == "" {
		e.ID = UUID(append(call, "event", e.Recipient, e.Category, e.Destination, e.ErrorCode)...)
	}
	if e.RequestID == "" {
		e.RequestID = UUID(append(call, "request")...)
	}
	if e.SharedID == "" && e.Caller.Type == "AWSService" {
		e.SharedID = UUID(append(call, "shared")...)
	}
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// since says whether the record's version is at least 1.minor.
func (e *Event) since(minor int) bool {
	_, m, ok := strings.Cut(e.Version, ".")
	if !ok {
		return true
	}
	n, err := strconv.Atoi(m)
	return err != nil || n >= minor
}

// byService says whether an AWS service made the request, for itself or with
// a session forwarded to it.
func (e *Event) byService() bool { return e.Caller.InvokedBy != "" }

func (e *Event) appendHead(w *writer) {
	w.str("eventVersion", e.Version)
	e.Caller.append(w, e.Time)
	w.name("eventTime")
	w.b = appendTime(w.b, e.Time)
	w.b = append(w.b, ',')
	w.str("eventSource", e.Source)
	w.str("eventName", e.Name)
	w.str("awsRegion", e.Region)
	ip, agent := e.IP, e.Agent
	if e.byService() {
		setDefault(&ip, e.Caller.InvokedBy)
		setDefault(&agent, e.Caller.InvokedBy)
	}
	setDefault(&ip, "192.0.2.10")
	setDefault(&agent, "aws-sdk-go-v2/1.47.7 os/linux lang/go#1.26.5 md/GOOS#linux md/GOARCH#amd64 api/kms#1.62.4")
	w.str("sourceIPAddress", ip)
	w.str("userAgent", agent)
}

func (e *Event) appendError(w *writer) {
	w.opt("errorCode", e.ErrorCode)
	if e.ErrorMessage != "-" {
		w.opt("errorMessage", e.ErrorMessage)
	}
}

func (e *Event) appendParameters(w *writer) {
	if e.Category == "NetworkActivity" {
		return
	}
	f := failures[e.Failure]
	switch {
	case e.Request == "-":
	case e.Request != "":
		w.raw("requestParameters", e.Request)
	case f.noRequest || e.Source != "kms.amazonaws.com":
		w.raw("requestParameters", "null")
	default:
		e.appendRequest(w)
	}
	switch {
	case e.Response == "-":
	case e.Response != "":
		w.raw("responseElements", e.Response)
	case e.ErrorCode != "" || e.Source != "kms.amazonaws.com":
		w.raw("responseElements", "null")
	default:
		e.appendResponse(w)
	}
	switch {
	case e.Additional == "-":
	case e.Additional != "":
		w.raw("additionalEventData", e.Additional)
	case e.Source == "kms.amazonaws.com":
		e.appendAdditional(w)
	}
}

func (e *Event) appendTail(w *writer) {
	if e.Type != "AwsServiceEvent" && e.RequestID != "-" {
		w.str("requestID", e.RequestID)
	}
	if e.ID != "-" {
		w.str("eventID", e.ID)
	}
	network := e.Category == "NetworkActivity"
	if !network {
		w.boolean("readOnly", isRead(e.Source, e.Name))
		e.appendResources(w)
	}
	w.str("eventType", e.Type)
	if e.since(6) && !network {
		w.boolean("managementEvent", e.Category == "Management")
	}
	w.str("recipientAccountId", e.Recipient)
	if e.SharedID != "" && e.SharedID != "-" && e.since(3) {
		w.str("sharedEventID", e.SharedID)
	}
	w.opt("vpcEndpointId", e.VPCEndpoint)
	w.opt("vpcEndpointAccountId", e.VPCEndpointAccount)
	e.appendDetails(w)
	if e.since(7) {
		w.str("eventCategory", e.Category)
	}
	if e.Console && e.since(8) {
		w.str("sessionCredentialFromConsole", "true")
	}
	e.appendTLS(w)
	if e.Extra != "" {
		w.b = append(w.b, e.Extra...)
		w.b = append(w.b, ',')
	}
}

func (e *Event) appendTLS(w *writer) {
	switch {
	case e.TLS == "-":
	case e.TLS != "":
		w.raw("tlsDetails", e.TLS)
	case e.byService() || !e.since(8) || e.Caller.Type == "" || e.Category != "Management":
	default:
		host, _, _ := strings.Cut(e.Source, ".")
		w.open("tlsDetails")
		w.str("tlsVersion", "TLSv1.3")
		w.str("cipherSuite", "TLS_AES_256_GCM_SHA384")
		w.str("clientProvidedHostHeader", host+"."+e.Region+".amazonaws.com")
		if e.since(11) {
			w.str("keyExchange", "X25519MLKEM768")
		}
		w.end('}')
	}
}

func (e *Event) appendDetails(w *writer) {
	switch {
	case e.Details == "-":
	case e.Details != "":
		w.raw("serviceEventDetails", e.Details)
	case e.Name == "RotateKey" && e.since(11):
		w.open("serviceEventDetails")
		w.str("rotationType", "AUTOMATIC")
		w.str("keyOrigin", "AWS_KMS")
		w.str("previousKeyMaterialId", HexID(64, e.Key, "previous"))
		w.str("currentKeyMaterialId", either(e.Material, HexID(64, e.Key)))
		w.str("keyId", keyIDOf(e.Key))
		w.end('}')
	case e.Name == "RotateKey" || e.Name == "DeleteExpiredKeyMaterial":
		w.open("serviceEventDetails")
		w.str("keyId", keyIDOf(e.Key))
		w.end('}')
	}
}

func (e *Event) appendResources(w *writer) {
	switch {
	case e.Resources == "-":
		return
	case e.Resources != "":
		w.raw("resources", e.Resources)
		return
	case e.Source != "kms.amazonaws.com", failures[e.Failure].noResources:
		return
	}
	op := operations[e.Name]
	if op.noKey {
		if op.emptyResources || !e.since(4) {
			w.raw("resources", "[]")
		}
		return
	}
	if e.Key == "" {
		return
	}
	arns := []string{e.Key, "", ""}[:1]
	switch {
	case e.Name == "ReEncrypt" && e.Destination != "":
		arns = append(arns, e.Destination)
	case e.Name == "CreateAlias" && e.Alias != "":
		arns = append(arns, e.aliasARN())
	case e.Alias != "" && (e.Name == "UpdateAlias" || e.Name == "DeleteAlias"):
		arns[0] = e.aliasARN()
		arns = append(arns, e.Key)
	}
	w.openList("resources")
	for _, arn := range arns {
		w.begin()
		w.str("accountId", KeyAccount(arn))
		if e.since(4) {
			w.str("type", "AWS::KMS::Key")
		}
		w.str("ARN", arn)
		w.end('}')
	}
	w.end(']')
}

func (e *Event) aliasARN() string {
	if strings.HasPrefix(e.Alias, "arn:") {
		return e.Alias
	}
	return AliasARN(KeyAccount(e.Key), e.Region, e.Alias)
}

// dateText is the US text form of a date in KMS parameters; records of old
// versions have no comma before the time.
func (e *Event) dateText(t time.Time) string {
	if e.since(8) {
		return t.UTC().Format("Jan 2, 2006, 3:04:05 PM")
	}
	return t.UTC().Format("Jan 2, 2006 3:04:05 PM")
}
