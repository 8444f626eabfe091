package awsinventory

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/kmstrail/kmstrail/internal/inventory"
)

// keyID returns the id of a key ARN.
func keyID(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func at(t *time.Time) any {
	if t == nil || t.IsZero() {
		return nil
	}
	return t.UTC().Truncate(time.Microsecond)
}

func text(s *string) any {
	if s == nil {
		return nil
	}
	return clean(*s, 8<<10)
}

func (k *keyAnswers) describe(m *types.KeyMetadata) {
	row := k.row
	row["key_manager"], row["key_state"] = orNil(string(m.KeyManager)), orNil(string(m.KeyState))
	row["key_spec"], row["key_usage"], row["key_origin"] = orNil(string(m.KeySpec)), orNil(string(m.KeyUsage)), orNil(string(m.Origin))
	row["description"] = clean(aws.ToString(m.Description), 8<<10)
	row["created_at"], row["deletion_date"], row["material_valid_to"] = at(m.CreationDate), at(m.DeletionDate), at(m.ValidTo)
	row["custom_key_store_id"], row["key_material_id"] = text(m.CustomKeyStoreId), text(m.CurrentKeyMaterialId)
	if m.PendingDeletionWindowInDays != nil {
		row["pending_window_days"] = int64(*m.PendingDeletionWindowInDays)
	}
	row["multi_region"] = aws.ToBool(m.MultiRegion)
	c := m.MultiRegionConfiguration
	if c == nil {
		return
	}
	row["multi_region_type"] = orNil(string(c.MultiRegionKeyType))
	if c.PrimaryKey != nil {
		row["primary_key_arn"] = text(c.PrimaryKey.Arn)
	}
	replicas := []string{}
	for _, r := range c.ReplicaKeys {
		replicas = append(replicas, aws.ToString(r.Arn))
	}
	row["replica_key_arns"] = replicas
}

func (k *keyAnswers) tags(ctx context.Context) error {
	tags := map[string]string{}
	whole, err := k.all(ctx, apiTags, func(ctx context.Context, marker *string) (*string, error) {
		out, err := k.client.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: &k.arn, Limit: aws.Int32(50), Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, t := range out.Tags {
			tags[clean(aws.ToString(t.TagKey), 512)] = clean(aws.ToString(t.TagValue), 1024)
		}
		return next(out.Truncated, out.NextMarker), nil
	})
	if whole {
		k.row["tags"] = tags
	}
	return err
}

// all makes a call for each page; whole is false when one was not answered.
func (k *keyAnswers) all(ctx context.Context, api string, page func(ctx context.Context, marker *string) (*string, error)) (whole bool, err error) {
	var marker *string
	for {
		var following *string
		ok, err := k.one(ctx, api, func(ctx context.Context) (err error) {
			following, err = page(ctx, marker)
			return err
		})
		if !ok || err != nil || following == nil {
			return ok, err
		}
		marker = following
	}
}

// next is the marker of the next page, nil behind the last.
func next(truncated bool, marker *string) *string {
	if !truncated || aws.ToString(marker) == "" {
		return nil
	}
	return marker
}

func (k *keyAnswers) policy(ctx context.Context) error {
	_, err := k.one(ctx, apiPolicy, func(ctx context.Context) error {
		out, err := k.client.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &k.arn, PolicyName: aws.String("default")})
		if err == nil && out.Policy != nil {
			k.row["key_policy"] = clean(*out.Policy, 128<<10)
		}
		return err
	})
	return err
}

func (k *keyAnswers) rotation(ctx context.Context) error {
	_, err := k.one(ctx, apiRotationStatus, func(ctx context.Context) error {
		out, err := k.client.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: &k.arn})
		if err != nil {
			return err
		}
		k.row["rotation_enabled"], k.row["next_rotation_at"] = out.KeyRotationEnabled, at(out.NextRotationDate)
		if out.RotationPeriodInDays != nil {
			k.row["rotation_period_days"] = int64(*out.RotationPeriodInDays)
		}
		return nil
	})
	return err
}

