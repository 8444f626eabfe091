package awsinventory

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/internal/rows"
)

const (
	// lookBack is how old the use of a role or a resource may be.
	lookBack = 90 * 24 * time.Hour
	// mostKnown bounds how many are asked about.
	mostKnown = 100_000
)

// known is what the logs name.
type known struct {
	// resources are ARNs by account and Region, roles ARNs by account; sorted.
	resources map[place][]string
	roles     map[string][]string
}

// readKnown reads what the logs of the last months name in these accounts.
func readKnown(ctx context.Context, from Asker, o *Options, partition string, now time.Time) (known, error) {
	out := known{map[place][]string{}, map[string][]string{}}
	if from == nil {
		return out, nil
	}
	since := now.Add(-lookBack).UTC().Format("2006-01-02 15:04:05")
	if o.wants(PartRoles) {
		err := each(ctx, from, fmt.Sprintf(`
			select distinct principal_arn
			from usage_monthly
			where principal_arn like 'arn:%%:iam::%%:role/%%' and last_event_time >= timestamp '%s'
			order by principal_arn
			limit %d`, since, mostKnown), nil, func(r rows.Row) error {
			if m := rolePattern.FindStringSubmatch(r.Text(0)); m != nil {
				out.roles[m[2]] = append(out.roles[m[2]], r.Text(0))
			}
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	if !o.wants(PartResources) {
		return out, nil
	}
	// The key that encrypts a resource is in the Region of the resource.
	err := each(ctx, from, fmt.Sprintf(`
		select distinct
			case when resource like 'arn:%%:s3:::%%' then split_part(resource, '/', 1) else resource end,
			service, coalesce(account_id, split_part(key_arn, ':', 5)), split_part(key_arn, ':', 4)
		from context_resources
		where key_arn is not null and event_time >= timestamp '%s'
		limit %d`, since, mostKnown), nil, func(r rows.Row) error {
		at := place{r.Text(2), r.Text(3)}
		if arn := resourceARN(r.Text(0), r.Text(1), at, partition); arn != "" {
			out.resources[at] = append(out.resources[at], arn)
		}
		return nil
	})
	for at, list := range out.resources {
		slices.Sort(list)
		out.resources[at] = slices.Compact(list)
	}
	return out, err
}

var taggable = regexp.MustCompile(`^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:[\x21-\x7e]{1,1000}$`)

// resourceARN returns the ARN that tags are asked by for what an encryption
// context names; "" where there is none.
func resourceARN(resource, service string, at place, partition string) string {
	of := func(service, rest string) string {
		return "arn:" + partition + ":" + service + ":" + at.region + ":" + at.account + ":" + rest
	}
	arn := ""
	switch {
	case strings.HasPrefix(resource, "arn:"):
		arn = withoutQualifier(resource, service)
	case strings.HasPrefix(resource, "vol-"):
		arn = of("ec2", "volume/"+resource)
	case strings.HasPrefix(resource, "snap-"):
		arn = of("ec2", "snapshot/"+resource)
	case strings.HasPrefix(resource, "fs-"):
		arn = of("elasticfilesystem", "file-system/"+resource)
	case service == "dynamodb":
		arn = of("dynamodb", "table/"+resource)
	}
	if !taggable.MatchString(arn) {
		return ""
	}
	return arn
}

// withoutQualifier takes off what follows the resource itself: an object, a
// version of a function, the streams of a log group.
func withoutQualifier(arn, service string) string {
	parts := strings.Split(arn, ":")
	switch {
	case service == "s3":
		arn, _, _ = strings.Cut(arn, "/")
	case (service == "lambda" || service == "logs") && len(parts) > 7:
		arn = strings.Join(parts[:7], ":")
	}
	return arn
}
