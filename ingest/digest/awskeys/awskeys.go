// Package awskeys asks CloudTrail for the public keys that digests are signed with.
package awskeys

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/ingest/s3source"
)

// Keys calls ListPublicKeys, which is free of charge and needs no trail. It
// implements digest.Keys.
type Keys struct {
	cfg   aws.Config
	calls atomic.Int64
}

var _ digest.Keys = (*Keys)(nil)

// New reads the AWS configuration; profile may be "". It makes no request. Another
// endpoint than AWS's is AWS_ENDPOINT_URL_CLOUDTRAIL.
func New(ctx context.Context, profile string) (*Keys, error) {
	var opts []func(*awsconfig.LoadOptions) error
	if profile != "" {
		opts = append(opts, awsconfig.WithSharedConfigProfile(profile))
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("read AWS configuration: %w", s3source.Explain(err))
	}
	return &Keys{cfg: cfg}, nil
}

// Calls returns the requests made so far.
func (k *Keys) Calls() int64 { return k.calls.Load() }

// Keys returns the keys of a Region, which must be asked there. One of a kind that
// is not known is left out: the digests that it signed are told of as such of an
// unknown key.
func (k *Keys) Keys(ctx context.Context, region string, from, to time.Time) ([]digest.Key, error) {
	client := cloudtrail.NewFromConfig(k.cfg, func(o *cloudtrail.Options) { o.Region = region })
	in := &cloudtrail.ListPublicKeysInput{StartTime: &from, EndTime: &to}
	var all []digest.Key
	for {
		k.calls.Add(1)
		out, err := client.ListPublicKeys(ctx, in)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("list the public keys of CloudTrail in %s: %w", region, s3source.Explain(err))
		}
		for _, p := range out.PublicKeyList {
			if key, err := digest.ParseKey(p.Value); err == nil {
				all = append(all, digest.Key{
					Fingerprint: aws.ToString(p.Fingerprint), From: aws.ToTime(p.ValidityStartTime), To: aws.ToTime(p.ValidityEndTime), RSA: key,
				})
			}
		}
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}
