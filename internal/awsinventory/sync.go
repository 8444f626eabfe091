package awsinventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/internal/inventory"
)

// scopesAtOnce is how many accounts and Regions are asked at a time.
const scopesAtOnce = 8

// storeTime is how long storing may take when the run is being ended.
const storeTime = 30 * time.Second

// Result says what a run learnt.
type Result struct {
	Run inventory.Run
	// Resumed is how many keys the run had when it was gone on with; -1 when it
	// began anew.
	Resumed int
	// Stored are records by kind.
	Stored   map[string]int64
	Refusals []Refusal
}

// run is one inventory.
type run struct {
	opts    Options
	call    *caller
	refused *refusals
	session session
	state   *State
	known   known
	// early was learnt before there was a run to store it with.
	early inventory.Records

	judgedMu sync.Mutex
	judged   map[bucketKey]int

	mu      sync.Mutex // stores, and holds what follows
	meta    inventory.Run
	stored  map[string]int64
	resumed int

	progressMu sync.Mutex
	done       Progress
}

func newRun(o Options) (*run, error) {
	o = o.withDefaults()
	if err := o.Check(); err != nil {
		return nil, err
	}
	rates := maps.Clone(o.Rates)
	if o.unbounded != nil {
		rates = o.unbounded
	}
	return &run{
		opts: o, call: newCaller(rates, o.MaxBackoff, o.Log), refused: &refusals{now: o.Now},
		judged: map[bucketKey]int{}, state: newState(), stored: map[string]int64{}, resumed: -1,
	}, nil
}

