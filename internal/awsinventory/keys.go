package awsinventory

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/internal/inventory"
)

// scope is the keys of one account and Region.
type scope struct {
	*run

	at     place
	client *kms.Client
	// aliases by key id; nil when they were refused.
	aliases map[string][]string

	mu      sync.Mutex
	pending inventory.Records
	keys    int
}

// askKeys asks about all keys of an account and Region.
func (r *run) askKeys(ctx context.Context, cfg aws.Config, at place) error {
	s := &scope{run: r, at: at, pending: inventory.Records{}, client: kms.NewFromConfig(cfg, func(o *kms.Options) { o.Region = at.region })}
	began := r.now()
	arns, whole, err := s.list(ctx)
	if err != nil {
		return err
	}
	if s.aliases, err = s.listAliases(ctx); err != nil {
		return err
	}
	todo := slices.DeleteFunc(slices.Clone(arns), func(arn string) bool { return r.state.keys[arn] })
	r.progress(func(p *Progress) { p.Keys += int64(len(arns)); p.KeysDone += int64(len(arns) - len(todo)) })
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(r.opts.KeysAtOnce)
	for _, arn := range todo {
		if inner.Err() != nil {
			break
		}
		group.Go(func() error { return s.key(inner, arn) })
	}
	err = group.Wait()
	// What was learnt is kept even if the rest is not.
	if flushErr := s.flush(ctx); err == nil {
		err = flushErr
	}
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	r.progress(func(p *Progress) { p.ScopesDone++ })
	if !whole {
		return nil
	}
	return r.store(ctx, inventory.Records{"scopes": {{
		"taken_at": began, "account_id": at.account, "region": at.region, "key_count": int64(len(arns)),
	}}})
}

// list returns the ARNs of all keys; whole is false when that was refused.
func (s *scope) list(ctx context.Context) (arns []string, whole bool, err error) {
	pages := kms.NewListKeysPaginator(s.client, &kms.ListKeysInput{Limit: aws.Int32(1000)})
	whole, err = s.pages(ctx, apiListKeys, "", pages.HasMorePages, func(ctx context.Context) error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, k := range page.Keys {
			arns = append(arns, aws.ToString(k.KeyArn))
		}
		return nil
	})
	return arns, whole, err
}

func (s *scope) listAliases(ctx context.Context) (map[string][]string, error) {
	aliases := map[string][]string{}
	pages := kms.NewListAliasesPaginator(s.client, &kms.ListAliasesInput{Limit: aws.Int32(100)})
	whole, err := s.pages(ctx, apiListAliases, "", pages.HasMorePages, func(ctx context.Context) error {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, a := range page.Aliases {
			if id := aws.ToString(a.TargetKeyId); id != "" { // AWS lists its own before they are used
				aliases[id] = append(aliases[id], clean(aws.ToString(a.AliasName), 1024))
			}
		}
		return nil
	})
	if !whole {
		return nil, err
	}
	return aliases, err
}

// pagesAt makes a call for each page, until there is none or one is refused.
func (r *run) pagesAt(ctx context.Context, at place, api, subject string, more func() bool, next func(ctx context.Context) error) (whole bool, err error) {
	for more() {
		if ok, err := r.ask(ctx, at, api, subject, next); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *scope) pages(ctx context.Context, api, subject string, more func() bool, next func(ctx context.Context) error) (bool, error) {
	return s.pagesAt(ctx, s.at, api, subject, more, next)
}

// key asks about one key, and puts what it learns with what waits to be stored.
func (s *scope) key(ctx context.Context, arn string) error {
	k := &keyAnswers{scope: s, arn: arn, records: inventory.Records{}}
	if err := k.ask(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	for kind, list := range k.records {
		s.pending[kind] = append(s.pending[kind], list...)
	}
	s.keys++
	full := s.keys >= s.opts.KeysTogether
	s.mu.Unlock()
	s.progress(func(p *Progress) { p.KeysDone++ })
	if full {
		return s.flush(ctx)
	}
	return nil
}

// flush stores what waits, even when the run is being ended.
func (s *scope) flush(ctx context.Context) error {
	s.mu.Lock()
	records := s.pending
	s.pending, s.keys = inventory.Records{}, 0
	s.mu.Unlock()
	if records.Count() == 0 {
		return nil
	}
	return s.store(ctx, records)
}

// keyAnswers is what is learnt of one key.
type keyAnswers struct {
	*scope

	arn     string
	row     inventory.Record
	refused []string
	records inventory.Records
}

// one makes a call about the key. It reports whether it was answered; a key that
// has nothing of the kind is no refusal.
func (k *keyAnswers) one(ctx context.Context, api string, call func(ctx context.Context) error) (bool, error) {
	answered := true
	ok, err := k.scope.ask(ctx, k.at, api, k.arn, func(ctx context.Context) error {
		err := call(ctx)
		// A key of another origin or usage, or in a state in which KMS does not tell.
		if isOf(err, "UnsupportedOperationException", "KMSInvalidStateException") {
			answered = false
			return nil
		}
		return err
	})
	if !ok && err == nil {
		k.refused = append(k.refused, api)
	}
	return ok && answered, err
}

func (k *keyAnswers) ask(ctx context.Context) error {
	k.row = inventory.Record{"taken_at": k.now(), "key_arn": k.arn}
	var about *types.KeyMetadata
	_, err := k.one(ctx, apiDescribeKey, func(ctx context.Context) error {
		out, err := k.client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &k.arn})
		if err == nil {
			about = out.KeyMetadata
		}
		return err
	})
	if err != nil {
		return err
	}
	steps := []func(context.Context) error{}
	if about != nil {
		k.describe(about)
	}
	if k.aliases != nil {
		k.row["aliases"] = slices.Clone(k.aliases[keyID(k.arn)])
		if k.row["aliases"].([]string) == nil {
			k.row["aliases"] = []string{}
		}
	} else {
		k.refused = append(k.refused, apiListAliases)
	}
	// Nobody can change what AWS manages.
	if about == nil || about.KeyManager != types.KeyManagerTypeAws {
		steps = k.steps(about)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	k.row["refused"] = k.refused
	if k.refused == nil {
		k.row["refused"] = []string{}
	}
	k.records["keys"] = []inventory.Record{k.row}
	return nil
}

// steps are the further calls about a key.
func (k *keyAnswers) steps(about *types.KeyMetadata) []func(context.Context) error {
	rotates := about == nil || about.KeySpec == types.KeySpecSymmetricDefault && (about.Origin == types.OriginTypeAwsKms || about.Origin == types.OriginTypeExternal)
	var steps []func(context.Context) error
	if k.opts.wants(PartKeys) {
		steps = append(steps, k.tags, k.policy)
		if rotates {
			steps = append(steps, k.rotation)
		}
	}
	if rotates && k.opts.wants(PartRotations) {
		steps = append(steps, k.rotations)
	}
	if k.opts.wants(PartGrants) {
		steps = append(steps, k.grants)
	}
	if k.opts.wants(PartLastUsage) {
		steps = append(steps, k.lastUsage)
	}
	return steps
}
