package organisation

import (
	"fmt"
	"math"
	"strings"

	"github.com/kmstrail/kmstrail/schema"
)

// How large the organisation is whose logs are generated.
const (
	accountCount = 40
	keyCount     = 2000
	callerCount  = 600
)

var regions = []string{"us-east-1", "eu-central-1", "eu-west-1", "ap-southeast-2"}

// Organisation is who calls KMS for what, by account and Region. It is the same
// in every store.
type Organisation struct {
	cells   []*cell
	tickets []uint16 // cells, each as often as its weight says
}

// cell is an account in a Region: what one log file is about.
type cell struct {
	index           int
	account, region string
	keys            []*kmsKey
	calls           []*call
	tickets         []uint16 // calls, each as often as its weight says
	foreign         []*call  // on keys of other accounts
	reads, changes  []*call
	grants          []grantCalls
}

// grantCalls create and retire grants on one key.
type grantCalls struct{ create, retire *call }

type kmsKey struct {
	home                 *cell
	arn, id, alias, spec string
	material             string
}

// caller is a principal. The ids of its sessions are drawn for each event.
type caller struct {
	account, name, typ, principal, id, actor string
	seed                                     uint64
}

// call is a kind of call that is made again and again: the same caller, key,
// service and operation.
type call struct {
	// texts are the columns that are the same for every such call.
	texts    []text
	context  []pair
	name     string
	key      *kmsKey
	caller   *caller
	readOnly bool
	direct   bool
	use      *use
	// owner is the copy of the call in the key owner's account, and of the call
	// that this one is the copy of.
	owner, of *call
}

// text is the value of a column of kms_events.
type text struct {
	column int
	value  string
}

// pair is an entry of an encryption context.
type pair struct {
	key, value string
	// variants is how many values there are; each ends with its number.
	variants int
}

// use is how a service, or a program by itself, uses keys.
type use struct {
	share      int // keys in a hundred
	invokedBy  string
	service    string
	byService  bool // the service is the caller itself
	operations []string
	context    func(c *cell, r *random) []pair
}

var uses = []use{
	{share: 44, invokedBy: "AWS Internal", service: "s3", operations: []string{"Decrypt", "GenerateDataKey"}, context: bucketContext},
	{share: 16, operations: []string{"Decrypt", "GenerateDataKey", "Encrypt"}, context: tenantContext},
	{share: 10, invokedBy: "secretsmanager.amazonaws.com", service: "secretsmanager", operations: []string{"Decrypt"}, context: secretContext},
	{share: 9, invokedBy: "dynamodb.amazonaws.com", service: "dynamodb", byService: true, operations: []string{"Decrypt", "GenerateDataKey"}, context: tableContext},
	{share: 7, invokedBy: "AWS Internal", service: "ssm", operations: []string{"Decrypt"}, context: parameterContext},
	{share: 6, invokedBy: "AWS Internal", service: "ebs", operations: []string{"Decrypt", "GenerateDataKeyWithoutPlaintext"}, context: volumeContext},
	{share: 5, invokedBy: "lambda.amazonaws.com", service: "lambda", operations: []string{"Decrypt"}, context: functionContext},
	{share: 3, invokedBy: "logs.amazonaws.com", service: "logs", byService: true, operations: []string{"GenerateDataKey"}, context: groupContext},
}

// Most buckets use a bucket key, whose context is the bucket.
func bucketContext(_ *cell, r *random) []pair {
	bucket := "arn:aws:s3:::example-" + r.hex(6)
	if r.below(10) < 7 {
		return []pair{{key: "aws:s3:arn", value: bucket}}
	}
	return []pair{{key: "aws:s3:arn", value: bucket + "/data/part-", variants: 100_000}}
}

func tenantContext(_ *cell, r *random) []pair {
	if r.below(3) == 0 {
		return nil
	}
	return []pair{{key: "tenant", value: "t-", variants: 500}, {key: "purpose", value: pick(r, []string{"orders", "invoices", "profiles"})}}
}

func secretContext(c *cell, r *random) []pair {
	arn := fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:app/%s", c.region, c.account, r.hex(6))
	return []pair{{key: "SecretARN", value: arn}, {key: "SecretVersionId", value: r.guid()}}
}

func tableContext(c *cell, r *random) []pair {
	return []pair{{key: "aws:dynamodb:tableName", value: "table-" + r.hex(4)}, {key: "aws:dynamodb:subscriberId", value: c.account}}
}

