package awsinventory

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	mainAccount  = "111122223333"
	otherAccount = "444455556666"
)

// fakeAWS answers the calls of an inventory over HTTP as AWS does: its protocols,
// pages of two, errors by code. Which account asks it takes from the access key.
type fakeAWS struct {
	*httptest.Server

	mu    sync.Mutex
	world map[place][]fakeKey
	// refuse says with which error a call is answered; "" for none.
	refuse func(c fakeCall) string
	calls  []fakeCall
}

type fakeCall struct {
	place

	// API is the call as IAM has it, subject the key, role or the like.
	API, Subject string
	N            int // how many of the API came before, in this place
	At           time.Time
}

type fakeKey struct {
	id, manager, spec, state string
	aliases                  []string
	tags                     map[string]string
	grants                   int
	used                     bool
}

func newFake(t *testing.T, world map[place][]fakeKey) *fakeAWS {
	t.Helper()
	f := &fakeAWS{world: world}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (k *fakeKey) arn(at place) string {
	return "arn:aws:kms:" + at.region + ":" + at.account + ":key/" + k.id
}

var (
	credential = regexp.MustCompile(`Credential=([A-Z0-9]+)/[0-9]+/([a-z0-9-]+)/([a-z0-9-]+)/`)
	created    = time.Date(2025, 3, 1, 9, 30, 0, 0, time.UTC)
)

// prefixes are those of IAM actions, by the service's name in signatures.
var prefixes = map[string]string{"tagging": "tag"}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		http.Error(w, "not signed", http.StatusForbidden)
		return
	}
	body, _ := io.ReadAll(r.Body)
	c := fakeCall{place: place{mainAccount, m[2]}, At: time.Now()}
	if strings.HasPrefix(m[1], "ASIA") {
		c.account = strings.TrimPrefix(m[1], "ASIA")
	}
	in := map[string]any{}
	var form url.Values
	target := r.Header.Get("X-Amz-Target")
	if target != "" {
		_ = json.Unmarshal(body, &in)
		c.API = m[3] + ":" + target[strings.LastIndexByte(target, '.')+1:]
	} else {
		form, _ = url.ParseQuery(string(body))
		c.API = m[3] + ":" + form.Get("Action")
	}
	for service, prefix := range prefixes {
		c.API = strings.Replace(c.API, service+":", prefix+":", 1)
	}
	for _, member := range []string{"KeyId", "ParentId"} {
		if s, ok := in[member].(string); ok {
			c.Subject = s
		}
	}
	if form != nil {
		c.Subject = form.Get("RoleName") + form.Get("RoleArn")
	}
	code := f.note(&c)
	if code != "" {
		f.fail(w, target != "", code)
		return
	}
	if target != "" {
		f.answerJSON(w, c, in)
		return
	}
	f.answerXML(w, c, form)
}

// note keeps the call and returns the error that it gets.
func (f *fakeAWS) note(c *fakeCall) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.calls {
		if x.API == c.API && x.place == c.place {
			c.N++
		}
	}
	f.calls = append(f.calls, *c)
	if f.refuse == nil {
		return ""
	}
	return f.refuse(*c)
}

// made returns how often each API was called.
func (f *fakeAWS) made() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]int64{}
	for _, c := range f.calls {
		out[c.API]++
	}
	return out
}

