package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/awsinventory"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/output"
)

func inventorySyncCommand(a *app) *cobra.Command {
	var dryRun, fresh bool
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Ask AWS what keys are now",
		Long: `Asks AWS about every KMS key of accounts and Regions, about the tags of resources
that keys encrypt and of roles that use them (those that the logs of the last 90
days name), about quotas and the organisation. It only reads, far below the
quotas of those APIs; kmstrail iam-policy inventory prints the permissions that it
needs.

Without --account that of the credentials is asked. In other accounts the role
--role-name is assumed. What is refused is recorded and told, and the rest goes
on; exit code 4 says that something was.

Stop it at any time (Ctrl-C): what is known is kept, and the next sync of the same
accounts, Regions and parts within 24 hours goes on from there. --dry-run lists
keys and aliases to count them, and prints what would be called.`,
		Example: `  kmstrail inventory sync --region eu-central-1 --dry-run
  kmstrail inventory sync --region eu-central-1,eu-west-1 --account 111122223333,444455556666
  kmstrail inventory sync --all-accounts --region eu-central-1 --part keys,grants`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.syncInventory(cmd, dryRun, fresh) },
	}
	flags := cmd.Flags()
	flags.StringSlice("account", nil, "account `ID` to ask (repeatable)")
	flags.Bool("all-accounts", false, "ask all active accounts of the organisation")
	flags.StringSlice("region", nil, "`REGION` to ask (repeatable; default that of the AWS configuration)")
	flags.StringSlice("part", nil, "only this `PART` (repeatable): "+join(awsinventory.Parts()))
	flags.String("role-name", "", "`NAME` of the role to assume in other accounts (default kmstrail-inventory)")
	flags.String("external-id", "", "external `ID` that the role's trust policy wants")
	flags.BoolVar(&dryRun, "dry-run", false, "print what would be called, and how often; store nothing")
	flags.BoolVar(&fresh, "fresh", false, "begin anew, even where an interrupted sync could go on")
	flags.String("profile", "", "AWS `PROFILE` of the shared configuration")
	flags.String("endpoint-url", "", "`URL` of another service than AWS's, for all calls")
	for flag, path := range map[string]string{
		"account": "inventory.accounts", "all-accounts": "inventory.all_accounts", "region": "inventory.regions", "part": "inventory.parts",
		"role-name": "inventory.role_name", "external-id": "inventory.external_id", "profile": "aws.profile", "endpoint-url": "inventory.endpoint_url",
	} {
		overrides(cmd, flag, path)
	}
	completeValues(cmd, "part", awsinventory.Parts)
	return cmd
}

func join(list []string) string {
	text := ""
	for i, s := range list {
		switch {
		case i == 0:
		case i == len(list)-1:
			text += " or "
		default:
			text += ", "
		}
		text += s
	}
	return text
}

func (a *app) inventoryOptions(cfg config.Config) awsinventory.Options {
	i := cfg.Inventory
	return awsinventory.Options{
		Accounts: i.Accounts, AllAccounts: i.AllAccounts, Regions: i.Regions, RoleName: i.RoleName, ExternalID: i.ExternalID,
		Parts: i.Parts, Rates: i.Rates, EndpointURL: i.EndpointURL, Profile: cfg.AWS.Profile, Region: cfg.AWS.Region,
		Now: a.now, Log: a.log,
	}
}

func (a *app) syncInventory(cmd *cobra.Command, dryRun, fresh bool) (err error) {
	ctx := cmd.Context()
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	opts := a.inventoryOptions(cfg)
	opts.Fresh = fresh
	if err := plainly(opts.Check()); err != nil {
		return err
	}
	if dryRun {
		return a.planInventory(ctx, cfg, opts)
	}
	work, err := a.openToChange(ctx, cfg, openOptions{create: true})
	if err != nil {
		return err
	}
	defer closeStore(work, &err)
	progress := a.newInventoryProgress()
	opts.From, opts.OnProgress = work.engine, progress.update
	opts.Store = func(ctx context.Context, b inventory.Batch) error {
		_, err := work.StoreInventory(ctx, b)
		return err
	}
	began := a.now()
	result, err := awsinventory.Run(ctx, opts)
	progress.finish()
	return a.concludeInventory(ctx, result, a.now().Sub(began), err)
}

// plainly turns mistakes in options into mistakes of the command line.
func plainly(err error) error {
	if wrong, ok := errors.AsType[*awsinventory.UsageError](err); ok {
		return usagef(wrong.Hint, "%s", wrong.Text)
	}
	return err
}