func parameterContext(c *cell, r *random) []pair {
	return []pair{{key: "PARAMETER_ARN", value: fmt.Sprintf("arn:aws:ssm:%s:%s:parameter/app/%s/key-", c.region, c.account, r.hex(4)), variants: 20}}
}

func volumeContext(_ *cell, _ *random) []pair {
	return []pair{{key: "aws:ebs:id", value: "vol-", variants: 2_000}}
}

func functionContext(c *cell, r *random) []pair {
	return []pair{{key: "aws:lambda:FunctionArn", value: fmt.Sprintf("arn:aws:lambda:%s:%s:function:job-%s", c.region, c.account, r.hex(4))}}
}

func groupContext(c *cell, r *random) []pair {
	return []pair{{key: "aws:logs:arn", value: fmt.Sprintf("arn:aws:logs:%s:%s:log-group:/app/%s", c.region, c.account, r.hex(4))}}
}

var reads = []string{"DescribeKey", "GetKeyPolicy", "ListGrants", "ListResourceTags", "GetKeyRotationStatus"}

// changes are made to a few keys of each account; grants come on every key.
var changes = []string{
	"CreateAlias", "UpdateAlias", "DeleteAlias", "TagResource", "TagResource", "PutKeyPolicy", "EnableKeyRotation",
	"RotateKeyOnDemand", "DisableKey", "EnableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "CreateKey",
}

const changedKeys = 3

// classes names the operation class of what is not cryptographic.
var classes = map[string]string{
	"DescribeKey": "read", "GetKeyPolicy": "read", "ListGrants": "read", "ListResourceTags": "read", "GetKeyRotationStatus": "read",
	"CreateGrant": "grant", "RetireGrant": "grant", "CreateAlias": "alias", "UpdateAlias": "alias", "DeleteAlias": "alias",
	"TagResource": "tag", "PutKeyPolicy": "policy", "EnableKeyRotation": "management", "RotateKeyOnDemand": "management",
	"DisableKey": "management", "EnableKey": "management", "ScheduleKeyDeletion": "management", "CancelKeyDeletion": "management",
	"CreateKey": "management",
}

// New makes the organisation, always the same.
func New() *Organisation {
	r := newRandom(0)
	o := &Organisation{}
	for a := range accountCount {
		for _, region := range regions {
			o.cells = append(o.cells, &cell{account: account(a), region: region})
		}
	}
	shuffle(r, o.cells)
	o.tickets = tickets(len(o.cells), 4096, 1.1)
	for _, n := range tickets(len(o.cells), keyCount, 0.6) {
		o.cells[n].keys = append(o.cells[n].keys, newKey(r, o.cells[n]))
	}
	callers := newCallers(r)
	for i, c := range o.cells {
		c.index = i
		c.addCalls(r, callers[c.account])
		c.addManagement(r, callers[c.account])
	}
	for _, c := range o.cells {
		o.addForeign(r, c, callers[c.account])
	}
	return o
}

// Place is an account in a Region, and the ARN of a key in it.
type Place struct{ Account, Region, Key string }

// Places lists the organisation's, the busiest first.
func (o *Organisation) Places() []Place {
	out := make([]Place, len(o.cells))
	for i, c := range o.cells {
		out[i] = Place{c.account, c.region, c.keys[0].arn}
	}
	return out
}

// addForeign makes calls on keys of the next accounts in the same Region.
func (o *Organisation) addForeign(r *random, c *cell, callers []*caller) {
	for d := 1; len(c.foreign) < 4; d++ {
		other := o.cells[(c.index+d)%len(o.cells)]
		if other.region == c.region && other.account != c.account {
			c.foreign = append(c.foreign, foreignCall(r, c, pick(r, other.keys), pick(r, callers)))
		}
	}
}

// account makes an id that is nobody's: three groups of four equal digits.
func account(n int) string {
	digit := func(d int) string { return strings.Repeat(fmt.Sprint(d), 4) }
	return digit(1+n/10) + digit(n%10) + digit((n+5)%10)
}

func newCallers(r *random) map[string][]*caller {
	callers := map[string][]*caller{}
	for i, n := range tickets(accountCount, callerCount, 0.5) {
		id := account(int(n))
		c := &caller{account: id, typ: "AssumedRole", actor: "workload", name: fmt.Sprintf("service-%03d", i), id: "AROA" + r.hexUpper(17), seed: r.next()}
		switch r.below(30) {
		case 0:
			c.name, c.actor = fmt.Sprintf("AWSReservedSSO_Operator_%s", r.hex(16)), "human"
		case 1:
			c.name, c.typ, c.id = fmt.Sprintf("user-%03d", i), "IAMUser", "AIDA"+r.hexUpper(17)
		}
		c.principal = "arn:aws:iam::" + id + ":role/" + c.name
		if c.typ == "IAMUser" {
			c.principal = "arn:aws:iam::" + id + ":user/" + c.name
		}
		callers[id] = append(callers[id], c)
	}
	return callers
}

