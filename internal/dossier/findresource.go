package dossier

import (
	"context"
	"slices"
	"strings"
)

// ResourceID names a resource that encryption contexts or tags name.
type ResourceID struct {
	// Resource is what the named queries take.
	Resource string
	// Service, Account and Name are what tags are matched by. The account of a
	// bucket is not known, and not needed.
	Service, Account, Name string
}

// aboutResource selects calls of kms_calls about a resource, as the query
// resource_keys does; $3 is the resource. Some services name a resource by its
// id alone, the last part of its ARN; then Region and account decide.
const aboutResource = `(
	resource = $3
	or starts_with(resource, $3 || '/')
	or $3 like 'arn:%'
		and resource not like 'arn:%'
		and resource = reverse(split_part(reverse(replace($3, '/', ':')), ':', 1))
		and split_part($3, ':', 4) in ('', region)
		and split_part($3, ':', 5) in ('', coalesce(caller_account_id, recipient_account_id))
)`

// FindResource says which resource is meant by an ARN, or by a bucket's name or
// an id where only one resource has it. It looks at the window first, because
// resources are known from the records of calls.
func FindResource(ctx context.Context, store Store, name string, opts Options) (ResourceID, error) {
	b := newBuilder(store, opts)
	if err := b.load(ctx); err != nil {
		return ResourceID{}, err
	}
	found, err := b.resources(ctx, name)
	if err != nil {
		return ResourceID{}, err
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		words, err := b.resourceWords(ctx)
		if err != nil {
			return ResourceID{}, err
		}
		return ResourceID{}, unknown("resource", name, name, words)
	}
	candidates := make([]string, len(found))
	for i, id := range found {
		candidates[i] = id.Resource + "  " + b.names.accounts[id.Account]
	}
	return ResourceID{}, ambiguous("resource", name, candidates)
}

// resources lists what a name may mean: first in encryption contexts of the
// window, then of the whole store, then among tagged resources.
func (b *builder) resources(ctx context.Context, name string) ([]ResourceID, error) {
	var found []ResourceID
	add := func(r record) {
		id := ResourceID{Resource: r.text("resource"), Service: r.text("service"), Account: r.text("account_id"), Name: r.text("resource_name")}
		if id.Service == "s3" {
			id.Account = ""
		}
		id.Resource = id.askedAs(name, r.text("key_arn"))
		if !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	const inContexts = `
		with placed as (
			select
				context_resources.*,
				split_part(key_arn, ':', 4) as region,
				account_id as caller_account_id,
				split_part(key_arn, ':', 5) as recipient_account_id
			from context_resources
			where event_time >= $1 and event_time < $2
		)
		select
			resource, service, resource_name, coalesce(account_id, recipient_account_id) as account_id, region, min(key_arn) as key_arn
		from placed
		where resource_name = $3 or ` + aboutResource + `
		group by resource, service, resource_name, coalesce(account_id, recipient_account_id), region
		order by service, resource, account_id, region`
	for _, window := range [][]any{{b.window.Start, b.window.End}, {beginning, end}} {
		if err := b.each(ctx, "resources", inContexts, append(window, name), add); err != nil || len(found) > 0 {
			return found, err
		}
	}
	err := b.each(ctx, "tagged resources", `
		select resource_arn as resource, service, resource_name, account_id, cast(null as varchar) as key_arn
		from resource_tags
		where resource_arn = $1 or resource_name = $1 or resource_arn = 'arn:aws:s3:::' || $1
		group by resource_arn, service, resource_name, account_id
		order by service, resource_arn, account_id`, []any{name}, add)
	return found, err
}

// askedAs is the resource as the named queries take it: what was asked for,
// where that is enough, else an ARN that means only this one.
func (id ResourceID) askedAs(name, keyARN string) string {
	key := parseARN(keyARN)
	partition, _, _ := strings.Cut(strings.TrimPrefix(keyARN, "arn:"), ":")
	switch {
	case strings.HasPrefix(name, "arn:"):
		return name
	case id.Service == "s3" && keyARN != "" && name == id.Name:
		return "arn:" + partition + ":s3:::" + name
	case strings.HasPrefix(id.Resource, "arn:"):
		return id.Resource
	case id.Service == "dynamodb" && keyARN != "":
		return "arn:" + partition + ":dynamodb:" + key.region + ":" + id.Account + ":table/" + id.Name
	default:
		return id.Resource
	}
}

// resourceWords are the names that a mistyped one is compared with: those that
// calls of the window name most.
func (b *builder) resourceWords(ctx context.Context) ([]string, error) {
	var words []string
	err := b.each(ctx, "resource names", `
		select resource_name, count(*) as calls
		from context_resources
		where event_time >= $1 and event_time < $2
		group by resource_name
		order by calls desc, resource_name
		limit 5000`, []any{b.window.Start, b.window.End},
		func(r record) { words = append(words, r.text("resource_name")) })
	return words, err
}
