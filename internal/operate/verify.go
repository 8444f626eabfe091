package operate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/ingest/digest/awskeys"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/schema"
)

// VerifyRequest says which log files to verify. What is left out is as the
// configuration says.
type VerifyRequest struct {
	// Source is as in IngestRequest.
	Source         string   `json:"source,omitempty"`
	OrganizationID string   `json:"organization_id,omitempty"`
	Accounts       []string `json:"accounts,omitempty"`
	Regions        []string `json:"regions,omitempty"`
	// From and To bound the time of delivery, half-open, in whole days, UTC; Last
	// counts back from To, or from now. Without From and Last it is the last 7 days.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	Last Seconds   `json:"last_seconds,omitempty"`
	// Concurrency is how many objects are read at once.
	Concurrency   int  `json:"concurrency,omitempty"`
	RequesterPays bool `json:"requester_pays,omitempty"`
}

// ingestRequest is the same as far as it says what to read.
func (r *VerifyRequest) ingestRequest() *IngestRequest {
	return &IngestRequest{
		Source: r.Source, OrganizationID: r.OrganizationID, Accounts: r.Accounts, Regions: r.Regions,
		From: r.From, To: r.To, Last: r.Last, Concurrency: r.Concurrency, RequesterPays: r.RequesterPays,
	}
}

// Check says what is wrong with the request.
func (r *VerifyRequest) Check() error { return r.ingestRequest().Check() }

// VerifyResult says what was verified. It is what an auditor keeps.
type VerifyResult struct {
	// Source is what was read, as in the ledger.
	Source string `json:"source"`
	// From and To bound the time of delivery, half-open.
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	VerifiedAt time.Time `json:"verified_at"`
	Took       Seconds   `json:"duration_seconds"`
	Version    string    `json:"version"`
	// Keys says where public keys came from: the API, or a file.
	Keys string `json:"public_keys"`
	// Days has a row for each account, Region and day with log files or digests.
	Days     []digest.Day    `json:"days"`
	Files    int64           `json:"files"`
	Digests  int64           `json:"digests"`
	Bytes    int64           `json:"bytes"`
	Requests ingest.Requests `json:"requests"`
	// Unlisted says why parts of the source could not be listed.
	Unlisted []string `json:"unlisted,omitempty"`
	// Stored says that the days are in log_file_validation now.
	Stored bool `json:"stored"`
}

// State is the worst of the days'.
func (r *VerifyResult) State() digest.State {
	worst := digest.Verified
	for i := range r.Days {
		worst = worseOf(worst, r.Days[i].State)
	}
	if len(r.Unlisted) > 0 || len(r.Days) == 0 {
		worst = worseOf(worst, digest.Incomplete)
	}
	return worst
}