func (f *fakeAWS) fail(w http.ResponseWriter, isJSON bool, code string) {
	status := http.StatusBadRequest
	if code == "500" {
		http.Error(w, "an internal error", http.StatusInternalServerError)
		return
	}
	if code == "KMSInternalException" {
		status = http.StatusInternalServerError
	}
	if isJSON {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":%q,"message":"the fake refuses"}`, code)
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>the fake refuses</Message></Error><RequestId>1</RequestId></ErrorResponse>`, code)
}

func (f *fakeAWS) answerXML(w http.ResponseWriter, c fakeCall, form url.Values) {
	w.Header().Set("Content-Type", "text/xml")
	switch c.API {
	case apiIdentity:
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::%s:role/audit</Arn><UserId>A</UserId><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, c.account, c.account)
	case apiAssumeRole:
		account := strings.Split(form.Get("RoleArn"), ":")[4]
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIA%s</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, account)
	case apiRoleTags:
		// Two pages of one tag each.
		marker, tag, truncated := "<Marker>next</Marker>", "Team", "true"
		if form.Get("Marker") != "" {
			marker, tag, truncated = "", "Stage", "false"
		}
		fmt.Fprintf(w, `<ListRoleTagsResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListRoleTagsResult><IsTruncated>%s</IsTruncated>%s<Tags><member><Key>%s</Key><Value>%s</Value></member></Tags></ListRoleTagsResult></ListRoleTagsResponse>`, truncated, marker, tag, form.Get("RoleName"))
	default:
		http.Error(w, "no such call "+c.API, http.StatusNotFound)
	}
}

type object = map[string]any

func (f *fakeAWS) answerJSON(w http.ResponseWriter, c fakeCall, in object) {
	var out any
	switch service, _, _ := strings.Cut(c.API, ":"); service {
	case "kms":
		out = f.kms(c, in)
	case "organizations":
		out = f.organization(c, in)
	case "tag":
		out = f.tags(in)
		if out == nil {
			f.fail(w, true, "InvalidParameterException")
			return
		}
	case "servicequotas":
		out = object{"Quotas": []object{
			{"QuotaCode": "L-1", "QuotaName": "DescribeKey request rate", "Value": 3000.0, "Adjustable": true},
			{"QuotaCode": "L-2", "QuotaName": "Grants per key", "Value": 50000.0, "Adjustable": false},
		}}
	}
	if out == nil {
		f.fail(w, true, "NotFoundException")
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out)
}

// page cuts a list in two: markers are positions.
func page[T any](list []T, in object) (part []T, more object) {
	from := 0
	if m, ok := in["Marker"].(string); ok {
		from, _ = strconv.Atoi(m)
	}
	to := min(from+2, len(list))
	if to < len(list) {
		return list[from:to], object{"Truncated": true, "NextMarker": strconv.Itoa(to)}
	}
	return list[from:to], object{"Truncated": false}
}

func (f *fakeAWS) kms(c fakeCall, in object) any {
	f.mu.Lock()
	keys := f.world[c.place]
	f.mu.Unlock()
	switch c.API {
	case apiListKeys:
		part, out := page(keys, in)
		list := []object{}
		for _, k := range part {
			list = append(list, object{"KeyId": k.id, "KeyArn": k.arn(c.place)})
		}
		out["Keys"] = list
		return out
	case apiListAliases:
		all := []object{{"AliasName": "alias/aws/unused"}}
		for _, k := range keys {
			for _, a := range k.aliases {
				all = append(all, object{"AliasName": a, "TargetKeyId": k.id})
			}
		}
		part, out := page(all, in)
		out["Aliases"] = part
		return out
	}
	i := slices.IndexFunc(keys, func(k fakeKey) bool { return k.arn(c.place) == c.Subject })
	if i < 0 {
		return nil
	}
	return keys[i].answer(c, in)
}

func (k *fakeKey) answer(c fakeCall, in object) any {
	switch c.API {
	case apiDescribeKey:
		return object{"KeyMetadata": object{
			"KeyId": k.id, "Arn": k.arn(c.place), "KeyManager": k.manager, "KeyState": k.state, "KeySpec": k.spec, "Origin": "AWS_KMS",
			"KeyUsage": "ENCRYPT_DECRYPT", "CreationDate": float64(created.Unix()), "Description": "a\x00b", "MultiRegion": false,
		}}
	case apiTags:
		all := []object{}
		for _, name := range slices.Sorted(func(yield func(string) bool) {
			for name := range k.tags {
				if !yield(name) {
					return
				}
			}
		}) {
			all = append(all, object{"TagKey": name, "TagValue": k.tags[name]})
		}
		part, out := page(all, in)
		out["Tags"] = part
		return out
	case apiPolicy:
		return object{"Policy": `{"Version":"2012-10-17"}`, "PolicyName": "default"}
	case apiRotationStatus:
		return object{"KeyRotationEnabled": true, "RotationPeriodInDays": 180, "NextRotationDate": 1800000000.0}
	case apiRotations:
		all := []object{
			{"KeyMaterialId": strings.Repeat("a", 64), "KeyMaterialState": "NON_CURRENT"},
			{"KeyMaterialId": strings.Repeat("b", 64), "KeyMaterialState": "NON_CURRENT", "RotationDate": 1750000000.0, "RotationType": "AUTOMATIC"},
			{"KeyMaterialId": strings.Repeat("c", 64), "KeyMaterialState": "CURRENT", "RotationDate": 1760000000.0, "RotationType": "ON_DEMAND"},
		}
		part, out := page(all, in)
		out["Rotations"] = part
		return out
	case apiGrants:
		all := []object{}
		for i := range k.grants {
			all = append(all, object{
				"GrantId": fmt.Sprintf("grant-%s-%d", k.id, i), "KeyId": k.arn(c.place), "GranteeServicePrincipal": "rds.amazonaws.com", "Operations": []string{"Decrypt"},
				"Constraints": object{"EncryptionContextSubset": object{"aws:rds:db-id": "db-1"}}, "CreationDate": float64(created.Unix()),
			})
		}
		part, out := page(all, in)
		out["Grants"] = part
		return out
	case apiLastUsage:
		tracked := created.Add(-time.Hour)
		out := object{"KeyId": k.id, "KeyCreationDate": float64(created.Unix()), "TrackingStartDate": float64(tracked.Unix())}
		if k.used {
			out["KeyLastUsage"] = object{"Operation": "Decrypt", "Timestamp": 1790000000.0, "CloudTrailEventId": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}
		}
		return out
	}
	return nil
}

// organization has a root with the main account and a unit Workloads, below which
// Prod holds the other account.
func (f *fakeAWS) organization(c fakeCall, in object) any {
	account := func(id, name string) object {
		return object{"Id": id, "Name": name, "Status": "ACTIVE", "JoinedTimestamp": float64(created.Unix())}
	}
	switch c.API {
	case apiOrgAccounts:
		if in["NextToken"] == nil {
			return object{"Accounts": []object{account(mainAccount, "main")}, "NextToken": "2"}
		}
		gone := account("123456789012", "gone")
		gone["Status"] = "SUSPENDED"
		return object{"Accounts": []object{account(otherAccount, "other"), gone}}
	case apiOrgRoots:
		return object{"Roots": []object{{"Id": "r-1", "Name": "Root"}}}
	case apiOrgUnits:
		units := map[string][]object{"r-1": {{"Id": "ou-1", "Name": "Workloads"}}, "ou-1": {{"Id": "ou-2", "Name": "Prod"}}}
		return object{"OrganizationalUnits": append([]object{}, units[c.Subject]...)}
	case apiOrgAccountsOfUnit:
		accounts := map[string][]object{"r-1": {account(mainAccount, "main")}, "ou-2": {account(otherAccount, "other")}}
		return object{"Accounts": append([]object{}, accounts[c.Subject]...)}
	}
	return nil
}

// tags knows buckets with tags; a resource named bad spoils the answer.
func (f *fakeAWS) tags(in object) any {
	list := []object{}
	for _, x := range in["ResourceARNList"].([]any) {
		arn := x.(string)
		if strings.Contains(arn, "bad") {
			return nil
		}
		if strings.Contains(arn, "tagged") {
			list = append(list, object{"ResourceARN": arn, "Tags": []object{{"Key": "DataClass", "Value": "confidential"}}})
		}
	}
	return object{"ResourceTagMappingList": list}
}