func newKey(r *random, c *cell) *kmsKey {
	id := r.guid()
	return &kmsKey{
		home: c, id: id, arn: "arn:aws:kms:" + c.region + ":" + c.account + ":key/" + id,
		alias: "alias/app-" + r.hex(5), spec: "AES_256", material: r.hex(64),
	}
}

// addCalls makes the calls of a cell: each key has one to five callers.
func (c *cell) addCalls(r *random, callers []*caller) {
	for _, k := range c.keys {
		u := drawUse(r)
		users := 1 + r.below(3)*r.below(3)
		if u.byService {
			users = 1
		}
		for range users {
			by, context := pick(r, callers), u.context(c, r)
			for _, op := range u.operations {
				c.calls = append(c.calls, newCall(r, c, k, by, u, op, context))
			}
		}
	}
	shuffle(r, c.calls)
	c.tickets = tickets(len(c.calls), 4096, 1.3)
}

// addManagement makes the calls that read and change keys.
func (c *cell) addManagement(r *random, callers []*caller) {
	scanner, pipeline, direct := pick(r, callers), pick(r, callers), &use{}
	for i, k := range c.keys {
		for _, op := range reads {
			c.reads = append(c.reads, newCall(r, c, k, scanner, direct, op, nil))
		}
		by := pick(r, callers)
		c.grants = append(c.grants, grantCalls{
			create: newCall(r, c, k, by, direct, "CreateGrant", nil),
			retire: newCall(r, c, k, by, direct, "RetireGrant", nil),
		})
		if i < changedKeys {
			for _, op := range changes {
				c.changes = append(c.changes, newCall(r, c, k, pipeline, direct, op, nil))
			}
		}
	}
}

func drawUse(r *random) *use {
	n := r.below(100)
	for i := range uses {
		if n -= uses[i].share; n < 0 {
			return &uses[i]
		}
	}
	return &uses[0]
}

func newCall(r *random, c *cell, k *kmsKey, by *caller, u *use, op string, context []pair) *call {
	if u.byService {
		by = nil
	}
	class := classes[op]
	call := &call{name: op, key: k, caller: by, context: context, readOnly: class == "" || class == "read", direct: u.invokedBy == "", use: u}
	columns := map[string]string{
		"event_name": op, "record_copy": "single", "recipient_account_id": c.account, "operation_class": class, "quota_name": snake(op),
		"price_tier": "standard",
	}
	if class == "" {
		columns["operation_class"], columns["quota_name"] = "cryptographic", "cryptographic_symmetric"
		columns["algorithm"], columns["key_material_id"] = "SYMMETRIC_DEFAULT", k.material
	}
	if op == "GenerateDataKey" {
		columns["key_spec"] = k.spec
	}
	call.addService(r, columns, u)
	call.texts = compile(callColumns(c, k), callerColumns(by), columns)
	return call
}