// concludeInventory tells what a sync did, and decides the exit code.
func (a *app) concludeInventory(ctx context.Context, result awsinventory.Result, took time.Duration, err error) error {
	if result.Resumed >= 0 {
		a.say("went on with the sync of %s, which had %s", output.Time(result.Run.StartedAt), output.Plural(int64(result.Resumed), "key"))
	}
	delete(result.Stored, "scopes") // what is whole shows in what is refused
	if text := storedText(result.Stored); text != "" {
		var calls int64
		for _, n := range result.Run.Calls {
			calls += n
		}
		a.say("stored %s in %s, %s", text, output.Span(took), output.Plural(calls, "call"))
	}
	a.sayRefusals(result.Refusals)
	if len(result.Stored) > 0 && err != nil {
		a.warn("not finished; what is known is stored. Run the same command again to go on")
	}
	switch {
	case ctx.Err() != nil:
		return codeError{exitInterrupted}
	case err != nil:
		return plainly(err)
	case len(result.Refusals) > 0:
		return codeError{exitUnreadable}
	}
	return nil
}

// sayRefusals says what was refused: a line for each API and error, however many
// accounts and Regions gave it.
func (a *app) sayRefusals(all []awsinventory.Refusal) {
	type what struct{ api, code string }
	var order []what
	by := map[what][]awsinventory.Refusal{}
	for _, r := range all {
		w := what{r.API, r.Code}
		if by[w] == nil {
			order = append(order, w)
		}
		by[w] = append(by[w], r)
	}
	for _, w := range order {
		first, count := by[w][0], int64(0)
		for _, r := range by[w] {
			count += r.Count
		}
		where := first.Account
		if first.Region != "" {
			where += ", " + first.Region
		}
		if n := int64(len(by[w])) - 1; n > 0 {
			where += fmt.Sprintf(" and %s more", output.Plural(n, "place"))
		}
		times := ""
		if count > 1 {
			times = fmt.Sprintf(" %s times", output.Count(count))
		}
		about := ""
		if len(first.Subjects) > 0 {
			about = ", first for " + first.Subjects[0]
		}
		a.warn("%s was refused%s with %s in %s%s: %s", w.api, times, w.code, where, about, output.Clean(first.Detail))
	}
}

// planInventory prints what a sync would call. A store that is not there yet is
// not made.
func (a *app) planInventory(ctx context.Context, cfg config.Config, opts awsinventory.Options) error {
	store, err := a.openToRead(ctx, cfg)
	if err == nil {
		defer store.Close()
		opts.From = store
	} else if mustExist(cfg) == nil {
		return err
	}
	plan, err := awsinventory.DryRun(ctx, opts)
	if err != nil {
		return plainly(err)
	}
	table := output.Table{Head: []string{"call", "calls", "per second", "time"}, Right: []bool{false, true, true, true}}
	for _, c := range plan.Calls {
		table.Rows = append(table.Rows, []string{c.API, output.Count(c.Count), strconv.FormatFloat(c.Rate, 'g', 4, 64), output.Span(c.Time)})
	}
	if err := table.Write(a.safeStdout()); err != nil {
		return err
	}
	a.say("%s in %s and %s (%s), %s of them managed by AWS", output.Plural(plan.Keys, "key"), output.Plural(int64(len(plan.Accounts)), "account"),
		output.Plural(int64(len(plan.Regions)), "Region"), strings.Join(plan.Regions, ", "), output.Count(plan.Managed))
	a.say("long lists take further calls; the time is that of the account and Region with most of them, and calls of several APIs go on at a time")
	if plan.Resumed >= 0 {
		a.say("an interrupted sync is gone on with, which has %s; --fresh begins anew", output.Plural(int64(plan.Resumed), "key"))
	}
	a.say("nothing was stored; counting took %s", output.Plural(plan.Took, "call"))
	a.sayRefusals(plan.Refusals)
	if len(plan.Refusals) > 0 {
		return codeError{exitUnreadable}
	}
	return nil
}

// inventoryProgress shows how far a sync is: a bar on a terminal, else a line
// every few seconds.
type inventoryProgress struct {
	a   *app
	bar *progressbar.ProgressBar // nil: log lines

	mu   sync.Mutex
	next time.Time
	done bool
}

func (a *app) newInventoryProgress() *inventoryProgress {
	return &inventoryProgress{a: a, next: a.now().Add(logEvery), bar: a.newBar("asking", "keys", 70)}
}

func (p *inventoryProgress) update(g awsinventory.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	if p.bar != nil {
		if g.Keys > 0 && p.bar.GetMax64() != g.Keys {
			p.bar.ChangeMax64(g.Keys)
		}
		p.bar.Describe("asking: " + output.Plural(g.Calls, "call"))
		_ = p.bar.Set64(g.KeysDone)
		return
	}
	if now := p.a.now(); !now.Before(p.next) {
		p.next = now.Add(logEvery)
		p.a.say("%s of %s known, %s of %s accounts and Regions done, %s", output.Count(g.KeysDone), output.Plural(g.Keys, "key"),
			output.Count(g.ScopesDone), output.Count(g.Scopes), output.Plural(g.Calls, "call"))
	}
}

// finish clears the bar; what is printed after it stands on a line of its own.
func (p *inventoryProgress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