func worseOf(a, b digest.State) digest.State {
	rank := map[digest.State]int{digest.Verified: 0, digest.Incomplete: 1, digest.Unvalidated: 2, digest.Failed: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// Count is how many days have a state.
func (r *VerifyResult) Count(s digest.State) (n int64) {
	for i := range r.Days {
		if r.Days[i].State == s {
			n++
		}
	}
	return n
}

// defaultVerified is how far back is verified when nothing is said.
const defaultVerified = 7 * 24 * time.Hour

// Verify compares log files with CloudTrail's digests, and stores what it finds,
// day by day.
func (o *Operator) Verify(ctx context.Context, req VerifyRequest, onProgress func(digest.Progress)) (VerifyResult, error) {
	source, done, err := o.openToVerify(ctx, req)
	if err != nil {
		return VerifyResult{}, err
	}
	defer done()
	store := func(ctx context.Context, d digest.Day, at time.Time) error {
		return o.storeValidation(ctx, source.Name(), d, at)
	}
	result, err := verify(ctx, o.cfg, o.opts, req, source, o.store, store, onProgress)
	result.Stored = true
	return result, err
}

func (o *Operator) openToVerify(ctx context.Context, req VerifyRequest) (digest.Source, func(), error) {
	if err := req.Check(); err != nil {
		return nil, nil, err
	}
	cfg := req.ingestRequest().applyTo(o.cfg)
	if err := CheckSource(cfg.Ingest.Source); err != nil && o.opts.OpenSource == nil {
		return nil, nil, err
	}
	source, done, err := o.openSource(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	if bucket, ok := source.(*s3source.Source); ok && o.opts.OpenSource == nil {
		bucket.RememberLayout(time.Hour) // it is listed day by day
	}
	if digests, ok := source.(digest.Source); ok {
		return digests, done, nil
	}
	done()
	return nil, nil, Usagef("verify a bucket or a directory", "there are no digests at %s", source.Name())
}

// VerifyAlone is Verify without a store.
func VerifyAlone(ctx context.Context, cfg config.Config, opts Options, req VerifyRequest, onProgress func(digest.Progress)) (VerifyResult, error) {
	o := New(nil, cfg, opts)
	source, done, err := o.openToVerify(ctx, req)
	if err != nil {
		return VerifyResult{}, err
	}
	defer done()
	return verify(ctx, cfg, o.opts, req, source, nil, func(context.Context, digest.Day, time.Time) error { return nil }, onProgress)
}

func verify(ctx context.Context, cfg config.Config, opts Options, req VerifyRequest, source digest.Source, ledger digest.Ledger,
	store func(context.Context, digest.Day, time.Time) error, onProgress func(digest.Progress),
) (result VerifyResult, err error) {
	now := opts.Now().UTC()
	from, to := verifiedDays(req, now)
	cfg = req.ingestRequest().applyTo(cfg)
	result = VerifyResult{Source: source.Name(), From: from, To: to.AddDate(0, 0, 1), VerifiedAt: now, Version: opts.Version, Days: []digest.Day{}}
	keys, err := publicKeys(ctx, cfg, &result)
	if err != nil {
		return result, err
	}
	o := digest.Options{
		Source: source, Keys: keys, Ledger: ledger, From: from, To: to, Now: now, Concurrency: cfg.Ingest.Concurrency,
		Selection: ingest.Selection{OrganizationID: cfg.Ingest.OrganizationID, Accounts: cfg.Ingest.Accounts, Regions: cfg.Ingest.Regions},
		OnDay: func(ctx context.Context, d digest.Day) error {
			result.Days = append(result.Days, d)
			return store(ctx, d, now)
		},
		OnProgress: func(p digest.Progress) {
			result.Files, result.Digests, result.Bytes = p.Files, p.Digests, p.Bytes
			if onProgress != nil {
				onProgress(p)
			}
		},
	}
	err = digest.Run(ctx, o)
	if partial, ok := errors.AsType[*ingest.PartialListError](err); ok {
		result.Unlisted, err = explainAll(partial.Errs), nil
	}
	result.Requests, result.Took = source.Requests(), Seconds(opts.Now().Sub(now))
	return result, err
}

// verifiedDays returns the first and the last day that a request is about.
func verifiedDays(req VerifyRequest, now time.Time) (first, last time.Time) {
	from, to := bounds(req.From, req.To, req.Last, now)
	if to.IsZero() || to.After(now) {
		to = now
	}
	if from.IsZero() {
		from = to.Add(-defaultVerified)
	}
	const day = 24 * time.Hour
	return from.UTC().Truncate(day), to.Add(-time.Nanosecond).UTC().Truncate(day)
}

func publicKeys(ctx context.Context, cfg config.Config, result *VerifyResult) (digest.Keys, error) {
	if cfg.Verify.Keys == "" {
		result.Keys = "cloudtrail:ListPublicKeys"
		return awskeys.New(ctx, cfg.AWS.Profile)
	}
	result.Keys = cfg.Verify.Keys
	f, err := os.Open(cfg.Verify.Keys)
	if err != nil {
		return nil, fmt.Errorf("read public keys: %w", err)
	}
	defer f.Close()
	keys, err := digest.ReadKeys(f)
	if err != nil {
		return nil, fmt.Errorf("read public keys from %s: %w", cfg.Verify.Keys, err)
	}
	return keys, nil
}

// storeValidation replaces what was known of an account, Region and day.
func (o *Operator) storeValidation(ctx context.Context, source string, d digest.Day, at time.Time) error {
	row := []any{
		source, d.AccountID, d.Region, d.Day, string(d.State), textOrNull(d.Reason),
		d.Digests, d.Backfills, d.Invalid, d.Missing, int64(d.Uncovered / time.Minute),
		d.Listed, d.Verified, d.Changed, d.FilesMissing, d.Unreadable, d.Unlisted, d.Unread, at,
	}
	var problems [][]any
	for _, p := range d.Problems {
		problems = append(problems, []any{source, d.AccountID, d.Region, d.Day, string(p.Kind), textOrNull(p.Object), p.Detail, at})
	}
	return o.store.Change(ctx, func(_ duck.ReadFunc, replace duck.ReplaceFunc) error {
		if err := replaceDay(replace, &schema.LogFileValidation, row[:4], [][]any{row}); err != nil {
			return err
		}
		return replaceDay(replace, &schema.LogFileProblems, row[:4], problems)
	})
}

// replaceDay replaces the rows of a source, account, Region and day.
func replaceDay(replace duck.ReplaceFunc, t *schema.Table, of []any, rows [][]any) error {
	rec, err := schema.Rows(t, rows)
	if err != nil {
		return err
	}
	defer rec.Release()
	where := "source = ? AND account_id = ? AND region = ? AND day = CAST(? AS TIMESTAMP)"
	args := []any{of[0], of[1], of[2], of[3].(time.Time).Format("2006-01-02 15:04:05")}
	return replace(t, where, args, rec)
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
