package s3source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/kmstrail/kmstrail/ingest"
)

// How far folders without a known layout are searched for AWSLogs. Once it is
// found, other folders are searched one level deeper only.
const (
	maxUnknownDepth  = 4
	maxUnknownLists  = 500
	maxFolderPages   = 20 // of one unknown folder
	delimiter        = "/"
	awsLogs          = "AWSLogs"
	listPageMaximum  = 1000
	probeOneKey      = 1
	errCodeForbidden = "AccessDenied"
)

// Stream is one account's logs, or digests, of one Region.
type Stream struct {
	// Prefix ends at the Region: …/CloudTrail/us-east-1/.
	Prefix         string
	OrganizationID string // "" unless the path names it
	AccountID      string
	Region         string
}

// Layout is what was found below the prefix.
type Layout struct {
	// Prefix is the given one, completed to a folder where it names one.
	Prefix  string
	Streams []Stream // by Prefix
	// Truncated says that the search for AWSLogs was given up before it had
	// seen every folder: a longer prefix is needed.
	Truncated bool
	// Denied holds the folders that could not be listed, each an
	// *ingest.PlaceError.
	Denied []error
}

// Accounts returns the account ids found, sorted.
func (l Layout) Accounts() []string {
	return distinct(l.Streams, func(s Stream) string { return s.AccountID })
}

// Regions returns the Regions found, sorted.
func (l Layout) Regions() []string {
	return distinct(l.Streams, func(s Stream) string { return s.Region })
}

// Organizations returns the organisation ids found, sorted.
func (l Layout) Organizations() []string {
	return distinct(l.Streams, func(s Stream) string { return s.OrganizationID })
}

