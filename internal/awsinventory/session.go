package awsinventory

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	// answerTime is how long AWS may take for one answer.
	answerTime = 30 * time.Second
	// sessionName is that of assumed roles, in the logs of the accounts asked.
	sessionName = "kmstrail-inventory"
)

// session is who asks.
type session struct {
	base aws.Config
	// account and partition are those of the credentials.
	account, partition string
}

// open reads the AWS configuration and asks whose credentials they are.
func (r *run) open(ctx context.Context) error {
	o := r.opts
	load := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(answerTime)),
		awsconfig.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }), // caller does it
	}
	if o.Profile != "" {
		load = append(load, awsconfig.WithSharedConfigProfile(o.Profile))
	}
	if region := firstOf(o.Region, o.Regions); region != "" {
		load = append(load, awsconfig.WithRegion(region))
	}
	if o.EndpointURL != "" {
		load = append(load, awsconfig.WithBaseEndpoint(o.EndpointURL))
	}
	if o.Credentials != nil {
		load = append(load, awsconfig.WithCredentialsProvider(o.Credentials))
	}
	base, err := awsconfig.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return fmt.Errorf("read AWS configuration: %w", err)
	}
	if base.Region == "" {
		return &UsageError{"no Region given", "set --region, inventory.regions or AWS_REGION"}
	}
	if len(o.Regions) == 0 {
		r.opts.Regions = []string{base.Region}
	}
	client := sts.NewFromConfig(base)
	var who *sts.GetCallerIdentityOutput
	err = r.call.do(ctx, place{"", base.Region}, apiIdentity, func(ctx context.Context) (err error) {
		who, err = client.GetCallerIdentity(ctx, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("ask whose credentials these are: %w", err)
	}
	r.session = session{base: base, account: aws.ToString(who.Account), partition: "aws"}
	if parts := strings.Split(aws.ToString(who.Arn), ":"); len(parts) > 1 && parts[1] != "" {
		r.session.partition = parts[1]
	}
	return nil
}

func firstOf(region string, regions []string) string {
	if region == "" && len(regions) > 0 {
		return regions[0]
	}
	return region
}

// enter returns the configuration for asking an account: with the credentials of
// an assumed role, unless they are of that account already.
func (r *run) enter(ctx context.Context, account string) (cfg aws.Config, ok bool, err error) {
	cfg = r.session.base.Copy()
	if account == r.session.account {
		return cfg, true, nil
	}
	role := fmt.Sprintf("arn:%s:iam::%s:role/%s", r.session.partition, account, r.opts.RoleName)
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(r.session.base), role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName
		if r.opts.ExternalID != "" {
			o.ExternalID = aws.String(r.opts.ExternalID)
		}
	})
	cache := aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute })
	cfg.Credentials = cache
	ok, err = r.ask(ctx, place{account, ""}, apiAssumeRole, role, func(ctx context.Context) error {
		_, err := cache.Retrieve(ctx)
		return err
	})
	return cfg, ok, err
}

// ask makes a call; ok is false when it was refused, which is recorded.
func (r *run) ask(ctx context.Context, at place, api, subject string, call func(ctx context.Context) error) (ok bool, err error) {
	if r.hopeless(at, api) {
		r.refused.again(at, api)
		return false, nil
	}
	err = r.call.do(ctx, at, api, call)
	r.judge(at, api, err)
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case !isRefusal(err):
		return false, fmt.Errorf("call %s in %s: %w", api, at, err)
	}
	r.refused.add(at, api, subject, err)
	r.opts.Log.Debug("refused", "api", api, "place", at.String(), "subject", subject, "error", err)
	return false, nil
}

// givenUp is after how many refusals, and no answer, an API is asked no more in an
// account and Region: whoever may not read one key policy may read none.
const givenUp = 20

// hopeless reports whether an API has only ever refused.
func (r *run) hopeless(at place, api string) bool {
	r.judgedMu.Lock()
	defer r.judgedMu.Unlock()
	return r.judged[bucketKey{at, api}] >= givenUp
}

// judge counts refusals of an API, which one answer outweighs.
func (r *run) judge(at place, api string, err error) {
	r.judgedMu.Lock()
	defer r.judgedMu.Unlock()
	key := bucketKey{at, api}
	switch {
	case err == nil:
		r.judged[key] = math.MinInt
	case isRefusal(err):
		r.judged[key]++
	}
}

// isOf reports whether an answer is one of these error codes.
func isOf(err error, codes ...string) bool {
	for _, c := range codes {
		if err != nil && code(err) == c {
			return true
		}
	}
	return false
}
