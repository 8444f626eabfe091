package awsinventory

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// Plan says what a run would call.
type Plan struct {
	Accounts, Regions []string
	// Resumed is how many keys an interrupted run has, which are left out; -1 when
	// the run would begin anew.
	Resumed int
	// Keys were listed, Managed of them are managed by AWS.
	Keys, Managed int64
	Calls         []PlannedCalls
	Refusals      []Refusal
	// Took is how many calls the plan itself made.
	Took int64
}

// PlannedCalls are calls of one API.
type PlannedCalls struct {
	API string
	// Count is how many there would be, or at least where lists may have further
	// pages, all accounts and Regions together; Rate how many a second in one.
	Count int64
	Rate  float64
	// Time is what they take in the account and Region that has most of them.
	Time time.Duration
}

// DryRun says what a run would call. It lists keys and aliases to count them, and
// the organisation where it names the accounts; nothing is stored.
func DryRun(ctx context.Context, o Options) (Plan, error) {
	r, err := newRun(o)
	if err != nil {
		return Plan{}, err
	}
	if err := r.open(ctx); err != nil {
		return Plan{}, err
	}
	organization := r.opts.wants(PartOrganization)
	if !r.opts.AllAccounts {
		r.opts.Parts = slices.DeleteFunc(slices.Clone(r.opts.Parts), func(p string) bool { return p == PartOrganization })
	}
	if err := r.chooseAccounts(ctx); err != nil {
		return Plan{}, err
	}
	parts := r.opts.Parts
	if organization && !slices.Contains(parts, PartOrganization) {
		parts = append(parts, PartOrganization)
	}
	if r.known, err = readKnown(ctx, r.opts.From, &r.opts, r.session.partition, r.now()); err != nil {
		return Plan{}, err
	}
	p := &planner{run: r, plan: Plan{Accounts: r.opts.Accounts, Regions: r.opts.Regions, Resumed: -1}, counts: map[bucketKey]int64{}}
	if r.opts.From != nil && !r.opts.Fresh {
		found, err := ReadState(ctx, r.opts.From, r.opts.Accounts, r.opts.Regions, parts, r.now())
		if err != nil {
			return Plan{}, err
		}
		if found != nil {
			r.state, p.plan.Resumed = found, found.Done()
		}
	}
	p.count(place{"", r.session.base.Region}, apiIdentity, 1)
	if organization {
		for _, api := range []string{apiOrgAccounts, apiOrgRoots, apiOrgUnits, apiOrgAccountsOfUnit} {
			p.count(place{r.session.account, ""}, api, 1)
		}
	}
	for _, account := range r.opts.Accounts {
		if err := p.account(ctx, account); err != nil {
			return Plan{}, err
		}
	}
	return p.sum(), nil
}

type planner struct {
	*run

	plan   Plan
	counts map[bucketKey]int64
}

func (p *planner) count(at place, api string, n int64) {
	if n > 0 {
		p.counts[bucketKey{at, api}] += n
	}
}

func (p *planner) account(ctx context.Context, account string) error {
	cfg, ok, err := p.enter(ctx, account)
	if account != p.session.account {
		p.count(place{account, ""}, apiAssumeRole, 1)
	}
	if !ok || err != nil {
		return err
	}
	for _, arn := range p.known.roles[account] {
		if !p.state.roles[arn] {
			p.count(place{account, ""}, apiRoleTags, 1)
		}
	}
	for _, region := range p.opts.Regions {
		at := place{account, region}
		if p.opts.wants(PartQuotas) && !p.state.quotas[at] {
			p.count(at, apiQuotas, 1)
		}
		p.count(at, apiResources, pagesOf(int64(len(p.known.resources[at])), arnsAtOnce))
		if !p.opts.aboutKeys() {
			continue
		}
		s := &scope{run: p.run, at: at, client: kms.NewFromConfig(cfg, func(o *kms.Options) { o.Region = region })}
		if err := p.keys(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func pagesOf(n, page int64) int64 { return (n + page - 1) / page }

// keys counts the keys of a scope. Those with an alias of AWS are managed by it.
func (p *planner) keys(ctx context.Context, s *scope) error {
	arns, _, err := s.list(ctx)
	if err != nil {
		return err
	}
	aliases, err := s.listAliases(ctx)
	if err != nil {
		return err
	}
	var own, named int64
	todo := int64(0)
	for _, arn := range arns {
		id := keyID(arn)
		managed := slices.ContainsFunc(aliases[id], func(a string) bool { return strings.HasPrefix(a, "alias/aws/") })
		named += int64(len(aliases[id]))
		if managed {
			p.plan.Managed++
		}
		if p.state.keys[arn] {
			continue
		}
		todo++
		if !managed {
			own++
		}
	}
	p.plan.Keys += int64(len(arns))
	p.count(s.at, apiListKeys, max(1, pagesOf(int64(len(arns)), 1000)))
	p.count(s.at, apiListAliases, max(1, pagesOf(named, 100)))
	p.count(s.at, apiDescribeKey, todo)
	for part, calls := range map[string][]string{
		PartKeys: {apiTags, apiPolicy, apiRotationStatus}, PartRotations: {apiRotations}, PartGrants: {apiGrants}, PartLastUsage: {apiLastUsage},
	} {
		if p.opts.wants(part) {
			for _, api := range calls {
				p.count(s.at, api, own)
			}
		}
	}
	return nil
}

// sum puts the counts together.
func (p *planner) sum() Plan {
	for _, a := range apis {
		planned := PlannedCalls{API: a.Name, Rate: p.call.rates[a.Name]}
		var most int64
		for key, n := range p.counts {
			if key.api == a.Name {
				planned.Count += n
				most = max(most, n)
			}
		}
		if planned.Count > 0 {
			planned.Time = time.Duration(float64(most) / planned.Rate * float64(time.Second))
			p.plan.Calls = append(p.plan.Calls, planned)
		}
	}
	for _, n := range p.call.counted() {
		p.plan.Took += n
	}
	p.plan.Refusals = p.refused.all()
	return p.plan
}
