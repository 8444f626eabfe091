package awsinventory

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/inventory"
)

// Options say whom to ask for what.
type Options struct {
	// Accounts to ask; none means that of the credentials, or with AllAccounts
	// those that Organizations lists as active.
	Accounts    []string
	AllAccounts bool
	// Regions to ask; none means that of the AWS configuration.
	Regions []string
	// RoleName is assumed in accounts other than that of the credentials.
	RoleName, ExternalID string
	// Parts to ask for; none means all.
	Parts []string
	// Rates override calls per second, by API.
	Rates map[string]float64

	// Profile, Region and EndpointURL say how AWS is reached; Credentials are the
	// SDK's own unless given.
	Profile, Region, EndpointURL string
	Credentials                  aws.CredentialsProvider

	// From answers what the store has: which run to go on with, which roles and
	// resources to ask about; nil for an empty one. Fresh begins a new run in any
	// case.
	From  Asker
	Fresh bool
	// Store keeps a batch. It is called by one goroutine at a time.
	Store func(ctx context.Context, b inventory.Batch) error
	// OnProgress, which may be nil, is called by one goroutine at a time.
	OnProgress func(Progress)

	Now func() time.Time
	Log *slog.Logger
	// MaxBackoff is the longest wait between two attempts; default 20 s.
	MaxBackoff time.Duration
	// KeysAtOnce is how many keys of an account and Region are asked about at a
	// time, KeysTogether how many are stored together; defaults 4 and 50.
	KeysAtOnce, KeysTogether int

	// unbounded rates are for tests, whose server has no quotas.
	unbounded map[string]float64
}

// Progress says how far a run is.
type Progress struct {
	// Scopes are accounts and Regions: those whose keys are done, and all.
	ScopesDone, Scopes int64
	// Keys that are done, and that were listed until now.
	KeysDone, Keys int64
	Calls, Refused int64
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if len(o.Parts) == 0 {
		o.Parts = Parts()
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = 20 * time.Second
	}
	if o.KeysAtOnce <= 0 {
		o.KeysAtOnce = 4
	}
	if o.KeysTogether <= 0 {
		o.KeysTogether = 50
	}
	return o
}

// UsageError is a mistake in options, in the words of the configuration.
type UsageError struct{ Text, Hint string }

func (e *UsageError) Error() string { return e.Text }

// Check says what is wrong with the options.
func (o Options) Check() error {
	for _, p := range o.Parts {
		if !slices.Contains(Parts(), p) {
			return &UsageError{fmt.Sprintf("inventory.parts: unknown %q", p), nearest(p, Parts())}
		}
	}
	for api, perSecond := range o.Rates {
		i := slices.Index(apiNames(), api)
		if i < 0 {
			return &UsageError{fmt.Sprintf("inventory.rates: unknown call %q", api), nearest(api, apiNames())}
		}
		if quota := apis[i].Quota; perSecond <= 0 || quota > 0 && perSecond > quota/2 {
			return &UsageError{
				fmt.Sprintf("inventory.rates: %s is %g calls a second", api, perSecond),
				fmt.Sprintf("give a number above 0 and up to %g, half of what AWS allows all callers together", quota/2),
			}
		}
	}
	if o.AllAccounts && len(o.Accounts) > 0 {
		return &UsageError{"inventory.accounts and inventory.all_accounts exclude each other", "give one of them"}
	}
	return nil
}

func nearest(word string, known []string) string {
	if n := config.Nearest(word, known); n != "" {
		return "did you mean " + n + "?"
	}
	return "known are " + strings.Join(known, ", ")
}

func (o *Options) wants(part string) bool { return slices.Contains(o.Parts, part) }

// aboutKeys reports whether anything is asked about keys.
func (o *Options) aboutKeys() bool {
	return o.wants(PartKeys) || o.wants(PartGrants) || o.wants(PartRotations) || o.wants(PartLastUsage)
}

var rolePattern = regexp.MustCompile(`^arn:(aws[a-z0-9-]*):iam::([0-9]{12}):role/(?:.*/)?([^/]+)$`)

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// clean makes text of AWS fit for a row: no NUL, valid UTF-8, not longer than that.
func clean(s string, most int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\ufffd")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
