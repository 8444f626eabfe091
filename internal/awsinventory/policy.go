package awsinventory

import (
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/iampolicy"
)

// PolicyOptions say for whom a policy is.
type PolicyOptions struct {
	Partition string
	// Parts that are asked for; none means all.
	Parts []string
	// RoleName is the role in other accounts. With Accounts it may be assumed in
	// these, else in any.
	RoleName string
	Accounts []string
}

// Policy returns the least policy for the credentials of an inventory: the calls
// in their own account, the organisation, and the role in other accounts.
func Policy(o PolicyOptions) iampolicy.Document {
	statements := reading(o)
	if organization := actions(o.Parts, func(a API) bool { return a.Part == PartOrganization }); organization != nil {
		statements = append(statements, iampolicy.Statement{Sid: "ReadOrganization", Effect: "Allow", Action: organization, Resource: "*"})
	}
	resources := []string{}
	for _, id := range o.Accounts {
		resources = append(resources, roleARN(o.Partition, id, o.RoleName))
	}
	if len(resources) == 0 {
		resources = append(resources, roleARN(o.Partition, "*", o.RoleName))
	}
	return iampolicy.New(append(statements, iampolicy.Statement{Sid: "EnterAccounts", Effect: "Allow", Action: []string{apiAssumeRole}, Resource: resources})...)
}

// RolePolicy returns the least policy for the role that is assumed.
func RolePolicy(o PolicyOptions) iampolicy.Document { return iampolicy.New(reading(o)...) }

// TrustPolicy lets a principal assume the role, with an external id if that is
// not "".
func TrustPolicy(principal, externalID string) iampolicy.Document {
	s := iampolicy.Statement{Sid: "LetKmstrailEnter", Effect: "Allow", Principal: map[string]any{"AWS": principal}, Action: []string{apiAssumeRole}}
	if externalID != "" {
		s.Condition = map[string]any{"StringEquals": map[string]string{"sts:ExternalId": externalID}}
	}
	return iampolicy.New(s)
}

func roleARN(partition, account, name string) string {
	return "arn:" + partition + ":iam::" + account + ":role/" + name
}

// reading allows the calls in one account, by the kind of resource they are about.
func reading(o PolicyOptions) []iampolicy.Statement {
	var out []iampolicy.Statement
	add := func(sid string, resource string, belongs func(a API) bool) {
		if list := actions(o.Parts, belongs); list != nil {
			out = append(out, iampolicy.Statement{Sid: sid, Effect: "Allow", Action: list, Resource: resource})
		}
	}
	// Listings know no resource.
	listing := []string{apiListKeys, apiListAliases}
	add("ListKeys", "*", func(a API) bool { return slices.Contains(listing, a.Name) })
	add("ReadKeys", "arn:"+o.Partition+":kms:*:*:key/*", func(a API) bool {
		return strings.HasPrefix(a.Name, "kms:") && !slices.Contains(listing, a.Name)
	})
	add("ReadTagsOfRoles", "arn:"+o.Partition+":iam::*:role/*", func(a API) bool { return a.Part == PartRoles })
	add("ReadTagsAndQuotas", "*", func(a API) bool { return a.Part == PartResources || a.Part == PartQuotas })
	return out
}

// actions are the calls that belong, sorted; nil when there is none.
func actions(parts []string, belongs func(a API) bool) []string {
	var out []string
	for _, a := range APIs(parts...) {
		// Everybody may ask who he is.
		if a.Name != apiIdentity && belongs(a) {
			out = append(out, a.Name)
		}
	}
	slices.Sort(out)
	return out
}
