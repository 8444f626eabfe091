package awsinventory

import (
	"slices"
)

// The parts of an inventory.
const (
	PartKeys         = "keys" // metadata, aliases, tags, policy and rotation status
	PartGrants       = "grants"
	PartRotations    = "rotations"
	PartLastUsage    = "last_usage"
	PartResources    = "resources"
	PartRoles        = "roles"
	PartQuotas       = "quotas"
	PartOrganization = "organization"
)

// Parts lists the parts of an inventory.
func Parts() []string {
	return []string{PartKeys, PartGrants, PartRotations, PartLastUsage, PartResources, PartRoles, PartQuotas, PartOrganization}
}

// API is a call that is made.
type API struct {
	// Name is the call as IAM policies name it.
	Name string
	// Part of the inventory it is for; "" for what every run needs.
	Part string
	// Rate is calls a second to one account and Region, Quota what AWS allows
	// (KMS Developer Guide, "Request quotas", 2026; the others as published or, for
	// IAM and Organizations, as seen), 0 where that is not known.
	Rate, Quota float64
}

// The calls.
const (
	apiAssumeRole        = "sts:AssumeRole"
	apiIdentity          = "sts:GetCallerIdentity"
	apiListKeys          = "kms:ListKeys"
	apiListAliases       = "kms:ListAliases"
	apiDescribeKey       = "kms:DescribeKey"
	apiTags              = "kms:ListResourceTags"
	apiPolicy            = "kms:GetKeyPolicy"
	apiRotationStatus    = "kms:GetKeyRotationStatus"
	apiRotations         = "kms:ListKeyRotations"
	apiGrants            = "kms:ListGrants"
	apiLastUsage         = "kms:GetKeyLastUsage"
	apiResources         = "tag:GetResources"
	apiRoleTags          = "iam:ListRoleTags"
	apiQuotas            = "servicequotas:ListServiceQuotas"
	apiOrgAccounts       = "organizations:ListAccounts"
	apiOrgRoots          = "organizations:ListRoots"
	apiOrgUnits          = "organizations:ListOrganizationalUnitsForParent"
	apiOrgAccountsOfUnit = "organizations:ListAccountsForParent"
)

var apis = []API{
	{apiIdentity, "", 1, 0},
	{apiAssumeRole, "", 1, 0},
	{apiListKeys, PartKeys, 5, 500},
	{apiListAliases, PartKeys, 5, 500},
	{apiDescribeKey, PartKeys, 20, 2000},
	{apiTags, PartKeys, 20, 2000},
	{apiPolicy, PartKeys, 20, 1000},
	{apiRotationStatus, PartKeys, 20, 1000},
	{apiRotations, PartRotations, 10, 100},
	{apiGrants, PartGrants, 10, 100},
	{apiLastUsage, PartLastUsage, 1, 5},
	{apiResources, PartResources, 1, 15},
	{apiRoleTags, PartRoles, 2, 0},
	{apiQuotas, PartQuotas, 1, 10},
	{apiOrgAccounts, PartOrganization, 1, 8},
	{apiOrgRoots, PartOrganization, 1, 0},
	{apiOrgUnits, PartOrganization, 1, 0},
	{apiOrgAccountsOfUnit, PartOrganization, 1, 0},
}

// APIs lists the calls that an inventory of these parts makes; none means all.
func APIs(parts ...string) []API {
	return slices.DeleteFunc(slices.Clone(apis), func(a API) bool {
		// Keys are listed and described for every part about them.
		ofKeys := slices.Contains([]string{apiListKeys, apiListAliases, apiDescribeKey}, a.Name) && slices.ContainsFunc([]string{PartGrants, PartRotations, PartLastUsage}, func(p string) bool { return slices.Contains(parts, p) })
		return len(parts) > 0 && a.Part != "" && !slices.Contains(parts, a.Part) && !ofKeys
	})
}

func apiNames() []string {
	names := make([]string, len(apis))
	for i, a := range apis {
		names[i] = a.Name
	}
	return names
}
