package inventory

import (
	"slices"

	"github.com/kmstrail/kmstrail/schema"
)

// Kind is a kind of records, the rows of one table.
type Kind struct {
	// Name is that in files: keys, grants, …
	Name  string
	Table *schema.Table
	// Identity are the columns that tell two records of one inventory apart.
	Identity []string
	// Required must be in a file; the other columns may be missing.
	Required []string
	// Asked kinds come from a sync only: a file cannot hold them.
	Asked bool
}

var kinds = []Kind{
	{Name: "scopes", Table: &schema.InventoryScopes, Identity: []string{"account_id", "region"}, Required: []string{"account_id", "region"}},
	{Name: "refusals", Table: &schema.InventoryRefusals, Identity: []string{"account_id", "region", "api", "error_code"}, Required: []string{"api", "error_code"}, Asked: true},
	{Name: "keys", Table: &schema.InventoryKeys, Identity: []string{"key_arn"}, Required: []string{"key_arn"}},
	{Name: "rotations", Table: &schema.InventoryRotations, Identity: []string{"key_arn", "key_material_id"}, Required: []string{"key_arn", "key_material_id"}},
	{Name: "grants", Table: &schema.InventoryGrants, Identity: []string{"key_arn", "grant_id"}, Required: []string{"key_arn", "grant_id"}},
	{Name: "resources", Table: &schema.InventoryResources, Identity: []string{"resource_arn"}, Required: []string{"resource_arn"}},
	{Name: "roles", Table: &schema.InventoryRoles, Identity: []string{"role_arn"}, Required: []string{"role_arn"}},
	{Name: "accounts", Table: &schema.InventoryAccounts, Identity: []string{"account_id"}, Required: []string{"account_id"}},
	{Name: "quotas", Table: &schema.InventoryQuotas, Identity: []string{"account_id", "region", "quota_name", "service_quota_name"}, Required: []string{"account_id", "region", "value"}},
}

// Kinds lists the kinds of records.
func Kinds() []Kind { return slices.Clone(kinds) }

// FileKinds lists the kinds that a file can hold.
func FileKinds() []string {
	var names []string
	for _, k := range kinds {
		if !k.Asked {
			names = append(names, k.Name)
		}
	}
	return names
}

// KindNamed returns the kind of that name; nil when there is none.
func KindNamed(name string) *Kind {
	for i := range kinds {
		if kinds[i].Name == name {
			return &kinds[i]
		}
	}
	return nil
}

// storesOwn are columns that the store fills in: they are not a record's to say.
var storesOwn = []string{"run_id", "gone_keys"}

// Columns are the columns that a record may have.
func (k *Kind) Columns() []schema.Column {
	return slices.DeleteFunc(slices.Clone(k.Table.Columns), func(c schema.Column) bool { return slices.Contains(storesOwn, c.Name) })
}

func (k *Kind) column(name string) *schema.Column {
	if slices.Contains(storesOwn, name) {
		return nil
	}
	if i := k.Table.Column(name); i >= 0 {
		return &k.Table.Columns[i]
	}
	return nil
}

func (k *Kind) columnNames() []string {
	var names []string
	for _, c := range k.Columns() {
		names = append(names, c.Name)
	}
	return names
}