func distinct(streams []Stream, field func(Stream) string) []string {
	var all []string
	for _, s := range streams {
		if v := field(s); v != "" {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// stage is what the folders of a prefix have told so far.
type stage int

const (
	stageUnknown  stage = iota // anything may be below
	stageAccounts              // AWSLogs or an organisation below it
	stageAccount               // an account
	stageRegions               // its folder of the family
	stageRegion                // a Region, or deeper
	stageForeign               // in the layout, but no log files
)

// folder is a prefix and what is known of it.
type folder struct {
	prefix string
	stage  stage
	stream Stream // Prefix is set from stageRegion on
	family string // name of the folder of an account that holds its Regions
	depth  int    // how many unknown folders below the given prefix
}

// classify reads the complete folder names in prefix; what follows the last
// slash is not one.
func classify(prefix, family string) folder {
	f := folder{prefix: prefix, family: family}
	segs := strings.Split(prefix, delimiter)
	segs = segs[:len(segs)-1]
	i := len(segs) - 1
	for i >= 0 && segs[i] != awsLogs {
		i--
	}
	if i < 0 {
		return f.withoutAWSLogs(segs)
	}
	if i > 0 && ingest.IsOrganizationID(segs[i-1]) {
		f.stream.OrganizationID = segs[i-1]
	}
	rest := segs[i+1:]
	if len(rest) > 0 && ingest.IsOrganizationID(rest[0]) {
		f.stream.OrganizationID = rest[0]
		rest = rest[1:]
	}
	switch {
	case len(rest) == 0:
		f.stage = stageAccounts
	case ingest.IsAccountID(rest[0]):
		f.stream.AccountID = rest[0]
		f.belowAccount(segs[:len(segs)-len(rest)+1], rest[1:])
	}
	return f
}

// withoutAWSLogs recognises a copy that begins below AWSLogs by its folder of the
// family.
func (f folder) withoutAWSLogs(segs []string) folder {
	for i := len(segs) - 1; i > 0; i-- {
		if segs[i] == f.family && ingest.IsAccountID(segs[i-1]) {
			f.stream.AccountID = segs[i-1]
			if i > 1 && ingest.IsOrganizationID(segs[i-2]) {
				f.stream.OrganizationID = segs[i-2]
			}
			f.belowAccount(segs[:i], segs[i:])
			return f
		}
	}
	return f
}

// belowAccount reads the folders after the account; path holds those up to it.
func (f *folder) belowAccount(path, rest []string) {
	switch {
	case len(rest) == 0:
		f.stage = stageAccount
	case rest[0] != f.family:
		f.stage = stageForeign
	case len(rest) == 1:
		f.stage = stageRegions
	case ingest.IsRegion(rest[1]):
		f.stage = stageRegion
		f.stream.Region = rest[1]
		f.stream.Prefix = strings.Join(path, delimiter) + delimiter + f.family + delimiter + rest[1] + delimiter
	default:
		f.stage = stageForeign
	}
}

// wanted compares with the selection what the folder's path tells.
func (f folder) wanted(sel ingest.Selection) bool {
	return sel.Includes(ingest.Location{
		OrganizationID: f.stream.OrganizationID, AccountID: f.stream.AccountID, Region: f.stream.Region,
	})
}

// Layout finds the accounts and Regions below the prefix that sel includes. It
// lists folders only, one request for every account and a few more.
func (s *Source) Layout(ctx context.Context, sel ingest.Selection) (Layout, error) {
	client, err := s.connect(ctx)
	if err != nil {
		return Layout{}, err
	}
	d := discovery{s: s, client: client, sel: sel, deepest: maxUnknownDepth}
	if d.layout.Prefix, err = s.completePrefix(ctx, client); err != nil {
		return Layout{}, err
	}
	level := []folder{classify(d.layout.Prefix, sel.Kind().String())}
	for first := true; len(level) > 0; first = false {
		if level, err = d.expandAll(ctx, level, first); err != nil {
			return Layout{}, err
		}
	}
	slices.SortFunc(d.layout.Streams, func(a, b Stream) int { return cmp.Compare(a.Prefix, b.Prefix) })
	return d.layout, nil
}

// knownLayout is Layout, or what was found not long ago for the same selection.
func (s *Source) knownLayout(ctx context.Context, sel ingest.Selection) (Layout, error) {
	of := fmt.Sprintf("%q", slices.Concat([]string{sel.Kind().String(), sel.OrganizationID}, sel.Accounts, []string{""}, sel.Regions))
	s.mu.Lock()
	old, keep := s.remembered[of], s.rememberFor
	s.mu.Unlock()
	if keep > 0 && s.cfg.Now().Before(old.until) {
		return old.layout, nil
	}
	layout, err := s.Layout(ctx, sel)
	if err != nil || keep == 0 || !layout.settled() {
		return layout, err
	}
	s.mu.Lock()
	if len(s.remembered) >= maxRemembered {
		s.remembered = nil
	}
	if s.remembered == nil {
		s.remembered = map[string]remembered{}
	}
	s.remembered[of] = remembered{layout: layout, until: s.cfg.Now().Add(keep)}
	s.mu.Unlock()
	return layout, nil
}

// maxRemembered bounds the selections whose layouts are remembered.
const maxRemembered = 16

// remembered is a layout that is not asked for again for some time.
type remembered struct {
	layout Layout
	until  time.Time
}

// settled reports whether the same will be found again in a while: there are
// logs, and what could not be listed is forbidden.
func (l Layout) settled() bool {
	return len(l.Streams) > 0 && !l.Truncated && !slices.ContainsFunc(l.Denied, func(err error) bool { return !isDenied(err) })
}

// RememberLayout makes List reuse the accounts and Regions it has found for so
// long. Who lists every minute then pays for the log files only, and sees a new
// account or Region once that time is over, or after ForgetLayout.
func (s *Source) RememberLayout(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rememberFor = d
}

// ForgetLayout makes the next List look for accounts and Regions.
func (s *Source) ForgetLayout() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remembered = nil
}

// completePrefix adds the slash to a prefix that names a folder; any other stays
// what S3 takes it for, the beginning of keys.
func (s *Source) completePrefix(ctx context.Context, client *s3.Client) (string, error) {
	p := s.cfg.Prefix
	if p == "" || strings.HasSuffix(p, delimiter) || ingest.IsLogName(p) {
		return p, nil
	}
	out, err := s.listPage(ctx, client, &s3.ListObjectsV2Input{
		Prefix: aws.String(p + delimiter), MaxKeys: aws.Int32(probeOneKey),
	})
	if err != nil {
		return "", err
	}
	if len(out.Contents) > 0 {
		return p + delimiter, nil
	}
	return p, nil
}

// discovery is one search for the layout, level by level.
type discovery struct {
	s      *Source
	client *s3.Client
	sel    ingest.Selection

	mu      sync.Mutex
	layout  Layout
	unknown int // unknown folders listed
	deepest int // how deep unknown folders are still searched
}

// expandAll returns the folders below all of a level.
func (d *discovery) expandAll(ctx context.Context, level []folder, first bool) ([]folder, error) {
	below := make([][]folder, len(level))
	errs := make([]error, len(level))
	parallel(len(level), d.s.cfg.Concurrency, func(i int) {
		below[i], errs[i] = d.expand(ctx, level[i])
	})
	for i, err := range errs {
		switch {
		case err == nil:
		case !first && onlyThere(err):
			d.layout.Denied = append(d.layout.Denied, &ingest.PlaceError{Place: level[i].prefix, Err: err})
		default:
			return nil, err
		}
	}
	next := slices.Concat(below...)
	for _, f := range next {
		if f.stage != stageUnknown && f.stage != stageForeign {
			d.deepest = min(d.deepest, f.depth+1)
		}
	}
	return next, nil
}

// expand returns the folders below one, and keeps Regions as streams.
func (d *discovery) expand(ctx context.Context, f folder) ([]folder, error) {
	if !f.wanted(d.sel) {
		return nil, nil
	}
	switch f.stage {
	case stageForeign:
		return nil, nil
	case stageRegion:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.layout.Streams = append(d.layout.Streams, f.stream)
		return nil, nil
	case stageAccount:
		trail := f.prefix[:strings.LastIndex(f.prefix, delimiter)+1] + f.family + delimiter
		if !strings.HasPrefix(trail, d.layout.Prefix) && !strings.HasPrefix(d.layout.Prefix, trail) {
			return nil, nil
		}
		return []folder{classify(trail, f.family)}, nil
	case stageUnknown:
		return d.expandUnknown(ctx, f)
	}
	children, err := d.s.listFolders(ctx, d.client, f.prefix, 0)
	if err != nil && isDenied(err) && f.stage == stageAccounts && len(d.sel.Accounts) > 0 {
		// Who may list only some accounts has named them.
		return d.named(f), nil
	}
	return d.classifyAll(f, children), err
}

// named returns the selected accounts as folders, whether they exist or not.
func (d *discovery) named(f folder) []folder {
	base := f.prefix
	if d.sel.OrganizationID != "" && !strings.HasSuffix(base, d.sel.OrganizationID+delimiter) {
		base += d.sel.OrganizationID + delimiter
	}
	var all []folder
	for _, account := range d.sel.Accounts {
		all = append(all, classify(base+account+delimiter, f.family))
	}
	return all
}

// expandUnknown searches a folder that may have AWSLogs somewhere below it.
func (d *discovery) expandUnknown(ctx context.Context, f folder) ([]folder, error) {
	d.mu.Lock()
	d.unknown++
	over := d.unknown > maxUnknownLists || f.depth > d.deepest
	d.layout.Truncated = d.layout.Truncated || over && d.deepest == maxUnknownDepth
	d.mu.Unlock()
	if over {
		return nil, nil
	}
	children, err := d.s.listFolders(ctx, d.client, f.prefix, maxFolderPages)
	if err == nil {
		return d.classifyAll(f, children), nil
	}
	if !isDenied(err) {
		return nil, err
	}
	// A policy may allow listing of AWSLogs/* only.
	direct := f.prefix[:strings.LastIndex(f.prefix, delimiter)+1] + awsLogs + delimiter
	if _, probe := d.s.listFolders(ctx, d.client, direct, 1); probe != nil {
		return nil, err
	}
	return []folder{classify(direct, f.family)}, nil
}

func (d *discovery) classifyAll(parent folder, prefixes []string) []folder {
	var all []folder
	for _, p := range prefixes {
		f := classify(p, parent.family)
		f.depth = parent.depth
		if f.stage == stageUnknown {
			f.depth++
		}
		all = append(all, f)
	}
	return all
}

// listFolders returns the folders directly below prefix, from at most maxPages
// pages of the listing; 0 is all.
func (s *Source) listFolders(ctx context.Context, client *s3.Client, prefix string, maxPages int) ([]string, error) {
	var folders []string
	in := &s3.ListObjectsV2Input{Prefix: &prefix, Delimiter: aws.String(delimiter)}
	for page := 1; ; page++ {
		out, err := s.listPage(ctx, client, in)
		if err != nil {
			return nil, err
		}
		for _, p := range out.CommonPrefixes {
			folders = append(folders, aws.ToString(p.Prefix))
		}
		if !aws.ToBool(out.IsTruncated) || page == maxPages {
			return folders, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// listPage makes one request.
func (s *Source) listPage(ctx context.Context, client *s3.Client, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	in.Bucket, in.RequestPayer = &s.cfg.Bucket, s.payer()
	out, err := client.ListObjectsV2(ctx, in)
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	prefix := aws.ToString(in.Prefix)
	return nil, doing("list", s.Name()+"/"+prefix, s.explain(err, where{op: "ListObjectsV2", key: prefix}))
}

func isDenied(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == errCodeForbidden
}

// parallel runs f(0) … f(n-1), at most limit at once.
func parallel(n, limit int, f func(int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, limit)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	wg.Wait()
}
