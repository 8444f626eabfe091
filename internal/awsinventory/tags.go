package awsinventory

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/kmstrail/kmstrail/internal/inventory"
)

const (
	// arnsAtOnce is how many resources GetResources takes.
	arnsAtOnce = 100
	// rolesTogether is how many roles are stored together.
	rolesTogether = 50
)

// askResources asks for the tags of resources of an account and Region.
func (r *run) askResources(ctx context.Context, cfg aws.Config, at place) error {
	arns := slices.DeleteFunc(slices.Clone(r.known.resources[at]), func(arn string) bool { return r.state.resources[arn] })
	client := tagging.NewFromConfig(cfg, func(o *tagging.Options) { o.Region = at.region })
	for part := range slices.Chunk(arns, arnsAtOnce) {
		if err := r.tagsOf(ctx, client, at, part); err != nil {
			return err
		}
	}
	return nil
}

// tagsOf asks about resources together. One that the service cannot take spoils
// the answer for all, so it is looked for by halves.
func (r *run) tagsOf(ctx context.Context, client *tagging.Client, at place, arns []string) error {
	began := r.now()
	var found []types.ResourceTagMapping
	invalid := false
	subject := ""
	if len(arns) == 1 {
		subject = arns[0]
	}
	ok, err := r.ask(ctx, at, apiResources, subject, func(ctx context.Context) error {
		out, err := client.GetResources(ctx, &tagging.GetResourcesInput{ResourceARNList: arns})
		if len(arns) > 1 && isOf(err, "InvalidParameterException", "ValidationException") {
			invalid = true
			return nil
		}
		if err == nil {
			found = out.ResourceTagMappingList
		}
		return err
	})
	if err != nil || !ok {
		return err
	}
	if invalid {
		half := len(arns) / 2
		if err := r.tagsOf(ctx, client, at, arns[:half]); err != nil {
			return err
		}
		return r.tagsOf(ctx, client, at, arns[half:])
	}
	var records []inventory.Record
	for _, x := range found {
		arn := aws.ToString(x.ResourceARN)
		if !slices.Contains(arns, arn) {
			continue // asked for nothing else, so nothing else is of use
		}
		tags := map[string]string{}
		for _, t := range x.Tags {
			tags[clean(aws.ToString(t.Key), 512)] = clean(aws.ToString(t.Value), 1024)
		}
		records = append(records, inventory.Record{"taken_at": began, "resource_arn": arn, "account_id": at.account, "region": at.region, "tags": tags})
	}
	if records == nil {
		return nil
	}
	return r.store(ctx, inventory.Records{"resources": records})
}

// askRoles asks for the tags of roles of an account.
func (r *run) askRoles(ctx context.Context, cfg aws.Config, account string) error {
	client := iam.NewFromConfig(cfg)
	at := place{account, ""}
	var records []inventory.Record
	for _, arn := range r.known.roles[account] {
		if r.state.roles[arn] {
			continue
		}
		tags, known, err := r.roleTags(ctx, client, at, arn)
		if err != nil {
			return r.storeBefore(ctx, records, err)
		}
		if known {
			records = append(records, inventory.Record{"taken_at": r.now(), "role_arn": arn, "account_id": account, "tags": tags})
		}
		if len(records) == rolesTogether {
			if err := r.store(ctx, inventory.Records{"roles": records}); err != nil {
				return err
			}
			records = nil
		}
	}
	return r.storeBefore(ctx, records, nil)
}

// storeBefore stores roles that are left, and then returns err.
func (r *run) storeBefore(ctx context.Context, roles []inventory.Record, err error) error {
	if len(roles) > 0 {
		if storeErr := r.store(ctx, inventory.Records{"roles": roles}); err == nil {
			err = storeErr
		}
	}
	return err
}

func (r *run) roleTags(ctx context.Context, client *iam.Client, at place, arn string) (tags map[string]string, known bool, err error) {
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	tags = map[string]string{}
	gone := false
	pages := iam.NewListRoleTagsPaginator(client, &iam.ListRoleTagsInput{RoleName: &name})
	whole, err := r.pagesAt(ctx, at, apiRoleTags, arn, pages.HasMorePages, func(ctx context.Context) error {
		page, err := pages.NextPage(ctx)
		if isOf(err, "NoSuchEntity") {
			gone = true // roles come and go
			return nil
		}
		if err != nil {
			return err
		}
		for _, t := range page.Tags {
			tags[clean(aws.ToString(t.Key), 512)] = clean(aws.ToString(t.Value), 1024)
		}
		return nil
	})
	return tags, whole && !gone, err
}
