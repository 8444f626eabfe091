package awsinventory

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/kmstrail/kmstrail/internal/inventory"
)

// maxUnitDepth is how deep AWS lets organisational units lie.
const maxUnitDepth = 8

// organization asks for the accounts of the organisation and where they lie. It
// returns the active ones.
func (r *run) organization(ctx context.Context) (active []string, err error) {
	client := organizations.NewFromConfig(r.session.base)
	at := place{r.session.account, ""}
	began := r.now()
	byID := map[string]inventory.Record{}
	alone := false // many accounts are in no organisation
	pages := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{})
	_, err = r.pagesAt(ctx, at, apiOrgAccounts, "", func() bool { return !alone && pages.HasMorePages() }, func(ctx context.Context) error {
		page, err := pages.NextPage(ctx)
		if isOf(err, "AWSOrganizationsNotInUseException") {
			alone = true
			return nil
		}
		if err != nil {
			return err
		}
		for i := range page.Accounts {
			a := &page.Accounts[i]
			id, status := aws.ToString(a.Id), accountStatus(a)
			byID[id] = inventory.Record{"taken_at": began, "account_id": id, "account_name": text(a.Name), "account_status": orNil(status), "joined_at": atTime(a)}
			if status == "ACTIVE" || status == "" {
				active = append(active, id)
			}
		}
		return nil
	})
	if err != nil || len(byID) == 0 || !r.opts.wants(PartOrganization) {
		return active, err
	}
	if err := r.units(ctx, client, at, byID); err != nil {
		return active, err
	}
	var records []inventory.Record
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		records = append(records, byID[id])
	}
	r.early = inventory.Records{"accounts": records}
	return active, nil
}

// accountStatus is the account's state, by the newer member where it is there.
func accountStatus(a *types.Account) string {
	if a.State != "" {
		return string(a.State)
	}
	return string(a.Status)
}

func atTime(a *types.Account) any { return at(a.JoinedTimestamp) }

// unit is a node of the organisation.
type unit struct {
	id, path string
	depth    int
}

// units walks the organisation and notes where accounts lie.
func (r *run) units(ctx context.Context, client *organizations.Client, at place, byID map[string]inventory.Record) error {
	var todo []unit
	roots := organizations.NewListRootsPaginator(client, &organizations.ListRootsInput{})
	_, err := r.pagesAt(ctx, at, apiOrgRoots, "", roots.HasMorePages, func(ctx context.Context) error {
		page, err := roots.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, root := range page.Roots {
			todo = append(todo, unit{id: aws.ToString(root.Id)})
		}
		return nil
	})
	for err == nil && len(todo) > 0 {
		u := todo[0]
		todo = todo[1:]
		if err := r.accountsOf(ctx, client, at, u, byID); err != nil {
			return err
		}
		var below []unit
		if below, err = r.unitsOf(ctx, client, at, u); u.depth < maxUnitDepth {
			todo = append(todo, below...)
		}
	}
	return err
}

func (r *run) accountsOf(ctx context.Context, client *organizations.Client, at place, u unit, byID map[string]inventory.Record) error {
	pages := organizations.NewListAccountsForParentPaginator(client, &organizations.ListAccountsForParentInput{ParentId: &u.id})
	_, err := r.pagesAt(ctx, at, apiOrgAccountsOfUnit, u.id, pages.HasMorePages, func(ctx context.Context) error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, a := range page.Accounts {
			if rec := byID[aws.ToString(a.Id)]; rec != nil {
				rec["organizational_unit"], rec["organizational_unit_id"] = u.path, u.id
			}
		}
		return nil
	})
	return err
}

func (r *run) unitsOf(ctx context.Context, client *organizations.Client, at place, parent unit) ([]unit, error) {
	var below []unit
	pages := organizations.NewListOrganizationalUnitsForParentPaginator(client, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &parent.id})
	_, err := r.pagesAt(ctx, at, apiOrgUnits, parent.id, pages.HasMorePages, func(ctx context.Context) error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, u := range page.OrganizationalUnits {
			path := clean(aws.ToString(u.Name), 512)
			if parent.path != "" {
				path = parent.path + "/" + path
			}
			below = append(below, unit{aws.ToString(u.Id), path, parent.depth + 1})
		}
		return nil
	})
	return below, err
}

// askQuotas asks for the quotas of KMS in an account and Region.
func (r *run) askQuotas(ctx context.Context, cfg aws.Config, at place) error {
	if r.state.quotas[at] {
		return nil
	}
	client := servicequotas.NewFromConfig(cfg, func(o *servicequotas.Options) { o.Region = at.region })
	began := r.now()
	byName := map[string]inventory.Record{}
	pages := servicequotas.NewListServiceQuotasPaginator(client, &servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("kms"), MaxResults: aws.Int32(100)})
	_, err := r.pagesAt(ctx, at, apiQuotas, "", pages.HasMorePages, func(ctx context.Context) error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, q := range page.Quotas {
			name := clean(aws.ToString(q.QuotaName), 1024)
			if name == "" || q.Value == nil {
				continue
			}
			byName[name] = inventory.Record{
				"taken_at": began, "account_id": at.account, "region": at.region, "quota_code": text(q.QuotaCode),
				"service_quota_name": name, "value": *q.Value, "adjustable": q.Adjustable,
			}
		}
		return nil
	})
	if err != nil || len(byName) == 0 {
		return err
	}
	var records []inventory.Record
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		records = append(records, byName[name])
	}
	return r.store(ctx, inventory.Records{"quotas": records})
}