// snake makes the name of a quota: DescribeKey is describe_key.
func snake(op string) string {
	var b strings.Builder
	for i, c := range op {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}

// addService says how a call came to KMS.
func (call *call) addService(r *random, columns map[string]string, u *use) {
	for name, value := range map[string]string{
		"invoked_by": u.invokedBy, "service": u.service, "source_ip_address": u.invokedBy, "user_agent": u.invokedBy,
	} {
		columns[name] = value
	}
	if u.byService {
		columns["caller_type"], columns["actor_kind"] = "AWSService", "aws_service"
	}
	if !call.direct {
		return
	}
	columns["source_ip_address"] = fmt.Sprintf("203.0.113.%d", 1+r.below(254))
	columns["user_agent"] = pick(r, []string{
		"aws-sdk-go-v2/1.47.7 os/linux lang/go#1.26.5 md/GOOS#linux md/GOARCH#amd64 api/kms#1.62.4",
		"Boto3/1.40.1 md/Botocore#1.40.1 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.13 cfg/retry-mode#standard",
		"aws-sdk-java/2.32.1 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1 lang/java#21.0.4",
	})
	columns["tls_version"], columns["tls_cipher_suite"], columns["tls_key_exchange"] = "TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519MLKEM768"
	columns["key_reference"] = pick(r, []string{call.key.arn, call.key.id, call.key.alias})
	columns["remainder"] = `{"tlsDetails":{"clientProvidedHostHeader":"kms.` + call.key.home.region + `.amazonaws.com"}}`
}

// foreignCall makes a call on another account's key, and the owner's copy of it.
func foreignCall(r *random, c *cell, k *kmsKey, by *caller) *call {
	made := newCall(r, c, k, by, &use{operations: []string{"Decrypt"}}, "Decrypt", []pair{{key: "purpose", value: "export"}})
	made.texts = replaceTexts(made.texts, map[string]string{"record_copy": "caller", "key_reference": k.arn})
	hidden := map[string]string{
		"record_copy": "owner", "recipient_account_id": k.home.account, "caller_type": "AWSAccount", "actor_kind": "unknown",
		"caller_arn": "", "role_arn": "", "principal_arn": "", "key_reference": "",
		"tls_version": "", "tls_cipher_suite": "", "tls_key_exchange": "",
	}
	made.owner = &call{name: made.name, key: k, readOnly: true, texts: replaceTexts(made.texts, hidden), of: made}
	return made
}

// callColumns are the columns of every call of a cell on a key.
func callColumns(c *cell, k *kmsKey) map[string]string {
	return map[string]string{
		"event_type": "AwsApiCall", "event_category": "Management", "event_version": "1.11", "region": c.region,
		"caller_account_id": c.account,
		"key_arn":           k.arn, "key_id": k.id, "key_region": k.home.region, "key_account_id": k.home.account, "key_resolved_by": "resources",
	}
}

func callerColumns(by *caller) map[string]string {
	if by == nil {
		return map[string]string{"caller_account_id": ""}
	}
	columns := map[string]string{
		"caller_type": by.typ, "principal_arn": by.principal, "principal_id": by.id, "actor_kind": by.actor,
	}
	if by.typ == "AssumedRole" {
		columns["role_arn"] = by.principal
	} else {
		columns["caller_arn"] = by.principal
	}
	return columns
}

// compile makes a list of the columns that have a value; of a column that is
// in several maps the last counts.
func compile(maps ...map[string]string) []text {
	all := map[string]string{}
	for _, m := range maps {
		for name, value := range m {
			all[name] = value
		}
	}
	var out []text
	for i, c := range schema.KMSEvents.Columns {
		if value := all[c.Name]; value != "" {
			out = append(out, text{i, value})
		}
		delete(all, c.Name)
	}
	for name := range all {
		panic("kms_events has no column " + name)
	}
	return out
}

func columnName(column int) string { return schema.KMSEvents.Columns[column].Name }

// replaceTexts returns texts with other values for some columns, "" for none.
func replaceTexts(texts []text, columns map[string]string) []text {
	all := map[string]string{}
	for _, t := range texts {
		all[columnName(t.column)] = t.value
	}
	return compile(all, columns)
}

// tickets returns count numbers below n, each at least once where count allows:
// number i is there in proportion to 1/(i+1)^skew.
func tickets(n, count int, skew float64) []uint16 {
	weights := 0.0
	for i := range n {
		weights += math.Pow(float64(i+1), -skew)
	}
	var out []uint16
	for i := range n {
		share := int(float64(count-n) * math.Pow(float64(i+1), -skew) / weights)
		for range max(1, share+1) {
			out = append(out, uint16(i))
		}
	}
	for len(out) < count { // what rounding left
		out = append(out, 0)
	}
	return out
}

// random is splitmix64: small, fast, the same everywhere.
type random uint64

func newRandom(stream uint64) *random {
	r := random(mix(stream))
	return &r
}

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// mix is a bijection: numbers that differ give numbers that differ.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *random) below(n int) int { return int(r.next() >> 33 % uint64(n)) }

func (r *random) hex(n int) string {
	var b []byte
	for len(b) < n {
		b = appendHex(b, r.next(), 16)
	}
	return string(b[:n])
}

func (r *random) hexUpper(n int) string { return strings.ToUpper(r.hex(n)) }

func (r *random) guid() string {
	h := r.hex(32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// appendHex appends the low digits of v.
func appendHex(b []byte, v uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		b = append(b, "0123456789abcdef"[v>>(4*i)&15])
	}
	return b
}

func pick[T any](r *random, list []T) T { return list[r.below(len(list))] }

func shuffle[T any](r *random, list []T) {
	for i := len(list) - 1; i > 0; i-- {
		j := r.below(i + 1)
		list[i], list[j] = list[j], list[i]
	}
}