func (k *keyAnswers) rotations(ctx context.Context) error {
	var list []inventory.Record
	var last *time.Time
	whole, err := k.all(ctx, apiRotations, func(ctx context.Context, marker *string) (*string, error) {
		out, err := k.client.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{
			KeyId: &k.arn, Limit: aws.Int32(1000), Marker: marker, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial,
		})
		if err != nil {
			return nil, err
		}
		for _, r := range out.Rotations {
			if r.RotationDate != nil && (last == nil || r.RotationDate.After(*last)) {
				last = r.RotationDate
			}
			list = append(list, inventory.Record{
				"taken_at": k.row["taken_at"], "key_arn": k.arn, "key_material_id": text(r.KeyMaterialId),
				"material_state": orNil(string(r.KeyMaterialState)), "rotation_type": orNil(string(r.RotationType)), "rotated_at": at(r.RotationDate),
				"import_state": orNil(string(r.ImportState)), "material_valid_to": at(r.ValidTo), "description": text(r.KeyMaterialDescription),
			})
		}
		return next(out.Truncated, out.NextMarker), nil
	})
	if whole {
		k.row["last_rotation_at"] = at(last)
		k.records["rotations"] = list
	}
	return err
}

func (k *keyAnswers) grants(ctx context.Context) error {
	var list []inventory.Record
	whole, err := k.all(ctx, apiGrants, func(ctx context.Context, marker *string) (*string, error) {
		out, err := k.client.ListGrants(ctx, &kms.ListGrantsInput{KeyId: &k.arn, Limit: aws.Int32(100), Marker: marker})
		if err != nil {
			return nil, err
		}
		for i := range out.Grants {
			list = append(list, k.grant(&out.Grants[i]))
		}
		return next(out.Truncated, out.NextMarker), nil
	})
	if whole {
		k.row["grant_count"] = int64(len(list))
		k.records["grants"] = list
	}
	return err
}

func (k *keyAnswers) grant(g *types.GrantListEntry) inventory.Record {
	operations := []string{}
	for _, op := range g.Operations {
		operations = append(operations, string(op))
	}
	rec := inventory.Record{
		"taken_at": k.row["taken_at"], "key_arn": k.arn, "grant_id": aws.ToString(g.GrantId), "grant_name": text(g.Name),
		"grantee_principal": text(either(g.GranteePrincipal, g.GranteeServicePrincipal)), "retiring_principal": text(either(g.RetiringPrincipal, g.RetiringServicePrincipal)),
		"issuing_account": text(g.IssuingAccount), "grant_operations": operations, "created_at": at(g.CreationDate),
	}
	if c := g.Constraints; c != nil {
		rec["source_arn"] = text(c.SourceArn)
		rec["context_equals"], rec["context_subset"] = cleanMap(c.EncryptionContextEquals), cleanMap(c.EncryptionContextSubset)
	}
	return rec
}

func either(a, b *string) *string {
	if aws.ToString(a) != "" {
		return a
	}
	return b
}

func cleanMap(m map[string]string) any {
	if m == nil {
		return nil
	}
	out := map[string]string{}
	for key, value := range m {
		out[clean(key, 4<<10)] = clean(value, 4<<10)
	}
	return out
}

func (k *keyAnswers) lastUsage(ctx context.Context) error {
	_, err := k.one(ctx, apiLastUsage, func(ctx context.Context) error {
		out, err := k.client.GetKeyLastUsage(ctx, &kms.GetKeyLastUsageInput{KeyId: &k.arn})
		if err != nil {
			return err
		}
		k.row["usage_tracked_since"] = at(out.TrackingStartDate)
		used := out.KeyLastUsage
		switch {
		case used != nil && used.Timestamp != nil:
			k.row["last_usage"], k.row["last_used_at"] = "used", at(used.Timestamp)
			k.row["last_used_operation"], k.row["last_used_event_id"] = orNil(string(used.Operation)), text(used.CloudTrailEventId)
		case out.TrackingStartDate != nil && out.KeyCreationDate != nil && !out.KeyCreationDate.Before(*out.TrackingStartDate):
			k.row["last_usage"] = "never"
		default:
			k.row["last_usage"] = "unknown"
		}
		return nil
	})
	return err
}