// Run takes an inventory, or goes on with one that was interrupted. With an error
// the result says what was stored until then.
func Run(ctx context.Context, o Options) (Result, error) {
	r, err := newRun(o)
	if err != nil {
		return Result{}, err
	}
	err = r.begin(ctx)
	if err == nil {
		err = r.askAll(ctx)
	}
	if err == nil {
		err = r.end(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return Result{Run: r.meta, Resumed: r.resumed, Stored: r.stored, Refusals: r.refused.all()}, err
}

func (r *run) now() time.Time { return r.opts.Now().UTC().Truncate(time.Microsecond) }

// begin finds out whom to ask, and which run this is.
func (r *run) begin(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	if err := r.chooseAccounts(ctx); err != nil {
		return err
	}
	var err error
	if r.known, err = readKnown(ctx, r.opts.From, &r.opts, r.session.partition, r.now()); err != nil {
		return err
	}
	if r.opts.From != nil && !r.opts.Fresh {
		found, err := ReadState(ctx, r.opts.From, r.opts.Accounts, r.opts.Regions, r.opts.Parts, r.now())
		if err != nil {
			return err
		}
		if found != nil {
			r.goOn(found)
		}
	}
	if r.resumed < 0 {
		id, err := uuid.NewRandom()
		if err != nil {
			return fmt.Errorf("number the inventory: %w", err)
		}
		r.meta = inventory.Run{
			ID: id.String(), Origin: inventory.Sync, Status: inventory.Open, StartedAt: r.now(),
			Accounts: r.opts.Accounts, Regions: r.opts.Regions, Parts: r.opts.Parts, Files: []string{},
		}
	}
	if r.state.accounts {
		r.early = nil
	}
	r.progress(func(p *Progress) { p.Scopes = int64(len(r.opts.Accounts) * len(r.opts.Regions)) })
	return r.store(ctx, r.early)
}

// goOn takes up what an interrupted run has.
func (r *run) goOn(found *State) {
	r.state, r.meta, r.resumed = found, found.Run, found.Done()
	r.call.add(found.Run.Calls)
	r.refused.mu.Lock()
	defer r.refused.mu.Unlock()
	for _, x := range found.refusals {
		if !slices.ContainsFunc(r.refused.list, func(y *Refusal) bool {
			return y.Account == x.Account && y.Region == x.Region && y.API == x.API && y.Code == x.Code
		}) {
			r.refused.list = append(r.refused.list, &x)
		}
	}
}

// chooseAccounts asks the organisation where that is wanted.
func (r *run) chooseAccounts(ctx context.Context) error {
	if r.opts.wants(PartOrganization) || r.opts.AllAccounts {
		active, err := r.organization(ctx)
		if err != nil {
			return err
		}
		if r.opts.AllAccounts {
			if len(active) == 0 {
				return &UsageError{
					"the accounts of the organisation are not known: " + r.why(apiOrgAccounts),
					"name accounts, or ask with credentials of the management account or a delegated administrator",
				}
			}
			r.opts.Accounts = active
		}
	}
	if len(r.opts.Accounts) == 0 {
		r.opts.Accounts = []string{r.session.account}
	}
	slices.Sort(r.opts.Accounts)
	r.opts.Accounts = slices.Compact(r.opts.Accounts)
	if r.opts.RoleName == "" && slices.ContainsFunc(r.opts.Accounts, func(id string) bool { return id != r.session.account }) {
		return &UsageError{"there is no role to assume in other accounts", "set inventory.role_name or --role-name"}
	}
	return nil
}

// why is what AWS said when it refused a call.
func (r *run) why(api string) string {
	for _, x := range r.refused.all() {
		if x.API == api {
			return x.Code + ": " + x.Detail
		}
	}
	return "account " + r.session.account + " is in none, or it has no active account"
}

// askAll asks all accounts and Regions.
func (r *run) askAll(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(scopesAtOnce)
	for _, account := range r.opts.Accounts {
		cfg, ok, err := r.enter(inner, account)
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		if !ok {
			r.progress(func(p *Progress) { p.ScopesDone += int64(len(r.opts.Regions)) })
			continue
		}
		for _, region := range r.opts.Regions {
			group.Go(func() error { return r.askScope(inner, cfg, place{account, region}) })
		}
		if r.opts.wants(PartRoles) {
			group.Go(func() error { return r.askRoles(inner, cfg, account) })
		}
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// askScope asks all there is to ask in an account and Region.
func (r *run) askScope(ctx context.Context, cfg aws.Config, at place) error {
	if r.opts.wants(PartQuotas) {
		if err := r.askQuotas(ctx, cfg, at); err != nil {
			return err
		}
	}
	if r.opts.aboutKeys() {
		if err := r.askKeys(ctx, cfg, at); err != nil {
			return err
		}
	}
	if r.opts.wants(PartResources) {
		return r.askResources(ctx, cfg, at)
	}
	return nil
}

// end closes the run.
func (r *run) end(ctx context.Context) error {
	r.mu.Lock()
	r.meta.Status, r.meta.EndedAt = inventory.Complete, r.now()
	if len(r.refused.all()) > 0 {
		r.meta.Status = inventory.Incomplete
	}
	r.mu.Unlock()
	return r.store(ctx, nil)
}

// store keeps records, with the run as it is now. What was learnt before somebody
// ended the run is stored all the same.
func (r *run) store(ctx context.Context, records inventory.Records) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	b := inventory.Batch{Run: r.meta, Records: inventory.Records{}}
	b.Run.Calls = r.call.counted()
	for kind, list := range records {
		if len(list) > 0 {
			b.Records[kind] = list
		}
	}
	if refused := r.refused.records(); refused != nil {
		b.Records["refusals"] = refused
	}
	if err := r.opts.Store(ctx, b); err != nil {
		return fmt.Errorf("store inventory: %w", err)
	}
	r.meta.Calls = b.Run.Calls
	for kind, list := range records {
		r.stored[kind] += int64(len(list))
	}
	return nil
}

// progress changes how far the run is, and tells.
func (r *run) progress(change func(p *Progress)) {
	r.progressMu.Lock()
	defer r.progressMu.Unlock()
	change(&r.done)
	if r.opts.OnProgress == nil {
		return
	}
	r.done.Calls, r.done.Refused = 0, 0
	for _, n := range r.call.counted() {
		r.done.Calls += n
	}
	for _, x := range r.refused.all() {
		r.done.Refused += x.Count
	}
	r.opts.OnProgress(r.done)
}
